/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests out of bytes: the first byte says how the others are cut, and cut or whole they
 * must make the same requests. Each request is then read as everything that it may be. */
#include "base/check.h"
#include "msg/limits.h"
#include "wire/date.h"
#include "wire/http_answer.h"
#include "wire/http_in.h"
#include "wire/http_props.h"
#include "wire/http_put.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct http_request *request, struct arena *arena)
{
    struct http_way way = {.request = request};
    struct http_answer answer;
    struct buf out;

    buf_init(&out, 1 << 20);
    http_answer_init(&answer, 200);
    http_answer_type(&answer, BYTES_LIT("text/plain"));
    answer.offers_gzip = true;
    answer.body = BYTES_LIT("0123456789");
    struct bytes body = http_answer_write(&answer, &way, arena, &out);
    ASSERT(!out.overflow);
    ASSERT(request->verb != VERB_HEAD || body.len == 0);
    http_answer_done(&answer);
    buf_done(&out);
}

/* Reads the request as all that it may be. */
static void read_request(const struct http_request *http, struct arena *arena)
{
    struct http_path path;
    struct http_options options;
    struct request request;
    struct buf problem;

    buf_init(&problem, 1 << 20);
    http_path_read(http, arena, true, &path);
    ASSERT(path.steps_count <= HTTP_STEPS_MAX);
    if (path.resource == RESOURCE_OBJECT) {
        unsigned status = http_put_read(http, &path, arena, &options, &request, &problem);
        ASSERT(status == 0 || status >= 400);
        if (status == 0) {
            const struct content *content = &request.u.put.content;
            for (uint32_t i = 1; i < content->indexes_count; i++)
                ASSERT(bytes_cmp(content->indexes[i - 1].name, content->indexes[i].name) <= 0);
        }
        if (path.key.data != NULL) {
            buf_reset(&problem);
            status = http_delete_read(http, &path, arena, &options, &request, &problem);
            ASSERT(status == 0 || problem.len > 0);
            buf_reset(&problem);
            status = http_get_read(http, &path, arena, &options, &request, &problem);
            ASSERT(status == 0 || problem.len > 0);
        }
    }
    check_answer(http, arena);
    buf_done(&problem);
}

/* Reads all requests, in pieces of this length, and logs them. */
static void read_all(struct buf *log, struct bytes bytes, size_t piece)
{
    struct http_in *in = http_in_new();
    enum http_in_result result = HTTP_IN_MORE;

    while (bytes.len > 0 && result != HTTP_IN_BAD) {
        size_t used;
        result = http_in_feed(in, bytes_sub(bytes, 0, piece), &used);
        bytes = bytes_sub(bytes, used, bytes.len);
        if (result != HTTP_IN_READY)
            continue;
        struct arena arena;
        struct buf body;
        struct http_request request;
        arena_init(&arena);
        buf_init(&body, HTTP_BODY_BYTES_MAX);
        http_in_take(in, &arena, &body, &request);
        buf_printf(log, "%d %d %d ", (int)request.verb, request.http10, request.keep_alive);
        buf_put_lenbytes(log, request.path);
        buf_put_lenbytes(log, request.query);
        for (uint32_t i = 0; i < request.headers_count; i++) {
            buf_put_lenbytes(log, request.headers[i].name);
            buf_put_lenbytes(log, request.headers[i].value);
        }
        buf_put_lenbytes(log, request.body);
        read_request(&request, &arena);
        buf_done(&body);
        arena_done(&arena);
    }
    if (result == HTTP_IN_BAD)
        buf_printf(log, "bad %u", http_in_problem(in));
    buf_printf(log, "%d %d", http_in_begun(in), http_in_has_head(in));
    http_in_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, cut;
    uint64_t time_s;

    if (size == 0)
        return 0;
    struct bytes bytes = bytes_of(data + 1, size - 1);
    buf_init(&whole, 8 * size + 4096);
    buf_init(&cut, 8 * size + 4096);
    read_all(&whole, bytes, size);
    read_all(&cut, bytes, 1 + data[0] % 64);
    ASSERT(!whole.overflow);
    ASSERT(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    if (date_read(bytes, &time_s)) {
        buf_reset(&whole);
        date_put(&whole, time_s);
        uint64_t again;
        bool read = date_read(buf_bytes(&whole), &again);
        ASSERT(read);
        ASSERT(again == time_s);
    }
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}

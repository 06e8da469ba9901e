/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_in.h"

#include <string.h>

#include "msg/limits.h"
#include "tap.h"

/* Everything that a stream of bytes is, written down: one line for each request or refusal. */
static void describe(struct buf *log, struct bytes bytes, size_t piece)
{
    struct http_in *in = http_in_new();
    size_t at = 0;

    while (at < bytes.len) {
        size_t used = 0;
        struct bytes next = bytes_sub(bytes, at, piece);
        enum http_in_result result = http_in_feed(in, next, &used);
        at += used;
        if (result == HTTP_IN_BAD) {
            buf_printf(log, "bad %u\n", http_in_problem(in));
            break;
        }
        if (result == HTTP_IN_MORE)
            continue;
        struct arena arena;
        struct buf body;
        struct http_request request;
        arena_init(&arena);
        buf_init(&body, HTTP_BODY_BYTES_MAX);
        http_in_take(in, &arena, &body, &request);
        buf_printf(log, "verb %d http10 %d keep %d path [", (int)request.verb, request.http10,
                   request.keep_alive);
        buf_put(log, request.path);
        buf_put_str(log, "] query [");
        buf_put(log, request.query);
        buf_put_str(log, "]");
        for (uint32_t i = 0; i < request.headers_count; i++) {
            buf_put_str(log, " ");
            buf_put(log, request.headers[i].name);
            buf_put_str(log, "=[");
            buf_put(log, request.headers[i].value);
            buf_put_str(log, "]");
        }
        buf_put_str(log, " body [");
        buf_put(log, request.body);
        buf_put_str(log, "]\n");
        buf_done(&body);
        arena_done(&arena);
    }
    if (http_in_begun(in) && at == bytes.len)
        buf_printf(log, "begun, head %d\n", http_in_has_head(in));
    http_in_free(in);
}

static void check(const char *text, const char *want)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct buf log;
        buf_init(&log, 1 << 20);
        describe(&log, bytes_str(text), piece);
        CHECK_BYTES_FATAL(log.data, log.len, want, strlen(want));
        buf_done(&log);
    }
}

TEST(plain)
{
    check("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n",
          "verb 0 http10 0 keep 1 path [/ping] query [] Host=[h] body []\n");
    check("GET /ping HTTP/1.1\r\n\r\n", "verb 0 http10 0 keep 1 path [/ping] query [] body []\n");
    check("\r\n\r\nHEAD /a?b=c&d HTTP/1.1\r\nA:  x y \r\nB:\r\n\r\n",
          "verb 1 http10 0 keep 1 path [/a] query [b=c&d] A=[x y] B=[] body []\n");
    check("GET /ping? HTTP/1.1\r\n\r\n", "verb 0 http10 0 keep 1 path [/ping] query [] body []\n");
}

TEST(versions_and_keep_alive)
{
    check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "verb 0 http10 1 keep 0 path [/] query [] Connection=[keep-alive] body []\n");
    check("GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
          "verb 0 http10 0 keep 0 path [/] query [] Connection=[close] body []\n");
    check("GET / HTTP/2.0\r\n\r\n", "bad 505\n");
}

TEST(bodies)
{
    check("PUT /k HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
          "verb 3 http10 0 keep 1 path [/k] query [] Content-Length=[3] body [abc]\n"
          "verb 0 http10 0 keep 1 path [/] query [] body []\n");
    check("POST /k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: "
          "u\r\n\r\nGET / HTTP/1.1\r\n\r\n",
          "verb 2 http10 0 keep 1 path [/k] query [] Transfer-Encoding=[chunked] body [abc]\n"
          "verb 0 http10 0 keep 1 path [/] query [] body []\n");
    check("PUT /k HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", "begun, head 1\n");
    check("PUT /k HTTP/1.1\r\nContent-Len", "begun, head 0\n");
}

TEST(other_forms_of_the_target)
{
    check("GET http://h:8098/ping?x HTTP/1.1\r\n\r\n",
          "verb 0 http10 0 keep 1 path [/ping] query [x] body []\n");
    check("GET http://h:8098?x HTTP/1.1\r\n\r\n",
          "verb 0 http10 0 keep 1 path [] query [x] body []\n");
    check("OPTIONS * HTTP/1.1\r\n\r\n", "verb 5 http10 0 keep 1 path [*] query [] body []\n");
    check("GET /a?b?c HTTP/1.1\r\n\r\n", "verb 0 http10 0 keep 1 path [/a] query [b?c] body []\n");
}

TEST(upgrades_are_not_taken)
{
    check("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
          "verb 0 http10 0 keep 1 path [/] query [] Upgrade=[h2c] Connection=[upgrade] body []\n");
}

TEST(refusals)
{
    check("FOO / HTTP/1.1\r\n\r\n", "bad 501\n");
    check("PATCH / HTTP/1.1\r\n\r\n", "verb 8 http10 0 keep 1 path [/] query [] body []\n");
    check("\x16\x03\x01 nonsense", "bad 400\n");
    check("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "bad 400\n");
    check("PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "bad 400\n");
    check("PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
          "bad 400\n");
    check("PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "bad 413\n");
    check("GET /a HTTP/1.1\r\nbad header\r\n\r\n", "bad 400\n");
}

TEST(head_is_bounded)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_put_str(&text, "GET / HTTP/1.1\r\nA: ");
    for (int i = 0; i < HTTP_HEADER_BYTES_MAX; i++)
        buf_put_u8(&text, 'a');
    buf_put_str(&text, "\r\n\r\n");
    for (size_t piece = 1; piece < 100000; piece = piece * 3 + 1) {
        struct buf log;
        buf_init(&log, 1 << 20);
        describe(&log, buf_bytes(&text), piece);
        CHECK_BYTES(log.data, log.len, "bad 431\n", 8);
        buf_done(&log);
    }
    buf_reset(&text);
    buf_put_str(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        buf_put_str(&text, "A: b\r\n");
    buf_put_str(&text, "\r\n");
    struct buf log;
    buf_init(&log, 1 << 20);
    describe(&log, buf_bytes(&text), 7);
    CHECK_BYTES(log.data, log.len, "bad 431\n", 8);
    buf_done(&log);
    buf_done(&text);
}

TEST(chunked_body_is_bounded)
{
    struct http_in *in = http_in_new();
    struct buf piece;
    size_t used;
    enum http_in_result result =
        http_in_feed(in, BYTES_LIT("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), &used);

    buf_init(&piece, 2 << 20);
    buf_put_str(&piece, "100000\r\n");
    memset(buf_extend(&piece, 1 << 20), 'x', 1 << 20);
    buf_put_str(&piece, "\r\n");
    CHECK_EQ(result, HTTP_IN_MORE);
    for (int i = 0; i < 64 && result == HTTP_IN_MORE; i++)
        result = http_in_feed(in, buf_bytes(&piece), &used);
    CHECK_EQ(result, HTTP_IN_MORE);
    result = http_in_feed(in, buf_bytes(&piece), &used);
    CHECK_EQ_FATAL(result, HTTP_IN_BAD);
    CHECK_EQ(http_in_problem(in), 413);
    buf_done(&piece);
    http_in_free(in);
}

TEST(expectation_is_said_once)
{
    struct http_in *in = http_in_new();
    size_t used;

    CHECK_EQ(http_in_feed(in,
                          BYTES_LIT("PUT / HTTP/1.1\r\nExpect: 100-continue\r\n"
                                    "Content-Length: 1\r\n"),
                          &used),
             HTTP_IN_MORE);
    CHECK(!http_in_expects(in));
    CHECK_EQ(http_in_feed(in, BYTES_LIT("\r\n"), &used), HTTP_IN_MORE);
    CHECK(http_in_expects(in));
    CHECK(!http_in_expects(in));
    CHECK_EQ(http_in_feed(in, BYTES_LIT("x"), &used), HTTP_IN_READY);
    CHECK(!http_in_expects(in));
    http_in_free(in);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(plain),
        T(versions_and_keep_alive),
        T(bodies),
        T(other_forms_of_the_target),
        T(upgrades_are_not_taken),
        T(refusals),
        T(head_is_bounded),
        T(chunked_body_is_bounded),
        T(expectation_is_said_once),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_object.h"

#include <string.h>
#include <zlib.h>

#include "base/encode.h"
#include "model/context.h"
#include "tap.h"
#include "wire/http_gzip.h"
#include "wire/http_put.h"
#include "wire/multipart.h"

static struct arena arena;

static bool holds(struct bytes text, const char *part)
{
    size_t len = strlen(part);

    for (size_t at = 0; at + len <= text.len; at++) {
        if (memcmp(text.data + at, part, len) == 0)
            return true;
    }
    tap_note("not found: %s", part);
    tap_note("in: %.*s", (int)text.len, (const char *)text.data);
    return false;
}

/* Writes an answer, head and body. */
static void write_answer(struct http_answer *answer, const struct http_request *request,
                         struct buf *out)
{
    struct http_way way = {.request = request, .wall_s = 784111777};

    struct bytes body = http_answer_write(answer, &way, &arena, out);
    buf_put(out, body);
}

static const struct dot dots[] = {{7, 1}, {8, 1}};

static struct sibling sibling_of(uint32_t i, struct bytes value)
{
    return (struct sibling){
        .dot = dots[i], .hlc_us = UINT64_C(784111777) * 1000000, .content = {.value = value}};
}

/* When it expires, as a date; metadata of that name does not speak in its place. */
TEST(a_value_that_expires)
{
    const struct pair meta[] = {{BYTES_LIT("x-dassie-expires"), BYTES_LIT("never")}};
    struct http_path path = {.form = FORM_BUCKETS, .bucket = BYTES_LIT("b")};
    struct http_request request = {.verb = VERB_GET};
    struct buf out;

    buf_init(&out, 1 << 20);
    for (unsigned expires = 0; expires < 2; expires++) {
        struct sibling sibling = sibling_of(0, BYTES_LIT("hello"));
        struct http_answer answer;
        sibling.content.meta = meta;
        sibling.content.meta_count = 1;
        sibling.expires_us = expires * UINT64_C(784111777999999);
        buf_reset(&out);
        http_answer_init(&answer, 200);
        http_answer_sibling(&answer, &path, (struct clock){.entries = dots, .count = 1}, &sibling);
        write_answer(&answer, &request, &out);
        CHECK_EQ(holds(buf_bytes(&out), "\r\nX-Dassie-Expires: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
                 expires);
        CHECK(!holds(buf_bytes(&out), "never"));
        http_answer_done(&answer);
    }
    buf_done(&out);
}

TEST(one_value)
{
    const struct pair meta[] = {
        {BYTES_LIT("X-Riak-Meta-A"), BYTES_LIT("1")},
        {BYTES_LIT("lower-case_x"), BYTES_LIT("a\r\nEvil: 1")},
        {BYTES_LIT("content-length"), BYTES_LIT("0")},
        {BYTES_LIT("no token"), BYTES_LIT("x")},
    };
    const struct pair indexes[] = {
        {BYTES_LIT("a_int"), BYTES_LIT("1")},
        {BYTES_LIT("a_int"), BYTES_LIT("2")},
    };
    struct http_path path = {.form = FORM_BUCKETS, .bucket = BYTES_LIT("b 1")};
    struct sibling sibling = sibling_of(0, BYTES_LIT("hello"));
    struct http_request request = {.verb = VERB_GET};
    struct http_answer answer;
    struct buf out;

    sibling.content.content_type = BYTES_LIT("text/plain");
    sibling.content.charset = BYTES_LIT("utf-8");
    sibling.content.meta = meta;
    sibling.content.meta_count = 4;
    sibling.content.indexes = indexes;
    sibling.content.indexes_count = 2;
    buf_init(&out, 1 << 20);
    http_answer_init(&answer, 200);
    http_answer_sibling(&answer, &path, (struct clock){.entries = dots, .count = 1}, &sibling);
    write_answer(&answer, &request, &out);
    struct bytes text = buf_bytes(&out);
    CHECK(bytes_starts(text, BYTES_LIT("HTTP/1.1 200 OK\r\n")));
    CHECK(holds(text, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    CHECK(holds(text, "\r\nVary: Accept-Encoding\r\n"));
    CHECK(holds(text, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    CHECK(holds(text, "\r\nLink: </buckets/b+1>; rel=\"up\"\r\n"));
    CHECK(holds(text, "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    CHECK(holds(text, "\r\nX-Riak-Vclock: "));
    CHECK(holds(text, "\r\nX-Riak-Meta-A: 1\r\n"));
    CHECK(holds(text, "\r\nLower-Case_x: a  Evil: 1\r\n"));
    CHECK(holds(text, "\r\nx-riak-index-a_int: 1, 2\r\n"));
    CHECK(holds(text, "\r\nContent-Length: 5\r\n\r\nhello"));
    http_answer_done(&answer);
    buf_done(&out);
}

TEST(several_values)
{
    struct http_path path = {.form = FORM_RIAK, .bucket = BYTES_LIT("b")};
    struct sibling siblings[2] = {sibling_of(0, BYTES_LIT("one")), sibling_of(1, BYTES_LIT(""))};
    struct object object = {
        .clock = {.entries = dots, .count = 2},
        .siblings = siblings,
        .count = 2,
    };
    struct http_request request = {.verb = VERB_GET};
    struct http_answer answer;
    struct buf out;

    siblings[1].deleted = true;
    buf_init(&out, 1 << 20);
    http_answer_init(&answer, 200);
    http_answer_siblings(&answer, &path, &object, true);
    write_answer(&answer, &request, &out);
    CHECK(holds(buf_bytes(&out), "HTTP/1.1 300 Multiple Choices\r\n"));
    CHECK(holds(buf_bytes(&out), "\r\nContent-Type: multipart/mixed; boundary="));
    CHECK(holds(buf_bytes(&out), "\r\nContent-Type: application/octet-stream\r\nEtag: "));
    CHECK(holds(buf_bytes(&out), "\r\nLink: </riak/b>; rel=\"up\"\r\n\r\none\r\n--"));
    CHECK(holds(buf_bytes(&out), "\r\nX-Riak-Deleted: true\r\n\r\n\r\n--"));
    CHECK(holds(buf_bytes(&out), "--\r\n"));
    http_answer_done(&answer);
    buf_reset(&out);
    http_answer_init(&answer, 200);
    http_answer_siblings(&answer, &path, &object, false);
    write_answer(&answer, &request, &out);
    CHECK(holds(buf_bytes(&out), "\r\nContent-Type: text/plain\r\n"));
    CHECK(holds(buf_bytes(&out), "\r\n\r\nSiblings:\n"));
    http_answer_done(&answer);
    buf_done(&out);
}

TEST(tags_find_siblings)
{
    struct sibling siblings[2] = {sibling_of(0, BYTES_NONE), sibling_of(1, BYTES_NONE)};
    struct object object = {
        .clock = {.entries = dots, .count = 2}, .siblings = siblings, .count = 2};
    char vtag[VTAG_BYTES_MAX];

    CHECK(http_find_vtag(&object, object_vtag(dots[1], vtag)) == &siblings[1]);
    CHECK(http_find_vtag(&object, BYTES_LIT("0")) == NULL);
}

static void check_body(const struct http_header *headers, uint32_t count, const char *want)
{
    struct http_request request = {.verb = VERB_GET, .headers = headers, .headers_count = count};
    struct http_answer answer;
    struct buf out;

    buf_init(&out, 1 << 20);
    http_answer_init(&answer, 200);
    http_answer_type(&answer, BYTES_LIT("text/plain"));
    memcpy(answer.etag, "tag", 4);
    answer.body = BYTES_LIT("0123456789");
    write_answer(&answer, &request, &out);
    CHECK(holds(buf_bytes(&out), want));
    http_answer_done(&answer);
    buf_done(&out);
}

TEST(parts_of_a_body)
{
    const struct http_header one[] = {{BYTES_LIT("Range"), BYTES_LIT("bytes=2-4")}};
    const struct http_header two[] = {{BYTES_LIT("Range"), BYTES_LIT("bytes=0-1,4-5")}};
    const struct http_header same[] = {one[0], {BYTES_LIT("If-Range"), BYTES_LIT("\"tag\"")}};
    const struct http_header other[] = {one[0], {BYTES_LIT("If-Range"), BYTES_LIT("\"x\"")}};

    check_body(one, 1, "HTTP/1.1 206 Partial Content\r\n");
    check_body(one, 1, "\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\n234");
    check_body(two, 1, "\r\nContent-Type: multipart/byteranges; boundary=");
    check_body(two, 1, "Content-Type: text/plain\r\nContent-Range: bytes 4-5/10\r\n\r\n45\r\n--");
    check_body(same, 2, "\r\n\r\n234");
    check_body(other, 2, "\r\n\r\n0123456789");
}

TEST(head_has_no_body)
{
    struct http_request request = {.verb = VERB_HEAD};
    struct http_answer answer;
    struct buf out;

    buf_init(&out, 1 << 20);
    http_answer_init(&answer, 200);
    answer.body = BYTES_LIT("0123456789");
    write_answer(&answer, &request, &out);
    CHECK(holds(buf_bytes(&out), "\r\nContent-Length: 10\r\n\r\n"));
    CHECK(!bytes_eq(bytes_sub(buf_bytes(&out), out.len - 10, 10), BYTES_LIT("0123456789")));
    http_answer_done(&answer);
    buf_done(&out);
}

TEST(gzip_unpacks_to_what_it_was)
{
    static uint8_t text[GZIP_BYTES_MAX];
    static uint8_t back[GZIP_BYTES_MAX];
    static const size_t sizes[] = {1, 11, 511, 512, 513, 4096, 32768, 32769, GZIP_BYTES_MAX};
    struct buf out;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * i >> 7);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        z_stream stream = {.avail_in = 0};
        buf_reset(&out);
        http_gzip_put(&out, bytes_of(text, sizes[i]));
        CHECK(!out.overflow);
        CHECK_EQ_FATAL(inflateInit2(&stream, 15 + 16), Z_OK);
        stream.next_in = out.data;
        stream.avail_in = (uInt)out.len;
        stream.next_out = back;
        stream.avail_out = sizeof(back);
        CHECK_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
        CHECK_BYTES(back, stream.total_out, text, sizes[i]);
        inflateEnd(&stream);
    }
    buf_done(&out);
}

TEST(a_boundary_is_in_no_part)
{
    struct bytes parts[3] = {BYTES_LIT("x"), BYTES_LIT("y"), BYTES_LIT("")};
    struct boundary first = multipart_boundary(1, parts, 3);
    struct boundary again = multipart_boundary(1, parts, 3);

    CHECK_STR(first.text, again.text);
    parts[1] = bytes_str(first.text);
    struct boundary second = multipart_boundary(1, parts, 3);
    CHECK(strcmp(first.text, second.text) != 0);
    parts[2] = bytes_str(second.text);
    struct boundary third = multipart_boundary(1, parts, 3);
    CHECK(strcmp(third.text, second.text) != 0 && strcmp(third.text, first.text) != 0);
}

static unsigned put(const struct http_header *headers, uint32_t count, struct request *ret_request,
                    struct buf *problem)
{
    struct http_request request = {
        .verb = VERB_PUT, .headers = headers, .headers_count = count, .body = BYTES_LIT("value")};
    struct http_path path = {.form = FORM_BUCKETS,
                             .type = TYPE_DEFAULT,
                             .bucket = BYTES_LIT("b"),
                             .key = BYTES_LIT("k")};
    struct http_options options;

    buf_reset(problem);
    return http_put_read(&request, &path, &arena, &options, ret_request, problem);
}

TEST(put_reads_everything)
{
    struct buf context, text, problem;
    buf_init(&context, 1000);
    buf_init(&text, 1000);
    buf_init(&problem, 1000);
    context_put(&context, (struct clock){.entries = dots, .count = 2});
    base64_put(&text, buf_bytes(&context));
    const struct http_header headers[] = {
        {BYTES_LIT("content-type"), BYTES_LIT("text/html;charset=latin1")},
        {BYTES_LIT("x-riak-vclock"), buf_bytes(&text)},
        {BYTES_LIT("x-RIAK-meta-under_score-B"), BYTES_LIT("1")},
        {BYTES_LIT("X-Riak-Meta-Under_score-b"), BYTES_LIT("2")},
        {BYTES_LIT("X-Riak-Index-a_bin"), BYTES_LIT("v")},
        {BYTES_LIT("Link"), BYTES_LIT("</buckets/b/keys/k>; riaktag=\"t\"")},
        {BYTES_LIT("Content-Encoding"), BYTES_LIT("br")},
        {BYTES_LIT("If-None-Match"), BYTES_LIT("*")},
        {BYTES_LIT("X-Riak-If-Not-Modified"), buf_bytes(&text)},
        {BYTES_LIT("x-dassie-ttl"), BYTES_LIT("3600")},
    };
    struct request request;

    CHECK_EQ_FATAL(put(headers, 10, &request, &problem), 0);
    const struct request_put *read = &request.u.put;
    CHECK_EQ(request.kind, REQUEST_PUT);
    CHECK_EQ(read->context.count, 2);
    CHECK(bytes_eq(read->content.value, BYTES_LIT("value")));
    CHECK(bytes_eq(read->content.content_type, BYTES_LIT("text/html")));
    CHECK(bytes_eq(read->content.charset, BYTES_LIT("latin1")));
    CHECK(bytes_eq(read->content.content_encoding, BYTES_LIT("br")));
    CHECK_EQ_FATAL(read->content.meta_count, 1);
    CHECK(bytes_eq(read->content.meta[0].name, BYTES_LIT("X-Riak-Meta-Under_score-B")));
    CHECK(bytes_eq(read->content.meta[0].value, BYTES_LIT("1, 2")));
    CHECK_EQ(read->content.indexes_count, 1);
    CHECK_EQ(read->content.links_count, 1);
    CHECK(read->condition.if_none_match_any);
    CHECK(read->condition.if_not_modified);
    CHECK_EQ(read->condition.context.count, 2);
    CHECK(read->has_ttl);
    CHECK_EQ(read->ttl_s, 3600);
    CHECK_EQ_FATAL(put(headers, 9, &request, &problem), 0);
    CHECK(!request.u.put.has_ttl);
    buf_done(&context);
    buf_done(&text);
    buf_done(&problem);
}

static void check_refused(const struct http_header *headers, uint32_t count, unsigned status,
                          const char *words)
{
    struct request request;
    struct buf problem;

    buf_init(&problem, 1000);
    CHECK_EQ(put(headers, count, &request, &problem), status);
    CHECK_BYTES(problem.data, problem.len, words, strlen(words));
    buf_done(&problem);
}

TEST(put_refuses)
{
    const struct http_header odd[] = {{BYTES_LIT("Content-Type"), BYTES_LIT("nonsense")}};
    const struct http_header link[] = {{BYTES_LIT("Content-Type"), BYTES_LIT("a/b")},
                                       {BYTES_LIT("Link"), BYTES_LIT("x")}};
    const struct http_header accept[] = {{BYTES_LIT("Content-Type"), BYTES_LIT("a/b")},
                                         {BYTES_LIT("Accept"), BYTES_LIT("multipart/mixed")}};
    const struct http_header clock[] = {{BYTES_LIT("Content-Type"), BYTES_LIT("a/b")},
                                        {BYTES_LIT("X-Riak-Vclock"), BYTES_LIT("!!")}};

    static const char *const lives[] = {"", "-1", "1.5", "1h", "2000000001"};

    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        const struct http_header ttl[] = {{BYTES_LIT("Content-Type"), BYTES_LIT("a/b")},
                                          {BYTES_LIT("X-Dassie-TTL"), bytes_str(lives[i])}};
        check_refused(ttl, 2, 400,
                      "Invalid X-Dassie-TTL header: it is a number of seconds from 0 to "
                      "2000000000\n");
    }
    check_refused(NULL, 0, 400, "Missing Content-Type request header");
    check_refused(odd, 1, 415,
                  "\"nonsense\" is not a valid media type for the Content-type header.\n");
    check_refused(link, 2, 400,
                  "Invalid Link header. Links must be of the form\n"
                  "</buckets/BUCKET/keys/KEY>; riaktag=\"TAG\"\n");
    check_refused(accept, 2, 406, "");
    check_refused(clock, 2, 400,
                  "Invalid X-Riak-Vclock header: it is damaged or was not made by this cluster; "
                  "read the object again\n");
}

TEST(streams_are_chunked_but_for_the_oldest)
{
    struct http_request now = {.verb = VERB_GET};
    struct http_request old = {.verb = VERB_GET, .http10 = true};
    struct http_way way = {.request = &old, .close = true};
    struct http_answer answer;
    struct buf out;

    buf_init(&out, 1000);
    http_piece_put(&now, &out, BYTES_LIT("0123456789abcdef"));
    http_pieces_end(&now, &out);
    CHECK_BYTES(out.data, out.len, "10\r\n0123456789abcdef\r\n0\r\n\r\n", 27);
    buf_reset(&out);
    http_answer_init(&answer, 200);
    http_answer_begin(&answer, &way, &out);
    CHECK(bytes_starts(buf_bytes(&out), BYTES_LIT("HTTP/1.0 200 OK\r\n")));
    CHECK(holds(buf_bytes(&out), " GMT\r\n\r\n")); /* neither chunked nor a length */
    buf_reset(&out);
    http_piece_put(&old, &out, BYTES_LIT("x"));
    http_pieces_end(&old, &out);
    CHECK_BYTES(out.data, out.len, "x", 1);
    http_answer_done(&answer);
    buf_done(&out);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_value_that_expires),
        T(one_value),
        T(several_values),
        T(tags_find_siblings),
        T(parts_of_a_body),
        T(head_has_no_body),
        T(gzip_unpacks_to_what_it_was),
        T(a_boundary_is_in_no_part),
        T(put_reads_everything),
        T(put_refuses),
        T(streams_are_chunked_but_for_the_oldest),
    };
    arena_init(&arena);
    int status = tap_main(argc, argv, tests);
    arena_done(&arena);
    return status;
}

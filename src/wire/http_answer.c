/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_answer.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "wire/date.h"
#include "wire/http_accept.h"
#include "wire/http_gzip.h"
#include "wire/http_range.h"

enum { HEAD_BYTES_MAX = 64 * 1024 * 1024, TYPE_BYTES_MAX_HERE = 1024 * 1024 };

#define SERVER_NAME "dassie"

void http_answer_init(struct http_answer *answer, unsigned status)
{
    *answer = (struct http_answer){.status = status};
    buf_init(&answer->type, TYPE_BYTES_MAX_HERE);
    buf_init(&answer->head, HEAD_BYTES_MAX);
    buf_init(&answer->text, HTTP_ANSWER_BYTES_MAX);
    buf_init(&answer->shaped, HTTP_ANSWER_BYTES_MAX);
}

void http_answer_done(struct http_answer *answer)
{
    buf_done(&answer->type);
    buf_done(&answer->head);
    buf_done(&answer->text);
    buf_done(&answer->shaped);
}

void http_value_put(struct buf *buf, struct bytes value)
{
    size_t plain = 0;

    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (c != '\r' && c != '\n' && c != 0)
            continue;
        buf_put(buf, bytes_sub(value, plain, i - plain));
        buf_put_u8(buf, ' ');
        plain = i + 1;
    }
    buf_put(buf, bytes_sub(value, plain, value.len));
}

bool http_is_token(struct bytes name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && memchr(marks, c, sizeof(marks) - 1) == NULL)
            return false;
    }
    return name.len > 0;
}

void http_answer_header(struct http_answer *answer, const char *name, struct bytes value)
{
    buf_put_str(&answer->head, name);
    buf_put_str(&answer->head, ": ");
    http_value_put(&answer->head, value);
    buf_put_str(&answer->head, "\r\n");
}

void http_answer_type(struct http_answer *answer, struct bytes type)
{
    buf_reset(&answer->type);
    http_value_put(&answer->type, type);
}

static const char *reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } known[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status == status)
            return known[i].reason;
    }
    return "Unknown";
}

void http_answer_page(struct http_answer *answer, unsigned status)
{
    ASSERT(status >= 400);
    answer->status = status;
    answer->offers_gzip = false;
    answer->offers_types = false;
    answer->body = BYTES_NONE;
    http_answer_type(answer, BYTES_LIT("text/html"));
    buf_reset(&answer->text);
    buf_printf(&answer->text,
               "<html><head><title>%u %s</title></head><body><h1>%s</h1></body></html>\n", status,
               reason(status), reason(status));
}

void http_answer_text(struct http_answer *answer, unsigned status, struct bytes text)
{
    answer->status = status;
    answer->body = BYTES_NONE;
    http_answer_type(answer, BYTES_LIT("text/plain"));
    buf_reset(&answer->text);
    buf_put(&answer->text, text);
}

void http_answer_json(struct http_answer *answer, unsigned status)
{
    answer->status = status;
    answer->offers_gzip = status == 200;
    http_answer_type(answer, BYTES_LIT("application/json"));
}

/* Status line and the headers that every answer has. */
static void put_start(struct http_answer *answer, const struct http_way *way, struct buf *out)
{
    bool http10 = way->request != NULL && way->request->http10;
    bool types = answer->offers_types;

    ASSERT(answer->status >= 200 && answer->status < 600);
    buf_printf(out, "HTTP/1.%c %u %s\r\nServer: " SERVER_NAME "\r\nDate: ", http10 ? '0' : '1',
               answer->status, reason(answer->status));
    date_put(out, way->wall_s);
    buf_put_str(out, "\r\n");
    /* A client that asked for the end, or speaks the oldest version, is not told, as in Riak. */
    if (way->close && (way->request == NULL || way->request->keep_alive))
        buf_put_str(out, "Connection: close\r\n");
    if (types || answer->offers_gzip)
        buf_printf(out, "Vary: %s%s%s\r\n", types ? "Accept" : "",
                   types && answer->offers_gzip ? ", " : "",
                   answer->offers_gzip ? "Accept-Encoding" : "");
}

static void put_type(const struct http_answer *answer, struct buf *out)
{
    if (answer->type.len == 0)
        return;
    buf_put_str(out, "Content-Type: ");
    buf_put(out, buf_bytes(&answer->type));
    buf_put_str(out, "\r\n");
}

static void put_content_range(struct buf *out, const struct http_range *range, uint64_t size)
{
    buf_put_str(out, "Content-Range: bytes ");
    buf_put_dec(out, range->from);
    buf_put_u8(out, '-');
    buf_put_dec(out, range->from + range->len - 1);
    buf_put_u8(out, '/');
    buf_put_dec(out, size);
    buf_put_str(out, "\r\n");
}

/* Several ranges become multipart/byteranges in `shaped`. The boundary is a hash of the whole body:
 * nobody who writes the body can make it contain its own hash but by chance. */
static void shape_parts(struct http_answer *answer, struct bytes body,
                        const struct http_range *ranges, unsigned count)
{
    struct buf *out = &answer->shaped;
    char boundary[33];
    uint8_t digest[16];
    struct buf text;

    hash_xx128(body, digest);
    buf_init(&text, sizeof(boundary) - 1);
    hex_put(&text, bytes_of(digest, sizeof(digest)));
    ASSERT(text.len == sizeof(boundary) - 1);
    memcpy(boundary, text.data, text.len);
    boundary[text.len] = 0;
    buf_done(&text);
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "--%s\r\n", boundary);
        put_type(answer, out);
        put_content_range(out, &ranges[i], body.len);
        buf_put_str(out, "\r\n");
        buf_put(out, bytes_sub(body, ranges[i].from, ranges[i].len));
        buf_put_str(out, "\r\n");
    }
    buf_printf(out, "--%s--\r\n", boundary);
    buf_reset(&answer->type);
    buf_printf(&answer->type, "multipart/byteranges; boundary=%s", boundary);
}

/* Whether the client's If-Range lets its Range count. */
static bool range_holds(const struct http_answer *answer, const struct http_request *request)
{
    struct bytes tag;

    if (!http_header(request, BYTES_LIT("if-range"), &tag))
        return true;
    if (tag.len <= 2 || tag.data[0] != '"' || tag.data[tag.len - 1] != '"')
        return false;
    return bytes_eq(bytes_sub(tag, 1, tag.len - 2), bytes_str(answer->etag));
}

/* Cuts the body to what the client asks for; its headers go to `answer->head`. */
static struct bytes shape_ranges(struct http_answer *answer, const struct http_request *request,
                                 struct bytes body)
{
    struct http_range ranges[RANGES_MAX];
    struct bytes header;

    if (!http_header(request, BYTES_LIT("range"), &header) || !range_holds(answer, request))
        return body;
    unsigned count = http_ranges_read(header, body.len, ranges);
    if (count == 0)
        return body;
    answer->status = 206;
    http_answer_header(answer, "Accept-Ranges", BYTES_LIT("bytes"));
    if (count == 1) {
        put_content_range(&answer->head, &ranges[0], body.len);
        return bytes_sub(body, ranges[0].from, ranges[0].len);
    }
    shape_parts(answer, body, ranges, count);
    return buf_bytes(&answer->shaped);
}

/* The body as this client wants it: a part of it, packed, or as it is. */
static struct bytes shape(struct http_answer *answer, const struct http_request *request,
                          struct arena *arena, struct bytes body)
{
    bool look = request != NULL && (request->verb == VERB_GET || request->verb == VERB_HEAD);

    if (look && answer->status == 200)
        body = shape_ranges(answer, request, body);
    if (answer->status == 206 || request == NULL || !answer->offers_gzip || body.len == 0 ||
        body.len > GZIP_BYTES_MAX || !http_accepts_gzip(request, arena))
        return body;
    http_gzip_put(&answer->shaped, body);
    http_answer_header(answer, "Content-Encoding", BYTES_LIT("gzip"));
    return buf_bytes(&answer->shaped);
}

struct bytes http_answer_write(struct http_answer *answer, const struct http_way *way,
                               struct arena *arena, struct buf *out)
{
    bool head_only = way->request != NULL && way->request->verb == VERB_HEAD;

    if (answer->text.overflow || answer->head.overflow || answer->type.overflow) {
        buf_reset(&answer->head);
        buf_reset(&answer->text);
        http_answer_text(answer, 500, BYTES_LIT("Error:\nthe answer is too large\n"));
    }
    struct bytes body = answer->text.len > 0 ? buf_bytes(&answer->text) : answer->body;
    bool bare = answer->status == 204 || answer->status == 304;
    ASSERT(!bare || body.len == 0);
    body = shape(answer, way->request, arena, body);
    ASSERT(!answer->shaped.overflow);
    put_start(answer, way, out);
    if (!bare)
        put_type(answer, out);
    buf_put(out, buf_bytes(&answer->head));
    if (!bare) {
        buf_put_str(out, "Content-Length: ");
        buf_put_dec(out, body.len);
        buf_put_str(out, "\r\n");
    }
    buf_put_str(out, "\r\n");
    return head_only ? BYTES_NONE : body;
}

void http_answer_begin(struct http_answer *answer, const struct http_way *way, struct buf *out)
{
    ASSERT(way->request != NULL);
    ASSERT(!way->request->http10 || way->close);
    put_start(answer, way, out);
    put_type(answer, out);
    buf_put(out, buf_bytes(&answer->head));
    if (!way->request->http10)
        buf_put_str(out, "Transfer-Encoding: chunked\r\n");
    buf_put_str(out, "\r\n");
}

void http_piece_put(const struct http_request *request, struct buf *out, struct bytes piece)
{
    ASSERT(piece.len > 0);
    if (request->http10) {
        buf_put(out, piece);
        return;
    }
    buf_printf(out, "%zx\r\n", piece.len);
    buf_put(out, piece);
    buf_put_str(out, "\r\n");
}

void http_pieces_end(const struct http_request *request, struct buf *out)
{
    if (!request->http10)
        buf_put_str(out, "0\r\n\r\n");
}

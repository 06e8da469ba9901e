/* SPDX-License-Identifier: Apache-2.0 */
/* libhttp-parser finds the parts and says so in pieces; here the pieces are joined. The text of the
 * head is gathered in one buffer, and spans say where in it each part stands, since the buffer
 * moves as it grows. The parser is begun anew for each request, and paused at the end of each, so
 * that what a client sends ahead is not touched. */
#include "wire/http_in.h"

#include <http_parser.h>

#include "base/check.h"
#include "base/mem.h"
#include "msg/limits.h"

struct span {
    uint32_t at, len;
};

struct header_span {
    struct span name, value;
};

enum part { PART_TARGET, PART_NAME, PART_VALUE };

struct http_in {
    http_parser parser;
    struct buf text; /* the target, then names and values */
    struct buf body;
    struct span target;
    struct header_span *headers;
    uint32_t headers_count, headers_cap;
    enum part part;    /* what the newest piece belonged to */
    unsigned problem;  /* status, 0 for none */
    bool begun;        /* a byte other than a line end has come */
    bool letter_first; /* that byte was an upper-case letter: it looks like a method */
    bool has_head;
    bool expects;
    bool ready;
    bool keep_alive;
};

static void restart(struct http_in *in)
{
    http_parser_init(&in->parser, HTTP_REQUEST);
    in->parser.data = in;
    buf_reset(&in->text);
    in->headers_count = 0;
    in->target = (struct span){0, 0};
    in->part = PART_TARGET;
    in->begun = false;
    in->letter_first = false;
    in->has_head = false;
    in->expects = false;
    in->ready = false;
}

struct http_in *http_in_new(void)
{
    struct http_in *in = mem_new(sizeof(*in));

    buf_init(&in->text, HTTP_HEADER_BYTES_MAX);
    buf_init(&in->body, HTTP_BODY_BYTES_MAX);
    restart(in);
    return in;
}

void http_in_free(struct http_in *in)
{
    if (in == NULL)
        return;
    buf_done(&in->text);
    buf_done(&in->body);
    mem_free(in->headers);
    mem_free(in);
}

/* Refuses the request; the parser stops. */
static int refuse(struct http_in *in, unsigned status)
{
    ASSERT(status >= 400);
    if (in->problem == 0)
        in->problem = status;
    return -1;
}

static int append(struct http_in *in, struct span *span, const char *text, size_t len)
{
    ASSERT(span->at + span->len == in->text.len);
    buf_put(&in->text, bytes_of(text, len));
    if (in->text.overflow)
        return refuse(in, 431);
    span->len += (uint32_t)len;
    return 0;
}

static int on_target(http_parser *parser, const char *text, size_t len)
{
    struct http_in *in = parser->data;

    return append(in, &in->target, text, len);
}

static int on_name(http_parser *parser, const char *text, size_t len)
{
    struct http_in *in = parser->data;

    if (in->has_head) /* a trailer of a chunked body: of no use to anybody */
        return 0;
    if (in->part != PART_NAME) {
        if (in->headers_count == HTTP_HEADERS_MAX)
            return refuse(in, 431);
        if (in->headers_count == in->headers_cap) {
            in->headers_cap = in->headers_cap == 0 ? 16 : in->headers_cap * 2;
            in->headers = mem_resize(in->headers, in->headers_cap * sizeof(in->headers[0]));
        }
        uint32_t at = (uint32_t)in->text.len;
        in->headers[in->headers_count++] = (struct header_span){.name = {at, 0}};
        in->part = PART_NAME;
    }
    return append(in, &in->headers[in->headers_count - 1].name, text, len);
}

static int on_value(http_parser *parser, const char *text, size_t len)
{
    struct http_in *in = parser->data;

    if (in->has_head)
        return 0;
    ASSERT(in->headers_count > 0);
    struct header_span *header = &in->headers[in->headers_count - 1];
    if (in->part == PART_NAME) {
        header->value.at = (uint32_t)in->text.len;
        in->part = PART_VALUE;
    }
    return append(in, &header->value, text, len);
}

static struct bytes part_of(const struct http_in *in, struct span span)
{
    ASSERT((size_t)span.at + span.len <= in->text.len);
    return bytes_sub(buf_bytes(&in->text), span.at, span.len);
}

static int on_head(http_parser *parser)
{
    struct http_in *in = parser->data;

    if (parser->http_major != 1)
        return refuse(in, 505);
    if (parser->content_length != UINT64_MAX && parser->content_length > HTTP_BODY_BYTES_MAX)
        return refuse(in, 413);
    in->has_head = true;
    for (uint32_t i = 0; i < in->headers_count; i++) {
        if (bytes_eq_nocase(part_of(in, in->headers[i].name), BYTES_LIT("expect")) &&
            bytes_eq_nocase(bytes_trim(part_of(in, in->headers[i].value)),
                            BYTES_LIT("100-continue")))
            in->expects = parser->http_minor > 0;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *text, size_t len)
{
    struct http_in *in = parser->data;

    in->expects = false;
    buf_put(&in->body, bytes_of(text, len));
    return in->body.overflow ? refuse(in, 413) : 0;
}

static int on_end(http_parser *parser)
{
    struct http_in *in = parser->data;

    ASSERT(in->has_head);
    in->ready = true;
    in->keep_alive = http_should_keep_alive(parser) != 0 && parser->http_minor > 0;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* The status for what the parser itself refused. */
static unsigned status_of(const struct http_in *in)
{
    enum http_errno error = HTTP_PARSER_ERRNO(&in->parser);

    if (error == HPE_HEADER_OVERFLOW)
        return in->has_head ? 400 : 431;
    if (error == HPE_INVALID_METHOD && in->letter_first)
        return 501;
    return 400;
}

enum http_in_result http_in_feed(struct http_in *in, struct bytes bytes, size_t *ret_used)
{
    ASSERT(!in->ready);
    ASSERT(in->problem == 0);
    *ret_used = 0;
    if (bytes.len == 0) /* the parser takes it for the end of the connection */
        return HTTP_IN_MORE;
    for (size_t i = 0; i < bytes.len && !in->begun; i++) {
        uint8_t c = bytes.data[i];
        in->begun = c != '\r' && c != '\n';
        in->letter_first = c >= 'A' && c <= 'Z';
    }
    size_t used = http_parser_execute(&in->parser, &settings, (const char *)bytes.data, bytes.len);
    ASSERT(used <= bytes.len);
    *ret_used = used;
    if (in->ready)
        return HTTP_IN_READY;
    if (HTTP_PARSER_ERRNO(&in->parser) != HPE_OK) {
        if (in->problem == 0)
            in->problem = status_of(in);
        return HTTP_IN_BAD;
    }
    ASSERT(used == bytes.len);
    return HTTP_IN_MORE;
}

bool http_in_begun(const struct http_in *in)
{
    return in->begun;
}

bool http_in_expects(struct http_in *in)
{
    bool expects = in->expects && in->has_head && !in->ready;

    if (expects)
        in->expects = false;
    return expects;
}

bool http_in_has_head(const struct http_in *in)
{
    return in->has_head;
}

unsigned http_in_problem(const struct http_in *in)
{
    ASSERT(in->problem != 0);
    return in->problem;
}

static enum http_verb verb_of(unsigned method)
{
    static const struct {
        unsigned method;
        enum http_verb verb;
    } known[] = {
        {HTTP_GET, VERB_GET},     {HTTP_HEAD, VERB_HEAD},       {HTTP_POST, VERB_POST},
        {HTTP_PUT, VERB_PUT},     {HTTP_DELETE, VERB_DELETE},   {HTTP_OPTIONS, VERB_OPTIONS},
        {HTTP_TRACE, VERB_TRACE}, {HTTP_CONNECT, VERB_CONNECT},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].method == method)
            return known[i].verb;
    }
    return VERB_UNKNOWN;
}

/* Cuts a target, in its usual or its absolute form, into path and query. */
static void cut_target(struct bytes target, struct http_request *request)
{
    if (target.len > 0 && target.data[0] != '/') {
        size_t colon = bytes_find(target, ':', 0);
        if (bytes_starts(bytes_sub(target, colon, 3), BYTES_LIT("://"))) {
            size_t slash = bytes_find(target, '/', colon + 3);
            size_t mark = bytes_find(target, '?', colon + 3);
            target = bytes_sub(target, slash < mark ? slash : mark, target.len);
        }
    }
    size_t fragment = bytes_find(target, '#', 0);
    target = bytes_sub(target, 0, fragment);
    size_t mark = bytes_find(target, '?', 0);
    request->path = bytes_sub(target, 0, mark);
    request->query = bytes_sub(target, mark + 1, target.len);
}

void http_in_take(struct http_in *in, struct arena *arena, struct buf *ret_body,
                  struct http_request *ret_request)
{
    ASSERT(in->ready);
    ASSERT(ret_body->data == NULL);
    struct bytes text = arena_copy(arena, buf_bytes(&in->text));
    struct http_header *headers = arena_alloc_array(arena, in->headers_count, sizeof(*headers));
    for (uint32_t i = 0; i < in->headers_count; i++) {
        const struct header_span *span = &in->headers[i];
        headers[i].name = bytes_sub(text, span->name.at, span->name.len);
        headers[i].value = bytes_trim(bytes_sub(text, span->value.at, span->value.len));
    }
    struct buf body = in->body;
    buf_init(&in->body, HTTP_BODY_BYTES_MAX);
    *ret_body = body;
    *ret_request = (struct http_request){
        .verb = verb_of(in->parser.method),
        .http10 = in->parser.http_minor == 0,
        .keep_alive = in->keep_alive,
        .headers = headers,
        .headers_count = in->headers_count,
        .body = buf_bytes(ret_body),
    };
    cut_target(bytes_sub(text, in->target.at, in->target.len), ret_request);
    restart(in);
}

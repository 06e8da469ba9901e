/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/speak_http.h"

#include <stdio.h>

#include "base/check.h"
#include "base/encode.h"
#include "wire/json.h"

static void put_param(struct buf *buf, char *separator, const char *name, uint32_t value)
{
    if (value == 0)
        return;
    buf_put_u8(buf, (uint8_t)*separator);
    *separator = '&';
    buf_put_str(buf, name);
    buf_put_str(buf, "=");
    if (value > INT32_MAX)
        buf_put_str(buf, "all");
    else
        buf_put_dec(buf, value);
}

static void put_line(struct buf *buf, const char *verb, const struct question *q)
{
    char separator = '?';

    buf_put_str(buf, verb);
    if (q->ask == ASK_ADMIN) {
        buf_put_str(buf, " /dassie/v1/");
        buf_put_str(buf, q->path);
    } else {
        buf_put_str(buf, " /buckets");
    }
    if (q->bucket.len > 0) {
        buf_put_str(buf, "/");
        buf_put(buf, q->bucket);
        buf_put_str(buf, q->ask == ASK_SET_PROPS ? "/props" : "/keys");
    }
    if (q->key.len > 0) {
        buf_put_str(buf, "/");
        buf_put(buf, q->key);
    }
    if (q->ask == ASK_KEYS)
        buf_put_str(buf, "?keys=true");
    else if (q->ask == ASK_BUCKETS)
        buf_put_str(buf, "?buckets=true");
    put_param(buf, &separator, "r", q->r);
    put_param(buf, &separator, "w", q->w);
    put_param(buf, &separator, "pr", q->pr);
    put_param(buf, &separator, "pw", q->pw);
    put_param(buf, &separator, "dw", q->dw);
    if (q->return_body)
        buf_printf(buf, "%creturnbody=true", separator);
    buf_put_str(buf, " HTTP/1.1\r\nHost: sim\r\nAccept: multipart/mixed, */*;q=0.5\r\n");
}

static const char *verb_of(const struct question *q)
{
    switch (q->ask) {
    case ASK_SET_PROPS:
    case ASK_PUT: return "PUT";
    case ASK_DELETE: return "DELETE";
    case ASK_ADMIN: return q->value.len > 0 ? "POST" : "GET";
    case ASK_GET:
    case ASK_KEYS:
    case ASK_BUCKETS: return "GET";
    case ASK_GET_PROPS: break;
    }
    UNREACHABLE();
}

static void put_props(struct buf *buf, const struct question *q)
{
    char text[100];
    int len = snprintf(text, sizeof(text), "{\"props\":{\"allow_mult\":%s,\"ttl\":%u}}",
                       q->allow_mult ? "true" : "false", q->ttl_s);

    buf_printf(buf, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len, text);
    ASSERT(!buf->overflow);
}

void speak_http_put(struct buf *buf, const struct question *q)
{
    put_line(buf, verb_of(q), q);
    if (q->ask == ASK_SET_PROPS) {
        put_props(buf, q);
        return;
    }
    if (q->ttl_s > 0)
        buf_printf(buf, "X-Dassie-TTL: %u\r\n", q->ttl_s);
    if (q->vclock.len > 0) {
        buf_put_str(buf, "X-Riak-Vclock: ");
        base64_put(buf, q->vclock);
        buf_put_str(buf, "\r\n");
    }
    if (q->if_none_match)
        buf_put_str(buf, "If-None-Match: *\r\n");
    if (q->value.len > 0) {
        buf_put_str(buf, q->ask == ASK_ADMIN ? "Content-Type: application/json\r\n"
                                             : "Content-Type: text/plain\r\n");
        buf_printf(buf, "Content-Length: %zu\r\n", q->value.len);
    }
    buf_put_str(buf, "\r\n");
    buf_put(buf, q->value);
    ASSERT(!buf->overflow);
}

/* ---- answers ---- */

/* One head and one body, of an answer or of a part of one. */
struct piece {
    unsigned status;
    struct bytes head; /* the lines after the first, each with its end */
    struct bytes body;
};

/* Takes a line and its end from the beginning; false when there is none. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    size_t end = bytes_find(*rest, '\n', 0);

    if (end == rest->len)
        return false;
    *ret_line = bytes_trim(bytes_sub(*rest, 0, end));
    *rest = bytes_sub(*rest, end + 1, rest->len);
    return true;
}

static bool header(struct bytes head, const char *name, struct bytes *ret_value)
{
    struct bytes line;

    while (next_line(&head, &line)) {
        size_t colon = bytes_find(line, ':', 0);
        if (bytes_eq_nocase(bytes_sub(line, 0, colon), bytes_str(name))) {
            *ret_value = bytes_trim(bytes_sub(line, colon + 1, line.len));
            return true;
        }
    }
    return false;
}

/* Splits at the empty line; false when there is none. */
static bool split(struct bytes text, struct bytes *ret_head, struct bytes *ret_body)
{
    struct bytes rest = text, line;

    while (next_line(&rest, &line)) {
        if (line.len > 0)
            continue;
        *ret_head = bytes_sub(text, 0, text.len - rest.len);
        *ret_body = rest;
        return true;
    }
    return false;
}

static enum taken cut(struct bytes bytes, struct piece *piece, size_t *ret_size)
{
    struct bytes line, value, rest;
    uint64_t status, len = 0;

    if (!split(bytes, &piece->head, &piece->body))
        return TAKEN_MORE;
    rest = piece->head;
    if (!next_line(&rest, &line) || !bytes_starts(line, BYTES_LIT("HTTP/1.1 ")) ||
        !bytes_to_u64(bytes_sub(line, 9, 3), &status))
        return TAKEN_NONSENSE;
    if (header(piece->head, "Content-Length", &value) && !bytes_to_u64(value, &len))
        return TAKEN_NONSENSE;
    if (piece->body.len < len)
        return TAKEN_MORE;
    piece->status = (unsigned)status;
    piece->body = bytes_sub(piece->body, 0, len);
    *ret_size = piece->head.len + len;
    return TAKEN_ONE;
}

static bool add_value(struct answer *answer, struct bytes head, struct bytes value)
{
    struct bytes deleted;

    if (answer->count == ANSWER_VALUES_MAX)
        return false;
    answer->values[answer->count] = value;
    answer->deleted[answer->count++] = header(head, "X-Riak-Deleted", &deleted);
    return true;
}

/* Where `needle` begins in the text; its length when it is not there. */
static size_t find(struct bytes text, struct bytes needle)
{
    for (size_t i = 0; i + needle.len <= text.len; i++) {
        if (memcmp(text.data + i, needle.data, needle.len) == 0)
            return i;
    }
    return text.len;
}

/* CRLF --B CRLF head CRLF value ... CRLF --B-- CRLF */
static bool take_parts(const struct piece *piece, struct arena *arena, struct answer *answer)
{
    struct bytes type, rest = piece->body, head, value;
    struct buf text;

    if (!header(piece->head, "Content-Type", &type))
        return false;
    size_t mark = find(type, BYTES_LIT("boundary="));
    buf_init(&text, 256);
    buf_put_str(&text, "\r\n--");
    buf_put(&text, bytes_sub(type, mark + 9, type.len));
    struct bytes boundary = arena_copy(arena, buf_bytes(&text));
    buf_done(&text);
    size_t at = find(rest, boundary);
    while (at < rest.len) {
        rest = bytes_sub(rest, at + boundary.len, rest.len);
        if (bytes_starts(rest, BYTES_LIT("--")))
            return answer->count > 1;
        at = find(rest, boundary);
        if (!bytes_starts(rest, BYTES_LIT("\r\n")) ||
            !split(bytes_sub(rest, 2, at - 2), &head, &value) || !add_value(answer, head, value))
            return false;
    }
    return false;
}

static bool take_object(const struct piece *piece, struct arena *arena, struct answer *answer)
{
    struct bytes vclock;

    if (header(piece->head, "X-Riak-Vclock", &vclock) &&
        base64_decode(arena, vclock, &answer->vclock) != ERR_OK)
        return false;
    if (piece->status == 300)
        return take_parts(piece, arena, answer);
    return add_value(answer, piece->head, piece->body);
}

/* {"keys":["a","b"]} */
static bool take_names(const struct piece *piece, const char *name, struct arena *arena,
                       struct answer *answer)
{
    const struct json *json;

    if (json_read(arena, piece->body, &json) != ERR_OK)
        return false;
    const struct json *list = json_member(json, bytes_str(name));
    const struct json *error = json_member(json, BYTES_LIT("error"));
    if (error != NULL) {
        answer->failed = true;
        answer->error = error->text;
        return true;
    }
    if (list == NULL || list->kind != JSON_ARRAY)
        return false;
    for (const struct json *at = list->first; at != NULL; at = at->next) {
        if (at->kind != JSON_STRING || answer->names_count == ANSWER_NAMES_MAX)
            return false;
        answer->names[answer->names_count++] = at->text;
    }
    return true;
}

/* The words of an error, as the other protocol has them where it has some. */
static struct bytes error_text(const struct piece *piece)
{
    const struct bytes term = BYTES_LIT("Error:\n");

    if (piece->status == 409)
        return BYTES_LIT("modified");
    if (piece->status == 412)
        return BYTES_LIT("match_found");
    if (bytes_starts(piece->body, term))
        return bytes_trim(bytes_sub(piece->body, term.len, piece->body.len));
    return bytes_trim(piece->body);
}

enum taken speak_http_take(struct bytes bytes, const struct question *q, struct arena *arena,
                           struct answer *ret_answer, size_t *ret_size)
{
    struct piece piece = {0, BYTES_NONE, BYTES_NONE};
    enum taken taken = cut(bytes, &piece, ret_size);
    bool ok = true;

    if (taken != TAKEN_ONE)
        return taken;
    ret_answer->status = piece.status;
    ret_answer->body = piece.body;
    if (q->ask == ASK_GET && piece.status == 404 &&
        bytes_starts(piece.body, BYTES_LIT("not found"))) {
        struct bytes vclock;
        ret_answer->not_found = true;
        if (header(piece.head, "X-Riak-Vclock", &vclock))
            ok = base64_decode(arena, vclock, &ret_answer->vclock) == ERR_OK;
    } else if (q->ask == ASK_DELETE && piece.status == 404) {
        ret_answer->not_found = true;
    } else if (piece.status >= 400) {
        ret_answer->failed = true;
        ret_answer->error = error_text(&piece);
    } else if (q->ask == ASK_KEYS || q->ask == ASK_BUCKETS) {
        ok = take_names(&piece, q->ask == ASK_KEYS ? "keys" : "buckets", arena, ret_answer);
    } else if ((q->ask == ASK_GET || q->ask == ASK_PUT) && piece.status != 204) {
        ok = take_object(&piece, arena, ret_answer);
    }
    return ok ? TAKEN_ONE : TAKEN_NONSENSE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "wire/json.h"

/* The length of the UTF-8 sequence that begins at `at`, 0 when there is no valid one. */
static size_t utf8_length(struct bytes text, size_t at)
{
    uint8_t first = text.data[at];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 0 || first > 0xf4 || len > text.len - at)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80)
            return 0;
    }
    if (len < 3)
        return len;
    uint8_t second = text.data[at + 1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second >= 0xa0;
    bool beyond = first == 0xf4 && second >= 0x90;

    return overlong || surrogate || beyond ? 0 : len;
}

bool utf8_valid(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(text, at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

struct json_out json_out_of(struct buf *buf)
{
    return (struct json_out){.buf = buf};
}

static void separate(struct json_out *out)
{
    if (out->comma)
        buf_put_u8(out->buf, ',');
    out->comma = true;
}

void json_open(struct json_out *out, char bracket)
{
    ASSERT(bracket == '{' || bracket == '[');
    separate(out);
    buf_put_u8(out->buf, (uint8_t)bracket);
    out->comma = false;
}

void json_close(struct json_out *out, char bracket)
{
    ASSERT(bracket == '}' || bracket == ']');
    buf_put_u8(out->buf, (uint8_t)bracket);
    out->comma = true;
}

/* One character that JSON does not take as it is. */
static void put_escaped(struct buf *buf, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";

    switch (c) {
    case '"': buf_put_str(buf, "\\\""); return;
    case '\\': buf_put_str(buf, "\\\\"); return;
    case '\n': buf_put_str(buf, "\\n"); return;
    case '\r': buf_put_str(buf, "\\r"); return;
    case '\t': buf_put_str(buf, "\\t"); return;
    default:
        buf_put_str(buf, "\\u00");
        buf_put_u8(buf, (uint8_t)digits[c >> 4]);
        buf_put_u8(buf, (uint8_t)digits[c & 15]);
    }
}

static void put_quoted(struct buf *buf, struct bytes text)
{
    size_t plain = 0; /* begin of what can be copied as it is */
    size_t at = 0;

    buf_put_u8(buf, '"');
    while (at < text.len) {
        uint8_t c = text.data[at];
        size_t len = utf8_length(text, at);
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            at += len;
            continue;
        }
        buf_put(buf, bytes_sub(text, plain, at - plain));
        if (len == 0)
            buf_put_str(buf, "\xef\xbf\xbd");
        else
            put_escaped(buf, c);
        at++;
        plain = at;
    }
    buf_put(buf, bytes_sub(text, plain, at - plain));
    buf_put_u8(buf, '"');
}

void json_name(struct json_out *out, struct bytes name)
{
    separate(out);
    put_quoted(out->buf, name);
    buf_put_u8(out->buf, ':');
    out->comma = false;
}

void json_string(struct json_out *out, struct bytes text)
{
    separate(out);
    put_quoted(out->buf, text);
}

void json_u64(struct json_out *out, uint64_t value)
{
    separate(out);
    buf_put_dec(out->buf, value);
}

void json_bool(struct json_out *out, bool value)
{
    separate(out);
    buf_put_str(out->buf, value ? "true" : "false");
}

void json_raw(struct json_out *out, struct bytes json)
{
    ASSERT(json.len > 0);
    separate(out);
    buf_put(out->buf, json);
}

/* Recursion is bounded: json_read makes no tree deeper than JSON_DEPTH_MAX. */
void json_tree(struct json_out *out, const struct json *json)
{
    switch (json->kind) {
    case JSON_NULL: json_raw(out, BYTES_LIT("null")); return;
    case JSON_BOOL: json_bool(out, json->truth); return;
    case JSON_NUMBER: json_raw(out, json->text); return;
    case JSON_STRING: json_string(out, json->text); return;
    case JSON_ARRAY: json_open(out, '['); break;
    case JSON_OBJECT: json_open(out, '{'); break;
    }
    for (const struct json *at = json->first; at != NULL; at = at->next) {
        if (json->kind == JSON_OBJECT)
            json_name(out, at->name);
        json_tree(out, at);
    }
    json_close(out, json->kind == JSON_OBJECT ? '}' : ']');
}

void json_put_string(struct json_out *out, const char *name, struct bytes text)
{
    json_name(out, bytes_str(name));
    json_string(out, text);
}

void json_put_u64(struct json_out *out, const char *name, uint64_t value)
{
    json_name(out, bytes_str(name));
    json_u64(out, value);
}

void json_put_bool(struct json_out *out, const char *name, bool value)
{
    json_name(out, bytes_str(name));
    json_bool(out, value);
}

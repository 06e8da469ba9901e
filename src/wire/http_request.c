/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_request.h"

#include "base/check.h"

bool http_header(const struct http_request *request, struct bytes name, struct bytes *ret_value)
{
    for (uint32_t i = 0; i < request->headers_count; i++) {
        if (bytes_eq_nocase(request->headers[i].name, name)) {
            *ret_value = request->headers[i].value;
            return true;
        }
    }
    return false;
}

bool http_header_joined(const struct http_request *request, struct arena *arena, struct bytes name,
                        struct bytes *ret_value)
{
    size_t len = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < request->headers_count; i++) {
        if (bytes_eq_nocase(request->headers[i].name, name)) {
            len += request->headers[i].value.len + 2;
            count++;
        }
    }
    if (count <= 1)
        return http_header(request, name, ret_value);
    uint8_t *text = arena_alloc(arena, len);
    size_t at = 0;
    for (uint32_t i = 0; i < request->headers_count; i++) {
        struct bytes value = request->headers[i].value;
        if (!bytes_eq_nocase(request->headers[i].name, name))
            continue;
        if (value.len > 0)
            memcpy(text + at, value.data, value.len);
        at += value.len;
        text[at++] = ',';
        text[at++] = ' ';
    }
    ASSERT(at == len);
    *ret_value = bytes_of(text, len - 2);
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct bytes http_unquote(struct arena *arena, struct bytes text)
{
    if (bytes_find(text, '%', 0) == text.len && bytes_find(text, '+', 0) == text.len)
        return text;
    uint8_t *plain = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '%' && text.len - i > 2 && hex_digit(text.data[i + 1]) >= 0 &&
            hex_digit(text.data[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        plain[len++] = c;
    }
    ASSERT(len <= text.len);
    return bytes_of(plain, len);
}

bool http_query_param(struct bytes query, struct arena *arena, struct bytes name,
                      struct bytes *ret_value)
{
    for (size_t at = 0; at < query.len;) {
        size_t end = bytes_find(query, '&', at);
        struct bytes pair = bytes_sub(query, at, end - at);
        size_t equals = bytes_find(pair, '=', 0);
        struct bytes left = http_unquote(arena, bytes_sub(pair, 0, equals));
        if (pair.len > 0 && bytes_eq(left, name)) {
            *ret_value = http_unquote(arena, bytes_sub(pair, equals + 1, pair.len));
            return true;
        }
        at = end + 1;
    }
    return false;
}

bool http_param(const struct http_request *request, struct arena *arena, struct bytes name,
                struct bytes *ret_value)
{
    return http_query_param(request->query, arena, name, ret_value);
}

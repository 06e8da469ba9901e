/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool bytes_starts(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bytes_eq_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

struct bytes bytes_sub(struct bytes a, size_t from, size_t len)
{
    if (from >= a.len)
        return BYTES_NONE;
    if (len > a.len - from)
        len = a.len - from;
    return bytes_of(a.data + from, len);
}

size_t bytes_find(struct bytes a, uint8_t c, size_t from)
{
    if (from >= a.len)
        return a.len;
    const uint8_t *at = memchr(a.data + from, c, a.len - from);
    return at == NULL ? a.len : (size_t)(at - a.data);
}

bool bytes_to_u64(struct bytes a, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (a.len == 0)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] < '0' || a.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(a.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes bytes_trim(struct bytes a)
{
    while (a.len > 0 && blank(a.data[0])) {
        a.data++;
        a.len--;
    }
    while (a.len > 0 && blank(a.data[a.len - 1]))
        a.len--;
    return a;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include "base/check.h"

enum {
    BASE62_BYTES_MAX = 32,
    BASE62_CHUNK = 62 * 62 * 62 * 62 * 62,
    BASE62_CHUNK_DIGITS = 5,
    BASE62_DIGITS_MAX = 45, /* 43 for 2^256, in whole chunks */
};

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *buf, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t v = (uint32_t)bytes.data[i] << 16;
        if (left > 1)
            v |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2)
            v |= bytes.data[i + 2];
        buf_put_u8(buf, (uint8_t)base64_digits[v >> 18]);
        buf_put_u8(buf, (uint8_t)base64_digits[(v >> 12) & 63]);
        buf_put_u8(buf, (uint8_t)(left > 1 ? base64_digits[(v >> 6) & 63] : '='));
        buf_put_u8(buf, (uint8_t)(left > 2 ? base64_digits[v & 63] : '='));
    }
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err base64_decode(struct arena *arena, struct bytes text, struct bytes *ret_bytes)
{
    if (text.len % 4 != 0)
        return ERR_MALFORMED;
    size_t pad = 0;
    while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=')
        pad++;
    uint8_t *out = arena_alloc(arena, text.len / 4 * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t v = 0;
        for (size_t j = 0; j < 4; j++) {
            bool padding = i + j >= text.len - pad;
            int digit = padding ? 0 : base64_value(text.data[i + j]);
            if (digit < 0)
                return ERR_MALFORMED;
            v = v << 6 | (uint32_t)digit;
        }
        out[len++] = (uint8_t)(v >> 16);
        out[len++] = (uint8_t)(v >> 8);
        out[len++] = (uint8_t)v;
    }
    ASSERT(len >= pad);
    *ret_bytes = bytes_of(out, len - pad);
    return ERR_OK;
}

void hex_put(struct buf *buf, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        buf_put_u8(buf, (uint8_t)digits[bytes.data[i] >> 4]);
        buf_put_u8(buf, (uint8_t)digits[bytes.data[i] & 15]);
    }
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err hex_decode(struct bytes text, uint8_t *to, size_t len)
{
    if (text.len != len * 2)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.data[i]) < 0)
            return ERR_MALFORMED;
    }
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(hex_value(text.data[2 * i]) << 4 | hex_value(text.data[2 * i + 1]));
    return ERR_OK;
}

/* The number is divided by 62^5, which fits a limb, so each pass over the limbs yields five
 * digits. */
void base62_put(struct buf *buf, struct bytes number)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t limbs[BASE62_BYTES_MAX / 4] = {0}; /* most significant first */
    uint8_t out[BASE62_DIGITS_MAX];
    size_t at = sizeof(out);
    size_t first = 0;

    ASSERT(number.len <= BASE62_BYTES_MAX);
    for (size_t i = 0; i < number.len; i++) {
        size_t weight = number.len - 1 - i; /* of this byte, from the end */
        limbs[ARRAY_LEN(limbs) - 1 - weight / 4] |= (uint32_t)number.data[i] << (8 * (weight % 4));
    }
    while (first < ARRAY_LEN(limbs)) {
        uint64_t rest = 0;
        for (size_t i = first; i < ARRAY_LEN(limbs); i++) {
            uint64_t v = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(v / BASE62_CHUNK);
            rest = v % BASE62_CHUNK;
        }
        for (unsigned i = 0; i < BASE62_CHUNK_DIGITS; i++) {
            ASSERT(at > 0);
            out[--at] = (uint8_t)digits[rest % 62];
            rest /= 62;
        }
        while (first < ARRAY_LEN(limbs) && limbs[first] == 0)
            first++;
    }
    while (at < sizeof(out) - 1 && out[at] == '0')
        at++;
    buf_put(buf, bytes_of(out + at, sizeof(out) - at));
}

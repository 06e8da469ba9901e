/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/blob.h"
#include "base/check.h"
#include "base/mem.h"

enum { BUF_FIRST_BYTES = 64, BUF_PRINTF_BYTES = 512 };

void buf_init(struct buf *buf, size_t max)
{
    ASSERT(max < SIZE_MAX / 2);
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    mem_free(buf->data);
    buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
}

uint8_t *buf_extend(struct buf *buf, size_t len)
{
    ASSERT(buf->len <= buf->max);
    if (len > buf->max - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    size_t need = buf->len + len;
    if (need > buf->cap) {
        size_t cap = buf->cap == 0 ? BUF_FIRST_BYTES : buf->cap;
        while (cap < need)
            cap *= 2;
        buf->data = mem_resize(buf->data, cap);
        buf->cap = cap;
    }
    uint8_t *at = buf->data + buf->len;
    buf->len = need;
    return at;
}

void buf_put(struct buf *buf, struct bytes bytes)
{
    if (bytes.len == 0)
        return;
    uint8_t *at = buf_extend(buf, bytes.len);
    if (at != NULL)
        memcpy(at, bytes.data, bytes.len);
}

void buf_put_str(struct buf *buf, const char *s)
{
    buf_put(buf, bytes_str(s));
}

void buf_put_u8(struct buf *buf, uint8_t v)
{
    buf_put(buf, bytes_of(&v, 1));
}

static void put_fixed(struct buf *buf, uint64_t v, unsigned width, bool big)
{
    uint8_t *at = buf_extend(buf, width);

    if (at == NULL)
        return;
    for (unsigned i = 0; i < width; i++)
        at[big ? width - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

void buf_put_le16(struct buf *buf, uint16_t v)
{
    put_fixed(buf, v, 2, false);
}

void buf_put_le32(struct buf *buf, uint32_t v)
{
    put_fixed(buf, v, 4, false);
}

void buf_put_le64(struct buf *buf, uint64_t v)
{
    put_fixed(buf, v, 8, false);
}

void buf_put_be16(struct buf *buf, uint16_t v)
{
    put_fixed(buf, v, 2, true);
}

void buf_put_be32(struct buf *buf, uint32_t v)
{
    put_fixed(buf, v, 4, true);
}

void buf_put_be64(struct buf *buf, uint64_t v)
{
    put_fixed(buf, v, 8, true);
}

void buf_put_varint(struct buf *buf, uint64_t v)
{
    uint8_t bytes[10];
    size_t len = 0;

    do {
        uint8_t low = v & 0x7f;
        v >>= 7;
        bytes[len++] = (uint8_t)(low | (v != 0 ? 0x80 : 0));
    } while (v != 0);
    buf_put(buf, bytes_of(bytes, len));
}

void buf_put_lenbytes(struct buf *buf, struct bytes bytes)
{
    buf_put_varint(buf, bytes.len);
    buf_put(buf, bytes);
}

void buf_put_dec(struct buf *buf, uint64_t v)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    buf_put(buf, bytes_of(digits + at, sizeof(digits) - at));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char small[BUF_PRINTF_BYTES];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    ASSERT(len >= 0);
    if ((size_t)len < sizeof(small)) {
        buf_put(buf, bytes_of(small, (size_t)len));
        return;
    }
    char *large = mem_new((size_t)len + 1);
    va_start(args, format);
    int again = vsnprintf(large, (size_t)len + 1, format, args);
    va_end(args);
    ASSERT(again == len);
    buf_put(buf, bytes_of(large, (size_t)len));
    mem_free(large);
}

void buf_consume(struct buf *buf, size_t len)
{
    ASSERT(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->data, buf->data + len, buf->len);
}

struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->len);
}

struct blob *buf_to_blob(const struct buf *buf)
{
    return blob_copy(buf_bytes(buf));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A pen writes into memory whose size was computed before: no bounds, no growing, no copy. Each
 * function returns the place after what it wrote; who made the memory asserts that the last place
 * is its end. Each `_size` says what its sibling will write. */
#ifndef RECORD_PEN_INT_H
#define RECORD_PEN_INT_H

#include "base/bytes.h"

static inline size_t pen_varint_size(uint64_t v)
{
    return (size_t)(64 - __builtin_clzll(v | 1) + 6) / 7;
}

static inline uint8_t *pen_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

static inline uint8_t *pen_u8(uint8_t *at, uint8_t v)
{
    *at = v;
    return at + 1;
}

static inline uint8_t *pen_le64(uint8_t *at, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (8 * i));
    return at + 8;
}

static inline uint8_t *pen_be64(uint8_t *at, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> (56 - 8 * i));
    return at + 8;
}

static inline uint8_t *pen_bytes(uint8_t *at, struct bytes bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

static inline size_t pen_lenbytes_size(struct bytes bytes)
{
    return pen_varint_size(bytes.len) + bytes.len;
}

static inline uint8_t *pen_lenbytes(uint8_t *at, struct bytes bytes)
{
    return pen_bytes(pen_varint(at, bytes.len), bytes);
}

/* A text that may be absent: its length plus one, then its bytes; zero when it is absent. */
static inline size_t pen_text_size(struct bytes text)
{
    return text.data == NULL ? 1 : pen_varint_size(text.len + 1) + text.len;
}

static inline uint8_t *pen_text(uint8_t *at, struct bytes text)
{
    return text.data == NULL ? pen_u8(at, 0) : pen_bytes(pen_varint(at, text.len + 1), text);
}

#endif

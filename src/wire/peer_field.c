/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_field.h"

#include "base/check.h"
#include "model/context.h"
#include "model/limits.h"

void field_fail(struct reader *r)
{
    r->ok = false;
    r->rest = BYTES_NONE;
}

void field_key_put(struct buf *buf, const struct key *key)
{
    buf_put_lenbytes(buf, key->type);
    buf_put_lenbytes(buf, key->bucket);
    buf_put_lenbytes(buf, key->key);
}

struct key field_key(struct reader *r)
{
    struct key key;

    key.type = reader_lenbytes(r, TYPE_BYTES_MAX);
    key.bucket = reader_lenbytes(r, BUCKET_BYTES_MAX);
    key.key = reader_lenbytes(r, KEY_BYTES_MAX);
    return key;
}

void field_optional_put(struct buf *buf, struct bytes text)
{
    ASSERT(text.len < SIZE_MAX);
    buf_put_varint(buf, text.data == NULL ? 0 : (uint64_t)text.len + 1);
    buf_put(buf, text);
}

struct bytes field_optional(struct reader *r, size_t max)
{
    uint64_t len = reader_varint(r);

    if (len == 0)
        return BYTES_NONE;
    if (len - 1 > max) {
        field_fail(r);
        return BYTES_NONE;
    }
    return reader_take(r, (size_t)(len - 1));
}

void field_clock_put(struct buf *buf, struct clock clock)
{
    size_t start = buf->len;

    buf_put_le32(buf, 0);
    if (clock.count == 0)
        return;
    context_put(buf, clock);
    if (buf->overflow)
        return;
    size_t len = buf->len - start - 4;
    /* Clients' clocks come from contexts, so they fit one. */
    ASSERT(len <= CONTEXT_BYTES_MAX);
    for (unsigned i = 0; i < 4; i++)
        buf->data[start + i] = (uint8_t)(len >> (8 * i));
}

struct clock field_clock(struct arena *arena, struct reader *r)
{
    size_t len = reader_le32(r);
    struct bytes context = reader_take(r, len);
    struct clock clock = CLOCK_NONE;

    if (!r->ok || context_decode(arena, context, &clock) != ERR_OK)
        field_fail(r);
    return clock;
}

bool field_bool(struct reader *r)
{
    return field_choice(r, 2) == 1;
}

uint32_t field_u32(struct reader *r)
{
    uint64_t v = reader_varint(r);

    if (v > UINT32_MAX) {
        field_fail(r);
        return 0;
    }
    return (uint32_t)v;
}

uint8_t field_choice(struct reader *r, uint8_t limit)
{
    uint8_t v = reader_u8(r);

    if (v >= limit) {
        field_fail(r);
        return 0;
    }
    return v;
}

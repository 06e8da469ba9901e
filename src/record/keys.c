/* SPDX-License-Identifier: Apache-2.0 */
#include "record/keys.h"

#include "base/check.h"
#include "model/limits.h"
#include "record/pen_int.h"

enum { SLOT_BYTES = 2, MARK = 0x00, MARK_END = 0x01, MARK_ZERO = 0xff };

_Static_assert((int)ROW_KEY_BYTES_MAX ==
                   SLOT_BYTES + 2 * (TYPE_BYTES_MAX + BUCKET_BYTES_MAX + 2) + KEY_BYTES_MAX,
               "the longest row key");

static size_t name_size(struct bytes name)
{
    size_t size = name.len + 2;

    for (size_t at = bytes_find(name, MARK, 0); at < name.len; at = bytes_find(name, MARK, at + 1))
        size++;
    return size;
}

static uint8_t *put_slot(uint8_t *at, uint32_t slot)
{
    ASSERT(slot < SLOTS_MAX);
    return pen_u8(pen_u8(at, (uint8_t)(slot >> 8)), (uint8_t)slot);
}

static uint8_t *put_name(uint8_t *at, struct bytes name)
{
    size_t from = 0;

    while (from < name.len) {
        size_t zero = bytes_find(name, MARK, from);
        at = pen_bytes(at, bytes_sub(name, from, zero - from));
        if (zero < name.len)
            at = pen_u8(pen_u8(at, MARK), MARK_ZERO);
        from = zero + 1;
    }
    return pen_u8(pen_u8(at, MARK), MARK_END);
}

static size_t row_size(const struct key *key)
{
    ASSERT(key_fits(key));
    return SLOT_BYTES + name_size(key->type) + name_size(key->bucket) + key->key.len;
}

static void put_row(uint8_t *at, size_t size, uint32_t slot, const struct key *key)
{
    uint8_t *end = put_slot(at, slot);

    end = put_name(end, key->type);
    end = put_name(end, key->bucket);
    end = pen_bytes(end, key->key);
    ASSERT(end == at + size);
}

void row_key_put(struct buf *buf, uint32_t slot, const struct key *key)
{
    size_t size = row_size(key);
    uint8_t *at = buf_extend(buf, size);

    if (at != NULL)
        put_row(at, size, slot, key);
}

struct bytes row_key_make(struct arena *arena, uint32_t slot, const struct key *key)
{
    size_t size = row_size(key);
    uint8_t *at = arena_alloc(arena, size);

    put_row(at, size, slot, key);
    return bytes_of(at, size);
}

struct bytes row_prefix_slot(struct arena *arena, uint32_t slot)
{
    uint8_t *at = arena_alloc(arena, SLOT_BYTES);

    put_slot(at, slot);
    return bytes_of(at, SLOT_BYTES);
}

struct bytes row_prefix_type(struct arena *arena, uint32_t slot, struct bytes type)
{
    ASSERT(type.len > 0 && type.len <= TYPE_BYTES_MAX);
    size_t size = SLOT_BYTES + name_size(type);
    uint8_t *at = arena_alloc(arena, size);
    uint8_t *end = put_name(put_slot(at, slot), type);

    ASSERT(end == at + size);
    return bytes_of(at, size);
}

struct bytes row_prefix_bucket(struct arena *arena, uint32_t slot, struct bytes type,
                               struct bytes bucket)
{
    return row_key_make(arena, slot, &(struct key){type, bucket, BYTES_NONE});
}

/* The last byte that can grow grows; those after it go. */
struct bytes row_prefix_end(struct arena *arena, struct bytes prefix)
{
    while (prefix.len > 0 && prefix.data[prefix.len - 1] == 0xff)
        prefix.len--;
    if (prefix.len == 0)
        return BYTES_NONE;
    uint8_t *end = arena_alloc(arena, prefix.len);
    memcpy(end, prefix.data, prefix.len);
    end[prefix.len - 1]++;
    ASSERT(end[prefix.len - 1] != 0);
    return bytes_of(end, prefix.len);
}

struct bytes row_key_after(struct arena *arena, struct bytes row)
{
    uint8_t *next = arena_alloc(arena, row.len + 1);

    ASSERT(row.len > 0);
    memcpy(next, row.data, row.len);
    ASSERT(next[row.len] == 0);
    return bytes_of(next, row.len + 1);
}

static struct bytes unescape(struct arena *arena, struct bytes raw)
{
    uint8_t *out = arena_alloc(arena, raw.len);
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        out[len++] = raw.data[i];
        i += raw.data[i] == MARK;
    }
    ASSERT(len < raw.len);
    return bytes_of(out, len);
}

/* Takes a name and its end mark off the front of `row`. */
static enum err take_name(struct arena *arena, struct bytes *row, size_t max,
                          struct bytes *ret_name)
{
    size_t escapes = 0;
    size_t at = bytes_find(*row, MARK, 0);

    while (at + 1 < row->len && row->data[at + 1] == MARK_ZERO) {
        escapes++;
        at = bytes_find(*row, MARK, at + 2);
    }
    if (at + 1 >= row->len || row->data[at + 1] != MARK_END || at - escapes > max)
        return ERR_CORRUPT;
    struct bytes raw = bytes_of(row->data, at);
    *row = bytes_of(row->data + at + 2, row->len - at - 2);
    *ret_name = escapes == 0 ? raw : unescape(arena, raw);
    return ERR_OK;
}

enum err row_key_decode(struct arena *arena, struct bytes row, uint32_t *ret_slot,
                        struct key *ret_key)
{
    struct key key;

    if (row.len < SLOT_BYTES)
        return ERR_CORRUPT;
    uint32_t slot = (uint32_t)row.data[0] << 8 | row.data[1];
    if (slot >= SLOTS_MAX)
        return ERR_CORRUPT;
    row = bytes_of(row.data + SLOT_BYTES, row.len - SLOT_BYTES);
    TRY(take_name(arena, &row, TYPE_BYTES_MAX, &key.type));
    TRY(take_name(arena, &row, BUCKET_BYTES_MAX, &key.bucket));
    key.key = row;
    if (!key_fits(&key))
        return ERR_CORRUPT;
    *ret_slot = slot;
    *ret_key = key;
    return ERR_OK;
}

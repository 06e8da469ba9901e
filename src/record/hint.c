/* SPDX-License-Identifier: Apache-2.0 */
#include "record/hint.h"

#include "base/check.h"
#include "record/pen_int.h"
#include "record/seal.h"

enum { HINT_SUM_VERSION = 1, TARGET_BYTES = 8, FLAG_LACKING = 1 };

#define SUM_PREFIX BYTES_LIT("hints/")

struct bytes hint_key_make(struct arena *arena, uint64_t target, struct bytes row_key)
{
    ASSERT(target != 0);
    ASSERT(row_key.len > 0);
    uint8_t *key = arena_alloc(arena, TARGET_BYTES + row_key.len);

    pen_bytes(pen_be64(key, target), row_key);
    return bytes_of(key, TARGET_BYTES + row_key.len);
}

struct bytes hint_key_prefix(struct arena *arena, uint64_t target)
{
    uint8_t *key = arena_alloc(arena, TARGET_BYTES);

    ASSERT(target != 0);
    pen_be64(key, target);
    return bytes_of(key, TARGET_BYTES);
}

enum err hint_key_decode(struct bytes key, uint64_t *ret_target, struct bytes *ret_row_key)
{
    struct reader r = reader_of(key);
    uint64_t target = reader_be64(&r);

    if (target == 0 || r.rest.len == 0)
        return ERR_CORRUPT;
    *ret_target = target;
    *ret_row_key = r.rest;
    return ERR_OK;
}

struct bytes hint_sum_key(struct arena *arena, uint64_t target)
{
    size_t size = SUM_PREFIX.len + TARGET_BYTES;
    uint8_t *key = arena_alloc(arena, size);

    ASSERT(target != 0);
    pen_be64(pen_bytes(key, SUM_PREFIX), target);
    return bytes_of(key, size);
}

bool hint_sum_row(struct bytes row, uint64_t *ret_target)
{
    if (!bytes_starts(row, SUM_PREFIX))
        return false;
    struct reader r = reader_of(bytes_sub(row, SUM_PREFIX.len, row.len));
    uint64_t target = reader_be64(&r);
    if (!reader_end(&r) || target == 0)
        return false;
    *ret_target = target;
    return true;
}

struct blob *hint_sum_blob(struct bytes row, const struct hint_sum *sum)
{
    ASSERT(bytes_starts(row, SUM_PREFIX));
    struct blob *blob = blob_new(SEAL_BYTES + 8 + 8 + 1);
    uint8_t *at = pen_le64(pen_le64(blob->data + SEAL_BYTES, sum->rows), sum->bytes);

    at = pen_u8(at, sum->lacking ? FLAG_LACKING : 0);
    ASSERT(at == blob->data + blob->len);
    seal_close(blob->data, blob->len, HINT_SUM_VERSION, row);
    return blob;
}

enum err hint_sum_decode(struct bytes row, struct bytes record, struct hint_sum *ret_sum)
{
    struct reader r;

    TRY(seal_open(record, HINT_SUM_VERSION, row, &r));
    struct hint_sum sum = {.rows = reader_le64(&r), .bytes = reader_le64(&r)};
    uint8_t flags = reader_u8(&r);
    if (!reader_end(&r) || (flags & ~FLAG_LACKING) != 0)
        return ERR_CORRUPT;
    sum.lacking = flags == FLAG_LACKING;
    *ret_sum = sum;
    return ERR_OK;
}

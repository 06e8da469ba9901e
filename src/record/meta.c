/* SPDX-License-Identifier: Apache-2.0 */
#include "record/meta.h"

#include "base/check.h"
#include "model/limits.h"
#include "record/history_int.h"
#include "record/pen_int.h"
#include "record/seal.h"

enum { META_VERSION = 1, FLAG_DELETED = 1, SIBLING_BYTES_MIN = 11 };

struct meta *meta_of(struct arena *arena, const struct object *object)
{
    ASSERT(object_valid(object));
    struct meta *meta = ARENA_NEW(arena, struct meta);
    struct meta_sibling *siblings = arena_alloc_array(arena, object->count, sizeof(*siblings));

    *meta = (struct meta){object->clock, siblings, object->count, 0};
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *from = &object->siblings[i];
        siblings[i] = (struct meta_sibling){from->dot, from->hlc_us, from->deleted};
        meta->bytes += from->content.value.len;
    }
    return meta;
}

static size_t meta_size(const struct meta *meta)
{
    ASSERT(meta->count <= SIBLINGS_HARD_MAX);
    struct dot_walk walk = dot_walk_of(meta->clock);
    size_t size = SEAL_BYTES + history_clock_size(meta->clock) + pen_varint_size(meta->count);

    for (uint32_t i = 0; i < meta->count; i++)
        size += dot_walk_size(&walk, meta->siblings[i].dot) + 8 + 1;
    return size + pen_varint_size(meta->bytes);
}

struct blob *record_meta_blob(struct bytes row_key, const struct meta *meta)
{
    ASSERT(clock_valid(meta->clock));
    struct blob *blob = blob_new(meta_size(meta));
    struct dot_walk walk = dot_walk_of(meta->clock);
    uint8_t *at = history_clock_put(blob->data + SEAL_BYTES, meta->clock);

    at = pen_varint(at, meta->count);
    for (uint32_t i = 0; i < meta->count; i++) {
        at = dot_walk_put(&walk, at, meta->siblings[i].dot);
        at = pen_le64(at, meta->siblings[i].hlc_us);
        at = pen_u8(at, meta->siblings[i].deleted ? FLAG_DELETED : 0);
    }
    at = pen_varint(at, meta->bytes);
    ASSERT(at == blob->data + blob->len);
    seal_close(blob->data, blob->len, META_VERSION, row_key);
    return blob;
}

static bool read_siblings(struct reader *r, struct arena *arena, struct meta *meta)
{
    size_t count = reader_count(r, SIBLINGS_HARD_MAX, SIBLING_BYTES_MIN);
    struct meta_sibling *siblings = arena_alloc_array(arena, count, sizeof(*siblings));
    struct dot_walk walk = dot_walk_of(meta->clock);

    for (size_t i = 0; i < count; i++) {
        if (!dot_walk_read(&walk, r, &siblings[i].dot))
            return false;
        siblings[i].hlc_us = reader_le64(r);
        uint8_t flags = reader_u8(r);
        if ((flags & ~FLAG_DELETED) != 0)
            return false;
        siblings[i].deleted = flags != 0;
        if (siblings[i].hlc_us > meta->clock.hlc_us)
            meta->clock.hlc_us = siblings[i].hlc_us;
    }
    meta->siblings = siblings;
    meta->count = (uint32_t)count;
    return r->ok;
}

enum err record_meta_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                            struct meta **ret_meta)
{
    struct reader r;

    TRY(seal_open(record, META_VERSION, row_key, &r));
    struct meta *meta = ARENA_NEW(arena, struct meta);
    if (!history_clock_read(&r, arena, &meta->clock) || !read_siblings(&r, arena, meta))
        return ERR_CORRUPT;
    meta->bytes = reader_varint(&r);
    if (!reader_end(&r))
        return ERR_CORRUPT;
    *ret_meta = meta;
    return ERR_OK;
}

bool meta_same(const struct meta *a, const struct meta *b)
{
    if (a->count != b->count || clock_compare(a->clock, b->clock) != CLOCK_EQUAL)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!dot_eq(a->siblings[i].dot, b->siblings[i].dot))
            return false;
    }
    return true;
}

/* `a` knows all of b's history, so nothing of b is new to it; it stays as it is iff none of its own
 * siblings was superseded at b: each is there too, or unknown there. */
bool meta_covers(const struct meta *a, const struct meta *b)
{
    uint32_t j = 0;

    ASSERT(a->count == 0 || a->siblings != NULL);
    ASSERT(b->count == 0 || b->siblings != NULL);
    if (!clock_descends(a->clock, b->clock))
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        struct dot dot = a->siblings[i].dot;
        while (j < b->count && dot_cmp(b->siblings[j].dot, dot) < 0)
            j++;
        bool shared = j < b->count && dot_eq(b->siblings[j].dot, dot);
        if (!shared && clock_covers(b->clock, dot))
            return false;
    }
    return true;
}

bool meta_deleted(const struct meta *meta)
{
    for (uint32_t i = 0; i < meta->count; i++) {
        if (!meta->siblings[i].deleted)
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "record/meta.h"

#include "base/check.h"
#include "model/limits.h"
#include "record/history_int.h"
#include "record/pen_int.h"
#include "record/seal.h"

enum { FLAG_DELETED = 1, FLAG_EXPIRES = 2, SIBLING_BYTES_MIN = 11 };

struct meta *meta_of(struct arena *arena, const struct object *object)
{
    ASSERT(object_valid(object));
    struct meta *meta = ARENA_NEW(arena, struct meta);
    struct meta_sibling *siblings = arena_alloc_array(arena, object->count, sizeof(*siblings));

    *meta = (struct meta){object->clock, siblings, object->count, 0};
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *from = &object->siblings[i];
        siblings[i] =
            (struct meta_sibling){from->dot, from->hlc_us, from->deleted, from->expires_us};
        meta->bytes += from->content.value.len;
    }
    return meta;
}

static uint8_t version_of(const struct meta *meta)
{
    bool expires = meta->clock.ends_us != 0;

    for (uint32_t i = 0; i < meta->count && !expires; i++)
        expires = meta->siblings[i].expires_us != 0;
    return expires ? HISTORY_EXPIRES : HISTORY_PLAIN;
}

static size_t meta_size(const struct meta *meta)
{
    ASSERT(meta->count <= SIBLINGS_HARD_MAX);
    struct dot_walk walk = dot_walk_of(meta->clock);
    size_t size = SEAL_BYTES + history_clock_size(meta->clock) +
                  history_ends_size(version_of(meta)) + pen_varint_size(meta->count);

    for (uint32_t i = 0; i < meta->count; i++) {
        size += dot_walk_size(&walk, meta->siblings[i].dot) + 8 + 1;
        size += meta->siblings[i].expires_us == 0 ? 0 : 8;
    }
    return size + pen_varint_size(meta->bytes);
}

struct blob *record_meta_blob(struct bytes row_key, const struct meta *meta)
{
    ASSERT(clock_valid(meta->clock));
    struct blob *blob = blob_new(meta_size(meta));
    struct dot_walk walk = dot_walk_of(meta->clock);
    uint8_t version = version_of(meta);
    uint8_t *at = history_clock_put(blob->data + SEAL_BYTES, meta->clock);

    at = history_ends_put(at, version, meta->clock);
    at = pen_varint(at, meta->count);
    for (uint32_t i = 0; i < meta->count; i++) {
        const struct meta_sibling *sibling = &meta->siblings[i];
        at = dot_walk_put(&walk, at, sibling->dot);
        at = pen_le64(at, sibling->hlc_us);
        at = pen_u8(at, (uint8_t)((sibling->deleted ? FLAG_DELETED : 0U) |
                                  (sibling->expires_us != 0 ? FLAG_EXPIRES : 0U)));
        if (sibling->expires_us != 0)
            at = pen_le64(at, sibling->expires_us);
    }
    at = pen_varint(at, meta->bytes);
    ASSERT(at == blob->data + blob->len);
    seal_close(blob->data, blob->len, version, row_key);
    return blob;
}

/* Whether what a sibling says of its expiry can be true in the history. */
static bool expiry_holds(struct clock clock, const struct meta_sibling *sibling)
{
    if (sibling->deleted)
        return sibling->expires_us == 0;
    return clock.ends_us == 0 || (sibling->expires_us != 0 && sibling->expires_us <= clock.ends_us);
}

static bool read_siblings(struct reader *r, struct arena *arena, uint8_t version, struct meta *meta)
{
    uint8_t known = version == HISTORY_EXPIRES ? FLAG_DELETED | FLAG_EXPIRES : FLAG_DELETED;
    size_t count = reader_count(r, SIBLINGS_HARD_MAX, SIBLING_BYTES_MIN);
    struct meta_sibling *siblings = arena_alloc_array(arena, count, sizeof(*siblings));
    struct dot_walk walk = dot_walk_of(meta->clock);

    for (size_t i = 0; i < count; i++) {
        if (!dot_walk_read(&walk, r, &siblings[i].dot))
            return false;
        siblings[i].hlc_us = reader_le64(r);
        uint8_t flags = reader_u8(r);
        if ((flags & ~known) != 0)
            return false;
        siblings[i].deleted = (flags & FLAG_DELETED) != 0;
        siblings[i].expires_us = (flags & FLAG_EXPIRES) != 0 ? reader_le64(r) : 0;
        if ((flags & FLAG_EXPIRES) != 0 && siblings[i].expires_us == 0)
            return false;
        if (!expiry_holds(meta->clock, &siblings[i]))
            return false;
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
    uint8_t version;

    TRY(seal_open_any(record, HISTORY_EXPIRES, row_key, &version, &r));
    struct meta *meta = ARENA_NEW(arena, struct meta);
    if (!history_clock_read(&r, arena, &meta->clock) ||
        !history_ends_read(&r, version, &meta->clock) || !read_siblings(&r, arena, version, meta))
        return ERR_CORRUPT;
    meta->bytes = reader_varint(&r);
    if (!reader_end(&r) || version_of(meta) != version)
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

bool meta_hidden(const struct meta *meta, uint64_t cutoff_us)
{
    for (uint32_t i = 0; i < meta->count; i++) {
        const struct meta_sibling *sibling = &meta->siblings[i];
        bool expired = sibling->expires_us != 0 && sibling->expires_us <= cutoff_us;
        if (!sibling->deleted && !expired)
            return false;
    }
    return true;
}

bool meta_expired(const struct meta *meta, uint64_t cutoff_us)
{
    return clock_ended(meta->clock, cutoff_us);
}

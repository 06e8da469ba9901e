/* SPDX-License-Identifier: Apache-2.0 */
#include "record/object.h"

#include "base/check.h"
#include "model/limits.h"
#include "record/history_int.h"
#include "record/pen_int.h"
#include "record/seal.h"

enum {
    FLAG_DELETED = 1,
    FLAG_EXPIRES = 2,
    SIBLING_BYTES_MIN = 11, /* dot, hybrid clock, flags */
    LINK_BYTES_MIN = 3,
    PAIR_BYTES_MIN = 2,
};

static size_t pairs_size(const struct pair *pairs, uint32_t count)
{
    size_t size = pen_varint_size(count);

    for (uint32_t i = 0; i < count; i++)
        size += pen_text_size(pairs[i].name) + pen_text_size(pairs[i].value);
    return size;
}

static size_t links_size(const struct link *links, uint32_t count)
{
    size_t size = pen_varint_size(count);

    for (uint32_t i = 0; i < count; i++) {
        size += pen_text_size(links[i].bucket) + pen_text_size(links[i].key);
        size += pen_text_size(links[i].tag);
    }
    return size;
}

static size_t content_size(const struct content *content)
{
    ASSERT(content->links_count <= LINKS_MAX);
    ASSERT(content->meta_count <= META_PAIRS_MAX);
    ASSERT(content->indexes_count <= INDEX_ENTRIES_MAX);
    size_t size = pen_text_size(content->content_type) + pen_text_size(content->charset) +
                  pen_text_size(content->content_encoding);

    size += links_size(content->links, content->links_count);
    size += pairs_size(content->meta, content->meta_count);
    size += pairs_size(content->indexes, content->indexes_count);
    return size + pen_lenbytes_size(content->value);
}

static uint8_t version_of(const struct object *object)
{
    bool expires = object->clock.ends_us != 0;

    for (uint32_t i = 0; i < object->count && !expires; i++)
        expires = object->siblings[i].expires_us != 0;
    return expires ? HISTORY_EXPIRES : HISTORY_PLAIN;
}

size_t record_object_size(const struct object *object)
{
    ASSERT(object->count <= SIBLINGS_HARD_MAX);
    struct dot_walk walk = dot_walk_of(object->clock);
    size_t size = SEAL_BYTES + history_clock_size(object->clock) +
                  history_ends_size(version_of(object)) + pen_varint_size(object->count);

    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        size += dot_walk_size(&walk, sibling->dot) + 8 + 1;
        size += sibling->expires_us == 0 ? 0 : 8;
        if (!sibling->deleted)
            size += content_size(&sibling->content);
    }
    return size;
}

static uint8_t *put_pairs(uint8_t *at, const struct pair *pairs, uint32_t count)
{
    at = pen_varint(at, count);
    for (uint32_t i = 0; i < count; i++)
        at = pen_text(pen_text(at, pairs[i].name), pairs[i].value);
    return at;
}

static uint8_t *put_links(uint8_t *at, const struct link *links, uint32_t count)
{
    at = pen_varint(at, count);
    for (uint32_t i = 0; i < count; i++)
        at = pen_text(pen_text(pen_text(at, links[i].bucket), links[i].key), links[i].tag);
    return at;
}

static uint8_t *put_content(uint8_t *at, const struct content *content)
{
    at = pen_text(at, content->content_type);
    at = pen_text(at, content->charset);
    at = pen_text(at, content->content_encoding);
    at = put_links(at, content->links, content->links_count);
    at = put_pairs(at, content->meta, content->meta_count);
    at = put_pairs(at, content->indexes, content->indexes_count);
    return pen_lenbytes(at, content->value);
}

struct blob *record_object_blob(struct bytes row_key, const struct object *object)
{
    ASSERT(object_valid(object));
    struct blob *blob = blob_new(record_object_size(object));
    struct dot_walk walk = dot_walk_of(object->clock);
    uint8_t version = version_of(object);
    uint8_t *at = history_clock_put(blob->data + SEAL_BYTES, object->clock);

    at = history_ends_put(at, version, object->clock);
    at = pen_varint(at, object->count);
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        at = dot_walk_put(&walk, at, sibling->dot);
        at = pen_le64(at, sibling->hlc_us);
        at = pen_u8(at, (uint8_t)((sibling->deleted ? FLAG_DELETED : 0U) |
                                  (sibling->expires_us != 0 ? FLAG_EXPIRES : 0U)));
        if (sibling->expires_us != 0)
            at = pen_le64(at, sibling->expires_us);
        if (!sibling->deleted)
            at = put_content(at, &sibling->content);
    }
    ASSERT(at == blob->data + blob->len);
    seal_close(blob->data, blob->len, version, row_key);
    return blob;
}

static struct bytes read_text(struct reader *r)
{
    uint64_t len = reader_varint(r);

    return len == 0 ? BYTES_NONE : reader_take(r, (size_t)(len - 1));
}

static const struct pair *read_pairs(struct reader *r, struct arena *arena, size_t max,
                                     uint32_t *ret_count)
{
    size_t count = reader_count(r, max, PAIR_BYTES_MIN);

    *ret_count = (uint32_t)count;
    if (count == 0)
        return NULL;
    struct pair *pairs = arena_alloc_array(arena, count, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = read_text(r);
        pairs[i].value = read_text(r);
    }
    return pairs;
}

static const struct link *read_links(struct reader *r, struct arena *arena, uint32_t *ret_count)
{
    size_t count = reader_count(r, LINKS_MAX, LINK_BYTES_MIN);

    *ret_count = (uint32_t)count;
    if (count == 0)
        return NULL;
    struct link *links = arena_alloc_array(arena, count, sizeof(*links));
    for (size_t i = 0; i < count; i++) {
        links[i].bucket = read_text(r);
        links[i].key = read_text(r);
        links[i].tag = read_text(r);
    }
    return links;
}

static void read_content(struct reader *r, struct arena *arena, struct content *content)
{
    content->content_type = read_text(r);
    content->charset = read_text(r);
    content->content_encoding = read_text(r);
    content->links = read_links(r, arena, &content->links_count);
    content->meta = read_pairs(r, arena, META_PAIRS_MAX, &content->meta_count);
    content->indexes = read_pairs(r, arena, INDEX_ENTRIES_MAX, &content->indexes_count);
    content->value = reader_lenbytes(r, SIZE_MAX);
}

static bool read_siblings(struct reader *r, struct arena *arena, uint8_t version,
                          struct object *object)
{
    uint8_t known = version == HISTORY_EXPIRES ? FLAG_DELETED | FLAG_EXPIRES : FLAG_DELETED;
    size_t count = reader_count(r, SIBLINGS_HARD_MAX, SIBLING_BYTES_MIN);
    struct sibling *siblings = arena_alloc_array(arena, count, sizeof(*siblings));
    struct dot_walk walk = dot_walk_of(object->clock);

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
        if (!siblings[i].deleted)
            read_content(r, arena, &siblings[i].content);
    }
    object->siblings = siblings;
    object->count = (uint32_t)count;
    object->clock.hlc_us = object_hlc_us(object);
    return reader_end(r);
}

enum err record_object_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                              struct object **ret_object)
{
    struct reader r;
    uint8_t version;

    TRY(seal_open_any(record, HISTORY_EXPIRES, row_key, &version, &r));
    struct object *object = ARENA_NEW(arena, struct object);
    if (!history_clock_read(&r, arena, &object->clock) ||
        !history_ends_read(&r, version, &object->clock) ||
        !read_siblings(&r, arena, version, object))
        return ERR_CORRUPT;
    if (!object_valid(object) || version_of(object) != version)
        return ERR_CORRUPT;
    *ret_object = object;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

enum { ACTORS_MAX = 5, TEXT_BYTES_MAX = 20, LIST_MAX = 3 };

struct bytes sample_text(struct random *random, struct arena *arena, size_t max)
{
    uint64_t kind = random_below(random, 4);
    size_t len = kind == 1 ? 0 : (size_t)random_below(random, max + 1);
    uint8_t *data = arena_alloc(arena, len + 1);

    if (kind == 0)
        return BYTES_NONE;
    random_bytes(random, data, len);
    return bytes_of(data, len);
}

static const struct pair *sample_pairs(struct random *random, struct arena *arena,
                                       uint32_t *ret_count)
{
    uint32_t count = (uint32_t)random_below(random, LIST_MAX + 1);
    struct pair *pairs = arena_alloc_array(arena, count, sizeof(*pairs));

    for (uint32_t i = 0; i < count; i++) {
        pairs[i].name = sample_text(random, arena, TEXT_BYTES_MAX);
        pairs[i].value = sample_text(random, arena, TEXT_BYTES_MAX);
    }
    *ret_count = count;
    return pairs;
}

static const struct link *sample_links(struct random *random, struct arena *arena,
                                       uint32_t *ret_count)
{
    uint32_t count = (uint32_t)random_below(random, LIST_MAX + 1);
    struct link *links = arena_alloc_array(arena, count, sizeof(*links));

    for (uint32_t i = 0; i < count; i++) {
        links[i].bucket = sample_text(random, arena, TEXT_BYTES_MAX);
        links[i].key = sample_text(random, arena, TEXT_BYTES_MAX);
        links[i].tag = sample_text(random, arena, TEXT_BYTES_MAX);
    }
    *ret_count = count;
    return links;
}

static void sample_content(struct random *random, struct arena *arena, struct content *content)
{
    content->value = sample_text(random, arena, 300);
    content->content_type = sample_text(random, arena, TEXT_BYTES_MAX);
    content->charset = sample_text(random, arena, TEXT_BYTES_MAX);
    content->content_encoding = sample_text(random, arena, TEXT_BYTES_MAX);
    content->links = sample_links(random, arena, &content->links_count);
    content->meta = sample_pairs(random, arena, &content->meta_count);
    content->indexes = sample_pairs(random, arena, &content->indexes_count);
}

static struct clock sample_clock(struct random *random, struct arena *arena)
{
    uint32_t count = (uint32_t)random_range(random, 1, ACTORS_MAX);
    struct dot *entries = arena_alloc_array(arena, count, sizeof(*entries));
    uint64_t actor = 0;

    for (uint32_t i = 0; i < count; i++) {
        actor += 1 + random_u64(random) / (ACTORS_MAX + 1);
        entries[i] = (struct dot){actor, 1 + (random_u64(random) >> random_below(random, 64))};
        if (entries[i].counter == 0)
            entries[i].counter = UINT64_MAX;
    }
    return (struct clock){entries, count, 0, 0};
}

/* Some values expire, in some objects all that ever was. */
static void sample_expiry(struct random *random, struct object *object, struct sibling *siblings)
{
    bool some = random_chance(random, 1, 2);
    bool ends = some && object->clock.count > 0 && random_chance(random, 1, 2);
    uint64_t latest = 0;

    for (uint32_t i = 0; i < object->count; i++) {
        if (siblings[i].deleted || !some || (!ends && random_chance(random, 1, 3)))
            continue;
        siblings[i].expires_us = 1 + (random_u64(random) >> 1);
        if (siblings[i].expires_us > latest)
            latest = siblings[i].expires_us;
    }
    if (ends)
        object->clock.ends_us = latest + random_below(random, 2);
}

struct object *sample_object(struct random *random, struct arena *arena, uint32_t siblings_max)
{
    struct object *object = ARENA_NEW(arena, struct object);
    uint32_t want = (uint32_t)random_below(random, siblings_max + 1);
    struct sibling *siblings = arena_alloc_array(arena, want, sizeof(*siblings));
    uint32_t index = 0;
    uint64_t counter = 0;

    object->clock = sample_clock(random, arena);
    object->siblings = siblings;
    while (object->count < want) {
        uint64_t last = object->clock.entries[index].counter;
        uint64_t step = random_chance(random, 1, 2) ? 1 : 1 + random_below(random, last);
        if (last - counter < step || random_chance(random, 1, 4)) {
            counter = 0;
            if (++index == object->clock.count)
                break;
            continue;
        }
        counter += step;
        struct sibling *sibling = &siblings[object->count++];
        sibling->dot = (struct dot){object->clock.entries[index].actor, counter};
        sibling->hlc_us = random_u64(random);
        sibling->deleted = random_chance(random, 1, 4);
        if (!sibling->deleted)
            sample_content(random, arena, &sibling->content);
    }
    object->clock.hlc_us = object_hlc_us(object);
    sample_expiry(random, object, siblings);
    return object;
}

static bool text_equal(struct bytes a, struct bytes b)
{
    return bytes_eq(a, b) && (a.data == NULL) == (b.data == NULL);
}

static bool pairs_equal(const struct pair *a, const struct pair *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!text_equal(a[i].name, b[i].name) || !text_equal(a[i].value, b[i].value))
            return false;
    }
    return true;
}

static bool links_equal(const struct link *a, const struct link *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!text_equal(a[i].bucket, b[i].bucket) || !text_equal(a[i].key, b[i].key) ||
            !text_equal(a[i].tag, b[i].tag))
            return false;
    }
    return true;
}

static bool content_equal(const struct content *a, const struct content *b)
{
    return bytes_eq(a->value, b->value) && text_equal(a->content_type, b->content_type) &&
           text_equal(a->charset, b->charset) &&
           text_equal(a->content_encoding, b->content_encoding) &&
           a->links_count == b->links_count && a->meta_count == b->meta_count &&
           a->indexes_count == b->indexes_count &&
           links_equal(a->links, b->links, a->links_count) &&
           pairs_equal(a->meta, b->meta, a->meta_count) &&
           pairs_equal(a->indexes, b->indexes, a->indexes_count);
}

bool sample_equal(const struct object *a, const struct object *b)
{
    if (!object_same(a, b) || a->clock.hlc_us != b->clock.hlc_us ||
        a->clock.ends_us != b->clock.ends_us)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->siblings[i].hlc_us != b->siblings[i].hlc_us ||
            a->siblings[i].deleted != b->siblings[i].deleted ||
            a->siblings[i].expires_us != b->siblings[i].expires_us ||
            !content_equal(&a->siblings[i].content, &b->siblings[i].content))
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/object.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "model/limits.h"

enum { HASH_BYTES = 16, DOT_BYTES = 16 };

static const struct object none = {{NULL, 0, 0, 0}, NULL, 0};

/* The hybrid clock of a write: newer than all that it can supersede. */
static uint64_t hlc_after(const struct object *old, const struct write *write)
{
    uint64_t wall = write->wall_us;
    uint64_t bound = wall < UINT64_MAX - HLC_AHEAD_MAX_US ? wall + HLC_AHEAD_MAX_US : UINT64_MAX;
    uint64_t read = write->context.hlc_us < bound ? write->context.hlc_us : bound;
    uint64_t newest = read > old->clock.hlc_us ? read : old->clock.hlc_us;

    if (wall > newest || (old->count == 0 && write->context.count == 0))
        return wall;
    return newest < UINT64_MAX ? newest + 1 : newest;
}

enum err object_put_check(const struct object *old, const struct write *write)
{
    struct clock known = old == NULL ? CLOCK_NONE : old->clock;
    uint32_t foreign = 0;

    if (clock_covers(known, write->dot) || clock_covers(write->context, write->dot))
        return ERR_STALE;
    for (uint32_t i = 0; i < write->context.count; i++)
        foreign += clock_get(known, write->context.entries[i].actor) == 0;
    if (foreign > 0 && (size_t)known.count + foreign + 1 > CLOCK_ENTRIES_MAX)
        return ERR_BAD_CONTEXT;
    return ERR_OK;
}

/* When the history ends that the write makes of `history`, which is all that it knows of. */
static uint64_t ends_after(struct clock history, const struct write *write)
{
    if (write->deleted)
        return history.ends_us;
    return history.count == 0 ? write->expires_us : ends_later(history.ends_us, write->expires_us);
}

struct object *object_put(struct arena *arena, const struct object *old, const struct write *write)
{
    const struct object *before = old == NULL ? &none : old;

    ASSERT(write->dot.actor != 0);
    ASSERT(!clock_covers(before->clock, write->dot));
    ASSERT(!clock_covers(write->context, write->dot));
    struct object *object = ARENA_NEW(arena, struct object);
    struct sibling *siblings =
        arena_alloc_array(arena, (size_t)before->count + 1, sizeof(*siblings));
    struct sibling added = {
        .dot = write->dot, .hlc_us = hlc_after(before, write), .deleted = write->deleted};
    if (!write->deleted) {
        added.expires_us = write->expires_us;
        added.content = write->content;
    }
    uint32_t count = 0;
    bool placed = false;
    for (uint32_t i = 0; i < before->count; i++) {
        const struct sibling *old_one = &before->siblings[i];
        if (!placed && dot_cmp(write->dot, old_one->dot) < 0) {
            siblings[count++] = added;
            placed = true;
        }
        if (!clock_covers(write->context, old_one->dot) &&
            !sibling_expired(old_one, write->cutoff_us))
            siblings[count++] = *old_one;
    }
    if (!placed)
        siblings[count++] = added;
    struct clock clock = clock_merge(arena, before->clock, write->context);
    *object = (struct object){clock_add(arena, clock, write->dot), siblings, count};
    object->clock.hlc_us = object_hlc_us(object);
    object->clock.ends_us = ends_after(clock, write);
    ASSERT(object_valid(object));
    return object;
}

/* Of a sibling that the other side does not have: it lives unless the other side knows its write,
 * for then it was superseded there. */
static bool survives(const struct sibling *sibling, struct clock other)
{
    return !clock_covers(other, sibling->dot);
}

struct object *object_merge(struct arena *arena, const struct object *a, const struct object *b)
{
    struct object *object = ARENA_NEW(arena, struct object);

    a = a == NULL ? &none : a;
    b = b == NULL ? &none : b;
    ASSERT(b->count <= UINT32_MAX - a->count);
    struct sibling *siblings =
        arena_alloc_array(arena, (size_t)a->count + b->count, sizeof(*siblings));
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : dot_cmp(a->siblings[i].dot, b->siblings[j].dot);
        if (order == 0 || (order < 0 && survives(&a->siblings[i], b->clock)))
            siblings[count++] = a->siblings[i];
        if (order > 0 && survives(&b->siblings[j], a->clock))
            siblings[count++] = b->siblings[j];
        i += order <= 0;
        j += order >= 0;
    }
    *object = (struct object){clock_merge(arena, a->clock, b->clock), siblings, count};
    object->clock.hlc_us = object_hlc_us(object);
    ASSERT(object_valid(object));
    return object;
}

static bool wins(const struct sibling *a, const struct sibling *b)
{
    if (a->hlc_us != b->hlc_us)
        return a->hlc_us > b->hlc_us;
    if (a->deleted != b->deleted)
        return b->deleted;
    return dot_cmp(a->dot, b->dot) > 0;
}

uint32_t object_resolve(struct object *object)
{
    if (object->count <= 1)
        return 0;
    const struct sibling *winner = &object->siblings[0];
    for (uint32_t i = 1; i < object->count; i++) {
        if (wins(&object->siblings[i], winner))
            winner = &object->siblings[i];
    }
    uint32_t dropped = object->count - 1;
    object->siblings = winner;
    object->count = 1;
    ASSERT(object_valid(object));
    return dropped;
}

struct object *object_resolved(struct arena *arena, const struct object *object)
{
    struct object *copy = object_merge(arena, NULL, object);

    (void)object_resolve(copy);
    return copy;
}

bool object_deleted(const struct object *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        if (!object->siblings[i].deleted)
            return false;
    }
    return true;
}

uint32_t object_expired(const struct object *object, uint64_t cutoff_us)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < object->count; i++)
        count += sibling_expired(&object->siblings[i], cutoff_us);
    return count;
}

const struct object *object_shown(struct arena *arena, const struct object *object,
                                  uint64_t cutoff_us)
{
    if (object == NULL || object_expired(object, cutoff_us) == 0)
        return object;
    struct object *shown = ARENA_NEW(arena, struct object);
    struct sibling *siblings = arena_alloc_array(arena, object->count, sizeof(*siblings));
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        if (!sibling_expired(&object->siblings[i], cutoff_us))
            siblings[count++] = object->siblings[i];
    }
    ASSERT(count < object->count);
    *shown = (struct object){object->clock, siblings, count};
    return shown;
}

bool object_same(const struct object *a, const struct object *b)
{
    if (a->count != b->count || clock_compare(a->clock, b->clock) != CLOCK_EQUAL)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!dot_eq(a->siblings[i].dot, b->siblings[i].dot))
            return false;
    }
    return true;
}

static bool content_empty(const struct content *content)
{
    return content->value.len == 0 && content->content_type.data == NULL &&
           content->charset.data == NULL && content->content_encoding.data == NULL &&
           content->links_count == 0 && content->meta_count == 0 && content->indexes_count == 0;
}

/* Whether a value that expires then has its place in a history. */
static bool ends_hold(struct clock clock, uint64_t expires_us)
{
    return clock.ends_us == 0 || (expires_us != 0 && expires_us <= clock.ends_us);
}

bool object_valid(const struct object *object)
{
    if (!clock_valid(object->clock) || (object->count > 0 && object->siblings == NULL))
        return false;
    if (object->clock.hlc_us != object_hlc_us(object))
        return false;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        if (sibling->dot.counter == 0 || !clock_covers(object->clock, sibling->dot))
            return false;
        if (i > 0 && dot_cmp(object->siblings[i - 1].dot, sibling->dot) >= 0)
            return false;
        if (sibling->deleted && (!content_empty(&sibling->content) || sibling->expires_us != 0))
            return false;
        if (!sibling->deleted && !ends_hold(object->clock, sibling->expires_us))
            return false;
    }
    return true;
}

uint64_t object_hlc_us(const struct object *object)
{
    uint64_t newest = 0;

    for (uint32_t i = 0; i < object->count; i++) {
        if (object->siblings[i].hlc_us > newest)
            newest = object->siblings[i].hlc_us;
    }
    return newest;
}

/* Unlike arena_copy this keeps the difference between absent and empty. */
static struct bytes text_copy(struct arena *arena, struct bytes text)
{
    static const uint8_t nothing[1] = {0};

    if (text.data == NULL)
        return BYTES_NONE;
    return text.len == 0 ? bytes_of(nothing, 0) : arena_copy(arena, text);
}

static const struct pair *pairs_copy(struct arena *arena, const struct pair *pairs, uint32_t count)
{
    ASSERT(count == 0 || pairs != NULL);
    if (count == 0)
        return NULL;
    struct pair *copy = arena_alloc_array(arena, count, sizeof(*copy));
    for (uint32_t i = 0; i < count; i++) {
        copy[i].name = text_copy(arena, pairs[i].name);
        copy[i].value = text_copy(arena, pairs[i].value);
    }
    return copy;
}

static const struct link *links_copy(struct arena *arena, const struct link *links, uint32_t count)
{
    ASSERT(count == 0 || links != NULL);
    if (count == 0)
        return NULL;
    struct link *copy = arena_alloc_array(arena, count, sizeof(*copy));
    for (uint32_t i = 0; i < count; i++) {
        copy[i].bucket = text_copy(arena, links[i].bucket);
        copy[i].key = text_copy(arena, links[i].key);
        copy[i].tag = text_copy(arena, links[i].tag);
    }
    return copy;
}

struct content content_copy(struct arena *arena, const struct content *content)
{
    return (struct content){
        .value = text_copy(arena, content->value),
        .content_type = text_copy(arena, content->content_type),
        .charset = text_copy(arena, content->charset),
        .content_encoding = text_copy(arena, content->content_encoding),
        .links = links_copy(arena, content->links, content->links_count),
        .meta = pairs_copy(arena, content->meta, content->meta_count),
        .indexes = pairs_copy(arena, content->indexes, content->indexes_count),
        .links_count = content->links_count,
        .meta_count = content->meta_count,
        .indexes_count = content->indexes_count,
    };
}

struct object *object_copy(struct arena *arena, const struct object *object)
{
    ASSERT(object_valid(object));
    struct object *copy = ARENA_NEW(arena, struct object);
    struct sibling *siblings = arena_alloc_array(arena, object->count, sizeof(*siblings));

    for (uint32_t i = 0; i < object->count; i++) {
        siblings[i] = object->siblings[i];
        siblings[i].content = content_copy(arena, &object->siblings[i].content);
    }
    *copy = (struct object){clock_copy(arena, object->clock), siblings, object->count};
    ASSERT(object_same(copy, object));
    return copy;
}

static void put_dot(uint8_t to[DOT_BYTES], struct dot dot)
{
    for (unsigned i = 0; i < 8; i++) {
        to[i] = (uint8_t)(dot.actor >> (8 * i));
        to[8 + i] = (uint8_t)(dot.counter >> (8 * i));
    }
}

static struct bytes tag_of(const uint8_t digest[HASH_BYTES], char ret_text[VTAG_BYTES_MAX])
{
    /* A buffer over the caller's memory: its capacity is its maximum, so it never grows. */
    struct buf buf = {.data = (uint8_t *)ret_text, .cap = VTAG_BYTES_MAX, .max = VTAG_BYTES_MAX};

    base62_put(&buf, bytes_of(digest, HASH_BYTES));
    ASSERT(!buf.overflow);
    ASSERT(buf.len > 0);
    return buf_bytes(&buf);
}

struct bytes object_vtag(struct dot dot, char ret_text[VTAG_BYTES_MAX])
{
    uint8_t raw[DOT_BYTES];
    uint8_t digest[HASH_BYTES];

    put_dot(raw, dot);
    hash_xx128(bytes_of(raw, sizeof(raw)), digest);
    return tag_of(digest, ret_text);
}

/* The clock is hashed as a chain, each link over the digest so far and one entry: no memory. */
struct bytes object_etag(const struct object *object, char ret_text[VTAG_BYTES_MAX])
{
    uint8_t link[HASH_BYTES + DOT_BYTES] = {0};

    if (object->count == 1)
        return object_vtag(object->siblings[0].dot, ret_text);
    for (uint32_t i = 0; i < object->clock.count; i++) {
        put_dot(link + HASH_BYTES, object->clock.entries[i]);
        hash_xx128(bytes_of(link, sizeof(link)), link);
    }
    return tag_of(link, ret_text);
}

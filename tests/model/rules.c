/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include "base/attr.h"

const struct rules rules_siblings = {.name = "siblings", .put = object_put, .merge = object_merge};
const struct rules rules_winner = {
    .name = "winner", .put = object_put, .merge = object_merge, .resolve = true};

static struct object *finish(struct object *object)
{
    object->clock.hlc_us = object_hlc_us(object);
    return object;
}

typedef bool keep_fn(const struct sibling *sibling, const struct object *other, bool shared);

/* A merge that keeps what `keep` says. */
static struct object *merge_with(struct arena *arena, const struct object *a,
                                 const struct object *b, keep_fn *keep)
{
    static const struct object nothing = {{NULL, 0, 0, 0}, NULL, 0};
    struct object *object = ARENA_NEW(arena, struct object);
    uint32_t i = 0;
    uint32_t j = 0;

    a = a == NULL ? &nothing : a;
    b = b == NULL ? &nothing : b;
    struct sibling *siblings = arena_alloc_array(arena, a->count + b->count, sizeof(*siblings));
    object->clock = clock_merge(arena, a->clock, b->clock);
    object->siblings = siblings;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : dot_cmp(a->siblings[i].dot, b->siblings[j].dot);
        const struct sibling *next = order <= 0 ? &a->siblings[i] : &b->siblings[j];
        if (keep(next, order <= 0 ? b : a, order == 0))
            siblings[object->count++] = *next;
        i += order <= 0;
        j += order >= 0;
    }
    return finish(object);
}

static bool keep_all(const struct sibling *sibling, const struct object *other, bool shared)
{
    (void)sibling;
    (void)other;
    (void)shared;
    return true;
}

static bool keep_unknown(const struct sibling *sibling, const struct object *other, bool shared)
{
    (void)shared;
    return !clock_covers(other->clock, sibling->dot);
}

static bool keep_live(const struct sibling *sibling, const struct object *other, bool shared)
{
    return !sibling->deleted && (shared || !clock_covers(other->clock, sibling->dot));
}

/* Forgets that a write can be superseded. */
static struct object *merge_union(struct arena *arena, const struct object *a,
                                  const struct object *b)
{
    return merge_with(arena, a, b, keep_all);
}

/* Forgets that both sides may have a write. */
static struct object *merge_without_shared(struct arena *arena, const struct object *a,
                                           const struct object *b)
{
    return merge_with(arena, a, b, keep_unknown);
}

/* Forgets tombstones as soon as it can. */
static struct object *merge_without_tombstones(struct arena *arena, const struct object *a,
                                               const struct object *b)
{
    return merge_with(arena, a, b, keep_live);
}

/* Takes one side of two concurrent ones. */
static struct object *merge_one_side(struct arena *arena, const struct object *a,
                                     const struct object *b)
{
    if (a == NULL || b == NULL)
        return object_merge(arena, a, b);
    const struct object *chosen = clock_descends(a->clock, b->clock) ? a : b;
    if (clock_compare(a->clock, b->clock) == CLOCK_CONCURRENT)
        chosen = object_hlc_us(a) >= object_hlc_us(b) ? a : b;
    struct object *object = ARENA_NEW(arena, struct object);
    *object =
        (struct object){clock_merge(arena, a->clock, b->clock), chosen->siblings, chosen->count};
    return finish(object);
}

/* Replaces whatever is stored. */
static struct object *put_over_all(struct arena *arena, const struct object *old,
                                   const struct write *write)
{
    struct write all = *write;

    if (old != NULL)
        all.context = clock_merge(arena, write->context, old->clock);
    return object_put(arena, old, &all);
}

/* Takes every write for a blind one. */
static struct object *put_blind(struct arena *arena, const struct object *old,
                                const struct write *write)
{
    struct write blind = *write;

    blind.context = CLOCK_NONE;
    return object_put(arena, old, &blind);
}

/* Drops what the context covers, but does not remember the context. */
static struct object *put_without_memory(struct arena *arena, const struct object *old,
                                         const struct write *write)
{
    struct object *object = object_put(arena, old, write);
    struct clock clock = old == NULL ? CLOCK_NONE : old->clock;

    object->clock = clock_add(arena, clock, write->dot);
    return finish(object);
}

/* Takes the hybrid clock from what is stored only. */
static struct object *put_without_read_hlc(struct arena *arena, const struct object *old,
                                           const struct write *write)
{
    struct write deaf = *write;

    deaf.context.hlc_us = 0;
    return object_put(arena, old, &deaf);
}

const struct rules rules_wrong[] = {
    {"merge keeps all", object_put, merge_union, false, false, true},
    {"merge drops shared", object_put, merge_without_shared, false, false, true},
    {"merge drops tombstones", object_put, merge_without_tombstones, false, false, true},
    {"merge takes one side", object_put, merge_one_side, false, false, true},
    {"put replaces all", put_over_all, object_merge, false, false, true},
    {"put ignores its context", put_blind, object_merge, false, false, true},
    {"put forgets its context", put_without_memory, object_merge, false, false, true},
    {"put ignores the hybrid clock read", put_without_read_hlc, object_merge, true, false, true},
    {"a lost store keeps its actor", object_put, object_merge, false, true, true},
};
const size_t rules_wrong_count = ARRAY_LEN(rules_wrong);

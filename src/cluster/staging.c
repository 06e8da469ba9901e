/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/staging.h"

#include "base/check.h"

/* Orders count how often was staged: beyond this they are nonsense, and adding one would wrap. */
#define ORDER_MAX (UINT64_MAX / 2)

enum { TEXTS_MAX = 16 * INTENTS_MAX }; /* then those that nobody needs are given back */

void staging_init(struct staging *staging)
{
    *staging = (struct staging){.count = 0};
    arena_init(&staging->arena);
}

void staging_done(struct staging *staging)
{
    arena_done(&staging->arena);
    staging->count = 0;
}

void staging_rebase(struct staging *staging, uint64_t base)
{
    ASSERT(base != 0);
    if (staging->base == base)
        return;
    staging->base = base;
    staging->count = 0;
    staging->texts = 0;
    arena_reset(&staging->arena);
}

static void staging_check(const struct staging *staging)
{
    ASSERT(staging->count <= INTENTS_MAX);
    for (uint32_t i = 0; i < staging->count; i++) {
        ASSERT(staging->intents[i].base == staging->base);
        ASSERT(staging->intents[i].tag != 0);
        ASSERT(staging->intents[i].order <= ORDER_MAX);
    }
}

/* Where the intent of a kind about a node stands; -1: there is none. */
static int find(const struct staging *staging, enum intent_kind kind, uint64_t node)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].kind == kind && staging->intents[i].node == node)
            return (int)i;
    }
    return -1;
}

/* Whether `a` is of greater rank than `b`. */
static bool outranks(const struct intent *a, const struct intent *b)
{
    if (a->order != b->order)
        return a->order > b->order;
    if (a->withdrawn != b->withdrawn)
        return a->withdrawn;
    return a->tag > b->tag;
}

bool staging_counts(const struct staging *staging, uint32_t at)
{
    ASSERT(at < staging->count);
    return !staging->intents[at].withdrawn;
}

/* The place of one that was withdrawn, to be given up; -1: there is none. */
static int spare(const struct staging *staging)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].withdrawn)
            return (int)i;
    }
    return -1;
}

static void own_texts(struct arena *arena, struct intent *intent)
{
    intent->name = arena_copy(arena, intent->name);
    intent->address = arena_copy(arena, intent->address);
    intent->location = arena_copy(arena, intent->location);
}

void staging_tidy(struct staging *staging)
{
    struct arena fresh;

    if (staging->texts <= TEXTS_MAX)
        return;
    arena_init(&fresh);
    for (uint32_t i = 0; i < staging->count; i++)
        own_texts(&fresh, &staging->intents[i]);
    arena_done(&staging->arena);
    staging->arena = fresh;
    staging->texts = staging->count;
}

/* Puts an intent where the one of its kind and node stands, or where there is room; false when
 * there is none. */
static bool keep(struct staging *staging, const struct intent *intent)
{
    int at = find(staging, intent->kind, intent->node);

    if (at < 0 && staging->count < INTENTS_MAX)
        at = (int)staging->count++;
    else if (at < 0 && !intent->withdrawn)
        at = spare(staging);
    if (at < 0)
        return false;
    staging->intents[at] = *intent;
    own_texts(&staging->arena, &staging->intents[at]);
    staging->texts++;
    staging_check(staging);
    return true;
}

/* Greater than that of all that is staged. */
static uint64_t next_order(const struct staging *staging)
{
    uint64_t order = 0;

    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].order > order)
            order = staging->intents[i].order;
    }
    return order < ORDER_MAX ? order + 1 : ORDER_MAX;
}

enum err staging_add(struct staging *staging, struct intent intent)
{
    ASSERT(intent.tag != 0);
    ASSERT(!intent.withdrawn);
    intent.base = staging->base;
    intent.order = next_order(staging);
    return keep(staging, &intent) ? ERR_OK : ERR_FULL;
}

void staging_restore(struct staging *staging, const struct staging *before)
{
    ASSERT(before->base == staging->base);
    memcpy(staging->intents, before->intents, before->count * sizeof(before->intents[0]));
    staging->count = before->count;
}

/* Whether another node's intent is one that could have been staged here. */
static bool fits(const struct staging *staging, const struct intent *intent)
{
    if (intent->base != staging->base || intent->tag == 0 || intent->order > ORDER_MAX ||
        intent->node == 0 || intent->weight > STAGED_WEIGHT_MAX)
        return false;
    return intent->kind != INTENT_JOIN || (intent->name.len > 0 && intent->address.len > 0);
}

bool staging_merge(struct staging *staging, const struct intent *intent)
{
    int at = find(staging, intent->kind, intent->node);

    if (!fits(staging, intent) || (at >= 0 && !outranks(intent, &staging->intents[at])))
        return false;
    return keep(staging, intent);
}

static void withdraw(struct staging *staging, struct intent *intent)
{
    if (intent->withdrawn)
        return;
    intent->order = next_order(staging);
    intent->withdrawn = true;
}

void staging_clear(struct staging *staging)
{
    for (uint32_t i = 0; i < staging->count; i++)
        withdraw(staging, &staging->intents[i]);
}

void staging_withdraw(struct staging *staging, uint64_t node)
{
    int at = find(staging, INTENT_JOIN, node);

    if (at >= 0)
        withdraw(staging, &staging->intents[at]);
}

const struct intent *staging_join(const struct staging *staging, uint64_t node)
{
    int at = find(staging, INTENT_JOIN, node);

    return at < 0 || staging->intents[at].withdrawn ? NULL : &staging->intents[at];
}

bool staging_withdrawn(const struct staging *staging, uint64_t node)
{
    int at = find(staging, INTENT_JOIN, node);

    return at >= 0 && staging->intents[at].withdrawn;
}

uint32_t staging_size(const struct staging *staging)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < staging->count; i++)
        count += staging_counts(staging, i);
    return count;
}

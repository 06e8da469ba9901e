/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/staging.h"

#include "base/check.h"

/* Orders count how often was staged: beyond this they are nonsense, and adding one would wrap. */
#define ORDER_MAX (UINT64_MAX / 2)

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

static struct intent *find(struct staging *staging, uint64_t tag)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].tag == tag)
            return &staging->intents[i];
    }
    return NULL;
}

/* Whether an intent has an effect beside those here, be it one of them or not. */
static bool has_effect(const struct staging *staging, const struct intent *a)
{
    if (a->withdrawn)
        return false;
    for (uint32_t i = 0; i < staging->count; i++) {
        const struct intent *b = &staging->intents[i];
        if (b->tag == a->tag || b->withdrawn || b->kind != a->kind || b->node != a->node)
            continue;
        if (b->order > a->order || (b->order == a->order && b->tag > a->tag))
            return false;
    }
    return true;
}

bool staging_counts(const struct staging *staging, uint32_t at)
{
    ASSERT(at < staging->count);
    return has_effect(staging, &staging->intents[at]);
}

/* Gives up what has no effect any more; a withdrawn one that is still told elsewhere may come back
 * as withdrawn only. */
static bool make_room(struct staging *staging)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging_counts(staging, i))
            continue;
        staging->count--;
        memmove(&staging->intents[i], &staging->intents[i + 1],
                (staging->count - i) * sizeof(staging->intents[0]));
        return true;
    }
    return false;
}

static void keep(struct staging *staging, const struct intent *intent)
{
    struct intent *own = &staging->intents[staging->count++];

    ASSERT(staging->count <= INTENTS_MAX);
    *own = *intent;
    own->name = arena_copy(&staging->arena, intent->name);
    own->address = arena_copy(&staging->arena, intent->address);
    own->location = arena_copy(&staging->arena, intent->location);
    staging_check(staging);
}

enum err staging_add(struct staging *staging, struct intent intent)
{
    ASSERT(intent.tag != 0);
    ASSERT(find(staging, intent.tag) == NULL);
    if (staging->count == INTENTS_MAX && !make_room(staging))
        return ERR_FULL;
    intent.base = staging->base;
    intent.order = 1;
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].order >= intent.order && staging->intents[i].order < ORDER_MAX)
            intent.order = staging->intents[i].order + 1;
    }
    keep(staging, &intent);
    return ERR_OK;
}

void staging_drop_last(struct staging *staging)
{
    ASSERT(staging->count > 0);
    staging->count--;
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
    struct intent *own = find(staging, intent->tag);

    if (!fits(staging, intent))
        return false;
    if (own != NULL) {
        bool news = intent->withdrawn && !own->withdrawn;
        own->withdrawn = own->withdrawn || intent->withdrawn;
        return news;
    }
    /* Room is made for what has an effect only. Else two nodes that are full would hand each other
     * for ever what the other has just given up, and call it news to all each time. */
    if (staging->count == INTENTS_MAX && (!has_effect(staging, intent) || !make_room(staging)))
        return false;
    keep(staging, intent);
    return true;
}

void staging_clear(struct staging *staging)
{
    for (uint32_t i = 0; i < staging->count; i++)
        staging->intents[i].withdrawn = true;
}

void staging_withdraw(struct staging *staging, uint64_t node)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        if (staging->intents[i].kind == INTENT_JOIN && staging->intents[i].node == node)
            staging->intents[i].withdrawn = true;
    }
}

const struct intent *staging_join(const struct staging *staging, uint64_t node)
{
    for (uint32_t i = 0; i < staging->count; i++) {
        const struct intent *intent = &staging->intents[i];
        if (intent->kind == INTENT_JOIN && intent->node == node && staging_counts(staging, i))
            return intent;
    }
    return NULL;
}

bool staging_withdrawn(const struct staging *staging, uint64_t node)
{
    bool any = false;

    for (uint32_t i = 0; i < staging->count; i++) {
        const struct intent *intent = &staging->intents[i];
        any = any || (intent->kind == INTENT_JOIN && intent->node == node && intent->withdrawn);
    }
    return any && staging_join(staging, node) == NULL;
}

uint32_t staging_size(const struct staging *staging)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < staging->count; i++)
        count += staging_counts(staging, i);
    return count;
}

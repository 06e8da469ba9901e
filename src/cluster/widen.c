/* SPDX-License-Identifier: Apache-2.0 */
/* Longer lists of replicas, for a bucket that wants more copies than any list has places. */
#include "base/check.h"
#include "cluster/plan.h"
#include "model/draft.h"
#include "ring/ring.h"

struct widening {
    const struct document *draft;
    uint32_t n;
    uint16_t *place, *goal;
    uint32_t *load; /* lists that a member is in */
};

/* How many of the list stand in the location of this member. */
static uint32_t neighbours(const struct widening *w, const uint16_t *list, uint32_t index)
{
    const struct document *d = w->draft;
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->n && list[i] != RING_NOBODY; i++)
        count += bytes_eq(d->members[list[i]].location, d->members[index].location);
    return count;
}

static bool in_list(const struct widening *w, const uint16_t *list, uint32_t index)
{
    for (uint32_t i = 0; i < w->n && list[i] != RING_NOBODY; i++) {
        if (list[i] == index)
            return true;
    }
    return false;
}

/* Whether `a` should be added to the list rather than `b`. */
static bool rather(const struct widening *w, const uint16_t *list, uint32_t a, uint32_t b)
{
    const struct member *members = w->draft->members;
    uint32_t near_a = neighbours(w, list, a), near_b = neighbours(w, list, b);

    if (near_a != near_b)
        return near_a < near_b;
    return (uint64_t)w->load[a] * members[b].weight < (uint64_t)w->load[b] * members[a].weight;
}

static void widen_list(struct widening *w, uint16_t *list)
{
    const struct document *d = w->draft;
    uint32_t len = 0;

    while (len < w->n && list[len] != RING_NOBODY)
        len++;
    for (; len < w->n; len++) {
        uint32_t best = RING_NOBODY;
        for (uint32_t i = 0; i < d->members_count; i++) {
            bool stays = d->members[i].state == MEMBER_VALID && d->members[i].weight > 0;
            if (!stays || in_list(w, list, i))
                continue;
            if (best == RING_NOBODY || rather(w, list, i, best))
                best = i;
        }
        if (best == RING_NOBODY)
            return;
        list[len] = (uint16_t)best;
        w->load[best]++;
    }
}

/* The draft's lists, with places of nobody at their ends. */
static uint16_t *longer(struct arena *arena, const struct document *d, const uint16_t *lists,
                        uint32_t n)
{
    uint16_t *longer = arena_alloc_array(arena, (size_t)d->partitions * n, sizeof(*longer));

    for (size_t i = 0; i < (size_t)d->partitions * n; i++) {
        size_t place = i % n;
        longer[i] = place < d->n_max ? lists[i / n * d->n_max + place] : RING_NOBODY;
    }
    return longer;
}

void plan_widen(struct arena *arena, struct document *draft, uint32_t n)
{
    struct widening w = {.draft = draft, .n = n};

    ASSERT(n >= draft->n_max);
    ASSERT(n <= REPLICAS_MAX);
    w.load = arena_alloc_array(arena, draft->members_count, sizeof(*w.load));
    w.place = longer(arena, draft, draft->place, n);
    w.goal = longer(arena, draft, draft->goal, n);
    for (uint32_t i = 0; i < draft->members_count; i++)
        w.load[i] = plan_share(draft, draft->goal, i);
    for (uint32_t p = 0; p < draft->partitions; p++)
        widen_list(&w, w.goal + (size_t)p * n);
    draft_set_members(draft, draft->members, draft->members_count, n, w.place, w.goal);
}

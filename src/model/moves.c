/* SPDX-License-Identifier: Apache-2.0 */
#include "model/moves.h"

#include "base/check.h"
#include "model/draft.h"

/* The two lists of one partition. */
struct lists {
    const struct document *d;
    const uint16_t *place, *goal;
    uint32_t n, len; /* of `place` */
};

static struct lists lists_of(const struct document *d, uint32_t partition)
{
    struct lists l = {d, d->place + (size_t)partition * d->n_max,
                      d->goal + (size_t)partition * d->n_max, d->n_max, 0};

    ASSERT(partition < d->partitions);
    while (l.len < l.n && l.place[l.len] != MOVE_NOBODY)
        l.len++;
    return l;
}

static bool has(const uint16_t *list, uint32_t n, uint16_t index)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] == index)
            return true;
    }
    return false;
}

/* Whether somebody else in the list, once `to` has the place, stands in its location. */
static bool crowds(const struct lists *l, uint32_t place, uint16_t to)
{
    for (uint32_t i = 0; i < l->len; i++) {
        if (i != place && bytes_eq(l->d->members[l->place[i]].location, l->d->members[to].location))
            return true;
    }
    return false;
}

/* The place that a newcomer takes: its own if who holds that goes, or if it is the next free one;
 * else that of anybody who goes; else the next free one. */
static uint32_t place_for(const struct lists *l, uint32_t own)
{
    if (own == l->len || (own < l->len && !has(l->goal, l->n, l->place[own])))
        return own;
    for (uint32_t i = 0; i < l->len; i++) {
        if (!has(l->goal, l->n, l->place[i]))
            return i;
    }
    ASSERT(l->len < l->n);
    return l->len;
}

struct move move_next(const struct document *d, uint32_t partition)
{
    struct lists l = lists_of(d, partition);
    struct move best = {.kind = MOVE_NONE};
    unsigned best_rank = 0;

    if (memcmp(l.place, l.goal, l.n * sizeof(*l.place)) == 0)
        return best;
    best.kind = MOVE_LIST;
    for (uint32_t i = 0; i < l.n; i++) {
        uint16_t to = l.goal[i];
        if (to == MOVE_NOBODY || has(l.place, l.n, to))
            continue;
        uint32_t place = place_for(&l, i);
        uint16_t from = place < l.len ? l.place[place] : MOVE_NOBODY;
        if (from != MOVE_NOBODY && !member_serves(&d->members[from]))
            from = MOVE_NOBODY;
        unsigned rank = (from == MOVE_NOBODY ? 4u : 2u) + (crowds(&l, place, to) ? 0u : 1u);
        if (rank > best_rank) {
            best_rank = rank;
            best = (struct move){MOVE_ONE, place, from, to};
        }
    }
    return best;
}

uint32_t moves_count(const struct document *d)
{
    uint32_t count = 0;

    if (d->place == d->goal)
        return 0;
    for (uint32_t p = 0; p < d->partitions; p++)
        count += move_next(d, p).kind != MOVE_NONE;
    return count;
}

bool moves_done(struct document *draft, uint32_t partition, const struct move *move)
{
    struct move next = move_next(draft, partition);
    size_t total = (size_t)draft->partitions * draft->n_max;

    if (next.kind != MOVE_ONE || next.place != move->place || next.from != move->from ||
        next.to != move->to)
        return false;
    uint16_t *place = arena_alloc_array(&draft->arena, total, sizeof(*place));
    memcpy(place, draft->place, total * sizeof(*place));
    place[(size_t)partition * draft->n_max + move->place] = move->to;
    draft->place = place;
    return true;
}

static bool named(const struct document *d, uint16_t index)
{
    for (size_t i = 0; i < (size_t)d->partitions * d->n_max; i++) {
        if (d->place[i] == index || d->goal[i] == index)
            return true;
    }
    return false;
}

/* The draft without members that are gone for good and named no more. */
static void forget(struct document *draft)
{
    struct member members[NODES_MAX];
    uint16_t names[NODES_MAX];
    uint32_t count = 0;
    size_t total = (size_t)draft->partitions * draft->n_max;

    for (uint32_t i = 0; i < draft->members_count; i++) {
        names[i] = (uint16_t)count;
        if (member_serves(&draft->members[i]) || named(draft, (uint16_t)i))
            members[count++] = draft->members[i];
    }
    if (count == draft->members_count)
        return;
    uint16_t *lists = arena_alloc_array(&draft->arena, 2 * total, sizeof(*lists));
    for (size_t i = 0; i < total; i++) {
        lists[i] = draft->place[i] == MOVE_NOBODY ? MOVE_NOBODY : names[draft->place[i]];
        lists[total + i] = draft->goal[i] == MOVE_NOBODY ? MOVE_NOBODY : names[draft->goal[i]];
    }
    draft_set_members(draft, members, count, draft->n_max, lists, lists + total);
}

void moves_settle(struct document *draft)
{
    size_t total = (size_t)draft->partitions * draft->n_max;
    uint16_t *place = arena_alloc_array(&draft->arena, total, sizeof(*place));

    for (uint32_t p = 0; p < draft->partitions; p++) {
        size_t at = (size_t)p * draft->n_max;
        bool whole = move_next(draft, p).kind == MOVE_LIST;
        memcpy(place + at, (whole ? draft->goal : draft->place) + at,
               draft->n_max * sizeof(*place));
    }
    draft->place = place;
    forget(draft);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Step 5 of the solver: fewer moves for the same loads.
 *
 * A hop is: one node takes a replica from another. It costs one move when the taker had no replica
 * of that partition before, and saves one when the giver had none. In a circle of hops every node
 * gives one and takes one, so no load changes. A map has the least moves for its loads when no
 * circle saves more than it costs (the cancelling of negative cycles: Klein, 1967); circles are
 * found as Bellman and Ford find them. */
#include "base/check.h"
#include "ring/solver_int.h"

enum { NO_HOP = 2, STEPS_MAX = 1 << 27 };

/* The cheapest hop for each pair. */
struct hop {
    int32_t cost; /* -1, 0, 1; NO_HOP: there is none */
    uint32_t partition;
};

struct made {
    uint32_t partition;
    uint32_t position;
    uint16_t giver;
};

struct savings {
    struct solver *s;
    uint16_t nodes;
    struct hop *hops;  /* taker * nodes + giver */
    int32_t *cost;     /* of the cheapest way to a giver */
    uint16_t *taker;   /* ... and its last hop's taker */
    uint16_t *visit;   /* the start of the walk that came by */
    struct made *made; /* hops of a circle that were made */
    uint64_t steps;    /* work done; a bound on it keeps the solver fast and its answer the same */
};

static struct hop *hop_of(const struct savings *v, uint16_t taker, uint16_t giver)
{
    ASSERT(taker < v->nodes);
    ASSERT(giver < v->nodes);
    return &v->hops[(size_t)taker * v->nodes + giver];
}

/* The hops by which a giver would hand on its replica of a partition. */
static void offer_replica(struct savings *v, uint32_t partition, uint16_t giver)
{
    const struct solver_input *input = v->s->input;
    int32_t saved = solver_stood(input, partition, giver) ? 0 : 1;

    for (uint16_t taker = 0; taker < v->nodes; taker++) {
        struct hop *hop = hop_of(v, taker, giver);
        int32_t cost = (solver_stood(input, partition, taker) ? 0 : 1) - saved;
        if (cost < hop->cost && solver_may_take(v->s, partition, taker, giver))
            *hop = (struct hop){cost, partition};
    }
    v->steps += v->nodes;
}

static void find_hops(struct savings *v)
{
    const struct solver_input *input = v->s->input;

    for (size_t i = 0; i < (size_t)v->nodes * v->nodes; i++)
        v->hops[i] = (struct hop){NO_HOP, 0};
    for (uint32_t p = 0; p < input->partitions; p++) {
        for (uint32_t i = 0; i < input->n; i++) {
            uint16_t giver = solver_row(v->s, p)[i];
            if (giver != RING_NOBODY)
                offer_replica(v, p, giver);
        }
    }
}

/* One round over all hops; false when no way became cheaper. */
static bool shorten_ways(struct savings *v)
{
    bool shorter = false;

    for (uint16_t taker = 0; taker < v->nodes; taker++) {
        for (uint16_t giver = 0; giver < v->nodes; giver++) {
            const struct hop *hop = hop_of(v, taker, giver);
            if (hop->cost == NO_HOP || v->cost[taker] + hop->cost >= v->cost[giver])
                continue;
            v->cost[giver] = v->cost[taker] + hop->cost;
            v->taker[giver] = taker;
            shorter = true;
        }
    }
    v->steps += (uint64_t)v->nodes * v->nodes;
    return shorter;
}

/* A node on a circle of last hops, or RING_NOBODY. Only a circle that saves can come about. */
static uint16_t on_circle(struct savings *v)
{
    for (uint16_t i = 0; i < v->nodes; i++)
        v->visit[i] = RING_NOBODY;
    for (uint16_t start = 0; start < v->nodes; start++) {
        uint16_t node = start;
        while (node != RING_NOBODY && v->visit[node] == RING_NOBODY) {
            v->visit[node] = start;
            node = v->taker[node];
        }
        if (node != RING_NOBODY && v->visit[node] == start)
            return node;
    }
    return RING_NOBODY;
}

static uint16_t find_circle(struct savings *v)
{
    for (uint16_t i = 0; i < v->nodes; i++) {
        v->cost[i] = 0;
        v->taker[i] = RING_NOBODY;
    }
    while (shorten_ways(v)) {
        uint16_t node = on_circle(v);
        if (node != RING_NOBODY)
            return node;
    }
    return RING_NOBODY;
}

/* Makes the hops of a circle. Two hops through one partition may each be legal and not both: then
 * all is as it was, and the answer is false. */
static bool go_round(struct savings *v, uint16_t first)
{
    uint16_t giver = first;
    uint32_t count = 0;
    bool legal;

    do {
        uint16_t taker = v->taker[giver];
        uint32_t p = hop_of(v, taker, giver)->partition;
        int at = solver_position(v->s, p, giver);
        legal = at >= 0 && solver_may_take(v->s, p, taker, giver);
        if (!legal)
            break;
        ASSERT(count < v->nodes);
        v->made[count++] = (struct made){p, (uint32_t)at, giver};
        solver_set(v->s, p, (uint32_t)at, taker);
        giver = taker;
    } while (giver != first);
    if (legal)
        return true;
    while (count-- > 0)
        solver_set(v->s, v->made[count].partition, v->made[count].position, v->made[count].giver);
    return false;
}

void savings_make(struct solver *s, struct arena *arena, uint32_t bound)
{
    size_t nodes = s->input->nodes_count;
    uint32_t moved = solver_moved(s);
    struct savings v = {.s = s, .nodes = s->input->nodes_count};

    if (moved <= bound)
        return;
    v.hops = arena_alloc_array(arena, nodes * nodes, sizeof(*v.hops));
    v.cost = arena_alloc_array(arena, nodes, sizeof(*v.cost));
    v.taker = arena_alloc_array(arena, nodes, sizeof(*v.taker));
    v.visit = arena_alloc_array(arena, nodes, sizeof(*v.visit));
    v.made = arena_alloc_array(arena, nodes, sizeof(*v.made));
    while (moved > bound && v.steps < STEPS_MAX) {
        find_hops(&v);
        uint16_t circle = find_circle(&v);
        if (circle == RING_NOBODY || !go_round(&v, circle))
            return;
        uint32_t now = solver_moved(s);
        ASSERT(now < moved);
        moved = now;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: the next map of replicas from the present one, with minimum movement, in integers only
 * and with no chance in it: the same input gives the same map on every node.
 *
 * 1. Targets. A location may hold at most one replica of each partition when there are at least n
 *    locations, else ceil(n / locations) of each. Locations get shares by weight, those above their
 *    cap are clamped and the rest is shared again (water-filling); then the nodes of a location in
 *    the same way, capped at one replica of each partition. Rounded by largest remainder; ties go
 *    to who holds more already, then to the smaller id.
 * 2. Keep what stands and breaks no rule.
 * 3. Fill the holes, the partitions with the fewest candidates first.
 * 4. Balance: while a node is under its target, move a replica to it along a shortest augmenting
 *    path from a node over its target.
 * 5. Polish: rotate the order in each list so that first places are spread; nothing moves.
 *
 * The idea of an explicit map with small changes is that of tablets; the augmentation is that of
 * bipartite matching (Ford and Fulkerson, 1956). */
#ifndef RING_SOLVER_H
#define RING_SOLVER_H

#include "base/arena.h"
#include "base/err.h"
#include "ring/ring.h"

struct solver_node {
    uint64_t id;       /* breaks ties */
    uint32_t weight;   /* 0: holds nothing */
    uint32_t location; /* equal numbers stand together */
    bool leaving;      /* shall hold nothing */
};

struct solver_input {
    const struct solver_node *nodes;
    uint16_t nodes_count; /* <= 1024 */
    uint32_t partitions;
    uint32_t n; /* replicas wanted, <= RING_REPLICAS_MAX */
    const uint16_t
        *old; /* partitions * old_n indexes of `nodes`, RING_NOBODY where there is none */
    uint32_t old_n;
};

struct solver_result {
    uint16_t *place;   /* partitions * n, in the arena; RING_NOBODY beyond the nodes there are */
    uint32_t *targets; /* replicas that each node should have */
    uint32_t moved;    /* replicas that stand where none of that partition stood before */
    uint32_t bound;    /* the least number that any solution must move: sum max(0, target - old) */
};

/* ERR_BAD_REQUEST when no node may hold anything. */
enum err solver_run(struct arena *arena, const struct solver_input *input,
                    struct solver_result *ret_result) MUST_CHECK;

#endif

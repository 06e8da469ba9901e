/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: the next map of replicas from the present one, with minimum movement, in integers only
 * and with no chance in it: the same input gives the same map on every node.
 *
 * 1. Targets. A location may hold so many replicas of a partition that all find a node, and no
 *    more: one when there are at least n locations, else n / locations, rounded up, or more where
 *    locations have too few nodes. Locations get shares by weight, those above their cap are
 *    clamped and the rest is shared again (water-filling); then the nodes of a location in the same
 *    way, capped at one replica of each partition. Rounded by largest remainder; ties go to who
 *    holds more already, then to the smaller id.
 * 2. Keep what stands and breaks no rule, where it stands.
 * 3. Fill the holes, the partitions with the fewest candidates first.
 * 4. Balance: while a node is under its target, move a replica to it: from the node furthest over
 *    its target, or along a shortest augmenting path. Such a path exists as long as any node is off
 *    its target, for the targets can be met: give each node its even part of every partition, and
 *    a flow in fractions that meets all caps has a whole one beside it.
 * 5. Save: take moves back that others made needless (savings.c). What is left is the least
 *    movement for these targets.
 * 6. Polish: newcomers of one list share its free positions so that every node stands about
 *    equally often at each.
 *
 * A node that stays in a list keeps its position; in a list that cannot be filled, its order among
 * those that stay. For a bucket with n_val = k has its replicas on the first k: were two members
 * of a list to change places, such a bucket's data would be where nobody moved it.
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
    uint32_t n;          /* replicas wanted, <= RING_REPLICAS_MAX */
    const uint16_t *old; /* partitions * old_n indexes of `nodes`, or RING_NOBODY */
    uint32_t old_n;      /* 0: there is no present map */
};

struct solver_result {
    uint16_t *place;   /* partitions * n, in the arena; RING_NOBODY at the end of short lists */
    uint32_t *targets; /* replicas that each node should have */
    uint32_t moved;    /* replicas that stand where none of that partition stood before */
    uint32_t bound;    /* the least number that any solution must move: sum max(0, target - old) */
};

/* ERR_BAD_REQUEST when no node may hold anything. ERR_REFUSED when the checker (ring/checker.h)
 * finds fault with the map, which would be a mistake in the solver. */
enum err solver_run(struct arena *arena, const struct solver_input *input,
                    struct solver_result *ret_result) MUST_CHECK;

#endif

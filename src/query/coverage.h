/* SPDX-License-Identifier: Apache-2.0 */
/* A coverage plan: which nodes to ask so that every partition is read once from a live replica,
 * with as few nodes as a greedy set cover finds (most uncovered partitions first; ties by the
 * request's number, so that the load goes round). */
#ifndef QUERY_COVERAGE_H
#define QUERY_COVERAGE_H

#include "model/limits.h"
#include "msg/view.h"

struct coverage {
    uint64_t salt;
    uint16_t nodes[NODES_MAX]; /* indexes of members, best first */
    uint16_t count;
    uint64_t epoch; /* the plan is of this document */
};

/* Plans over the first `n` replicas of each partition. */
void coverage_plan(struct coverage *coverage, const struct view *view, uint32_t n, uint64_t salt);

/* The node to ask for a partition: the planned one at attempt 0, other live replicas after it; 0
 * when no replica is live. */
uint64_t coverage_node(const struct coverage *coverage, const struct view *view, uint32_t partition,
                       uint32_t n, uint32_t attempt);

#endif

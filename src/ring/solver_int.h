/* SPDX-License-Identifier: Apache-2.0 */
/* The solver at work: the map that it makes and what it counts on the way. */
#ifndef RING_SOLVER_INT_H
#define RING_SOLVER_INT_H

#include "ring/solver.h"

struct solver {
    const struct solver_input *input;
    uint16_t *place; /* partitions * n; until the end holes may stand anywhere */
    uint32_t *load;  /* replicas on each node */
    uint32_t *at;    /* ... by position: nodes * n */
    uint32_t *targets;
    uint32_t copies;   /* of each partition */
    uint32_t cap;      /* replicas of one partition in one location */
    uint16_t *reached; /* breadth-first search: from which node */
    uint32_t *through; /* ... by moving a replica of which partition */
    uint16_t *queue;
};

/* The list of a partition. */
uint16_t *solver_row(const struct solver *s, uint32_t partition);

/* The position of a node in a partition's list, or -1. */
int solver_position(const struct solver *s, uint32_t partition, uint16_t node);

/* The only writer of lists: the old holder, if any, gives up the position. */
void solver_set(struct solver *s, uint32_t partition, uint32_t position, uint16_t node);

/* Whether `node` may take a replica of the partition, in the place of `without` or in a new one. */
bool solver_may_take(const struct solver *s, uint32_t partition, uint16_t node, uint16_t without);

/* Whether a node has a replica of the partition in the present map. */
bool solver_stood(const struct solver_input *input, uint32_t partition, uint16_t node);

/* Replicas that stand where none of that partition stood before. */
uint32_t solver_moved(const struct solver *s);

/* Step 5 of the solver, for a map that meets its targets: takes moves back in circles. `bound` is a
 * number of moves that no map can be below. */
void savings_make(struct solver *s, struct arena *arena, uint32_t bound);

#endif

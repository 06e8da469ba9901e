/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RING_TARGETS_INT_H
#define RING_TARGETS_INT_H

#include "ring/solver.h"

/* How many replicas of one partition a location may hold: the fewest that leave none without a
 * node. */
uint32_t targets_location_cap(const struct solver_input *input);

/* Replicas of one partition that can be placed at all: at most one on a node. */
uint32_t targets_copies(const struct solver_input *input);

/* The target of every node, in the arena. `held` is what each has now. */
uint32_t *targets_make(struct arena *arena, const struct solver_input *input, const uint32_t *held);

/* Whether a node may hold replicas. */
bool targets_usable(const struct solver_input *input, uint16_t node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* An operator: by the HTTP API, like any other, he lets nodes join, has plans made, commits them,
 * changes weights and locations, at whatever node comes to mind, alone or beside a second one. He
 * knows which nodes are members already, for he can look at all of them; what he is told is checked
 * against that. */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include "sim/world.h"

/* Another one is at work in the world. `meddle_us`: he asks something that often, on average,
 * whatever came of the last; half of his kind do not wait long for it either. 0: he thinks. */
void operator_add(struct world *w, uint64_t meddle_us);
void operator_free(struct world *w, struct sim_operator *op);
bool operator_busy(const struct sim_operator *op);

/* Whether one of them waits for a commit: just then partitions may not get their first objects. */
bool operators_commit(const struct world *w);

/* Whether all nodes are members and know it. */
bool operator_done(struct world *w);

#endif

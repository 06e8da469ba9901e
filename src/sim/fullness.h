/* SPDX-License-Identifier: Apache-2.0 */
/* Judges what a node that was told that its disk is nearly full still writes: no row may have a
 * value that the row before it had not. */
#ifndef SIM_FULLNESS_H
#define SIM_FULLNESS_H

#include "sim/node.h"

/* Before the commit of a node is made. */
void fullness_judge(struct world *w, const struct sim_node *node, const struct store_op *op);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Watches the cluster documents that nodes have. Of each epoch of a cluster there is one document
 * only, whoever has it and whenever; it names the one before; and a process never goes back. */
#ifndef SIM_EPOCHS_H
#define SIM_EPOCHS_H

#include "sim/world.h"

struct sim_node;

/* After each step of a node. */
void epochs_look(struct world *w, struct sim_node *node);

/* Whether some node has, or had, this epoch of the cluster that clients talk to. */
bool epochs_has(const struct world *w, uint64_t epoch);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How a simulated cluster comes to be. */
#ifndef SIM_FORM_H
#define SIM_FORM_H

#include "sim/world.h"

/* All nodes are given the same first document, as if they had joined long ago, and start. */
void form_given(struct world *w);

/* All nodes start with empty disks, each a cluster of its own; the first one's is the one that
 * operators let the others join. */
void form_alone(struct world *w);

#endif

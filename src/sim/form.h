/* SPDX-License-Identifier: Apache-2.0 */
/* How a simulated cluster comes to be: all nodes are given the same first document, as if they had
 * joined long ago. */
#ifndef SIM_FORM_H
#define SIM_FORM_H

#include "sim/world.h"

/* Makes the nodes and starts them. */
void form_cluster(struct world *w);

#endif

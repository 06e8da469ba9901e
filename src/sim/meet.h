/* SPDX-License-Identifier: Apache-2.0 */
/* What anti-entropy promises: once the trouble is over, replicas become equal though nobody
 * reads. */
#ifndef SIM_MEET_H
#define SIM_MEET_H

#include "sim/world.h"

/* Nodes compare their replicas from now on, or no longer: a world in which they do has no rest. */
void meet_switch(struct world *w, bool on);

/* Lets every pair of replicas be compared once, with the world at rest before and after; false, and
 * the world has failed, when they do not come to an end. */
bool meet_reach(struct world *w);

/* Does that, and looks at the disks, also after a crash of all; where rows have rotted, that is for
 * the readers to find. */
void meet_judge(struct world *w);

#endif

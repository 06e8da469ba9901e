/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true when all is mended and at rest: every key, read from all of its replicas
 * through every node, has the values that the history demands; listings have each living key
 * once; all nodes tell the same epoch and the same settings; the replicas are equal, byte for
 * byte. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "sim/world.h"

/* Fails the run when it is not so. */
void judge(struct world *w);

#endif

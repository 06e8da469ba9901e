/* SPDX-License-Identifier: Apache-2.0 */
/* Rest: no request is under way, no disk is busy, every node is up and knows that the others are.
 * A healed world must come to it. */
#ifndef SIM_REST_H
#define SIM_REST_H

#include "sim/world.h"

/* Runs the world until it rests; fails it when that takes too long. Nobody asks anything more. */
void rest_reach(struct world *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How a world is. Each has its own mixture, drawn from the seed (swarm testing: Groce and others,
 * 2012), so that some have terrible disks and a perfect network, and others the reverse. */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include "sim/world.h"

/* A quiet world: nothing is drawn, nothing goes wrong, nobody asks. */
void draw_nothing(struct world *w);

/* Draws the parameters and the configuration of a world from its seed. */
void draw_world(struct world *w);

#endif

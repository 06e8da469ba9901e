/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong. Each world has its own mixture, drawn from the seed (swarm testing: Groce and
 * others, 2012), so that some have terrible disks and a perfect network, and others the reverse.
 * Budgets: rows rot on one node only, and only where keys have other copies; nothing that was
 * synced is ever taken away otherwise. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "sim/world.h"

/* Draws the parameters of a world. */
void faults_draw(struct world *w);

struct faults;

/* Starts the trouble; it goes on while w->faults_on. */
struct faults *faults_new(struct world *w);
void faults_free(struct world *w, struct faults *faults);

/* Everything is mended: cuts, pauses, broken disks, dead processes. */
void faults_end(struct world *w);

#endif

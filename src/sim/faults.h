/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and when. Budgets: rows rot on one node only, and only where keys have other
 * copies; nothing that was synced is ever taken away otherwise; at most half of the nodes are down
 * at a time, most of the time. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "sim/world.h"

struct faults;

/* Starts the trouble; it goes on while w->faults_on. */
struct faults *faults_new(struct world *w);
void faults_free(struct world *w, struct faults *faults);

/* Everything is mended: cuts, pauses, broken disks, dead processes. */
void faults_end(struct world *w);

#endif

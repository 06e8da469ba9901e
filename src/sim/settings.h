/* SPDX-License-Identifier: Apache-2.0 */
/* One property of a bucket, set again and again through any node while things go wrong. It stands
 * in the cluster document, so sets are decided one after the other: in the end every node must tell
 * the value of one that may have been the last. */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include "sim/world.h"

/* A client sets it; returns the number of the set. */
uint32_t settings_invoke(struct world *w);

/* What set number `id` writes. */
uint32_t settings_value(uint32_t id);

void settings_over(struct world *w, uint32_t id, enum outcome outcome);

/* Judges what a node says after all is over. */
void settings_judge(struct world *w, unsigned node, uint32_t value);

#endif

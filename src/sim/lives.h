/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds whose values expire. One bucket has a time to live, and writes over HTTP may bring their
 * own, so that some values without expiry are replaced by such, and the other way round. Clocks
 * differ by less than the skew that nodes are told, so it is known within which bounds of time each
 * value must be read and must not. */
#ifndef SIM_LIVES_H
#define SIM_LIVES_H

#include "sim/question.h"
#include "sim/world.h"

/* How long the value of a question that writes `key` shall live; sets what the question says of it.
 * 0: for ever. */
uint64_t lives_draw(struct world *w, uint32_t key, bool http, struct question *q);

/* A write with such a value is sent; and it was acknowledged, so that it is known when it was made
 * at the latest. */
void lives_asked(struct world *w, uint32_t write, uint64_t life_us);
void lives_done(struct world *w, uint32_t write, uint64_t life_us);

/* Nothing is under way any more: waits until all that lives shortly has expired, and is removed. */
void lives_wait(struct world *w);

/* Whether a row with this end must have been removed by now, where nothing goes wrong. */
bool lives_removed(const struct world *w, uint64_t ends_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated world without chance, in which only what the test tells happens. */
#ifndef TESTS_SIM_STORY_H
#define TESTS_SIM_STORY_H

#include "sim/node.h"
#include "sim/question.h"
#include "sim/world.h"

extern struct world *world;

/* A cluster of so many nodes is there and serves; three replicas of each key. */
void story_begin(unsigned nodes);

/* All faults are over: everything comes to rest, and all replicas are the same. */
void story_end(void);

/* Time passes. */
void wait_ms(unsigned ms);

/* The process dies; it stays dead until it is started. What was synced is there then. */
void kill(unsigned node);
void revive(unsigned node);

/* Until every node that lives knows who else does. */
void wait_known(void);

/* The place of a node in the replica list of a key of the bucket of siblings: `nth` replica, or,
 * from 3 on, one that has none. */
unsigned node_of(const char *key, unsigned nth);

/* A blind write, or one with the context of the last read, through a node; `n` replicas must have
 * it. Whether it was acknowledged. */
bool put_through(unsigned node, const char *key, const char *value, unsigned n);
bool put_again(unsigned node, const char *key, const char *value, unsigned n);

/* Reads through a node with r replicas: the values, sorted, with commas between, or "none", or
 * "error". */
const char *get_through(unsigned node, const char *key, unsigned r);

/* Objects that the node keeps for others. */
unsigned kept_by(unsigned node);

#endif

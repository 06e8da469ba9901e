/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarded requests that were taken lately. A network may deliver a message twice, and a write
 * that is coordinated twice makes two values of one. Tokens of a node are not used again: each life
 * numbers its machines from a random start. Bounded: the oldest are forgotten. */
#ifndef SHARD_FORWARDS_H
#define SHARD_FORWARDS_H

#include "base/map.h"

enum { FORWARDS_MAX = 16384 };

struct forwards {
    struct map seen;
};

void forwards_init(struct forwards *forwards);
void forwards_done(struct forwards *forwards);

/* Whether this one is new; it is remembered. */
bool forwards_add(struct forwards *forwards, uint64_t node, uint64_t token);

#endif

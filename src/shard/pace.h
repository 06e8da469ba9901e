/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the disk of this node is slow. The host says once a second how long its commits take; the
 * other nodes are told, and ask others first while they have the choice. Slow is never dead: what
 * it has acknowledged counts as everybody's.
 *
 *   QUICK --a commit took PACE_SLOW_MS--> SLOW --none did for PACE_REST_MS--> QUICK
 *
 * Invariant: a disk that is slow now and then is SLOW all the time, so nobody changes his mind with
 * every commit. */
#ifndef SHARD_PACE_H
#define SHARD_PACE_H

#include "msg/outbox.h"

enum { PACE_SLOW_MS = 500, PACE_REST_MS = 30000 };

struct pace {
    bool slow;
    uint64_t slow_us; /* when the last slow commit was told of */
};

/* EV_HOST. */
void pace_told(struct pace *pace, const struct event *ev, struct outbox *out);

#endif

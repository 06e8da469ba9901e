/* SPDX-License-Identifier: Apache-2.0 */
/* One shard: the whole of the database's behaviour behind one total function. It routes events to
 * machines and sessions, owns the tables, the timers and the loop-back of local messages. It knows
 * no clock, no socket, no file and no thread. */
#ifndef SHARD_SHARD_H
#define SHARD_SHARD_H

#include "base/random.h"
#include "config/config.h"
#include "msg/outbox.h"
#include "msg/view.h"

struct shard;

struct shard_options {
    const struct config *config; /* outlives the shard */
    struct seed seed;            /* the process's one piece of true randomness */
    struct bytes name;           /* node name; copied */
    struct bytes peer_address;   /* where other nodes reach this one, host:port; copied */
};

struct shard *shard_new(const struct shard_options *options);

/* NULL is fine. */
void shard_free(struct shard *shard);

/* One step. The host resets the outbox before and executes it after. The first event is EV_START.
 *  */
void shard_step(struct shard *shard, const struct event *ev, struct outbox *out);

/* The monotonic time by which the shard wants EV_TIME; UINT64_MAX: never. */
uint64_t shard_deadline(const struct shard *shard);

/* What this node says first on every peer connection; views live until the next step. */
void shard_hello(const struct shard *shard, struct peer_hello *ret_hello);

/* For hosts and checkers that look but do not touch. */
const struct view *shard_view(const struct shard *shard);
const struct stats *shard_stats(const struct shard *shard);
/* Whether objects are kept here for other nodes. */
bool shard_keeps_hints(const struct shard *shard);
/* Whether replicas are to be taken over, or what is stored here belongs elsewhere. */
bool shard_moves(const struct shard *shard);

/* Whether all comparisons with other replicas that are this node's to begin have begun after that,
 * and found nothing that differs. */
bool shard_compared_since(const struct shard *shard, uint64_t mono_us);

bool shard_ready(const struct shard *shard);

#endif

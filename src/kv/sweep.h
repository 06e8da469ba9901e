/* SPDX-License-Identifier: Apache-2.0 */
/* Anti-entropy: when are two replicas of a partition compared? For each partition that this node
 * owns it keeps a pairing with every other owner, and says when an exchange (kv/exchange.h) is to
 * begin; the shard begins it, and tells what it came to.
 *
 *   WAITING --due, its peer is up, there is room--> RUNNING --ended--> WAITING
 *      '--due, its peer is down--> ASLEEP --the peer is back--> WAITING
 *
 * Of a pair of nodes the one with the lower id begins: now and then, and soon after an occasion:
 * the pairing is new (this node has started, or one of both has become an owner), or its peer is
 * back (a hello of it was heard, or it counts as reachable again). So each pair of replicas is
 * compared after everything that may have set them apart. What is asked for begins at once,
 * whoever has the lower id, and is tried until it was done: by an operator, or by a node that could
 * not keep what this one missed (kv/lacks.c).
 *
 * A comparison that moved something is followed by another one, less and less soon while that goes
 * on: where a bucket keeps one value a receiver may have dropped what it was sent, and knows then
 * what the sender does not. And one that left something is.
 *
 * Invariants:
 *  1. At most one exchange of a pairing is under way, and of all, anti_entropy.concurrency; an
 *     occasion meanwhile leads to another one after it.
 *  2. A pairing of which this node begins the exchanges is never forgotten: it waits, runs, or is
 *     asleep with its peer.
 *  3. With anti_entropy off, or while clients leave no room, only what was asked for begins. */
#ifndef KV_SWEEP_H
#define KV_SWEEP_H

#include "base/random.h"
#include "kv/exchange.h"
#include "msg/status.h"

struct sweep;

/* The tag of a sweep's exchanges. */
#define SWEEP_TAG UINT64_C(0x5eeb)

#define SWEEP_ALL UINT32_MAX /* every partition */

struct sweep *sweep_new(const struct config *config, const struct seed *seed);
void sweep_free(struct sweep *sweep);

/* Owners may have changed. */
void sweep_look(struct sweep *sweep, const struct view *view, uint64_t now_us);

/* A node is back, or may have been away for a moment. */
void sweep_back(struct sweep *sweep, uint64_t node, uint64_t now_us);

/* Compares this node's replica of a partition, or all, with all others, at once. */
void sweep_repair(struct sweep *sweep, uint32_t partition);

/* With how many that is. */
uint32_t sweep_pairs(const struct sweep *sweep, uint32_t partition);

/* An exchange that is to begin now; false when there is none. It counts as begun. */
bool sweep_due(struct sweep *sweep, const struct view *view, uint64_t requests, uint64_t now_us,
               struct exchange_order *ret_order);

/* When to ask again; UINT64_MAX: when one has ended. */
uint64_t sweep_deadline_us(const struct sweep *sweep);

/* One of them has ended. */
void sweep_exchanged(struct sweep *sweep, const struct exchange_result *result,
                     const struct event *ev);

/* Whether every comparison that this node has to begin has been made since, and found all equal. */
bool sweep_clean_since(const struct sweep *sweep, uint64_t mono_us);

/* For operators; in the arena. */
const struct sweep_status *sweep_status(const struct sweep *sweep, const struct view *view,
                                        struct arena *arena, uint64_t now_us);

#endif

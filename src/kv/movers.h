/* SPDX-License-Identifier: Apache-2.0 */
/* Taking replicas over: the side of the node that shall have them. What it shall have follows from
 * the document (model/moves.h); who has a replica now gives it away (kv/handover.h).
 *
 *   WAIT --a slot is free--> START --relaying--> COPY --pass clean--> TAKE --given away--> READY
 *     of nobody, or of one that is gone for good: the copy is made from all the others, one by one
 *   WAIT --a slot is free--> LOOK --it answers itself--> COPY --pass clean--> WAIT ... --> READY
 *     a replica that was given away and is to stay here after all (handover BACK):
 *   WAIT --a slot is free--> COPY --pass clean--> RETURN --the row is gone--> (none)
 *
 *   any state but READY, RETURN --refused, failed, the other went away--> WAIT, for a while
 *   any --the document says otherwise--> (none)
 *
 * READY is reported to the cluster, which decides an epoch that names the new owner. Nothing of
 * this is stored: after a restart it begins again, and finds what it copied before; a replica that
 * was given to this node is READY at the first question.
 *
 * Invariants:
 *  1. READY of a replica that somebody gives away only after that one said so, from stable storage.
 *  2. READY of a replica of nobody only after a clean pass with every other owner of the list that
 *     is not gone for good, each of which answered for the partition itself when the pass began.
 *  3. At most transfers_max replicas are being copied here at a time.
 *  4. An answer counts only for the attempt that asked. */
#ifndef KV_MOVERS_H
#define KV_MOVERS_H

#include "kv/exchange.h"
#include "msg/moved.h"

struct movers;

/* Attempts are numbered from `first_session` on: by chance, so that no two lives of a node have the
 * same. Below 2^45. */
struct movers *movers_new(const struct config *config, uint64_t first_session);
void movers_free(struct movers *movers);

/* The document is another one, or the node has started. */
void movers_epoch(struct movers *movers, struct vnodes *vnodes, const struct view *view,
                  struct outbox *out);

/* Asks what is to be asked. True: the exchange is to be begun now; call again. */
bool movers_due(struct movers *movers, struct vnodes *vnodes, const struct view *view,
                const struct event *ev, struct outbox *out, struct exchange_order *ret_order);
uint64_t movers_deadline_us(const struct movers *movers);

/* An exchange that was begun has ended. */
void movers_exchanged(struct movers *movers, const struct exchange_result *result,
                      const struct event *ev);

/* PEER_MOVED. */
void movers_answered(struct movers *movers, uint64_t from, const struct peer_moved *moved,
                     const struct event *ev, struct outbox *out);
void movers_link_down(struct movers *movers, uint64_t node, const struct event *ev);

/* Whether the replica was given to this node, though its document may not say so yet. */
bool movers_ready(const struct movers *movers, uint32_t partition);

/* What is READY; valid until the next call that may change it. */
const struct moved *movers_done(const struct movers *movers, uint32_t *ret_count);

/* How many replicas are being copied here, and how many wait for their turn. */
struct movers_totals {
    uint32_t active, waiting, ready;
};

struct movers_totals movers_totals(const struct movers *movers);

#endif

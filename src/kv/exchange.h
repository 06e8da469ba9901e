/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the rows of one partition here with those of one peer, page by page, and makes up the
 * differences: what heals and moves data. A pass needs no cursor that is trusted: data only grows
 * until it expires, so one that was interrupted begins again, and where both are equal already it
 * costs a hash for each page.
 *
 *   SCAN --own page--> ASK --the same--> REST | SYNC | DONE
 *                       '--rows--> MOVE --all rows over--> REST | SYNC | DONE
 *   REST --paused--> SCAN (the next page)
 *   SYNC (pull: the partition is through) --all is on stable storage--> DONE
 *   any --the peer is gone, silent or refuses; the store fails; this node stops--> DONE
 *
 *   a parcel in MOVE:   WAITING --> GET (asked of who has it) --> PUT (told who lacks it) --> OVER
 *
 * A pull and a push of the same row are two parcels. Objects are never judged here: the vnode that
 * gets one merges it, in the order of its key, as it does with a client's.
 *
 * Invariants:
 *  1. An object counts as moved only when its receiver acknowledged it as durable.
 *  2. The pass ends with ERR_OK only when every row of the partition was compared and what either
 *     side said of its rows is on stable storage there: the peer says so of its own (kv/digests.h,
 *     invariant 3), SYNC of ours.
 *  3. A row that was to be moved and was not, whatever the reason, counts as left.
 *  4. At most EXCHANGE_ROWS objects are on their way, and EXCHANGE_BYTES of them or one.
 *  5. Each page has an id of its own (struct machine, renew), and in it each row and direction a
 *     number: an answer that is late, or comes twice, never counts for another row.
 *  6. A digest that does not decode, at either side, is of an unknown object: it is fetched, and
 *     what the other side has is sent there.
 *  7. Each page begins after all that was compared before: the pass ends.
 *  8. What has expired altogether by a moment that the page's asker names is no row at either side:
 *     there it may be gone, here not yet. */
#ifndef KV_EXCHANGE_H
#define KV_EXCHANGE_H

#include "kv/machines.h"

struct exchange_order {
    uint32_t partition;
    uint64_t peer; /* not this node */
    bool pull;     /* what the peer has and we lack, or have older, is merged here, durably */
    bool push;     /* what we have and the peer lacks is merged there, durably */
    uint64_t tag;  /* comes back with the result */
};

/* ERR_OK and nothing left, with pull: every object that the peer had stored when the pass began,
 * and that is to be here, is covered by what is durable here; with push: the reverse. */
struct exchange_result {
    struct exchange_order order;
    uint64_t rows;           /* compared */
    uint64_t pulled, pushed; /* objects */
    uint64_t bytes;          /* of those objects' records */
    uint64_t left;           /* rows that may still differ in a wanted direction: refused, failed,
                                damaged */
    enum err err;            /* ERR_OK: the whole partition was compared; else why it ended early */
};

/* Begins a pass. It is of nobody's request; what it came to goes to transfers_exchanged. It may be
 * done already: the peer is not up. */
struct machine *exchange_new(const struct kv_env *env, uint64_t id,
                             const struct exchange_order *order, const struct event *ev,
                             struct outbox *out);

/* EV_STORED, EV_PEER (PEER_DIGESTED, PEER_GOT, PEER_PUT_ACK), EV_LINK_DOWN, EV_DEADLINE and
 * EV_STOP. */
void exchange_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                   struct outbox *out);

void exchange_free(struct machine *machine);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The answering side of an exchange (kv/exchange.h): what this node has of a range of a partition,
 * as a hash or, where that differs from the asker's, as digests. It answers from what is stored,
 * owner of the partition or not: when data moves, who had it is asked, and who will have it.
 *
 *   (none) --PEER_DIGESTS--> READING --page--> (answered)
 *                               '--the page that ends the partition--> SETTLING --> (answered)
 *
 * Invariants:
 *  1. A page has at most DIGESTS_ROWS_MAX rows and DIGESTS_BYTES_MAX bytes, or one row.
 *  2. The same rows give the same page, here and at the asker.
 *  3. The answer that ends a partition goes out when all that this node told of it is on stable
 *     storage: so an exchange that ended well says what a crash here cannot undo.
 *  4. A record that does not decode is never sent: it is healed, and the asker hears that there is
 *     a row whose digest is damaged. */
#ifndef KV_DIGESTS_H
#define KV_DIGESTS_H

#include "kv/vnode.h"

struct digests;

struct digests *digests_new(void);
void digests_free(struct digests *digests);

/* A PEER_DIGESTS from a member. */
void digests_ask(struct digests *digests, const struct view *view, uint64_t from,
                 const struct peer_digests *ask, struct outbox *out);

/* EV_STORED with a token of TOKEN_DIGESTS. */
void digests_stored(struct digests *digests, struct vnodes *vnodes, const struct event *ev,
                    struct outbox *out);

/* Questions that are not answered. */
uint32_t digests_waiting(const struct digests *digests);

/* ---- what both sides must do alike ---- */

/* The rows of a partition: from `from` (inclusive) to `end` (exclusive), in the arena. */
struct row_range {
    struct bytes from, end;
};

struct row_range digests_range(struct arena *arena, const struct ring *ring, uint32_t partition);

/* Reads one page of digests from there on. */
void digests_scan(uint64_t token, struct bytes from, struct bytes end, struct outbox *out);

/* Leaves out the rows of what had expired altogether by the cut-off; returns how many remain. One
 * that does not decode remains. */
uint32_t digests_standing(struct arena *arena, struct stored_row *rows, uint32_t count,
                          uint64_t cutoff_us);

/* The hash of rows in order: XXH3-64 of the row key, seeded with the hash of the rows before (0 at
 * the first), then of the record, seeded with that. */
uint64_t digests_hash(const struct stored_row *rows, uint32_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What this node must not forget: who it is, the newest document, what it promised and accepted as
 * a voter, and the cluster that it waits to join. All of it goes to the store in one batch, one
 * batch at a time; what must not be said before it is on stable storage waits here.
 *
 *   row "acceptor"                         row "join"
 *   size  field                            size  field
 *   5     seal, version 1                  5     seal, version 1
 *   8     starts of this store             16    cluster to join
 *   8     epoch that is voted on           8     its lineage
 *   16    promised: counter, node          8     epoch for which a fence was answered, or 0
 *   16    accepted: counter, node          8     plan of that fence
 *   v     document, with accepted          8     a member of it
 *                                          v     the member's address
 *                                          v     the cluster's document
 *
 * Invariants:
 *   1. at most one batch is under way, so that the store always holds what was in memory at one
 *      moment;
 *   2. a message leaves only after all that was in memory when it was made is on stable storage;
 *   3. a batch that failed is made again, from what is in memory then. */
#ifndef CLUSTER_VAULT_H
#define CLUSTER_VAULT_H

#include "base/blob.h"
#include "cluster/limits.h"
#include "msg/outbox.h"

struct cluster;

enum vault_row { ROW_NODE = 1, ROW_DOCUMENT = 2, ROW_ACCEPTOR = 4, ROW_JOIN = 8 };

struct deferred {
    uint64_t generation; /* leaves when this is stable */
    uint64_t to;
    struct peer_cluster msg;
    struct blob *holds; /* what the message's views point into, or NULL */
};

struct vault {
    unsigned dirty;      /* rows that differ from what was sent to the store last */
    unsigned flying;     /* rows in the batch under way */
    uint64_t generation; /* of what is in memory */
    uint64_t sent;       /* of the batch under way; 0: none is */
    uint64_t stable;     /* of what is on stable storage */
    uint64_t retry_us;   /* after a failure: not before */
    struct deferred deferred[DEFERRED_MAX];
    uint32_t deferred_count;
};

void vault_done(struct vault *vault);

/* Reads the rows of EV_START into the cluster; `ret_fresh`: there are none. ERR_CORRUPT,
 * ERR_VERSION. */
enum err vault_load(struct cluster *c, const struct stored_row *rows, uint32_t count,
                    bool *ret_fresh) MUST_CHECK;

/* Something in memory changed; returns the generation that has it. */
uint64_t vault_touch(struct cluster *c, unsigned rows);

/* Sends a message when all that is in memory now is stable. Takes a reference of `holds`. */
void vault_defer(struct cluster *c, uint64_t to, const struct peer_cluster *msg, struct blob *holds,
                 struct outbox *out);

/* Starts a batch when one is due. */
void vault_flush(struct cluster *c, const struct event *ev, struct outbox *out);

/* EV_STORED. */
void vault_stored(struct cluster *c, const struct event *ev, struct outbox *out);

uint64_t vault_deadline_us(const struct vault *vault);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The decision, separate from the story: counting votes. A tally knows nothing of time, peers or
 * bytes; the machines feed it and ask for the verdict. Riak's rules (riak_kv_put_core and
 * riak_kv_get_core), with every number capped at the size of the replica set before it comes here.
 *
 * Invariants:
 *  1. Every replica votes at most once: yes + no + open == n.
 *  2. A verdict that is not OPEN never changes with later votes, but for a basic quorum, which a
 *     late object may overtake; the machine acts on the first one.
 *  3. A fallback's not-found says nothing of what its primary holds: it counts towards r only
 *     beside an object that another replica gave, and never makes a not-found.
 *  4. LOST is said as soon as, and not before, the open votes cannot suffice. A read with a basic
 *     quorum gives up before that: when a majority had nothing to give. */
#ifndef KV_TALLY_H
#define KV_TALLY_H

#include "base/err.h"
#include "ring/ring.h"

enum tally_verdict { TALLY_OPEN, TALLY_MET, TALLY_LOST };

enum vote { VOTE_OPEN, VOTE_NO, VOTE_YES, VOTE_NOT_FOUND };

struct put_needs {
    uint32_t w, dw, pw, node_confirms;
};

struct put_tally {
    struct put_needs needs;
    uint32_t n;
    enum vote votes[RING_REPLICAS_MAX];
    bool durable[RING_REPLICAS_MAX]; /* the yes came after a device sync */
    bool primary[RING_REPLICAS_MAX];
};

struct get_needs {
    uint32_t r, pr, node_confirms;
    bool basic_quorum;
    bool notfound_ok;
};

struct get_tally {
    struct get_needs needs;
    uint32_t n;
    enum vote votes[RING_REPLICAS_MAX];
    bool primary[RING_REPLICAS_MAX];
};

/* How far a count came, for the error that a client reads. */
struct tally_loss {
    enum err err;
    uint32_t have, need;
};

/* All votes open, all replicas primaries; the caller says which are not. */
void put_tally_init(struct put_tally *tally, uint32_t n, struct put_needs needs);
void put_tally_add(struct put_tally *tally, uint32_t replica, bool yes, bool durable);
enum tally_verdict put_tally_verdict(const struct put_tally *tally);

/* Which need was not met; ask only after TALLY_LOST. */
struct tally_loss put_tally_loss(const struct put_tally *tally);

void get_tally_init(struct get_tally *tally, uint32_t n, struct get_needs needs);

/* `vote` is YES (an object), NOT_FOUND or NO (no answer). */
void get_tally_add(struct get_tally *tally, uint32_t replica, enum vote vote);
enum tally_verdict get_tally_verdict(const struct get_tally *tally);

/* ERR_NOT_FOUND when nothing but not-founds decided it. */
struct tally_loss get_tally_loss(const struct get_tally *tally);

/* Replicas that have not voted. */
uint32_t get_tally_open(const struct get_tally *tally);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The register that decides documents, without a leader, a lease or a clock.
 *
 * Each epoch is one value decided once (Paxos; the proposer carries a value on from where it finds
 * one, as in CASPaxos: Rystsov, 2018). The voters of epoch e are the members of the decided
 * document of e - 1; nobody votes on e before it has adopted that document, so by induction all
 * voters of e agree on who they are. Quorums are majorities.
 *
 *   proposer   PREPARE(e, ballot) to all voters
 *   voter      persists the promise, answers PROMISE with what it accepted before, if anything
 *   proposer   with a majority: carries on the value of the highest ballot found; only if none was
 *              found may it put its own change of e - 1 there
 *   proposer   ACCEPT(e, ballot, value) to all voters
 *   voter      persists the value, answers ACCEPTED
 *   proposer   with a majority: e is decided, and told to everybody
 *
 * A voter that knows e as decided answers a proposer of e with the document instead: nobody can
 * decide again what is over. When the voters change, the new ones adopt e before they may vote on
 * e + 1, and whoever reports e as done waits until a majority of them has it on stable storage
 * (`active`): then the old voters are not needed any more.
 *
 * This file is the decision only: it knows no time, peers, bytes or storage.
 *
 * Invariants:
 *   1. a voter's `promised` never decreases within an epoch, nor does its epoch;
 *   2. it accepts only in ballots >= promised, and accepted <= promised always;
 *   3. in one ballot at most one value is ever proposed: a ballot names its proposer and which of
 *      the proposer's starts it was made in (propose.h), and a proposal chooses once. */
#ifndef CLUSTER_REGISTER_H
#define CLUSTER_REGISTER_H

#include "base/blob.h"
#include "model/limits.h"
#include "msg/peer_cluster.h"

int ballot_cmp(struct ballot a, struct ballot b);
bool ballot_is_none(struct ballot a);

/* Whether a ballot is one that a proposer may use: there are always greater ones. */
bool ballot_fits(struct ballot a);

/* ---- the voter ---- */

struct acceptor {
    uint64_t epoch; /* the one it votes on: its document's and one */
    struct ballot promised;
    struct ballot accepted; /* none: nothing was accepted */
    struct blob *value;     /* what was accepted, an encoded document; else NULL */
};

enum vote {
    VOTE_YES,
    VOTE_OUTBID,  /* promised to a higher ballot, or to this one already */
    VOTE_DECIDED, /* that epoch is over */
    VOTE_AHEAD,   /* that epoch's voters are not known here yet */
};

/* A voter that has adopted epoch - 1 and promised nothing. */
void acceptor_init(struct acceptor *a, uint64_t epoch);
void acceptor_done(struct acceptor *a);

/* The epoch before `epoch` is decided and adopted; older news is ignored. */
void acceptor_advance(struct acceptor *a, uint64_t epoch);

/* The answers to PREPARE and ACCEPT. What a yes means must be on stable storage before it is
 * said. */
enum vote acceptor_prepare(struct acceptor *a, uint64_t epoch, struct ballot ballot);
enum vote acceptor_accept(struct acceptor *a, uint64_t epoch, struct ballot ballot,
                          struct blob *value);

/* ---- the proposer: one ballot of one epoch ---- */

enum proposal_phase {
    PROPOSAL_PREPARE, /* waits for a majority of promises */
    PROPOSAL_CHOOSE,  /* the owner must choose (proposal_choose), or give up */
    PROPOSAL_ACCEPT,  /* waits for a majority to accept */
    PROPOSAL_DECIDED,
    PROPOSAL_LOST, /* outbid; a new ballot must be greater than `highest` */
};

struct proposal {
    enum proposal_phase phase;
    uint64_t epoch;
    struct ballot ballot;
    uint64_t voters[VOTERS_MAX];
    uint32_t voters_count;
    uint32_t promised, accepted; /* sets of voters, by index */
    struct ballot found;         /* the highest ballot in which a promise had a value */
    struct ballot highest;       /* seen in a refusal */
    struct blob *value;          /* found, then chosen */
    bool own;                    /* the value is the owner's, not one that was found */
};

/* Starts in PREPARE; what the proposal held before must have been given back. */
void proposal_begin(struct proposal *p, uint64_t epoch, struct ballot ballot,
                    const uint64_t *voters, uint32_t voters_count);
void proposal_done(struct proposal *p);

/* Answers of voters. Late, foreign and repeated ones are ignored. */
void proposal_promise(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot,
                      struct ballot accepted, struct blob *value);
void proposal_accepted(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot);
void proposal_outbid(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot,
                     struct ballot promised);

/* In CHOOSE: whether a value was found. Then it must be carried on: `own` NULL; else the
 * owner's. */
bool proposal_found(const struct proposal *p);
void proposal_choose(struct proposal *p, struct blob *own);

/* Whether a voter still owes an answer in this phase. */
bool proposal_waits(const struct proposal *p, uint32_t voter);

/* How many voters have answered in this phase, and how many must. */
uint32_t proposal_answers(const struct proposal *p);
uint32_t proposal_quorum(const struct proposal *p);

#endif

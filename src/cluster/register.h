/* SPDX-License-Identifier: Apache-2.0 */
/* The register that decides documents, without a leader, a lease or a clock.
 *
 * Each epoch is one value decided once (Paxos; the proposer carries a value on from where it finds
 * one, as in CASPaxos: Rystsov, 2018). The voters of epoch e are the members that have a vote in
 * the decided document of e - 1: at most VOTERS_MAX. Quorums are majorities of them. Any member may
 * propose, also one without a vote.
 *
 *   proposer   PREPARE(e, ballot) to all voters
 *   voter      persists the promise, answers PROMISE with what it accepted before, if anything
 *   proposer   with a majority: carries on the value of the highest ballot found; only if none was
 *              found may it put its own change of e - 1 there
 *   proposer   ACCEPT(e, ballot, value) to all voters
 *   voter      persists the value, answers ACCEPTED
 *   proposer   with a majority: e is decided, and told to everybody
 *
 * Why voters may change from any set to any other, also to one that has nobody in common:
 *
 *   Nobody takes part in e, as proposer or voter, before it has adopted the document of e - 1. If
 *   that is decided once, all who take part in e agree on who its voters are, and e is decided once
 *   by what holds for one set of voters; so by induction each epoch is. Nothing that was promised
 *   for one epoch is of importance for another, so sets need no common majority (a log would). A
 *   voter that adopts e forgets what it promised for e, and from then on answers a proposer of e
 *   with the document instead: nobody can decide again what is over. A store that is lost takes its
 *   node's number with it: who has forgotten what it promised never votes again under that number.
 *
 * Why it goes on:
 *
 *   Until somebody knows e as decided a majority of the voters of e is needed; each of them that
 *   accepted a value and heard no more of it brings it to its end (vote.c). Who knows e tells the
 *   members that e names; who is no member of e itself does so too, and asks whether it is known
 *   well enough (learn.c). That is when a majority of the voters that e names, those of e + 1, has
 *   it on stable storage: e is `active`. From then on every majority of them that lives has one
 *   that knows e, and the voters of e are needed no more. So whoever reports a change as done waits
 *   for that, and a node that was left out stays until then. No voter of e + 1 votes before it has
 *   stored e, so that e + 1 decided means e active. A proposer does not propose voters of whom it
 *   cannot reach a majority: that would be safe, and the end.
 *
 * This file is the decision only: it knows no time, peers, bytes or storage.
 *
 * Invariants:
 *   1. a voter's `promised` never decreases within an epoch, nor does its epoch;
 *   2. it accepts only in ballots >= promised, and accepted <= promised always;
 *   3. in one ballot at most one value is ever proposed: a ballot names its proposer and which of
 *      the proposer's starts it was made in (propose.h), and a proposal chooses once;
 *   4. who has no vote in the document of e - 1 promises and accepts nothing for e. */
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
    bool votes;     /* it has a vote in that document: else it says nothing about that epoch */
    struct ballot promised;
    struct ballot accepted; /* none: nothing was accepted */
    struct blob *value;     /* what was accepted, an encoded document; else NULL */
};

enum vote {
    VOTE_YES,
    VOTE_OUTBID,  /* promised to a higher ballot, or to this one already */
    VOTE_DECIDED, /* that epoch is over */
    VOTE_AHEAD,   /* that epoch's voters are not known here yet */
    VOTE_NONE,    /* it is none of that epoch's voters: whoever asks it is wrong */
};

/* A node that has adopted epoch - 1, whose document says whether it votes, and promised nothing. */
void acceptor_init(struct acceptor *a, uint64_t epoch, bool votes);
void acceptor_done(struct acceptor *a);

/* The epoch before `epoch` is decided and adopted; older news is ignored. */
void acceptor_advance(struct acceptor *a, uint64_t epoch, bool votes);

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

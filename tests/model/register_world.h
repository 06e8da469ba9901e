/* SPDX-License-Identifier: Apache-2.0 */
/* A few nodes that may vote, two proposers and a network that may lose, repeat, delay and reorder
 * everything: whatever was once sent may arrive at any time, any number of times, or never. Voters
 * and proposers are those of the product (cluster/register.h); here are only who says what to whom,
 * crashes, and the documents.
 *
 * There are up to three epochs to decide. Document 0 is known to all. A proposer puts a document of
 * its own after the one that it knows; who votes after it depends on the epoch and the proposer. So
 * an epoch may be decided by other voters than the one before, also by none of them.
 *
 * A state is wrong when
 *   1. an epoch is decided twice;
 *   2. an epoch is decided, and the one before is not kept: no majority of the voters that it names
 *      has its document, nor is that so of a later one;
 *   3. a change was reported as done, and its epoch is not kept: a minority of its voters may take
 *      with it all that is known of it. */
#ifndef TESTS_MODEL_REGISTER_WORLD_H
#define TESTS_MODEL_REGISTER_WORLD_H

#include "cluster/register.h"

enum { NODES = 6, PROPOSERS = 2, EPOCHS = 3, DOCUMENTS = 15, SENT_TOP = 40 };

/* What is searched, and what is broken on purpose. */
struct register_rules {
    const char *name;
    uint8_t epochs;                    /* to decide, at most */
    uint8_t nodes;                     /* that may vote */
    uint8_t first;                     /* the voters of the first epoch, a bit for each node */
    uint8_t voters[EPOCHS][PROPOSERS]; /* those after a document of this epoch and proposer */
    uint8_t rounds[EPOCHS][PROPOSERS]; /* ballots that each proposer may begin */
    uint8_t crashes[PROPOSERS];        /* of each proposer, while epochs is 1 */
    bool forgets;                      /* who is left out may lose its store, and come back ... */
    bool reports;                      /* proposers say that a change is done */

    bool reply_early;      /* voters answer before they persist, and crash */
    bool reuse_ballots;    /* a proposer counts from one again after a crash */
    bool ignore_found;     /* a proposer puts its own value over one that it found */
    bool few_voters;       /* a proposer asks one voter only */
    bool vote_again;       /* a voter that crashes forgets what it knew as decided */
    bool new_voters;       /* who has a vote in the document that is proposed votes on it */
    bool strangers;        /* a promise of a node without a vote counts */
    bool go_on_early;      /* a proposer takes for decided what one voter has accepted */
    bool vote_ahead;       /* a voter votes on an epoch before it knows the one before */
    bool report_early;     /* a change is reported as done when it is decided */
    bool leave_early;      /* ... before it can be spared */
    bool come_back_before; /* ... into an epoch that it has taken part in */
};

/* Documents are numbers, 0 the first. Of the first epoch 1 and 2 by proposer 0 and 1, 3 and 4 by
 * what they are after a crash; then two after each: 3..6 of the second, 7..14 of the third. */
struct voter_state {
    uint8_t epoch;              /* 0: it is away, and knows nothing */
    uint8_t promised, accepted; /* ballots */
    uint8_t value;
    uint8_t document; /* that it has adopted; of its epoch - 1 */
};

struct proposer_state {
    uint8_t known, document; /* the epoch that it has adopted, and its document */
    uint8_t start, round;
    uint8_t phase; /* enum proposal_phase + 1; 0: idle */
    uint8_t promised, accepted, found, value, own;
};

struct register_state {
    struct voter_state mind[NODES]; /* in memory ... */
    struct voter_state disk[NODES]; /* ... and on stable storage */
    uint8_t away[NODES];            /* the epoch that a node knew when it left */
    struct proposer_state proposers[PROPOSERS];
    uint8_t decided[EPOCHS]; /* documents, 0: not yet */
    uint8_t done;            /* epochs that were reported as done, a bit for each */
    uint8_t wrong;           /* enum register_wrong */
    uint8_t sent_count;
    uint32_t sent[SENT_TOP]; /* all that was ever said and may still matter, sorted */
};

enum register_wrong { RIGHT, DECIDED_TWICE, BASE_UNKNOWN, DONE_UNKNOWN };

/* A step, for the story of a failure. */
struct register_step {
    uint8_t kind; /* enum register_step_kind */
    uint8_t who;
    uint32_t message;
};

enum register_step_kind {
    RSTEP_BEGIN,
    RSTEP_HEAR,
    RSTEP_ANSWER,
    RSTEP_ADOPT,
    RSTEP_TELL,
    RSTEP_REPORT,
    RSTEP_SYNC,
    RSTEP_CRASH,
    RSTEP_FORGET,
};

void register_world_init(void);
void register_state_init(const struct register_rules *rules, struct register_state *state);

/* Calls `visit` with every state that can follow. */
void register_world_expand(const struct register_rules *rules, const struct register_state *state,
                           void (*visit)(void *context, struct register_step step,
                                         const struct register_state *next),
                           void *context);

/* ---- for the parts of the world itself (register_world.c) ---- */

enum sent_kind { SENT_PREPARE, SENT_PROMISE, SENT_ACCEPT, SENT_ACCEPTED };

struct message {
    uint8_t kind, epoch, document, voter, other, ballot;
};

struct ballot ballot_of(uint8_t code);
struct message message_of(uint32_t code);
void say(struct register_state *state, struct message message);

struct blob *document_blob(uint8_t document);
uint8_t document_of(const struct blob *blob);
uint8_t document_after(uint8_t epoch, const struct proposer_state *p, uint8_t proposer);
uint8_t document_before(uint8_t epoch, uint8_t document);

/* Who votes on what follows this document, and whether a node does. */
uint8_t voters_after(const struct register_rules *rules, uint8_t document);
bool has_vote(const struct register_rules *rules, uint8_t document, uint8_t node);

/* The product's machines, in and out of the state. */
void voter_load(const struct register_rules *rules, const struct voter_state *voter, uint8_t node,
                struct acceptor *ret_acceptor);
void voter_store(struct voter_state *voter, const struct acceptor *acceptor);
uint8_t proposer_ballot(const struct register_rules *rules, const struct proposer_state *p,
                        uint8_t who);
uint32_t proposer_voters(const struct register_rules *rules, const struct proposer_state *p,
                         uint8_t who, uint64_t ret_voters[NODES]);
void proposer_load(const struct register_rules *rules, const struct proposer_state *p, uint8_t who,
                   struct proposal *ret_proposal);
void proposer_store(struct proposer_state *p, const struct proposal *proposal);
void proposer_idle(struct proposer_state *p);

/* Whether a majority of the voters after a decided epoch has its document on stable storage. */
bool known_well(const struct register_rules *rules, const struct register_state *state,
                uint8_t epoch);

/* What nobody will ever heed again is forgotten, so that states which differ by nothing else are
 * one; and what is wrong with the state is noted. */
void register_settle(const struct register_rules *rules, struct register_state *state);

#endif

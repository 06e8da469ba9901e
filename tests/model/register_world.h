/* SPDX-License-Identifier: Apache-2.0 */
/* Three voters, two proposers and a network that may lose, repeat, delay and reorder everything:
 * whatever was once sent may arrive at any time, any number of times, or never. Voters and
 * proposers are those of the product (cluster/register.h); here are only who says what to whom,
 * crashes, and the documents.
 *
 * There are two epochs to decide. Document 1 is known to all and names all three voters. A proposer
 * puts a document of its own after the one that it knows; that of proposer 0 drops the last voter,
 * so the second epoch may be decided by other voters than the first. */
#ifndef TESTS_MODEL_REGISTER_WORLD_H
#define TESTS_MODEL_REGISTER_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum { VOTERS = 3, PROPOSERS = 2, EPOCHS = 2, SENT_TOP = 30 };

/* What is searched, and what is broken on purpose. */
struct register_rules {
    const char *name;
    uint8_t epochs;             /* to decide, at most */
    uint8_t rounds[PROPOSERS];  /* ballots that each proposer may begin */
    uint8_t crashes[PROPOSERS]; /* of each proposer, while epochs is 1 */
    bool reply_early;           /* voters answer before they persist, and crash */
    bool reuse_ballots;         /* a proposer counts from one again after a crash */
    bool ignore_found;          /* a proposer puts its own value over one that it found */
    bool few_voters;            /* a proposer asks one voter only */
    bool vote_again;            /* a voter that crashes forgets what it knew as decided */
};

/* Documents are numbers, 0 none: of the first epoch 1 and 2 by proposer 0 and 1, 3 and 4 by what
 * they are after a crash; of the second 3..6, two after each of the first. */
struct voter_state {
    uint8_t epoch;
    uint8_t promised, accepted; /* ballots */
    uint8_t value;
};

struct proposer_state {
    uint8_t known, document; /* the epoch that it has adopted, and its document */
    uint8_t start, round;
    uint8_t phase; /* enum proposal_phase + 1; 0: idle */
    uint8_t promised, accepted, found, value, own;
};

struct register_state {
    struct voter_state mind[VOTERS]; /* in memory ... */
    struct voter_state disk[VOTERS]; /* ... and on stable storage */
    struct proposer_state proposers[PROPOSERS];
    uint8_t decided[EPOCHS]; /* documents, 0: not yet */
    uint8_t wrong;           /* one epoch was decided twice */
    uint8_t sent_count;
    uint8_t pad[4];
    uint32_t sent[SENT_TOP]; /* all that was ever said, sorted */
};

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
    RSTEP_SYNC,
    RSTEP_CRASH
};

void register_world_init(void);
void register_state_init(struct register_state *state);

/* Calls `visit` with every state that can follow. */
void register_world_expand(const struct register_rules *rules, const struct register_state *state,
                           void (*visit)(void *context, struct register_step step,
                                         const struct register_state *next),
                           void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Brings changes of the document through the register, one after the other.
 *
 *   IDLE --an edit waits--> PREPARE --majority--> ACCEPT --decided--> SPREAD --stored--> IDLE
 *              ^   ^           |                    |
 *              |   '-timer-- BACKOFF <--outbid, or no majority in time
 *              '--the epoch was decided otherwise: applied anew to what won
 *
 * A change fails with "not done" only while none of its values was offered to a voter, or after the
 * epoch it was offered for went to another; else, with "unknown".
 *
 * A ballot's counter is the round, shifted, and the number of this start of the store: a ballot
 * that was forgotten in a crash is never used again. The start is on stable storage before the
 * first. */
#ifndef CLUSTER_PROPOSE_H
#define CLUSTER_PROPOSE_H

#include "base/list.h"
#include "cluster/edit.h"
#include "cluster/register.h"
#include "msg/outbox.h"

struct cluster;

enum proposer_state {
    PROPOSER_IDLE,
    PROPOSER_PREPARE,
    PROPOSER_ACCEPT,
    PROPOSER_SPREAD,
    PROPOSER_BACKOFF,
};

/* Who wants to know what became of an edit. */
enum edit_owner { OWNER_ASKER, OWNER_COMMIT, OWNER_NOBODY };

struct job {
    struct list node;
    struct arena arena; /* the edit's */
    struct edit edit;
    enum edit_owner owner;
    struct asker asker;
    uint64_t deadline_us;
    uint64_t epoch, hash; /* the value that was offered to voters last; 0: none is in doubt */
    bool doubt;           /* an epoch went by in which it was offered, and who won is not known */
};

struct proposer {
    enum proposer_state state;
    struct list jobs; /* the first is worked on unless IDLE */
    uint32_t jobs_count;
    struct proposal proposal; /* PREPARE, ACCEPT */
    uint64_t epoch;           /* that rounds are counted for */
    uint64_t round;
    uint32_t conflicts; /* ballots of this epoch that were outbid */
    uint32_t helped;    /* PREPARE, ACCEPT: voters, by index, that were told the epoch before */
    bool patient;       /* SPREAD: members that are slow are still waited for */
    uint64_t wait_us;   /* end of the phase, of the back-off, of the patience with slow members */
};

void proposer_init(struct proposer *p);
void proposer_done(struct proposer *p);

/* Queues a change; what the edit points to is copied. Refused at once when too many wait. */
void proposer_submit(struct cluster *c, const struct edit *edit, enum edit_owner owner,
                     struct asker asker, const struct event *ev, struct outbox *out);

/* PROMISE, ACCEPTED, REFUSED. */
void proposer_on_vote(struct cluster *c, uint64_t from, enum cluster_talk kind,
                      const struct talk_register *m, const struct event *ev, struct outbox *out);

/* The newest document is another one now. */
void proposer_on_epoch(struct cluster *c, const struct event *ev, struct outbox *out);

/* Time has passed, or something was stored somewhere. */
void proposer_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t proposer_deadline_us(const struct proposer *p);

/* This node is in another cluster now: what waited is refused. */
void proposer_abandon(struct cluster *c, const struct event *ev, struct outbox *out);

/* A link came up: what the voter there was asked before is lost, and asked again. */
void proposer_on_link(struct cluster *c, uint64_t node, struct outbox *out);

/* What a first ballot waited for is there. */
void proposer_hurry(struct proposer *p, const struct event *ev);

/* Whether an edit of this kind is waiting or under way. */
bool proposer_has(const struct proposer *p, enum edit_kind kind);

#endif

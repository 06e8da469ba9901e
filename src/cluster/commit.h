/* SPDX-License-Identifier: Apache-2.0 */
/* The commit of a plan, run by the node that was asked for it.
 *
 *   IDLE --nobody joins, and data may have to move--> SWITCH --decided--> IDLE
 *    '--nodes join, or all may be empty--> PREPARE --decided: the fence is up--> FENCE
 *   FENCE --who joins is empty, and waits; the others hold nothing there, or do--> SWITCH
 *      '--who joins holds data, cannot be reached, or does not want--> CANCEL --decided--> IDLE
 *   SWITCH --stale--> CANCEL
 *
 * SWITCH decides who shall answer for each partition; the data side then moves what there is, and
 * who answers follows, place by place (model/moves.h). Only where all replicas concerned hold
 * nothing is the placement made at once: a new cluster is formed in one step.
 *
 * The fence is an epoch of its own: behind it nobody takes the first object of a partition until
 * the next epoch says otherwise, whatever crashes. So an answer "I hold nothing" stays true until
 * the switch or the cancellation is decided, and only one of them can be. Should this node die, any
 * other cancels the plan after a while. */
#ifndef CLUSTER_COMMIT_H
#define CLUSTER_COMMIT_H

#include "base/arena.h"
#include "cluster/edit.h"
#include "cluster/plan.h"
#include "msg/limits.h"
#include "msg/outbox.h"

struct cluster;

enum commit_state { COMMIT_IDLE, COMMIT_PREPARE, COMMIT_FENCE, COMMIT_SWITCH, COMMIT_CANCEL };

/* A node that must answer the fence. */
struct fence_asked {
    uint64_t node;
    bool joins;
    bool answered;
};

struct commit {
    enum commit_state state;
    struct arena arena; /* the intents and the plan */
    struct asker asker;
    uint64_t plan, base;
    const struct intent *intents;
    uint32_t intents_count;
    bool at_once;            /* as far as is known nothing has to move */
    const uint8_t *affected; /* a bit for each partition */
    uint64_t epoch;          /* FENCE: the epoch that fences */
    struct fence_asked asked[NODES_MAX + INTENTS_MAX];
    uint32_t asked_count;
    uint64_t again_us;    /* FENCE: who has not answered is asked again */
    uint64_t deadline_us; /* FENCE */
    enum err err;         /* CANCEL: what the asker will be told */
    struct buf why;
    uint64_t watch_us; /* somebody else's plan is being prepared: cancelled then; 0: none is */
};

void commit_init(struct commit *commit);
void commit_done(struct commit *commit);

/* Commits the plan of this id, made anew from what is staged now. */
void commit_start(struct cluster *c, struct asker asker, uint64_t plan, const struct event *ev,
                  struct outbox *out);

/* What became of an edit of OWNER_COMMIT. */
void commit_on_edit(struct cluster *c, enum edit_kind kind, enum err err, struct bytes why,
                    const struct event *ev, struct outbox *out);

/* FENCED. */
void commit_on_fenced(struct cluster *c, uint64_t from, const struct talk_fenced *m,
                      const struct event *ev, struct outbox *out);

/* FENCE, at a member: answers once the fence is on stable storage. */
void commit_on_fence(struct cluster *c, uint64_t from, const struct talk_fence *m,
                     struct outbox *out);

/* The newest document is another one now. */
void commit_on_epoch(struct cluster *c, const struct event *ev);

void commit_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t commit_deadline_us(const struct commit *commit);

#endif

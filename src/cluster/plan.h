/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of staged changes comes to: a pure function of the document and the intents, so that
 * every node prints the same plan and the same id. `commit` applies exactly the plan of an id or is
 * refused.
 *
 * The base of an intent, and of a plan, is a hash of who is a member with which share and of where
 * replicas are: not of names, addresses or properties, whose changes make no plan stale. */
#ifndef CLUSTER_PLAN_H
#define CLUSTER_PLAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/document.h"
#include "msg/limits.h"
#include "msg/peer_cluster.h"

struct plan {
    uint64_t id;      /* 0: nothing is to be done */
    uint64_t base;    /* plan_base of the document it was made from */
    enum err err;     /* ERR_REFUSED: it cannot be done, and `why` says why */
    struct bytes why; /* in the arena */
    struct document
        *next;         /* a draft without hashes; the caller's. NULL unless id != 0 and ERR_OK */
    uint32_t moved;    /* places that shall get a node which has no place in that list */
    uint8_t *affected; /* a bit for each partition whose list shall get or lose a node */
    bool goes;         /* a member leaves, or is gone for good */
    uint64_t joiners[INTENTS_MAX];
    uint32_t joiners_count;
};

/* The hash of what a plan builds on. Not of who answers for a replica now: that follows by
 * itself. */
uint64_t plan_base(const struct document *document);

/* Intents that are withdrawn, of another base or superseded are left out of account. What the plan
 * points to is in the arena, except `next`. */
void plan_make(struct arena *arena, const struct document *document, const struct intent *intents,
               uint32_t count, struct plan *ret_plan);

/* Frees `next`. */
void plan_done(struct plan *plan);

/* No data has to move: who shall answer answers, and who goes is gone. */
void plan_at_once(struct arena *arena, struct document *draft);

/* Makes the lists that a draft shall have `n` long without taking anybody out of one: members that
 * are in fewest lists for their weight are added, in locations that a list does not have yet before
 * others. */
void plan_widen(struct arena *arena, struct document *draft, uint32_t n);

/* How many replicas a list should have: the present length, at least 3 and at least what any bucket
 * asks for. */
uint32_t plan_replicas(const struct document *document);

/* In how many of the lists, the document's place or its goal, a member is, by index. */
uint32_t plan_share(const struct document *document, const uint16_t *lists, uint32_t index);

/* Members in one location have one number: the index of the first of them. */
uint32_t plan_location(const struct member *members, uint32_t count, uint32_t index);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Staged changes: soft state, told by gossip. There is one intent for each kind of change and node,
 * the one of the greatest rank (order, then withdrawn, then tag); a later change of the same thing
 * takes its place everywhere. So what nodes know is merged in any order, as often as they like, and
 * comes to the same. An intent counts only on the placement (plan_base) that it was staged on: with
 * the next one, all that was staged is gone, committed or not.
 *
 * Invariants:
 *   1. every intent here has the same base, the present one;
 *   2. no two are of one kind and node;
 *   3. where one stands, only one of greater rank takes its place; a withdrawn one may give way to
 *      another node's when there is no room. */
#ifndef CLUSTER_STAGING_H
#define CLUSTER_STAGING_H

#include "base/arena.h"
#include "base/err.h"
#include "msg/limits.h"
#include "msg/peer_cluster.h"

enum { STAGED_WEIGHT_MAX = 1000000 };

struct staging {
    struct arena arena; /* the texts of the intents */
    struct intent intents[INTENTS_MAX];
    uint32_t count;
    uint32_t texts; /* how often texts were put into the arena */
    uint64_t base;
};

void staging_init(struct staging *staging);
void staging_done(struct staging *staging);

/* The placement is this one now. */
void staging_rebase(struct staging *staging, uint64_t base);

/* Adds a change of ours: base and order are set here. ERR_FULL when there is no room even after
 * one that was withdrawn was given up. */
enum err staging_add(struct staging *staging, struct intent intent) MUST_CHECK;

/* Forgets what was added since `before`, a copy, was made, and nobody heard of. */
void staging_restore(struct staging *staging, const struct staging *before);

/* Gives back the memory of what was replaced. Views of intents end. */
void staging_tidy(struct staging *staging);

/* Takes in what another node knows; whether anything was new. */
bool staging_merge(struct staging *staging, const struct intent *intent);

/* Withdraws everything, or the joins of one node. */
void staging_clear(struct staging *staging);
void staging_withdraw(struct staging *staging, uint64_t node);

/* Whether an intent counts: it was not withdrawn. */
bool staging_counts(const struct staging *staging, uint32_t at);

/* The join of a node that counts; NULL when there is none. */
const struct intent *staging_join(const struct staging *staging, uint64_t node);

/* Whether the join of a node was withdrawn, and not staged again. */
bool staging_withdrawn(const struct staging *staging, uint64_t node);

/* How many changes count. */
uint32_t staging_size(const struct staging *staging);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Staged changes: soft state, told by gossip, a set to which intents are only added; taking one
 * back adds that it is withdrawn, which wins. An intent counts only on the placement (plan_base)
 * that it was staged on: with the next one, all that was staged is gone, committed or not.
 *
 * Invariants:
 *   1. every intent here has the same base, the present one;
 *   2. tags are unique; an intent never changes but to become withdrawn. */
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
    uint64_t base;
};

void staging_init(struct staging *staging);
void staging_done(struct staging *staging);

/* The placement is this one now. */
void staging_rebase(struct staging *staging, uint64_t base);

/* Adds a change of ours: base and order are set here. ERR_FULL when there is no room even after
 * what is superseded was given up. */
enum err staging_add(struct staging *staging, struct intent intent) MUST_CHECK;

/* Forgets the change that was added last, before anybody heard of it. */
void staging_drop_last(struct staging *staging);

/* Takes in what another node knows; whether anything was new. */
bool staging_merge(struct staging *staging, const struct intent *intent);

/* Withdraws everything, or the joins of one node. */
void staging_clear(struct staging *staging);
void staging_withdraw(struct staging *staging, uint64_t node);

/* Whether an intent counts: neither withdrawn nor superseded by a later one of its kind. */
bool staging_counts(const struct staging *staging, uint32_t at);

/* The join of a node that counts; NULL when there is none. */
const struct intent *staging_join(const struct staging *staging, uint64_t node);

/* Whether the join of a node was withdrawn, and not staged again. */
bool staging_withdrawn(const struct staging *staging, uint64_t node);

/* How many changes count. */
uint32_t staging_size(const struct staging *staging);

#endif

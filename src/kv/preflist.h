/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a key, and what a request's options mean in numbers: resolved before a machine starts.
 * Symbols are taken of n_val; every number is then capped at the size of the replica set, which is
 * smaller than n_val while the cluster has fewer members (node_confirms is not capped).
 *
 * The place of a primary that is away is held by a fallback: a live node outside the set, by
 * rendezvous (ring_fallbacks), which keeps hints for it. So a write finds n nodes while any n are
 * alive. Not where the request says sloppy_quorum=false. */
#ifndef KV_PREFLIST_H
#define KV_PREFLIST_H

#include "kv/tally.h"
#include "msg/request.h"
#include "msg/view.h"

struct preflist {
    const struct props *props; /* valid for the step */
    uint32_t slot, partition;
    uint32_t n_val;                       /* as asked, or the bucket's */
    uint32_t n;                           /* replicas, <= n_val */
    bool sloppy;                          /* fallbacks may hold places */
    uint64_t nodes[RING_REPLICAS_MAX];    /* who holds each place */
    uint64_t hint_for[RING_REPLICAS_MAX]; /* a fallback does, for this primary; 0: the primary */
    bool up[RING_REPLICAS_MAX];           /* of who holds it */
    bool grey[RING_REPLICAS_MAX];
    uint32_t up_count;     /* places held by somebody who is up */
    uint32_t primaries_up; /* those of them that their primaries hold */
    int self;              /* the place that this node may coordinate from: its own as a primary, or
                              a fallback's while no primary is up; -1: none */
};

/* ERR_NO_TYPE, ERR_ALL_NODES_DOWN (no document, or an empty set) or ERR_N_VAL_VIOLATION. The key
 * must fit. */
enum err preflist_find(const struct view *view, const struct key *key,
                       const struct request_options *options, struct preflist *ret_list,
                       struct tally_loss *ret_loss) MUST_CHECK;

/* The needs of a put, checked against n_val and against who is up. */
enum err preflist_put_needs(const struct preflist *list, const struct request_options *options,
                            struct put_needs *ret_needs, struct tally_loss *ret_loss) MUST_CHECK;

enum err preflist_get_needs(const struct preflist *list, const struct request_options *options,
                            struct get_needs *ret_needs, struct tally_loss *ret_loss) MUST_CHECK;

/* The place to ask first: this node's if it has one, else a live primary that is not grey, spread
 * by `salt`; a fallback only while no primary is up. -1 when there is none. Places in the mask
 * `tried` are passed over. */
int preflist_best(const struct preflist *list, uint64_t salt, uint32_t tried);

/* Who held the place is gone: gives it to a fallback that is up and holds no other. False when
 * there is none, or the request wants none; then the place is held by nobody who is up. */
bool preflist_replace(struct preflist *list, const struct view *view, uint32_t place);

/* The place of a node; -1 when it is none. */
int preflist_place(const struct preflist *list, uint64_t node);

/* Whether the bucket keeps one value only. */
bool preflist_one_value(const struct preflist *list);

#endif

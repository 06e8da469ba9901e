/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a key, and what a request's options mean in numbers: resolved before a machine starts.
 * Symbols are taken of n_val; every number is then capped at the size of the replica set, which is
 * smaller than n_val while the cluster has fewer members (node_confirms is not capped). */
#ifndef KV_PREFLIST_H
#define KV_PREFLIST_H

#include "kv/tally.h"
#include "msg/request.h"
#include "msg/view.h"

struct preflist {
    const struct props *props; /* valid for the step */
    uint32_t slot, partition;
    uint32_t n_val; /* as asked, or the bucket's */
    uint32_t n;     /* replicas, <= n_val */
    uint64_t nodes[RING_REPLICAS_MAX];
    bool up[RING_REPLICAS_MAX];
    bool grey[RING_REPLICAS_MAX];
    uint32_t up_count;
    int self; /* this node's place, or -1 */
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

/* The place of a live replica to ask first: this node if it is one, else one that is not grey,
 * spread by `salt`; -1 when none is up. Places in the mask `tried` are passed over. */
int preflist_best(const struct preflist *list, uint64_t salt, uint32_t tried);

/* The place of a node; -1 when it is none. */
int preflist_place(const struct preflist *list, uint64_t node);

/* Whether the bucket keeps one value only. */
bool preflist_one_value(const struct preflist *list);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The ring: a circle of S slots, cut into P partitions of S/P slots each, and for each partition an
 * ordered list of distinct nodes. Nodes are indexes into the caller's table of members. The ring is
 * a value: it does not own `place`. */
#ifndef RING_RING_H
#define RING_RING_H

#include "base/hash.h"

enum { RING_NOBODY = 0xffff, RING_REPLICAS_MAX = 16 };

struct ring {
    struct hash_key key;   /* keys the placement hash: the cluster's seed */
    uint32_t slots;        /* a power of two */
    uint32_t partitions;   /* a power of two, <= slots */
    uint32_t n_max;        /* length of every replica list; unused places hold RING_NOBODY */
    const uint16_t *place; /* partitions * n_max */
};

/* A live node, as the choice of fallbacks sees it. */
struct ring_node {
    uint64_t id;       /* what rendezvous hashes */
    uint32_t location; /* equal numbers stand in one rack */
    bool live;
};

/* SipHash-2-4 of type, bucket and key, each with its length before it; the top bits. */
uint32_t ring_slot(const struct ring *ring, struct bytes type, struct bytes bucket,
                   struct bytes key);

/* The partition that a slot is in. */
uint32_t ring_partition(const struct ring *ring, uint32_t slot);

/* The first slot of a partition, and how many it has. */
uint32_t ring_first_slot(const struct ring *ring, uint32_t partition);
uint32_t ring_slots_each(const struct ring *ring);

/* The first `n` replicas of a partition; writes at most REPLICAS_MAX indexes, returns how many. */
uint32_t ring_replicas(const struct ring *ring, uint32_t partition, uint32_t n,
                       uint16_t ret_nodes[RING_REPLICAS_MAX]);

/* Whether node `index` is among the first `n` replicas of the partition. */
bool ring_owns(const struct ring *ring, uint32_t partition, uint32_t n, uint16_t index);

/* Live nodes outside the replica list in rendezvous order for this partition (highest random
 * weight: Thaler and Ravishankar, 1998), unused locations first. Returns how many were written,
 * <= max. */
uint32_t ring_fallbacks(const struct ring *ring, uint32_t partition, uint32_t n,
                        const struct ring_node *nodes, uint16_t nodes_count, uint16_t *ret_nodes,
                        uint32_t max);

#endif

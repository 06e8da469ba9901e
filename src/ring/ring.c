/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/ring.h"

#include "base/check.h"

enum { SIZE_BYTES = 4, NAMES_AT_ONCE = 256 };

static void put_size(uint8_t *at, struct bytes part)
{
    for (unsigned i = 0; i < SIZE_BYTES; i++)
        at[i] = (uint8_t)(part.len >> (8 * i));
}

static uint8_t *put_sized(uint8_t *at, struct bytes part)
{
    put_size(at, part);
    if (part.len > 0)
        memcpy(at + SIZE_BYTES, part.data, part.len);
    return at + SIZE_BYTES + part.len;
}

static void add_sized(struct siphash *s, struct bytes part)
{
    uint8_t size[SIZE_BYTES];

    put_size(size, part);
    siphash_add(s, bytes_of(size, sizeof(size)));
    siphash_add(s, part);
}

static unsigned log2_of(uint32_t power)
{
    ASSERT(power > 0);
    ASSERT((power & (power - 1)) == 0);
    return 31 - (unsigned)__builtin_clz(power);
}

uint32_t ring_slot(const struct ring *ring, struct bytes type, struct bytes bucket,
                   struct bytes key)
{
    struct siphash s;

    siphash_init(&s, ring->key);
    if (type.len + bucket.len + key.len <= NAMES_AT_ONCE) {
        /* In one piece the hash takes whole words, a third faster; most names are short. */
        uint8_t names[NAMES_AT_ONCE + 3 * SIZE_BYTES];
        uint8_t *end = put_sized(put_sized(put_sized(names, type), bucket), key);
        siphash_add(&s, bytes_of(names, (size_t)(end - names)));
    } else {
        add_sized(&s, type);
        add_sized(&s, bucket);
        add_sized(&s, key);
    }
    return (uint32_t)(siphash_end(&s) >> (64 - log2_of(ring->slots)));
}

uint32_t ring_slots_each(const struct ring *ring)
{
    ASSERT(ring->partitions > 0);
    ASSERT(ring->partitions <= ring->slots);
    return ring->slots / ring->partitions;
}

uint32_t ring_partition(const struct ring *ring, uint32_t slot)
{
    ASSERT(slot < ring->slots);
    return slot / ring_slots_each(ring);
}

uint32_t ring_first_slot(const struct ring *ring, uint32_t partition)
{
    ASSERT(partition < ring->partitions);
    return partition * ring_slots_each(ring);
}

uint32_t ring_replicas(const struct ring *ring, uint32_t partition, uint32_t n,
                       uint16_t ret_nodes[RING_REPLICAS_MAX])
{
    const uint16_t *place = ring->place + (size_t)partition * ring->n_max;
    uint32_t count = 0;

    ASSERT(partition < ring->partitions);
    ASSERT(ring->n_max <= RING_REPLICAS_MAX);
    for (uint32_t i = 0; i < ring->n_max && count < n; i++) {
        if (place[i] != RING_NOBODY)
            ret_nodes[count++] = place[i];
    }
    return count;
}

bool ring_owns(const struct ring *ring, uint32_t partition, uint32_t n, uint16_t index)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    uint32_t count = ring_replicas(ring, partition, n, nodes);

    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i] == index)
            return true;
    }
    return false;
}

/* The rendezvous weight of a node for a partition. */
static uint64_t weight_of(uint64_t id, uint32_t partition)
{
    return hash_mix(hash_mix(UINT64_C(0x64617373), id), partition);
}

/* The live node with the greatest weight among those not yet taken; `fresh` asks for a location
 * that is not in use. */
static uint16_t heaviest(uint32_t partition, const struct ring_node *nodes, uint16_t count,
                         const uint16_t *taken, uint32_t taken_count, bool fresh)
{
    uint16_t best = RING_NOBODY;

    for (uint16_t i = 0; i < count; i++) {
        bool out = !nodes[i].live;
        for (uint32_t t = 0; t < taken_count; t++) {
            out = out || taken[t] == i;
            out = out || (fresh && nodes[taken[t]].location == nodes[i].location);
        }
        if (out)
            continue;
        if (best == RING_NOBODY ||
            weight_of(nodes[i].id, partition) > weight_of(nodes[best].id, partition))
            best = i;
    }
    return best;
}

uint32_t ring_fallbacks(const struct ring *ring, uint32_t partition, uint32_t n,
                        const struct ring_node *nodes, uint16_t nodes_count, uint16_t *ret_nodes,
                        uint32_t max)
{
    uint16_t taken[RING_REPLICAS_MAX * 2];
    uint32_t taken_count = ring_replicas(ring, partition, n, taken);
    uint32_t count = 0;

    for (uint32_t i = 0; i < taken_count; i++)
        ASSERT(taken[i] < nodes_count);
    while (count < max && taken_count < ARRAY_LEN(taken)) {
        uint16_t next = heaviest(partition, nodes, nodes_count, taken, taken_count, true);
        if (next == RING_NOBODY)
            next = heaviest(partition, nodes, nodes_count, taken, taken_count, false);
        if (next == RING_NOBODY)
            break;
        taken[taken_count++] = next;
        ret_nodes[count++] = next;
    }
    return count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/forwards.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

struct forward {
    struct map_node node;
    uint64_t from, token;
};

void forwards_init(struct forwards *forwards)
{
    map_init(&forwards->seen);
}

void forwards_done(struct forwards *forwards)
{
    MAP_EACH(node, &forwards->seen)
        mem_free(CONTAINER_OF(node, struct forward, node));
    map_done(&forwards->seen);
}

bool forwards_add(struct forwards *forwards, uint64_t node, uint64_t token)
{
    uint64_t hash = hash_mix(hash_mix(0, node), token);
    struct map_node *at = map_find(&forwards->seen, hash);

    for (; at != NULL; at = map_next(at)) {
        const struct forward *old = CONTAINER_OF(at, struct forward, node);
        if (old->from == node && old->token == token)
            return false;
    }
    struct forward *forward;
    if (forwards->seen.count == FORWARDS_MAX) {
        forward = CONTAINER_OF(map_first(&forwards->seen), struct forward, node);
        map_remove(&forwards->seen, &forward->node);
    } else {
        forward = mem_new(sizeof(*forward));
    }
    ASSERT(forwards->seen.count < FORWARDS_MAX);
    forward->from = node;
    forward->token = token;
    map_add(&forwards->seen, &forward->node, hash);
    return true;
}

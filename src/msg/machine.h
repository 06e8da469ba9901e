/* SPDX-License-Identifier: Apache-2.0 */
/* What the shard needs to know of every machine that serves one request: how to find it, when to
 * wake it, whether it is through. A machine writes its deadline and `done`; the shard keeps the
 * table and the timers. */
#ifndef MSG_MACHINE_H
#define MSG_MACHINE_H

#include "base/arena.h"
#include "base/heap.h"
#include "base/map.h"
#include "msg/reply.h"

enum machine_kind {
    MACHINE_GET,
    MACHINE_PUT,
    MACHINE_DELETE,
    MACHINE_LIST,
    MACHINE_DRAIN,
    MACHINE_EXCHANGE,
    MACHINE_EXPIRE,
    MACHINE_DROP,
};

struct machine {
    struct map_node node;     /* the shard's: by id */
    struct map_node by_asker; /* the shard's: by whom it answers */
    struct heap_node timer;   /* the shard's */
    struct list dead;         /* the shard's */
    enum machine_kind kind;
    uint64_t id;          /* unique in the shard, never zero, never used again; below 2^47 */
    uint64_t deadline_us; /* wants EV_DEADLINE then; 0: never */
    uint64_t started_us;
    struct asker asker;
    struct arena arena; /* what the request needs for its life */
    bool done;          /* the shard may free it */
    bool renew;         /* the shard gives it a new id after this step, and clears this: answers to
                           the old one, late or twice, find nobody. Only while nothing is awaited
                           but the deadline */
};

enum { MACHINE_NUMBER_BITS = 16 };

/* A token for a peer: the machine and a number of its own, such as the replica's place. */
static inline uint64_t machine_token(const struct machine *machine, unsigned number)
{
    return machine->id << MACHINE_NUMBER_BITS | (number & ((1u << MACHINE_NUMBER_BITS) - 1));
}

static inline uint64_t machine_of_token(uint64_t token)
{
    return token >> MACHINE_NUMBER_BITS;
}

static inline unsigned machine_number(uint64_t token)
{
    return (unsigned)(token & ((1u << MACHINE_NUMBER_BITS) - 1));
}

#endif

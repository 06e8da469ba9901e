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

enum machine_kind { MACHINE_GET, MACHINE_PUT, MACHINE_DELETE, MACHINE_LIST, MACHINE_DRAIN };

struct machine {
    struct map_node node;     /* the shard's: by id */
    struct map_node by_asker; /* the shard's: by whom it answers */
    struct heap_node timer;   /* the shard's */
    struct list dead;         /* the shard's */
    enum machine_kind kind;
    uint64_t id;          /* unique in the shard, never zero, never used again; below 2^48 */
    uint64_t deadline_us; /* wants EV_DEADLINE then; 0: never */
    uint64_t started_us;
    struct asker asker;
    struct arena arena; /* what the request needs for its life */
    bool done;          /* the shard may free it */
};

/* A token for a peer: the machine and a number of its own, such as the replica's place. */
static inline uint64_t machine_token(const struct machine *machine, unsigned number)
{
    return machine->id << 8 | (number & 0xff);
}

static inline uint64_t machine_of_token(uint64_t token)
{
    return token >> 8;
}

static inline unsigned machine_number(uint64_t token)
{
    return (unsigned)(token & 0xff);
}

#endif

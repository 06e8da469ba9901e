/* SPDX-License-Identifier: Apache-2.0 */
/* One key on a few replicas, small enough to visit every state it can be in.
 *
 * Clients write blindly, write or delete with a context that they read anywhere at any earlier
 * time. Every state that a replica was ever in is a message: any replica may receive it at any
 * later moment, any number of times, in any order. A replica may lose its store and goes on
 * empty, under a new actor.
 *
 * Beside each object stands the set of writes that its history holds, kept without looking at a
 * clock. From these sets and from the past of each write it follows what must have survived. */
#ifndef DASSIE_TESTS_MODEL_WORLD_H
#define DASSIE_TESTS_MODEL_WORLD_H

#include "base/arena.h"
#include "base/map.h"
#include "rules.h"

enum { REPLICAS_TOP = 3, WRITES_TOP = 5, SOUP_TOP = 40, NO_CONTEXT = 0 };

/* How large a world is. */
struct size {
    uint32_t replicas;
    uint32_t writes;
    uint32_t losses;
};

/* What a replica holds or held; equal ones are one. Number 0 is the empty one. */
struct snapshot {
    struct map_node node;
    uint32_t number;
    const struct object *object; /* NULL: nothing */
    uint32_t known;              /* the writes of its history, one bit each */
};

struct fact {
    uint8_t actor, counter, deleted, hlc;
    uint32_t past; /* the writes that its writer had read, one bit each */
};

/* No pointers and no gaps: states are compared as bytes. */
struct state {
    struct fact writes[WRITES_TOP];
    uint32_t writes_count;
    uint32_t losses;
    uint32_t at[REPLICAS_TOP]; /* snapshots */
    uint8_t actor[REPLICAS_TOP];
    uint8_t issued[REPLICAS_TOP];
    uint16_t soup_count;
    uint16_t soup[SOUP_TOP]; /* all snapshots that were ever there, ascending */
};

enum step_kind { STEP_START, STEP_WRITE, STEP_DELETE, STEP_DELIVER, STEP_LOSE };

struct step {
    enum step_kind kind;
    uint32_t replica;
    uint32_t snapshot; /* the context of a write, or what is delivered */
};

struct world {
    const struct rules *rules;
    struct size size;
    struct arena arena;
    struct map by_content;
    struct snapshot **snapshots;
    uint32_t snapshots_count, snapshots_cap;
    uint32_t *merges; /* results of merges, one more than the number; 0: not known yet */
    uint32_t merges_side;
};

void world_init(struct world *world, const struct rules *rules, struct size size);
void world_done(struct world *world);

/* All replicas empty. */
struct state world_start(struct world *world);

/* The steps that may follow a state; returns how many. */
enum { STEPS_TOP = REPLICAS_TOP * (3 * SOUP_TOP + 3) };
uint32_t world_steps(const struct world *world, const struct state *state,
                     struct step steps[STEPS_TOP]);

/* The state after the step; false when the step is refused. */
bool world_apply(struct world *world, const struct state *from, struct step step,
                 struct state *ret_state);

/* NULL, or what is wrong with a state. */
const char *world_wrong(struct world *world, const struct state *state);

#endif

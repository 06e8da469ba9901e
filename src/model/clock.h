/* SPDX-License-Identifier: Apache-2.0 */
/* Dots and version vectors. A dot is one write: the counter-th that the actor issued. An actor
 * is the random incarnation of one partition replica's store, never zero; counters start at 1
 * and are never issued twice. A version vector says for each actor up to which counter this
 * key's history is known. (Dotted version vectors: Preguiça, Baquero, Almeida, Fonte, Gonçalves,
 * 2010.)
 *
 * Beside the counters a clock carries the newest hybrid clock of its history. It takes no part
 * in any comparison. It goes to the client and comes back with the next write, so that a write
 * is always newer than all that its writer had read, whatever the clocks of the machines say.
 * Where siblings are resolved to one winner this is what keeps the winner the same everywhere
 * (model/object.h).
 *
 * And it carries when the last value of its history expires, if all of them do. That travels in the
 * same way, so that a write knows it of all that it replaces, wherever that was stored. Who knows
 * that the end of a history has come may forget it: no late copy of anything in it can be seen
 * again (docs/decisions/0006).
 *
 * Invariant: entries are sorted by actor, no actor twice, no counter zero; an empty clock has no
 * hybrid clock and no end. */
#ifndef MODEL_CLOCK_H
#define MODEL_CLOCK_H

#include "base/arena.h"

struct dot {
    uint64_t actor;
    uint64_t counter;
};

struct clock {
    const struct dot *entries;
    uint32_t count;
    uint64_t hlc_us;  /* of the newest write in the history */
    uint64_t ends_us; /* wall clock: the last value of the history expires; 0: one never does */
};

enum clock_order { CLOCK_EQUAL, CLOCK_BEFORE, CLOCK_AFTER, CLOCK_CONCURRENT };

#define CLOCK_NONE ((struct clock){NULL, 0, 0, 0})

static inline bool dot_eq(struct dot a, struct dot b)
{
    return a.actor == b.actor && a.counter == b.counter;
}

/* Order by actor, then counter: -1, 0, 1. */
int dot_cmp(struct dot a, struct dot b);

/* The counter known for an actor, 0 when none. */
uint64_t clock_get(struct clock clock, uint64_t actor);

/* Whether the dot's write is part of the history. */
bool clock_covers(struct clock clock, struct dot dot);

/* How `a` stands to `b`. */
enum clock_order clock_compare(struct clock a, struct clock b);

/* Whether `a` knows all that `b` knows. */
bool clock_descends(struct clock a, struct clock b);

/* The least upper bound, in the arena; the greater hybrid clock, the later end. */
struct clock clock_merge(struct arena *arena, struct clock a, struct clock b);

/* The clock with the dot's history added: max(counter) for its actor; the same hybrid clock and
 * end. */
struct clock clock_add(struct arena *arena, struct clock clock, struct dot dot);

/* The later of two ends; 0, which is never, is the latest. */
static inline uint64_t ends_later(uint64_t a_us, uint64_t b_us)
{
    return a_us == 0 || b_us == 0 ? 0 : a_us > b_us ? a_us : b_us;
}

/* Whether all values of the history had expired by the cut-off: then nothing that this clock stands
 * for is repaired, compared or handed over any more. */
static inline bool clock_ended(struct clock clock, uint64_t cutoff_us)
{
    return clock.ends_us != 0 && clock.ends_us <= cutoff_us;
}

/* A copy in the arena. */
struct clock clock_copy(struct arena *arena, struct clock clock);

/* Whether the invariant above holds. */
bool clock_valid(struct clock clock);

#endif

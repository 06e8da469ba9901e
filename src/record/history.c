/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "model/limits.h"
#include "record/history_int.h"
#include "record/pen_int.h"

enum { ENTRY_BYTES_MIN = 9 };

size_t history_clock_size(struct clock clock)
{
    ASSERT(clock.count <= CLOCK_ENTRIES_HARD_MAX);
    size_t size = pen_varint_size(clock.count);

    for (uint32_t i = 0; i < clock.count; i++)
        size += 8 + pen_varint_size(clock.entries[i].counter);
    return size;
}

uint8_t *history_clock_put(uint8_t *at, struct clock clock)
{
    at = pen_varint(at, clock.count);
    for (uint32_t i = 0; i < clock.count; i++) {
        at = pen_le64(at, clock.entries[i].actor);
        at = pen_varint(at, clock.entries[i].counter);
    }
    return at;
}

bool history_clock_read(struct reader *r, struct arena *arena, struct clock *ret_clock)
{
    size_t count = reader_count(r, CLOCK_ENTRIES_HARD_MAX, ENTRY_BYTES_MIN);

    if (!r->ok)
        return false;
    struct dot *entries = arena_alloc_array(arena, count, sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        entries[i].actor = reader_le64(r);
        entries[i].counter = reader_varint(r);
    }
    struct clock clock = {entries, (uint32_t)count, 0, 0};
    if (!r->ok || !clock_valid(clock))
        return false;
    *ret_clock = clock;
    return true;
}

size_t history_ends_size(uint8_t version)
{
    ASSERT(version == HISTORY_PLAIN || version == HISTORY_EXPIRES);
    return version == HISTORY_EXPIRES ? 8 : 0;
}

uint8_t *history_ends_put(uint8_t *at, uint8_t version, struct clock clock)
{
    ASSERT(version == HISTORY_EXPIRES || clock.ends_us == 0);
    return version == HISTORY_EXPIRES ? pen_le64(at, clock.ends_us) : at;
}

bool history_ends_read(struct reader *r, uint8_t version, struct clock *clock)
{
    clock->ends_us = version == HISTORY_EXPIRES ? reader_le64(r) : 0;
    return r->ok && (clock->count > 0 || clock->ends_us == 0);
}

struct dot_walk dot_walk_of(struct clock clock)
{
    return (struct dot_walk){clock, 0, 0};
}

static void advance(struct dot_walk *walk, struct dot dot)
{
    ASSERT(walk->index < walk->clock.count);
    while (walk->clock.entries[walk->index].actor != dot.actor) {
        walk->index++;
        walk->counter = 0;
        ASSERT(walk->index < walk->clock.count);
    }
    ASSERT(dot.counter > walk->counter);
    walk->counter = dot.counter;
}

size_t dot_walk_size(struct dot_walk *walk, struct dot dot)
{
    advance(walk, dot);
    return pen_varint_size(walk->index) + pen_varint_size(dot.counter);
}

uint8_t *dot_walk_put(struct dot_walk *walk, uint8_t *at, struct dot dot)
{
    advance(walk, dot);
    return pen_varint(pen_varint(at, walk->index), dot.counter);
}

bool dot_walk_read(struct dot_walk *walk, struct reader *r, struct dot *ret_dot)
{
    uint64_t index = reader_varint(r);
    uint64_t counter = reader_varint(r);

    if (!r->ok || index >= walk->clock.count || index < walk->index || counter == 0)
        return false;
    if (index == walk->index && counter <= walk->counter)
        return false;
    if (counter > walk->clock.entries[index].counter)
        return false;
    walk->index = (uint32_t)index;
    walk->counter = counter;
    *ret_dot = (struct dot){walk->clock.entries[index].actor, counter};
    return true;
}

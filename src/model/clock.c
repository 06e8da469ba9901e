/* SPDX-License-Identifier: Apache-2.0 */
#include "model/clock.h"

#include "base/check.h"

int dot_cmp(struct dot a, struct dot b)
{
    if (a.actor != b.actor)
        return a.actor < b.actor ? -1 : 1;
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    return 0;
}

/* The index of the first entry whose actor is not below `actor`. */
static uint32_t lower_bound(struct clock clock, uint64_t actor)
{
    uint32_t lo = 0;
    uint32_t hi = clock.count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (clock.entries[mid].actor < actor)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint64_t clock_get(struct clock clock, uint64_t actor)
{
    ASSERT(clock.count == 0 || clock.entries != NULL);
    uint32_t i = lower_bound(clock, actor);

    return i < clock.count && clock.entries[i].actor == actor ? clock.entries[i].counter : 0;
}

bool clock_covers(struct clock clock, struct dot dot)
{
    ASSERT(dot.counter > 0);
    return clock_get(clock, dot.actor) >= dot.counter;
}

/* One pass over both; each side is asked whether it knows something that the other does not. */
enum clock_order clock_compare(struct clock a, struct clock b)
{
    bool a_more = false;
    bool b_more = false;
    uint32_t i = 0;
    uint32_t j = 0;

    while (i < a.count && j < b.count) {
        struct dot x = a.entries[i];
        struct dot y = b.entries[j];
        a_more = a_more || x.actor < y.actor || (x.actor == y.actor && x.counter > y.counter);
        b_more = b_more || y.actor < x.actor || (x.actor == y.actor && y.counter > x.counter);
        i += x.actor <= y.actor;
        j += y.actor <= x.actor;
    }
    a_more = a_more || i < a.count;
    b_more = b_more || j < b.count;
    if (a_more)
        return b_more ? CLOCK_CONCURRENT : CLOCK_AFTER;
    return b_more ? CLOCK_BEFORE : CLOCK_EQUAL;
}

bool clock_descends(struct clock a, struct clock b)
{
    enum clock_order order = clock_compare(a, b);

    return order == CLOCK_EQUAL || order == CLOCK_AFTER;
}

/* An empty history adds nothing. */
static uint64_t ends_merge(struct clock a, struct clock b)
{
    if (a.count == 0)
        return b.ends_us;
    return b.count == 0 ? a.ends_us : ends_later(a.ends_us, b.ends_us);
}

struct clock clock_merge(struct arena *arena, struct clock a, struct clock b)
{
    ASSERT(b.count <= UINT32_MAX - a.count);
    struct dot *entries = arena_alloc_array(arena, (size_t)a.count + b.count, sizeof(*entries));
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;

    while (i < a.count || j < b.count) {
        bool from_a = j == b.count || (i < a.count && a.entries[i].actor <= b.entries[j].actor);
        bool from_b = i == a.count || (j < b.count && b.entries[j].actor <= a.entries[i].actor);
        struct dot next = from_a ? a.entries[i] : b.entries[j];
        if (from_a && from_b && b.entries[j].counter > next.counter)
            next = b.entries[j];
        entries[count++] = next;
        i += from_a;
        j += from_b;
    }
    ASSERT(count >= a.count && count >= b.count);
    return (struct clock){entries, count, a.hlc_us > b.hlc_us ? a.hlc_us : b.hlc_us,
                          ends_merge(a, b)};
}

struct clock clock_add(struct arena *arena, struct clock clock, struct dot dot)
{
    ASSERT(dot.actor != 0);
    ASSERT(dot.counter != 0);
    return clock_merge(arena, clock, (struct clock){&dot, 1, 0, clock.ends_us});
}

struct clock clock_copy(struct arena *arena, struct clock clock)
{
    if (clock.count == 0)
        return CLOCK_NONE;
    struct dot *entries = arena_alloc_array(arena, clock.count, sizeof(*entries));
    memcpy(entries, clock.entries, clock.count * sizeof(*entries));
    return (struct clock){entries, clock.count, clock.hlc_us, clock.ends_us};
}

bool clock_valid(struct clock clock)
{
    if (clock.count == 0)
        return clock.hlc_us == 0 && clock.ends_us == 0;
    if (clock.entries == NULL)
        return false;
    for (uint32_t i = 0; i < clock.count; i++) {
        struct dot dot = clock.entries[i];
        if (dot.actor == 0 || dot.counter == 0)
            return false;
        if (i > 0 && clock.entries[i - 1].actor >= dot.actor)
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Version vectors: order, bounds, and the laws of a semilattice on random clocks. */
#include "base/random.h"
#include "model/clock.h"
#include "tap.h"

enum { ACTORS = 4, COUNTERS = 3, ROUNDS = 20000 };

static struct clock random_clock(struct random *random, struct arena *arena)
{
    struct dot *entries = arena_alloc_array(arena, ACTORS, sizeof(*entries));
    uint32_t count = 0;

    for (uint64_t actor = 1; actor <= ACTORS; actor++) {
        uint64_t counter = random_below(random, COUNTERS + 1);
        if (counter > 0)
            entries[count++] = (struct dot){actor, counter};
    }
    return (struct clock){entries, count, 0, 0};
}

static bool same(struct clock a, struct clock b)
{
    if (a.count != b.count)
        return false;
    for (uint32_t i = 0; i < a.count; i++) {
        if (!dot_eq(a.entries[i], b.entries[i]))
            return false;
    }
    return true;
}

/* What the order means, actor by actor. */
static enum clock_order slow_compare(struct clock a, struct clock b)
{
    bool more = false;
    bool less = false;

    for (uint64_t actor = 1; actor <= ACTORS; actor++) {
        more = more || clock_get(a, actor) > clock_get(b, actor);
        less = less || clock_get(a, actor) < clock_get(b, actor);
    }
    return more ? (less ? CLOCK_CONCURRENT : CLOCK_AFTER) : (less ? CLOCK_BEFORE : CLOCK_EQUAL);
}

TEST(dots_order_by_actor_then_counter)
{
    CHECK_EQ(dot_cmp((struct dot){1, 9}, (struct dot){2, 1}), -1);
    CHECK_EQ(dot_cmp((struct dot){2, 1}, (struct dot){1, 9}), 1);
    CHECK_EQ(dot_cmp((struct dot){1, 1}, (struct dot){1, 2}), -1);
    CHECK_EQ(dot_cmp((struct dot){1, 2}, (struct dot){1, 1}), 1);
    CHECK_EQ(dot_cmp((struct dot){1, 2}, (struct dot){1, 2}), 0);
    CHECK_EQ(dot_cmp((struct dot){UINT64_MAX, 1}, (struct dot){1, 1}), 1);
}

TEST(empty_clock_knows_nothing)
{
    struct dot one = {7, 1};
    struct clock some = {&one, 1, 0, 0};

    CHECK(clock_valid(CLOCK_NONE));
    CHECK_EQ(clock_get(CLOCK_NONE, 7), 0);
    CHECK(!clock_covers(CLOCK_NONE, one));
    CHECK_EQ(clock_compare(CLOCK_NONE, CLOCK_NONE), CLOCK_EQUAL);
    CHECK_EQ(clock_compare(CLOCK_NONE, some), CLOCK_BEFORE);
    CHECK_EQ(clock_compare(some, CLOCK_NONE), CLOCK_AFTER);
    CHECK(clock_descends(some, CLOCK_NONE));
    CHECK(!clock_descends(CLOCK_NONE, some));
}

TEST(get_finds_every_entry_and_no_other)
{
    struct dot entries[100];

    for (uint64_t i = 0; i < 100; i++)
        entries[i] = (struct dot){2 * i + 2, i + 1};
    for (uint32_t count = 0; count <= 100; count++) {
        struct clock clock = {entries, count, 0, 0};
        bool right = clock_valid(clock);
        for (uint64_t actor = 1; actor < 204; actor++) {
            uint64_t want = actor % 2 == 0 && actor / 2 <= count ? actor / 2 : 0;
            right = right && clock_get(clock, actor) == want;
        }
        CHECK(right);
    }
}

TEST(invalid_forms_are_seen)
{
    const struct dot no_actor[] = {{0, 1}};
    const struct dot no_counter[] = {{1, 0}};
    const struct dot twice[] = {{1, 1}, {1, 2}};
    const struct dot unsorted[] = {{2, 1}, {1, 1}};

    CHECK(!clock_valid((struct clock){no_actor, 1, 0, 0}));
    CHECK(!clock_valid((struct clock){no_counter, 1, 0, 0}));
    CHECK(!clock_valid((struct clock){twice, 2, 0, 0}));
    CHECK(!clock_valid((struct clock){unsorted, 2, 0, 0}));
    CHECK(!clock_valid((struct clock){NULL, 1, 0, 0}));
}

TEST(laws_of_the_lattice)
{
    struct seed seed = seed_of(1);
    struct random random;
    struct arena arena;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_reset(&arena);
        struct clock a = random_clock(&random, &arena);
        struct clock b = random_clock(&random, &arena);
        struct clock c = random_clock(&random, &arena);
        struct clock ab = clock_merge(&arena, a, b);
        broken += !clock_valid(ab);
        broken += !same(ab, clock_merge(&arena, b, a));
        broken +=
            !same(clock_merge(&arena, ab, c), clock_merge(&arena, a, clock_merge(&arena, b, c)));
        broken += !same(clock_merge(&arena, a, a), a);
        broken += !clock_descends(ab, a) || !clock_descends(ab, b);
        broken += clock_descends(c, a) && clock_descends(c, b) && !clock_descends(c, ab);
        broken += clock_compare(a, b) != slow_compare(a, b);
        broken += clock_descends(a, b) != same(ab, a);
    }
    CHECK_EQ(broken, 0);
    arena_done(&arena);
}

TEST(add_takes_the_larger_counter)
{
    struct arena arena;

    arena_init(&arena);
    struct clock clock = clock_add(&arena, CLOCK_NONE, (struct dot){5, 3});
    clock = clock_add(&arena, clock, (struct dot){2, 9});
    clock = clock_add(&arena, clock, (struct dot){5, 2});
    CHECK_EQ(clock.count, 2);
    CHECK_EQ(clock_get(clock, 5), 3);
    CHECK_EQ(clock_get(clock, 2), 9);
    CHECK(clock_covers(clock, (struct dot){5, 3}));
    CHECK(!clock_covers(clock, (struct dot){5, 4}));
    CHECK(clock_valid(clock));
    arena_done(&arena);
}

TEST(copy_points_nowhere_else)
{
    struct dot entries[] = {{1, 2}, {3, 4}};
    struct arena arena;

    arena_init(&arena);
    struct clock copy = clock_copy(&arena, (struct clock){entries, 2, 0, 0});
    entries[0].counter = 99;
    CHECK_EQ(copy.count, 2);
    CHECK_EQ(clock_get(copy, 1), 2);
    CHECK_EQ(clock_get(copy, 3), 4);
    CHECK_EQ(clock_copy(&arena, CLOCK_NONE).count, 0);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(dots_order_by_actor_then_counter),
        T(empty_clock_knows_nothing),
        T(get_finds_every_entry_and_no_other),
        T(invalid_forms_are_seen),
        T(laws_of_the_lattice),
        T(add_takes_the_larger_counter),
        T(copy_points_nowhere_else),
    };
    return tap_main(argc, argv, tests);
}

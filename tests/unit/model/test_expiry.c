/* SPDX-License-Identifier: Apache-2.0 */
/* Values that expire: what is shown, what a write takes along, when a history has ended, and that
 * one which has ended may be forgotten by anybody at any time. */
#include "base/attr.h"
#include "base/check.h"
#include "base/random.h"
#include "model/object.h"
#include "tap.h"

static struct object *put(struct arena *arena, const struct object *old, struct clock context,
                          struct dot dot, uint64_t expires_us)
{
    struct write write = {.context = context,
                          .content = {.value = BYTES_LIT("v")},
                          .dot = dot,
                          .wall_us = 1,
                          .expires_us = expires_us};

    CHECK_EQ(object_put_check(old, &write), ERR_OK);
    return object_put(arena, old, &write);
}

TEST(shown_without_what_expired)
{
    struct arena arena;

    arena_init(&arena);
    struct object *object = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 10);
    object = put(&arena, object, CLOCK_NONE, (struct dot){2, 1}, 20);
    CHECK_EQ(object->count, 2);
    CHECK_EQ(object_expired(object, 9), 0);
    CHECK(object_shown(&arena, object, 9) == object);
    const struct object *shown = object_shown(&arena, object, 10);
    CHECK_EQ(shown->count, 1);
    CHECK_EQ(shown->siblings[0].dot.actor, 2);
    CHECK_EQ(clock_compare(shown->clock, object->clock), CLOCK_EQUAL);
    CHECK_EQ(shown->clock.hlc_us, object->clock.hlc_us);
    CHECK(!object_deleted(shown));
    CHECK(object_deleted(object_shown(&arena, object, 20)));
    CHECK_EQ(object->count, 2);
    CHECK(object_shown(&arena, NULL, 20) == NULL);
    arena_done(&arena);
}

TEST(a_write_takes_along_what_had_expired)
{
    struct arena arena;

    arena_init(&arena);
    struct object *old = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 10);
    old = put(&arena, old, CLOCK_NONE, (struct dot){2, 1}, 20);
    struct write write = {.dot = {3, 1}, .wall_us = 1, .cutoff_us = 10};
    struct object *object = object_put(&arena, old, &write);
    CHECK_EQ(object->count, 2);
    CHECK_EQ(object->siblings[0].dot.actor, 2);
    CHECK(clock_covers(object->clock, (struct dot){1, 1}));
    CHECK_EQ(object_merge(&arena, object, old)->count, 2);
    arena_done(&arena);
}

TEST(a_history_ends_with_its_last_value)
{
    struct arena arena;

    arena_init(&arena);
    struct object *object = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 30);
    CHECK_EQ(object->clock.ends_us, 30);
    CHECK(!clock_ended(object->clock, 29));
    CHECK(clock_ended(object->clock, 30));
    /* What it replaced outlives it. */
    struct object *next = put(&arena, object, object->clock, (struct dot){1, 2}, 10);
    CHECK_EQ(next->count, 1);
    CHECK_EQ(next->clock.ends_us, 30);
    /* A tombstone has no end of its own. */
    struct write gone = {.context = next->clock, .deleted = true, .dot = {1, 3}, .expires_us = 99};
    struct object *dead = object_put(&arena, next, &gone);
    CHECK_EQ(dead->clock.ends_us, 30);
    CHECK_EQ(dead->siblings[0].expires_us, 0);
    /* What never expires is never over, nor is what replaces it. */
    struct object *ever = put(&arena, dead, dead->clock, (struct dot){1, 4}, 0);
    CHECK_EQ(ever->clock.ends_us, 0);
    struct object *after = put(&arena, ever, ever->clock, (struct dot){1, 5}, 40);
    CHECK_EQ(after->clock.ends_us, 0);
    CHECK(!clock_ended(after->clock, UINT64_MAX));
    struct write bare = {.deleted = true, .dot = {5, 1}};
    CHECK_EQ(object_put(&arena, NULL, &bare)->clock.ends_us, 0);
    arena_done(&arena);
}

/* The coordinator has not seen what the client had read. */
TEST(a_context_brings_the_end)
{
    struct arena arena;

    arena_init(&arena);
    struct object *read = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 30);
    CHECK_EQ(put(&arena, NULL, read->clock, (struct dot){2, 1}, 10)->clock.ends_us, 30);
    read = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 0);
    CHECK_EQ(put(&arena, NULL, read->clock, (struct dot){2, 1}, 10)->clock.ends_us, 0);
    arena_done(&arena);
}

TEST(merging_takes_the_later_end)
{
    struct arena arena;

    arena_init(&arena);
    struct object *a = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 10);
    struct object *b = put(&arena, NULL, CLOCK_NONE, (struct dot){2, 1}, 20);
    struct object *c = put(&arena, NULL, CLOCK_NONE, (struct dot){3, 1}, 0);
    CHECK_EQ(object_merge(&arena, a, b)->clock.ends_us, 20);
    CHECK_EQ(object_merge(&arena, b, a)->clock.ends_us, 20);
    CHECK_EQ(object_merge(&arena, a, NULL)->clock.ends_us, 10);
    CHECK_EQ(object_merge(&arena, NULL, a)->clock.ends_us, 10);
    CHECK_EQ(object_merge(&arena, c, b)->clock.ends_us, 0);
    CHECK_EQ(object_merge(&arena, b, c)->clock.ends_us, 0);
    struct object *both = object_merge(&arena, b, c);
    CHECK_EQ(object_resolve(both), 1);
    CHECK_EQ(both->clock.ends_us, 0);
    arena_done(&arena);
}

TEST(invalid_expiry_is_seen)
{
    const struct dot entries[] = {{1, 1}};
    struct sibling sibling = {.dot = {1, 1}, .expires_us = 5};
    struct object object = {{entries, 1, 0, 5}, &sibling, 1};

    CHECK(object_valid(&object));
    object.clock.ends_us = 4;
    CHECK(!object_valid(&object));
    object.clock.ends_us = 5;
    sibling.expires_us = 0;
    CHECK(!object_valid(&object));
    sibling.deleted = true;
    CHECK(object_valid(&object));
    sibling.expires_us = 5;
    CHECK(!object_valid(&object));
    object = (struct object){{NULL, 0, 0, 7}, NULL, 0};
    CHECK(!object_valid(&object));
}

/* ---- a key that replicas forget ---- */

enum { REPLICAS = 3, WRITES_MAX = 24, COPIES_MAX = 64, STEPS = 60, ROUNDS = 20000 };

struct made {
    struct dot dot;
    uint64_t expires_us;
    uint32_t past; /* a bit for each write that happened before it */
};

/* One key at a few replicas, and every state that it ever had anywhere: any of them may turn up
 * again, however late. */
struct town {
    struct random *random;
    struct arena arena;
    uint64_t now_us;
    const struct object *replicas[REPLICAS];
    uint64_t counters[REPLICAS];
    uint32_t over[REPLICAS]; /* writes that this replica once knew to be replaced */
    struct made made[WRITES_MAX];
    uint32_t made_count;
    const struct object *copies[COPIES_MAX];
    uint32_t copies_count;
    unsigned forgotten, late, hidden;
};

/* Which write a sibling is. */
static uint32_t number_of(const struct town *t, const struct sibling *sibling)
{
    uint32_t number = 0;

    while (number < t->made_count && !dot_eq(t->made[number].dot, sibling->dot))
        number++;
    ASSERT(number < t->made_count);
    return number;
}

static void copy_keep(struct town *t, const struct object *object)
{
    if (t->copies_count < COPIES_MAX)
        t->copies[t->copies_count++] = object;
}

static uint32_t replaced_by(const struct town *t, const struct object *object)
{
    uint32_t past = 0;

    for (uint32_t i = 0; object != NULL && i < object->count; i++)
        past |= t->made[number_of(t, &object->siblings[i])].past;
    return past;
}

static uint32_t past_of(const struct town *t, const struct object *object)
{
    uint32_t past = replaced_by(t, object);

    for (uint32_t i = 0; object != NULL && i < object->count; i++)
        past |= 1u << number_of(t, &object->siblings[i]);
    return past;
}

/* A write at a replica by a client that had read there, elsewhere, or not at all. */
static void town_write(struct town *t, uint32_t at)
{
    struct made *made = &t->made[t->made_count++];
    const struct object *read = t->replicas[random_below(t->random, REPLICAS)];

    if (random_chance(t->random, 1, 3))
        read = NULL;
    bool deleted = random_chance(t->random, 1, 5);
    *made = (struct made){.dot = {at + 1, ++t->counters[at]}, .past = past_of(t, read)};
    if (!deleted && random_chance(t->random, 5, 6))
        made->expires_us = t->now_us + random_range(t->random, 1, 30);
    struct write write = {.context = read == NULL ? CLOCK_NONE : read->clock,
                          .content = {.value = BYTES_LIT("v")},
                          .deleted = deleted,
                          .dot = made->dot,
                          .expires_us = made->expires_us,
                          .cutoff_us = t->now_us};
    t->replicas[at] = object_put(&t->arena, t->replicas[at], &write);
    copy_keep(t, t->replicas[at]);
}

/* No value is shown that has expired, nor one that the replica once knew to be replaced. */
static void town_check(struct town *t, uint32_t at)
{
    const struct object *shown = object_shown(&t->arena, t->replicas[at], t->now_us);

    t->over[at] |= replaced_by(t, t->replicas[at]);

    for (uint32_t i = 0; shown != NULL && i < shown->count; i++) {
        const struct sibling *sibling = &shown->siblings[i];
        if (sibling->deleted)
            continue;
        uint32_t number = number_of(t, sibling);
        uint64_t expires_us = t->made[number].expires_us;
        CHECK(expires_us == 0 || expires_us > t->now_us);
        CHECK((t->over[at] >> number & 1) == 0);
    }
    t->hidden += t->replicas[at] != NULL && object_expired(t->replicas[at], t->now_us) > 0;
}

static void town_step(struct town *t)
{
    uint32_t at = (uint32_t)random_below(t->random, REPLICAS);
    uint64_t dice = random_below(t->random, 10);

    t->now_us += random_below(t->random, 6);
    if (dice < 3 && t->made_count < WRITES_MAX) {
        town_write(t, at);
    } else if (dice < 8 && t->copies_count > 0) {
        const struct object *copy = t->copies[random_below(t->random, t->copies_count)];
        t->replicas[at] = object_merge(&t->arena, t->replicas[at], copy);
        t->late += clock_ended(copy->clock, t->now_us);
    } else if (t->replicas[at] != NULL && clock_ended(t->replicas[at]->clock, t->now_us)) {
        t->replicas[at] = NULL;
        t->forgotten++;
    }
    town_check(t, at);
}

TEST(a_history_that_ended_may_be_forgotten)
{
    struct seed seed = seed_of(71);
    struct random random;
    unsigned forgotten = 0, late = 0, hidden = 0;

    random_init(&random, &seed, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct town t = {.random = &random, .now_us = 1000};
        arena_init(&t.arena);
        for (unsigned step = 0; step < STEPS; step++)
            town_step(&t);
        forgotten += t.forgotten;
        late += t.late;
        hidden += t.hidden;
        arena_done(&t.arena);
    }
    CHECK(forgotten > 1000);
    CHECK(late > 1000);
    CHECK(hidden > 1000);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(shown_without_what_expired),
        T(a_write_takes_along_what_had_expired),
        T(a_history_ends_with_its_last_value),
        T(a_context_brings_the_end),
        T(merging_takes_the_later_end),
        T(invalid_expiry_is_seen),
        T(a_history_that_ended_may_be_forgotten),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories of replicas that write, exchange, receive old states again and lose their store.
 * What each object must hold is worked out beside it, from the set of writes in its history and the
 * past of each write, without looking at a clock. */
#include "base/random.h"
#include "model/object.h"
#include "tap.h"

enum { REPLICAS = 4, WRITES_MAX = 30, STEPS_MAX = 90, HISTORIES = 4000 };

/* An object that was there at some time, and the writes of its history, one bit each. */
struct moment {
    struct object *object;
    uint32_t known;
};

struct story {
    struct random random;
    struct arena arena;
    bool resolve; /* one winner */
    struct moment at[REPLICAS];
    uint64_t actor[REPLICAS];
    uint64_t issued[REPLICAS];
    uint64_t skew_us[REPLICAS];
    struct sibling writes[WRITES_MAX];
    uint32_t past[WRITES_MAX];
    uint32_t writes_count;
    struct moment seen[STEPS_MAX];
    uint32_t seen_count;
    uint32_t merges;
};

static struct moment merged(struct story *story, struct moment a, struct moment b)
{
    struct object *object = object_merge(&story->arena, a.object, b.object);

    if (story->resolve)
        object_resolve(object);
    return (struct moment){object, a.known | b.known};
}

static void write_somewhere(struct story *story, uint32_t r)
{
    struct moment read = {NULL, 0};

    if (story->seen_count > 0 && random_chance(&story->random, 3, 4))
        read = story->seen[random_below(&story->random, story->seen_count)];
    struct write write = {.context = read.object == NULL ? CLOCK_NONE : read.object->clock,
                          .deleted = random_chance(&story->random, 1, 5),
                          .dot = {story->actor[r], ++story->issued[r]},
                          .wall_us = story->skew_us[r] + story->seen_count};
    CHECK_EQ(object_put_check(story->at[r].object, &write), ERR_OK);
    struct object *object = object_put(&story->arena, story->at[r].object, &write);
    for (uint32_t i = 0; i < object->count; i++) {
        if (dot_eq(object->siblings[i].dot, write.dot))
            story->writes[story->writes_count] = object->siblings[i];
    }
    if (story->resolve)
        object_resolve(object);
    story->past[story->writes_count] = read.known;
    uint32_t known = story->at[r].known | read.known | UINT32_C(1) << story->writes_count;
    story->writes_count++;
    story->at[r] = (struct moment){object, known};
}

static bool wins(const struct sibling *a, const struct sibling *b)
{
    if (a->hlc_us != b->hlc_us)
        return a->hlc_us > b->hlc_us;
    if (a->deleted != b->deleted)
        return b->deleted;
    return dot_cmp(a->dot, b->dot) > 0;
}

static uint32_t survivors(const struct story *story, uint32_t known)
{
    uint32_t superseded = 0;
    uint32_t winner = 0;
    const struct sibling *best = NULL;

    for (uint32_t i = 0; i < story->writes_count; i++) {
        if ((known >> i & 1) == 0)
            continue;
        superseded |= story->past[i];
        if (best == NULL || wins(&story->writes[i], best)) {
            best = &story->writes[i];
            winner = UINT32_C(1) << i;
        }
    }
    return story->resolve ? winner : known & ~superseded;
}

/* Whether the object holds exactly what its history demands, under exactly its clock. */
static bool right(const struct story *story, struct moment moment)
{
    uint32_t have = 0;
    uint32_t covered = 0;

    if (moment.object == NULL)
        return moment.known == 0;
    for (uint32_t i = 0; i < story->writes_count; i++) {
        struct dot dot = story->writes[i].dot;
        covered |= (uint32_t)clock_covers(moment.object->clock, dot) << i;
        for (uint32_t j = 0; j < moment.object->count; j++)
            have |= (uint32_t)dot_eq(moment.object->siblings[j].dot, dot) << i;
    }
    return covered == moment.known && have == survivors(story, moment.known) &&
           object_valid(moment.object);
}

static void story_begin(struct story *story, uint64_t number, bool resolve)
{
    struct seed seed = seed_of(number);
    struct arena arena = story->arena;

    arena_reset(&arena);
    *story = (struct story){.arena = arena, .resolve = resolve};
    random_init(&story->random, &seed, resolve);
    for (uint32_t r = 0; r < REPLICAS; r++) {
        story->actor[r] = r + 1;
        story->skew_us[r] = random_below(&story->random, 200);
    }
}

/* One step; false when something is wrong afterwards. */
static bool story_step(struct story *story)
{
    uint32_t r = (uint32_t)random_below(&story->random, REPLICAS);
    uint64_t what = random_below(&story->random, 20);

    if (what == 0) {
        story->at[r] = (struct moment){NULL, 0};
        story->actor[r] += REPLICAS;
        story->issued[r] = 0;
        return true;
    }
    if (what < 8 && story->writes_count < WRITES_MAX) {
        write_somewhere(story, r);
    } else if (story->seen_count > 0) {
        struct moment late = story->seen[random_below(&story->random, story->seen_count)];
        story->at[r] = merged(story, story->at[r], late);
        story->merges++;
    } else {
        return true;
    }
    story->seen[story->seen_count++] = story->at[r];
    return right(story, story->at[r]);
}

/* All that was ever seen reaches all, each in an order of its own; they must agree. */
static bool story_end(struct story *story)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << story->writes_count) - 1);

    for (uint32_t r = 0; r < REPLICAS; r++) {
        uint32_t turn = (uint32_t)random_below(&story->random, story->seen_count);
        for (uint32_t i = 0; i < story->seen_count; i++)
            story->at[r] = merged(story, story->at[r], story->seen[(i + turn) % story->seen_count]);
        if (story->at[r].known != all || !right(story, story->at[r]))
            return false;
        if (!object_same(story->at[r].object, story->at[0].object))
            return false;
    }
    return true;
}

static void run(bool resolve)
{
    struct story story = {.writes_count = 0};
    unsigned writes = 0;
    unsigned merges = 0;

    arena_init(&story.arena);
    for (uint64_t number = 0; number < HISTORIES; number++) {
        story_begin(&story, number, resolve);
        bool good = true;
        uint64_t steps = random_range(&story.random, 5, STEPS_MAX);
        for (uint64_t i = 0; i < steps && good; i++)
            good = story_step(&story);
        good = good && (story.seen_count == 0 || story_end(&story));
        if (!good)
            tap_note("history %u", (unsigned)number);
        CHECK(good);
        writes += story.writes_count;
        merges += story.merges;
    }
    tap_note("%u writes, %u merges", writes, merges);
    CHECK(writes > HISTORIES * 5 && merges > HISTORIES * 5);
    arena_done(&story.arena);
}

TEST(no_concurrent_write_is_lost)
{
    run(false);
}

TEST(one_winner_everywhere)
{
    run(true);
}

TEST(merge_is_a_least_upper_bound)
{
    struct story story = {.writes_count = 0};
    unsigned broken = 0;
    unsigned tried = 0;

    arena_init(&story.arena);
    for (uint64_t number = 0; number < HISTORIES; number++) {
        story_begin(&story, number, false);
        for (unsigned i = 0; i < STEPS_MAX / 2; i++)
            broken += !story_step(&story);
        if (story.seen_count == 0)
            continue;
        for (unsigned i = 0; i < 10; i++) {
            struct object *x[3];
            for (unsigned j = 0; j < 3; j++)
                x[j] = story.seen[random_below(&story.random, story.seen_count)].object;
            struct object *ab = object_merge(&story.arena, x[0], x[1]);
            struct object *bc = object_merge(&story.arena, x[1], x[2]);
            broken += !object_same(ab, object_merge(&story.arena, x[1], x[0]));
            broken += !object_same(object_merge(&story.arena, ab, x[2]),
                                   object_merge(&story.arena, x[0], bc));
            broken += !object_same(object_merge(&story.arena, x[0], x[0]), x[0]);
            broken += !object_same(object_merge(&story.arena, ab, x[0]), ab);
            broken += !object_same(object_merge(&story.arena, x[2], NULL), x[2]);
            tried++;
        }
    }
    CHECK_EQ(broken, 0);
    CHECK(tried > HISTORIES);
    arena_done(&story.arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(no_concurrent_write_is_lost),
        T(one_winner_everywhere),
        T(merge_is_a_least_upper_bound),
    };
    return tap_main(argc, argv, tests);
}

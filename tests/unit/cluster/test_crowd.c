/* SPDX-License-Identifier: Apache-2.0 */
/* A hundred failure detectors: what they say does not grow with their number, who dies is found out
 * in time, and who lives is not taken for dead, whatever the network and a sick observer do. */
#include "crowd.h"

#include "base/check.h"
#include "tap.h"

/* ---- what it costs ---- */

/* Bytes that one node says in a second, and those of the node that says most. */
static uint64_t rate(struct crowd *crowd, uint32_t seconds, uint64_t *ret_most)
{
    uint64_t before[CROWD_MAX], sum = 0, most = 0;

    for (uint32_t i = 0; i < crowd->count; i++)
        before[i] = crowd->fellows[i].bytes;
    crowd_run(crowd, (uint64_t)seconds * SECOND);
    for (uint32_t i = 0; i < crowd->count; i++) {
        uint64_t bytes = crowd->fellows[i].bytes - before[i];
        sum += bytes;
        most = bytes > most ? bytes : most;
    }
    *ret_most = most / seconds;
    return sum / crowd->count / seconds;
}

TEST(what_is_said_does_not_grow_with_the_cluster)
{
    static const uint32_t sizes[] = {7, 30, 100};
    uint64_t calm[3], trouble[3], most;

    for (int i = 0; i < 3; i++) {
        struct crowd crowd;
        crowd_init(&crowd, 1, sizes[i]);
        crowd_run(&crowd, 30 * SECOND);
        calm[i] = rate(&crowd, 240, &most);
        tap_note("%u members, calm: %llu bytes a second, at most %llu", sizes[i],
                 (unsigned long long)calm[i], (unsigned long long)most);
        /* One of them dies and comes back, again and again. */
        uint64_t sum = 0, peak = 0;
        for (int round = 0; round < 8; round++) {
            crowd.fellows[2].dead = !crowd.fellows[2].dead;
            sum += rate(&crowd, 30, &most);
            peak = most > peak ? most : peak;
        }
        trouble[i] = sum / 8;
        tap_note("%u members, one that comes and goes: %llu, at most %llu", sizes[i],
                 (unsigned long long)trouble[i], (unsigned long long)peak);
        CHECK(crowd.most_records <= GOSSIP_RECORDS);
        crowd_done(&crowd);
    }
    CHECK(calm[2] <= calm[0] + calm[0] / 10);
    CHECK(calm[2] < 1500);
    CHECK(trouble[2] <= trouble[0] + trouble[0] / 2);
}

/* Everybody has news at once: there is a most that is said in a second. */
TEST(a_storm_is_bounded)
{
    struct crowd crowd;
    uint64_t most;

    crowd_init(&crowd, 2, 100);
    crowd_run(&crowd, 10 * SECOND);
    for (uint32_t i = 0; i < crowd.count; i++)
        detector_facts(&crowd.fellows[i].detector, 7, true);
    uint64_t mean = rate(&crowd, 10, &most);
    tap_note("a new epoch at 100 members: %llu bytes a second for 10 s, at most %llu",
             (unsigned long long)mean, (unsigned long long)most);
    CHECK(most < 30000);
    uint64_t took = crowd_settles(&crowd, 60 * SECOND);
    CHECK(took != UINT64_MAX);
    CHECK_EQ(detector_record(&crowd.fellows[5].detector, 77)->epoch, 7);
    crowd_done(&crowd);
}

/* ---- who dies ---- */

static uint32_t alive(const struct crowd *crowd)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < crowd->count; i++)
        count += !crowd->fellows[i].dead;
    return count;
}

/* How long it takes until the first, and until everybody, takes a dead fellow for down. */
static void die(struct crowd *crowd, uint32_t victim, uint64_t *ret_first_ms, uint64_t *ret_all_ms)
{
    uint64_t since = crowd->now_us;

    *ret_first_ms = *ret_all_ms = UINT64_MAX;
    crowd->fellows[victim].dead = true;
    while (*ret_all_ms == UINT64_MAX && crowd->now_us - since < 300 * (uint64_t)SECOND) {
        crowd_run(crowd, 50 * MS);
        uint32_t down = crowd_believers(crowd, victim, LIVE_DOWN);
        uint64_t ms = (crowd->now_us - since) / MS;
        if (down > 0 && *ret_first_ms == UINT64_MAX)
            *ret_first_ms = ms;
        if (down == alive(crowd))
            *ret_all_ms = ms;
    }
}

/* The links of a hung machine stay up: the slowest case. */
static void deaths(uint32_t members, uint32_t lose, uint64_t first_most_ms, uint64_t all_most_ms)
{
    struct crowd crowd;
    uint64_t first, all, first_sum = 0, first_worst = 0, all_worst = 0;
    enum { DEATHS = 20 };

    crowd_init(&crowd, 3, members);
    crowd.lose = lose;
    for (uint32_t i = 0; i < DEATHS; i++) {
        uint32_t victim = (uint32_t)random_below(&crowd.random, members);
        crowd_run(&crowd, 40 * SECOND + random_below(&crowd.random, SECOND));
        die(&crowd, victim, &first, &all);
        first_sum += first / DEATHS;
        first_worst = first > first_worst ? first : first_worst;
        all_worst = all > all_worst ? all : all_worst;
        crowd_restart(&crowd, victim);
    }
    tap_note("%u members, %u%% lost: found dead after %llu ms on average, %llu at worst; by all "
             "after %llu at worst",
             members, lose / 10, (unsigned long long)first_sum, (unsigned long long)first_worst,
             (unsigned long long)all_worst);
    CHECK(first_worst <= first_most_ms);
    CHECK(all_worst <= all_most_ms);
    for (uint32_t i = 0; i < members; i++)
        CHECK_EQ(crowd.fellows[i].condemned, 0);
    crowd_done(&crowd);
}

TEST(who_dies_is_found_out_in_time)
{
    deaths(3, 0, 15000, 16000);
    deaths(7, 0, 12000, 13000);
    deaths(30, 0, 14000, 15000);
    deaths(100, 0, 16000, 17000);
    deaths(100, 100, 30000, 35000);
}

/* ---- who lives ---- */

/* Every tenth one is there for a while and away for a while. */
static bool is_steady(const struct crowd *crowd, uint32_t fellow)
{
    return fellow % 10 != 3 && !crowd->fellows[fellow].dead;
}

TEST(loss_and_flapping_kill_nobody)
{
    struct crowd crowd;
    uint64_t suspected = 0, condemned = 0, most, peak = 0;

    crowd_init(&crowd, 4, 100);
    crowd.lose = 300;
    crowd.healthy = is_steady;
    for (uint32_t second = 0; second < 300; second++) {
        for (uint32_t i = 3; i < crowd.count; i += 10) {
            if (random_below(&crowd.random, 8) == 0)
                crowd.fellows[i].dead = !crowd.fellows[i].dead;
        }
        (void)rate(&crowd, 1, &most);
        peak = most > peak ? most : peak;
    }
    for (uint32_t i = 0; i < crowd.count; i++) {
        suspected += crowd.fellows[i].suspected;
        condemned += crowd.fellows[i].condemned;
    }
    tap_note("300 s of 30%% loss and 10%% flapping: the healthy were suspected %llu times, taken "
             "for down %llu times",
             (unsigned long long)suspected, (unsigned long long)condemned);
    tap_note("the most that one said in a second: %llu bytes", (unsigned long long)peak);
    CHECK(peak < 60000);
    CHECK(suspected > 0);
    CHECK_EQ(condemned, 0);
    crowd.lose = 0;
    for (uint32_t i = 3; i < crowd.count; i += 10)
        crowd.fellows[i].dead = false;
    uint64_t took = crowd_settles(&crowd, 120 * SECOND);
    tap_note("all believe the same %llu ms after its end", (unsigned long long)took / MS);
    CHECK(took != UINT64_MAX);
    crowd_done(&crowd);
}

/* What the observer believes is its own affair; that the others are alive must prevail. Without a
 * score of its health there would be five times as many suspicions. */
static void observe(uint32_t members, uint32_t slow_ms, bool stalls, uint64_t most)
{
    struct crowd crowd;
    struct fellow *sick;
    uint64_t suspected = 0;

    crowd_init(&crowd, 5 + slow_ms, members);
    sick = &crowd.fellows[1];
    crowd_run(&crowd, 10 * SECOND);
    sick->slow_ms = slow_ms;
    for (int i = 0; i < 60; i++) {
        if (stalls)
            sick->stalled_us = crowd.now_us + random_below(&crowd.random, 40 * SECOND);
        crowd_run(&crowd, 5 * SECOND);
    }
    for (uint32_t i = 0; i < members; i++) {
        suspected += crowd.fellows[i].suspected;
        /* The stalled one itself may be taken for down. */
        CHECK(crowd.fellows[i].condemned == 0 || stalls);
    }
    CHECK_EQ(sick->condemned, 0);
    tap_note("%u members, one %s, %u ms: %llu suspicions, its score is %u", members,
             stalls ? "stalls" : "is slow", slow_ms, (unsigned long long)suspected,
             sick->detector.score);
    CHECK(suspected <= most);
    sick->slow_ms = 0;
    sick->stalled_us = 0;
    CHECK(crowd_settles(&crowd, 180 * SECOND) != UINT64_MAX);
    crowd_done(&crowd);
}

TEST(a_sick_observer_declares_nobody_dead)
{
    observe(100, 400, false, 0);
    observe(100, 1500, false, 15000);
    observe(100, 3000, false, 12000);
    observe(7, 400, false, 0);
    observe(7, 1500, false, 1000);
    observe(3, 1500, false, 300);
    observe(100, 0, true, 2000);
    observe(7, 0, true, 200);
    observe(3, 0, true, 100);
}

/* ---- partitions ---- */

static void cut(struct crowd *crowd, uint32_t low, bool up)
{
    for (uint32_t a = 0; a < low; a++) {
        for (uint32_t b = low; b < crowd->count; b++)
            crowd_link(crowd, a, b, up);
    }
}

TEST(two_halves_find_each_other_again)
{
    struct crowd crowd;

    crowd_init(&crowd, 9, 40);
    crowd_run(&crowd, 5 * SECOND);
    cut(&crowd, 15, false);
    crowd_run(&crowd, 60 * SECOND);
    CHECK_EQ(crowd_believes(&crowd, 0, 20), LIVE_DOWN);
    CHECK_EQ(crowd_believes(&crowd, 0, 10), LIVE_UP);
    CHECK_EQ(crowd_believes(&crowd, 20, 0), LIVE_DOWN);
    CHECK_EQ(crowd_believes(&crowd, 20, 30), LIVE_UP);
    cut(&crowd, 15, true);
    uint64_t took = crowd_settles(&crowd, 60 * SECOND);
    tap_note("healed after %llu ms", (unsigned long long)took / MS);
    CHECK(took <= 35 * (uint64_t)SECOND);
    crowd_done(&crowd);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(what_is_said_does_not_grow_with_the_cluster),
        T(a_storm_is_bounded),
        T(who_dies_is_found_out_in_time),
        T(loss_and_flapping_kill_nobody),
        T(a_sick_observer_declares_nobody_dead),
        T(two_halves_find_each_other_again),
    };
    return tap_main(argc, argv, tests);
}

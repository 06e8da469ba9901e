/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas that differ become equal though nobody reads them, within seconds of what has set them
 * apart. */
#include <stdio.h>

#include "sim/compare.h"
#include "sim/keys.h"
#include "sim/meet.h"
#include "sim/scenario.h"
#include "tap.h"

enum { SECONDS_MS = 10000, KEYS = 40 };

static void put_many(struct world *w, unsigned node, const char *value)
{
    char key[8];

    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        CHECK(scenario_put(w, node, BUCKET_TWINS, bytes_str(key), value));
    }
}

/* The replicas of three nodes, of which one was away and nothing was kept for it. */
static struct world *begin_apart(void)
{
    static const unsigned away = 2;
    struct world *w = scenario_new(3);

    put_many(w, 0, "one");
    CHECK(scenario_kill(w, &away, 1));
    put_many(w, 0, "two");
    CHECK_EQ(scenario_hints(w), 0);
    return w;
}

static void end_equal(struct world *w)
{
    meet_switch(w, false);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* Whether the disks hold different things; nobody is asked for it. */
static bool differ(struct world *w)
{
    CHECK(!w->failed);
    compare_replicas(w);
    bool found = w->failed;
    w->failed = false;
    return found;
}

/* The proof that there is something to find. */
TEST(nobody_else_makes_them_equal)
{
    struct world *w = begin_apart();

    CHECK(scenario_revive(w));
    scenario_run_ms(w, SECONDS_MS);
    CHECK(differ(w));
    scenario_free(w);
}

TEST(a_node_that_is_back_gets_what_it_missed)
{
    struct world *w = begin_apart();

    meet_switch(w, true);
    CHECK(scenario_revive(w));
    scenario_run_ms(w, SECONDS_MS);
    CHECK(w->tally.traces[TRACE_EXCHANGE_MOVED] > 0);
    end_equal(w);
}

/* It was gone for so short a time that nobody missed it, and lost what was not synced. */
TEST(a_node_that_restarts_at_once)
{
    struct world *w = scenario_new(3);

    put_many(w, 0, "one");
    meet_switch(w, true);
    scenario_run_ms(w, SECONDS_MS);
    uint64_t before = w->tally.traces[TRACE_EXCHANGE];
    put_many(w, 0, "two");
    node_crash(w, w->nodes[1]);
    node_start(w, w->nodes[1]);
    scenario_run_ms(w, SECONDS_MS);
    /* Each partition of node 1 with both others, or with the one, as the ids are. */
    CHECK(w->tally.traces[TRACE_EXCHANGE] >= before + 16);
    end_equal(w);
}

/* Who could not keep what it missed tells it so. */
TEST(a_node_is_told_what_it_lacks)
{
    struct world *w = scenario_new(5);
    unsigned away = scenario_replica(w, BUCKET_TWINS, BYTES_LIT("k0"), 2);

    w->config.hints_bytes_max = 0;
    CHECK(scenario_kill(w, &away, 1));
    put_many(w, (away + 1) % 5, "one");
    CHECK_EQ(scenario_hints(w), 0);
    CHECK(scenario_revive(w));
    scenario_run_ms(w, 100);
    CHECK(w->tally.traces[TRACE_LACKS] > 0);
    CHECK(differ(w));
    /* Where nodes do not compare it is told again, later. */
    uint64_t told = w->tally.traces[TRACE_LACKS];
    scenario_run_ms(w, 4 * SECONDS_MS);
    CHECK(w->tally.traces[TRACE_LACKS] > told);
    meet_switch(w, true);
    scenario_run_ms(w, 4 * SECONDS_MS);
    told = w->tally.traces[TRACE_LACKS];
    scenario_run_ms(w, 4 * SECONDS_MS);
    CHECK_EQ(w->tally.traces[TRACE_LACKS], told);
    end_equal(w);
}

/* It dies again and again while it is made equal. */
TEST(a_node_that_flaps)
{
    static const unsigned away = 2;
    struct world *w = begin_apart();

    meet_switch(w, true);
    for (unsigned i = 0; i < 6; i++) {
        CHECK(scenario_revive(w));
        scenario_run_ms(w, 600 + 300 * i);
        CHECK(scenario_kill(w, &away, 1));
    }
    CHECK(scenario_revive(w));
    scenario_run_ms(w, SECONDS_MS);
    end_equal(w);
}

/* Whoever is asked compares its replicas with all others, also where nobody does by himself. */
TEST(an_operator_asks)
{
    for (unsigned node = 0; node < 3; node++) {
        struct world *w = begin_apart();

        CHECK(scenario_revive(w));
        CHECK(scenario_admin(w, node, "repair", "{\"partition\":0}"));
        CHECK(!scenario_admin(w, node, "repair", "{\"partition\":4000}"));
        scenario_run_ms(w, SECONDS_MS);
        CHECK(differ(w));
        CHECK(scenario_admin(w, node, "repair", "{}"));
        scenario_run_ms(w, SECONDS_MS);
        end_equal(w);
    }
}

/* A row that nobody reads has rotted: the digest tells of it. */
TEST(a_damaged_digest_is_healed)
{
    struct world *w = scenario_new(3);

    put_many(w, 0, "one");
    CHECK(engine_mem_corrupt(w->nodes[1]->disk.engine, FAMILY_META, 5, 77));
    CHECK(differ(w));
    meet_switch(w, true);
    CHECK(meet_reach(w));
    end_equal(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(nobody_else_makes_them_equal),
        T(a_node_that_is_back_gets_what_it_missed),
        T(a_node_that_restarts_at_once),
        T(a_node_is_told_what_it_lacks),
        T(a_node_that_flaps),
        T(an_operator_asks),
        T(a_damaged_digest_is_healed),
    };
    return tap_main(argc, argv, tests);
}

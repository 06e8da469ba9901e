/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clocks that jump, and processes that stand still for minutes. Order comes from causality and
 * from clocks that never go back on a key; that a peer is gone, from monotonic time. */
#include "sim/keys.h"
#include "sim/scenario.h"
#include "tap.h"

#define HOUR_US INT64_C(3600000000)
#define KEY     BYTES_LIT("k")

/* The only value of a key in a bucket that keeps one; empty when it is not so. */
static struct bytes only_value(struct world *w, unsigned node)
{
    const struct question question = {
        .ask = ASK_GET, .bucket = BUCKET_SINGLE, .key = KEY, .r = 3, .pr = 3};
    const struct answer *answer = scenario_ask(w, node, &question);

    if (answer == NULL || answer->failed || answer->count != 1)
        return BYTES_NONE;
    return answer->values[0];
}

static bool remove_key(struct world *w, unsigned node)
{
    const struct question question = {.ask = ASK_DELETE, .bucket = BUCKET_SINGLE, .key = KEY};
    const struct answer *answer = scenario_ask(w, node, &question);

    return answer != NULL && !answer->failed;
}

TEST(a_clock_that_goes_back_hides_no_write)
{
    struct world *w = scenario_new(3);

    for (unsigned writer = 0; writer < 3; writer++) {
        struct sim_node *node = w->nodes[writer];
        node->skew_us = 20 * HOUR_US;
        CHECK(scenario_put(w, writer, BUCKET_SINGLE, KEY, "before"));
        CHECK(bytes_eq(only_value(w, writer), BYTES_LIT("before")));
        node->skew_us = -20 * HOUR_US;
        CHECK(scenario_put(w, writer, BUCKET_SINGLE, KEY, "after"));
        CHECK(bytes_eq(only_value(w, (writer + 1) % 3), BYTES_LIT("after")));
        node->skew_us = 0;
    }
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* All replicas have what a fast clock has written; who writes after it with a slow one is later all
 * the same, and so is who deletes. */
TEST(a_slow_clock_writes_after_a_fast_one)
{
    struct world *w = scenario_new(3);

    w->nodes[0]->skew_us = 30 * HOUR_US;
    CHECK(scenario_put(w, 0, BUCKET_SINGLE, KEY, "fast"));
    scenario_run_ms(w, 100);
    w->nodes[1]->skew_us = -30 * HOUR_US;
    CHECK(scenario_put(w, 1, BUCKET_SINGLE, KEY, "slow"));
    CHECK(bytes_eq(only_value(w, 0), BYTES_LIT("slow")));
    CHECK(remove_key(w, 1));
    CHECK_EQ(only_value(w, 2).len, 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

TEST(a_jump_makes_nobody_dead)
{
    struct world *w = scenario_new(3);

    for (unsigned i = 0; i < 20; i++) {
        w->nodes[i % 3]->skew_us = i % 2 == 0 ? 100 * HOUR_US : -100 * HOUR_US;
        scenario_run_ms(w, 500);
    }
    CHECK_EQ(w->tally.traces[TRACE_NODE_SUSPECT], 0);
    CHECK_EQ(w->tally.traces[TRACE_NODE_DOWN], 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* Five minutes, in which the others take it for dead and go on without it. */
TEST(a_node_that_stood_still_for_minutes_comes_back)
{
    struct world *w = scenario_new(4);
    unsigned replica = scenario_replica(w, BUCKET_SINGLE, KEY, 0);
    unsigned other = scenario_replica(w, BUCKET_SINGLE, KEY, 1);

    CHECK(scenario_put(w, replica, BUCKET_SINGLE, KEY, "before"));
    node_pause(w, w->nodes[replica], w->now_us + 300000000);
    scenario_run_ms(w, 60000);
    CHECK(w->tally.traces[TRACE_NODE_DOWN] >= 3);
    CHECK(scenario_put(w, other, BUCKET_SINGLE, KEY, "meanwhile"));
    scenario_run_ms(w, 245000);
    CHECK(scenario_put(w, replica, BUCKET_SINGLE, KEY, "after"));
    CHECK(bytes_eq(only_value(w, other), BYTES_LIT("after")));
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_clock_that_goes_back_hides_no_write),
        T(a_slow_clock_writes_after_a_fast_one),
        T(a_jump_makes_nobody_dead),
        T(a_node_that_stood_still_for_minutes_comes_back),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A node hangs, with its links up: the others find out. When it wakes it blames nobody, and says
 * that it lives. */
#include "shard/shard.h"
#include "sim/scenario.h"
#include "tap.h"

enum { NODES = 5, SLEEPER = 2, SLEEP_MS = 20000 };

/* How many members a node takes for dead. */
static uint32_t down_at(struct world *w, unsigned node)
{
    const struct view *view = shard_view(w->nodes[node]->shard);
    uint32_t count = 0;

    for (uint32_t i = 0; i < view->members_count; i++)
        count += !view->members[i].up;
    return count;
}

TEST(who_hangs_is_found_out_and_comes_back)
{
    struct world *w = scenario_new(NODES);

    node_pause(w, w->nodes[SLEEPER], w->now_us + SLEEP_MS * UINT64_C(1000));
    scenario_run_ms(w, 500);
    for (unsigned i = 0; i < NODES; i++)
        CHECK_EQ(down_at(w, i), 0);
    scenario_run_ms(w, SLEEP_MS - 600);
    for (unsigned i = 0; i < NODES; i++)
        CHECK_EQ(down_at(w, i), i == SLEEPER ? 0 : 1);
    /* For its clock all the others have been silent for twenty seconds. */
    for (int ms = 0; ms < 400; ms += 5) {
        scenario_run_ms(w, 5);
        CHECK_EQ(down_at(w, SLEEPER), 0);
    }
    scenario_run_ms(w, 1000);
    for (unsigned i = 0; i < NODES; i++)
        CHECK_EQ(down_at(w, i), 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(who_hangs_is_found_out_and_comes_back),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that other replicas have and their coordinator has lost (decisions/0003): its next write
 * must not claim to cover them. */
#include "shard/space.h"
#include "sim/keys.h"
#include "sim/scenario.h"
#include "tap.h"

#define KEY BYTES_LIT("k")

/* The first write of a key, through its first replica, so that this has its lease. */
static struct world *begin(struct sim_node **ret_coordinator)
{
    struct world *w = scenario_new(3);

    *ret_coordinator = w->nodes[scenario_replica(w, BUCKET_TWINS, KEY, 0)];
    CHECK(scenario_put(w, (*ret_coordinator)->index, BUCKET_TWINS, KEY, "zero"));
    return w;
}

TEST(a_crash_takes_away_what_others_acknowledged)
{
    struct sim_node *coordinator;
    struct world *w = begin(&coordinator);

    coordinator->disk.stalled_until_us = w->now_us + 5000000;
    CHECK(scenario_put(w, coordinator->index, BUCKET_TWINS, KEY, "one"));
    node_crash(w, coordinator);
    CHECK(w->tally.lost_unsynced > 0);
    node_start(w, coordinator);
    scenario_run_ms(w, 3000);
    CHECK(scenario_put(w, coordinator->index, BUCKET_TWINS, KEY, "two"));
    CHECK_EQ(scenario_read_all(w, coordinator->index, BUCKET_TWINS, KEY), 3);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

TEST(a_full_disk_takes_away_what_others_acknowledged)
{
    struct sim_node *coordinator;
    struct world *w = begin(&coordinator);

    coordinator->disk.broken = ERR_NO_SPACE;
    CHECK(scenario_put(w, coordinator->index, BUCKET_TWINS, KEY, "one"));
    coordinator->disk.broken = ERR_OK;
    /* Until it believes that there is room it would have others coordinate. */
    scenario_run_ms(w, SPACE_HOLD_MS + 1500);
    CHECK(scenario_put(w, coordinator->index, BUCKET_TWINS, KEY, "two"));
    CHECK_EQ(scenario_read_all(w, coordinator->index, BUCKET_TWINS, KEY), 3);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_crash_takes_away_what_others_acknowledged),
        T(a_full_disk_takes_away_what_others_acknowledged),
    };
    return tap_main(argc, argv, tests);
}

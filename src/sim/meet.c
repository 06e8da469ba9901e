/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/meet.h"

#include "sim/compare.h"
#include "sim/node.h"
#include "sim/rest.h"

enum { MEET_US = 600000000, AGAIN_US = 3000000, STEP_US = 100000, INTERVAL_MS = 2000 };

void meet_switch(struct world *w, bool on)
{
    w->config.anti_entropy = on;
}

/* Whether all have been compared since. A node that is not up is not waited for: the world is
 * judged without it. */
static bool have_met(const struct world *w, uint64_t since_us)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        struct sim_node *node = w->nodes[i];
        if (node_serves(w, node) && !shard_compared_since(node->shard, since_us))
            return false;
    }
    return true;
}

bool meet_reach(struct world *w)
{
    uint32_t interval_ms = w->config.anti_entropy_interval_ms;
    uint64_t since_us = w->now_us + 1;

    w->config.anti_entropy_interval_ms = INTERVAL_MS;
    meet_switch(w, true);
    while (!w->failed && !have_met(w, since_us) && w->now_us < since_us + MEET_US)
        world_run(w, w->now_us + STEP_US);
    if (!w->failed && !have_met(w, since_us))
        world_fail(w, "replicas are not through with comparing");
    meet_switch(w, false);
    w->config.anti_entropy_interval_ms = interval_ms;
    if (!w->failed)
        rest_reach(w);
    return !w->failed;
}

/* All lose what was not synced. */
static void crash_all(struct world *w)
{
    uint32_t amnesia_permille = w->params.amnesia_permille;

    w->params.amnesia_permille = 1000;
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_crash(w, w->nodes[i]);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_start(w, w->nodes[i]);
    w->params.amnesia_permille = amnesia_permille;
    world_run(w, w->now_us + AGAIN_US);
    rest_reach(w);
}

/* What was compared and found equal is on stable storage: no crash makes it differ again. */
void meet_judge(struct world *w)
{
    if (!w->params.meets || !meet_reach(w) || w->params.corrupt_ppm > 0)
        return;
    compare_replicas(w);
    if (!w->failed)
        crash_all(w);
    if (!w->failed)
        compare_replicas(w);
}

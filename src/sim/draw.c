/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/draw.h"

enum { MEMBERS_MAX = 7 };
#define MINUTE_US UINT64_C(60000000)

static uint32_t between(struct world *w, uint32_t least, uint32_t most)
{
    return (uint32_t)random_range(&w->random, least, most);
}

/* In some worlds up to `most`, in the others never. */
static uint32_t sometimes(struct world *w, uint32_t permille, uint32_t most)
{
    return world_chance(w, permille * 1000) ? between(w, 1, most) : 0;
}

static void quiet_config(struct config *config)
{
    config->ring_size = 16;
    config->slots = 64;
    config->siblings_max = 60;
    config->repair_wait_ms = 200;
    config->probe_interval_ms = 200;
    config->probe_timeout_ms = 150;
    config->suspicion_ms = 1000;
    config->gossip_interval_ms = 100;
    config->compare_interval_ms = 3000;
    config->anti_entropy = false;
    config->hold_time_ms = 500;
}

static void draw_config(struct world *w)
{
    struct config *config = &w->config;

    config->ring_size = 8u << random_below(&w->random, 3);
    config->counter_lease = between(w, 2, 50);
    config->hot_keys_max = world_chance(w, 100000) ? 4 : 1000;
    if (world_chance(w, 100000))
        config->requests_max = between(w, 3, 8);
    config->repair_wait_ms = between(w, 50, 800);
    config->suspicion_ms = between(w, 300, 2000);
    if (world_chance(w, 200000))
        config->hints_age_max_ms = between(w, 1000, 8000);
    if (world_chance(w, 100000))
        config->hints_bytes_max = between(w, 100, 2000);
    config->transfers_max = between(w, 1, 8);
    config->hold_time_ms = between(w, 0, 3000);
}

void draw_nothing(struct world *w)
{
    struct params *p = &w->params;

    quiet_config(&w->config);
    p->nodes = 3;
    p->keys = 8;
    p->hot_keys = 4;
    p->net_min_us = 50;
    p->net_mean_us = 100;
    p->disk_min_us = 50;
    p->disk_mean_us = 100;
    p->amnesia_permille = 1000;
    p->strict_permille = 1000;
    p->think_us = 20000;
    p->value_bytes_max = 64;
}

static void draw_sizes(struct world *w)
{
    struct params *p = &w->params;

    p->nodes = between(w, 1, world_chance(w, 200000) ? MEMBERS_MAX : 5);
    p->clients = between(w, 1, 8);
    p->keys = between(w, 4, world_chance(w, 300000) ? SIM_KEYS_MAX : 20);
    p->ops = between(w, 100, 400);
    p->safety_us = UINT64_C(120000000);
    p->joins = p->nodes > 1 && world_chance(w, 333000);
    p->early = p->joins && world_chance(w, 300000);
    p->operators = p->joins ? between(w, 1, SIM_OPERATORS_MAX) : 0;
}

static void draw_network(struct world *w)
{
    struct params *p = &w->params;

    p->net_min_us = random_range(&w->random, 20, 500);
    p->net_mean_us = random_range(&w->random, 50, world_chance(w, 200000) ? 60000 : 3000);
    p->loss_ppm = sometimes(w, 300, 100000);
    p->duplicate_ppm = sometimes(w, 300, 200000);
    p->reorder_ppm = sometimes(w, 400, 300000);
    p->belated_ppm = between(w, 0, 1000000);
    p->cut_ppm = sometimes(w, 500, 80000);
    p->clog_ppm = sometimes(w, 300, 80000);
}

static void draw_machines(struct world *w)
{
    struct params *p = &w->params;

    p->disk_min_us = random_range(&w->random, 10, 300);
    p->disk_mean_us = random_range(&w->random, 50, world_chance(w, 200000) ? 50000 : 4000);
    p->disk_slow_ppm = sometimes(w, 200, 20000);
    p->beat_us = between(w, 10000, 200000);
    p->crash_ppm = sometimes(w, 600, world_chance(w, 300000) ? 300000 : 60000);
    p->doomed_permille = between(w, 200, 900);
    p->amnesia_permille = between(w, 200, 900);
    p->stop_ppm = sometimes(w, 200, 40000);
    p->pause_ppm = sometimes(w, 300, 40000);
    p->corrupt_ppm = p->nodes >= 3 ? sometimes(w, 300, 60000) : 0;
    p->full_ppm = sometimes(w, 200, 30000);
    p->eio_ppm = sometimes(w, 200, 15000);
    p->stall_ppm = sometimes(w, 200, 60000);
    p->skew_us = world_chance(w, 400000) ? random_range(&w->random, 1, UINT64_C(7200000000)) : 0;
}

static void draw_traffic(struct world *w)
{
    struct params *p = &w->params;

    p->hot_keys = between(w, 1, 4);
    p->hot_permille = between(w, 100, 800);
    p->blind_permille = between(w, 50, 600);
    p->delete_permille = between(w, 0, 200);
    p->read_permille = between(w, 200, 700);
    p->strict_permille = world_chance(w, 300000) ? 1000 : between(w, 0, 1000);
    p->loyal_permille = between(w, 0, 900);
    p->again_permille = between(w, 0, 500);
    p->once_permille = between(w, 0, 200);
    p->think_us = between(w, 1000, 40000);
    p->value_bytes_max = world_chance(w, 100000) ? 4000 : 64;
    p->http_ppm = sometimes(w, 500, 500000);
    p->pipeline_ppm = sometimes(w, 300, 200000);
    p->list_ppm = sometimes(w, 300, 60000);
    p->props_ppm = sometimes(w, 200, 40000);
    p->vanish_ppm = sometimes(w, 300, 40000);
    p->slow_reader_ppm = sometimes(w, 200, 500000);
    /* Values so large that a few answers are all that a connection may have unsent. */
    if (world_chance(w, 80000)) {
        p->value_bytes_max = 250000;
        p->ops = between(w, 50, 150);
        p->pipeline_ppm = 300000;
        p->slow_reader_ppm = 600000;
    }
}

/* One key that all write, at nodes that die in the middle of it and are back at once. */
static void draw_furious(struct world *w)
{
    struct params *p = &w->params;

    p->nodes = between(w, 3, 5);
    p->hot_keys = 1;
    p->hot_permille = between(w, 700, 1000);
    p->read_permille = between(w, 0, 200);
    p->blind_permille = between(w, 500, 900);
    p->think_us = between(w, 1000, 20000);
    p->clients = between(w, 1, 4);
    p->loyal_permille = between(w, 900, 1000);
    p->crash_ppm = between(w, 20000, 150000);
    p->doomed_permille = between(w, 800, 1000);
    p->amnesia_permille = between(w, 800, 1000);
    p->beat_us = between(w, 50000, 200000);
    p->ops = between(w, 200, 600);
    w->config.counter_lease = between(w, 2, 8);
}

/* Plans come to something where nodes reach each other. */
static void draw_calm(struct params *p)
{
    p->crash_ppm = 0;
    p->stop_ppm = 0;
    p->pause_ppm = 0;
    p->cut_ppm = 0;
    p->loss_ppm = 0;
    p->full_ppm = 0;
    p->eio_ppm = 0;
}

/* The cluster is changed again and again while partitions get their first objects. */
static void draw_meddled(struct world *w)
{
    struct params *p = &w->params;

    p->nodes =
        between(w, world_chance(w, 300000) ? 2 : 4, world_chance(w, 300000) ? MEMBERS_MAX : 5);
    p->joins = p->joins && p->early;
    p->late = !p->joins && world_chance(w, 400000) ? between(w, 1, p->nodes < 3 ? 1 : 2) : 0;
    p->meddlers = between(w, 1, world_chance(w, 300000) ? SIM_MEDDLERS_MAX : 1);
    p->meddle_us = between(w, 2000, world_chance(w, 500000) ? 20000 : 400000);
    p->opens = world_chance(w, 500000);
    p->grows = world_chance(w, 800000);
    p->keys = SIM_KEYS_MAX;
    p->clients = between(w, 2, 6);
    p->think_us = between(w, 20000, 120000);
    p->hot_permille = between(w, 0, 300);
    p->again_permille = between(w, 0, 200);
    p->fresh_permille = between(w, 0, 800);
    p->once_permille = between(w, 0, 700);
    p->stall_ppm = sometimes(w, 700, 200000);
    w->config.ring_size = w->config.slots;
    if (world_chance(w, 600000))
        draw_calm(p);
    if (world_chance(w, 400000)) {
        p->deaf = (uint32_t)random_below(&w->random, UINT64_C(1) << p->nodes);
        p->deaf_us = random_range(&w->random, 100000, DEAF_PERIOD_US);
    }
}

/* So many nodes are away at any time that some keys have no replica: fallbacks coordinate. */
static void draw_lonely(struct world *w)
{
    struct params *p = &w->params;

    p->lonely = true;
    p->nodes = between(w, 6, MEMBERS_MAX);
    p->joins = false;
    p->operators = 0;
    p->crash_ppm = between(w, 100000, 400000);
    p->doomed_permille = between(w, 0, 300);
    p->beat_us = between(w, 50000, 150000);
    p->hot_keys = between(w, 1, 3);
    p->hot_permille = between(w, 500, 900);
    p->blind_permille = between(w, 300, 900);
    p->read_permille = between(w, 100, 500);
    p->strict_permille = between(w, 0, 200);
    p->think_us = between(w, 5000, 40000);
    p->ops = between(w, 300, 900);
    w->config.suspicion_ms = between(w, 300, 600);
}

/* Replicas are compared all the time, or nobody finds what differs but readers. */
static void draw_meets(struct world *w)
{
    struct config *config = &w->config;

    w->params.meets = world_chance(w, 750000);
    config->anti_entropy = w->params.meets;
    config->anti_entropy_interval_ms = between(w, 1000, world_chance(w, 500000) ? 5000 : 60000);
    config->anti_entropy_concurrency = between(w, 1, 4);
    if (world_chance(w, 100000))
        config->transfers_rate = between(w, 1024, 100000);
}

/* Clocks that are set by hours, back and forth; in some worlds nodes stand still for minutes. */
static void draw_clocks(struct world *w)
{
    struct params *p = &w->params;

    p->jump_ppm = sometimes(w, 250, 60000);
    p->jump_us = random_range(&w->random, MINUTE_US, 36 * 60 * MINUTE_US);
    p->pause_max_us = world_chance(w, 200000) ? 5 * MINUTE_US : 10000000;
}

/* Values live for seconds, and clocks differ by less than nodes are told. */
static void draw_lives(struct world *w)
{
    struct params *p = &w->params;
    struct config *config = &w->config;

    p->expires = true;
    p->ttl_s = between(w, 1, 3);
    p->ttl_permille = between(w, 100, 800);
    p->brief_odd = between(w, 0, 1);
    p->http_ppm = between(w, 300000, 900000);
    p->think_us = between(w, 50000, 200000);
    p->skew_us = world_chance(w, 500000) ? random_range(&w->random, 1, 400000) : 0;
    p->jump_us = p->skew_us;
    config->expiry_skew_ms = (uint32_t)(2 * p->skew_us / 1000) + between(w, 1, 1000);
    config->expiry_grace_ms = 2 * config->expiry_skew_ms + between(w, 0, 2000);
    config->expiry_interval_ms = between(w, 100, 500);
}

/* More members than vote: some change nothing but data. */
static void draw_crowd(struct world *w)
{
    struct params *p = &w->params;

    p->nodes = between(w, VOTERS_MAX + 1, SIM_NODES_MAX);
}

void draw_world(struct world *w)
{
    quiet_config(&w->config);
    draw_sizes(w);
    draw_network(w);
    draw_machines(w);
    draw_traffic(w);
    draw_config(w);
    if (world_chance(w, 200000))
        draw_furious(w);
    else if (world_chance(w, 187500))
        draw_meddled(w);
    else if (world_chance(w, 100000))
        draw_lonely(w);
    /* Where fallbacks coordinate, hints alone must carry what they wrote. */
    if (!w->params.lonely)
        draw_meets(w);
    draw_clocks(w);
    if (world_chance(w, 350000))
        draw_lives(w);
    if (world_chance(w, 60000))
        draw_crowd(w);
}

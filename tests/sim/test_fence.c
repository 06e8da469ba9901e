/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that move partitions while these get their first objects. */
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/net.h"
#include "sim/scenario.h"
#include "tap.h"

#define KEY BYTES_LIT("k")

static const struct question first_object = {.ask = ASK_PUT,
                                             .bucket = {(const uint8_t *)"twins", 5},
                                             .key = {(const uint8_t *)"k", 1},
                                             .value = {(const uint8_t *)"first", 5}};

static const struct question commit_now = {
    .ask = ASK_ADMIN, .path = "cluster/commit", .value = {(const uint8_t *)"{}", 2}};

static bool done(const struct answer *answer)
{
    return answer != NULL && !answer->failed;
}

/* All of a node moves away from it. */
static void stage_retreat(struct world *w, unsigned at, unsigned of)
{
    CHECK(scenario_set_weight(w, at, of, 0));
    CHECK(scenario_admin(w, at, "cluster/plan", "{}"));
}

TEST(an_empty_partition_moves)
{
    struct world *w = scenario_new(4);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    CHECK(scenario_set_weight(w, to, from, 0));
    CHECK(scenario_commit(w, to));
    scenario_run_ms(w, 500);
    CHECK_EQ(scenario_stranger(w, BUCKET_TWINS, KEY, 0), from);
    CHECK(scenario_put(w, from, BUCKET_TWINS, KEY, "one"));
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

TEST(a_partition_that_holds_an_object_is_moved)
{
    struct world *w = scenario_new(4);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);

    CHECK(scenario_put(w, from, BUCKET_TWINS, KEY, "one"));
    CHECK(scenario_set_weight(w, from, from, 0));
    CHECK(scenario_commit(w, from));
    CHECK_EQ(scenario_read_all(w, from, BUCKET_TWINS, KEY), 1);
    CHECK(scenario_ends_well(w));
    CHECK_EQ(scenario_stranger(w, BUCKET_TWINS, KEY, 0), from);
    CHECK_EQ(scenario_read_all(w, from, BUCKET_TWINS, KEY), 1);
    scenario_free(w);
}

/* It still waits for its row when its node is asked what it holds. */
TEST(a_write_in_flight_holds_its_partition)
{
    struct world *w = scenario_new(4);
    struct direct *writer = direct_new(w);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    stage_retreat(w, to, from);
    w->nodes[from]->disk.reads_stalled_until_us = w->now_us + 1000000;
    direct_begin(w, writer, from, CONN_PB, &first_object);
    scenario_run_ms(w, 10);
    CHECK(scenario_commit(w, to));
    CHECK(w->now_us < w->nodes[from]->disk.reads_stalled_until_us);
    CHECK_EQ(scenario_replica(w, BUCKET_TWINS, KEY, 0), from);
    CHECK(done(direct_wait(w, writer)));
    CHECK_EQ(scenario_read_all(w, to, BUCKET_TWINS, KEY), 1);
    CHECK(scenario_ends_well(w));
    CHECK_EQ(scenario_stranger(w, BUCKET_TWINS, KEY, 0), from);
    direct_free(w, writer);
    scenario_free(w);
}

/* One replica has said that it holds nothing; until another has, a write comes to the first. */
TEST(behind_the_fence_nothing_begins)
{
    struct world *w = scenario_new(4);
    struct direct *operator= direct_new(w);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned slow = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    unsigned to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    stage_retreat(w, to, from);
    w->nodes[slow]->disk.stalled_until_us = w->now_us + 1000000;
    direct_begin(w, operator, to, CONN_HTTP, &commit_now);
    scenario_run_ms(w, 300);
    CHECK(shard_view(w->nodes[from]->shard)->document->preparing != 0);
    CHECK(!done(scenario_ask(w, from, &first_object)));
    CHECK(w->now_us < w->nodes[slow]->disk.stalled_until_us);
    CHECK(done(direct_wait(w, operator)));
    scenario_run_ms(w, 500);
    CHECK_EQ(scenario_stranger(w, BUCKET_TWINS, KEY, 0), from);
    CHECK(scenario_ends_well(w));
    direct_free(w, operator);
    scenario_free(w);
}

/* It holds nothing while it reads, and its partition has moved away when it has read. */
TEST(a_conditional_write_follows_its_partition)
{
    struct question question = first_object;
    struct world *w = scenario_new(4);
    struct direct *writer = direct_new(w);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    question.if_none_match = true;
    stage_retreat(w, to, from);
    for (unsigned i = 0; i < w->params.nodes; i++)
        w->nodes[i]->disk.reads_stalled_until_us = w->now_us + 1000000;
    direct_begin(w, writer, from, CONN_PB, &question);
    scenario_run_ms(w, 10);
    CHECK(scenario_commit(w, to));
    scenario_run_ms(w, 300);
    CHECK_EQ(scenario_stranger(w, BUCKET_TWINS, KEY, 0), from);
    CHECK(w->now_us < w->nodes[from]->disk.reads_stalled_until_us);
    CHECK(done(direct_wait(w, writer)));
    CHECK_EQ(scenario_read_all(w, from, BUCKET_TWINS, KEY), 1);
    CHECK(scenario_ends_well(w));
    direct_free(w, writer);
    scenario_free(w);
}

/* A node that missed the end of a plan asks those who had the partition before. */
TEST(who_has_it_no_more_does_not_answer_for_it)
{
    const struct question read = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = KEY};
    struct world *w = scenario_new(5);
    struct direct *operator= direct_new(w);
    unsigned first = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned second = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    unsigned stays = scenario_replica(w, BUCKET_TWINS, KEY, 2);
    unsigned reader = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    CHECK(scenario_set_weight(w, stays, first, 0));
    stage_retreat(w, stays, second);
    w->nodes[first]->disk.stalled_until_us = w->now_us + 1000000;
    direct_begin(w, operator, stays, CONN_HTTP, &commit_now);
    scenario_run_ms(w, 300);
    CHECK(shard_view(w->nodes[reader]->shard)->document->preparing != 0);
    scenario_deafen(w, reader, true);
    CHECK(done(direct_wait(w, operator)));
    scenario_run_ms(w, 300);
    CHECK(shard_view(w->nodes[reader]->shard)->document->preparing != 0);
    CHECK(scenario_put(w, stays, BUCKET_TWINS, KEY, "one"));
    net_clog(w, stays, reader, w->now_us + 1000000);
    const struct answer *answer = scenario_ask(w, reader, &read);
    CHECK(answer != NULL && (answer->failed || answer->count == 1));
    scenario_deafen(w, reader, false);
    scenario_run_ms(w, 1500);
    CHECK_EQ(scenario_read_all(w, stays, BUCKET_TWINS, KEY), 1);
    scenario_run_ms(w, 1000);
    CHECK(scenario_ends_well(w));
    direct_free(w, operator);
    scenario_free(w);
}

/* The node that carries out a plan is paused until others have given the plan up. */
TEST(a_plan_ends_with_its_fence)
{
    struct world *w = scenario_new(4);
    struct direct *operator= direct_new(w);
    unsigned from = scenario_replica(w, BUCKET_TWINS, KEY, 0);
    unsigned slow = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    unsigned to = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    stage_retreat(w, to, from);
    w->nodes[slow]->disk.stalled_until_us = w->now_us + 400000;
    direct_begin(w, operator, to, CONN_HTTP, &commit_now);
    scenario_run_ms(w, 300);
    CHECK(shard_view(w->nodes[to]->shard)->document->preparing != 0);
    node_pause(w, w->nodes[to], w->now_us + 20000000);
    scenario_run_ms(w, 15000);
    CHECK_EQ(shard_view(w->nodes[from]->shard)->document->preparing, 0);
    CHECK(done(scenario_ask(w, from, &first_object)));
    scenario_run_ms(w, 6000);
    CHECK_EQ(scenario_read_all(w, slow, BUCKET_TWINS, KEY), 1);
    CHECK(scenario_ends_well(w));
    direct_free(w, operator);
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(an_empty_partition_moves),
        T(a_partition_that_holds_an_object_is_moved),
        T(a_write_in_flight_holds_its_partition),
        T(behind_the_fence_nothing_begins),
        T(a_conditional_write_follows_its_partition),
        T(who_has_it_no_more_does_not_answer_for_it),
        T(a_plan_ends_with_its_fence),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handing over what is kept for a node that is back. Nodes 1, 2 and 3 are the replicas of all
 * partitions, of five; this one keeps objects for node 2. */
#include <string.h>

#include "record/hint.h"
#include "record/keys.h"
#include "stage.h"
#include "tap.h"

enum { TARGET = 2, DRAIN_ID = 40 };

static struct stage stage;
static struct machine *drain;
static struct kv_env env;
static bool scanning;
static struct bytes scan_from; /* where the last scan begins */

/* What the last step sent, by token number. */
static struct {
    uint64_t to, token;
    struct bytes record;
} sent[16];
static uint32_t sent_count;

/* Takes storage operations, and hands the vnodes' news to the machine, as the shard does. */
static void pump(void)
{
    struct event ev = stage_event(&stage, EV_COMMITTED);

    for (size_t i = 0; i < stage.out.count; i++) {
        struct output output = stage.out.items[i];
        if (output.kind == OUT_STORE && output.u.store.verb == STORE_SCAN) {
            CHECK(!scanning);
            scanning = true;
            scan_from = arena_copy(&stage.arena, output.u.store.key);
            stage.out.items[i].kind = OUT_NONE;
        } else if (output.kind == OUT_VNODE) {
            stage.out.items[i].kind = OUT_NONE;
            ev.u.vnode = output.u.vnode.news;
            CHECK_EQ(output.u.vnode.news.token, DRAIN_ID);
            if (!drain->done)
                drain_step(drain, &env, &ev, &stage.out);
        } else if (output.kind == OUT_SEND && output.u.send.msg.kind == PEER_PUT) {
            CHECK(sent_count < ARRAY_LEN(sent));
            CHECK_EQ(output.u.send.msg.u.put.hint_for, 0);
            CHECK(output.u.send.msg.u.put.durable);
            sent[sent_count].to = output.u.send.to;
            sent[sent_count].token = output.u.send.msg.u.put.token;
            sent[sent_count++].record = arena_copy(&stage.arena, output.u.send.msg.u.put.record);
        }
    }
    stage_took(&stage);
}

static void step(const struct event *ev)
{
    sent_count = 0;
    stage_step(&stage);
    if (!drain->done)
        drain_step(drain, &env, ev, &stage.out);
    pump();
}

static void settle(void)
{
    while (stage.ops_count > 0) {
        stage_complete(&stage, 0, ERR_OK);
        pump();
    }
}

static void keep_until(const char *name, uint64_t expires_us)
{
    struct key key = stage_key(name);
    struct write write = {.content = {.value = bytes_str(name)},
                          .dot = {9, 1},
                          .wall_us = stage.wall_us,
                          .expires_us = expires_us};

    struct object *object = object_put(&stage.arena, NULL, &write);
    stage_merge(&stage, &key, stage_record(&stage, &key, object), 0, TARGET);
    stage_settle(&stage);
}

static void keep(const char *name)
{
    keep_until(name, 0);
}

static void begin(void)
{
    stage_begin(&stage, 5, 3);
    env = stage_env(&stage);
    drain = NULL;
    scanning = false;
}

static void start(void)
{
    struct event ev = stage_event(&stage, EV_TIME);

    stage_step(&stage);
    drain = drain_new(&env, DRAIN_ID, TARGET, &ev, &stage.out);
    sent_count = 0;
    scanning = false;
    pump();
    CHECK(scanning);
}

static void end(void)
{
    drain_free(drain);
    stage_end(&stage);
}

/* The scan comes back with what is stored, or with nothing. */
static void scanned(bool with_rows, bool more)
{
    struct event ev = stage_event(&stage, EV_STORED);
    struct stored_row rows[STAGE_ROWS_MAX];
    uint32_t count = 0;

    CHECK(scanning);
    scanning = false;
    for (uint32_t i = 0; i < stage.rows_count && with_rows; i++) {
        if (stage.rows[i].family == FAMILY_HINT && stage.rows[i].value != NULL)
            rows[count++] = (struct stored_row){stage.rows[i].key, blob_bytes(stage.rows[i].value)};
    }
    ev.u.stored = (struct stored){.rows = rows, .rows_count = count, .more = more};
    step(&ev);
}

static void ack(uint32_t n, enum err err, bool durable)
{
    struct peer_msg msg = {.kind = PEER_PUT_ACK};
    struct event ev = stage_event(&stage, EV_PEER);

    CHECK(n < sent_count);
    msg.u.put_ack = (struct peer_put_ack){sent[n].token, err, durable, 0};
    ev.u.peer.from = sent[n].to;
    ev.u.peer.msg = &msg;
    stage_step(&stage);
    if (!drain->done)
        drain_step(drain, &env, &ev, &stage.out);
    pump();
}

static uint32_t kept(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < stage.rows_count; i++)
        count += stage.rows[i].family == FAMILY_HINT && stage.rows[i].value != NULL;
    return count;
}

TEST(what_is_kept_is_handed_over)
{
    begin();
    keep("a");
    keep("b");
    start();
    scanned(true, false);
    CHECK_EQ(sent_count, 2);
    CHECK_EQ(sent[0].to, TARGET);
    CHECK_EQ(kept(), 2);
    ack(0, ERR_OK, true);
    ack(1, ERR_OK, true);
    CHECK(!drain->done);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 0);
    CHECK(!vnodes_hints_any(stage.vnodes));
    end();
}

/* A history that has ended stands for nothing: it goes here, too. */
TEST(what_has_ended_is_not_handed_over)
{
    begin();
    stage.config.expiry_skew_ms = 1;
    keep_until("a", stage.wall_us + 999);
    keep_until("b", stage.wall_us + 1001);
    stage.wall_us += 1999;
    start();
    scanned(true, false);
    CHECK_EQ(sent_count, 1);
    ack(0, ERR_OK, true);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 0);
    end();
}

TEST(only_a_durable_yes_counts)
{
    begin();
    keep("a");
    keep("b");
    start();
    scanned(true, false);
    ack(0, ERR_OK, false);
    ack(1, ERR_OVERLOAD, false);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 2);
    CHECK(vnodes_hints_deadline_us(stage.vnodes) > stage.now_us);
    end();
}

TEST(answers_of_others_do_not_count)
{
    begin();
    keep("a");
    start();
    scanned(true, false);
    sent[0].to = 3;
    ack(0, ERR_OK, true);
    settle();
    CHECK(!drain->done);
    CHECK_EQ(kept(), 1);
    end();
}

TEST(the_node_goes_away_again)
{
    begin();
    keep("a");
    keep("b");
    start();
    scanned(true, true);
    ack(0, ERR_OK, true);
    struct event down = stage_event(&stage, EV_LINK_DOWN);
    down.u.link.node = TARGET;
    step(&down);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 1);
    end();
}

TEST(nobody_answers)
{
    begin();
    keep("a");
    start();
    CHECK_EQ(drain->deadline_us, 0);
    scanned(true, false);
    stage.now_us = drain->deadline_us;
    struct event late = stage_event(&stage, EV_DEADLINE);
    step(&late);
    CHECK(drain->done);
    CHECK_EQ(kept(), 1);
    end();
}

TEST(the_next_chunk_waits_for_the_rate)
{
    begin();
    stage.config.hints_rate = 1024;
    keep("a");
    start();
    CHECK(bytes_eq(scan_from, hint_key_prefix(&stage.arena, TARGET)));
    scanned(true, true);
    ack(0, ERR_OK, true);
    settle();
    CHECK(drain->done);
    drain_free(drain);
    keep("a");
    CHECK(vnodes_hints_deadline_us(stage.vnodes) > stage.now_us + 10000);
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), 0);
    /* The pass goes on where it was, also while the node is away. */
    stage.now_us = vnodes_hints_deadline_us(stage.vnodes);
    stage.members[TARGET - 1].up = false;
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), TARGET);
    start();
    CHECK(scan_from.len > sizeof(uint64_t));
    scanned(false, false);
    CHECK(drain->done);
    drain_free(drain);
    start();
    CHECK(bytes_eq(scan_from, hint_key_prefix(&stage.arena, TARGET)));
    end();
}

/* The node is no replica any more: the others get it, and one of them suffices. */
TEST(what_nobody_waits_for_goes_to_the_replicas)
{
    begin();
    keep("a");
    uint16_t *place = (uint16_t *)(uintptr_t)stage.document->place;
    for (uint32_t p = 0; p < stage.document->partitions; p++)
        place[p * 3 + 1] = 4;
    start();
    scanned(true, false);
    CHECK_EQ(stage_traced(&stage, TRACE_HINT_MOVED), 1);
    CHECK_EQ(sent_count, 1);
    CHECK_EQ(sent[0].to, 1);
    ack(0, ERR_OVERLOAD, false);
    CHECK_EQ(sent[1].to, 5);
    ack(1, ERR_OK, true);
    CHECK_EQ(kept(), 1);
    CHECK_EQ(sent[2].to, 3);
    ack(2, ERR_OVERLOAD, false);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 0);
    end();
}

TEST(what_no_replica_takes_is_kept)
{
    begin();
    keep("a");
    stage.config.hints_age_max_ms = 1000;
    stage.wall_us += 2000000;
    stage.members[TARGET - 1].up = false;
    start();
    scanned(true, false);
    CHECK_EQ(sent[0].to, 1);
    ack(0, ERR_OVERLOAD, false);
    CHECK_EQ(sent[1].to, 3);
    ack(1, ERR_NO_SPACE, false);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 1);
    end();
}

TEST(who_is_away_still_keeps_his)
{
    begin();
    keep("a");
    stage.members[TARGET - 1].up = false;
    start();
    scanned(true, false);
    CHECK_EQ(sent_count, 0);
    CHECK(drain->done);
    CHECK_EQ(kept(), 1);
    end();
}

TEST(what_rots_is_not_sent)
{
    begin();
    keep("a");
    for (uint32_t i = 0; i < stage.rows_count; i++) {
        if (stage.rows[i].family == FAMILY_HINT)
            stage.rows[i].value->data[10] ^= 1;
    }
    start();
    scanned(true, false);
    CHECK_EQ(sent_count, 0);
    settle();
    CHECK(drain->done);
    CHECK_EQ(kept(), 0);
    struct hints_kept found;
    CHECK(vnodes_hints(stage.vnodes, 0, &found) && found.sum.lacking);
    end();
}

TEST(a_sum_without_rows_is_put_right)
{
    begin();
    keep("a");
    start();
    scanned(false, false);
    CHECK(drain->done);
    settle();
    CHECK(!vnodes_hints_any(stage.vnodes));
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(what_is_kept_is_handed_over),
        T(what_has_ended_is_not_handed_over),
        T(only_a_durable_yes_counts),
        T(answers_of_others_do_not_count),
        T(the_node_goes_away_again),
        T(nobody_answers),
        T(the_next_chunk_waits_for_the_rate),
        T(what_nobody_waits_for_goes_to_the_replicas),
        T(what_no_replica_takes_is_kept),
        T(who_is_away_still_keeps_his),
        T(what_rots_is_not_sent),
        T(a_sum_without_rows_is_put_right),
    };

    return tap_main(argc, argv, tests);
}

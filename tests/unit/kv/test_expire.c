/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what has expired: which rows go, which stay, what is written meanwhile, and when it is
 * looked for. The skew is one second, the grace two, the interval ten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/expire.h"
#include "kv/limits.h"
#include "record/meta.h"
#include "stage.h"
#include "tap.h"

enum { PASS_ID = 50, SECOND_US = 1000000, REMOVAL_US = 3 * SECOND_US };

static struct stage stage;
static struct machine *pass;
static struct kv_env env;
static bool scanning;
static struct store_op scan; /* its key is in the stage's arena */
static uint32_t page_rows;   /* how many rows a scan gives at most */
static uint32_t removed, scans, open_most;
static uint64_t paused_us;

static void pump(void)
{
    struct event ev = stage_event(&stage, EV_COMMITTED);

    for (size_t i = 0; i < stage.out.count; i++) {
        struct output output = stage.out.items[i];
        if (output.kind == OUT_STORE && output.u.store.verb == STORE_SCAN) {
            CHECK(!scanning);
            scanning = true;
            scans++;
            scan = output.u.store;
            scan.key = arena_copy(&stage.arena, scan.key);
            stage.out.items[i].kind = OUT_NONE;
        } else if (output.kind == OUT_VNODE) {
            stage.out.items[i].kind = OUT_NONE;
            ev.kind = output.u.vnode.kind;
            ev.u.vnode = output.u.vnode.news;
            if (output.u.vnode.news.token == PASS_ID && !pass->done)
                expire_step(pass, &env, &ev, &stage.out);
            blob_unref(output.u.vnode.news.record);
        }
    }
    removed += stage_traced(&stage, TRACE_EXPIRED_REMOVED);
    stage_took(&stage);
    if (stage.ops_count > open_most)
        open_most = stage.ops_count;
}

static void begin(void)
{
    stage_begin(&stage, 3, 3);
    stage.config.expiry_skew_ms = 1000;
    stage.config.expiry_grace_ms = 2000;
    stage.config.expiry_interval_ms = 10000;
    env = stage_env(&stage);
    pass = NULL;
    scanning = false;
    page_rows = STAGE_ROWS_MAX;
    removed = 0;
    scans = 0;
    open_most = 0;
    paused_us = 0;
}

static void end(void)
{
    if (pass != NULL)
        expire_free(pass);
    stage_end(&stage);
}

static struct object *object_until(uint64_t expires_us)
{
    struct write write = {.content = {.value = BYTES_LIT("v")},
                          .dot = {9, 1},
                          .wall_us = stage.wall_us,
                          .expires_us = expires_us};

    return object_put(&stage.arena, NULL, &write);
}

static void merge(const char *name, const struct object *object)
{
    struct key key = stage_key(name);

    stage_merge(&stage, &key, stage_record(&stage, &key, object), 0, 0);
}

static void store(const char *name, uint64_t expires_us)
{
    merge(name, object_until(expires_us));
    stage_settle(&stage);
}

static struct blob *row_of(enum store_family family, const char *name)
{
    struct key key = stage_key(name);
    struct stage_row *row = stage_row(&stage, family, stage_row_key(&stage, &key));

    return row == NULL ? NULL : row->value;
}

static bool is_there(const char *name)
{
    bool object = row_of(FAMILY_OBJECT, name) != NULL;

    CHECK_EQ(object, row_of(FAMILY_META, name) != NULL);
    return object;
}

static int row_order(const void *a, const void *b)
{
    return bytes_cmp(((const struct stored_row *)a)->key, ((const struct stored_row *)b)->key);
}

static void step(const struct event *ev)
{
    stage_step(&stage);
    if (!pass->done)
        expire_step(pass, &env, ev, &stage.out);
    pump();
}

/* The page comes back, with what is stored; or the store fails. */
static void scanned(enum err err)
{
    struct event ev = stage_event(&stage, EV_STORED);
    struct stored_row rows[STAGE_ROWS_MAX];
    uint32_t count = 0;

    CHECK(scanning);
    CHECK_EQ(scan.family, FAMILY_META);
    scanning = false;
    for (uint32_t i = 0; i < stage.rows_count; i++) {
        const struct stage_row *row = &stage.rows[i];
        if (row->family == FAMILY_META && row->value != NULL && bytes_cmp(row->key, scan.key) >= 0)
            rows[count++] = (struct stored_row){row->key, blob_bytes(row->value)};
    }
    qsort(rows, count, sizeof(rows[0]), row_order);
    bool more = count > page_rows;
    ev.u.stored = (struct stored){
        .err = err, .rows = rows, .rows_count = more ? page_rows : count, .more = more};
    step(&ev);
}

static void start(void)
{
    struct event ev = stage_event(&stage, EV_TIME);

    stage_step(&stage);
    pass = expire_new(&env, PASS_ID, &ev, &stage.out);
    pump();
    CHECK(scanning);
}

static void settle(void)
{
    while (stage.ops_count > 0) {
        stage_complete(&stage, 0, ERR_OK);
        pump();
    }
}

/* A whole pass. */
static void run(void)
{
    start();
    while (!pass->done) {
        scanned(ERR_OK);
        settle();
        if (pass->done)
            break;
        CHECK_FATAL(pass->deadline_us > stage.now_us);
        paused_us += pass->deadline_us - stage.now_us;
        stage.now_us = pass->deadline_us;
        struct event ev = stage_event(&stage, EV_DEADLINE);
        step(&ev);
    }
    CHECK(!scanning);
}

TEST(what_ended_long_ago_goes)
{
    begin();
    store("gone", stage.wall_us);
    store("soon", stage.wall_us + 1);
    store("ever", 0);
    stage.wall_us += REMOVAL_US;
    run();
    CHECK_EQ(removed, 1);
    CHECK(!is_there("gone"));
    CHECK(is_there("soon"));
    CHECK(is_there("ever"));
    CHECK_EQ(stage_traced(&stage, TRACE_EXPIRE_OVER), 1);
    end();
}

/* Hidden, and kept as a tombstone is: what it replaced would be seen again. */
TEST(what_replaced_a_value_without_expiry_stays)
{
    begin();
    struct object *ever = object_until(0);
    struct write write = {.context = ever->clock,
                          .content = {.value = BYTES_LIT("v")},
                          .dot = {9, 2},
                          .wall_us = stage.wall_us,
                          .expires_us = stage.wall_us};
    merge("k", object_put(&stage.arena, ever, &write));
    stage_settle(&stage);
    stage.wall_us += REMOVAL_US;
    run();
    CHECK_EQ(removed, 0);
    CHECK(is_there("k"));
    end();
}

TEST(a_tombstone_goes_with_what_it_deleted)
{
    begin();
    struct object *brief = object_until(stage.wall_us);
    struct write write = {.context = brief->clock, .deleted = true, .dot = {9, 2}};
    merge("k", object_put(&stage.arena, brief, &write));
    struct write bare = {.deleted = true, .dot = {9, 1}};
    merge("bare", object_put(&stage.arena, NULL, &bare));
    stage_settle(&stage);
    stage.wall_us += REMOVAL_US;
    run();
    CHECK(!is_there("k"));
    CHECK(is_there("bare"));
    end();
}

TEST(pages)
{
    char name[16];

    begin();
    for (unsigned i = 0; i < 80; i++) {
        (void)snprintf(name, sizeof(name), "k%u", i);
        store(name, i % 4 == 0 ? 0 : stage.wall_us);
    }
    page_rows = 7;
    stage.config.expiry_rate = 1024;
    stage.wall_us += REMOVAL_US;
    run();
    CHECK_EQ(removed, 60);
    CHECK_EQ(scans, 12);
    CHECK(paused_us > SECOND_US && paused_us < 20 * SECOND_US);
    for (unsigned i = 0; i < 80; i++) {
        (void)snprintf(name, sizeof(name), "k%u", i);
        CHECK_EQ(is_there(name), i % 4 == 0);
    }
    end();
}

TEST(no_more_at_once_than_the_limit)
{
    char name[16];

    begin();
    for (unsigned i = 0; i < EXPIRE_ROWS + 20; i++) {
        (void)snprintf(name, sizeof(name), "k%u", i);
        store(name, stage.wall_us);
    }
    stage.wall_us += REMOVAL_US;
    open_most = 0;
    run();
    CHECK_EQ(removed, EXPIRE_ROWS + 20);
    CHECK_EQ(scans, 2);
    CHECK_EQ(open_most, EXPIRE_ROWS);
    end();
}

/* The removal has read nothing yet when a write comes: the write stands behind it, and stays. */
TEST(a_write_behind_a_removal)
{
    begin();
    store("k", stage.wall_us);
    stage.wall_us += REMOVAL_US;
    start();
    scanned(ERR_OK);
    CHECK_EQ(stage.ops_count, 1);
    struct object *late = stage_object(&stage, 8, 1, stage.wall_us, "late");
    merge("k", late);
    settle();
    CHECK_EQ(removed, 1);
    CHECK(pass->done);
    struct key key = stage_key("k");
    struct object *left = stage_decode(&stage, &key, blob_bytes(row_of(FAMILY_OBJECT, "k")));
    CHECK(left != NULL && object_same(left, late));
    CHECK(is_there("k"));
    end();
}

/* A write is under way when the pass comes to the key. */
TEST(a_write_before_a_removal)
{
    begin();
    store("k", stage.wall_us);
    stage.wall_us += REMOVAL_US;
    start();
    merge("k", stage_object(&stage, 8, 1, stage.wall_us, "late"));
    stage_complete(&stage, 0, ERR_OK);
    pump();
    scanned(ERR_OK);
    settle();
    CHECK_EQ(removed, 0);
    CHECK(pass->done);
    CHECK(is_there("k"));
    end();
}

/* It was written, and is through, between the scan and the removal's read; who waits behind the
 * removal finds the object. */
TEST(a_digest_that_changed)
{
    struct object *late;

    begin();
    store("k", stage.wall_us);
    stage.wall_us += REMOVAL_US;
    start();
    scanned(ERR_OK);
    CHECK_EQ(stage.ops_count, 1);
    late = stage_object(&stage, 8, 1, stage.wall_us, "late");
    struct key key = stage_key("k");
    struct stage_row *row = stage_row(&stage, FAMILY_META, stage_row_key(&stage, &key));
    struct bytes digest = stage_digest(&stage, &key, late);
    blob_unref(row->value);
    row->value = blob_copy(digest);
    merge("k", late);
    settle();
    CHECK_EQ(removed, 0);
    CHECK(pass->done);
    struct object *left = stage_decode(&stage, &key, blob_bytes(row_of(FAMILY_OBJECT, "k")));
    CHECK(left != NULL && left->count == 2);
    end();
}

/* Nothing is read of an object that goes, so damage does not keep it. */
TEST(a_damaged_object_goes)
{
    begin();
    store("k", stage.wall_us);
    row_of(FAMILY_OBJECT, "k")->data[7] ^= 1;
    stage.wall_us += REMOVAL_US;
    run();
    CHECK_EQ(removed, 1);
    CHECK(!is_there("k"));
    end();
}

TEST(a_damaged_digest_stays)
{
    begin();
    store("k", stage.wall_us);
    row_of(FAMILY_META, "k")->data[7] ^= 1;
    stage.wall_us += REMOVAL_US;
    run();
    CHECK_EQ(removed, 0);
    CHECK(is_there("k"));
    end();
}

/* ---- when it is looked for ---- */

static bool due(void)
{
    struct event ev = stage_event(&stage, EV_TIME);

    return vnodes_expire_due(stage.vnodes, &ev);
}

/* Waits until it is time to ask again. */
static void wait(void)
{
    uint64_t at_us = vnodes_expire_deadline_us(stage.vnodes);

    CHECK_FATAL(at_us != UINT64_MAX);
    if (at_us <= stage.now_us)
        return;
    stage.wall_us += at_us - stage.now_us;
    stage.now_us = at_us;
}

static void first_pass(void)
{
    CHECK(!due());
    wait();
    CHECK(due());
    run();
    expire_free(pass);
    pass = NULL;
}

TEST(a_store_without_expiry_is_passed_once)
{
    begin();
    store("ever", 0);
    first_pass();
    CHECK_EQ(vnodes_expire_deadline_us(stage.vnodes), UINT64_MAX);
    store("still", 0);
    CHECK_EQ(vnodes_expire_deadline_us(stage.vnodes), UINT64_MAX);
    CHECK(!due());
    end();
}

TEST(what_is_written_is_due_in_its_time)
{
    begin();
    first_pass();
    uint64_t end_us = stage.wall_us + 100 * SECOND_US;
    store("k", end_us);
    while (!due())
        wait();
    CHECK(stage.wall_us >= end_us + REMOVAL_US);
    CHECK(stage.wall_us <= end_us + REMOVAL_US + 10 * SECOND_US);
    run();
    CHECK_EQ(removed, 1);
    CHECK_EQ(vnodes_expire_deadline_us(stage.vnodes), UINT64_MAX);
    end();
}

TEST(what_a_pass_leaves_is_due_later)
{
    begin();
    store("now", stage.wall_us);
    store("later", stage.wall_us + 60 * SECOND_US);
    stage.wall_us += REMOVAL_US;
    first_pass();
    CHECK_EQ(removed, 1);
    CHECK(!due());
    while (!due())
        wait();
    run();
    CHECK_EQ(removed, 2);
    end();
}

/* What came to nothing is looked for again, after the interval. */
TEST(after_a_failure)
{
    begin();
    store("k", stage.wall_us);
    stage.wall_us += REMOVAL_US;
    CHECK(!due());
    wait();
    start();
    CHECK(!due());
    CHECK_EQ(vnodes_expire_deadline_us(stage.vnodes), UINT64_MAX);
    scanned(ERR_OVERLOAD);
    CHECK(pass->done);
    expire_free(pass);
    CHECK(!due());
    wait();
    CHECK(due());
    start();
    scanned(ERR_OK);
    stage_complete(&stage, 0, ERR_OK);
    pump();
    stage_complete(&stage, 0, ERR_NO_SPACE);
    pump();
    CHECK(pass->done);
    CHECK_EQ(removed, 0);
    CHECK(is_there("k"));
    expire_free(pass);
    wait();
    CHECK(due());
    run();
    CHECK_EQ(removed, 1);
    end();
}

TEST(this_node_stops)
{
    begin();
    store("k", stage.wall_us);
    stage.wall_us += REMOVAL_US;
    start();
    scanned(ERR_OK);
    struct event ev = stage_event(&stage, EV_STOP);
    step(&ev);
    CHECK(pass->done);
    settle();
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(what_ended_long_ago_goes),
        T(what_replaced_a_value_without_expiry_stays),
        T(a_tombstone_goes_with_what_it_deleted),
        T(pages),
        T(no_more_at_once_than_the_limit),
        T(a_write_behind_a_removal),
        T(a_write_before_a_removal),
        T(a_digest_that_changed),
        T(a_damaged_object_goes),
        T(a_damaged_digest_stays),
        T(a_store_without_expiry_is_passed_once),
        T(what_is_written_is_due_in_its_time),
        T(what_a_pass_leaves_is_due_later),
        T(after_a_failure),
        T(this_node_stops),
    };
    return tap_main(argc, argv, tests);
}

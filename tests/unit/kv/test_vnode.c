/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and merges of one partition replica over a store that completes when the test says: their
 * order, what failure does to them, what is refused. */
#include <string.h>

#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"
#include "stage.h"
#include "tap.h"

static struct stage stage;

/* A write of a value; what it came to is news with the token. */
static void put(uint64_t token, const char *name, struct clock context, const char *value,
                const struct condition *condition)
{
    struct key key = stage_key(name);
    struct content content = {.value = bytes_str(value)};
    struct event ev = stage_event(&stage, EV_TIME);
    struct vnode_write write = {
        .token = token,
        .partition = stage_partition(&stage, &key),
        .slot = stage_slot(&stage, &key),
        .key = key,
        .context = &context,
        .content = &content,
        .condition = condition,
    };

    stage_step(&stage);
    vnodes_write(stage.vnodes, &write, &ev, &stage.out);
    stage_took(&stage);
}

static void blind(uint64_t token, const char *name, const char *value)
{
    put(token, name, CLOCK_NONE, value, NULL);
}

static void merge(const char *name, struct bytes record, bool durable, bool one_value,
                  uint64_t from)
{
    struct key key = stage_key(name);
    struct event ev = stage_event(&stage, EV_PEER);
    struct vnode_merge merge = {
        .from = from,
        .token = 77,
        .partition = stage_partition(&stage, &key),
        .slot = stage_slot(&stage, &key),
        .key = key,
        .record = record,
        .durable = durable,
        .one_value = one_value,
    };

    stage_step(&stage);
    vnodes_merge(stage.vnodes, &merge, &ev, &stage.out);
    stage_took(&stage);
}

/* The n-th news of the last step; of kind EV_TIME when there are not so many. */
static struct event_vnode news(uint32_t n, enum event_kind *ret_kind)
{
    struct output *output = stage_output(&stage, OUT_VNODE, n);

    *ret_kind = output == NULL ? EV_TIME : output->u.vnode.kind;
    return output == NULL ? (struct event_vnode){0} : output->u.vnode.news;
}

static void check_news(uint32_t n, enum event_kind kind, uint64_t token, enum err err)
{
    enum event_kind told;
    struct event_vnode one = news(n, &told);

    CHECK_EQ(told, kind);
    CHECK_EQ(one.token, token);
    CHECK_EQ(one.err, err);
}

/* The acknowledgement of a merge in the last step. */
static void check_ack(enum err err, bool durable)
{
    struct output *output = stage_output(&stage, OUT_SEND, 0);

    CHECK_FATAL(output != NULL);
    CHECK_EQ(output->u.send.to, 2);
    CHECK_EQ(output->u.send.msg.kind, PEER_PUT_ACK);
    CHECK_EQ(output->u.send.msg.u.put_ack.token, 77);
    CHECK_EQ(output->u.send.msg.u.put_ack.err, err);
    CHECK_EQ(output->u.send.msg.u.put_ack.durable, durable);
}

/* What is stored of a key; NULL when nothing is. Checks that the digest row is the object's. */
static struct object *stored(const char *name)
{
    struct key key = stage_key(name);
    struct bytes row_key = stage_row_key(&stage, &key);
    struct stage_row *row = stage_row(&stage, FAMILY_OBJECT, row_key);
    struct stage_row *digest = stage_row(&stage, FAMILY_META, row_key);
    struct meta *meta;

    if (row == NULL || row->value == NULL) {
        CHECK(digest == NULL || digest->value == NULL);
        return NULL;
    }
    struct object *object = stage_decode(&stage, &key, blob_bytes(row->value));
    CHECK(object != NULL);
    CHECK(digest != NULL && digest->value != NULL);
    if (object == NULL || digest == NULL)
        return NULL;
    enum err err = record_meta_decode(&stage.arena, row_key, blob_bytes(digest->value), &meta);
    CHECK_EQ(err, ERR_OK);
    if (err == ERR_OK)
        CHECK(meta_same(meta, meta_of(&stage.arena, object)));
    return object;
}

/* Whether the object has exactly these values, in any order. */
static bool has_values(const struct object *object, const char *const *values, uint32_t count)
{
    uint32_t found = 0;

    if (object == NULL || object->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < object->count; k++)
            found += bytes_eq(object->siblings[k].content.value, bytes_str(values[i]));
    }
    return found == count;
}

#define CHECK_VALUES(object, ...)                                                                  \
    CHECK(has_values((object), (const char *const[]){__VA_ARGS__},                                 \
                     ARRAY_LEN(((const char *const[]){__VA_ARGS__}))))

static void begin(void)
{
    stage_begin(&stage, 3, 3);
}

/* A partition whose lease is there. */
static void begin_warm(const char *name)
{
    begin();
    blind(1, name, "warm");
    stage_settle(&stage);
}

TEST(a_first_write)
{
    begin();
    blind(7, "k", "v");
    CHECK_EQ(stage.ops_count, 1);
    CHECK_EQ(stage.ops[0].op.verb, STORE_GET);
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 0);
    stage_complete(&stage, 0, ERR_OK);
    /* No dot without a durable lease. */
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 0);
    CHECK_EQ(stage.ops_count, 1);
    CHECK_EQ(stage.ops[0].op.verb, STORE_COMMIT);
    CHECK(stage.ops[0].op.durable);
    stage_complete(&stage, 0, ERR_OK);
    check_news(0, EV_APPLIED, 7, ERR_OK);
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 1);
    CHECK_EQ(stage.ops_count, 1);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 1);
    stage_complete(&stage, 0, ERR_OK);
    check_news(0, EV_COMMITTED, 7, ERR_OK);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    CHECK_VALUES(stored("k"), "v");
    stage_end(&stage);
}

TEST(what_is_told_is_what_is_stored)
{
    enum event_kind kind;
    struct key key = stage_key("k");

    begin_warm("k");
    blind(2, "k", "v");
    stage_complete(&stage, 0, ERR_OK);
    struct event_vnode applied = news(0, &kind);
    CHECK_EQ(kind, EV_APPLIED);
    struct bytes row_key = stage_row_key(&stage, &key);
    CHECK_BYTES(applied.row_key.data, applied.row_key.len, row_key.data, row_key.len);
    struct bytes told = arena_copy(&stage.arena, blob_bytes(applied.record));
    stage_complete(&stage, 0, ERR_OK);
    struct stage_row *row = stage_row(&stage, FAMILY_OBJECT, row_key);
    CHECK_FATAL(row != NULL);
    CHECK_BYTES(told.data, told.len, row->value->data, row->value->len);
    stage_end(&stage);
}

TEST(one_key_one_read_and_the_order_of_arrival)
{
    begin_warm("k");
    blind(2, "k", "a");
    blind(3, "k", "b");
    blind(4, "k", "c");
    CHECK_EQ(stage.ops_count, 1); /* the read, once */
    stage_complete(&stage, 0, ERR_OK);
    for (uint32_t i = 0; i < 3; i++)
        check_news(i, EV_APPLIED, 2 + i, ERR_OK);
    CHECK_EQ(stage.ops_count, 3);
    blind(5, "k", "d"); /* starts from the newest, which no store has yet */
    check_news(0, EV_APPLIED, 5, ERR_OK);
    CHECK_EQ(stage.ops_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        stage_complete(&stage, 0, ERR_OK);
        check_news(0, EV_COMMITTED, 2 + i, ERR_OK);
        CHECK_EQ(stage_count(&stage, OUT_VNODE), 1);
    }
    CHECK_VALUES(stored("k"), "warm", "a", "b", "c", "d");
    blind(6, "k", "e"); /* the key went cold: it is read again */
    CHECK_EQ(stage.ops[0].op.verb, STORE_GET);
    stage_settle(&stage);
    stage_end(&stage);
}

TEST(a_context_supersedes_what_it_covers)
{
    begin_warm("k");
    blind(2, "k", "a");
    stage_settle(&stage);
    struct clock seen = stored("k")->clock;
    blind(3, "k", "b");
    put(4, "k", seen, "c", NULL);
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "b", "c");
    stage_end(&stage);
}

TEST(a_failed_commit_fails_those_that_stand_on_it)
{
    begin_warm("k");
    blind(2, "k", "a");
    stage_complete(&stage, 0, ERR_OK);
    blind(3, "k", "b");
    blind(4, "other", "x");
    CHECK_EQ(stage.ops_count, 3);
    stage_complete(&stage, 0, ERR_NO_SPACE);
    check_news(0, EV_COMMITTED, 2, ERR_NO_SPACE);
    CHECK_EQ(stage_traced(&stage, TRACE_COMMIT_FAILED), 1);
    blind(5, "k", "c"); /* waits: nobody knows now what is stored */
    CHECK_EQ(stage_count(&stage, OUT_VNODE), 0);
    stage_complete(&stage, 0, ERR_NO_SPACE);
    check_news(0, EV_COMMITTED, 3, ERR_NO_SPACE);
    /* The key is read anew for what waits. */
    CHECK_EQ(stage.ops[stage.ops_count - 1].op.verb, STORE_GET);
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "warm", "c");
    CHECK_VALUES(stored("other"), "x");
    stage_end(&stage);
}

TEST(a_later_commit_that_worked_is_unknown_all_the_same)
{
    begin_warm("k");
    blind(2, "k", "a");
    stage_complete(&stage, 0, ERR_OK);
    blind(3, "k", "b");
    stage_complete(&stage, 0, ERR_NO_SPACE);
    stage_complete(&stage, 0, ERR_OK);
    check_news(0, EV_COMMITTED, 3, ERR_UNKNOWN);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    stage_end(&stage);
}

TEST(after_a_failed_write_no_dot_of_the_same_actor)
{
    begin_warm("k");
    uint64_t actor = stored("k")->clock.entries[0].actor;
    blind(2, "k", "a");
    stage_complete(&stage, 0, ERR_OK);
    stage_complete(&stage, 0, ERR_NO_SPACE);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    blind(3, "k", "b");
    stage_settle(&stage);
    struct object *object = stored("k");
    CHECK_EQ_FATAL(object->clock.count, 2);
    /* The lost write, wherever it got to, is not covered by what came after it. */
    CHECK_EQ(clock_get(object->clock, actor), 1);
    stage_end(&stage);
}

TEST(a_lease_that_fails_fails_who_waits_for_it)
{
    begin();
    blind(2, "k", "a");
    stage_complete(&stage, 0, ERR_OK);
    blind(3, "k", "b");
    stage_complete(&stage, 0, ERR_NO_SPACE);
    check_news(0, EV_COMMITTED, 2, ERR_NO_SPACE);
    check_news(1, EV_COMMITTED, 3, ERR_NO_SPACE);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    blind(4, "k", "c");
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "c");
    stage_end(&stage);
}

TEST(a_read_that_fails_fails_who_waits_for_it)
{
    begin_warm("k");
    blind(2, "k", "a");
    blind(3, "k", "b");
    stage_complete(&stage, 0, ERR_IO);
    check_news(0, EV_COMMITTED, 2, ERR_IO);
    check_news(1, EV_COMMITTED, 3, ERR_IO);
    CHECK_EQ(stage.ops_count, 0);
    stage_end(&stage);
}

TEST(what_is_refused_changes_nothing)
{
    struct condition absent = {.if_none_match_any = true};

    begin_warm("k");
    stage.config.siblings_max = 2;
    stage.config.object_bytes_max = 120;
    put(2, "k", CLOCK_NONE, "a", &absent);
    stage_complete(&stage, 0, ERR_OK);
    check_news(0, EV_COMMITTED, 2, ERR_MATCH_FOUND);
    CHECK_EQ(stage.ops_count, 0);
    blind(3, "k", "a");
    blind(4, "k", "b");
    stage_complete(&stage, 0, ERR_OK);
    check_news(0, EV_APPLIED, 3, ERR_OK);
    check_news(1, EV_COMMITTED, 4, ERR_TOO_MANY_SIBLINGS);
    enum event_kind kind;
    CHECK_EQ(news(1, &kind).have, 3);
    put(5, "k", stored("k")->clock,
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789012345678901234567890123456789",
        NULL);
    check_news(0, EV_COMMITTED, 5, ERR_TOO_LARGE);
    CHECK(news(0, &kind).size > 120);
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "warm", "a");
    stage_end(&stage);
}

TEST(what_is_large_is_told)
{
    begin_warm("k");
    stage.config.siblings_warn = 2;
    blind(2, "k", "a");
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_traced(&stage, TRACE_SIBLINGS), 1);
    CHECK_EQ(stage_traced(&stage, TRACE_SIBLINGS_MANY), 0);
    blind(3, "k", "b");
    CHECK_EQ(stage_traced(&stage, TRACE_SIBLINGS_MANY), 1);
    CHECK_EQ(stage_traced(&stage, TRACE_OBJECT_LARGE), 0);
    stage.config.object_bytes_warn = 10;
    blind(4, "k", "c");
    CHECK_EQ(stage_traced(&stage, TRACE_OBJECT_LARGE), 1);
    stage_end(&stage);
}

TEST(too_many_keys_at_once)
{
    begin_warm("k");
    stage.config.hot_keys_max = 1;
    blind(2, "k", "a");
    blind(3, "other", "b");
    check_news(0, EV_COMMITTED, 3, ERR_OVERLOAD);
    blind(4, "k", "c");
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "warm", "a", "c");
    stage_end(&stage);
}

TEST(a_merge_is_acknowledged_when_it_is_stored)
{
    struct key key = stage_key("k");

    begin();
    merge("k", stage_record(&stage, &key, stage_object(&stage, 9, 1, 5, "theirs")), true, false, 2);
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    CHECK(stage.ops[0].op.durable);
    stage_complete(&stage, 0, ERR_OK);
    check_ack(ERR_OK, true);
    CHECK_VALUES(stored("k"), "theirs");
    stage_end(&stage);
}

TEST(a_merge_that_changes_nothing_waits_for_the_sync)
{
    struct key key = stage_key("k");
    struct bytes record;

    begin();
    record = stage_record(&stage, &key, stage_object(&stage, 9, 1, 5, "theirs"));
    merge("k", record, true, false, 0);
    stage_complete(&stage, 0, ERR_OK);
    merge("k", record, true, false, 2); /* the first is not stored yet */
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    CHECK_EQ(stage.ops_count, 2);
    CHECK_EQ(stage.ops[1].rows_count, 0);
    CHECK(stage.ops[1].op.durable);
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0); /* nobody asked */
    stage_complete(&stage, 0, ERR_OK);
    check_ack(ERR_OK, true);
    stage_end(&stage);
}

TEST(a_buffered_merge_stands_on_what_is_in_flight)
{
    struct key key = stage_key("k");
    struct bytes record;

    begin();
    record = stage_record(&stage, &key, stage_object(&stage, 9, 1, 5, "theirs"));
    merge("k", record, false, false, 0);
    stage_complete(&stage, 0, ERR_OK);
    merge("k", record, false, false, 2);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    stage_complete(&stage, 0, ERR_NO_SPACE);
    stage_complete(&stage, 0, ERR_OK);
    check_ack(ERR_UNKNOWN, false);
    /* And when nothing is in flight there is nothing to wait for. */
    merge("k", record, false, false, 0);
    stage_settle(&stage);
    merge("k", record, false, false, 2);
    stage_complete(&stage, 0, ERR_OK);
    check_ack(ERR_OK, false);
    CHECK_EQ(stage.ops_count, 0);
    stage_end(&stage);
}

TEST(merges_in_any_order_come_to_the_same)
{
    struct key key = stage_key("k");
    struct bytes records[3];

    for (uint32_t turn = 0; turn < 6; turn++) {
        static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                             {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        begin();
        struct object *first = stage_object(&stage, 9, 1, 5, "a");
        struct write later = {.context = first->clock,
                              .content = {.value = BYTES_LIT("b")},
                              .dot = {8, 1},
                              .wall_us = 6};
        records[0] = stage_record(&stage, &key, first);
        records[1] = stage_record(&stage, &key, object_put(&stage.arena, first, &later));
        records[2] = stage_record(&stage, &key, stage_object(&stage, 7, 1, 5, "c"));
        for (uint32_t i = 0; i < 3; i++) {
            merge("k", records[orders[turn][i]], true, false, 2);
            if (turn % 2 == 0)
                stage_settle(&stage);
        }
        stage_settle(&stage);
        CHECK_VALUES(stored("k"), "b", "c");
        merge("k", records[0], true, false, 2);
        stage_complete(&stage, 0, ERR_OK);
        CHECK_EQ(stage.ops[0].rows_count, 0);
        stage_settle(&stage);
        stage_end(&stage);
    }
}

TEST(a_bucket_of_one_value_keeps_one)
{
    struct key key = stage_key("k");

    begin();
    struct object *both = object_merge(&stage.arena, stage_object(&stage, 9, 1, 5, "old"),
                                       stage_object(&stage, 8, 1, 6, "new"));
    merge("k", stage_record(&stage, &key, both), true, true, 2);
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_traced(&stage, TRACE_RESOLVED), 1);
    stage_settle(&stage);
    CHECK_VALUES(stored("k"), "new"); /* and the digest row says so, too */
    /* Behind the others it cannot know that the bucket still keeps one... */
    key = stage_key("j");
    vnodes_behind(stage.vnodes, true);
    merge("j", stage_record(&stage, &key, both), true, true, 2);
    stage_settle(&stage);
    CHECK_EQ(stored("j")->count, 2);
    key = stage_key("i"); /* ... nor when the operation came, though it knows by its turn */
    merge("i", stage_record(&stage, &key, both), true, true, 2);
    vnodes_behind(stage.vnodes, false);
    stage_settle(&stage);
    CHECK_EQ(stored("i")->count, 2);
    stage_end(&stage);
}

TEST(a_damaged_merge_is_refused)
{
    struct key key = stage_key("k");

    begin();
    struct bytes record = stage_record(&stage, &key, stage_object(&stage, 9, 1, 5, "theirs"));
    ((uint8_t *)(uintptr_t)record.data)[record.len - 1] ^= 1;
    merge("k", record, true, false, 2);
    stage_complete(&stage, 0, ERR_OK);
    check_ack(ERR_CORRUPT, false);
    CHECK_EQ(stage.ops_count, 0);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    stage_end(&stage);
}

TEST(a_partition_with_an_object_is_known_to_hold_one)
{
    struct key key = stage_key("k");
    bool any;

    begin();
    const uint8_t *holds = vnodes_holds(stage.vnodes, &any);
    uint32_t partition = stage_partition(&stage, &key);
    CHECK(!any);
    merge("k", stage_record(&stage, &key, stage_object(&stage, 9, 1, 5, "v")), false, false, 0);
    stage_complete(&stage, 0, ERR_OK);
    /* No later than the write is given to the store. */
    holds = vnodes_holds(stage.vnodes, &any);
    CHECK(any);
    CHECK_EQ(holds[partition / 8] >> (partition % 8) & 1, 1);
    stage_settle(&stage);
    stage_restart(&stage, 2);
    holds = vnodes_holds(stage.vnodes, &any);
    CHECK(any);
    CHECK_EQ(holds[partition / 8] >> (partition % 8) & 1, 1);
    stage_end(&stage);
}

static bool holds(const char *name)
{
    struct key key = stage_key(name);
    uint32_t partition = stage_partition(&stage, &key);
    bool any;
    bool bit = (vnodes_holds(stage.vnodes, &any)[partition / 8] >> partition % 8 & 1) != 0;

    CHECK_EQ(any, bit);
    return bit;
}

/* What was told from behind a fence must stay true: an operation that began before the fence counts
 * from its beginning, and none begins behind it. */
TEST(behind_a_fence_no_first_object)
{
    const struct condition condition = {.if_not_modified = true};

    stage_begin(&stage, 3, 3);
    blind(1, "k", "one");
    CHECK(holds("k"));
    vnodes_fence(stage.vnodes, true);
    stage_settle(&stage);
    CHECK(stored("k") != NULL);
    blind(2, "k", "two");
    CHECK_EQ(stage.ops_count, 1);
    stage_end(&stage);

    stage_begin(&stage, 3, 3);
    vnodes_fence(stage.vnodes, true);
    blind(1, "k", "one");
    check_news(0, EV_COMMITTED, 1, ERR_OVERLOAD);
    merge("k", BYTES_LIT("not looked at"), true, false, 2);
    check_ack(ERR_OVERLOAD, false);
    CHECK_EQ(stage.ops_count, 0);
    CHECK(!holds("k"));
    vnodes_fence(stage.vnodes, false);
    put(2, "k", CLOCK_NONE, "two", &condition);
    CHECK(holds("k"));
    stage_settle(&stage);
    CHECK(stored("k") == NULL);
    CHECK(!holds("k"));
    stage_end(&stage);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_first_write),
        T(what_is_told_is_what_is_stored),
        T(one_key_one_read_and_the_order_of_arrival),
        T(a_context_supersedes_what_it_covers),
        T(a_failed_commit_fails_those_that_stand_on_it),
        T(a_later_commit_that_worked_is_unknown_all_the_same),
        T(after_a_failed_write_no_dot_of_the_same_actor),
        T(a_lease_that_fails_fails_who_waits_for_it),
        T(a_read_that_fails_fails_who_waits_for_it),
        T(what_is_refused_changes_nothing),
        T(what_is_large_is_told),
        T(too_many_keys_at_once),
        T(a_merge_is_acknowledged_when_it_is_stored),
        T(a_merge_that_changes_nothing_waits_for_the_sync),
        T(a_buffered_merge_stands_on_what_is_in_flight),
        T(merges_in_any_order_come_to_the_same),
        T(a_bucket_of_one_value_keeps_one),
        T(a_damaged_merge_is_refused),
        T(a_partition_with_an_object_is_known_to_hold_one),
        T(behind_a_fence_no_first_object),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged rows: never served, never overwritten by a guess, healed from the other replicas only
 * when all of them have answered. */
#include <string.h>

#include "kv/limits.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"
#include "stage.h"
#include "tap.h"

static struct stage stage;
static struct replicas *replicas;
static struct key key;
static uint64_t tokens[STAGE_NODES_MAX]; /* of the questions of the last step, by node */
static uint32_t asked;

static void write(uint64_t token, const char *value)
{
    struct clock none = CLOCK_NONE;
    struct content content = {.value = bytes_str(value)};
    struct event ev = stage_event(&stage, EV_TIME);
    struct vnode_write write = {
        .token = token,
        .partition = stage_partition(&stage, &key),
        .slot = stage_slot(&stage, &key),
        .key = key,
        .context = &none,
        .content = &content,
    };

    stage_step(&stage);
    vnodes_write(stage.vnodes, &write, &ev, &stage.out);
    stage_took(&stage);
}

/* Notes whom the last step asked for the whole object. */
static void note_asked(void)
{
    struct output *output;

    asked = 0;
    memset(tokens, 0, sizeof(tokens));
    for (uint32_t i = 0; (output = stage_output(&stage, OUT_SEND, i)) != NULL; i++) {
        if (output->u.send.msg.kind != PEER_GET)
            continue;
        CHECK(output->u.send.msg.u.get.full);
        CHECK(vnodes_token(output->u.send.msg.u.get.token));
        CHECK(key_eq(&output->u.send.msg.u.get.key, &key));
        tokens[output->u.send.to] = output->u.send.msg.u.get.token;
        asked++;
    }
}

static void answer(uint64_t node, enum err err, bool full, struct bytes record)
{
    struct peer_got got = {.token = tokens[node], .err = err, .full = full, .record = record};
    struct event ev = stage_event(&stage, EV_PEER);

    stage_step(&stage);
    vnodes_got(stage.vnodes, &got, &ev, &stage.out);
    stage_took(&stage);
}

/* What became of a write in the last step; ERR_BUSY when nothing was told. */
static enum err told(uint64_t token, enum event_kind kind)
{
    struct output *output;

    for (uint32_t i = 0; (output = stage_output(&stage, OUT_VNODE, i)) != NULL; i++) {
        if (output->u.vnode.kind == kind && output->u.vnode.news.token == token)
            return output->u.vnode.news.err;
    }
    return ERR_BUSY;
}

static struct object *stored(void)
{
    struct stage_row *row = stage_row(&stage, FAMILY_OBJECT, stage_row_key(&stage, &key));

    return row == NULL || row->value == NULL ? NULL
                                             : stage_decode(&stage, &key, blob_bytes(row->value));
}

/* Flips a bit of the stored row. */
static void damage(enum store_family family)
{
    struct stage_row *row = stage_row(&stage, family, stage_row_key(&stage, &key));
    struct blob *bad = blob_copy(blob_bytes(row->value));

    bad->data[bad->len - 1] ^= 4;
    blob_unref(row->value);
    row->value = bad;
}

/* A key with the value "kept" whose object row is damaged, and a write that found it so. */
static void begin(uint32_t nodes)
{
    key = stage_key("k");
    stage_begin(&stage, nodes, nodes);
    write(1, "kept");
    stage_settle(&stage);
    damage(FAMILY_OBJECT);
    write(2, "new");
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_traced(&stage, TRACE_CORRUPT_ROW), 1);
    note_asked();
}

static struct bytes theirs(uint64_t actor, const char *value)
{
    return stage_record(&stage, &key, stage_object(&stage, actor, 1, 5, value));
}

TEST(all_the_others_are_asked)
{
    begin(4);
    CHECK_EQ(asked, 3);
    for (uint64_t node = 2; node <= 4; node++)
        CHECK(tokens[node] != 0);
    CHECK_EQ(tokens[1], 0);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_BUSY);
    CHECK_EQ(stage.ops_count, 0);
    CHECK_EQ(vnodes_deadline_us(stage.vnodes), stage.now_us + REFETCH_TIMEOUT_MS * UINT64_C(1000));
    stage_end(&stage);
}

TEST(when_all_have_answered_the_merge_is_written)
{
    begin(4);
    answer(2, ERR_OK, true, theirs(21, "two"));
    answer(3, ERR_NOT_FOUND, true, BYTES_NONE);
    CHECK_EQ(told(2, EV_APPLIED), ERR_BUSY);
    CHECK_EQ(stage.ops_count, 0);
    answer(4, ERR_OK, true, theirs(22, "four"));
    CHECK_EQ(stage_traced(&stage, TRACE_REFETCHED), 1);
    CHECK_EQ(told(2, EV_APPLIED), ERR_OK);
    stage_settle(&stage);
    struct object *object = stored();
    CHECK_FATAL(object != NULL);
    CHECK_EQ(object->count, 3); /* theirs, and the write that waited */
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    CHECK_EQ(vnodes_deadline_us(stage.vnodes), UINT64_MAX);
    stage_end(&stage);
}

/* Whatever one of the others lacks, nothing is written. */
static void check_given_up(enum err err, bool full, struct bytes record)
{
    answer(2, ERR_OK, true, theirs(21, "two"));
    answer(3, err, full, record);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_CORRUPT);
    CHECK_EQ(stage.ops_count, 0);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    CHECK(stored() == NULL);
    answer(4, ERR_OK, true, theirs(22, "late"));
    CHECK_EQ(stage.out.count, 0);
    stage_end(&stage);
}

TEST(one_that_cannot_answer)
{
    begin(4);
    check_given_up(ERR_UNREACHABLE, true, BYTES_NONE);
    begin(4);
    check_given_up(ERR_CORRUPT, true, BYTES_NONE);
    begin(4);
    check_given_up(ERR_WRONG_OWNER, true, BYTES_NONE);
}

TEST(one_whose_object_cannot_be_read)
{
    begin(4);
    check_given_up(ERR_OK, true, BYTES_LIT("no record"));
    begin(4);
    check_given_up(ERR_OK, false, stage_digest(&stage, &key, stage_object(&stage, 9, 1, 5, "x")));
}

TEST(nobody_has_it)
{
    begin(3);
    answer(2, ERR_NOT_FOUND, true, BYTES_NONE);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_BUSY);
    answer(3, ERR_NOT_FOUND, true, BYTES_NONE);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_CORRUPT);
    CHECK(stored() == NULL);
    stage_end(&stage);
}

TEST(an_answer_counts_once)
{
    begin(4);
    for (uint32_t i = 0; i < 3; i++)
        answer(2, ERR_OK, true, theirs(21, "two"));
    CHECK_EQ(stage.ops_count, 0);
    answer(3, ERR_NOT_FOUND, true, BYTES_NONE);
    answer(4, ERR_NOT_FOUND, true, BYTES_NONE);
    CHECK_EQ(told(2, EV_APPLIED), ERR_OK);
    stage_end(&stage);
}

TEST(silence)
{
    struct event ev;

    begin(3);
    answer(2, ERR_OK, true, theirs(21, "two"));
    stage.now_us += REFETCH_TIMEOUT_MS * UINT64_C(1000) - 1;
    ev = stage_event(&stage, EV_TIME);
    stage_step(&stage);
    vnodes_time(stage.vnodes, &ev, &stage.out);
    CHECK_EQ(stage.out.count, 0);
    stage.now_us++;
    ev = stage_event(&stage, EV_TIME);
    vnodes_time(stage.vnodes, &ev, &stage.out);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_CORRUPT);
    CHECK_EQ(vnodes_deadline_us(stage.vnodes), UINT64_MAX);
    stage_end(&stage);
}

TEST(nobody_else)
{
    begin(1);
    CHECK_EQ(asked, 0);
    CHECK_EQ(told(2, EV_COMMITTED), ERR_CORRUPT);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    stage_end(&stage);
}

TEST(the_next_operation_tries_again)
{
    begin(2);
    answer(2, ERR_UNREACHABLE, true, BYTES_NONE);
    write(3, "again");
    stage_complete(&stage, 0, ERR_OK);
    note_asked();
    CHECK_EQ(asked, 1);
    answer(2, ERR_OK, true, theirs(21, "two"));
    CHECK_EQ(told(3, EV_APPLIED), ERR_OK);
    stage_settle(&stage);
    CHECK(stored() != NULL);
    stage_end(&stage);
}

/* Asks this replica as a coordinator would. */
static void ask(bool full)
{
    struct peer_get get = {.token = 5, .epoch = 1, .key = key, .full = full};

    get.partition = stage_partition(&stage, &key);
    stage_step(&stage);
    struct kv_env env = stage_env(&stage);
    replicas_get(replicas, &env, 2, &get, &stage.out);
    stage_took(&stage);
}

/* Completes its read, which is the only operation. */
static const struct peer_got *read_done(void)
{
    struct event ev = stage_event(&stage, EV_STORED);
    struct stage_row *row = stage_row(&stage, stage.ops[0].op.family, stage.ops[0].op.key);

    ev.u.stored = (struct stored){.token = stage.ops[0].op.token,
                                  .err = row == NULL ? ERR_NOT_FOUND : ERR_OK,
                                  .value = row == NULL ? NULL : row->value};
    stage.ops_count = 0;
    stage_step(&stage);
    replicas_stored(replicas, stage.vnodes, &ev, &stage.out);
    stage_took(&stage);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    return output == NULL ? NULL : &output->u.send.msg.u.got;
}

static void begin_replica(void)
{
    key = stage_key("k");
    stage_begin(&stage, 2, 2);
    replicas = replicas_new();
    write(1, "kept");
    stage_settle(&stage);
}

static void end_replica(void)
{
    CHECK_EQ(replicas_waiting(replicas), 0);
    replicas_free(replicas);
    stage_end(&stage);
}

TEST(a_replica_answers)
{
    begin_replica();
    ask(true);
    CHECK_EQ(replicas_waiting(replicas), 1);
    const struct peer_got *got = read_done();
    CHECK_FATAL(got != NULL);
    CHECK_EQ(got->token, 5);
    CHECK_EQ(got->err, ERR_OK);
    CHECK(got->full);
    CHECK(stage_decode(&stage, &key, got->record) != NULL);
    ask(false);
    got = read_done();
    struct bytes digest = stage_digest(&stage, &key, stored());
    CHECK(!got->full);
    CHECK_BYTES(got->record.data, got->record.len, digest.data, digest.len);
    key = stage_key("absent");
    ask(true);
    CHECK_EQ(read_done()->err, ERR_NOT_FOUND);
    end_replica();
}

TEST(a_replica_never_sends_damage_and_heals)
{
    begin_replica();
    struct bytes good = stage_record(&stage, &key, stored());
    damage(FAMILY_OBJECT);
    ask(true);
    const struct peer_got *got = read_done();
    CHECK_EQ(got->err, ERR_CORRUPT);
    CHECK_EQ(got->record.len, 0);
    CHECK_EQ(stage.ops_count, 1); /* the row is read again in its turn, and found bad */
    stage_complete(&stage, 0, ERR_OK);
    note_asked();
    answer(2, ERR_OK, true, good);
    stage_settle(&stage);
    CHECK(stored() != NULL);
    end_replica();
}

TEST(a_damaged_digest_is_made_anew)
{
    struct meta *meta;

    begin_replica();
    damage(FAMILY_META);
    ask(false);
    CHECK_EQ(read_done()->err, ERR_CORRUPT);
    stage_settle(&stage);
    struct bytes row_key = stage_row_key(&stage, &key);
    struct stage_row *row = stage_row(&stage, FAMILY_META, row_key);
    CHECK_EQ(record_meta_decode(&stage.arena, row_key, blob_bytes(row->value), &meta), ERR_OK);
    end_replica();
}

TEST(a_digest_without_an_object_goes)
{
    begin_replica();
    damage(FAMILY_META);
    struct stage_row *object = stage_row(&stage, FAMILY_OBJECT, stage_row_key(&stage, &key));
    blob_unref(object->value);
    object->value = NULL;
    ask(false);
    CHECK_EQ(read_done()->err, ERR_CORRUPT);
    stage_settle(&stage);
    CHECK(stage_row(&stage, FAMILY_META, stage_row_key(&stage, &key))->value == NULL);
    CHECK_EQ(vnodes_waiting(stage.vnodes), 0);
    end_replica();
}

TEST(a_partition_that_is_not_here)
{
    struct peer_get get = {.token = 5};

    begin_replica();
    stage.view.self_index = RING_NOBODY;
    get.key = key;
    stage_step(&stage);
    struct kv_env env = stage_env(&stage);
    replicas_get(replicas, &env, 2, &get, &stage.out);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    CHECK_FATAL(output != NULL);
    CHECK_EQ(output->u.send.msg.u.got.err, ERR_WRONG_OWNER);
    CHECK_EQ(stage_count(&stage, OUT_STORE), 0);
    end_replica();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_the_others_are_asked),
        T(when_all_have_answered_the_merge_is_written),
        T(one_that_cannot_answer),
        T(one_whose_object_cannot_be_read),
        T(nobody_has_it),
        T(an_answer_counts_once),
        T(silence),
        T(nobody_else),
        T(the_next_operation_tries_again),
        T(a_replica_answers),
        T(a_replica_never_sends_damage_and_heals),
        T(a_damaged_digest_is_made_anew),
        T(a_digest_without_an_object_goes),
        T(a_partition_that_is_not_here),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for nodes that are away: rows, sums, bounds. This node is the first of five; the
 * replicas are 1, 2 and 3, so it would never keep a hint for itself, but the vnodes do not ask. */
#include "record/hint.h"

#include <string.h>

#include "stage.h"
#include "tap.h"

enum { TARGET = 2, ASKER = 3 };

static struct stage stage;

static struct bytes hint_key(const struct key *key)
{
    return hint_key_make(&stage.arena, TARGET, stage_row_key(&stage, key));
}

/* The stored hint for a key, or NULL. */
static struct object *hint(const struct key *key)
{
    struct stage_row *row = stage_row(&stage, FAMILY_HINT, hint_key(key));

    return row == NULL || row->value == NULL ? NULL
                                             : stage_decode(&stage, key, blob_bytes(row->value));
}

static struct hint_sum sum(void)
{
    struct hints_kept kept = {0, {0, 0, false}};

    if (vnodes_hints(stage.vnodes, 0, &kept))
        CHECK_EQ(kept.target, TARGET);
    return kept.sum;
}

/* The sum as it is stored. */
static struct hint_sum stored_sum(void)
{
    struct bytes row_key = hint_sum_key(&stage.arena, TARGET);
    struct stage_row *row = stage_row(&stage, FAMILY_SYS, row_key);
    struct hint_sum found = {0, 0, false};

    if (row != NULL && row->value != NULL)
        CHECK_EQ(hint_sum_decode(row_key, blob_bytes(row->value), &found), ERR_OK);
    return found;
}

static void begin(void)
{
    stage_begin(&stage, 5, 3);
}

/* A coordinator sends an object to be kept. */
static void keep(const struct key *key, const struct object *object)
{
    stage_merge(&stage, key, stage_record(&stage, key, object), ASKER, TARGET);
}

static void drop(const struct key *key, struct bytes record)
{
    struct event ev = stage_event(&stage, EV_PEER);
    struct blob *blob = blob_copy(record);
    struct vnode_drop what = {
        .token = 5,
        .target = TARGET,
        .partition = stage_partition(&stage, key),
        .row_key = stage_row_key(&stage, key),
        .record = blob,
    };

    stage_step(&stage);
    vnodes_drop(stage.vnodes, &what, &ev, &stage.out);
    stage_took(&stage);
    blob_unref(blob);
}

/* What the asker hears in the last step; ERR_BUSY: nothing. */
static enum err acked(void)
{
    struct output *output = stage_output(&stage, OUT_SEND, 0);

    if (output == NULL)
        return ERR_BUSY;
    CHECK_EQ(output->u.send.to, ASKER);
    CHECK_EQ(output->u.send.msg.kind, PEER_PUT_ACK);
    CHECK_EQ(output->u.send.msg.u.put_ack.token, 77);
    CHECK(output->u.send.msg.u.put_ack.err != ERR_OK || output->u.send.msg.u.put_ack.durable);
    return output->u.send.msg.u.put_ack.err;
}

TEST(a_hint_is_kept)
{
    begin();
    struct key key = stage_key("k");
    struct object *object = stage_object(&stage, 9, 1, 1000, "v");
    struct bytes record = stage_record(&stage, &key, object);
    bool any;
    keep(&key, object);
    CHECK(vnodes_hints_any(stage.vnodes));
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(acked(), ERR_BUSY);
    CHECK_EQ(stage.ops_count, 1);
    CHECK(stage.ops[0].op.durable);
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(acked(), ERR_OK);
    struct stage_row *row = stage_row(&stage, FAMILY_HINT, hint_key(&key));
    CHECK(row != NULL && bytes_eq(blob_bytes(row->value), record));
    CHECK(stage_row(&stage, FAMILY_OBJECT, stage_row_key(&stage, &key)) == NULL);
    CHECK_EQ(sum().rows, 1);
    CHECK_EQ(sum().bytes, record.len);
    CHECK_EQ(stored_sum().rows, 1);
    /* The partition is not one that holds objects because of that. */
    (void)vnodes_holds(stage.vnodes, &any);
    CHECK(!any);
    stage_end(&stage);
}

TEST(hints_of_one_key_are_merged)
{
    begin();
    struct key key = stage_key("k");
    keep(&key, stage_object(&stage, 9, 1, 1000, "one"));
    keep(&key, stage_object(&stage, 8, 1, 2000, "two"));
    stage_settle(&stage);
    CHECK(hint(&key) != NULL && hint(&key)->count == 2);
    CHECK_EQ(sum().rows, 1);
    struct stage_row *row = stage_row(&stage, FAMILY_HINT, hint_key(&key));
    CHECK_EQ(sum().bytes, row->value->len);
    struct key other = stage_key("other");
    keep(&other, stage_object(&stage, 9, 2, 1000, "three"));
    stage_settle(&stage);
    CHECK_EQ(sum().rows, 2);
    stage_end(&stage);
}

TEST(a_hint_that_was_handed_over_goes)
{
    begin();
    struct key key = stage_key("k");
    struct object *object = stage_object(&stage, 9, 1, 1000, "v");
    keep(&key, object);
    stage_settle(&stage);
    drop(&key, stage_record(&stage, &key, object));
    stage_settle(&stage);
    struct output *news = stage_output(&stage, OUT_VNODE, 0);
    CHECK(news != NULL && news->u.vnode.kind == EV_COMMITTED);
    CHECK_EQ(news->u.vnode.news.token, 5);
    CHECK(hint(&key) == NULL);
    CHECK_EQ(sum().rows, 0);
    CHECK_EQ(sum().bytes, 0);
    struct stage_row *row = stage_row(&stage, FAMILY_SYS, hint_sum_key(&stage.arena, TARGET));
    CHECK(row != NULL && row->value == NULL);
    CHECK(!vnodes_hints_any(stage.vnodes));
    stage_end(&stage);
}

TEST(a_hint_that_has_grown_stays)
{
    begin();
    struct key key = stage_key("k");
    struct object *object = stage_object(&stage, 9, 1, 1000, "v");
    keep(&key, object);
    stage_settle(&stage);
    /* While the first was on its way another write came. */
    keep(&key, stage_object(&stage, 8, 1, 2000, "newer"));
    drop(&key, stage_record(&stage, &key, object));
    stage_settle(&stage);
    CHECK(hint(&key) != NULL && hint(&key)->count == 2);
    CHECK_EQ(sum().rows, 1);
    stage_end(&stage);
}

TEST(a_restart_knows_what_is_kept)
{
    begin();
    struct key key = stage_key("k");
    keep(&key, stage_object(&stage, 9, 1, 1000, "v"));
    stage_settle(&stage);
    struct hint_sum before = sum();
    stage_restart(&stage, 2);
    CHECK_EQ(sum().rows, 1);
    CHECK_EQ(sum().bytes, before.bytes);
    CHECK(vnodes_hints_any(stage.vnodes));
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), TARGET);
    stage_end(&stage);
}

TEST(who_is_away_is_looked_for_now_and_then)
{
    begin();
    struct key key = stage_key("k");
    stage.members[TARGET - 1].up = false;
    keep(&key, stage_object(&stage, 9, 1, 1000, "v"));
    stage_settle(&stage);
    /* Once at first: owners may have changed. */
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), TARGET);
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), 0);
    CHECK(vnodes_hints_deadline_us(stage.vnodes) > stage.now_us);
    stage.members[TARGET - 1].up = true;
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), 0);
    vnodes_hints_wake(stage.vnodes, TARGET);
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), TARGET);
    CHECK_EQ(vnodes_hints_drain(stage.vnodes, TARGET).len, 0);
    CHECK_EQ(vnodes_hints_due(stage.vnodes, &stage.view, stage.now_us), 0);
    CHECK_EQ(vnodes_hints_deadline_us(stage.vnodes), UINT64_MAX);
    stage_step(&stage);
    struct event ev = stage_event(&stage, EV_TIME);
    struct hints_chunk chunk = {.target = TARGET, .broken = true};
    vnodes_hints_drained(stage.vnodes, &chunk, &ev, &stage.out);
    CHECK(vnodes_hints_deadline_us(stage.vnodes) > stage.now_us);
    CHECK_EQ(sum().rows, 1);
    stage_end(&stage);
}

TEST(there_is_only_so_much_room)
{
    begin();
    struct key key = stage_key("k"), other = stage_key("other");
    struct object *object = stage_object(&stage, 9, 1, 1000, "v");
    stage.config.hints_bytes_max = stage_record(&stage, &key, object).len;
    keep(&key, object);
    stage_settle(&stage);
    CHECK_EQ(acked(), ERR_OK);
    CHECK(!sum().lacking);
    keep(&other, object);
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(acked(), ERR_OVERLOAD);
    CHECK_EQ(stage_traced(&stage, TRACE_HINTS_FULL), 1);
    CHECK(sum().lacking);
    stage_settle(&stage);
    CHECK(stored_sum().lacking);
    CHECK_EQ(stored_sum().rows, 1);
    CHECK(hint(&other) == NULL);
    /* That something is lacking is not forgotten when the rest is handed over. */
    drop(&key, stage_record(&stage, &key, object));
    stage_settle(&stage);
    stage_restart(&stage, 2);
    CHECK(sum().lacking);
    CHECK_EQ(sum().rows, 0);
    stage_end(&stage);
}

TEST(a_fence_lets_hints_go_only)
{
    begin();
    struct key key = stage_key("k"), other = stage_key("other");
    struct object *object = stage_object(&stage, 9, 1, 1000, "v");
    keep(&key, object);
    stage_settle(&stage);
    vnodes_fence(stage.vnodes, true);
    keep(&other, object);
    CHECK_EQ(acked(), ERR_OVERLOAD);
    drop(&key, stage_record(&stage, &key, object));
    stage_settle(&stage);
    CHECK(!vnodes_hints_any(stage.vnodes));
    stage_end(&stage);
}

TEST(a_failed_commit_is_taken_out_of_the_sum)
{
    begin();
    struct key key = stage_key("k");
    keep(&key, stage_object(&stage, 9, 1, 1000, "v"));
    stage_complete(&stage, 0, ERR_OK);
    stage_complete(&stage, 0, ERR_NO_SPACE);
    CHECK_EQ(acked(), ERR_NO_SPACE);
    CHECK_EQ(sum().rows, 0);
    CHECK_EQ(sum().bytes, 0);
    CHECK(!vnodes_hints_any(stage.vnodes));
    stage_end(&stage);
}

TEST(a_hint_that_rots_is_told)
{
    begin();
    struct key key = stage_key("k");
    keep(&key, stage_object(&stage, 9, 1, 1000, "lost"));
    stage_settle(&stage);
    stage_row(&stage, FAMILY_HINT, hint_key(&key))->value->data[9] ^= 1;
    keep(&key, stage_object(&stage, 8, 1, 2000, "new"));
    stage_complete(&stage, 0, ERR_OK);
    CHECK_EQ(stage_traced(&stage, TRACE_HINT_LOST), 1);
    stage_settle(&stage);
    CHECK(sum().lacking);
    CHECK(hint(&key) != NULL && hint(&key)->count == 1);
    stage_end(&stage);
}

/* An object that there is no room for. */
static void refuse(const char *name)
{
    struct key key = stage_key(name);

    stage.config.hints_bytes_max = 0;
    keep(&key, stage_object(&stage, 9, 1, 1000, "v"));
    stage_settle(&stage);
    CHECK(sum().lacking);
}

/* Who is to be told now that it lacks something, and by which token. */
static uint64_t told(uint64_t *token)
{
    stage_step(&stage);
    uint64_t node = vnodes_lack_due(stage.vnodes, &stage.view, stage.now_us, &stage.out, token);
    stage_took(&stage);
    return node;
}

static void heard(uint64_t node, uint64_t token, enum err err)
{
    struct peer_heard heard = {token, err};

    stage_step(&stage);
    vnodes_lack_heard(stage.vnodes, node, &heard, &stage.out);
    stage_took(&stage);
    stage_settle(&stage);
}

TEST(a_node_is_told_what_it_lacks)
{
    uint64_t token = 0, again = 0;

    begin();
    CHECK_EQ(told(&token), 0);
    CHECK_EQ(vnodes_lack_deadline_us(stage.vnodes), UINT64_MAX);
    stage.members[TARGET - 1].up = false;
    refuse("k");
    CHECK(vnodes_lack_deadline_us(stage.vnodes) <= stage.now_us);
    CHECK_EQ(told(&token), 0);
    CHECK_EQ(vnodes_lack_deadline_us(stage.vnodes), UINT64_MAX);
    stage.members[TARGET - 1].up = true;
    vnodes_hints_wake(stage.vnodes, TARGET);
    CHECK_EQ(told(&token), TARGET);
    CHECK(token != 0);
    /* No answer: it is told again, of the same. */
    CHECK_EQ(told(&again), 0);
    stage.now_us = vnodes_lack_deadline_us(stage.vnodes);
    CHECK_EQ(told(&again), TARGET);
    CHECK_EQ(again, token);
    heard(TARGET, token, ERR_REFUSED);
    heard(TARGET + 1, token, ERR_OK);
    heard(TARGET, token + 2, ERR_OK);
    CHECK(sum().lacking);
    heard(TARGET, token, ERR_OK);
    CHECK(!sum().lacking);
    CHECK(!stored_sum().lacking);
    CHECK_EQ(vnodes_lack_deadline_us(stage.vnodes), UINT64_MAX);
    stage_end(&stage);
}

/* What is refused after it was told is not among what it said yes to. */
TEST(a_later_lack_is_told_again)
{
    uint64_t token = 0, later = 0;

    begin();
    refuse("k");
    CHECK_EQ(told(&token), TARGET);
    refuse("other");
    heard(TARGET, token, ERR_OK);
    CHECK(sum().lacking);
    CHECK_EQ(told(&later), TARGET);
    CHECK(later != token);
    heard(TARGET, token, ERR_OK);
    CHECK(sum().lacking);
    heard(TARGET, later, ERR_OK);
    CHECK(!sum().lacking);
    stage_end(&stage);
}

/* Also by the next life of this node; and an answer to the last one does not count. */
TEST(a_lack_outlives_a_restart)
{
    uint64_t token = 0, later = 0;

    begin();
    refuse("k");
    CHECK_EQ(told(&token), TARGET);
    stage_restart(&stage, 2);
    heard(TARGET, token, ERR_OK);
    CHECK(sum().lacking);
    CHECK_EQ(told(&later), TARGET);
    CHECK(later != token);
    heard(TARGET, token, ERR_OK);
    CHECK(sum().lacking);
    stage_end(&stage);
}

TEST(who_is_no_member_lacks_nothing)
{
    uint64_t token = 0;

    begin();
    refuse("k");
    stage.document->members_count = 1;
    CHECK_EQ(told(&token), 0);
    stage_settle(&stage);
    CHECK(!sum().lacking);
    CHECK(!stored_sum().lacking);
    stage_end(&stage);
}

/* This node coordinates a blind write, as a fallback for `target`. Returns the dot that it gave. */
static struct dot write(const struct key *key, uint64_t target)
{
    struct content content = {.value = BYTES_LIT("value")};
    struct clock none = CLOCK_NONE;
    struct event ev = stage_event(&stage, EV_TIME);
    struct vnode_write what = {
        .token = 1,
        .partition = stage_partition(&stage, key),
        .slot = stage_slot(&stage, key),
        .key = *key,
        .context = &none,
        .content = &content,
        .hint_for = target,
    };
    struct sibling last = {.hlc_us = 0};

    stage_step(&stage);
    vnodes_write(stage.vnodes, &what, &ev, &stage.out);
    stage_took(&stage);
    while (stage.ops_count > 0) {
        stage_complete(&stage, 0, ERR_OK);
        struct output *news = stage_output(&stage, OUT_VNODE, 0);
        if (news == NULL || news->u.vnode.kind != EV_APPLIED)
            continue;
        struct object *object = stage_decode(&stage, key, blob_bytes(news->u.vnode.news.record));
        for (uint32_t i = 0; object != NULL && i < object->count; i++) {
            if (object->siblings[i].hlc_us > last.hlc_us)
                last = object->siblings[i];
        }
        blob_unref(news->u.vnode.news.record);
        news->u.vnode.news.record = NULL;
    }
    CHECK(last.dot.counter > 0);
    return last.dot;
}

/* A dot covers all earlier ones of its actor on its key: where those are not in the hint that is
 * written, the actor must be another one. */
TEST(a_fallback_names_with_one_actor_what_stands_together)
{
    begin();
    struct key key = stage_key("k");
    struct dot one = write(&key, TARGET);
    struct dot two = write(&key, TARGET);
    CHECK(one.actor == two.actor && two.counter > one.counter);
    struct dot elsewhere = write(&key, TARGET + 1);
    CHECK(elsewhere.actor != two.actor);
    struct dot back = write(&key, TARGET);
    CHECK(back.actor != elsewhere.actor && back.actor != two.actor);
    struct stage_row *row = stage_row(&stage, FAMILY_HINT, hint_key(&key));
    drop(&key, arena_copy(&stage.arena, blob_bytes(row->value)));
    stage_settle(&stage);
    CHECK(hint(&key) == NULL);
    struct dot after = write(&key, TARGET);
    CHECK(after.actor != back.actor);
    stage_restart(&stage, 5);
    CHECK(write(&key, TARGET).actor != after.actor);
    stage_end(&stage);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_hint_is_kept),
        T(hints_of_one_key_are_merged),
        T(a_hint_that_was_handed_over_goes),
        T(a_hint_that_has_grown_stays),
        T(a_restart_knows_what_is_kept),
        T(who_is_away_is_looked_for_now_and_then),
        T(there_is_only_so_much_room),
        T(a_fence_lets_hints_go_only),
        T(a_failed_commit_is_taken_out_of_the_sum),
        T(a_hint_that_rots_is_told),
        T(a_node_is_told_what_it_lacks),
        T(a_later_lack_is_told_again),
        T(a_lack_outlives_a_restart),
        T(who_is_no_member_lacks_nothing),
        T(a_fallback_names_with_one_actor_what_stands_together),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes of values that expire: when is fixed by the coordinator; what conditions see; what a write
 * takes along; what the answer shows. The skew is two seconds. */
#include <string.h>

#include "record/object.h"
#include "tap.h"
#include "write_stage.h"

enum { SKEW_US = 2000000, SECOND_US = 1000000 };

static void begin_ttl(uint32_t bucket_s)
{
    struct props props = props_default(true);

    begin(3);
    stage.config.expiry_skew_ms = SKEW_US / 1000;
    props.ttl_s = bucket_s;
    stage_props(&stage, props);
}

static void write_at_once(void)
{
    start();
    loaded();
    committed(ERR_OK);
    ack(2, ERR_OK, true);
}

/* Writes, at the time that it is then; what is stored says when it expires. */
static uint64_t stored_expiry(void)
{
    write_at_once();
    CHECK_EQ(replied(), ERR_OK);
    const struct object *object = stored();
    CHECK(object != NULL && object->count == 1);
    if (object == NULL)
        return UINT64_MAX;
    CHECK_EQ(object->clock.ends_us, object->siblings[0].expires_us);
    return object->siblings[0].expires_us;
}

TEST(never_where_nobody_says)
{
    begin_ttl(0);
    CHECK_EQ(stored_expiry(), 0);
    end();
}

TEST(as_the_bucket_says)
{
    begin_ttl(60);
    uint64_t now_us = stage.wall_us;
    CHECK_EQ(stored_expiry(), now_us + 60 * SECOND_US);
    end();
}

TEST(the_request_goes_before_the_bucket)
{
    begin_ttl(60);
    request.u.put.has_ttl = true;
    request.u.put.ttl_s = 5;
    uint64_t now_us = stage.wall_us;
    CHECK_EQ(stored_expiry(), now_us + 5 * SECOND_US);
    end();

    begin_ttl(60);
    request.u.put.has_ttl = true;
    CHECK_EQ(stored_expiry(), 0);
    end();
}

TEST(all_replicas_get_the_same)
{
    begin_ttl(60);
    start();
    loaded();
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    CHECK_FATAL(output != NULL && output->u.send.msg.kind == PEER_PUT);
    struct bytes sent = arena_copy(&stage.arena, output->u.send.msg.u.put.record);
    committed(ERR_OK);
    struct object *copy = stage_decode(&stage, &key, sent);
    CHECK_FATAL(copy != NULL);
    CHECK_EQ(copy->siblings[0].expires_us, stored()->siblings[0].expires_us);
    CHECK(copy->siblings[0].expires_us != 0);
    end();
}

/* Another replica's object is merged as it is, whatever the clock says here. */
static void merge_here(const struct object *object)
{
    stage_merge(&stage, &key, stage_record(&stage, &key, object), 0, 0);
    stage_settle(&stage);
}

static struct object *brief(uint64_t actor, uint64_t expires_us)
{
    struct write write = {.content = {.value = BYTES_LIT("brief")},
                          .dot = {actor, 1},
                          .wall_us = 5,
                          .expires_us = expires_us};

    return object_put(&stage.arena, NULL, &write);
}

TEST(a_replica_keeps_what_it_is_told)
{
    begin_ttl(60);
    merge_here(brief(9, 777));
    CHECK_EQ(stored()->siblings[0].expires_us, 777);
    stage_end(&stage);
}

TEST(a_write_takes_along_what_had_expired)
{
    begin_ttl(0);
    merge_here(brief(8, stage.wall_us));
    merge_here(brief(9, stage.wall_us + SECOND_US));
    CHECK_EQ(stored()->count, 2);
    stage.wall_us += SKEW_US;
    write_at_once();
    CHECK_EQ(stored()->count, 2);
    CHECK(clock_covers(stored()->clock, (struct dot){8, 1}));
    end();
}

/* The local half of a conditional write. */
TEST(conditions_do_not_see_what_has_expired)
{
    begin_ttl(0);
    merge_here(brief(9, stage.wall_us));
    stage.wall_us += SKEW_US - 1;
    request.u.put.condition.if_none_match_any = true;
    start();
    was_read(REPLY_OBJECT, ERR_OK, stored());
    CHECK_EQ(replied(), ERR_MATCH_FOUND);
    end();

    begin_ttl(0);
    merge_here(brief(9, stage.wall_us));
    stage.wall_us += SKEW_US;
    request.u.put.condition.if_none_match_any = true;
    start();
    was_read(REPLY_OBJECT, ERR_OK, stored());
    CHECK(reply() == NULL);
    loaded();
    committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(stored()->count, 1);
    end();
}

TEST(the_answer_shows_what_is_left)
{
    begin_ttl(0);
    request.u.put.return_body = true;
    request.u.put.has_ttl = true;
    request.u.put.ttl_s = 1;
    start();
    loaded();
    committed(ERR_OK);
    stage.wall_us += SECOND_US + SKEW_US;
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_FATAL(reply()->object != NULL);
    CHECK_EQ(reply()->object->count, 0);
    end();
}

/* The node that asked shows its client what is left when the answer has come. */
TEST(an_answer_to_a_node_has_all)
{
    struct event ev;

    begin_ttl(1);
    request.u.put.return_body = true;
    env.forwarded = true;
    ev = stage_event(&stage, EV_PEER);
    stage_step(&stage);
    put = put_new(&env, PUT_ID, (struct asker){ASKER_NODE, 2, 3}, &request, &ev, &stage.out);
    stage_took(&stage);
    loaded();
    committed(ERR_OK);
    stage.wall_us += SECOND_US + SKEW_US;
    ack(2, ERR_OK, true);
    struct output *output = stage_output(&stage, OUT_REPLY, 0);
    CHECK_FATAL(output != NULL);
    CHECK_EQ(output->u.reply.reply.object->count, 1);
    end();
}

/* The other half: this node forwarded, and the answer has come. */
TEST(a_forwarded_answer_shows_what_is_left)
{
    begin_elsewhere(4);
    stage.config.expiry_skew_ms = SKEW_US / 1000;
    request.u.put.return_body = true;
    request.u.put.has_ttl = true;
    request.u.put.ttl_s = 7;
    start();
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    CHECK_FATAL(output != NULL && output->u.send.msg.kind == PEER_FORWARD);
    CHECK(output->u.send.msg.u.forward.request.u.put.has_ttl);
    CHECK_EQ(output->u.send.msg.u.forward.request.u.put.ttl_s, 7);
    uint64_t to = output->u.send.to;
    struct peer_msg msg = {.kind = PEER_FORWARDED};
    msg.u.forwarded.token = output->u.send.msg.u.forward.token;
    msg.u.forwarded.reply = (struct reply){.kind = REPLY_OBJECT, .object = brief(9, 1)};
    struct event ev = stage_event(&stage, EV_PEER);
    ev.u.peer.from = to;
    ev.u.peer.msg = &msg;
    stage_step(&stage);
    put_step(put, &env, &ev, &stage.out);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->object->count, 0);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(never_where_nobody_says),
        T(as_the_bucket_says),
        T(the_request_goes_before_the_bucket),
        T(all_replicas_get_the_same),
        T(a_replica_keeps_what_it_is_told),
        T(a_write_takes_along_what_had_expired),
        T(conditions_do_not_see_what_has_expired),
        T(the_answer_shows_what_is_left),
        T(an_answer_to_a_node_has_all),
        T(a_forwarded_answer_shows_what_is_left),
    };
    return tap_main(argc, argv, tests);
}

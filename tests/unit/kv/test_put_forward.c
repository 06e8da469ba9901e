/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that are not simply done here: forwarded to a node with a replica, or conditional. */
#include <string.h>

#include "kv/limits.h"
#include "tap.h"
#include "write_stage.h"

/* The only node that the last step forwarded to; 0 when it is not one. */
static uint64_t forwarded_to(void)
{
    uint64_t node = 0;

    for (uint64_t i = 1; i < STAGE_NODES_MAX; i++) {
        if (forwarded[i] && node != 0)
            return 0;
        if (forwarded[i])
            node = i;
    }
    return node;
}

static void say(uint64_t node, enum err err)
{
    peer_said(node, tokens[node], err == ERR_OK ? REPLY_OBJECT : REPLY_ERROR, err);
}

TEST(a_forwarded_write)
{
    begin_elsewhere(4);
    start();
    uint64_t node = forwarded_to();
    CHECK(node >= 2 && node <= 4);
    CHECK_EQ(stage.ops_count, 0);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    const struct peer_forward *forward = &output->u.send.msg.u.forward;
    CHECK_EQ(forward->budget_ms, 60000);
    CHECK(bytes_eq(forward->request.u.put.content.value, BYTES_LIT("value")));
    CHECK(key_eq(&forward->request.key, &key));
    say(node, ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

TEST(the_server_made_the_key)
{
    begin_elsewhere(4);
    env.made_key = true;
    start();
    say(forwarded_to(), ERR_OK);
    CHECK_EQ_FATAL(replied(), ERR_OK);
    CHECK(bytes_eq(reply()->made_key, BYTES_LIT("k")));
    end();
}

TEST(what_was_not_done_is_tried_elsewhere)
{
    static const enum err not_done[] = {ERR_WRONG_OWNER, ERR_STOPPING, ERR_OVERLOAD, ERR_CORRUPT,
                                        ERR_DISK_FULL};

    for (size_t i = 0; i < ARRAY_LEN(not_done); i++) {
        begin_elsewhere(4);
        start();
        uint64_t first = forwarded_to();
        stage.now_us += 1000000;
        say(first, not_done[i]);
        uint64_t second = forwarded_to();
        CHECK(second != 0 && second != first);
        CHECK_EQ(stage_output(&stage, OUT_SEND, 0)->u.send.msg.u.forward.budget_ms, 59000);
        say(second, ERR_OK);
        CHECK_EQ(replied(), ERR_OK);
        end();
    }
}

TEST(everything_else_is_the_answer)
{
    static const enum err answers[] = {ERR_PRECONDITION, ERR_W_UNSATISFIED, ERR_TIMEOUT,
                                       ERR_UNKNOWN, ERR_TOO_LARGE};

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        begin_elsewhere(4);
        start();
        say(forwarded_to(), answers[i]);
        CHECK_EQ(replied(), answers[i]);
        CHECK(put->done);
        CHECK_EQ(forwarded_to(), 0);
        end();
    }
}

TEST(nobody_does_it)
{
    uint32_t tries = 0;

    begin_elsewhere(6);
    start();
    while (!put->done && tries < 10) {
        CHECK(forwarded_to() != 0);
        say(forwarded_to(), ERR_OVERLOAD);
        tries++;
    }
    CHECK_EQ(tries, FORWARD_TRIES_MAX);
    CHECK_EQ(replied(), ERR_OVERLOAD);
    end();

    /* Who owns what is no matter of the client's. */
    begin_elsewhere(6);
    start();
    while (!put->done)
        say(forwarded_to(), ERR_WRONG_OWNER);
    CHECK_EQ(replied(), ERR_INSUFFICIENT_VNODES);
    CHECK_EQ(reply()->need, 1);
    end();
}

TEST(an_answer_that_comes_twice)
{
    begin_elsewhere(4);
    start();
    uint64_t first = forwarded_to();
    say(first, ERR_WRONG_OWNER);
    uint64_t second = forwarded_to();
    /* Once more: a third node must not begin it as well. */
    say(first, ERR_WRONG_OWNER);
    CHECK_EQ(forwarded_to(), 0);
    CHECK(reply() == NULL);
    peer_said(first, tokens[second], REPLY_ERROR, ERR_WRONG_OWNER);
    CHECK_EQ(forwarded_to(), 0);
    say(second, ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(the_link_to_the_coordinator_goes_down)
{
    begin_elsewhere(4);
    start();
    uint64_t first = forwarded_to();
    link_down(first);
    CHECK_EQ(replied(), ERR_UNKNOWN); /* it may have been done */
    CHECK(put->done);
    end();
}

TEST(the_link_to_one_that_had_refused_goes_down)
{
    begin_elsewhere(4);
    start();
    uint64_t first = forwarded_to();
    say(first, ERR_WRONG_OWNER);
    uint64_t second = forwarded_to();
    link_down(first);
    CHECK(reply() == NULL);
    say(second, ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(a_forward_is_not_forwarded)
{
    begin_elsewhere(4);
    env.forwarded = true;
    start();
    CHECK_EQ(replied(), ERR_WRONG_OWNER);
    CHECK(put->done);
    CHECK_EQ(forwarded_to(), 0);
    end();
}

TEST(a_forward_that_nobody_answers)
{
    begin_elsewhere(4);
    start();
    deadline();
    CHECK_EQ(replied(), ERR_TIMEOUT);
    CHECK(put->done);
    end();
}

/* The request of the last step, or NULL. */
static const struct output *read_asked(void)
{
    return stage_output(&stage, OUT_REQUEST, 0);
}

TEST(a_condition_is_read_for)
{
    begin(3);
    request.u.put.condition.if_none_match_any = true;
    start();
    CHECK_FATAL(read_asked() != NULL);
    CHECK_EQ(read_asked()->u.request.machine, PUT_ID);
    CHECK_EQ(read_asked()->u.request.request.kind, REQUEST_GET);
    CHECK(key_eq(&read_asked()->u.request.request.key, &key));
    CHECK_EQ(stage.ops_count, 0);
    was_read(REPLY_ERROR, ERR_NOT_FOUND, NULL);
    loaded();
    committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

/* While it is read the partition moves away from this node: those who have it now are asked. */
TEST(a_condition_is_handed_on_when_the_partition_has_moved)
{
    begin(4);
    request.u.put.condition.if_none_match_any = true;
    start();
    CHECK_FATAL(read_asked() != NULL);
    move_away(4);
    was_read(REPLY_ERROR, ERR_NOT_FOUND, NULL);
    CHECK_EQ(stage.ops_count, 0);
    CHECK(reply() == NULL);
    uint64_t to = forwarded_to();
    CHECK_NE(to, 0);
    say(to, ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

TEST(a_condition_that_does_not_hold)
{
    begin(3);
    request.u.put.condition.if_none_match_any = true;
    start();
    was_read(REPLY_OBJECT, ERR_OK, stage_object(&stage, 9, 1, 5, "there"));
    CHECK_EQ(replied(), ERR_MATCH_FOUND);
    CHECK(put->done);
    CHECK_EQ(stage.ops_count, 0);
    end();

    begin(3);
    request.u.put.condition.if_not_modified = true;
    start();
    was_read(REPLY_ERROR, ERR_NOT_FOUND, NULL);
    CHECK_EQ(replied(), ERR_NOT_FOUND);
    CHECK(put->done);
    end();
}

TEST(a_condition_that_could_not_be_read_for)
{
    begin(3);
    request.u.put.condition.if_match_any = true;
    start();
    was_read(REPLY_ERROR, ERR_R_UNSATISFIED, NULL);
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    CHECK_EQ(reply()->have, 1);
    CHECK_EQ(reply()->need, 2);
    CHECK(put->done);
    end();
}

TEST(what_the_read_found_is_known_to_the_write)
{
    begin(3);
    struct object *there = stage_object(&stage, 9, 1, 5, "there");
    request.u.put.condition.if_not_modified = true;
    request.u.put.condition.context = there->clock;
    request.u.put.context = there->clock;
    start();
    was_read(REPLY_OBJECT, ERR_OK, there);
    CHECK(reply() == NULL);
    loaded(); /* this replica had not got it */
    CHECK(copied[2]);
    while (stage.ops_count > 0)
        committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_FATAL(stored() != NULL);
    CHECK_EQ(stored()->count, 1);
    CHECK(clock_covers(stored()->clock, (struct dot){9, 1}));
    end();
}

TEST(of_two_conditional_writers_one)
{
    begin(3);
    request.u.put.condition.if_none_match_any = true;
    start();
    /* Between the read and the write somebody else writes the key here. */
    struct content content = {.value = BYTES_LIT("first")};
    struct clock none = CLOCK_NONE;
    struct event ev = stage_event(&stage, EV_TIME);
    struct vnode_write write = {.token = 1,
                                .partition = stage_partition(&stage, &key),
                                .slot = stage_slot(&stage, &key),
                                .key = key,
                                .context = &none,
                                .content = &content};
    stage_step(&stage);
    vnodes_write(stage.vnodes, &write, &ev, &stage.out);
    stage_took(&stage);
    was_read(REPLY_ERROR, ERR_NOT_FOUND, NULL);
    loaded();
    CHECK_EQ(replied(), ERR_MATCH_FOUND);
    CHECK(put->done);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_forwarded_write),
        T(the_server_made_the_key),
        T(what_was_not_done_is_tried_elsewhere),
        T(everything_else_is_the_answer),
        T(nobody_does_it),
        T(an_answer_that_comes_twice),
        T(the_link_to_the_coordinator_goes_down),
        T(the_link_to_one_that_had_refused_goes_down),
        T(a_forward_is_not_forwarded),
        T(a_forward_that_nobody_answers),
        T(a_condition_is_read_for),
        T(a_condition_is_handed_on_when_the_partition_has_moved),
        T(a_condition_that_does_not_hold),
        T(a_condition_that_could_not_be_read_for),
        T(what_the_read_found_is_known_to_the_write),
        T(of_two_conditional_writers_one),
    };

    return tap_main(argc, argv, tests);
}

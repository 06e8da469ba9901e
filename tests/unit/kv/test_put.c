/* SPDX-License-Identifier: Apache-2.0 */
/* A write that this node coordinates: what leaves when, what is a vote, what its answer says. */
#include <string.h>

#include "tap.h"
#include "write_stage.h"

/* The write is applied: the copies are out, the own commit is in flight. */
static void begin_applied(uint32_t nodes)
{
    begin(nodes);
    start();
    loaded();
}

TEST(the_copies_leave_with_the_commit)
{
    begin(3);
    start();
    CHECK(reply() == NULL);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    loaded();
    CHECK(!copied[1] && copied[2] && copied[3]);
    CHECK_EQ(stage.ops_count, 1);
    CHECK(stage.ops[0].op.durable);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    CHECK(output->u.send.msg.u.put.durable);
    CHECK_EQ(output->u.send.msg.u.put.epoch, 1);
    struct bytes record = arena_copy(&stage.arena, output->u.send.msg.u.put.record);
    committed(ERR_OK);
    struct object *sent = stage_decode(&stage, &key, record);
    CHECK(sent != NULL && object_same(sent, stored()));
    end();
}

TEST(the_own_commit_is_a_vote)
{
    begin_applied(3);
    committed(ERR_OK);
    CHECK(reply() == NULL);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->kind, REPLY_OBJECT);
    CHECK(reply()->object == NULL);
    CHECK(!put->done);
    ack(3, ERR_OK, true);
    CHECK(put->done);
    CHECK(reply() == NULL);
    end();
}

TEST(others_may_suffice)
{
    begin_applied(3);
    ack(2, ERR_OK, true);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(!put->done);
    committed(ERR_OK);
    CHECK(put->done);
    end();
}

TEST(a_buffered_acknowledgement_is_not_on_stable_storage)
{
    begin(3);
    request.options.dw = 2;
    request.options.w = 3;
    start();
    loaded();
    committed(ERR_OK);
    ack(2, ERR_OK, false);
    ack(3, ERR_OK, false);
    CHECK_EQ(replied(), ERR_DW_UNSATISFIED);
    CHECK_EQ(reply()->have, 1);
    CHECK_EQ(reply()->need, 2);
    end();
}

TEST(a_failed_commit_is_a_no)
{
    begin_applied(3);
    committed(ERR_NO_SPACE);
    CHECK(reply() == NULL);
    ack(2, ERR_OK, true);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();

    begin_applied(3);
    committed(ERR_NO_SPACE);
    ack(2, ERR_OVERLOAD, false);
    CHECK_EQ(replied(), ERR_DW_UNSATISFIED);
    CHECK(!put->done);
    ack(3, ERR_OK, true);
    CHECK(put->done);
    end();
}

TEST(links_that_go_down)
{
    begin_applied(3);
    link_down(2);
    CHECK(reply() == NULL);
    link_down(2);
    link_down(7);
    CHECK(reply() == NULL);
    link_down(3);
    CHECK_EQ(replied(), ERR_DW_UNSATISFIED);
    end();

    /* One that was down already when the vnode was ready gets no copy. */
    begin(3);
    start();
    link_down(2);
    loaded();
    CHECK(!copied[2] && copied[3]);
    committed(ERR_OK);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

TEST(who_is_down_gets_no_copy)
{
    begin(3);
    stage.members[1].up = false;
    start();
    loaded();
    CHECK(!copied[2] && copied[3]);
    committed(ERR_OK);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

TEST(what_does_not_count)
{
    begin_applied(3);
    ack_from(3, tokens[2], ERR_OK, true); /* not its place */
    ack_from(7, tokens[2], ERR_OK, true);
    ack_from(1, PUT_ID << MACHINE_NUMBER_BITS, ERR_OK, true);
    ack_from(2, PUT_ID << MACHINE_NUMBER_BITS | 200, ERR_OK, true);
    ack(2, ERR_OK, true);
    ack(2, ERR_OK, true);
    ack(2, ERR_OVERLOAD, false);
    peer_said(2, tokens[2], REPLY_DONE, ERR_OK);
    was_read(REPLY_ERROR, ERR_NOT_FOUND, NULL);
    CHECK(reply() == NULL);
    committed(ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(time_is_over)
{
    begin(3);
    request.options.timeout_ms = 50;
    start();
    loaded();
    committed(ERR_OK);
    deadline();
    CHECK_EQ(stage.now_us, put->started_us + 50000);
    CHECK_EQ(replied(), ERR_TIMEOUT);
    CHECK(put->done);
    end();

    /* Before the vnode could do it. */
    begin(3);
    start();
    deadline();
    CHECK_EQ(replied(), ERR_TIMEOUT);
    CHECK(put->done);
    loaded();
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    end();
}

TEST(late_acknowledgements_are_waited_for_a_while)
{
    begin_applied(3);
    committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_EQ(put->deadline_us, stage.now_us + stage.config.repair_wait_ms * UINT64_C(1000));
    deadline();
    CHECK(put->done);
    CHECK(reply() == NULL);
    end();
}

TEST(the_object_comes_back_when_it_is_asked_for)
{
    begin(1);
    request.u.put.return_body = true;
    env.made_key = true;
    start();
    loaded();
    CHECK(reply() == NULL);
    committed(ERR_OK);
    CHECK_EQ_FATAL(replied(), ERR_OK);
    CHECK_FATAL(reply()->object != NULL);
    CHECK(object_same(reply()->object, stored()));
    CHECK(bytes_eq(reply()->made_key, BYTES_LIT("k")));
    CHECK(put->done);
    end();
}

/* A vnode that is behind stores what it was given beside what was there: the bucket may keep
 * siblings by now. Who asks for the object is told the winner, as by a read. */
TEST(the_winner_comes_back_from_who_is_behind)
{
    struct props props = props_default(true);

    begin(1);
    props.n_val = 3;
    props.allow_mult = false;
    stage_props(&stage, props);
    vnodes_behind(stage.vnodes, true);
    start();
    loaded();
    committed(ERR_OK);
    put_free(put);
    stage.wall_us++;
    request.u.put.return_body = true;
    request.u.put.content.value = BYTES_LIT("newer");
    start();
    loaded();
    committed(ERR_OK);
    CHECK_EQ(stored()->count, 2);
    CHECK_FATAL(reply() != NULL && reply()->object != NULL);
    CHECK_EQ_FATAL(reply()->object->count, 1);
    CHECK(bytes_eq(reply()->object->siblings[0].content.value, BYTES_LIT("newer")));
    end();
}

TEST(what_the_vnode_refuses)
{
    begin(3);
    stage.config.object_bytes_max = 10;
    start();
    loaded();
    CHECK_EQ(replied(), ERR_TOO_LARGE);
    CHECK(reply()->size > 10);
    CHECK(put->done);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    CHECK_EQ(stage.ops_count, 0);
    end();

    begin(3);
    start();
    stage_complete(&stage, 0, ERR_IO);
    struct output *output = stage_output(&stage, OUT_VNODE, 0);
    CHECK_FATAL(output != NULL);
    CHECK_EQ(output->u.vnode.kind, EV_COMMITTED);
    CHECK_EQ(output->u.vnode.news.err, ERR_IO);
    end();
}

static void check_refused(enum err err)
{
    start();
    CHECK_EQ(replied(), err);
    CHECK(put->done);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    CHECK_EQ(stage.ops_count, 0);
    end();
}

TEST(what_cannot_be_met_is_refused_at_once)
{
    begin(3);
    stage.members[1].up = false;
    stage.members[2].up = false;
    check_refused(ERR_INSUFFICIENT_VNODES);
    begin(3);
    stage.members[1].up = false;
    request.options.pw = QUORUM_ALL;
    check_refused(ERR_PW_UNSATISFIED);
    begin(3);
    stage.members[1].up = false;
    request.options.node_confirms = 3;
    check_refused(ERR_INSUFFICIENT_NODES);
    begin(2);
    request.options.node_confirms = 3; /* not capped at what there is */
    check_refused(ERR_INSUFFICIENT_NODES);
    begin(3);
    request.options.w = 4;
    check_refused(ERR_N_VAL_VIOLATION);
    begin(3);
    request.options.dw = 4;
    check_refused(ERR_N_VAL_VIOLATION);
    begin(3);
    request.options.n_val = 4;
    check_refused(ERR_N_VAL_VIOLATION);
    begin(3);
    request.key.type = BYTES_LIT("nosuch");
    check_refused(ERR_NO_TYPE);
    begin(3);
    stage.view.document = NULL;
    check_refused(ERR_ALL_NODES_DOWN);
}

TEST(a_small_cluster_does_what_it_can)
{
    begin(2);
    request.options.w = QUORUM_ALL;
    request.options.dw = 3;
    request.options.pw = 3;
    start();
    loaded();
    committed(ERR_OK);
    CHECK(reply() == NULL);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

TEST(at_least_one_stable_copy)
{
    begin(3);
    request.options.w = 1;
    request.options.dw = 0;
    start();
    loaded();
    ack(2, ERR_OK, false);
    CHECK(reply() == NULL);
    committed(ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(a_small_n_val_uses_the_first_replicas)
{
    begin(3);
    request.options.n_val = 2;
    start();
    loaded();
    CHECK(copied[2] && !copied[3]);
    committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_copies_leave_with_the_commit),
        T(the_own_commit_is_a_vote),
        T(others_may_suffice),
        T(a_buffered_acknowledgement_is_not_on_stable_storage),
        T(a_failed_commit_is_a_no),
        T(links_that_go_down),
        T(who_is_down_gets_no_copy),
        T(what_does_not_count),
        T(time_is_over),
        T(late_acknowledgements_are_waited_for_a_while),
        T(the_object_comes_back_when_it_is_asked_for),
        T(the_winner_comes_back_from_who_is_behind),
        T(what_the_vnode_refuses),
        T(what_cannot_be_met_is_refused_at_once),
        T(a_small_cluster_does_what_it_can),
        T(at_least_one_stable_copy),
        T(a_small_n_val_uses_the_first_replicas),
    };

    return tap_main(argc, argv, tests);
}

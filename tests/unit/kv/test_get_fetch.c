/* SPDX-License-Identifier: Apache-2.0 */
/* A read whose replicas differ, or whose object is late: digests, fetches, the hedge, repair. */
#include "read_stage.h"
#include "tap.h"

TEST(one_object_and_digests)
{
    begin_and_start(3);
    CHECK(asked[1] && asked_full[1]); /* this node has a replica */
    CHECK(asked[2] && !asked_full[2]);
    CHECK(asked[3] && !asked_full[3]);
    CHECK_EQ(get->deadline_us, stage.now_us + 60000000);
    end();
}

TEST(a_newer_digest_is_fetched_and_the_older_one_repaired)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    CHECK(reply() == NULL);
    CHECK(asked_full[2] && !asked[1] && !asked[3]);
    give(2, two);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, two));
    digest(3, two);
    CHECK(get->done);
    CHECK(repaired[1] && !repaired[2] && !repaired[3]);
    end();
}

TEST(concurrent_objects_are_merged)
{
    begin_and_start(3);
    give(1, two);
    digest(2, other);
    CHECK(asked_full[2]);
    give(2, other);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->object->count, 2);
    digest(3, one);
    CHECK(get->done);
    CHECK(repaired[1] && repaired[2] && repaired[3]);
    end();
}

TEST(what_repair_sends_is_the_merge)
{
    begin_and_start(3);
    give(1, two);
    digest(2, two);
    answer(3, ERR_NOT_FOUND);
    CHECK(repaired[3] && !repaired[1] && !repaired[2]);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    struct object *sent = stage_decode(&stage, &key, output->u.send.msg.u.put.record);
    CHECK(sent != NULL && object_same(sent, two));
    CHECK_EQ(stage_traced(&stage, TRACE_READ_REPAIR), 1);
    end();
}

TEST(the_object_is_late)
{
    begin_and_start(3);
    digest(2, one);
    digest(3, one);
    CHECK(reply() == NULL);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    CHECK_EQ(get->deadline_us, stage.now_us + 20000);
    deadline();
    /* Equal digests: one of them is enough. */
    CHECK_EQ((uint32_t)asked_full[2] + asked_full[3], 1);
    uint64_t node = asked_full[2] ? 2 : 3;
    CHECK_EQ(get->deadline_us, stage.now_us + 20000);
    give(node, one);
    CHECK_EQ(replied(), ERR_OK);
    give(1, one);
    CHECK(get->done);
    end();
}

TEST(the_late_object_comes_before_its_hedge)
{
    begin_and_start(3);
    digest(2, one);
    digest(3, one);
    deadline();
    give(1, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(get->done);
    end();
}

TEST(the_object_does_not_come)
{
    begin_and_start(3);
    digest(2, one);
    digest(3, one);
    answer(1, ERR_UNREACHABLE);
    CHECK_EQ((uint32_t)asked_full[2] + asked_full[3], 1); /* at once */
    give(asked_full[2] ? 2 : 3, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(get->done);
    end();
}

TEST(a_digest_whose_node_is_lost_is_no_vote)
{
    begin(3);
    request.options.r = 1;
    start();
    digest(2, two);
    CHECK(reply() == NULL);
    link_down(2); /* before its object was asked for: it could not be asked any more */
    CHECK(reply() == NULL);
    digest(3, one);
    deadline();
    CHECK(!asked[2] && asked_full[3]);
    give(3, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    end();
}

TEST(a_fetch_is_hedged)
{
    begin_and_start(3);
    answer(1, ERR_UNREACHABLE);
    digest(2, one);
    digest(3, one);
    uint64_t silent = asked_full[2] ? 2 : 3, other_node = 5 - silent;
    CHECK(asked_full[silent] && !asked[other_node]);
    CHECK_EQ(get->deadline_us, stage.now_us + 20000);
    deadline();
    CHECK(asked_full[other_node] && !asked[silent]);
    CHECK(reply() == NULL);
    give(other_node, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    end();
}

TEST(an_overdue_object_is_done_without)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    CHECK(asked_full[2]);
    digest(3, one);
    CHECK(reply() == NULL);
    deadline();
    CHECK(reply() == NULL); /* nobody else has it */
    CHECK_EQ(get->deadline_us, stage.now_us + 200000);
    deadline();
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    CHECK(!get->done);
    give(2, two); /* it comes after the answer: the others get it */
    CHECK(get->done);
    CHECK(repaired[1] && !repaired[2] && repaired[3]);
    end();
}

TEST(an_overdue_object_is_waited_for_where_a_quorum_needs_it)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    deadline();
    deadline();
    CHECK(reply() == NULL);
    CHECK_EQ(get->deadline_us, get->started_us + 60000000);
    digest(3, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    end();
}

TEST(who_else_has_an_overdue_object_is_asked)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    deadline();
    deadline();
    digest(3, two);
    CHECK(reply() == NULL);
    CHECK(asked_full[3]);
    give(3, two);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, two));
    end();
}

TEST(an_overdue_object_after_all)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    deadline();
    deadline();
    give(2, two);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, two));
    end();
}

TEST(a_fetch_that_fails_is_no_vote)
{
    begin_and_start(3);
    request.options.r = 2;
    give(1, one);
    digest(2, two);
    answer(2, ERR_CORRUPT);
    CHECK(reply() == NULL);
    digest(3, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    end();
}

TEST(a_fetch_that_fails_for_good)
{
    begin_and_start(3);
    give(1, one);
    digest(2, two);
    link_down(2);
    CHECK(reply() == NULL);
    link_down(3);
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    CHECK_EQ(reply()->have, 1);
    CHECK_EQ(reply()->need, 2);
    CHECK(get->done);
    end();
}

TEST(two_fetches_of_which_one_suffices)
{
    begin(5);
    request.options.r = 3;
    start();
    answer(1, ERR_UNREACHABLE);
    digest(2, one);
    digest(3, two);
    digest(4, other);
    CHECK(asked_full[3] && asked_full[4] && !asked[2]); /* "two" will do for "one" */
    link_down(3); /* its digest counts no more, and so the quorum is open again */
    CHECK(reply() == NULL);
    give(4, other);
    CHECK(reply() == NULL);
    digest(5, one);
    CHECK(asked_full[2] || asked_full[5]);
    give(asked_full[2] ? 2 : 5, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->object->count, 2);
    CHECK(get->done);
    end();
}

TEST(a_fetch_that_comes_when_it_is_no_longer_waited_for)
{
    begin(5);
    struct object *third = stage_object(&stage, 7, 1, 8, "third");
    struct object *all = object_merge(&stage.arena, object_merge(&stage.arena, two, other), third);
    request.options.r = 3;
    start();
    digest(2, two);
    digest(3, other);
    digest(4, third);
    deadline();
    CHECK(asked_full[2] && asked_full[3] && asked_full[4]);
    answer(3, ERR_UNREACHABLE);
    answer(4, ERR_UNREACHABLE);
    give(1, all); /* covers all, but two votes are no quorum any more */
    CHECK(reply() == NULL);
    give(2, two);
    CHECK(reply() == NULL);
    digest(5, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, all));
    CHECK(get->done);
    end();
}

TEST(a_hedge_does_not_outlive_the_request)
{
    begin(3);
    request.options.timeout_ms = 10;
    start();
    digest(2, one);
    digest(3, one);
    deadline();
    CHECK_EQ(stage.now_us, get->started_us + 10000);
    CHECK_EQ(replied(), ERR_TIMEOUT);
    CHECK(get->done);
    end();
}

TEST(late_answers_are_waited_for_a_while)
{
    begin_and_start(3);
    give(1, two);
    digest(2, two);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(get->deadline_us, stage.now_us + stage.config.repair_wait_ms * UINT64_C(1000));
    deadline();
    CHECK(get->done);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0); /* of the silent one nothing is known */
    end();
}

TEST(the_object_is_not_asked_of_a_slow_node)
{
    begin(4);
    stage_props(&stage, props_default(true));
    /* This node has no replica: the others of the first three are 2, 3 and 4. */
    uint16_t *place = (uint16_t *)(uintptr_t)stage.document->place;
    for (uint32_t p = 0; p < stage.document->partitions; p++) {
        for (uint16_t i = 0; i < 4; i++)
            place[p * 4 + i] = (uint16_t)((i + 1) % 4);
    }
    stage.members[1].grey = true;
    stage.members[3].grey = true;
    start();
    CHECK(!asked[1]);
    CHECK(asked_full[3] && !asked_full[2] && !asked_full[4]);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(one_object_and_digests),
        T(a_newer_digest_is_fetched_and_the_older_one_repaired),
        T(concurrent_objects_are_merged),
        T(what_repair_sends_is_the_merge),
        T(the_object_is_late),
        T(the_late_object_comes_before_its_hedge),
        T(the_object_does_not_come),
        T(a_digest_whose_node_is_lost_is_no_vote),
        T(a_fetch_is_hedged),
        T(an_overdue_object_is_done_without),
        T(an_overdue_object_is_waited_for_where_a_quorum_needs_it),
        T(who_else_has_an_overdue_object_is_asked),
        T(an_overdue_object_after_all),
        T(a_fetch_that_fails_is_no_vote),
        T(a_fetch_that_fails_for_good),
        T(two_fetches_of_which_one_suffices),
        T(a_fetch_that_comes_when_it_is_no_longer_waited_for),
        T(a_hedge_does_not_outlive_the_request),
        T(late_answers_are_waited_for_a_while),
        T(the_object_is_not_asked_of_a_slow_node),
    };

    return tap_main(argc, argv, tests);
}

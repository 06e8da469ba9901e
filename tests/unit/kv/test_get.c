/* SPDX-License-Identifier: Apache-2.0 */
/* A read: what is an answer, what is none, and what is refused at once. */
#include "read_stage.h"
#include "tap.h"

TEST(equal_digests)
{
    begin_and_start(3);
    give(1, one);
    CHECK(reply() == NULL);
    digest(2, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    CHECK_EQ(stage_traced(&stage, TRACE_GET_OBJECT), 1);
    CHECK(!get->done);
    digest(3, one);
    CHECK(get->done);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
    end();
}

TEST(not_found)
{
    begin_and_start(3);
    answer(1, ERR_NOT_FOUND);
    CHECK(reply() == NULL);
    answer(2, ERR_NOT_FOUND);
    CHECK_EQ(replied(), ERR_NOT_FOUND);
    /* One was right all the same: it is fetched after the answer, and the others get it. */
    digest(3, one);
    CHECK(!get->done);
    CHECK(asked_full[3]);
    give(3, one);
    CHECK(get->done);
    CHECK(repaired[1] && repaired[2] && !repaired[3]);
    end();
}

TEST(not_found_is_no_answer_where_the_bucket_says_so)
{
    begin(3);
    request.options.notfound_ok = TRI_FALSE;
    start();
    answer(1, ERR_NOT_FOUND);
    answer(2, ERR_NOT_FOUND);
    CHECK_EQ(replied(), ERR_NOT_FOUND); /* two of three can no longer find it */
    end();

    begin(3);
    request.options.notfound_ok = TRI_FALSE;
    request.options.r = 1;
    start();
    answer(1, ERR_NOT_FOUND);
    answer(2, ERR_NOT_FOUND);
    CHECK(reply() == NULL);
    digest(3, one);
    CHECK(asked_full[3]);
    give(3, one);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(a_basic_quorum_gives_up_early)
{
    begin(5);
    request.options.notfound_ok = TRI_FALSE;
    request.options.basic_quorum = TRI_TRUE;
    request.options.r = 1;
    start();
    answer(1, ERR_NOT_FOUND);
    answer(2, ERR_UNREACHABLE);
    CHECK(reply() == NULL);
    answer(3, ERR_NOT_FOUND);
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    end();
}

TEST(not_found_is_never_said_of_the_silent)
{
    begin_and_start(3);
    answer(1, ERR_NOT_FOUND);
    link_down(2);
    CHECK(reply() == NULL);
    answer(3, ERR_CORRUPT);
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    end();
}

TEST(time_is_over)
{
    begin(3);
    request.options.timeout_ms = 100;
    start();
    give(1, one);
    deadline();
    CHECK_EQ(stage.now_us, get->started_us + 100000);
    CHECK_EQ(replied(), ERR_TIMEOUT);
    CHECK(get->done);
    end();
}

TEST(what_does_not_count)
{
    begin_and_start(3);
    answer_from(2, tokens[3], ERR_NOT_FOUND, false, BYTES_NONE); /* not its place */
    answer_from(7, tokens[3], ERR_NOT_FOUND, false, BYTES_NONE);
    answer_from(2, GET_ID << MACHINE_NUMBER_BITS | 200, ERR_NOT_FOUND, false, BYTES_NONE);
    link_down(7);
    give(1, one);
    give(1, one);
    give(1, two);
    CHECK(reply() == NULL);
    digest(2, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_same(reply()->object, one));
    end();
}

TEST(damage_is_no_answer)
{
    begin_and_start(3);
    answer_from(1, tokens[1], ERR_OK, true, BYTES_LIT("no record"));
    digest(2, one);
    CHECK(reply() == NULL);
    answer_from(3, tokens[3], ERR_OK, false, BYTES_LIT("no digest"));
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    end();
}

TEST(a_record_of_another_key_is_no_answer)
{
    struct key wrong = stage_key("other");

    begin_and_start(1);
    answer_from(1, tokens[1], ERR_OK, true, stage_record(&stage, &wrong, one));
    CHECK_EQ(replied(), ERR_R_UNSATISFIED);
    end();
}

TEST(unchanged)
{
    begin(3);
    request.u.get.has_if_modified = true;
    request.u.get.if_modified = two->clock;
    start();
    give(1, one);
    digest(2, one);
    CHECK_EQ(replied(), ERR_OK);
    end();

    begin(3);
    request.u.get.has_if_modified = true;
    request.u.get.if_modified = two->clock;
    start();
    give(1, two);
    digest(2, one);
    CHECK_EQ(replied(), ERR_UNCHANGED);
    end();
}

TEST(a_bucket_of_one_value_answers_one)
{
    begin(3);
    stage_props(&stage, props_default(false));
    start();
    give(1, two);
    digest(2, other);
    give(2, other);
    CHECK_EQ(replied(), ERR_OK);
    /* The newest stays; the history is that of both. */
    CHECK_EQ(reply()->object->count, 1);
    CHECK(bytes_eq(reply()->object->siblings[0].content.value, BYTES_LIT("other")));
    CHECK_EQ(reply()->object->clock.count, 2);
    /* What repairs the others has both: whether one of them goes is for each replica to say. */
    give(3, one);
    struct output *repair = stage_output(&stage, OUT_SEND, 0);
    CHECK_FATAL(repair != NULL);
    CHECK_EQ(repair->u.send.msg.kind, PEER_PUT);
    CHECK_EQ(stage_decode(&stage, &key, repair->u.send.msg.u.put.record)->count, 2);
    end();
}

static void check_refused(enum err err)
{
    start();
    CHECK_EQ(replied(), err);
    CHECK(get->done);
    CHECK_EQ(stage_count(&stage, OUT_SEND), 0);
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
    request.options.pr = QUORUM_ALL;
    check_refused(ERR_PR_UNSATISFIED);
    begin(3);
    stage.members[1].up = false;
    request.options.node_confirms = 3;
    check_refused(ERR_INSUFFICIENT_NODES);
    begin(3);
    request.options.r = 4;
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

TEST(a_small_cluster_answers_with_what_it_has)
{
    begin(1);
    request.options.r = 3;
    request.options.pr = QUORUM_ALL;
    start();
    give(1, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(get->done);
    end();
}

TEST(who_is_down_is_not_asked)
{
    begin(3);
    stage.members[2].up = false;
    start();
    CHECK(!asked[3]);
    give(1, one);
    digest(2, one);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(get->done);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(equal_digests),
        T(not_found),
        T(not_found_is_no_answer_where_the_bucket_says_so),
        T(a_basic_quorum_gives_up_early),
        T(not_found_is_never_said_of_the_silent),
        T(time_is_over),
        T(what_does_not_count),
        T(damage_is_no_answer),
        T(a_record_of_another_key_is_no_answer),
        T(unchanged),
        T(a_bucket_of_one_value_answers_one),
        T(what_cannot_be_met_is_refused_at_once),
        T(a_small_cluster_answers_with_what_it_has),
        T(who_is_down_is_not_asked),
    };

    return tap_main(argc, argv, tests);
}

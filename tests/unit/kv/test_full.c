/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is nearly full: what would add a value is refused, before anything is sent; deletes,
 * and merges that only drop values, are taken. */
#include <string.h>

#include "record/keys.h"
#include "record/object.h"
#include "tap.h"
#include "write_stage.h"

static void merge(const struct object *object, uint64_t from)
{
    stage_merge(&stage, &key, stage_record(&stage, &key, object), from, 0);
}

/* What the last step told node 2 of its merge; ERR_BUSY: nothing. */
static enum err acknowledged(void)
{
    struct output *output = stage_output(&stage, OUT_SEND, 0);

    if (output == NULL)
        return ERR_BUSY;
    CHECK_EQ(output->u.send.msg.kind, PEER_PUT_ACK);
    return output->u.send.msg.u.put_ack.err;
}

/* A merge from the beginning to its acknowledgement. */
static enum err merged(const struct object *object)
{
    merge(object, 2);
    while (stage.ops_count > 0)
        stage_complete(&stage, 0, ERR_OK);
    return acknowledged();
}

static struct object *tombstone(uint64_t actor, uint64_t counter)
{
    struct object *object = stage_object(&stage, actor, counter, 9, "");

    struct sibling *sibling = (struct sibling *)(uintptr_t)&object->siblings[0];
    sibling->deleted = true;
    sibling->content = (struct content){.value = BYTES_NONE};
    return object;
}

static uint64_t forwarded_to(void)
{
    for (uint64_t i = 1; i < STAGE_NODES_MAX; i++) {
        if (forwarded[i])
            return i;
    }
    return 0;
}

TEST(another_replica_is_asked_to_coordinate)
{
    begin(3);
    vnodes_set_full(stage.vnodes, true);
    start();
    uint64_t first = forwarded_to();
    CHECK(first == 2 || first == 3);
    CHECK_EQ(stage.ops_count, 0);
    CHECK(!copied[2] && !copied[3]);
    CHECK_EQ(stage_traced(&stage, TRACE_DISK_REFUSED), 1);
    peer_said(first, tokens[first], REPLY_OBJECT, ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(nobody_has_room)
{
    begin(3);
    vnodes_set_full(stage.vnodes, true);
    start();
    uint64_t first = forwarded_to();
    peer_said(first, tokens[first], REPLY_ERROR, ERR_DISK_FULL);
    uint64_t second = forwarded_to();
    CHECK(second != 0 && second != first);
    peer_said(second, tokens[second], REPLY_ERROR, ERR_DISK_FULL);
    CHECK_EQ(replied(), ERR_DISK_FULL);
    CHECK(put->done);
    CHECK_EQ(stage.ops_count, 0);
    end();

    begin(3);
    vnodes_set_full(stage.vnodes, true);
    env.forwarded = true; /* this one was asked by another that has none */
    start();
    CHECK_EQ(replied(), ERR_DISK_FULL);
    CHECK(put->done);
    CHECK_EQ(forwarded_to(), 0);
    CHECK(!copied[2] && !copied[3]);
    end();
}

TEST(a_node_that_is_alone_refuses)
{
    begin(1);
    vnodes_set_full(stage.vnodes, true);
    start();
    CHECK_EQ(replied(), ERR_DISK_FULL);
    CHECK(put->done);
    CHECK_EQ(stage.ops_count, 0);
    end();
}

TEST(a_conditional_write_is_not_even_read_for)
{
    begin(3);
    vnodes_set_full(stage.vnodes, true);
    request.u.put.condition.if_none_match_any = true;
    start();
    CHECK(stage_output(&stage, OUT_REQUEST, 0) == NULL);
    CHECK(forwarded_to() != 0);
    end();
}

TEST(the_disk_fills_while_the_row_is_read)
{
    begin(3);
    start();
    vnodes_set_full(stage.vnodes, true);
    loaded();
    CHECK(!copied[2] && !copied[3]);
    CHECK_EQ(replied(), ERR_DISK_FULL);
    CHECK(put->done);
    CHECK_EQ(stage.ops_count, 0);
    end();
}

TEST(a_delete_is_taken)
{
    begin(3);
    vnodes_set_full(stage.vnodes, true);
    request.u.put.deleted = true;
    request.u.put.content = (struct content){.value = BYTES_NONE};
    start();
    loaded();
    CHECK(copied[2] && copied[3]);
    committed(ERR_OK);
    ack(2, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_FATAL(stored() != NULL);
    CHECK(object_deleted(stored()));
    end();
}

TEST(a_replica_votes_no)
{
    begin(3);
    vnodes_set_full(stage.vnodes, true);
    CHECK_EQ(merged(stage_object(&stage, 9, 1, 5, "theirs")), ERR_DISK_FULL);
    CHECK(stored() == NULL);
    vnodes_set_full(stage.vnodes, false);
    CHECK_EQ(merged(stage_object(&stage, 9, 1, 5, "theirs")), ERR_OK);
    CHECK(stored() != NULL);
    stage_end(&stage);
}

TEST(what_adds_no_value_is_merged)
{
    begin(3);
    CHECK_EQ(merged(stage_object(&stage, 9, 1, 5, "theirs")), ERR_OK);
    vnodes_set_full(stage.vnodes, true);
    /* What is here already. */
    CHECK_EQ(merged(stage_object(&stage, 9, 1, 5, "theirs")), ERR_OK);
    /* A delete beside it, and one that has seen it. */
    CHECK_EQ(merged(tombstone(8, 1)), ERR_OK);
    CHECK_EQ(stored()->count, 2);
    CHECK_EQ(merged(stage_object(&stage, 7, 1, 6, "more")), ERR_DISK_FULL);
    CHECK_EQ(merged(tombstone(9, 2)), ERR_OK);
    CHECK(object_deleted(stored()));
    stage_end(&stage);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(another_replica_is_asked_to_coordinate),
        T(nobody_has_room),
        T(a_node_that_is_alone_refuses),
        T(a_conditional_write_is_not_even_read_for),
        T(the_disk_fills_while_the_row_is_read),
        T(a_delete_is_taken),
        T(a_replica_votes_no),
        T(what_adds_no_value_is_merged),
    };

    return tap_main(argc, argv, tests);
}

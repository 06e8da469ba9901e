/* SPDX-License-Identifier: Apache-2.0 */
/* Writes while replicas are away: fallbacks hold their places. Nodes 1, 2 and 3 are the replicas
 * of all partitions, of five. */
#include <string.h>

#include "kv/preflist.h"
#include "tap.h"
#include "write_stage.h"

static void five(void)
{
    begin(5);
    struct props props = props_default(true);
    props.n_val = 3;
    stage_props(&stage, props);
}

static void away(uint64_t node)
{
    stage.members[node - 1].up = false;
    stage.nodes[node - 1].live = false;
}

/* The copy that the last step sent to a node. */
static const struct peer_put *copy_for(uint64_t node)
{
    struct output *output;

    for (uint32_t i = 0; (output = stage_output(&stage, OUT_SEND, i)) != NULL; i++) {
        if (output->u.send.to == node && output->u.send.msg.kind == PEER_PUT)
            return &output->u.send.msg.u.put;
    }
    return NULL;
}

static uint64_t fallback(void)
{
    return copied[4] ? 4 : 5;
}

TEST(a_fallback_takes_the_copy_as_a_hint)
{
    five();
    away(2);
    start();
    loaded();
    CHECK(!copied[2] && copied[3]);
    CHECK(copied[4] != copied[5]);
    CHECK_EQ(copy_for(3)->hint_for, 0);
    CHECK_EQ(copy_for(fallback())->hint_for, 2);
    committed(ERR_OK);
    CHECK(reply() == NULL);
    ack(fallback(), ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(a_fallback_is_no_primary)
{
    five();
    away(2);
    request.options.pw = 3;
    start();
    CHECK_EQ(replied(), ERR_PW_UNSATISFIED);
    CHECK_EQ(reply()->have, 2);
    end();

    five();
    away(2);
    request.options.pw = 2;
    request.options.node_confirms = 3;
    start();
    loaded();
    uint64_t stand_in = fallback();
    committed(ERR_OK);
    ack(stand_in, ERR_OK, true);
    CHECK(reply() == NULL);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(nobody_stands_in_where_that_is_not_wanted)
{
    five();
    away(2);
    request.options.sloppy_quorum = TRI_FALSE;
    request.options.w = 3;
    start();
    CHECK_EQ(replied(), ERR_INSUFFICIENT_VNODES);
    CHECK_EQ(reply()->have, 2);
    end();
}

TEST(a_place_is_taken_over_while_the_write_is_under_way)
{
    five();
    request.options.w = 3;
    start();
    loaded();
    CHECK(copied[2] && copied[3] && !copied[4] && !copied[5]);
    uint64_t token = tokens[2];
    link_down(2);
    CHECK(copied[4] != copied[5]);
    uint64_t stand_in = fallback();
    CHECK_EQ(copy_for(stand_in)->hint_for, 2);
    committed(ERR_OK);
    ack(3, ERR_OK, true);
    /* Too late: its place is another's. */
    ack_from(2, token, ERR_OK, true);
    CHECK(reply() == NULL);
    ack(stand_in, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(put->done);
    end();

    /* Also after the answer: the copy is owed all the same. */
    five();
    start();
    loaded();
    committed(ERR_OK);
    ack(3, ERR_OK, true);
    CHECK_EQ(replied(), ERR_OK);
    link_down(2);
    CHECK(copied[4] != copied[5]);
    end();
}

TEST(fallbacks_run_out)
{
    five();
    away(2);
    away(4);
    away(5);
    request.options.w = 3;
    start();
    CHECK_EQ(replied(), ERR_INSUFFICIENT_VNODES);
    end();

    five();
    request.options.w = 3;
    start();
    loaded();
    away(4);
    away(5);
    link_down(2);
    CHECK_EQ(replied(), ERR_W_UNSATISFIED);
    end();
}

/* This node has no replica, and none is up: it coordinates, and its own copy is a hint. */
TEST(a_fallback_coordinates_alone_only)
{
    begin_elsewhere(5);
    struct props props = props_default(true);
    props.n_val = 3;
    stage_props(&stage, props);
    away(2);
    away(3);
    start();
    CHECK(forwarded[4]);
    CHECK(!copied[5]);
    end();

    begin_elsewhere(5);
    stage_props(&stage, props);
    away(2);
    away(3);
    away(4);
    request.options.w = 1;
    request.options.dw = 1;
    start();
    CHECK(!forwarded[5]);
    /* Its read of what it keeps, and the lease of the dots that it gives as a fallback. */
    while (stage.ops_count > 0)
        stage.ops[0].op.verb == STORE_GET ? loaded() : committed(ERR_OK);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(stored() == NULL);
    struct hints_kept kept;
    CHECK(vnodes_hints(stage.vnodes, 0, &kept));
    CHECK_EQ(kept.sum.rows, 1);
    CHECK(kept.target >= 2 && kept.target <= 4);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_fallback_takes_the_copy_as_a_hint),
        T(a_fallback_is_no_primary),
        T(nobody_stands_in_where_that_is_not_wanted),
        T(a_place_is_taken_over_while_the_write_is_under_way),
        T(fallbacks_run_out),
        T(a_fallback_coordinates_alone_only),
    };

    return tap_main(argc, argv, tests);
}

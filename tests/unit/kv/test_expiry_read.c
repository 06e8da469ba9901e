/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of values that expire: clients are not shown them, machines are, and a history that has
 * ended is not repaired. The skew is two seconds. */
#include "read_stage.h"
#include "tap.h"

enum { SKEW_US = 2000000 };

static struct object *brief; /* expires; `beside` and `on_it` were written beside and on it */
static struct object *beside, *on_it, *mixed;
static uint64_t expires_us;

static struct object *written(const struct object *old, struct clock context, struct dot dot,
                              uint64_t end_us)
{
    struct write write = {.context = context,
                          .content = {.value = BYTES_LIT("brief")},
                          .dot = dot,
                          .wall_us = stage.wall_us,
                          .expires_us = end_us};

    return object_put(&stage.arena, old, &write);
}

static void begin_expiring(void)
{
    begin(3);
    stage.config.expiry_skew_ms = SKEW_US / 1000;
    expires_us = stage.wall_us + 10000000;
    brief = written(NULL, CLOCK_NONE, (struct dot){7, 1}, expires_us);
    beside = written(NULL, CLOCK_NONE, (struct dot){6, 1}, 0);
    on_it = written(one, one->clock, (struct dot){7, 1}, expires_us);
    mixed = object_merge(&stage.arena, brief, beside);
}

static void expired(void)
{
    stage.wall_us = expires_us + SKEW_US;
}

static void read_all(const struct object *object)
{
    start();
    give(1, object);
    digest(2, object);
}

TEST(shown_until_every_clock_says_that_it_has_expired)
{
    begin_expiring();
    stage.wall_us = expires_us + SKEW_US - 1;
    read_all(brief);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->object->count, 1);
    CHECK_EQ(stage_traced(&stage, TRACE_EXPIRED_HIDDEN), 0);
    end();
}

TEST(hidden_with_its_context)
{
    begin_expiring();
    expired();
    read_all(brief);
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_deleted(reply()->object));
    CHECK_EQ(reply()->object->count, 0);
    CHECK_EQ(clock_compare(reply()->object->clock, brief->clock), CLOCK_EQUAL);
    CHECK_EQ(reply()->object->clock.ends_us, expires_us);
    CHECK_EQ(stage_traced(&stage, TRACE_EXPIRED_HIDDEN), 1);
    end();
}

TEST(a_sibling_beside_it_stays)
{
    begin_expiring();
    expired();
    read_all(mixed);
    CHECK_EQ(replied(), ERR_OK);
    CHECK_EQ(reply()->object->count, 1);
    CHECK_EQ(reply()->object->siblings[0].dot.actor, 6);
    CHECK_EQ(clock_compare(reply()->object->clock, mixed->clock), CLOCK_EQUAL);
    end();
}

/* The winner is found first: what lost against a value that is hidden now does not come back. */
TEST(the_loser_does_not_come_back)
{
    struct props props = props_default(true);

    begin_expiring();
    props.allow_mult = false;
    stage_props(&stage, props);
    stage.wall_us++;
    struct object *newer = written(NULL, CLOCK_NONE, (struct dot){5, 1}, expires_us);
    expired();
    read_all(object_merge(&stage.arena, newer, beside));
    CHECK_EQ(replied(), ERR_OK);
    CHECK(object_deleted(reply()->object));
    end();
}

TEST(unchanged_is_not_said_of_what_expired)
{
    begin_expiring();
    request.u.get.has_if_modified = true;
    request.u.get.if_modified = brief->clock;
    read_all(brief);
    CHECK_EQ(replied(), ERR_UNCHANGED);
    end();

    begin_expiring();
    request.u.get.has_if_modified = true;
    request.u.get.if_modified = mixed->clock;
    expired();
    read_all(mixed);
    CHECK_EQ(replied(), ERR_OK);
    end();
}

TEST(what_has_ended_is_not_repaired)
{
    begin_expiring();
    read_all(brief);
    answer(3, ERR_NOT_FOUND);
    CHECK(repaired[3]);
    end();

    begin_expiring();
    expired();
    read_all(brief);
    answer(3, ERR_NOT_FOUND);
    CHECK(get->done);
    CHECK(!repaired[1] && !repaired[2] && !repaired[3]);
    end();
}

/* It stands for what it replaced, as a tombstone does: a replica that has that must not show it. */
TEST(what_replaced_a_value_without_expiry_is_repaired)
{
    begin_expiring();
    expired();
    read_all(on_it);
    CHECK(object_deleted(reply()->object));
    digest(3, one);
    CHECK(get->done);
    CHECK(repaired[3]);
    end();
}

/* A machine merges what it gets, and decides by its own clock. */
TEST(machines_get_all)
{
    struct kv_env env;
    struct event ev;

    begin_expiring();
    expired();
    env = stage_env(&stage);
    ev = stage_event(&stage, EV_BYTES);
    stage_step(&stage);
    request.options.r = 1;
    get = get_new(&env, GET_ID, (struct asker){ASKER_MACHINE, 1, 0}, &request, &ev, &stage.out);
    struct output *output = stage_output(&stage, OUT_SEND, 0);
    CHECK_FATAL(output != NULL);
    tokens[1] = output->u.send.msg.u.get.token;
    give(1, brief);
    output = stage_output(&stage, OUT_REPLY, 0);
    CHECK_FATAL(output != NULL);
    CHECK_EQ(output->u.reply.reply.object->count, 1);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(shown_until_every_clock_says_that_it_has_expired),
        T(hidden_with_its_context),
        T(a_sibling_beside_it_stays),
        T(the_loser_does_not_come_back),
        T(unchanged_is_not_said_of_what_expired),
        T(what_has_ended_is_not_repaired),
        T(what_replaced_a_value_without_expiry_is_repaired),
        T(machines_get_all),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A delete: whether it reads first, what it asks for, and what it makes of the answers. */
#include <string.h>

#include "stage.h"
#include "tap.h"

enum { DELETE_ID = 7 };

static struct stage stage;
static struct machine *machine;
static struct request request;

static void begin(void)
{
    stage_begin(&stage, 3, 3);
    memset(&request, 0, sizeof(request));
    request.kind = REQUEST_DELETE;
    request.key = stage_key("k");
    request_options_init(&request.options);
}

static void start(void)
{
    struct kv_env env = stage_env(&stage);
    struct event ev = stage_event(&stage, EV_BYTES);

    stage_step(&stage);
    machine =
        delete_new(&env, DELETE_ID, (struct asker){ASKER_SESSION, 1, 2}, &request, &ev, &stage.out);
}

static void end(void)
{
    delete_free(machine);
    stage_end(&stage);
}

static void step(const struct event *ev)
{
    struct kv_env env = stage_env(&stage);

    stage_step(&stage);
    if (!machine->done)
        delete_step(machine, &env, ev, &stage.out);
}

static void said(const struct reply *reply)
{
    struct event ev = stage_event(&stage, EV_REPLY);

    ev.u.reply.reply = reply;
    step(&ev);
}

static void found(const struct object *object)
{
    said(&(struct reply){.kind = REPLY_OBJECT, .object = object});
}

static void failed(enum err err)
{
    said(&(struct reply){.kind = REPLY_ERROR, .err = err, .have = 1, .need = 2});
}

/* The request that the last step made of this kind, or NULL. */
static const struct request *asked(enum request_kind kind)
{
    struct output *output = stage_output(&stage, OUT_REQUEST, 0);

    if (output == NULL || output->u.request.request.kind != kind)
        return NULL;
    CHECK_EQ(output->u.request.machine, DELETE_ID);
    CHECK(key_eq(&output->u.request.request.key, &request.key));
    CHECK(stage_output(&stage, OUT_REQUEST, 1) == NULL);
    return &output->u.request.request;
}

static const struct reply *reply(void)
{
    struct output *output = stage_output(&stage, OUT_REPLY, 0);

    return output == NULL ? NULL : &output->u.reply.reply;
}

static struct object *tombstone(void)
{
    struct write write = {.deleted = true, .dot = {9, 1}, .wall_us = 5};

    return object_put(&stage.arena, NULL, &write);
}

TEST(without_a_context_it_reads_first)
{
    begin();
    struct object *object = stage_object(&stage, 9, 1, 5, "v");
    start();
    CHECK(asked(REQUEST_GET) != NULL);
    CHECK(reply() == NULL);
    found(object);
    const struct request *put = asked(REQUEST_PUT);
    CHECK_FATAL(put != NULL);
    CHECK(put->u.put.deleted);
    CHECK_EQ(clock_compare(put->u.put.context, object->clock), CLOCK_EQUAL);
    CHECK_EQ(put->u.put.content.value.len, 0);
    CHECK(!put->u.put.return_body);
    found(NULL);
    CHECK_FATAL(reply() != NULL);
    CHECK_EQ(reply()->kind, REPLY_DONE);
    CHECK_EQ(reply()->err, ERR_OK);
    CHECK(machine->done);
    end();
}

/* What has expired is not there; what lives beside it is. */
TEST(what_has_expired_is_not_found)
{
    struct write write = {
        .content = {.value = BYTES_LIT("v")}, .dot = {9, 1}, .wall_us = 5, .expires_us = 7};

    begin();
    struct object *object = object_put(&stage.arena, NULL, &write);
    stage.config.expiry_skew_ms = 1;
    stage.wall_us = 1007;
    start();
    found(object);
    CHECK_FATAL(reply() != NULL);
    CHECK_EQ(reply()->err, ERR_NOT_FOUND);
    CHECK_EQ(clock_compare(reply()->object->clock, object->clock), CLOCK_EQUAL);
    end();

    begin();
    object = object_put(&stage.arena, NULL, &write);
    write.dot = (struct dot){8, 1};
    write.expires_us = 8;
    object = object_put(&stage.arena, object, &write);
    stage.config.expiry_skew_ms = 1;
    stage.wall_us = 1007;
    start();
    found(object);
    const struct request *put = asked(REQUEST_PUT);
    CHECK_FATAL(put != NULL);
    CHECK_EQ(clock_compare(put->u.put.context, object->clock), CLOCK_EQUAL);
    end();
}

TEST(with_a_context_it_writes_at_once)
{
    struct dot dot = {9, 3};

    begin();
    request.u.del.has_context = true;
    request.u.del.context = (struct clock){&dot, 1, 8, 0};
    request.u.del.condition.if_match_any = true;
    start();
    const struct request *put = asked(REQUEST_PUT);
    CHECK_FATAL(put != NULL);
    CHECK(put->u.put.deleted);
    CHECK_EQ(clock_get(put->u.put.context, 9), 3);
    CHECK(put->u.put.condition.if_match_any);
    failed(ERR_PRECONDITION);
    CHECK_EQ(reply()->err, ERR_PRECONDITION);
    CHECK(machine->done);
    end();
}

TEST(nothing_is_there)
{
    begin();
    start();
    failed(ERR_NOT_FOUND);
    CHECK_EQ(reply()->err, ERR_NOT_FOUND);
    CHECK(machine->done);
    CHECK(asked(REQUEST_PUT) == NULL);
    end();
}

TEST(it_is_deleted_already)
{
    begin();
    start();
    struct object *object = tombstone();
    found(object);
    CHECK_EQ(reply()->err, ERR_NOT_FOUND);
    CHECK(reply()->object == object);
    CHECK(machine->done);
    CHECK(asked(REQUEST_PUT) == NULL);
    end();
}

TEST(a_tombstone_beside_a_value_is_no_deleted_object)
{
    begin();
    start();
    struct object *both =
        object_merge(&stage.arena, tombstone(), stage_object(&stage, 8, 1, 5, "v"));
    CHECK_EQ(both->count, 2);
    found(both);
    CHECK(asked(REQUEST_PUT) != NULL);
    end();
}

TEST(errors_of_both_are_the_answer)
{
    begin();
    start();
    failed(ERR_R_UNSATISFIED);
    CHECK_EQ(reply()->err, ERR_R_UNSATISFIED);
    CHECK_EQ(reply()->have, 1);
    CHECK_EQ(reply()->need, 2);
    end();

    begin();
    start();
    found(stage_object(&stage, 9, 1, 5, "v"));
    failed(ERR_UNKNOWN);
    CHECK_EQ(reply()->err, ERR_UNKNOWN);
    CHECK(machine->done);
    end();
}

/* The r of the read and the w of the write, from what the client sent. */
static void check_quorums(uint32_t r, uint32_t w, uint32_t rw, uint32_t read, uint32_t write)
{
    struct props props = props_default(false);

    begin();
    props.rw = 5;
    stage_props(&stage, props);
    request.options.r = r;
    request.options.w = w;
    request.options.rw = rw;
    request.options.pr = 1;
    request.options.pw = 2;
    request.options.dw = 3;
    start();
    const struct request *get = asked(REQUEST_GET);
    CHECK_FATAL(get != NULL);
    CHECK_EQ(get->options.r, read);
    CHECK_EQ(get->options.pr, 1);
    found(stage_object(&stage, 9, 1, 5, "v"));
    const struct request *put = asked(REQUEST_PUT);
    CHECK_FATAL(put != NULL);
    CHECK_EQ(put->options.w, write);
    CHECK_EQ(put->options.pw, 2);
    CHECK_EQ(put->options.dw, 3);
    end();
}

TEST(quorums)
{
    check_quorums(QUORUM_DEFAULT, QUORUM_DEFAULT, QUORUM_DEFAULT, 5, 5); /* the bucket's */
    check_quorums(1, QUORUM_DEFAULT, QUORUM_DEFAULT, 1, 5);
    check_quorums(QUORUM_DEFAULT, QUORUM_DEFAULT, 3, 3, 3);
    check_quorums(1, QUORUM_DEFAULT, 3, 1, 3);
    check_quorums(QUORUM_DEFAULT, 2, 3, QUORUM_DEFAULT, 2);
    check_quorums(1, 2, QUORUM_ALL, 1, 2);
}

TEST(a_type_that_is_not_there)
{
    begin();
    request.key.type = BYTES_LIT("nosuch");
    start();
    CHECK(asked(REQUEST_GET) != NULL); /* which says what is wrong */
    failed(ERR_NO_TYPE);
    CHECK_EQ(reply()->err, ERR_NO_TYPE);
    end();
}

TEST(time_is_over)
{
    begin();
    request.options.timeout_ms = 30;
    start();
    CHECK_EQ(machine->deadline_us, stage.now_us + 30000);
    stage.now_us += 30000;
    struct event ev = stage_event(&stage, EV_DEADLINE);
    step(&ev);
    CHECK_EQ(reply()->err, ERR_TIMEOUT);
    CHECK(machine->done);
    end();
}

TEST(what_does_not_concern_it)
{
    begin();
    start();
    struct event ev = stage_event(&stage, EV_LINK_DOWN);
    step(&ev);
    ev = stage_event(&stage, EV_COMMITTED);
    step(&ev);
    CHECK_EQ(stage.out.count, 0);
    CHECK(!machine->done);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(without_a_context_it_reads_first),
        T(what_has_expired_is_not_found),
        T(with_a_context_it_writes_at_once),
        T(nothing_is_there),
        T(it_is_deleted_already),
        T(a_tombstone_beside_a_value_is_no_deleted_object),
        T(errors_of_both_are_the_answer),
        T(quorums),
        T(a_type_that_is_not_there),
        T(time_is_over),
        T(what_does_not_concern_it),
    };

    return tap_main(argc, argv, tests);
}

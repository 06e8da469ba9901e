/* SPDX-License-Identifier: Apache-2.0 */
#include "read_stage.h"

#include <string.h>

#include "tap.h"

struct stage stage;
struct machine *get;
struct key key;
struct request request;

uint64_t tokens[STAGE_NODES_MAX];
bool asked[STAGE_NODES_MAX], asked_full[STAGE_NODES_MAX], repaired[STAGE_NODES_MAX];

struct object *one, *two, *other;

static void histories(void)
{
    one = stage_object(&stage, 9, 1, 5, "one");
    struct write later = {
        .context = one->clock, .content = {.value = BYTES_LIT("two")}, .dot = {9, 2}, .wall_us = 6};
    two = object_put(&stage.arena, one, &later);
    other = stage_object(&stage, 8, 1, 7, "other");
}

/* Notes what the last step sent. */
static void look(void)
{
    struct output *output;

    memset(asked, 0, sizeof(asked));
    memset(asked_full, 0, sizeof(asked_full));
    memset(repaired, 0, sizeof(repaired));
    for (uint32_t i = 0; (output = stage_output(&stage, OUT_SEND, i)) != NULL; i++) {
        const struct peer_msg *msg = &output->u.send.msg;
        if (msg->kind == PEER_GET) {
            asked[output->u.send.to] = true;
            asked_full[output->u.send.to] = msg->u.get.full;
            tokens[output->u.send.to] = msg->u.get.token;
        }
        repaired[output->u.send.to] |= msg->kind == PEER_PUT;
    }
}

void begin(uint32_t nodes)
{
    struct props props = props_default(true);

    stage_begin(&stage, nodes, nodes);
    props.n_val = nodes > 3 ? nodes : 3;
    stage_props(&stage, props);
    memset(&request, 0, sizeof(request));
    request.kind = REQUEST_GET;
    key = stage_key("k");
    request.key = key;
    request_options_init(&request.options);
    get = NULL;
    histories();
}

void start(void)
{
    struct kv_env env = stage_env(&stage);
    struct event ev = stage_event(&stage, EV_BYTES);

    stage_step(&stage);
    get = get_new(&env, GET_ID, (struct asker){ASKER_SESSION, 1, 2}, &request, &ev, &stage.out);
    look();
}

void end(void)
{
    get_free(get);
    stage_end(&stage);
}

static void step(const struct event *ev)
{
    struct kv_env env = stage_env(&stage);

    stage_step(&stage);
    if (!get->done)
        get_step(get, &env, ev, &stage.out);
    look();
}

void answer_from(uint64_t node, uint64_t token, enum err err, bool full, struct bytes record)
{
    struct peer_msg msg = {.kind = PEER_GOT};
    struct event ev = stage_event(&stage, EV_PEER);

    msg.u.got = (struct peer_got){.token = token, .err = err, .full = full, .record = record};
    ev.u.peer.from = node;
    ev.u.peer.msg = &msg;
    step(&ev);
}

void answer(uint64_t node, enum err err)
{
    answer_from(node, tokens[node], err, false, BYTES_NONE);
}

void give(uint64_t node, const struct object *object)
{
    answer_from(node, tokens[node], ERR_OK, true, stage_record(&stage, &key, object));
}

void digest(uint64_t node, const struct object *object)
{
    answer_from(node, tokens[node], ERR_OK, false, stage_digest(&stage, &key, object));
}

void link_down(uint64_t node)
{
    struct event ev = stage_event(&stage, EV_LINK_DOWN);

    ev.u.link.node = node;
    step(&ev);
}

void deadline(void)
{
    stage.now_us = get->deadline_us;
    struct event ev = stage_event(&stage, EV_DEADLINE);
    step(&ev);
}

const struct reply *reply(void)
{
    struct output *output = stage_output(&stage, OUT_REPLY, 0);

    if (output == NULL)
        return NULL;
    CHECK_EQ(output->u.reply.to.kind, ASKER_SESSION);
    CHECK_EQ(output->u.reply.to.seq, 2);
    CHECK(stage_output(&stage, OUT_REPLY, 1) == NULL);
    return &output->u.reply.reply;
}

enum err replied(void)
{
    return reply() == NULL ? ERR_BUSY : reply()->err;
}

void begin_and_start(uint32_t nodes)
{
    begin(nodes);
    start();
}

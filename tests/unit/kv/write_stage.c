/* SPDX-License-Identifier: Apache-2.0 */
#include "write_stage.h"

#include <string.h>

#include "tap.h"

struct stage stage;
struct machine *put;
struct key key;
struct request request;
uint64_t tokens[STAGE_NODES_MAX];
struct kv_env env;
bool copied[STAGE_NODES_MAX], forwarded[STAGE_NODES_MAX];

/* Hands the vnode's news to the machine, as the shard does, and takes what is to be stored. */
static void pump(void)
{
    struct event ev = stage_event(&stage, EV_TIME);

    for (size_t i = 0; i < stage.out.count; i++) {
        struct output output = stage.out.items[i];
        if (output.kind != OUT_VNODE)
            continue;
        stage.out.items[i].kind = OUT_NONE;
        ev.kind = output.u.vnode.kind;
        ev.u.vnode = output.u.vnode.news;
        if (output.u.vnode.news.token == PUT_ID && put != NULL && !put->done)
            put_step(put, &env, &ev, &stage.out);
        blob_unref(output.u.vnode.news.record);
    }
    stage_took(&stage);
}

static void look(void)
{
    struct output *output;

    pump();
    memset(copied, 0, sizeof(copied));
    memset(forwarded, 0, sizeof(forwarded));
    for (uint32_t i = 0; (output = stage_output(&stage, OUT_SEND, i)) != NULL; i++) {
        const struct peer_msg *msg = &output->u.send.msg;
        if (msg->kind == PEER_PUT) {
            copied[output->u.send.to] = true;
            tokens[output->u.send.to] = msg->u.put.token;
        } else if (msg->kind == PEER_FORWARD) {
            forwarded[output->u.send.to] = true;
            tokens[output->u.send.to] = msg->u.forward.token;
        }
    }
}

/* A write to another key of the partition makes it ask for its lease. */
static void warm_up(void)
{
    struct content content = {.value = BYTES_LIT("warm")};
    struct clock none = CLOCK_NONE;
    struct event ev = stage_event(&stage, EV_TIME);
    struct key other = stage_key("warm");
    struct vnode_write write = {
        .token = 1,
        .partition = stage_partition(&stage, &key),
        .slot = stage_slot(&stage, &key),
        .key = other,
        .context = &none,
        .content = &content,
    };

    stage_step(&stage);
    vnodes_write(stage.vnodes, &write, &ev, &stage.out);
    pump();
    while (stage.ops_count > 0) {
        stage_complete(&stage, 0, ERR_OK);
        pump();
    }
}

void begin(uint32_t nodes)
{
    struct props props = props_default(true);

    stage_begin(&stage, nodes, nodes);
    props.n_val = nodes > 3 ? nodes : 3;
    stage_props(&stage, props);
    env = stage_env(&stage);
    memset(&request, 0, sizeof(request));
    request.kind = REQUEST_PUT;
    key = stage_key("k");
    request.key = key;
    request_options_init(&request.options);
    request.u.put.content = (struct content){.value = BYTES_LIT("value")};
    put = NULL;
    warm_up();
}

void begin_elsewhere(uint32_t nodes)
{
    begin(nodes);
    move_away(nodes);
}

void move_away(uint32_t nodes)
{
    uint16_t *place = (uint16_t *)(uintptr_t)stage.document->place;
    for (uint32_t p = 0; p < stage.document->partitions; p++) {
        for (uint32_t i = 0; i < nodes; i++)
            place[p * nodes + i] = (uint16_t)(i + 1 < nodes ? i + 1 : RING_NOBODY);
    }
}

void start(void)
{
    struct event ev = stage_event(&stage, EV_BYTES);

    stage_step(&stage);
    put = put_new(&env, PUT_ID, (struct asker){ASKER_SESSION, 1, 2}, &request, &ev, &stage.out);
    look();
}

void end(void)
{
    put_free(put);
    stage_end(&stage);
}

static void step(const struct event *ev)
{
    stage_step(&stage);
    if (!put->done)
        put_step(put, &env, ev, &stage.out);
    look();
}

/* Completes the next operation of the store. */
static void complete(enum store_verb verb, enum err err)
{
    CHECK(stage.ops_count > 0);
    if (stage.ops_count == 0)
        return;
    CHECK_EQ(stage.ops[0].op.verb, verb);
    stage_complete(&stage, 0, err);
    look();
}

void loaded(void)
{
    complete(STORE_GET, ERR_OK);
}

void committed(enum err err)
{
    complete(STORE_COMMIT, err);
}

void ack_from(uint64_t node, uint64_t token, enum err err, bool durable)
{
    struct peer_msg msg = {.kind = PEER_PUT_ACK};
    struct event ev = stage_event(&stage, EV_PEER);

    msg.u.put_ack = (struct peer_put_ack){token, err, durable, 0};
    ev.u.peer.from = node;
    ev.u.peer.msg = &msg;
    step(&ev);
}

void ack(uint64_t node, enum err err, bool durable)
{
    ack_from(node, tokens[node], err, durable);
}

void peer_said(uint64_t node, uint64_t token, enum reply_kind kind, enum err err)
{
    struct peer_msg msg = {.kind = PEER_FORWARDED};
    struct event ev = stage_event(&stage, EV_PEER);

    msg.u.forwarded.token = token;
    msg.u.forwarded.reply = (struct reply){.kind = kind, .err = err};
    ev.u.peer.from = node;
    ev.u.peer.msg = &msg;
    step(&ev);
}

void was_read(enum reply_kind kind, enum err err, const struct object *object)
{
    struct reply reply = {.kind = kind, .err = err, .object = object, .have = 1, .need = 2};
    struct event ev = stage_event(&stage, EV_REPLY);

    ev.u.reply.reply = &reply;
    step(&ev);
}

void link_down(uint64_t node)
{
    struct event ev = stage_event(&stage, EV_LINK_DOWN);

    ev.u.link.node = node;
    step(&ev);
}

void deadline(void)
{
    stage.now_us = put->deadline_us;
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

struct object *stored(void)
{
    struct stage_row *row = stage_row(&stage, FAMILY_OBJECT, stage_row_key(&stage, &key));

    return row == NULL || row->value == NULL ? NULL
                                             : stage_decode(&stage, &key, blob_bytes(row->value));
}

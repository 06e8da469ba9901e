/* SPDX-License-Identifier: Apache-2.0 */
#include "pb_client.h"

#include "base/blob.h"
#include "wire/pb_frame.h"

void client_init(struct client *c)
{
    const struct props props = {.n_val = 3, .r = QUORUM_QUORUM, .w = QUORUM_QUORUM};

    memset(c, 0, sizeof(*c));
    c->types[0] = (struct bucket_type){.name = TYPE_DEFAULT, .active = true, .props = props};
    c->types[1] = (struct bucket_type){.name = BYTES_LIT("plain"), .active = true, .props = props};
    c->types[2] = (struct bucket_type){.name = BYTES_LIT("unready"), .props = props};
    c->member = (struct member){.id = 1, .name = BYTES_LIT("dassie@host")};
    c->document.types = c->types;
    c->document.types_count = 3;
    c->document.members = &c->member;
    c->document.members_count = 1;
    c->view.document = &c->document;
    c->view.self = 1;
    config_init(&c->config);
    c->env = (struct session_env){.view = &c->view, .config = &c->config, .ready = true};
    outbox_init(&c->out);
    arena_init(&c->arena);
    buf_init(&c->said, 16 * 1024 * 1024);
    buf_init(&c->bytes, 256 * 1024 * 1024);
    c->pb = pb_session_new(CLIENT_CONN);
}

void client_done(struct client *c)
{
    pb_session_free(c->pb);
    outbox_done(&c->out);
    arena_done(&c->arena);
    buf_done(&c->said);
    buf_done(&c->bytes);
}

static void word(struct client *c, const char *text)
{
    if (c->said.len > 0)
        buf_put_str(&c->said, " ");
    buf_put_str(&c->said, text);
}

static void note_request(struct client *c, uint64_t seq, const struct request *request)
{
    static const char *const kinds[] = {
        [REQUEST_GET] = "get",
        [REQUEST_PUT] = "put",
        [REQUEST_DELETE] = "delete",
        [REQUEST_LIST_KEYS] = "keys",
        [REQUEST_LIST_BUCKETS] = "buckets",
        [REQUEST_SET_PROPS] = "props",
        [REQUEST_ADMIN] = "admin",
        [REQUEST_SWEEP] = "sweep",
    };

    word(c, kinds[request->kind]);
    buf_put_str(&c->said, " ");
    buf_put(&c->said, request->key.type);
    buf_put_str(&c->said, "/");
    buf_put(&c->said, request->key.bucket);
    buf_put_str(&c->said, "/");
    buf_put(&c->said, request->key.key.data == NULL ? BYTES_LIT("(none)") : request->key.key);
    c->seq = seq;
    c->request = *request;
    arena_reset(&c->arena);
    if (request->kind == REQUEST_SET_PROPS)
        c->request.u.props.overlay = arena_copy(&c->arena, request->u.props.overlay);
}

/* The frames of one output. A frame never spans two. */
static void note_bytes(struct client *c, struct bytes bytes)
{
    struct pb_stream stream;
    struct pb_frame frame;

    buf_put(&c->bytes, bytes);
    pb_stream_init(&stream, 256 * 1024 * 1024);
    if (pb_stream_feed(&stream, bytes) != ERR_OK)
        word(c, "unreadable");
    while (pb_stream_next(&stream, &frame) == PB_CUT_FRAME) {
        word(c, "[");
        buf_put_dec(&c->said, frame.code);
        if (frame.code == 0 && frame.body.len > 2) {
            struct reader r = reader_of(frame.body);
            struct pb_field text;
            if (pb_next(&r, &text)) {
                buf_put_str(&c->said, " ");
                buf_put(&c->said, text.bytes);
            }
        }
        buf_put_str(&c->said, "]");
    }
    if (pb_stream_unread(&stream) > 0)
        word(c, "rest");
    pb_stream_done(&stream);
}

static void note(struct client *c, const struct output *output)
{
    if (output->kind == OUT_BYTES) {
        note_bytes(c, blob_bytes(output->u.bytes.blob));
    } else if (output->kind == OUT_REQUEST) {
        note_request(c, output->u.request.seq, &output->u.request.request);
    } else if (output->kind == OUT_MORE) {
        word(c, output->u.request.seq == c->seq ? "more" : "more of what?");
    } else if (output->kind == OUT_GONE) {
        word(c, output->u.request.seq == c->seq ? "gone" : "gone what?");
    } else if (output->kind == OUT_CLOSE) {
        word(c, output->u.conn == CLIENT_CONN ? "closed" : "closed another");
        c->closed = true;
    } else if (output->kind != OUT_TRACE) {
        word(c, "something else");
    }
}

static void step(struct client *c, struct event *ev)
{
    outbox_reset(&c->out);
    ev->conn = CLIENT_CONN;
    ev->mono_us = ++c->now_us;
    pb_session_step(c->pb, &c->env, ev, &c->out);
    for (size_t i = 0; i < c->out.count; i++)
        note(c, &c->out.items[i]);
}

void client_send(struct client *c, struct bytes bytes)
{
    struct event ev = {.kind = EV_BYTES, .u.bytes = bytes};

    step(c, &ev);
}

void client_reply(struct client *c, const struct reply *reply)
{
    struct event ev = {.kind = EV_REPLY, .u.reply = {c->seq, reply}};

    step(c, &ev);
}

void client_writable(struct client *c, uint64_t room)
{
    struct event ev = {.kind = EV_WRITABLE, .u.room = room};

    step(c, &ev);
}

void client_event(struct client *c, enum event_kind kind)
{
    struct event ev = {.kind = kind};

    step(c, &ev);
}

void client_frame(struct client *c, uint8_t code, struct bytes body)
{
    struct buf frame;

    buf_init(&frame, body.len + 64);
    buf_put_be32(&frame, (uint32_t)body.len + 1);
    buf_put_u8(&frame, code);
    buf_put(&frame, body);
    client_send(c, buf_bytes(&frame));
    buf_done(&frame);
}

const char *client_said(struct client *c)
{
    buf_put_u8(&c->said, 0);
    c->said.len = 0;
    c->bytes.len = 0;
    return (const char *)c->said.data;
}

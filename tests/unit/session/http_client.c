/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client.h"

#include "base/blob.h"
#include "base/mem.h"
#include "model/key.h"
#include "tap.h"

void http_client_init(struct http_client *c, bool loopback)
{
    memset(c, 0, sizeof(*c));
    c->types[0] =
        (struct bucket_type){.name = TYPE_DEFAULT, .active = true, .props = props_default(false)};
    c->types[1] = (struct bucket_type){
        .name = BYTES_LIT("plain"), .active = true, .props = props_default(true)};
    c->types[2] = (struct bucket_type){.name = BYTES_LIT("unready"), .props = props_default(true)};
    c->member = (struct member){.id = 1, .name = BYTES_LIT("dassie@127.0.0.1")};
    c->document.types = c->types;
    c->document.types_count = 3;
    c->document.members = &c->member;
    c->document.members_count = 1;
    c->view_members[0] = (struct view_member){.id = 1, .up = true};
    c->view.document = &c->document;
    c->view.self = 1;
    c->view.members = c->view_members;
    c->view.members_count = 1;
    config_init(&c->config);
    c->stats = mem_new(sizeof(*c->stats));
    c->env = (struct session_env){
        .view = &c->view, .stats = c->stats, .config = &c->config, .ready = true};
    outbox_init(&c->out);
    arena_init(&c->arena);
    buf_init(&c->said, 16 * 1024 * 1024);
    buf_init(&c->bytes, 256 * 1024 * 1024);
    c->mono_us = 1000;
    c->http = http_session_new(HTTP_CLIENT_CONN, loopback);
}

void http_client_done(struct http_client *c)
{
    http_session_free(c->http);
    outbox_done(&c->out);
    arena_done(&c->arena);
    buf_done(&c->said);
    buf_done(&c->bytes);
    mem_free(c->stats);
}

static void word(struct http_client *c, const char *text)
{
    if (c->said.len > 0)
        buf_put_str(&c->said, " ");
    buf_put_str(&c->said, text);
}

static void note_request(struct http_client *c, uint64_t seq, const struct request *request)
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
    struct bytes key = request->key.key;

    word(c, kinds[request->kind]);
    buf_put_str(&c->said, " ");
    buf_put(&c->said, request->key.type);
    buf_put_str(&c->said, "/");
    buf_put(&c->said, request->key.bucket);
    buf_put_str(&c->said, "/");
    buf_put(&c->said, key.data == NULL ? BYTES_LIT("(none)") : key);
    c->seq = seq;
    c->request = *request;
    arena_reset(&c->arena);
    if (request->kind == REQUEST_SET_PROPS)
        c->request.u.props.overlay = arena_copy(&c->arena, request->u.props.overlay);
    if (request->kind == REQUEST_PUT)
        c->request.u.put.content = content_copy(&c->arena, &request->u.put.content);
}

static void note_setting(struct http_client *c, const struct output *output)
{
    word(c, "set ");
    buf_put(&c->said, output->u.setting.name);
    buf_put_str(&c->said, "=");
    buf_put(&c->said, output->u.setting.value);
}

static void note(struct http_client *c, const struct output *output)
{
    bool mine = output->u.request.seq == c->seq && output->u.request.conn == HTTP_CLIENT_CONN;

    if (output->kind == OUT_BYTES) {
        buf_put(&c->bytes, blob_bytes(output->u.bytes.blob));
        if (c->closed)
            word(c, "bytes after the end");
    } else if (output->kind == OUT_REQUEST) {
        note_request(c, output->u.request.seq, &output->u.request.request);
    } else if (output->kind == OUT_MORE) {
        word(c, mine ? "more" : "more of what?");
    } else if (output->kind == OUT_GONE) {
        word(c, mine ? "gone" : "gone what?");
    } else if (output->kind == OUT_CLOSE) {
        word(c, output->u.conn == HTTP_CLIENT_CONN ? "closed" : "closed another");
        c->closed = true;
    } else if (output->kind == OUT_SETTING) {
        note_setting(c, output);
    } else if (output->kind != OUT_TRACE) {
        word(c, "something else");
    }
}

static void step(struct http_client *c, struct event *ev)
{
    outbox_reset(&c->out);
    ev->conn = HTTP_CLIENT_CONN;
    ev->mono_us = c->mono_us;
    ev->wall_us = HTTP_CLIENT_WALL_US;
    http_session_step(c->http, &c->env, ev, &c->out);
    for (size_t i = 0; i < c->out.count; i++)
        note(c, &c->out.items[i]);
}

void http_client_send(struct http_client *c, struct bytes bytes)
{
    struct event ev = {.kind = EV_BYTES, .u.bytes = bytes};

    step(c, &ev);
}

void http_client_say(struct http_client *c, const char *text)
{
    http_client_send(c, bytes_str(text));
}

void http_client_reply(struct http_client *c, const struct reply *reply)
{
    struct event ev = {.kind = EV_REPLY, .u.reply = {c->seq, reply}};

    step(c, &ev);
}

void http_client_writable(struct http_client *c, uint64_t room)
{
    struct event ev = {.kind = EV_WRITABLE, .u.room = room};

    step(c, &ev);
}

void http_client_event(struct http_client *c, enum event_kind kind)
{
    struct event ev = {.kind = kind};

    step(c, &ev);
}

void http_client_forget(struct http_client *c)
{
    buf_reset(&c->said);
    buf_reset(&c->bytes);
}

const char *http_client_words(struct http_client *c)
{
    buf_put_u8(&c->said, 0);
    c->said.len = 0;
    return (const char *)c->said.data;
}

const char *http_client_text(struct http_client *c)
{
    buf_put_u8(&c->bytes, 0);
    c->bytes.len--;
    return (const char *)c->bytes.data;
}

bool http_client_has(const struct http_client *c, const char *part)
{
    size_t len = strlen(part);

    for (size_t at = 0; at + len <= c->bytes.len; at++) {
        if (memcmp(c->bytes.data + at, part, len) == 0)
            return true;
    }
    return false;
}

bool http_client_got(struct http_client *c, const char *part)
{
    if (http_client_has(c, part))
        return true;
    tap_note("not said: %s", part);
    tap_note("but: %.2000s", http_client_text(c));
    return false;
}

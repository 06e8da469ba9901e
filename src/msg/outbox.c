/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/outbox.h"

#include "base/check.h"
#include "base/mem.h"

enum { OUTBOX_FIRST_ITEMS = 64 };

void outbox_init(struct outbox *out)
{
    arena_init(&out->arena);
    out->items = NULL;
    out->count = 0;
    out->cap = 0;
}

static void output_done(struct output *output)
{
    switch (output->kind) {
    case OUT_SEND: blob_unref(output->u.send.holds); break;
    case OUT_STORE:
        for (uint32_t i = 0; i < output->u.store.rows_count; i++)
            blob_unref(output->u.store.rows[i].value);
        break;
    case OUT_BYTES: blob_unref(output->u.bytes.blob); break;
    case OUT_VNODE: blob_unref(output->u.vnode.news.record); break;
    case OUT_NONE:
    case OUT_CLOSE:
    case OUT_PEER:
    case OUT_DIAL:
    case OUT_UNLINK:
    case OUT_TRACE:
    case OUT_SETTING:
    case OUT_HALT:
    case OUT_REPLY:
    case OUT_REQUEST:
    case OUT_MORE:
    case OUT_GONE: break;
    }
    output->kind = OUT_NONE;
}

void outbox_reset(struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++)
        output_done(&out->items[i]);
    out->count = 0;
    arena_reset(&out->arena);
}

void outbox_done(struct outbox *out)
{
    outbox_reset(out);
    arena_done(&out->arena);
    mem_free(out->items);
    outbox_init(out);
}

struct output *outbox_add(struct outbox *out, enum output_kind kind)
{
    ASSERT(kind != OUT_NONE);
    if (out->count == out->cap) {
        out->cap = out->cap == 0 ? OUTBOX_FIRST_ITEMS : out->cap * 2;
        out->items = mem_resize(out->items, out->cap * sizeof(out->items[0]));
    }
    struct output *output = &out->items[out->count++];
    memset(output, 0, sizeof(*output));
    output->kind = kind;
    return output;
}

struct peer_msg *outbox_send(struct outbox *out, uint64_t to, enum peer_kind kind)
{
    struct output *output = outbox_add(out, OUT_SEND);

    ASSERT(to != 0);
    output->u.send.to = to;
    output->u.send.msg.kind = kind;
    return &output->u.send.msg;
}

void outbox_bytes(struct outbox *out, uint64_t conn, struct bytes bytes)
{
    outbox_blob(out, conn, blob_copy(bytes));
}

void outbox_blob(struct outbox *out, uint64_t conn, struct blob *blob)
{
    struct output *output = outbox_add(out, OUT_BYTES);

    output->u.bytes.conn = conn;
    output->u.bytes.blob = blob;
}

void outbox_trace(struct outbox *out, enum trace_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
    outbox_add(out, OUT_TRACE)->u.trace = (struct trace){kind, {a, b, c}};
}

struct reply *outbox_reply(struct outbox *out, struct asker to, enum reply_kind kind)
{
    struct output *output = outbox_add(out, OUT_REPLY);

    output->u.reply.to = to;
    output->u.reply.reply.kind = kind;
    return &output->u.reply.reply;
}

void outbox_error(struct outbox *out, struct asker to, enum err err, uint32_t have, uint32_t need)
{
    struct reply *reply = outbox_reply(out, to, REPLY_ERROR);

    ASSERT(err != ERR_OK);
    reply->err = err;
    reply->have = have;
    reply->need = need;
}

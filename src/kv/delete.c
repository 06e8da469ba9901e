/* SPDX-License-Identifier: Apache-2.0 */
/* A delete: a read for the context when the client gave none, then the write of a tombstone. Both
 * are done by machines of their own; this one only carries the story.
 *
 *   NEW --no context--> READ --object found--> WRITE --written--> DONE
 *    '--context--> WRITE        '--nothing there--> DONE (not found)
 *
 * Invariant: the asker hears exactly one answer. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/machines.h"
#include "model/expiry.h"
#include "msg/limits.h"

enum delete_state { DELETE_NEW, DELETE_READ, DELETE_WRITE, DELETE_DONE };

struct delete
{
    struct machine m;
    enum delete_state state;
    struct key key;
    struct request_options options;
    struct condition condition;
};

static struct delete *delete_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_DELETE);
    return CONTAINER_OF(machine, struct delete, m);
}

static void delete_enter(struct delete *d, enum delete_state state)
{
    static const uint8_t may[] = {
        [DELETE_NEW] = 1 << DELETE_READ | 1 << DELETE_WRITE | 1 << DELETE_DONE,
        [DELETE_READ] = 1 << DELETE_WRITE | 1 << DELETE_DONE,
        [DELETE_WRITE] = 1 << DELETE_DONE,
        [DELETE_DONE] = 0,
    };

    ASSERT((may[d->state] >> state & 1) != 0);
    d->state = state;
    d->m.done = state == DELETE_DONE;
}

static struct request *delete_ask(struct delete *d, enum request_kind kind, struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_REQUEST);
    struct request *request = &output->u.request.request;

    output->u.request.machine = d->m.id;
    request->kind = kind;
    request->key = d->key;
    request->options = d->options;
    return request;
}

/* Riak's choice: the read takes `r` (or the bucket's) when r or w was sent, else rw (or the
 * bucket's). */
static void delete_read(struct delete *d, struct outbox *out)
{
    struct request *request = delete_ask(d, REQUEST_GET, out);
    struct request_options *options = &request->options;
    bool either = options->r != QUORUM_DEFAULT || options->w != QUORUM_DEFAULT;

    if (!either)
        options->r = options->rw;
    options->node_confirms = QUORUM_DEFAULT;
    delete_enter(d, DELETE_READ);
}

/* The write takes `w` when it was sent, else rw (or the bucket's). */
static void delete_write(struct delete *d, struct clock context, struct outbox *out)
{
    struct request *request = delete_ask(d, REQUEST_PUT, out);

    if (request->options.w == QUORUM_DEFAULT)
        request->options.w = request->options.rw;
    request->u.put.context = context;
    request->u.put.deleted = true;
    request->u.put.condition = d->condition;
    delete_enter(d, DELETE_WRITE);
}

static void delete_end(struct delete *d, enum err err, const struct event *ev, struct outbox *out)
{
    outbox_trace(out, TRACE_DELETE_DONE, ev->mono_us - d->m.started_us, (uint64_t)err, 0);
    delete_enter(d, DELETE_DONE);
}

static void delete_pass(struct delete *d, const struct reply *theirs, const struct event *ev,
                        struct outbox *out)
{
    struct reply *reply = outbox_reply(out, d->m.asker, theirs->kind);

    *reply = *theirs;
    if (theirs->kind == REPLY_OBJECT) {
        reply->kind = REPLY_DONE;
        reply->object = NULL;
    }
    delete_end(d, theirs->err, ev, out);
}

static void delete_on_read(struct delete *d, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct reply *reply = ev->u.reply.reply;
    uint64_t cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);

    if (reply->kind != REPLY_OBJECT) {
        delete_pass(d, reply, ev, out);
        return;
    }
    const struct object *shown = object_shown(&d->m.arena, reply->object, cutoff_us);
    if (object_deleted(shown)) {
        outbox_error(out, d->m.asker, ERR_NOT_FOUND, 0, 0);
        out->items[out->count - 1].u.reply.reply.object = reply->object;
        delete_end(d, ERR_NOT_FOUND, ev, out);
    } else {
        delete_write(d, clock_copy(&d->m.arena, reply->object->clock), out);
    }
}

void delete_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                 struct outbox *out)
{
    struct delete *d = delete_of(machine);

    if (ev->kind == EV_DEADLINE) {
        outbox_error(out, d->m.asker, ERR_TIMEOUT, 0, 0);
        delete_end(d, ERR_TIMEOUT, ev, out);
        return;
    }
    if (ev->kind != EV_REPLY)
        return;
    switch (d->state) {
    case DELETE_READ: delete_on_read(d, env, ev, out); break;
    case DELETE_WRITE: delete_pass(d, ev->u.reply.reply, ev, out); break;
    case DELETE_NEW:
    case DELETE_DONE: UNREACHABLE();
    }
}

/* The bucket's rw; without a bucket the read or the write says why. */
static uint32_t bucket_rw(const struct view *view, const struct key *key)
{
    const struct props *props =
        view->document == NULL ? NULL : document_props(view->document, key->type, key->bucket);

    return props == NULL ? QUORUM_DEFAULT : props->rw;
}

struct machine *delete_new(const struct kv_env *env, uint64_t id, struct asker asker,
                           const struct request *request, const struct event *ev,
                           struct outbox *out)
{
    struct delete *d = mem_new(sizeof(*d));

    ASSERT(request->kind == REQUEST_DELETE);
    machine_begin(&d->m, MACHINE_DELETE, id, asker, request->options.timeout_ms, ev);
    d->key = key_copy(&d->m.arena, &request->key);
    d->options = request->options;
    if (d->options.rw == QUORUM_DEFAULT)
        d->options.rw = bucket_rw(env->view, &request->key);
    d->condition = condition_copy(&d->m.arena, &request->u.del.condition);
    if (request->u.del.has_context)
        delete_write(d, clock_copy(&d->m.arena, request->u.del.context), out);
    else
        delete_read(d, out);
    return &d->m;
}

void delete_free(struct machine *machine)
{
    struct delete *d = delete_of(machine);

    arena_done(&d->m.arena);
    mem_free(d);
}

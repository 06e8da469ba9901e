/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/caller.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/node.h"
#include "sim/speak_http.h"
#include "sim/speak_pb.h"

enum { STREAM_BYTES_MAX = 64 * 1024 * 1024, PATIENCE_US = 8000000 };

bool caller_busy(const struct caller *caller)
{
    return caller->count > 0;
}

/* Tells that the first question is over, or goes on. */
static void tell(struct world *w, struct caller *caller, const struct answer *answer)
{
    struct asked asked = caller->questions[caller->first];

    ASSERT(caller->count > 0);
    if (answer == NULL || !answer->more) {
        caller->first = (caller->first + 1) % CALLER_QUESTIONS_MAX;
        caller->count--;
    }
    if (caller->count > 0)
        world_after(w, &caller->give_up, caller->patience_us);
    else
        world_cancel(w, &caller->give_up);
    caller->heard(w, caller, asked.note, answer);
}

static void lose_all(struct world *w, struct caller *caller)
{
    uint32_t open = caller->count;

    buf_reset(&caller->stream);
    while (open-- > 0)
        tell(w, caller, NULL);
}

static void on_closed(struct world *w, struct socket_user *user)
{
    struct caller *caller = CONTAINER_OF(user, struct caller, user);

    caller->socket = NULL;
    lose_all(w, caller);
}

/* Reset, but for the large tables. */
static void clear(struct answer *answer)
{
    answer->failed = false;
    answer->error = BYTES_NONE;
    answer->not_found = false;
    answer->vclock = BYTES_NONE;
    answer->count = 0;
    answer->names_count = 0;
    answer->more = false;
    answer->big_vclock = 0;
    answer->status = 0;
    answer->body = BYTES_NONE;
}

static enum taken take(struct caller *caller, struct arena *arena, size_t *ret_size)
{
    struct question question = {.ask = caller->questions[caller->first].ask};
    struct bytes bytes = buf_bytes(&caller->stream);

    clear(&caller->answer);
    switch (caller->kind) {
    case CONN_PB: return speak_pb_take(bytes, &question, &caller->answer, ret_size);
    case CONN_HTTP: return speak_http_take(bytes, &question, arena, &caller->answer, ret_size);
    }
    UNREACHABLE();
}

static void on_bytes(struct world *w, struct socket_user *user, struct bytes bytes)
{
    struct caller *caller = CONTAINER_OF(user, struct caller, user);
    const struct socket *socket = caller->socket;
    struct arena arena;
    size_t size = 0;

    buf_put(&caller->stream, bytes);
    ASSERT(!caller->stream.overflow);
    while (!w->failed && caller->socket == socket && caller->stream.len > 0) {
        if (caller->count == 0) {
            world_fail(w, "%s %u got an answer that it did not ask for", caller->who,
                       caller->number);
            return;
        }
        arena_init(&arena);
        enum taken taken = take(caller, &arena, &size);
        if (taken == TAKEN_NONSENSE)
            world_fail(w, "%s %u got an answer that is none", caller->who, caller->number);
        if (taken == TAKEN_ONE) {
            /* The views live until the stream is cut. */
            tell(w, caller, &caller->answer);
            if (caller->socket == socket)
                buf_consume(&caller->stream, size);
        }
        arena_done(&arena);
        if (taken == TAKEN_MORE)
            return;
    }
}

static void give_up(struct world *w, struct timer *timer)
{
    struct caller *caller = CONTAINER_OF(timer, struct caller, give_up);

    if (w->ending)
        return;
    world_trace(w, caller->who, caller->number, "gives up on node %u", caller->node);
    w->tally.given_up++;
    /* What was asked in peace is answered. */
    if (w->healed_us != 0 && caller->questions[caller->first].at_us > w->healed_us)
        world_fail(w, "%s %u is not answered by node %u", caller->who, caller->number,
                   caller->node);
    caller_drop(w, caller, false);
}

void caller_init(struct caller *caller, const char *who, unsigned number, caller_heard_fn *heard)
{
    memset(caller, 0, sizeof(*caller));
    caller->user.bytes = on_bytes;
    caller->user.closed = on_closed;
    caller->give_up.run = give_up;
    caller->patience_us = PATIENCE_US;
    caller->heard = heard;
    caller->who = who;
    caller->number = number;
    buf_init(&caller->stream, STREAM_BYTES_MAX);
}

void caller_done(struct world *w, struct caller *caller)
{
    world_cancel(w, &caller->give_up);
    buf_done(&caller->stream);
}

void caller_drop(struct world *w, struct caller *caller, bool abrupt)
{
    if (caller->socket == NULL)
        return;
    socket_drop(w, caller->socket, abrupt);
    caller->socket = NULL;
    lose_all(w, caller);
}

bool caller_connect(struct world *w, struct caller *caller, unsigned node, enum conn_kind kind)
{
    caller_drop(w, caller, false);
    if (!node_up(w->nodes[node]))
        return false;
    caller->node = node;
    caller->kind = kind;
    caller->socket = socket_open(w, node, kind, &caller->user);
    return true;
}

void caller_ask(struct world *w, struct caller *caller, const struct question *question, void *note,
                bool part)
{
    struct buf buf;

    ASSERT(caller->socket != NULL);
    ASSERT(caller->count < CALLER_QUESTIONS_MAX);
    buf_init(&buf, STREAM_BYTES_MAX);
    if (caller->kind == CONN_PB)
        speak_pb_put(&buf, question);
    else
        speak_http_put(&buf, question);
    struct bytes bytes = buf_bytes(&buf);
    if (part)
        bytes = bytes_sub(bytes, 0, 1 + random_below(&w->random, bytes.len - 1));
    socket_send(w, caller->socket, bytes);
    buf_done(&buf);
    caller->questions[(caller->first + caller->count++) % CALLER_QUESTIONS_MAX] =
        (struct asked){question->ask, note, w->now_us};
    world_after(w, &caller->give_up, caller->patience_us);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a Protocol Buffers connection: bytes in, one request at a time, answers out. What is
 * asked and answered stands in pb_serve.c and pb_answer.c. */
#include "session/pb.h"

#include "base/check.h"
#include "base/mem.h"
#include "session/pb_int.h"
#include "wire/pb_encode.h"
#include "wire/reply_error.h"

enum { PB_SCRATCH_BYTES_MAX = 4 * 1024 * 1024 }; /* holds the largest context that there can be */

static void check(const struct pb_session *pb)
{
    ASSERT(pb->state == PB_IDLE || pb->state == PB_CLOSED || pb->seq > 0);
    ASSERT(pb->state != PB_STALLED || pb->form.stream);
    ASSERT(pb->names.len == 0 || (pb->state == PB_LISTING && !pb->form.stream));
    ASSERT(pb->deadline_us == 0 || pb->state == PB_IDLE);
    ASSERT(pb->client_id_len <= sizeof(pb->client_id));
}

void pb_enter(struct pb_session *pb, enum pb_state state)
{
#define TO(s) (1u << PB_##s)
    static const unsigned allowed[] = {
        [PB_IDLE] = TO(ASKED) | TO(LISTING) | TO(CLOSED),
        [PB_ASKED] = TO(IDLE) | TO(CLOSED),
        [PB_LISTING] = TO(STALLED) | TO(IDLE) | TO(CLOSED),
        [PB_STALLED] = TO(LISTING) | TO(CLOSED),
        [PB_CLOSED] = 0,
    };
#undef TO

    ASSERT((allowed[pb->state] & 1u << state) != 0);
    pb->state = state;
    if (state == PB_IDLE || state == PB_CLOSED)
        buf_done(&pb->names);
    if (state == PB_CLOSED)
        pb->deadline_us = 0;
    check(pb);
}

struct pb_session *pb_session_new(uint64_t conn)
{
    struct pb_session *pb = mem_new(sizeof(*pb));

    pb->state = PB_IDLE;
    pb->conn = conn;
    pb->turn = SESSION_PIPELINE_MAX;
    pb->client_id_len = 4; /* four zeros, until the client says otherwise */
    pb_stream_init(&pb->input, SESSION_INPUT_MAX);
    session_output_init(&pb->output, conn);
    buf_init(&pb->scratch, PB_SCRATCH_BYTES_MAX);
    buf_init(&pb->names, SESSION_LIST_BYTES_MAX);
    check(pb);
    return pb;
}

void pb_session_free(struct pb_session *pb)
{
    if (pb == NULL)
        return;
    pb_stream_done(&pb->input);
    session_output_done(&pb->output);
    buf_done(&pb->scratch);
    buf_done(&pb->names);
    mem_free(pb);
}

uint32_t pb_session_waiting(const struct pb_session *pb)
{
    return pb->state == PB_IDLE || pb->state == PB_CLOSED ? 0 : 1;
}

uint64_t pb_session_deadline_us(const struct pb_session *pb)
{
    return pb->deadline_us;
}

void pb_let_go(struct pb_session *pb, struct outbox *out)
{
    if (pb_session_waiting(pb) == 0)
        return;
    struct output *gone = outbox_add(out, OUT_GONE);
    gone->u.request.conn = pb->conn;
    gone->u.request.seq = pb->seq;
}

void pb_close(struct pb_session *pb, struct outbox *out)
{
    session_output_flush(&pb->output, out);
    pb_let_go(pb, out);
    outbox_add(out, OUT_CLOSE)->u.conn = pb->conn;
    pb_enter(pb, PB_CLOSED);
}

static void ask_more(struct pb_session *pb, struct outbox *out)
{
    struct output *more = outbox_add(out, OUT_MORE);

    ASSERT(pb->state == PB_LISTING);
    more->u.request.conn = pb->conn;
    more->u.request.seq = pb->seq;
}

void pb_crash(struct pb_session *pb, uint8_t code, struct outbox *out)
{
    struct buf *text = &pb->scratch;

    buf_reset(text);
    buf_put_str(text, "{malformed_message,");
    buf_put_dec(text, code);
    buf_put_str(text, "}");
    const struct reply reply = {
        .kind = REPLY_ERROR,
        .err = ERR_MALFORMED,
        .text = arena_copy(&out->arena, buf_bytes(text)),
    };
    outbox_trace(out, TRACE_PROTOCOL_ERROR, ERR_MALFORMED, code, 0);
    pb_say_error(pb, &reply, out);
    pb_close(pb, out);
}

static void on_frame(struct pb_session *pb, const struct session_env *env,
                     const struct pb_frame *frame, struct outbox *out)
{
    struct pb_call call;

    ASSERT(pb->state == PB_IDLE);
    buf_reset(&pb->scratch);
    if (!pb_code_known(frame->code)) {
        buf_put_str(&pb->scratch, "Unknown message code: ");
        buf_put_dec(&pb->scratch, frame->code);
        pb_say_text(pb, buf_bytes(&pb->scratch), out);
        return;
    }
    enum err err = pb_decode(&out->arena, frame->code, frame->body, &call, &pb->scratch);
    if (err == ERR_OK)
        pb_serve(pb, env, &call, out);
    else if (err == ERR_BAD_REQUEST)
        pb_say_text(pb, buf_bytes(&pb->scratch), out);
    else if (err == ERR_MALFORMED)
        pb_crash(pb, frame->code, out);
    else
        pb_say_err(pb, err, out);
}

/* Nothing that comes after such a length can be read. */
static void on_bad_length(struct pb_session *pb, enum pb_cut cut, struct outbox *out)
{
    outbox_trace(out, TRACE_PROTOCOL_ERROR, ERR_MALFORMED, 0, 0);
    if (cut == PB_CUT_INVALID)
        pb_say_text(pb, BYTES_LIT("Invalid message packet, reason: invalid"), out);
    pb_close(pb, out);
}

static void on_too_large(struct pb_session *pb, uint64_t size, struct outbox *out)
{
    const struct reply reply = {.kind = REPLY_ERROR, .err = ERR_TOO_LARGE, .size = size};

    pb_say_error(pb, &reply, out);
}

/* Serves what was read, until a request must wait for the database, too much is unsent, or others
 * should have their turn. */
static void serve_input(struct pb_session *pb, const struct session_env *env,
                        const struct event *ev, struct outbox *out)
{
    struct pb_frame frame;

    pb->deadline_us = 0;
    while (pb->state == PB_IDLE && !pb->stopping && !session_output_full(&pb->output)) {
        if (pb->turn == 0) {
            pb->deadline_us = pb_stream_unread(&pb->input) > 0 ? ev->mono_us + 1 : 0;
            return;
        }
        enum pb_cut cut = pb_stream_next(&pb->input, &frame);
        switch (cut) {
        case PB_CUT_FRAME: on_frame(pb, env, &frame, out); break;
        case PB_CUT_MORE: return;
        case PB_CUT_TOO_LARGE: on_too_large(pb, frame.size, out); break;
        case PB_CUT_EMPTY:
        case PB_CUT_INVALID: on_bad_length(pb, cut, out); break;
        }
        pb->turn--;
    }
}

static void on_bytes(struct pb_session *pb, const struct session_env *env, const struct event *ev,
                     struct outbox *out)
{
    struct bytes bytes = ev->u.bytes;
    bool listing = pb->state == PB_LISTING || pb->state == PB_STALLED;

    if (bytes.len == 0)
        return;
    if (listing && pb->form.stream) {
        pb_say_text(pb, BYTES_LIT("Cannot send another request while one is in progress"), out);
        pb_close(pb, out);
        return;
    }
    enum err err = pb_stream_feed(&pb->input, bytes);
    if (err == ERR_OK) {
        serve_input(pb, env, ev, out);
        err = pb_stream_keep(&pb->input);
    }
    if (err != ERR_OK && pb->state != PB_CLOSED) {
        outbox_trace(out, TRACE_PROTOCOL_ERROR, err, 0, 0);
        pb_say_text(pb, BYTES_LIT("Too many requests were sent without waiting"), out);
        pb_close(pb, out);
    }
}

static void on_writable(struct pb_session *pb, const struct session_env *env,
                        const struct event *ev, struct outbox *out)
{
    session_output_writable(&pb->output, ev->u.room);
    if (pb->state == PB_STALLED && !session_output_full(&pb->output)) {
        pb_enter(pb, PB_LISTING);
        ask_more(pb, out);
    }
    serve_input(pb, env, ev, out);
}

static void on_reply(struct pb_session *pb, const struct session_env *env, const struct event *ev,
                     struct outbox *out)
{
    bool wanted = pb->state == PB_ASKED || pb->state == PB_LISTING;

    if (!wanted || ev->u.reply.seq != pb->seq)
        return; /* of a request that was let go */
    pb_answer(pb, ev->u.reply.reply, out);
    if (pb->state == PB_LISTING) {
        if (pb->form.stream && session_output_full(&pb->output))
            pb_enter(pb, PB_STALLED);
        else
            ask_more(pb, out);
    }
    serve_input(pb, env, ev, out);
}

void pb_session_step(struct pb_session *pb, const struct session_env *env, const struct event *ev,
                     struct outbox *out)
{
    if (pb->state == PB_CLOSED)
        return;
    check(pb);
    pb->stopping = pb->stopping || env->stopping || ev->kind == EV_STOP;
    if (ev->kind == EV_CLOSED) {
        pb_let_go(pb, out);
        pb_enter(pb, PB_CLOSED);
        return;
    }
    if (ev->kind != EV_REPLY) /* which may come in the step of its request: no new turn */
        pb->turn = SESSION_PIPELINE_MAX;
    if (ev->kind == EV_BYTES)
        on_bytes(pb, env, ev, out);
    else if (ev->kind == EV_WRITABLE)
        on_writable(pb, env, ev, out);
    else if (ev->kind == EV_REPLY)
        on_reply(pb, env, ev, out);
    else if (ev->kind == EV_DEADLINE)
        serve_input(pb, env, ev, out);
    if (pb->state == PB_IDLE && pb->stopping)
        pb_close(pb, out);
    session_output_flush(&pb->output, out);
    check(pb);
}

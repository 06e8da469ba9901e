/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an HTTP connection.
 *
 *   READING --request complete, answered at once--> READING
 *      |    --request complete, core asked--> ASKED --reply--> READING
 *      |                                      ASKED --first chunk of a stream--> STREAMING
 *      |                                      STREAMING --last chunk--> READING
 *   any --last answer given, error, time-out, EV_CLOSED--> CLOSED
 *
 * Invariants:
 *   1. in ASKED and STREAMING exactly one request, number `seq`, is in flight; else none;
 *   2. bytes that come while one is in flight, or while too much is unsent, wait in `input`, at
 *      most SESSION_INPUT_MAX of them: a client that sends more ahead is cut off;
 *   3. there is a deadline only in READING, when some of a request has come: 30 seconds for a head,
 *      60 without a byte for a body. A connection on which nothing has begun may stay for ever,
 *      since clients keep such in pools;
 *   4. after CLOSED nothing is said. */
#include "session/http.h"

#include "base/check.h"
#include "base/mem.h"
#include "session/http_int.h"
#include "wire/http_in.h"

enum http_state { HTTP_READING, HTTP_ASKED, HTTP_STREAMING, HTTP_CLOSED };

enum { US_PER_S = 1000000, HEAD_TEXT_MAX = 128 * 1024 * 1024 };

struct http_session {
    uint64_t conn;
    bool loopback;
    bool stopping;
    enum http_state state;
    uint64_t seq;         /* of the request in flight, or of the last one */
    uint64_t begun_us;    /* when the first byte of what is being read came; 0: nothing has */
    uint64_t deadline_us; /* 0: none */
    struct http_in *in;
    struct buf input;
    size_t input_at; /* bytes of `input` that were read */
    struct session_output output;
    struct http_exchange exchange;
};

struct http_session *http_session_new(uint64_t conn, bool loopback)
{
    struct http_session *http = mem_new(sizeof(*http));

    http->conn = conn;
    http->loopback = loopback;
    http->state = HTTP_READING;
    http->in = http_in_new();
    buf_init(&http->input, SESSION_INPUT_MAX);
    session_output_init(&http->output, conn);
    arena_init(&http->exchange.arena);
    buf_init(&http->exchange.body, HTTP_BODY_BYTES_MAX);
    buf_init(&http->exchange.list.text, SESSION_LIST_BYTES_MAX);
    return http;
}

void http_session_free(struct http_session *http)
{
    if (http == NULL)
        return;
    http_in_free(http->in);
    buf_done(&http->input);
    session_output_done(&http->output);
    arena_done(&http->exchange.arena);
    buf_done(&http->exchange.body);
    buf_done(&http->exchange.list.text);
    mem_free(http);
}

uint64_t http_session_deadline_us(const struct http_session *http)
{
    return http->deadline_us;
}

uint32_t http_session_waiting(const struct http_session *http)
{
    return http->state == HTTP_ASKED || http->state == HTTP_STREAMING;
}

/* The invariants that hold between events. */
static void http_check(const struct http_session *http)
{
    ASSERT(http->input_at <= http->input.len);
    ASSERT(http->deadline_us == 0 || http->state == HTTP_READING);
    ASSERT(http->output.gathered.len == 0);
    ASSERT(http->state != HTTP_CLOSED || http->input.len == 0);
    ASSERT(http->state != HTTP_STREAMING || http->exchange.list.stream);
}

static void http_enter(struct http_session *http, enum http_state state)
{
    static const bool allowed[4][4] = {
        [HTTP_READING] = {[HTTP_ASKED] = true, [HTTP_CLOSED] = true},
        [HTTP_ASKED] = {[HTTP_READING] = true, [HTTP_STREAMING] = true, [HTTP_CLOSED] = true},
        [HTTP_STREAMING] = {[HTTP_READING] = true, [HTTP_CLOSED] = true},
    };

    ASSERT(allowed[http->state][state]);
    http->state = state;
    if (state != HTTP_READING)
        http->deadline_us = 0;
}

/* Whether there are bytes to read that came earlier. */
static bool has_input(const struct http_session *http)
{
    ASSERT(http->input_at <= http->input.len);
    return http->input_at < http->input.len;
}

/* What the exchange held is no longer needed. */
static void forget_exchange(struct http_exchange *exchange)
{
    arena_reset(&exchange->arena);
    buf_done(&exchange->body);
    buf_done(&exchange->list.text);
}

static void close_conn(struct http_session *http, struct outbox *out)
{
    session_output_flush(&http->output, out);
    outbox_add(out, OUT_CLOSE)->u.conn = http->conn;
    buf_done(&http->input);
    http->input_at = 0;
    http_enter(http, HTTP_CLOSED);
}

/* The end of an answer: the connection goes on, or it does not. */
static void finish(struct http_session *http, struct outbox *out, bool close)
{
    forget_exchange(&http->exchange);
    if (close)
        close_conn(http, out);
    else if (http->state != HTTP_READING)
        http_enter(http, HTTP_READING);
}

/* Whether the answer to the present request is the connection's last. */
static bool is_last(const struct http_session *http)
{
    return http->stopping || !http->exchange.request.keep_alive;
}

static void send_answer(struct http_session *http, struct http_turn *turn)
{
    struct http_way way = {
        .request = &http->exchange.request,
        .wall_s = turn->wall_us / US_PER_S,
        .close = is_last(http),
    };
    struct buf head;

    buf_init(&head, HEAD_TEXT_MAX);
    struct bytes body = http_answer_write(&turn->answer, &way, &http->exchange.arena, &head);
    ASSERT(!head.overflow);
    session_output_put(&http->output, buf_bytes(&head), turn->out);
    session_output_put(&http->output, body, turn->out);
    buf_done(&head);
    finish(http, turn->out, way.close);
}

static struct http_turn turn_of(struct http_session *http, const struct session_env *env,
                                const struct event *ev, struct outbox *out)
{
    struct http_turn turn = {
        .env = env,
        .out = out,
        .wall_us = ev->wall_us,
        .loopback = http->loopback,
        .exchange = &http->exchange,
    };

    http_answer_init(&turn.answer, 200);
    return turn;
}

/* A request has been read: answers it, or asks the core. */
static void on_request(struct http_session *http, const struct session_env *env,
                       const struct event *ev, struct outbox *out)
{
    struct http_exchange *exchange = &http->exchange;
    struct http_turn turn = turn_of(http, env, ev, out);

    ASSERT(http->state == HTTP_READING);
    http->begun_us = 0;
    exchange->list = (struct http_list){.text = exchange->list.text};
    exchange->if_not_modified = false;
    http_in_take(http->in, &exchange->arena, &exchange->body, &exchange->request);
    http_ask(&turn);
    if (turn.asks) {
        session_output_flush(&http->output, out); /* earlier answers stand before later ones */
        http->seq++;
        struct output *output = outbox_add(out, OUT_REQUEST);
        output->u.request.conn = http->conn;
        output->u.request.seq = http->seq;
        output->u.request.request = turn.request;
        http_enter(http, HTTP_ASKED);
    } else {
        send_answer(http, &turn);
    }
    http_answer_done(&turn.answer);
}

/* Says why what came is no request, and closes. */
static void refuse(struct http_session *http, const struct event *ev, struct outbox *out,
                   unsigned status)
{
    struct http_answer answer;
    struct http_way way = {.wall_s = ev->wall_us / US_PER_S, .close = true};
    struct buf head;

    http_answer_init(&answer, status);
    buf_init(&head, HEAD_TEXT_MAX);
    http_answer_page(&answer, status);
    struct bytes body = http_answer_write(&answer, &way, &http->exchange.arena, &head);
    session_output_put(&http->output, buf_bytes(&head), out);
    session_output_put(&http->output, body, out);
    buf_done(&head);
    http_answer_done(&answer);
    finish(http, out, true);
}

/* Reads one request from the bytes, or what there is of one; returns how many were used. */
static size_t read_some(struct http_session *http, const struct session_env *env,
                        const struct event *ev, struct outbox *out, struct bytes bytes)
{
    size_t used;

    switch (http_in_feed(http->in, bytes, &used)) {
    case HTTP_IN_MORE:
        if (http_in_expects(http->in))
            session_output_put(&http->output, BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n"), out);
        return used;
    case HTTP_IN_READY: on_request(http, env, ev, out); return used;
    case HTTP_IN_BAD:
        outbox_trace(out, TRACE_PROTOCOL_ERROR, ERR_MALFORMED, 0, 0);
        refuse(http, ev, out, http_in_problem(http->in));
        return used;
    }
    UNREACHABLE();
}

/* Whether the next request may be read. */
static bool may_read(const struct http_session *http)
{
    return http->state == HTTP_READING && !session_output_full(&http->output);
}

/* Reads what has waited. */
static void advance(struct http_session *http, const struct session_env *env,
                    const struct event *ev, struct outbox *out)
{
    while (may_read(http) && has_input(http)) {
        struct bytes bytes = bytes_sub(buf_bytes(&http->input), http->input_at, http->input.len);
        size_t used = read_some(http, env, ev, out, bytes);
        if (http->state == HTTP_CLOSED)
            return; /* and the input is gone */
        http->input_at += used;
    }
    if (!has_input(http)) {
        http->input_at = 0;
        if (http->input.cap > SESSION_INPUT_KEEP)
            buf_done(&http->input);
        else
            buf_reset(&http->input);
    }
}

static void on_bytes(struct http_session *http, const struct session_env *env,
                     const struct event *ev, struct outbox *out)
{
    struct bytes bytes = ev->u.bytes;

    /* Nothing has waited: the bytes need no copy, as long as they can be read at once. */
    while (bytes.len > 0 && !has_input(http) && may_read(http))
        bytes = bytes_sub(bytes, read_some(http, env, ev, out, bytes), bytes.len);
    if (bytes.len == 0 || http->state == HTTP_CLOSED)
        return;
    if (http->input_at > 0) {
        buf_consume(&http->input, http->input_at);
        http->input_at = 0;
    }
    buf_put(&http->input, bytes);
    if (http->input.overflow) {
        outbox_trace(out, TRACE_PROTOCOL_ERROR, ERR_TOO_LARGE, 0, 0);
        if (http_session_waiting(http) > 0) {
            struct output *output = outbox_add(out, OUT_GONE);
            output->u.request.conn = http->conn;
            output->u.request.seq = http->seq;
        }
        finish(http, out, true);
    }
}

static void ask_more(struct http_session *http, struct outbox *out)
{
    struct http_list *list = &http->exchange.list;

    list->more_due = session_output_full(&http->output);
    if (list->more_due)
        return;
    struct output *output = outbox_add(out, OUT_MORE);
    output->u.request.conn = http->conn;
    output->u.request.seq = http->seq;
}

/* Sends what a stream has in its text, as one piece. */
static void send_piece(struct http_session *http, struct outbox *out, bool done)
{
    const struct http_request *request = &http->exchange.request;
    struct buf *text = &http->exchange.list.text;
    struct buf piece;

    buf_init(&piece, HEAD_TEXT_MAX);
    if (text->len > 0)
        http_piece_put(request, &piece, buf_bytes(text));
    if (done)
        http_pieces_end(request, &piece);
    ASSERT(!piece.overflow);
    session_output_put(&http->output, buf_bytes(&piece), out);
    buf_done(&piece);
    buf_reset(text);
    if (done)
        finish(http, out, is_last(http) || request->http10);
}

/* The head of a stream: it leaves when the first chunk is there, so that a listing that fails at
 * once can still be a proper error. */
static void begin_stream(struct http_session *http, struct http_turn *turn)
{
    struct http_request *request = &http->exchange.request;
    struct http_way way = {
        .request = request,
        .wall_s = turn->wall_us / US_PER_S,
        .close = is_last(http) || request->http10,
    };
    struct buf head;

    buf_init(&head, HEAD_TEXT_MAX);
    http_answer_json(&turn->answer, 200);
    http_answer_begin(&turn->answer, &way, &head);
    session_output_put(&http->output, buf_bytes(&head), turn->out);
    buf_done(&head);
    http_enter(http, HTTP_STREAMING);
}

static void on_list_reply(struct http_session *http, struct http_turn *turn,
                          const struct reply *reply)
{
    struct http_list *list = &http->exchange.list;
    bool failed = reply->kind == REPLY_ERROR;

    if (failed && http->state != HTTP_STREAMING) {
        http_list_answer(turn, reply);
        send_answer(http, turn);
        return;
    }
    if (list->stream && http->state == HTTP_ASKED)
        begin_stream(http, turn);
    http_list_add(&http->exchange, reply);
    bool done = failed || reply->done;
    if (!list->stream && (done || list->text.overflow)) {
        if (!done) {
            struct output *output = outbox_add(turn->out, OUT_GONE);
            output->u.request.conn = http->conn;
            output->u.request.seq = http->seq;
        }
        http_list_answer(turn, reply);
        send_answer(http, turn);
        return;
    }
    if (list->stream)
        send_piece(http, turn->out, done);
    if (!done)
        ask_more(http, turn->out);
}

static void on_reply(struct http_session *http, const struct session_env *env,
                     const struct event *ev, struct outbox *out)
{
    const struct reply *reply = ev->u.reply.reply;

    if (http_session_waiting(http) == 0 || ev->u.reply.seq != http->seq)
        return; /* a request that was given up */
    struct http_turn turn = turn_of(http, env, ev, out);
    switch (http->exchange.ask) {
    case HTTP_ASK_GET:
    case HTTP_ASK_PUT:
    case HTTP_ASK_DELETE: http_kv_reply(&turn, reply); break;
    case HTTP_ASK_PROPS: http_props_reply(&turn, reply); break;
    case HTTP_ASK_ADMIN: http_admin_reply(&turn, reply); break;
    case HTTP_ASK_LIST: on_list_reply(http, &turn, reply); break;
    }
    if (http->exchange.ask != HTTP_ASK_LIST)
        send_answer(http, &turn);
    http_answer_done(&turn.answer);
}

static void on_closed(struct http_session *http, struct outbox *out)
{
    if (http_session_waiting(http) > 0) {
        struct output *output = outbox_add(out, OUT_GONE);
        output->u.request.conn = http->conn;
        output->u.request.seq = http->seq;
    }
    buf_done(&http->input);
    http->input_at = 0;
    http_enter(http, HTTP_CLOSED);
}

/* The deadline by which what is being read must go on. */
static void set_deadline(struct http_session *http, const struct event *ev)
{
    http->deadline_us = 0;
    if (!may_read(http) || !http_in_begun(http->in)) {
        http->begun_us = 0;
        return;
    }
    if (http->begun_us == 0)
        http->begun_us = ev->mono_us;
    if (http_in_has_head(http->in))
        http->deadline_us = ev->mono_us + HTTP_BODY_US;
    else
        http->deadline_us = http->begun_us + HTTP_HEAD_US;
}

/* Nobody is served any more: what is in flight ends, and a request that has begun to come may still
 * be read, to be refused in words. */
static void on_stop(struct http_session *http, struct outbox *out)
{
    http->stopping = true;
    if (http->state == HTTP_READING && !http_in_begun(http->in) && !has_input(http))
        finish(http, out, true);
}

/* What the event itself brings. */
static void take_event(struct http_session *http, const struct session_env *env,
                       const struct event *ev, struct outbox *out)
{
    http->stopping = http->stopping || env->stopping;
    if (ev->kind == EV_BYTES)
        on_bytes(http, env, ev, out);
    else if (ev->kind == EV_REPLY)
        on_reply(http, env, ev, out);
    else if (ev->kind == EV_WRITABLE)
        session_output_writable(&http->output, ev->u.room);
    else if (ev->kind == EV_STOP)
        on_stop(http, out);
    else if (ev->kind == EV_CLOSED)
        on_closed(http, out);
    else if (ev->kind == EV_DEADLINE && http->deadline_us != 0 && ev->mono_us >= http->deadline_us)
        refuse(http, ev, out, 408);
}

void http_session_step(struct http_session *http, const struct session_env *env,
                       const struct event *ev, struct outbox *out)
{
    if (http->state == HTTP_CLOSED)
        return;
    take_event(http, env, ev, out);
    if (http->exchange.list.more_due && http_session_waiting(http) > 0)
        ask_more(http, out);
    if (http->state != HTTP_CLOSED)
        advance(http, env, ev, out);
    if (http->state != HTTP_CLOSED) {
        session_output_flush(&http->output, out);
        set_deadline(http, ev);
    }
    http_check(http);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "cli/answer.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/stamp.h"

enum {
    EVENTS_MAX = 256,
    TICK_MS = 100, /* how often broken connections are looked after */
    TELL_US = 1000 * 1000,
    DRAIN_MS = 10000, /* for the last answers of a phase */
    CONNECT_TIMEOUT_MS = 2000,
    RECONNECT_TIMEOUT_MS = 200, /* the other connections wait meanwhile */
    READ_BYTES = 64 * 1024,
    KEY_BYTES = 16,
    FRAME_HEAD_BYTES = 4,
};

enum conn_state { CONN_DOWN, CONN_IDLE, CONN_BUSY };

struct conn {
    enum conn_state state;
    int fd;
    uint32_t endpoint;
    struct buf out;
    size_t sent; /* of `out` */
    struct buf in;
    bool is_put;
    uint64_t key;
    uint64_t began_us;
};

struct load {
    struct load_options options;
    struct conn *conns;
    int epoll;
    struct draw draw;
    struct buf value;   /* of the write that is being made */
    struct arena arena; /* of the answer that is being read */
    uint64_t writes;    /* number of the last write */
    uint64_t tick_us;   /* when broken connections were looked after */
    uint64_t told_us;

    /* Of the phase. */
    struct load_result *result;
    bool filling;
    bool ending; /* nothing more is asked */
    uint64_t fill_next;
    uint32_t busy;
};

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void note_error(struct load *load, struct bytes text)
{
    struct load_result *result = load->result;

    result->errors++;
    if (result->problem[0] == '\0')
        (void)snprintf(result->problem, sizeof(result->problem), "%.*s",
                       (int)(text.len < 200 ? text.len : 200), (const char *)text.data);
}

static bool conn_open(struct load *load, struct conn *conn, uint32_t timeout_ms,
                      struct endpoint_problem *problem)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

    ASSERT(conn->state == CONN_DOWN);
    conn->fd = endpoint_connect(&load->options.endpoints[conn->endpoint], timeout_ms, problem);
    if (conn->fd < 0)
        return false;
    (void)fcntl(conn->fd, F_SETFL, fcntl(conn->fd, F_GETFL) | O_NONBLOCK);
    event.data.ptr = conn;
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        (void)snprintf(problem->text, sizeof(problem->text), "epoll: %s", strerror(errno));
        (void)close(conn->fd);
        return false;
    }
    conn->state = CONN_IDLE;
    return true;
}

static void conn_close(struct load *load, struct conn *conn, const char *why)
{
    ASSERT(conn->state != CONN_DOWN);
    if (conn->state == CONN_BUSY) {
        load->busy--;
        note_error(load, bytes_str(why));
    }
    (void)close(conn->fd);
    buf_reset(&conn->in);
    buf_reset(&conn->out);
    conn->state = CONN_DOWN;
}

/* Sends what the socket takes; the rest goes when it is writable again. */
static void conn_flush(struct load *load, struct conn *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t sent =
            send(conn->fd, conn->out.data + conn->sent, conn->out.len - conn->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (sent < 0) {
            conn_close(load, conn, strerror(errno));
            return;
        }
        conn->sent += (size_t)sent;
    }
}

/* Chooses what to do next; false when the phase wants nothing more. */
static bool choose(struct load *load, struct conn *conn)
{
    const struct load_options *o = &load->options;

    if (load->ending || (load->filling && load->fill_next == o->keys))
        return false;
    conn->is_put = load->filling || random_below(&load->draw.random, o->gets + o->puts) >= o->gets;
    conn->key = load->filling ? load->fill_next++ : draw_key(&load->draw);
    return true;
}

static void conn_ask(struct load *load, struct conn *conn)
{
    char key[KEY_BYTES + 1];
    struct ask ask;

    ASSERT(conn->state == CONN_IDLE);
    if (!choose(load, conn))
        return;
    ask_init(&ask);
    (void)snprintf(key, sizeof(key), "%016llx", (unsigned long long)conn->key);
    ask.type = bytes_str(load->options.type);
    ask.bucket = bytes_str(load->options.bucket);
    ask.key = bytes_str(key);
    ask.r = load->options.r;
    ask.w = load->options.w;
    ask.dw = load->options.dw;
    if (conn->is_put) {
        /* Making each value anew costs as much as sending it; without --verify one will do. */
        if (load->options.verify || load->value.len == 0) {
            buf_reset(&load->value);
            stamp_put(&load->value, load->options.value_bytes, conn->key, ++load->writes);
        }
        ask.value = buf_bytes(&load->value);
    }
    buf_reset(&conn->out);
    conn->sent = 0;
    ask_put(&conn->out, conn->is_put ? PB_PUT_REQ : PB_GET_REQ, &ask);
    ASSERT(!conn->out.overflow);
    conn->state = CONN_BUSY;
    load->busy++;
    conn->began_us = now_us();
    conn_flush(load, conn);
}

/* A value that was read: one that this or another run wrote to this key, whole. */
static void verify(struct load *load, const struct conn *conn, const struct answer *answer)
{
    for (uint32_t i = 0; i < answer->content_count; i++)
        if (!stamp_holds(answer->contents[i].value, conn->key))
            load->result->wrong++;
}

/* Counts an answer; false when it is none to what was asked. */
static bool conn_count(struct load *load, struct conn *conn, uint8_t code, struct bytes body)
{
    struct load_result *result = load->result;
    uint64_t us = now_us() - conn->began_us;
    struct answer answer;

    if (code == PB_ERROR_RESP) {
        if (answer_read(&load->arena, code, body, &answer) != ERR_OK)
            return false;
        note_error(load, answer.error);
        return true;
    }
    if (code != (conn->is_put ? PB_PUT_RESP : PB_GET_RESP))
        return false;
    latency_add(conn->is_put ? &result->puts : &result->gets, us);
    if (!conn->is_put && body.len == 0)
        result->not_found++;
    if (!conn->is_put && load->options.verify) {
        arena_reset(&load->arena);
        if (answer_read(&load->arena, code, body, &answer) != ERR_OK)
            return false;
        verify(load, conn, &answer);
    }
    return true;
}

/* Takes the answer out of the input when it is whole; false when the connection is of no more use.
 * An answer that nobody asked for, and bytes behind one, are not what a server sends. */
static bool conn_take(struct load *load, struct conn *conn)
{
    struct reader r = reader_of(buf_bytes(&conn->in));

    if (conn->in.len < FRAME_HEAD_BYTES + 1)
        return true;
    uint32_t len = reader_be32(&r);
    if (len == 0 || conn->state != CONN_BUSY || conn->in.len > FRAME_HEAD_BYTES + (size_t)len)
        return false;
    if (conn->in.len < FRAME_HEAD_BYTES + (size_t)len)
        return true;
    uint8_t code = reader_u8(&r);
    conn->state = CONN_IDLE;
    load->busy--;
    if (!conn_count(load, conn, code, r.rest))
        return false;
    buf_reset(&conn->in);
    return true;
}

static void conn_read(struct load *load, struct conn *conn)
{
    uint8_t piece[READ_BYTES];

    while (conn->state != CONN_DOWN) {
        ssize_t got = recv(conn->fd, piece, sizeof(piece), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            conn_close(load, conn, got < 0 ? strerror(errno) : "the node closed the connection");
            return;
        }
        buf_put(&conn->in, bytes_of(piece, (size_t)got));
        if (conn->in.overflow || !conn_take(load, conn)) {
            conn_close(load, conn, "the node does not speak Riak's Protocol Buffers");
            return;
        }
        /* The next question goes out before the socket is looked at again. */
        if (conn->state == CONN_IDLE)
            conn_ask(load, conn);
        if ((size_t)got < sizeof(piece))
            return;
    }
}

/* Tries again what is broken, at the next endpoint. */
static void mend(struct load *load)
{
    struct endpoint_problem problem;
    bool refused[LOAD_ENDPOINTS_MAX] = {false};

    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct conn *conn = &load->conns[i];
        if (conn->state != CONN_DOWN)
            continue;
        conn->endpoint = (conn->endpoint + 1) % load->options.endpoint_count;
        if (refused[conn->endpoint])
            continue;
        if (conn_open(load, conn, RECONNECT_TIMEOUT_MS, &problem))
            conn_ask(load, conn);
        else
            refused[conn->endpoint] = true;
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load->epoll, events, EVENTS_MAX, TICK_MS);
    uint64_t now = now_us();

    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;
        if (conn->state != CONN_DOWN && (events[i].events & EPOLLOUT))
            conn_flush(load, conn);
        if (conn->state != CONN_DOWN && (events[i].events & ~(uint32_t)EPOLLOUT))
            conn_read(load, conn);
    }
    if (now - load->tick_us > TICK_MS * 1000) {
        load->tick_us = now;
        if (!load->ending)
            mend(load);
    }
}

static void phase_begin(struct load *load, bool filling, struct load_result *result)
{
    ASSERT(load->busy == 0);
    *result = (struct load_result){.errors = 0};
    load->result = result;
    load->filling = filling;
    load->fill_next = 0;
    load->ending = false;
    for (uint32_t i = 0; i < load->options.connections; i++)
        if (load->conns[i].state == CONN_IDLE)
            conn_ask(load, &load->conns[i]);
}

/* Waits for the answers that are still out. */
static void phase_end(struct load *load, uint64_t began_us)
{
    uint64_t limit_us = now_us() + (uint64_t)DRAIN_MS * 1000;

    load->result->elapsed_us = now_us() - began_us;
    load->ending = true;
    while (load->busy > 0 && now_us() < limit_us)
        turn(load);
    for (uint32_t i = 0; i < load->options.connections; i++)
        if (load->conns[i].state == CONN_BUSY)
            conn_close(load, &load->conns[i], "no answer in time");
}

static bool tell_due(struct load *load, uint64_t now)
{
    bool due = now - load->told_us >= TELL_US;

    if (due)
        load->told_us = now;
    return due;
}

/* Whether all connections have been broken for long: nobody is there to write to. */
static bool deserted(struct load *load, uint64_t now, uint64_t *alive_us)
{
    for (uint32_t i = 0; i < load->options.connections; i++)
        if (load->conns[i].state != CONN_DOWN)
            *alive_us = now;
    return now - *alive_us > (uint64_t)DRAIN_MS * 1000;
}

void load_fill(struct load *load, load_tell *tell, void *context, struct load_result *ret_result)
{
    uint64_t began_us = now_us();

    uint64_t alive_us = began_us;

    phase_begin(load, true, ret_result);
    while (load->fill_next < load->options.keys && !deserted(load, now_us(), &alive_us)) {
        turn(load);
        if (tell_due(load, now_us()))
            tell(context, load->fill_next, load->options.keys);
    }
    phase_end(load, began_us);
}

void load_run(struct load *load, uint64_t duration_ms, load_tell *tell, void *context,
              struct load_result *ret_result)
{
    uint64_t began_us = now_us();
    uint64_t now = began_us;

    phase_begin(load, false, ret_result);
    while (now - began_us < duration_ms * 1000) {
        turn(load);
        now = now_us();
        if (tell_due(load, now))
            tell(context, (now - began_us) / 1000, duration_ms);
    }
    phase_end(load, began_us);
}

struct load *load_new(const struct load_options *options)
{
    struct load *load = mem_new(sizeof(*load));
    struct endpoint_problem problem;
    uint32_t open = 0;

    ASSERT(options->connections > 0 && options->endpoint_count > 0);
    load->options = *options;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->conns = mem_new_array(options->connections, sizeof(*load->conns));
    draw_init(&load->draw, options->seed, options->keys, options->zipf);
    buf_init(&load->value, ASK_BYTES_MAX);
    arena_init(&load->arena);
    for (uint32_t i = 0; i < options->connections; i++) {
        struct conn *conn = &load->conns[i];
        buf_init(&conn->out, ASK_BYTES_MAX);
        buf_init(&conn->in, ASK_BYTES_MAX);
        conn->endpoint = i % options->endpoint_count;
        open += load->epoll >= 0 && conn_open(load, conn, CONNECT_TIMEOUT_MS, &problem);
        if (open == 0 && i + 1 >= options->endpoint_count)
            break;
    }
    if (open > 0)
        return load;
    cli_say("no node answers there: %s", load->epoll < 0 ? strerror(errno) : problem.text);
    load_free(load);
    return NULL;
}

void load_free(struct load *load)
{
    if (load == NULL)
        return;
    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct conn *conn = &load->conns[i];
        if (conn->state != CONN_DOWN)
            (void)close(conn->fd);
        buf_done(&conn->out);
        buf_done(&conn->in);
    }
    if (load->epoll >= 0)
        (void)close(load->epoll);
    draw_done(&load->draw);
    buf_done(&load->value);
    arena_done(&load->arena);
    mem_free(load->conns);
    mem_free(load);
}

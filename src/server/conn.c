/* SPDX-License-Identifier: Apache-2.0 */
#include "server/conn.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "server/limits.h"
#include "server/pieces.h"
#include "session/limits.h"

enum { CONN_KINDS = 2 };

struct conn {
    struct map_node node; /* by id, while the shard knows it */
    struct list dirty;    /* has something to send, or to end */
    struct list all;
    struct conns *conns;
    uint64_t id;
    enum conn_kind kind;
    uv_tcp_t tcp;
    uv_write_t write;
    struct pieces out;
    size_t writing; /* bytes of a write that the loop has taken over */
    uint64_t given; /* bytes that the shard gave since the last EV_WRITABLE */
    uint64_t linger_until_ms;
    bool known;   /* the shard has not been told that it is gone */
    bool paused;  /* nothing is read: too much is unsent */
    bool closing; /* OUT_CLOSE came */
};

struct service {
    struct listener listener;
    struct conns *conns;
    enum conn_kind kind;
    bool trusted;
};

struct conns {
    uv_loop_t *uv;
    struct log *log;
    struct sink sink;
    uint32_t max;
    uint32_t sockets;
    uint64_t next_id;
    uint64_t counts[CONN_KINDS];
    uint64_t refused; /* since the last second */
    struct map by_id;
    struct list dirty;
    struct list all;
    bool events; /* some came up during this flush */
    struct service services[LISTENERS_MAX];
    uint32_t services_count;
    uint8_t *read_space;
};

struct conns *conns_new(const struct conns_options *options)
{
    struct conns *conns = mem_new(sizeof(*conns));

    conns->uv = options->uv;
    conns->log = options->log;
    conns->sink = options->sink;
    conns->max = options->max;
    conns->read_space = mem_resize(NULL, CONN_READ_BYTES);
    map_init(&conns->by_id);
    list_init(&conns->dirty);
    list_init(&conns->all);
    return conns;
}

void conns_free(struct conns *conns)
{
    if (conns == NULL)
        return;
    ASSERT(list_empty(&conns->all));
    map_done(&conns->by_id);
    mem_free(conns->read_space);
    mem_free(conns);
}

static struct conn *conn_find(const struct conns *conns, uint64_t id)
{
    struct map_node *node = map_find(&conns->by_id, hash_mix(0, id));

    for (; node != NULL; node = map_next(node)) {
        struct conn *conn = CONTAINER_OF(node, struct conn, node);
        if (conn->id == id)
            return conn;
    }
    return NULL;
}

static void tell(struct conn *conn, struct event *ev)
{
    ev->conn = conn->id;
    conn->conns->events = true;
    sink_event(&conn->conns->sink, ev);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;

    ASSERT(!conn->known);
    list_remove(&conn->all);
    conn->conns->sockets--;
    pieces_done(&conn->out);
    mem_free(conn);
}

/* The shard hears that it is gone, and never of it again. */
static void forget(struct conn *conn)
{
    struct event ev = {.kind = EV_CLOSED};

    if (!conn->known)
        return;
    conn->known = false;
    map_remove(&conn->conns->by_id, &conn->node);
    conn->conns->counts[conn->kind]--;
    tell(conn, &ev);
}

static void end(struct conn *conn)
{
    list_remove(&conn->dirty);
    if (!uv_is_closing((uv_handle_t *)&conn->tcp))
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
    forget(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *conn = handle->data;

    (void)suggested;
    /* One space for all: what is read is handed on before anything else is read. */
    buf->base = (char *)conn->conns->read_space;
    buf->len = CONN_READ_BYTES;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct conn *conn = stream->data;

    if (got < 0) {
        end(conn);
        return;
    }
    if (got == 0 || !conn->known || conn->closing)
        return;
    struct event ev = {.kind = EV_BYTES, .u.bytes = bytes_of(buf->base, (size_t)got)};
    tell(conn, &ev);
}

static void start_reading(struct conn *conn)
{
    int error = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);

    ASSERT(error == 0 || error == UV_EALREADY || error == UV_ENOTCONN || error == UV_EINVAL);
}

/* Invariants 2 and 3, after `out` has grown or shrunk. */
static void balance(struct conn *conn)
{
    size_t unsent = conn->out.bytes;

    if (!conn->paused && unsent > SESSION_OUTPUT_MAX) {
        conn->paused = true;
        uv_read_stop((uv_stream_t *)&conn->tcp);
    } else if (conn->paused && unsent <= SESSION_OUTPUT_LOW) {
        conn->paused = false;
        start_reading(conn);
    }
    if (conn->given < SESSION_OUTPUT_LOW || unsent > SESSION_OUTPUT_LOW || !conn->known)
        return;
    struct event ev = {.kind = EV_WRITABLE, .u.room = SESSION_OUTPUT_MAX - unsent};
    conn->given = 0;
    tell(conn, &ev);
}

/* All is sent and no more will come: ends our half, waits a little for the client's. */
static void linger(struct conn *conn)
{
    uv_os_fd_t fd = -1;

    forget(conn);
    if (uv_fileno((uv_handle_t *)&conn->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        end(conn);
        return;
    }
    conn->linger_until_ms = uv_now(conn->conns->uv) + CONN_LINGER_MS;
    if (conn->paused) {
        conn->paused = false;
        start_reading(conn);
    }
}

static void mark_dirty(struct conn *conn)
{
    if (list_empty(&conn->dirty))
        list_append(&conn->conns->dirty, &conn->dirty);
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *conn = write->data;

    pieces_sent(&conn->out, conn->writing);
    conn->writing = 0;
    if (uv_is_closing((uv_handle_t *)&conn->tcp))
        return;
    if (status != 0) {
        end(conn);
        return;
    }
    mark_dirty(conn);
}

/* Hands over to the loop what the socket does not take now. */
static bool write_later(struct conn *conn)
{
    uv_buf_t views[CONN_WRITE_PIECES_MAX];
    unsigned count = pieces_views(&conn->out, views, CONN_WRITE_PIECES_MAX);

    for (unsigned i = 0; i < count; i++)
        conn->writing += views[i].len;
    conn->write.data = conn;
    return uv_write(&conn->write, (uv_stream_t *)&conn->tcp, views, count, on_written) == 0;
}

/* Writes until all is sent, or the socket is full and the loop has it. False: it failed. */
static bool write_out(struct conn *conn)
{
    while (conn->out.count > 0 && conn->writing == 0) {
        uv_buf_t views[CONN_WRITE_PIECES_MAX];
        unsigned count = pieces_views(&conn->out, views, CONN_WRITE_PIECES_MAX);
        size_t bytes = 0;

        for (unsigned i = 0; i < count; i++)
            bytes += views[i].len;
        int sent = uv_try_write((uv_stream_t *)&conn->tcp, views, count);
        if (sent < 0 && sent != UV_EAGAIN)
            return false;
        if (sent > 0)
            pieces_sent(&conn->out, (size_t)sent);
        if ((sent < 0 || (size_t)sent < bytes) && !write_later(conn))
            return false;
    }
    return true;
}

static void flush_one(struct conn *conn)
{
    if (uv_is_closing((uv_handle_t *)&conn->tcp))
        return;
    if (!write_out(conn)) {
        end(conn);
        return;
    }
    balance(conn);
    if (conn->closing && conn->out.count == 0 && conn->known)
        linger(conn);
}

bool conns_flush(struct conns *conns)
{
    struct list turn;

    conns->events = false;
    list_init(&turn);
    /* Those that become dirty by the events of this flush wait for the next. */
    for (struct list *node = list_pop(&conns->dirty); node != NULL; node = list_pop(&conns->dirty))
        list_append(&turn, node);
    for (struct list *node = list_pop(&turn); node != NULL; node = list_pop(&turn))
        flush_one(CONTAINER_OF(node, struct conn, dirty));
    return conns->events;
}

void conns_write(struct conns *conns, uint64_t id, struct blob *blob)
{
    struct conn *conn = conn_find(conns, id);

    if (conn == NULL || conn->closing || blob->len == 0)
        return;
    pieces_push(&conn->out, blob);
    conn->given += blob->len;
    mark_dirty(conn);
}

void conns_close(struct conns *conns, uint64_t id)
{
    struct conn *conn = conn_find(conns, id);

    if (conn == NULL)
        return;
    conn->closing = true;
    mark_dirty(conn);
}

static bool from_loopback(const uv_tcp_t *tcp)
{
    struct sockaddr_storage from;
    int len = sizeof(from);

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&from, &len) != 0)
        return false;
    return address_is_loopback((const struct sockaddr *)&from);
}

static void open_conn(struct conn *conn, bool trusted)
{
    struct conns *conns = conn->conns;
    struct event ev = {.kind = EV_OPENED};

    uv_tcp_nodelay(&conn->tcp, 1);
    uv_tcp_keepalive(&conn->tcp, 1, KEEPALIVE_IDLE_S);
    conn->id = ++conns->next_id;
    conn->known = true;
    map_add(&conns->by_id, &conn->node, hash_mix(0, conn->id));
    conns->counts[conn->kind]++;
    ev.u.opened = (struct event_opened){conn->kind, trusted || from_loopback(&conn->tcp)};
    tell(conn, &ev);
    start_reading(conn);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct service *service = server->data;
    struct conns *conns = service->conns;

    if (status != 0)
        return;
    struct conn *conn = mem_new(sizeof(*conn));
    conn->conns = conns;
    conn->kind = service->kind;
    list_init(&conn->dirty);
    list_append(&conns->all, &conn->all);
    conns->sockets++;
    int error = uv_tcp_init(conns->uv, &conn->tcp);
    ASSERT(error == 0);
    conn->tcp.data = conn;
    if (uv_accept(server, (uv_stream_t *)&conn->tcp) != 0) {
        end(conn);
        return;
    }
    /* One too many is told so by being closed: better than to wait for an answer that never
     * comes. */
    if (conns->sockets > conns->max) {
        conns->refused++;
        end(conn);
        return;
    }
    open_conn(conn, service->trusted);
}

enum exit_status conns_listen(struct conns *conns, enum conn_kind kind, bool trusted,
                              const char *address, const char **ret_text, struct why *ret_why)
{
    ASSERT(conns->services_count < LISTENERS_MAX);
    struct service *service = &conns->services[conns->services_count++];

    service->conns = conns;
    service->kind = kind;
    service->trusted = trusted;
    *ret_text = service->listener.text;
    return listener_open(&service->listener, conns->uv, address, on_connection, service, ret_why);
}

void conns_second(struct conns *conns)
{
    uint64_t now = uv_now(conns->uv);

    if (conns->refused > 0)
        log_line(conns->log, TRACE_WARN, "%llu clients turned away: %u connections are the most",
                 (unsigned long long)conns->refused, conns->max);
    conns->refused = 0;
    LIST_EACH_SAFE(node, &conns->all) {
        struct conn *conn = CONTAINER_OF(node, struct conn, all);
        if (conn->linger_until_ms != 0 && conn->linger_until_ms <= now)
            end(conn);
    }
}

void conns_stop_accepting(struct conns *conns)
{
    for (uint32_t i = 0; i < conns->services_count; i++)
        listener_close(&conns->services[i].listener);
}

void conns_close_all(struct conns *conns)
{
    conns_stop_accepting(conns);
    LIST_EACH_SAFE(node, &conns->all) {
        struct conn *conn = CONTAINER_OF(node, struct conn, all);
        if (conn->known) {
            conn->known = false;
            map_remove(&conns->by_id, &conn->node);
            conns->counts[conn->kind]--;
        }
        end(conn);
    }
}

uint64_t conns_count(const struct conns *conns, enum conn_kind kind)
{
    return conns->counts[kind];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The closed loop of `dassie bench`, for the databases that stand beside it in the benchmark: Redis
 * over its own protocol, etcd over its JSON gateway. Same connections, same values, same clock.
 *
 *     peerload redis|etcd HOST:PORT CONNECTIONS VALUE_BYTES KEYS GETS PUTS MILLISECONDS
 *
 * MILLISECONDS 0 writes every key once. Prints one line of JSON. A write to Redis is SET and then
 * WAIT 1: it counts when one replica has it too, and an answer that says that none has is an
 * error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/encode.h"
#include "base/mem.h"
#include "cli/draw.h"
#include "cli/endpoint.h"
#include "cli/latency.h"

enum { BUFFER_BYTES_MAX = 8 * 1024 * 1024, EVENTS_MAX = 256, CONNECT_MS = 2000, WAIT_MS = 1000 };

struct conn {
    int fd;
    bool is_put;
    uint64_t began_us;
    struct buf out;
    size_t sent;
    struct buf in;
};

/* Whether an answer is whole, and what it says. */
enum verdict { VERDICT_MORE, VERDICT_GOOD, VERDICT_BAD };

struct protocol {
    const char *name;
    void (*ask)(struct buf *out, bool is_put, struct bytes key, struct bytes value);
    enum verdict (*judge)(struct bytes in, bool is_put);
};

struct peerload {
    const struct protocol *protocol;
    struct endpoint endpoint;
    uint64_t connections, value_bytes, keys, gets, puts, duration_ms;
    struct buf value;
    struct draw draw;
    struct latency latency[2]; /* gets, puts */
    uint64_t errors;
    uint64_t filled; /* keys written once; all of them unless the call is to fill */
    uint64_t busy;
    int epoll;
};

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "peerload: %s\n", what);
    exit(1);
}

static void redis_bulk(struct buf *out, struct bytes bytes)
{
    buf_printf(out, "$%zu\r\n", bytes.len);
    buf_put(out, bytes);
    buf_put_str(out, "\r\n");
}

static void redis_ask(struct buf *out, bool is_put, struct bytes key, struct bytes value)
{
    buf_put_str(out, is_put ? "*3\r\n" : "*2\r\n");
    redis_bulk(out, is_put ? BYTES_LIT("SET") : BYTES_LIT("GET"));
    redis_bulk(out, key);
    if (!is_put)
        return;
    redis_bulk(out, value);
    buf_put_str(out, "*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$4\r\n1000\r\n");
}

static enum verdict redis_judge(struct bytes in, bool is_put)
{
    size_t end = bytes_find(in, '\n', 0);
    uint64_t size = 0;

    if (end == in.len)
        return VERDICT_MORE;
    if (is_put) {
        if (!bytes_starts(in, BYTES_LIT("+OK\r\n")))
            return VERDICT_BAD;
        struct bytes wait = bytes_sub(in, 5, in.len);
        if (bytes_find(wait, '\n', 0) == wait.len)
            return VERDICT_MORE;
        return wait.data[0] == ':' && wait.data[1] != '0' ? VERDICT_GOOD : VERDICT_BAD;
    }
    if (in.data[0] != '$' || !bytes_to_u64(bytes_sub(in, 1, end - 2), &size))
        return VERDICT_BAD; /* also "$-1": every key was written before */
    return in.len >= end + 1 + size + 2 ? VERDICT_GOOD : VERDICT_MORE;
}

static void etcd_ask(struct buf *out, bool is_put, struct bytes key, struct bytes value)
{
    struct buf body;

    buf_init(&body, BUFFER_BYTES_MAX);
    buf_put_str(&body, "{\"key\":\"");
    base64_put(&body, key);
    if (is_put) {
        buf_put_str(&body, "\",\"value\":\"");
        base64_put(&body, value);
    }
    buf_put_str(&body, "\"}");
    buf_printf(out,
               "POST /v3/kv/%s HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\n\r\n",
               is_put ? "put" : "range", body.len);
    buf_put(out, buf_bytes(&body));
    buf_done(&body);
}

/* The end of the first `needle`; 0 when it is not there. */
static size_t after(struct bytes in, struct bytes needle)
{
    for (size_t at = 0; at + needle.len <= in.len; at++)
        if (bytes_starts(bytes_sub(in, at, needle.len), needle))
            return at + needle.len;
    return 0;
}

/* Short answers have a length; long ones come in chunks. */
static enum verdict etcd_judge(struct bytes in, bool is_put)
{
    size_t head = after(in, BYTES_LIT("\r\n\r\n"));
    uint64_t size = 0;

    (void)is_put;
    if (head == 0)
        return VERDICT_MORE;
    if (!bytes_starts(in, BYTES_LIT("HTTP/1.1 200")))
        return VERDICT_BAD;
    struct bytes fields = bytes_of(in.data, head);
    size_t length = after(fields, BYTES_LIT("Content-Length: "));
    if (length > 0) {
        struct bytes rest = bytes_sub(fields, length, fields.len);
        if (!bytes_to_u64(bytes_of(rest.data, bytes_find(rest, '\r', 0)), &size))
            return VERDICT_BAD;
        return in.len >= head + size ? VERDICT_GOOD : VERDICT_MORE;
    }
    struct bytes tail = bytes_sub(in, in.len - 5, 5);
    return bytes_eq(tail, BYTES_LIT("0\r\n\r\n")) ? VERDICT_GOOD : VERDICT_MORE;
}

static const struct protocol protocols[] = {
    {"redis", redis_ask, redis_judge},
    {"etcd", etcd_ask, etcd_judge},
};

static void flush(struct conn *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t sent =
            send(conn->fd, conn->out.data + conn->sent, conn->out.len - conn->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0)
            die(strerror(errno));
        conn->sent += (size_t)sent;
    }
}

static void ask(struct peerload *load, struct conn *conn)
{
    char key[32];
    bool filling = load->duration_ms == 0;

    if (filling && load->filled == load->keys)
        return;
    conn->is_put =
        filling || random_below(&load->draw.random, load->gets + load->puts) >= load->gets;
    (void)snprintf(key, sizeof(key), "%016llx",
                   (unsigned long long)(filling ? load->filled++ : draw_key(&load->draw)));
    load->busy++;
    buf_reset(&conn->out);
    buf_reset(&conn->in);
    conn->sent = 0;
    load->protocol->ask(&conn->out, conn->is_put, bytes_str(key), buf_bytes(&load->value));
    ASSERT(!conn->out.overflow);
    conn->began_us = now_us();
    flush(conn);
}

/* Reads what is there: up to the end of the answer, or all of it. */
static enum verdict read_answer(struct peerload *load, struct conn *conn)
{
    enum verdict verdict = VERDICT_MORE;

    while (verdict == VERDICT_MORE) {
        uint8_t piece[64 * 1024];
        ssize_t got = recv(conn->fd, piece, sizeof(piece), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return VERDICT_MORE;
        if (got <= 0)
            die(got < 0 ? strerror(errno) : "the server closed a connection");
        buf_put(&conn->in, bytes_of(piece, (size_t)got));
        verdict = load->protocol->judge(buf_bytes(&conn->in), conn->is_put);
    }
    return verdict;
}

static void on_readable(struct peerload *load, struct conn *conn)
{
    switch (read_answer(load, conn)) {
    case VERDICT_MORE: return;
    case VERDICT_BAD: load->errors++; break;
    case VERDICT_GOOD: latency_add(&load->latency[conn->is_put], now_us() - conn->began_us); break;
    }
    load->busy--;
    ask(load, conn);
}

static void connect_all(struct peerload *load, struct conn *conns)
{
    struct endpoint_problem problem;

    for (uint64_t i = 0; i < load->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &conns[i]};
        buf_init(&conns[i].out, BUFFER_BYTES_MAX);
        buf_init(&conns[i].in, BUFFER_BYTES_MAX);
        conns[i].fd = endpoint_connect(&load->endpoint, CONNECT_MS, &problem);
        if (conns[i].fd < 0)
            die(problem.text);
        (void)fcntl(conns[i].fd, F_SETFL, fcntl(conns[i].fd, F_GETFL) | O_NONBLOCK);
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conns[i].fd, &event) != 0)
            die(strerror(errno));
    }
}

static uint64_t run(struct peerload *load, struct conn *conns)
{
    uint64_t began_us = now_us();
    struct epoll_event events[EVENTS_MAX];

    for (uint64_t i = 0; i < load->connections; i++)
        ask(load, &conns[i]);
    while (now_us() - began_us < load->duration_ms * 1000 ||
           (load->duration_ms == 0 && load->busy > 0)) {
        int count = epoll_wait(load->epoll, events, EVENTS_MAX, WAIT_MS);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            flush(conn);
            if (events[i].events & EPOLLIN)
                on_readable(load, conn);
        }
    }
    return now_us() - began_us;
}

static void print_latency(const char *name, const struct latency *latency, uint64_t elapsed_us)
{
    uint64_t mean = latency->count ? latency->sum_us / latency->count : 0;

    printf("\"%s\":{\"count\":%llu,\"per_second\":%llu,\"mean_us\":%llu,\"p50_us\":%llu,"
           "\"p99_us\":%llu,\"p999_us\":%llu,\"max_us\":%llu},",
           name, (unsigned long long)latency->count,
           (unsigned long long)(latency->count * 1000000 / elapsed_us), (unsigned long long)mean,
           (unsigned long long)latency_part(latency, 500, 1000),
           (unsigned long long)latency_part(latency, 990, 1000),
           (unsigned long long)latency_part(latency, 999, 1000),
           (unsigned long long)latency->max_us);
}

static bool parse(struct peerload *load, char **argv)
{
    uint64_t *numbers[] = {&load->connections, &load->value_bytes, &load->keys,
                           &load->gets,        &load->puts,        &load->duration_ms};
    struct endpoint_problem problem;

    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (strcmp(protocols[i].name, argv[1]) == 0)
            load->protocol = &protocols[i];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (!bytes_to_u64(bytes_str(argv[3 + i]), numbers[i]))
            return false;
    return load->protocol != NULL && endpoint_parse(argv[2], &load->endpoint, &problem) &&
           load->connections > 0 && load->keys > 0 && load->gets + load->puts > 0;
}

int main(int argc, char **argv)
{
    struct peerload *load = mem_new(sizeof(*load));

    if (argc != 9 || !parse(load, argv))
        die("usage: redis|etcd HOST:PORT CONNECTIONS VALUE_BYTES KEYS GETS PUTS MILLISECONDS");
    struct conn *conns = mem_new_array(load->connections, sizeof(*conns));
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    draw_init(&load->draw, 1, load->keys, false);
    buf_init(&load->value, BUFFER_BYTES_MAX);
    uint8_t *at = buf_extend(&load->value, load->value_bytes);
    ASSERT(at != NULL);
    random_bytes(&load->draw.random, at, load->value_bytes);
    connect_all(load, conns);
    uint64_t elapsed_us = run(load, conns);
    struct latency *all = mem_new(sizeof(*all));
    latency_merge(all, &load->latency[0]);
    latency_merge(all, &load->latency[1]);
    printf("{");
    print_latency("get", &load->latency[0], elapsed_us);
    print_latency("put", &load->latency[1], elapsed_us);
    print_latency("all", all, elapsed_us);
    printf("\"errors\":%llu}\n", (unsigned long long)load->errors);
    return 0;
}

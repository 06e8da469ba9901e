/* SPDX-License-Identifier: Apache-2.0 */
/* The loop with a shard of the test's own, which does what clients write to it: real sockets, real
 * threads, the memory engine. Clients are blocking sockets on a thread of the test.
 *
 *   e TEXT\n    answers TEXT
 *   p KEY VALUE\n  commits, durable; answers "done" when it is complete
 *   g KEY\n     answers what is stored
 *   b COUNT\n   answers COUNT times 64 KiB, never more unsent than it has room for
 *   q\n         answers "bye" and closes
 *   t\n         answers "tick" at its next deadline, 20 ms later
 *   h\n         halts with an error */
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "server/address.h"
#include "server/limits.h"
#include "server/loop.h"
#include "session/limits.h"
#include "shard/shard.h"

enum { CONNS_MAX = 4096, LINE_MAX_BYTES = 4096, BIG_BYTES = 64 * 1024, TICK_US = 20000 };

struct guest {
    bool open;
    enum conn_kind kind;
    bool trusted;
    struct buf line;
    uint64_t big_left; /* pieces that it has yet to be given */
    uint64_t room;
};

struct shard {
    struct guest guests[CONNS_MAX];
    uint64_t deadline_us;
    uint64_t ticking; /* who wants the tick */
    bool stopping;
    uint32_t opened, closed, hosts, starts;
    uint64_t last_mono_us;
    bool went_back;
    uint32_t wrong; /* checks that failed on the loop's thread */
};

static struct shard *the_shard; /* the test looks at it when the loop has ended */

struct shard *shard_new(const struct shard_options *options)
{
    struct shard *s = mem_new(sizeof(*s));

    s->wrong += !(options->peer_address.len > 0);
    CHECK(bytes_eq(options->name, BYTES_LIT("loop test")));
    for (int i = 0; i < CONNS_MAX; i++)
        buf_init(&s->guests[i].line, LINE_MAX_BYTES);
    s->deadline_us = UINT64_MAX;
    the_shard = s;
    return s;
}

void shard_free(struct shard *s)
{
    /* Kept for the test, which frees it. */
    (void)s;
}

static void shard_end(struct shard *s)
{
    for (int i = 0; i < CONNS_MAX; i++)
        buf_done(&s->guests[i].line);
    mem_free(s);
}

uint64_t shard_deadline(const struct shard *s)
{
    return s->deadline_us;
}

void shard_hello(const struct shard *s, struct peer_hello *ret_hello)
{
    (void)s;
    *ret_hello = (struct peer_hello){.node = 1};
}

static void say(struct outbox *out, uint64_t conn, const char *text)
{
    outbox_bytes(out, conn, bytes_str(text));
}

/* As many large pieces as there is room for. */
static void give_big(struct guest *guest, uint64_t conn, struct outbox *out)
{
    while (guest->big_left > 0 && guest->room >= BIG_BYTES) {
        struct blob *blob = blob_new(BIG_BYTES);
        memset(blob->data, (int)guest->big_left, BIG_BYTES);
        outbox_blob(out, conn, blob);
        guest->big_left--;
        guest->room -= BIG_BYTES;
    }
}

static void commit(struct outbox *out, uint64_t conn, struct bytes text)
{
    size_t blank = bytes_find(text, ' ', 0);
    struct output *output = outbox_add(out, OUT_STORE);
    struct store_row *row = ARENA_NEW(&out->arena, struct store_row);

    row->family = FAMILY_OBJECT;
    row->key = arena_copy(&out->arena, bytes_sub(text, 0, blank));
    row->value = blob_copy(bytes_sub(text, blank + 1, text.len));
    output->u.store = (struct store_op){
        .verb = STORE_COMMIT, .token = conn << 1, .rows = row, .rows_count = 1, .durable = true};
}

static void obey(struct shard *s, uint64_t conn, struct bytes line, const struct event *ev,
                 struct outbox *out)
{
    struct guest *guest = &s->guests[conn];
    struct bytes rest = bytes_sub(line, 2, line.len);
    uint64_t number = 0;

    switch (line.len > 0 ? line.data[0] : 0) {
    case 'e': outbox_bytes(out, conn, rest); break;
    case 'p': commit(out, conn, rest); break;
    case 'g': {
        struct output *output = outbox_add(out, OUT_STORE);
        output->u.store = (struct store_op){.verb = STORE_GET,
                                            .token = conn << 1 | 1,
                                            .family = FAMILY_OBJECT,
                                            .key = arena_copy(&out->arena, rest)};
        break;
    }
    case 'b':
        if (bytes_to_u64(rest, &number))
            guest->big_left += number;
        give_big(guest, conn, out);
        break;
    case 'q':
        say(out, conn, "bye");
        outbox_add(out, OUT_CLOSE)->u.conn = conn;
        break;
    case 't':
        s->ticking = conn;
        s->deadline_us = ev->mono_us + TICK_US;
        break;
    case 'h': outbox_add(out, OUT_HALT)->u.halt = ERR_IO; break;
    default: say(out, conn, "what?"); break;
    }
}

static void on_bytes(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct guest *guest = &s->guests[ev->conn];

    for (size_t i = 0; i < ev->u.bytes.len; i++) {
        if (ev->u.bytes.data[i] != '\n') {
            buf_put_u8(&guest->line, ev->u.bytes.data[i]);
            continue;
        }
        obey(s, ev->conn, buf_bytes(&guest->line), ev, out);
        buf_reset(&guest->line);
    }
}

void shard_step(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct guest *guest = &s->guests[ev->conn];

    ASSERT(ev->conn < CONNS_MAX);
    s->went_back = s->went_back || ev->mono_us < s->last_mono_us;
    s->last_mono_us = ev->mono_us;
    if (ev->kind == EV_START) {
        s->starts += ev->u.start.count + 1;
    } else if (ev->kind == EV_OPENED) {
        s->wrong += !(!guest->open);
        guest->open = true;
        guest->kind = ev->u.opened.kind;
        guest->trusted = ev->u.opened.loopback;
        guest->room = SESSION_OUTPUT_MAX;
        s->opened++;
    } else if (ev->kind == EV_CLOSED) {
        s->wrong += !(guest->open);
        guest->open = false;
        s->closed++;
    } else if (ev->kind == EV_BYTES) {
        s->wrong += !(guest->open);
        on_bytes(s, ev, out);
    } else if (ev->kind == EV_WRITABLE) {
        s->wrong += !(guest->open);
        s->wrong += !(ev->u.room <= SESSION_OUTPUT_MAX);
        guest->room = ev->u.room;
        give_big(guest, ev->conn, out);
    } else if (ev->kind == EV_STORED) {
        uint64_t conn = ev->u.stored.token >> 1;
        if ((ev->u.stored.token & 1) == 0)
            say(out, conn, ev->u.stored.err == ERR_OK ? "done" : "failed");
        else if (ev->u.stored.err == ERR_OK)
            outbox_blob(out, conn, blob_ref(ev->u.stored.value));
        else
            say(out, conn, "none");
    } else if (ev->kind == EV_TIME && s->deadline_us <= ev->mono_us) {
        s->deadline_us = UINT64_MAX;
        say(out, s->ticking, "tick");
    } else if (ev->kind == EV_HOST) {
        s->wrong += !(ev->u.host.memory_rss > 0);
        s->hosts++;
    } else if (ev->kind == EV_STOP) {
        s->stopping = true;
        outbox_add(out, OUT_HALT);
    }
}

/* ---- the node under test, on a thread of its own ---- */

struct world {
    struct engine *engine;
    struct config config;
    struct log log;
    struct loop *loop;
    pthread_t thread;
    enum exit_status status;
};

static void *run_loop(void *context)
{
    struct world *w = context;

    w->status = loop_run(w->loop);
    return NULL;
}

static struct loop_options options_of(struct world *w)
{
    return (struct loop_options){
        .config = &w->config,
        .log = &w->log,
        .engine = w->engine,
        .data_path = "/tmp",
        .name = "loop test",
        .instance = 5,
        .connections_max = 40,
    };
}

/* A name and a number; a bare system may not know its own name. */
static struct bytes http_addresses(void)
{
    struct addrinfo *found = NULL;
    bool known = getaddrinfo("localhost", NULL, NULL, &found) == 0;

    if (known)
        freeaddrinfo(found);
    return known ? BYTES_LIT("localhost:0,127.0.0.1:0") : BYTES_LIT("127.0.0.1:0,127.0.0.1:0");
}

static struct world *world_new(void)
{
    struct world *w = mem_new(sizeof(*w));
    struct why why = {""};

    config_init(&w->config);
    w->config.listen_pb = BYTES_LIT("127.0.0.1:0");
    w->config.listen_http = http_addresses();
    w->config.listen_peer = BYTES_LIT("127.0.0.1:0");
    log_init(&w->log, open("/dev/null", O_WRONLY | O_CLOEXEC), TRACE_DEBUG);
    if (engine_open_mem(&w->engine) != ERR_OK)
        exit(1);
    struct loop_options options = options_of(w);
    if (loop_new(&options, &w->loop, &why) != EXIT_STATUS_OK) {
        printf("Bail out! %s\n", why.text);
        exit(1);
    }
    pthread_create(&w->thread, NULL, run_loop, w);
    return w;
}

/* Waits for the end; the shard is then the test's. */
static struct shard *world_end(struct world *w, int signal_number)
{
    if (signal_number != 0)
        kill(getpid(), signal_number);
    pthread_join(w->thread, NULL);
    loop_free(w->loop);
    return the_shard;
}

static void world_free(struct world *w)
{
    engine_close(w->engine);
    close(w->log.fd);
    CHECK_EQ(the_shard->wrong, 0);
    CHECK(!the_shard->went_back);
    shard_end(the_shard);
    mem_free(w);
}

static int connect_to(const char *text)
{
    char first[ADDRESS_BYTES_MAX];
    struct sockaddr_storage to;
    struct address address;

    snprintf(first, sizeof(first), "%.*s", (int)bytes_find(bytes_str(text), ' ', 0), text);
    if (!address_parse(bytes_str(first), &address))
        return -1;
    if (strcmp(address.host, "localhost") == 0)
        snprintf(address.host, sizeof(address.host), "127.0.0.1");
    if (!address_numeric(&address, &to))
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&to, sizeof(struct sockaddr_in)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_pb(struct world *w)
{
    return connect_to(loop_addresses(w->loop)->pb);
}

static void tell(int fd, const char *text)
{
    CHECK_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void hear(int fd, const char *text)
{
    char got[256] = "";
    size_t len = strlen(text), at = 0;

    while (at < len) {
        ssize_t n = recv(fd, got + at, len - at, 0);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    CHECK_BYTES(got, at, text, len);
}

static bool at_end(int fd)
{
    char byte = 0;

    return recv(fd, &byte, 1, 0) == 0;
}

TEST(clients_are_heard_and_answered)
{
    struct world *w = world_new();

    int pb = connect_pb(w), http = connect_to(loop_addresses(w->loop)->http);
    CHECK(pb >= 0 && http >= 0);
    tell(pb, "e hello\n");
    hear(pb, "hello");
    /* In pieces, and several in one. */
    tell(http, "e o");
    tell(http, "ne\ne two\ne three\n");
    hear(http, "onetwothree");
    tell(pb, "t\n");
    hear(pb, "tick");
    tell(pb, "q\ne never heard\n");
    hear(pb, "bye");
    CHECK(at_end(pb));
    close(http);
    close(pb);
    struct shard *s = world_end(w, SIGTERM);
    CHECK_EQ(w->status, EXIT_STATUS_OK);
    CHECK_EQ(s->starts, 1);
    CHECK_EQ(s->opened, 2);
    CHECK_EQ(s->guests[1].kind, CONN_PB);
    CHECK_EQ(s->guests[2].kind, CONN_HTTP);
    CHECK(s->guests[1].trusted);
    CHECK(s->hosts >= 1);
    CHECK(s->stopping);
    world_free(w);
}

TEST(what_is_committed_is_read)
{
    struct world *w = world_new();
    struct blob *value = NULL;
    char line[64];

    int fd = connect_pb(w);
    tell(fd, "g k\n");
    hear(fd, "none");
    /* The read does not wait for the commit, but sees it. */
    tell(fd, "p k first\ng k\n");
    char got[10] = "";
    size_t at = 0;
    while (at < 9) {
        ssize_t n = recv(fd, got + at, 9 - at, 0);
        CHECK_FATAL(n > 0);
        at += (size_t)n;
    }
    CHECK(strcmp(got, "firstdone") == 0 || strcmp(got, "donefirst") == 0);
    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof(line), "p k%d value%d\n", i, i);
        tell(fd, line);
        hear(fd, "done");
        snprintf(line, sizeof(line), "g k%d\n", i);
        tell(fd, line);
        snprintf(line, sizeof(line), "value%d", i);
        hear(fd, line);
    }
    close(fd);
    world_end(w, SIGINT);
    CHECK_EQ(w->status, EXIT_STATUS_OK);
    CHECK_EQ(engine_mem_unsynced(w->engine), 0);
    CHECK_EQ(engine_get(w->engine, FAMILY_OBJECT, BYTES_LIT("k199"), true, &value), ERR_OK);
    blob_unref(value);
    world_free(w);
}

TEST(commits_under_way_survive_a_stop)
{
    struct world *w = world_new();
    char key[16];

    int fd = connect_pb(w);
    for (int i = 0; i < 100; i++) {
        char line[64];
        snprintf(line, sizeof(line), "p k%d v\n", i);
        tell(fd, line);
    }
    hear(fd, "done");
    tell(fd, "h\n");
    struct shard *s = world_end(w, 0);
    CHECK_EQ(w->status, EXIT_STATUS_IO);
    CHECK(!s->stopping);
    for (int i = 0; i < 100; i++) {
        struct blob *value = NULL;
        snprintf(key, sizeof(key), "k%d", i);
        CHECK_EQ(engine_get(w->engine, FAMILY_OBJECT, bytes_str(key), true, &value), ERR_OK);
        blob_unref(value);
    }
    close(fd);
    world_free(w);
}

/* A slow reader gets all of a large answer; what waits for it is bounded by the shard's room. */
TEST(large_answers_flow)
{
    struct world *w = world_new();
    uint8_t *space = mem_new(BIG_BYTES);
    uint64_t total = 0, wanted = (uint64_t)BIG_BYTES * 200;
    bool right = true;

    int fd = connect_pb(w);
    tell(fd, "b 200\n");
    while (total < wanted) {
        ssize_t n = recv(fd, space, BIG_BYTES, 0);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i += 977)
            right = right && space[i] == (uint8_t)(200 - (total + (uint64_t)i) / BIG_BYTES);
        total += (uint64_t)n;
    }
    CHECK_EQ(total, wanted);
    CHECK(right);
    tell(fd, "e still there\n");
    hear(fd, "still there");
    close(fd);
    struct shard *s = world_end(w, SIGTERM);
    CHECK_EQ(s->guests[1].big_left, 0);
    mem_free(space);
    world_free(w);
}

TEST(a_client_may_vanish_at_any_time)
{
    struct world *w = world_new();
    struct linger hard = {1, 0};

    for (int i = 0; i < 200; i++) {
        int fd = connect_pb(w);
        CHECK(fd >= 0);
        if (i % 4 == 0)
            tell(fd, "b 20\n");
        else if (i % 4 == 1)
            tell(fd, "p key value\n");
        else if (i % 4 == 2)
            tell(fd, "q\n");
        if (i % 3 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
        /* The next one finds a node that has seen to this one. */
        int other = connect_pb(w);
        tell(other, "e x\n");
        hear(other, "x");
        close(other);
    }
    struct shard *s = world_end(w, SIGTERM);
    CHECK_EQ(s->opened, 400);
    CHECK(s->closed <= s->opened);
    CHECK(s->closed >= s->opened - 2);
    world_free(w);
}

TEST(one_too_many_is_turned_away)
{
    struct world *w = world_new();
    int fds[50];
    int served = 0, away = 0;

    for (int i = 0; i < 50; i++) {
        fds[i] = connect_pb(w);
        CHECK(fds[i] >= 0);
        (void)!send(fds[i], "e x\n", 4, MSG_NOSIGNAL);
        char byte = 0;
        ssize_t n = recv(fds[i], &byte, 1, 0);
        served += n == 1;
        away += n == 0 || (n < 0 && errno == ECONNRESET);
    }
    CHECK_EQ(served, 40);
    CHECK_EQ(away, 10);
    for (int i = 0; i < 50; i++)
        close(fds[i]);
    world_end(w, SIGTERM);
    CHECK_EQ(w->status, EXIT_STATUS_OK);
    world_free(w);
}

TEST(bad_addresses_are_named)
{
    struct world w = {.engine = NULL};
    struct loop *loop = NULL;
    struct why why = {""};
    int busy = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    char text[ADDRESS_BYTES_MAX];

    CHECK_FATAL(bind(busy, (const struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK_FATAL(listen(busy, 1) == 0);
    CHECK_FATAL(getsockname(busy, (struct sockaddr *)&at, &len) == 0);
    address_text((const struct sockaddr *)&at, text);
    log_init(&w.log, open("/dev/null", O_WRONLY | O_CLOEXEC), TRACE_DEBUG);
    config_init(&w.config);
    w.config.listen_peer = BYTES_LIT("127.0.0.1:0");
    w.config.listen_http = BYTES_LIT("127.0.0.1:0");
    w.config.listen_pb = bytes_str(text);
    struct loop_options options = options_of(&w);
    CHECK_EQ(loop_new(&options, &loop, &why), EXIT_STATUS_UNAVAILABLE);
    CHECK(strstr(why.text, text) != NULL);
    CHECK(strstr(why.text, "in use") != NULL);

    w.config.listen_pb = BYTES_LIT("no.such.host.invalid:1");
    CHECK_EQ(loop_new(&options, &loop, &why), EXIT_STATUS_UNAVAILABLE);
    CHECK(strstr(why.text, "no.such.host.invalid:1") != NULL);

    /* Others can reach it, and there is no secret. */
    w.config.listen_peer = BYTES_LIT("0.0.0.0:0");
    CHECK_EQ(loop_new(&options, &loop, &why), EXIT_STATUS_PERMISSION);
    CHECK(strstr(why.text, "cluster.secret_file") != NULL);
    w.config.listen_peer = BYTES_LIT("127.0.0.1:0");
    options.advertise = "nonsense";
    CHECK_EQ(loop_new(&options, &loop, &why), EXIT_STATUS_CONFIG);
    CHECK(strstr(why.text, "nonsense") != NULL);
    CHECK(loop == NULL);
    close(busy);
    close(w.log.fd);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(clients_are_heard_and_answered),   T(what_is_committed_is_read),
        T(commits_under_way_survive_a_stop), T(large_answers_flow),
        T(a_client_may_vanish_at_any_time),  T(one_too_many_is_turned_away),
        T(bad_addresses_are_named),
    };
    signal(SIGPIPE, SIG_IGN);
    return tap_main(argc, argv, tests);
}

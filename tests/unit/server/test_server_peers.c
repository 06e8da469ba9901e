/* SPDX-License-Identifier: Apache-2.0 */
/* Peer links, several nodes in one loop: who calls whom, what arrives, what is refused. */
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "server/peers.h"

enum { ENDS = 3, EVENTS_MAX = 4000, WAIT_MS = 10000, RECORD_BYTES = 3 * 1024 * 1024 };

struct seen {
    enum event_kind kind;
    uint64_t node;
    uint64_t token; /* EV_PEER: of a got, a list or a put_ack */
    uint32_t crc;   /* EV_PEER: of a got's record */
    char text[ADDRESS_BYTES_MAX];
};

struct end {
    struct peers *peers;
    const struct listener *listener;
    uint64_t id;
    uint64_t instance;
    struct secret secret;
    struct seen seen[EVENTS_MAX];
    uint32_t seen_count;
};

struct world {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t tick;
    struct end ends[ENDS];
    struct log log;
};

static void on_event(void *context, struct event *ev)
{
    struct end *end = context;

    ASSERT(end->seen_count < EVENTS_MAX);
    struct seen *seen = &end->seen[end->seen_count++];
    *seen = (struct seen){.kind = ev->kind};
    if (ev->kind == EV_LINK_UP || ev->kind == EV_LINK_DOWN) {
        seen->node = ev->u.link.node;
        snprintf(seen->text, sizeof(seen->text), "%.*s", (int)ev->u.link.dialed.len,
                 ev->u.link.dialed.len > 0 ? (const char *)ev->u.link.dialed.data : "");
    } else if (ev->kind == EV_DIAL_FAILED) {
        snprintf(seen->text, sizeof(seen->text), "%.*s", (int)ev->u.dial_failed.len,
                 (const char *)ev->u.dial_failed.data);
    } else {
        const struct peer_msg *msg = ev->u.peer.msg;
        seen->node = ev->u.peer.from;
        if (msg->kind == PEER_GOT) {
            seen->token = msg->u.got.token;
            seen->crc = crc32c(0, msg->u.got.record);
        } else if (msg->kind == PEER_LIST) {
            seen->token = msg->u.list.token;
        } else {
            seen->token = msg->u.put_ack.token;
        }
    }
}

static void say_hello(void *context, struct peer_hello *ret_hello)
{
    const struct end *end = context;

    *ret_hello = (struct peer_hello){.node = end->id,
                                     .cluster = {1, 2},
                                     .lineage = 3,
                                     .epoch = 4,
                                     .name = BYTES_LIT("an end"),
                                     .address = bytes_str(end->listener->text)};
}

static void flush_all(struct world *w)
{
    bool more = true;

    while (more) {
        more = false;
        for (int i = 0; i < ENDS; i++)
            more = (w->ends[i].peers != NULL && peers_flush(w->ends[i].peers)) || more;
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_all(prepare->data);
}

static void on_check(uv_check_t *check)
{
    flush_all(check->data);
}

static void on_tick(uv_timer_t *tick)
{
    struct world *w = tick->data;

    for (int i = 0; i < ENDS; i++) {
        if (w->ends[i].peers != NULL)
            peers_second(w->ends[i].peers);
    }
}

static void end_open(struct world *w, int number, const char *address)
{
    struct end *end = &w->ends[number];
    struct why why = {""};

    end->instance++;
    end->peers = peers_new(&(struct peers_options){
        .uv = &w->uv,
        .log = &w->log,
        .sink = {on_event, end},
        .secret = end->secret,
        .instance = end->instance,
        .jitter_seed = end->instance,
        .hello = say_hello,
        .context = end,
    });
    if (peers_listen(end->peers, address, &end->listener, &why) != EXIT_STATUS_OK) {
        printf("Bail out! %s\n", why.text);
        exit(1);
    }
}

static void end_close(struct world *w, int number)
{
    struct end *end = &w->ends[number];
    struct peers *peers = end->peers;

    end->peers = NULL;
    peers_close_all(peers);
    for (int i = 0; i < 10; i++)
        uv_run(&w->uv, UV_RUN_NOWAIT);
    peers_free(peers);
}

static struct world *world_new(void)
{
    struct world *w = mem_new(sizeof(*w));

    log_init(&w->log, open("/dev/null", O_WRONLY), TRACE_DEBUG);
    uv_loop_init(&w->uv);
    uv_prepare_init(&w->uv, &w->prepare);
    uv_check_init(&w->uv, &w->check);
    uv_timer_init(&w->uv, &w->tick);
    w->prepare.data = w->check.data = w->tick.data = w;
    uv_prepare_start(&w->prepare, on_prepare);
    uv_check_start(&w->check, on_check);
    uv_timer_start(&w->tick, on_tick, 5, 5);
    for (int i = 0; i < ENDS; i++) {
        w->ends[i].id = (uint64_t)(i + 1) * 100;
        w->ends[i].instance = (uint64_t)(i + 1) * 1000;
        end_open(w, i, i == 1 ? "[::1]:0" : "127.0.0.1:0");
    }
    return w;
}

static void world_free(struct world *w)
{
    for (int i = 0; i < ENDS; i++) {
        if (w->ends[i].peers != NULL)
            end_close(w, i);
    }
    uv_close((uv_handle_t *)&w->prepare, NULL);
    uv_close((uv_handle_t *)&w->check, NULL);
    uv_close((uv_handle_t *)&w->tick, NULL);
    uv_run(&w->uv, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&w->uv), 0);
    close(w->log.fd);
    mem_free(w);
}

static uint32_t count(const struct end *end, enum event_kind kind, uint64_t node)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < end->seen_count; i++)
        found += end->seen[i].kind == kind && (node == 0 || end->seen[i].node == node);
    return found;
}

/* Runs the loop until so many such events were seen; false when that takes too long. */
static bool run_until(struct world *w, int number, enum event_kind kind, uint64_t node,
                      uint32_t wanted)
{
    uint64_t end = uv_hrtime() / 1000000 + WAIT_MS;

    while (count(&w->ends[number], kind, node) < wanted) {
        if (uv_hrtime() / 1000000 > end)
            return false;
        uv_run(&w->uv, UV_RUN_ONCE);
    }
    return true;
}

static void run_for(struct world *w, uint64_t ms)
{
    uint64_t end = uv_hrtime() / 1000000 + ms;

    while (uv_hrtime() / 1000000 < end)
        uv_run(&w->uv, UV_RUN_ONCE);
}

static void want(struct world *w, int from, int to)
{
    peers_want(w->ends[from].peers, w->ends[to].id, bytes_str(w->ends[to].listener->text));
}

static void send_got(struct world *w, int from, int to, uint64_t token, struct bytes record)
{
    struct peer_msg msg = {PEER_GOT, {.got = {token, ERR_OK, true, 0, record}}};

    peers_send(w->ends[from].peers, w->ends[to].id, &msg);
}

static void send_list(struct world *w, int from, int to, uint64_t token)
{
    struct peer_msg msg = {PEER_LIST, {.list = {.token = token, .type = BYTES_LIT("t")}}};

    peers_send(w->ends[from].peers, w->ends[to].id, &msg);
}

TEST(all_ends_find_each_other)
{
    struct world *w = world_new();

    for (int i = 0; i < ENDS; i++) {
        for (int j = 0; j < ENDS; j++) {
            if (i != j)
                want(w, i, j);
        }
    }
    uint64_t start = uv_hrtime() / 1000000;
    for (int i = 0; i < ENDS; i++)
        CHECK(run_until(w, i, EV_LINK_UP, 0, ENDS - 1));
    CHECK(uv_hrtime() / 1000000 - start < PEER_CALLED_WAIT_MS);
    /* One message on data and one on bulk, from each to each. */
    for (int i = 0; i < ENDS; i++) {
        for (int j = 0; j < ENDS; j++) {
            if (i == j)
                continue;
            send_got(w, i, j, (uint64_t)i, BYTES_LIT("data"));
            send_list(w, i, j, (uint64_t)i + 10);
        }
    }
    for (int i = 0; i < ENDS; i++) {
        CHECK(run_until(w, i, EV_PEER, 0, 2 * (ENDS - 1)));
        for (int j = 0; j < ENDS; j++) {
            if (i == j)
                continue;
            CHECK_EQ(count(&w->ends[i], EV_LINK_UP, w->ends[j].id), 1);
            CHECK_EQ(count(&w->ends[i], EV_PEER, w->ends[j].id), 2);
        }
        CHECK_EQ(count(&w->ends[i], EV_LINK_DOWN, 0), 0);
    }
    /* It stays so: whoever was too much is gone without anybody being told. */
    run_for(w, PEER_RETIRED_MS + 200);
    for (int i = 0; i < ENDS; i++) {
        CHECK_EQ(count(&w->ends[i], EV_LINK_UP, 0), ENDS - 1);
        CHECK_EQ(count(&w->ends[i], EV_LINK_DOWN, 0), 0);
    }
    world_free(w);
}

TEST(two_calls_at_once_make_one_link)
{
    struct world *w = world_new();

    for (int round = 0; round < 10; round++) {
        peers_dial(w->ends[0].peers, bytes_str(w->ends[1].listener->text));
        peers_dial(w->ends[1].peers, bytes_str(w->ends[0].listener->text));
    }
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    /* What is said as soon as the link is up arrives, whichever connections stay in the end. */
    for (uint64_t token = 0; token < 20; token++) {
        send_got(w, 0, 1, token, BYTES_LIT("early"));
        CHECK(run_until(w, 1, EV_PEER, 100, (uint32_t)token + 1));
    }
    CHECK(run_until(w, 1, EV_LINK_UP, 100, 1));
    for (uint32_t i = 0; i < 20; i++)
        send_got(w, 1, 0, i, BYTES_LIT("early"));
    CHECK(run_until(w, 0, EV_PEER, 200, 20));
    run_for(w, PEER_RETIRED_MS + 200);
    CHECK_EQ(count(&w->ends[0], EV_LINK_DOWN, 0), 0);
    CHECK_EQ(count(&w->ends[1], EV_LINK_DOWN, 0), 0);
    send_got(w, 0, 1, 99, BYTES_LIT("late"));
    send_got(w, 1, 0, 99, BYTES_LIT("late"));
    CHECK(run_until(w, 1, EV_PEER, 100, 21));
    CHECK(run_until(w, 0, EV_PEER, 200, 21));
    world_free(w);
}

TEST(a_dial_comes_to_something_or_nothing)
{
    struct world *w = world_new();
    struct end *end = &w->ends[0];
    char nobody[ADDRESS_BYTES_MAX];

    peers_dial(end->peers, bytes_str(w->ends[2].listener->text));
    CHECK(run_until(w, 0, EV_LINK_UP, 300, 1));
    CHECK_STR(end->seen[0].text, w->ends[2].listener->text);
    /* Nobody dialled from there. */
    CHECK(run_until(w, 2, EV_LINK_UP, 100, 1));
    CHECK_STR(w->ends[2].seen[0].text, "");

    snprintf(nobody, sizeof(nobody), "%s", w->ends[1].listener->text);
    end_close(w, 1);
    peers_dial(end->peers, bytes_str(nobody));
    peers_dial(end->peers, BYTES_LIT("no address"));
    peers_dial(end->peers, BYTES_LIT("name.invalid:1"));
    /* It leads back to this very node. */
    peers_dial(end->peers, bytes_str(end->listener->text));
    CHECK(run_until(w, 0, EV_DIAL_FAILED, 0, 4));
    CHECK_EQ(count(end, EV_LINK_UP, 0), 1);
    CHECK_EQ(count(end, EV_LINK_DOWN, 0), 0);

    /* A dial to whom we are linked to is told at once. */
    peers_dial(end->peers, bytes_str(w->ends[2].listener->text));
    CHECK(run_until(w, 0, EV_LINK_UP, 300, 2));
    CHECK_STR(end->seen[end->seen_count - 1].text, w->ends[2].listener->text);
    world_free(w);
}

TEST(secrets_must_agree)
{
    struct world *w = world_new();

    end_close(w, 0);
    end_close(w, 1);
    memcpy(w->ends[0].secret.bytes, "a secret of some length", 23);
    w->ends[0].secret.len = 23;
    w->ends[1].secret = w->ends[0].secret;
    end_open(w, 0, "127.0.0.1:0");
    end_open(w, 1, "127.0.0.1:0");
    /* One has none; the other way round too. */
    peers_dial(w->ends[0].peers, bytes_str(w->ends[2].listener->text));
    peers_dial(w->ends[2].peers, bytes_str(w->ends[0].listener->text));
    CHECK(run_until(w, 0, EV_DIAL_FAILED, 0, 1));
    CHECK(run_until(w, 2, EV_DIAL_FAILED, 0, 1));
    want(w, 0, 1);
    CHECK(run_until(w, 1, EV_LINK_UP, 100, 1));
    send_got(w, 1, 0, 1, BYTES_LIT("trusted"));
    CHECK(run_until(w, 0, EV_PEER, 200, 1));

    /* Another one. */
    end_close(w, 1);
    w->ends[1].secret.bytes[3] ^= 1;
    end_open(w, 1, "127.0.0.1:0");
    peers_dial(w->ends[1].peers, bytes_str(w->ends[0].listener->text));
    CHECK(run_until(w, 1, EV_DIAL_FAILED, 0, 1));
    CHECK_EQ(count(&w->ends[1], EV_LINK_UP, 0), 1);
    CHECK_EQ(count(&w->ends[2], EV_LINK_UP, 0), 0);
    world_free(w);
}

TEST(a_restart_is_seen)
{
    struct world *w = world_new();
    char address[ADDRESS_BYTES_MAX];

    want(w, 0, 1);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    CHECK(run_until(w, 1, EV_LINK_UP, 100, 1));
    for (uint32_t round = 1; round <= 3; round++) {
        snprintf(address, sizeof(address), "%s", w->ends[1].listener->text);
        end_close(w, 1);
        CHECK(run_until(w, 0, EV_LINK_DOWN, 200, round));
        end_open(w, 1, address);
        CHECK(run_until(w, 0, EV_LINK_UP, 200, round + 1));
        CHECK(run_until(w, 1, EV_LINK_UP, 100, round + 1));
        CHECK_EQ(count(&w->ends[0], EV_LINK_DOWN, 200), round);
    }
    send_got(w, 0, 1, 1, BYTES_LIT("again"));
    CHECK(run_until(w, 1, EV_PEER, 100, 1));
    world_free(w);
}

TEST(unlinked_is_linked_again_only_when_wanted)
{
    struct world *w = world_new();

    want(w, 0, 1);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    CHECK(run_until(w, 1, EV_LINK_UP, 100, 1));
    peers_unlink(w->ends[0].peers, 200);
    CHECK(run_until(w, 0, EV_LINK_DOWN, 200, 1));
    CHECK(run_until(w, 1, EV_LINK_DOWN, 100, 1));
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 2));
    peers_want(w->ends[0].peers, 200, BYTES_NONE);
    peers_unlink(w->ends[0].peers, 200);
    CHECK(run_until(w, 1, EV_LINK_DOWN, 100, 2));
    run_for(w, 600);
    CHECK_EQ(count(&w->ends[0], EV_LINK_UP, 200), 2);
    /* Nobody hears what is sent now. */
    send_got(w, 0, 1, 5, BYTES_LIT("lost"));
    run_for(w, 50);
    CHECK_EQ(count(&w->ends[1], EV_PEER, 0), 0);
    world_free(w);
}

TEST(another_node_at_the_address_is_not_the_one)
{
    struct world *w = world_new();

    peers_want(w->ends[0].peers, 777, bytes_str(w->ends[1].listener->text));
    run_for(w, 600);
    CHECK_EQ(count(&w->ends[0], EV_LINK_UP, 0), 0);
    CHECK_EQ(count(&w->ends[1], EV_PEER, 0), 0);
    world_free(w);
}

TEST(a_new_identity_ends_the_old_links)
{
    struct world *w = world_new();

    want(w, 0, 1);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    CHECK(run_until(w, 1, EV_LINK_UP, 100, 1));
    w->ends[0].id = 555;
    CHECK(run_until(w, 0, EV_LINK_DOWN, 200, 1));
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 2));
    CHECK(run_until(w, 1, EV_LINK_DOWN, 100, 1));
    CHECK(run_until(w, 1, EV_LINK_UP, 555, 1));
    world_free(w);
}

TEST(large_messages_arrive_whole)
{
    struct world *w = world_new();
    uint8_t *record = mem_new(RECORD_BYTES);
    uint32_t crcs[12];

    want(w, 0, 1);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    for (uint32_t i = 0; i < ARRAY_LEN(crcs); i++) {
        size_t len = i % 3 == 0 ? RECORD_BYTES : i * 1000;
        memset(record, (int)i + 1, len);
        crcs[i] = crc32c(0, bytes_of(record, len));
        send_got(w, 0, 1, i, bytes_of(record, len));
    }
    CHECK(run_until(w, 1, EV_PEER, 100, ARRAY_LEN(crcs)));
    uint32_t next = 0;
    for (uint32_t i = 0; i < w->ends[1].seen_count; i++) {
        const struct seen *seen = &w->ends[1].seen[i];
        if (seen->kind != EV_PEER)
            continue;
        CHECK_EQ(seen->token, next);
        CHECK_EQ(seen->crc, crcs[next]);
        next++;
    }
    struct peers_counts counts = peers_counts(w->ends[0].peers);
    CHECK(counts.bytes_out > 4 * RECORD_BYTES);
    CHECK_EQ(counts.dropped, 0);
    mem_free(record);
    world_free(w);
}

TEST(what_cannot_be_sent_is_dropped_and_counted)
{
    struct world *w = world_new();
    uint8_t *record = mem_new(RECORD_BYTES);
    uint32_t fits = PEER_DATA_BYTES_MAX / (RECORD_BYTES + 100), sent = fits + 5;

    want(w, 0, 1);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    for (uint32_t i = 0; i < sent; i++)
        send_got(w, 0, 1, i, bytes_of(record, RECORD_BYTES));
    CHECK_EQ(peers_counts(w->ends[0].peers).dropped, sent - fits);
    CHECK(run_until(w, 1, EV_PEER, 100, fits));
    /* The newest were dropped, and the link goes on. */
    CHECK_EQ(w->ends[1].seen[w->ends[1].seen_count - 1].token, fits - 1);
    send_got(w, 0, 1, 1000, BYTES_LIT("next"));
    CHECK(run_until(w, 1, EV_PEER, 100, fits + 1));
    mem_free(record);
    world_free(w);
}

static int connect_raw(const struct listener *listener)
{
    struct address address;
    struct sockaddr_storage to;

    if (!address_parse(bytes_str(listener->text), &address) || !address_numeric(&address, &to))
        return -1;
    int fd = socket(to.ss_family, SOCK_STREAM, 0);
    socklen_t len =
        to.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

TEST(noise_is_hung_up_on)
{
    struct world *w = world_new();
    char byte = 0;

    int fd = connect_raw(w->ends[0].listener);
    CHECK_FATAL(fd >= 0);
    CHECK_EQ(send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, MSG_NOSIGNAL), 27);
    run_for(w, 100);
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    CHECK(got == 0 || (got < 0 && errno == ECONNRESET));
    close(fd);
    CHECK_EQ(w->ends[0].seen_count, 0);
    /* It still serves others. */
    want(w, 1, 0);
    CHECK(run_until(w, 0, EV_LINK_UP, 200, 1));
    world_free(w);
}

TEST(secret_files)
{
    static const struct {
        const char *text;
        mode_t mode;
        enum exit_status status;
        size_t len;
    } cases[] = {
        {"0123456789abcdef\n", 0600, EXIT_STATUS_OK, 16},
        {" 0123456789abcdef \r\n", 0640, EXIT_STATUS_OK, 17},
        {"0123456789abcde\n", 0600, EXIT_STATUS_CONFIG, 0},
        {"0123456789abcdef\n", 0644, EXIT_STATUS_PERMISSION, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[] = "/tmp/dassie-secret-XXXXXX";
        struct secret secret;
        struct why why = {""};
        int fd = mkstemp(path);

        CHECK_FATAL(fd >= 0);
        CHECK_EQ(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        CHECK_EQ(fchmod(fd, cases[i].mode), 0);
        close(fd);
        CHECK_EQ(secret_load(&secret, path, &why), cases[i].status);
        if (cases[i].status == EXIT_STATUS_OK)
            CHECK_EQ(secret.len, cases[i].len);
        else
            CHECK(strstr(why.text, path) != NULL);
        unlink(path);
        CHECK_EQ(secret_load(&secret, path, &why), EXIT_STATUS_CONFIG);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_ends_find_each_other),
        T(two_calls_at_once_make_one_link),
        T(a_dial_comes_to_something_or_nothing),
        T(secrets_must_agree),
        T(a_restart_is_seen),
        T(unlinked_is_linked_again_only_when_wanted),
        T(another_node_at_the_address_is_not_the_one),
        T(a_new_identity_ends_the_old_links),
        T(large_messages_arrive_whole),
        T(what_cannot_be_sent_is_dropped_and_counted),
        T(noise_is_hung_up_on),
        T(secret_files),
    };
    return tap_main(argc, argv, tests);
}

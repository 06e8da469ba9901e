/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's beginning and end. Sockets are opened before the shard is made, because it must know
 * the real port at which it can be reached; nothing is accepted before the loop runs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/document.h"
#include "server/limits.h"
#include "server/loop_int.h"

static void wake_loop(void *context)
{
    struct loop *loop = context;
    int error = uv_async_send(&loop->stored);

    ASSERT(error == 0);
}

static void sink_to_loop(void *context, struct event *ev)
{
    loop_event(context, ev);
}

static void say_hello(void *context, struct peer_hello *ret_hello)
{
    const struct loop *loop = context;

    shard_hello(loop->shard, ret_hello);
}

/* Adds " ADDRESS" to a list in words. */
static void add_text(char *list, size_t size, const char *address)
{
    size_t len = strlen(list);

    (void)snprintf(list + len, size - len, "%s%s", len > 0 ? " " : "", address);
}

/* A copy with a zero at its end; the configuration bounds the length. */
static void copy_text(char to[ADDRESS_BYTES_MAX], struct bytes text)
{
    size_t len = text.len < ADDRESS_BYTES_MAX ? text.len : ADDRESS_BYTES_MAX - 1;

    if (len > 0)
        memcpy(to, text.data, len);
    to[len] = '\0';
}

static enum exit_status listen_clients(struct loop *loop, enum conn_kind kind, bool trusted,
                                       struct bytes list, char *words, size_t words_size,
                                       struct why *why)
{
    struct bytes next;

    while (config_next_address(&list, &next)) {
        char address[ADDRESS_BYTES_MAX];
        const char *real = NULL;

        copy_text(address, next);
        enum exit_status status = conns_listen(loop->conns, kind, trusted, address, &real, why);
        if (status != EXIT_STATUS_OK)
            return status;
        add_text(words, words_size, real);
    }
    return EXIT_STATUS_OK;
}

/* An address of this machine that others can reach, for a listener on all of them. */
static bool find_address(uint16_t port, char ret_text[ADDRESS_BYTES_MAX])
{
    uv_interface_address_t *all = NULL;
    bool found = false;
    int count = 0;

    if (uv_interface_addresses(&all, &count) != 0)
        return false;
    for (int i = 0; i < count && !found; i++) {
        struct sockaddr_storage at;
        if (all[i].is_internal || all[i].address.address4.sin_family != AF_INET)
            continue;
        memset(&at, 0, sizeof(at));
        memcpy(&at, &all[i].address.address4, sizeof(all[i].address.address4));
        address_set_port((struct sockaddr *)&at, port);
        address_text((const struct sockaddr *)&at, ret_text);
        found = true;
    }
    uv_free_interface_addresses(all, count);
    return found;
}

/* What other nodes are told. With port 0 in `advertise`, or none, the listener's port is put in. */
static enum exit_status advertise(struct loop *loop, const struct listener *listener,
                                  const char *wish, struct why *why)
{
    struct address listening, address;
    char *to = loop->addresses.advertised;

    if (!address_parse(bytes_str(listener->text), &listening))
        UNREACHABLE();
    if (wish == NULL) {
        memcpy(to, listener->text, sizeof(listener->text));
        if (!listener->any || find_address(listening.port, to))
            return EXIT_STATUS_OK;
        (void)snprintf(why->text, sizeof(why->text),
                       "no address of this machine found to advertise; say --advertise HOST:PORT");
        return EXIT_STATUS_CONFIG;
    }
    if (address_parse(bytes_str(wish), &address) && address.host[0] != '\0') {
        if (address.port == 0)
            address.port = listening.port;
        if (address_join(&address, to))
            return EXIT_STATUS_OK;
    }
    (void)snprintf(why->text, sizeof(why->text), "cannot advertise %s: it is no HOST:PORT", wish);
    return EXIT_STATUS_CONFIG;
}

static enum exit_status listen_peers(struct loop *loop, const struct loop_options *options,
                                     struct why *why)
{
    const struct listener *listener = NULL;
    char address[ADDRESS_BYTES_MAX];

    copy_text(address, options->config->listen_peer);
    enum exit_status status = peers_listen(loop->peers, address, &listener, why);
    if (status != EXIT_STATUS_OK)
        return status;
    if (!listener->loopback && options->secret.len == 0) {
        (void)snprintf(why->text, sizeof(why->text),
                       "other machines can reach the peer address %s: that needs "
                       "cluster.secret_file",
                       address);
        return EXIT_STATUS_PERMISSION;
    }
    memcpy(loop->addresses.peer, listener->text, sizeof(listener->text));
    return advertise(loop, listener, options->advertise, why);
}

static enum exit_status listen_all(struct loop *loop, const struct loop_options *options,
                                   struct why *why)
{
    const struct config *config = options->config;
    struct loop_addresses *words = &loop->addresses;
    enum exit_status status = listen_peers(loop, options, why);

    if (status == EXIT_STATUS_OK)
        status = listen_clients(loop, CONN_PB, false, config->listen_pb, words->pb,
                                sizeof(words->pb), why);
    if (status == EXIT_STATUS_OK)
        status = listen_clients(loop, CONN_HTTP, false, config->listen_http, words->http,
                                sizeof(words->http), why);
    if (status == EXIT_STATUS_OK)
        status = listen_clients(loop, CONN_HTTP, true, config->listen_admin, words->admin,
                                sizeof(words->admin), why);
    return status;
}

static void make_sockets(struct loop *loop, const struct loop_options *options)
{
    struct sink sink = {sink_to_loop, loop};

    loop->conns = conns_new(&(struct conns_options){
        .uv = &loop->uv,
        .log = options->log,
        .sink = sink,
        .max = options->connections_max,
    });
    loop->peers = peers_new(&(struct peers_options){
        .uv = &loop->uv,
        .log = options->log,
        .sink = sink,
        .secret = options->secret,
        .instance = options->instance,
        .jitter_seed = options->instance ^ 1,
        .hello = say_hello,
        .context = loop,
    });
}

/* All rows of the system's family, for EV_START. */
struct start_rows {
    struct arena arena;
    struct stored_row *rows;
    uint32_t count, cap;
};

static bool add_row(void *context, struct bytes key, struct bytes value)
{
    struct start_rows *rows = context;

    if (rows->count == rows->cap) {
        rows->cap = rows->cap == 0 ? 64 : rows->cap * 2;
        rows->rows = mem_resize(rows->rows, rows->cap * sizeof(rows->rows[0]));
    }
    rows->rows[rows->count++] =
        (struct stored_row){arena_copy(&rows->arena, key), arena_copy(&rows->arena, value)};
    return true;
}

static enum err start_shard(struct loop *loop, struct engine *engine)
{
    struct event ev = {.kind = EV_START};
    struct start_rows rows = {.count = 0};

    arena_init(&rows.arena);
    enum err err = engine_scan(engine, FAMILY_SYS, BYTES_NONE, BYTES_NONE, add_row, &rows);
    if (err == ERR_OK) {
        ev.u.start.rows = rows.rows;
        ev.u.start.count = rows.count;
        loop_event(loop, &ev);
        loop_tell_facts(loop);
    }
    mem_free(rows.rows);
    arena_done(&rows.arena);
    return err;
}

static enum exit_status status_of(enum err err)
{
    if (err == ERR_OK)
        return EXIT_STATUS_OK;
    if (err == ERR_CORRUPT || err == ERR_VERSION)
        return EXIT_STATUS_DATA;
    return err == ERR_IO || err == ERR_NO_SPACE ? EXIT_STATUS_IO : EXIT_STATUS_SOFTWARE;
}

static enum exit_status begin(struct loop *loop, const struct loop_options *options,
                              struct why *why)
{
    enum exit_status status = listen_all(loop, options, why);

    if (status != EXIT_STATUS_OK)
        return status;
    loop->store = store_new(&(struct store_options){
        .engine = options->engine,
        .readers = options->config->read_threads,
        .wake = wake_loop,
        .context = loop,
    });
    if (loop->store == NULL) {
        (void)snprintf(why->text, sizeof(why->text), "the system gives no more threads");
        return EXIT_STATUS_OS;
    }
    loop->shard = shard_new(&(struct shard_options){
        .config = &loop->config,
        .seed = options->seed,
        .name = bytes_str(options->name),
        .peer_address = bytes_str(loop->addresses.advertised),
    });
    enum err err = start_shard(loop, options->engine);
    if (err == ERR_OK && loop->halted)
        err = loop->halt;
    if (err != ERR_OK)
        (void)snprintf(why->text, sizeof(why->text), "%s: the system rows cannot be used: %s",
                       options->data_path, err_name(err));
    return status_of(err);
}

enum exit_status loop_new(const struct loop_options *options, struct loop **ret_loop,
                          struct why *ret_why)
{
    struct loop *loop = mem_new(sizeof(*loop));
    int error = uv_loop_init(&loop->uv);

    ASSERT(error == 0);
    loop->config = *options->config;
    loop->log = options->log;
    loop->data_path = options->data_path;
    loop->engine = options->engine;
    ballast_init(&loop->ballast, options->data_path, options->config->ballast_bytes);
    loop->started_us = loop_mono_us();
    loop->armed_us = UINT64_MAX;
    outbox_init(&loop->out);
    loop_open_handles(loop);
    make_sockets(loop, options);
    enum exit_status status = begin(loop, options, ret_why);
    if (status != EXIT_STATUS_OK) {
        loop_free(loop);
        return status;
    }
    loop_start_handles(loop);
    *ret_loop = loop;
    return EXIT_STATUS_OK;
}

enum exit_status loop_run(struct loop *loop)
{
    if (!loop->halted)
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (loop->halt != ERR_OK)
        log_line(loop->log, TRACE_ERROR, "this node stops: %s", err_name(loop->halt));
    return status_of(loop->halt);
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    loop->halted = true;
    /* The threads first: they wake the loop. */
    store_free(loop->store);
    conns_close_all(loop->conns);
    peers_close_all(loop->peers);
    loop_close_handles(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int error = uv_loop_close(&loop->uv);
    ASSERT(error == 0);
    conns_free(loop->conns);
    peers_free(loop->peers);
    shard_free(loop->shard);
    outbox_done(&loop->out);
    mem_free(loop);
}

const struct loop_addresses *loop_addresses(const struct loop *loop)
{
    return &loop->addresses;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "server/datadir.h"
#include "server/facts.h"
#include "server/limits.h"
#include "server/loop.h"
#include "server/notify.h"

enum { SHARDS = 1, ENGINE_FILES_MIN = 64, TEXT_BYTES_MAX = 1024 + 1 };

struct server {
    const struct server_options *options;
    struct log log;
    struct datadir dir;
    struct secret secret;
    struct engine *engine;
    struct loop *loop;
    uint32_t engine_files;
    uint32_t connections_max;
    struct why why;
};

/* The configuration's texts have no zero at their end. */
static const char *text_of(struct bytes bytes, char to[TEXT_BYTES_MAX])
{
    size_t len = bytes.len < TEXT_BYTES_MAX ? bytes.len : TEXT_BYTES_MAX - 1;

    if (len > 0)
        memcpy(to, bytes.data, len);
    to[len] = '\0';
    return to;
}

static enum exit_status share_descriptors(struct server *server)
{
    uint64_t limit = facts_raise_descriptors();

    if (limit < FDS_MIN) {
        (void)snprintf(server->why.text, sizeof(server->why.text),
                       "too few file descriptors: %llu, at least %d are needed (ulimit -n)",
                       (unsigned long long)limit, FDS_MIN);
        return EXIT_STATUS_OS;
    }
    uint64_t files = limit / 4;
    if (files < ENGINE_FILES_MIN)
        files = ENGINE_FILES_MIN;
    if (files > ENGINE_FILES_MAX)
        files = ENGINE_FILES_MAX;
    uint64_t rest = limit - files - FDS_RESERVED;
    server->engine_files = (uint32_t)files;
    server->connections_max = rest > UINT32_MAX ? UINT32_MAX : (uint32_t)rest;
    return EXIT_STATUS_OK;
}

static enum exit_status open_datadir(struct server *server)
{
    const struct config *config = server->options->config;
    char path[TEXT_BYTES_MAX], name[TEXT_BYTES_MAX];
    enum exit_status status = datadir_open(&server->dir, text_of(config->data_dir, path),
                                           text_of(config->node_name, name), SHARDS, &server->why);

    if (status == EXIT_STATUS_OK && server->options->discard_data)
        status = datadir_discard(&server->dir, &server->why);
    return status;
}

static enum exit_status load_secret(struct server *server)
{
    char path[TEXT_BYTES_MAX];

    if (server->options->config->secret_file.len == 0)
        return EXIT_STATUS_OK;
    return secret_load(&server->secret, text_of(server->options->config->secret_file, path),
                       &server->why);
}

static enum exit_status open_engine(struct server *server)
{
    const struct config *config = server->options->config;
    struct engine_options options = {
        .path = server->dir.engine_path,
        .create = true,
        .cache_bytes = config->cache_bytes,
        .memtable_bytes = config->memtable_bytes,
        .blob_bytes_min = (uint32_t)config->blob_bytes_min,
        .background_threads = 2,
        .open_files_max = (int)server->engine_files,
    };
    enum err err = engine_open_rocks(&options, &server->engine, &server->why);

    if (err == ERR_OK)
        return EXIT_STATUS_OK;
    if (err == ERR_BUSY)
        return EXIT_STATUS_BUSY;
    return err == ERR_CORRUPT || err == ERR_VERSION ? EXIT_STATUS_DATA : EXIT_STATUS_IO;
}

static enum exit_status open_loop(struct server *server)
{
    struct loop_options options = {
        .config = server->options->config,
        .log = &server->log,
        .engine = server->engine,
        .data_path = server->dir.path,
        .name = server->dir.name,
        .advertise = server->options->advertise,
        .secret = server->secret,
        .connections_max = server->connections_max,
    };

    if (getrandom(&options.seed, sizeof(options.seed), 0) != (ssize_t)sizeof(options.seed) ||
        getrandom(&options.instance, sizeof(options.instance), 0) !=
            (ssize_t)sizeof(options.instance)) {
        (void)snprintf(server->why.text, sizeof(server->why.text),
                       "the system gives no random numbers");
        return EXIT_STATUS_OS;
    }
    return loop_new(&options, &server->loop, &server->why);
}

static enum exit_status open_all(struct server *server)
{
    static enum exit_status (*const steps[])(struct server *) = {
        share_descriptors, load_secret, open_datadir, open_engine, open_loop,
    };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        enum exit_status status = steps[i](server);
        if (status != EXIT_STATUS_OK)
            return status;
    }
    return EXIT_STATUS_OK;
}

static void announce(struct server *server)
{
    const struct loop_addresses *at = loop_addresses(server->loop);

    log_line(&server->log, TRACE_INFO,
             "node %s serves: pb %s, http %s%s%s, peers %s (as %s); data %s", server->dir.name,
             at->pb[0] ? at->pb : "nowhere", at->http[0] ? at->http : "nowhere",
             at->admin[0] ? ", admin " : "", at->admin, at->peer, at->advertised, server->dir.path);
    notify_state("READY=1");
}

static void close_all(struct server *server)
{
    loop_free(server->loop);
    if (server->engine != NULL) {
        enum err err = engine_sync(server->engine);
        if (err != ERR_OK)
            log_line(&server->log, TRACE_ERROR, "the last sync failed: %s", err_name(err));
    }
    engine_close(server->engine);
    datadir_close(&server->dir);
}

enum exit_status server_run(const struct server_options *options)
{
    struct server *server = mem_new(sizeof(*server));
    enum trace_level level = TRACE_INFO;

    (void)log_level_parse(options->config->log_level, &level);
    log_init(&server->log, STDERR_FILENO, level);
    server->options = options;
    server->dir.lock_fd = -1;
    signal(SIGPIPE, SIG_IGN);
    enum exit_status status = open_all(server);
    if (status == EXIT_STATUS_OK) {
        announce(server);
        status = loop_run(server->loop);
    } else {
        log_line(&server->log, TRACE_ERROR, "%s", server->why.text);
    }
    close_all(server);
    if (status == EXIT_STATUS_OK)
        log_line(&server->log, TRACE_INFO, "node stopped");
    mem_free(server);
    return status;
}

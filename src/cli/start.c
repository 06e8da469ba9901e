/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum {
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
    WHY_BYTES_MAX = 4096,
    START_CONFIG_STATUS = 78, /* a setting that cannot work, after the BSD's sysexits */
};

/* The short forms of settings that nearly every node is given. */
static const struct {
    const char *option;
    const char *setting;
} shorts[] = {
    {"name", "nodename"},
    {"data", "platform_data_dir"},
    {"pb", "listener.protobuf.internal"},
    {"http", "listener.http.internal"},
    {"peer", "listener.peer"},
};

static int complain(const struct buf *why, const char *where)
{
    return cli_fail(START_CONFIG_STATUS, "%s%s%.*s", where, where[0] ? ": " : "", (int)why->len,
                    (const char *)why->data);
}

/* Reads a file whole into the buffer. */
static int read_file(const char *path, struct buf *to)
{
    FILE *file = fopen(path, "re");
    uint8_t piece[4096];
    size_t got = 0;

    if (file == NULL)
        return cli_fail(START_CONFIG_STATUS, "cannot read %s: %s", path, strerror(errno));
    do {
        got = fread(piece, 1, sizeof(piece), file);
        buf_put(to, bytes_of(piece, got));
    } while (got > 0 && !to->overflow);
    bool failed = ferror(file) != 0;
    int number = errno;
    (void)fclose(file);
    if (failed)
        return cli_fail(START_CONFIG_STATUS, "cannot read %s: %s", path, strerror(number));
    if (to->overflow)
        return cli_fail(START_CONFIG_STATUS, "%s is larger than a file of settings is", path);
    return 0;
}

static int apply_file(const char *path, struct config *config)
{
    struct buf text, why;

    buf_init(&text, CONFIG_FILE_BYTES_MAX);
    buf_init(&why, WHY_BYTES_MAX);
    int status = read_file(path, &text);
    if (status == 0 && config_parse(config, buf_bytes(&text), &why) != ERR_OK)
        status = complain(&why, path);
    buf_done(&why);
    buf_done(&text);
    return status;
}

static int apply_settings(const struct cli_call *call, struct config *config)
{
    struct buf why;
    int status = 0;

    buf_init(&why, WHY_BYTES_MAX);
    for (uint32_t i = 0; status == 0 && cli_nth(call, "set", i) != NULL; i++)
        if (config_assign(config, bytes_str(cli_nth(call, "set", i)), &why) != ERR_OK)
            status = complain(&why, "--set");
    buf_done(&why);
    return status;
}

int start_configure(const struct cli_call *call, struct config *config)
{
    const char *path = cli_text(call, "config", NULL);
    int status = path ? apply_file(path, config) : 0;

    return status ? status : apply_settings(call, config);
}

static int apply_shorts(const struct cli_call *call, struct config *config)
{
    struct buf why;
    int status = 0;

    buf_init(&why, WHY_BYTES_MAX);
    for (size_t i = 0; status == 0 && i < ARRAY_LEN(shorts); i++) {
        const char *text = cli_text(call, shorts[i].option, NULL);
        if (text != NULL &&
            config_set(config, bytes_str(shorts[i].setting), bytes_str(text), &why) != ERR_OK)
            status = complain(&why, "");
    }
    if (status == 0 && config_check(config, &why) != ERR_OK)
        status = complain(&why, "");
    buf_done(&why);
    return status;
}

static int run_start(const struct cli_call *call)
{
    struct config config;
    struct node_start start = {
        .config = &config,
        .advertise = cli_text(call, "advertise", NULL),
        .discard_data = cli_given(call, "discard-data"),
    };

    ASSERT(call->host != NULL);
    config_init(&config);
    int status = start_configure(call, &config);
    if (status == 0)
        status = apply_shorts(call, &config);
    if (status == 0)
        status = call->host->run_node(&start);
    config_done(&config);
    return status;
}

static const struct cli_option start_options[] = {
    {"name", 'n', "NAME", "of this node in its cluster (dassie@127.0.0.1)"},
    {"data", 'd', "DIR", "the directory of its data (dassie-data)"},
    {"pb", 0, "HOST:PORT", "for clients by Protocol Buffers (127.0.0.1:8087)"},
    {"http", 0, "HOST:PORT", "for clients by HTTP (127.0.0.1:8098)"},
    {"peer", 0, "HOST:PORT", "for the other nodes (127.0.0.1:8099)"},
    {"advertise", 0, "HOST:PORT", "where the other nodes reach it, if not at --peer"},
    START_CONFIG_OPTIONS,
    {"discard-data", 0, NULL, "throw away what the directory holds, to join a cluster"},
    CLI_OPTION_END,
};

const struct cli_command command_start = {
    .name = "start",
    .operands = "",
    .summary = "Run a node in the foreground",
    .text =
        "Without a cluster to belong to it is one of its own. ^C or SIGTERM stops it: it answers\n"
        "what is in flight, syncs, and ends within ten seconds.",
    .options = start_options,
    .run = run_start,
};

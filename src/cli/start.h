/* SPDX-License-Identifier: Apache-2.0 */
/* `dassie start`: what a node shall be, from defaults, a file and the command line, in this
 * order. The server itself is run by the host (struct cli_host). */
#ifndef CLI_START_H
#define CLI_START_H

#include "cli/cli.h"
#include "config/config.h"

struct node_start {
    const struct config *config;
    const char *advertise; /* HOST:PORT for other nodes; NULL: the peer listener's */
    bool discard_data;     /* what the data directory holds may be thrown away to join */
};

extern const struct cli_command command_start;

/* The options by which a configuration is named: `--config`, `--set`. */
#define START_CONFIG_OPTIONS                                                                       \
    {"config", 0, "FILE", "settings in riak.conf's syntax"},                                       \
    {                                                                                              \
        "set", 0, "KEY=VALUE", "one setting; may be given several times"                           \
    }

/* Fills in a configuration from these options: 0, or an exit status after a word to the user. */
int start_configure(const struct cli_call *call, struct config *config) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A node: this process, from the lock of its data directory to its exit status. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "config/config.h"
#include "server/exit.h"

struct server_options {
    const struct config *config;
    const char *advertise; /* HOST:PORT for other nodes; NULL: the peer listener's */
    bool discard_data;     /* throw away what the data directory holds */
};

/* Serves until SIGTERM or SIGINT. Once in a process. */
enum exit_status server_run(const struct server_options *options);

#endif

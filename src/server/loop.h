/* SPDX-License-Identifier: Apache-2.0 */
/* The turn: events go to the shard one after the other, and what the shard wants done is gathered
 * until the turn ends.
 *
 *     poll: sockets, threads, timers, signals --> event --> shard_step --> outbox
 *                                                   ^                        | executed in order
 *                      store_next: what is complete +------------------------+
 *     end of the turn: messages to peers, one write a connection
 *                      commits, one group to the commit thread
 *                      bytes to clients, one write a connection
 *     sleep until the shard's deadline or the next event
 *
 * Invariants: a step runs to its end before the next begins; outputs are executed in their order;
 * nothing is left gathered when the loop sleeps. */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "base/random.h"
#include "config/config.h"
#include "engine/engine.h"
#include "server/exit.h"
#include "server/log.h"
#include "server/secret.h"

struct loop;

struct loop_options {
    const struct config *config; /* outlives the loop, like all that is pointed to */
    struct log *log;
    struct engine *engine;
    const char *data_path;
    const char *name;
    const char *advertise; /* HOST:PORT; NULL: where the listener for peers is */
    struct secret secret;
    struct seed seed;
    uint64_t instance;
    uint32_t connections_max;
};

/* Where the node can be reached, in words: the addresses with their real ports. */
struct loop_addresses {
    char pb[512];
    char http[512];
    char admin[ADDRESS_BYTES_MAX];
    char peer[ADDRESS_BYTES_MAX];
    char advertised[ADDRESS_BYTES_MAX];
};

/* Listens, starts the threads and gives the shard its EV_START. On failure says why. */
enum exit_status loop_new(const struct loop_options *options, struct loop **ret_loop,
                          struct why *ret_why);

/* Serves until the shard halts; how the process is to end. */
enum exit_status loop_run(struct loop *loop);

/* Finishes all commits and frees everything but the engine. NULL is fine. */
void loop_free(struct loop *loop);

const struct loop_addresses *loop_addresses(const struct loop *loop);

#endif

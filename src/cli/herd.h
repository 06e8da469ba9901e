/* SPDX-License-Identifier: Apache-2.0 */
/* Some nodes on this machine that live and die with the process that started them: each is this
 * program again, as `start`, on loopback, with a data directory and a log file of its own.
 *
 * Invariants:
 *   1. only processes that herd_start made are ever signalled, by their ids;
 *   2. a node ends when its parent does, however that ends. */
#ifndef CLI_HERD_H
#define CLI_HERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

enum { HERD_NODES_MAX = 32, HERD_PATH_MAX = 4096 };

struct herd_node {
    char name[16];
    uint16_t pb, http, peer;
    pid_t pid;  /* 0: not running */
    int status; /* of waitpid, once it has ended */
};

struct herd {
    char folder[HERD_PATH_MAX];
    struct herd_node nodes[HERD_NODES_MAX];
    uint32_t count;
};

/* Names the nodes and finds free ports for them: Riak's usual ones for the first, the same plus
 * a hundred for the second, and so on; any others where those are taken. False when there are
 * none. */
bool herd_init(struct herd *herd, const char *folder, uint32_t count);

/* Starts all. `settings` ends with NULL: each goes to `start --set`. False after a word to the
 * user. */
bool herd_start(struct herd *herd, const char *const *settings);

/* Takes note of nodes that have ended; returns the first that had not been seen to, or NULL. */
struct herd_node *herd_reap(struct herd *herd);

/* Asks all to stop, waits, and kills those that do not. Returns how many had to be killed. */
uint32_t herd_stop(struct herd *herd);

/* Runs this program's own command line in a child; `words` ends with NULL. Standard output goes to
 * `ret_output` (NULL: nowhere); standard error is ours, or with `quiet` nowhere. Returns the exit
 * status, -1 if it had none. */
int herd_command(const char *const *words, bool quiet, struct buf *ret_output);

/* Whether the node says that it serves. */
bool herd_ready(const struct herd_node *node);

/* The path of a node's log file. */
void herd_log(const struct herd *herd, const struct herd_node *node, char ret_path[HERD_PATH_MAX]);

/* Prints the end of a node's log to standard error, for when it did not start. */
void herd_show_log(const struct herd *herd, const struct herd_node *node);

/* Removes the folder and all in it. */
void herd_remove(const struct herd *herd);

#endif

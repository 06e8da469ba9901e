/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory of a node: made, locked and checked before anything else happens.
 *
 *   format    what this is: format number, node name, number of shards (docs/formats/datadir.md)
 *   lock      held by the process that uses the directory; holds its number
 *   db/       the engine's files
 *
 * Invariants: who has the lock is the only user; a directory whose format is newer, whose name is
 * another node's, or which holds other things is refused and not touched. */
#ifndef SERVER_DATADIR_H
#define SERVER_DATADIR_H

#include <limits.h>

#include "base/bytes.h"
#include "engine/engine.h"
#include "server/exit.h"

enum { DATADIR_FORMAT = 1, DATADIR_NAME_BYTES_MAX = 255 };

struct datadir {
    char path[PATH_MAX];
    char engine_path[PATH_MAX];
    char name[DATADIR_NAME_BYTES_MAX + 1];
    uint32_t shards;
    bool fresh; /* it was made just now */
    int lock_fd;
};

/* Opens or makes the directory. `name` is the node's, or NULL: the one that stands in the
 * directory, a random one in a new directory. On failure says why, and leaves nothing open. */
enum exit_status datadir_open(struct datadir *dir, const char *path, const char *name,
                              uint32_t shards, struct why *ret_why);

/* Throws away the engine's files: the node begins anew, under the same name. */
enum exit_status datadir_discard(const struct datadir *dir, struct why *ret_why);

/* Gives the lock back. */
void datadir_close(struct datadir *dir);

#endif

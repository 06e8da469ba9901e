/* SPDX-License-Identifier: Apache-2.0 */
/* A file that holds nothing but space: so that on the day on which the disk is full there is
 * something to give away at once. Who is woken by a full disk may delete it by hand; when the
 * engine finds no space the node does so itself, and makes it again when there is plenty.
 *
 * Invariants: the file is made only where storage.free_min stays free beside it; what is given
 * away is not made again for BALLAST_REST_S. A file system that cannot promise space has none. */
#ifndef SERVER_BALLAST_H
#define SERVER_BALLAST_H

#include <limits.h>

#include "msg/stats.h"
#include "server/log.h"

#define BALLAST_NAME "ballast"

struct ballast {
    char path[PATH_MAX];
    uint64_t wanted;  /* bytes; 0: none is kept */
    uint64_t held;    /* bytes that deleting it would free */
    uint64_t rest_us; /* it is not made before */
    bool unable;      /* this file system gives no promise */
};

/* Looks what is there. */
void ballast_init(struct ballast *ballast, const char *data_path, uint64_t wanted);

/* Once a second, with what is free: looks again, and makes it where `free_min` bytes stay free with
 * it and a quarter of that besides. */
void ballast_second(struct ballast *ballast, const struct host_facts *facts, uint64_t free_min,
                    uint64_t now_us, struct log *log);

/* The disk is full: gives it away. False when there is none. */
bool ballast_give(struct ballast *ballast, uint64_t now_us, struct log *log);

#endif

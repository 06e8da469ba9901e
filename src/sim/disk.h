/* SPDX-License-Identifier: Apache-2.0 */
/* The disk of a simulated node, over the memory engine. Commits are visible at once and complete in
 * order; a crash keeps every batch whose durable commit completed, and a prefix of the rest. Reads
 * complete in any order and see what is there when they complete. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "engine/engine.h"
#include "sim/world.h"

struct sim_node;

#define DISK_BYTES (UINT64_C(1) << 40)

struct disk {
    struct engine *engine;
    uint64_t batches;                /* committed since the engine was made */
    uint64_t durable;                /* of these, how many must survive a crash */
    uint64_t commit_free_us;         /* the next commit completes no earlier */
    uint64_t submitted, turn;        /* commits of this life, and the one that completes next */
    uint32_t pending;                /* operations of this life that have not completed */
    enum err broken;                 /* what commits fail with, or ERR_OK */
    uint64_t free_bytes;             /* as the host tells */
    uint32_t generation;             /* completions of an earlier life are dropped */
    uint64_t stalled_until_us;       /* no commit completes before */
    uint64_t reads_stalled_until_us; /* nor a read */
};

void disk_init(struct disk *disk);
void disk_done(struct disk *disk);

/* Executes an OUT_STORE of a node; the completion comes as an event. */
void disk_submit(struct world *w, struct sim_node *node, const struct store_op *op);

/* Everything written so far survives a crash. */
void disk_sync(struct disk *disk);

/* What a crash does to it. */
void disk_crash(struct world *w, struct disk *disk);

/* Another disk, empty, is in its place: of a node that is down. */
void disk_wipe(struct disk *disk);

/* All rows of a family, for start-up and for checkers; stops when `row` says false. */
void disk_each(struct disk *disk, enum store_family family, engine_row_fn *row, void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this node has room for new data. The host tells once a second how much of the disk is
 * free; the decision is made here, so that it is the same in the simulator. A node without room
 * refuses what would add a value, before the disk does: compaction, deletes and the handing over of
 * hints need space, too, and are what makes room.
 *
 *   ROOM --less than storage.free_min is free, or a commit found no space--> FULL
 *   FULL --a quarter more than storage.free_min is free, and no commit has failed for
 *          SPACE_HOLD_MS--> ROOM
 *
 * Invariants:
 *  1. FULL is left only by word of the host: a node that is told nothing stays full.
 *  2. Where commits go on failing for SPACE_STUCK_MS although the host sees room, the engine does
 *     not come back by itself: the process must begin anew. */
#ifndef SHARD_SPACE_H
#define SHARD_SPACE_H

#include "config/config.h"
#include "msg/outbox.h"

enum { SPACE_HOLD_MS = 10000, SPACE_STUCK_MS = 180000 };

struct space {
    bool full;
    uint64_t failed_us; /* the last commit that found no space; 0: none while it is full */
    uint64_t room_us;   /* since when the host sees room, or commits fail; 0: it sees none */
};

/* EV_HOST. */
void space_told(struct space *space, const struct config *config, const struct event *ev,
                struct outbox *out);

/* A commit found no space. False when it is no use to wait any longer. */
bool space_failed(struct space *space, const struct event *ev, struct outbox *out) MUST_CHECK;

/* Free bytes from which a node that is full has room again. */
uint64_t space_resumes_at(uint64_t free_min);

#endif

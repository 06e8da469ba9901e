/* SPDX-License-Identifier: Apache-2.0 */
/* Removes the rows of this node whose history ended long enough ago: one pass over all digests, a
 * page at a time, no faster than the rate. Nobody is asked, for no copy of what has ended can be
 * seen again, wherever it turns up (docs/decisions/0006).
 *
 *   SCAN --some rows are due--> REMOVE --each is gone, or was not to go--> REST | DONE
 *     '--none is--> REST | DONE            REST --paused--> SCAN (the next page)
 *
 *   any --this node stops--> DONE          SCAN --the store fails--> DONE
 *
 * Invariants:
 *  1. A row goes only in its turn on its key, and only if its digest is then what was met here, or
 *     its newest object has ended: whatever was written meanwhile stays.
 *  2. Object and digest go in one batch.
 *  3. At most EXPIRE_ROWS removals are under way.
 *  4. The end of every row that stays is noted: a pass that leaves something is followed by
 *     another. */
#ifndef KV_EXPIRE_H
#define KV_EXPIRE_H

#include "kv/machines.h"

/* Begins a pass; of nobody's request. */
struct machine *expire_new(const struct kv_env *env, uint64_t id, const struct event *ev,
                           struct outbox *out);

/* EV_STORED (its scan), EV_COMMITTED, EV_DEADLINE, EV_STOP. */
void expire_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                 struct outbox *out);

void expire_free(struct machine *machine);

#endif

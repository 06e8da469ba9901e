/* SPDX-License-Identifier: Apache-2.0 */
/* Storage for one shard: what msg/store.h promises, over a blocking engine.
 *
 *     loop thread                         commit thread          readers
 *     store_submit: commit -> group
 *     store_flush: group ---------------> queue
 *                                         all that waits as one batch, one sync
 *     store_next: EV_STORED <------------ done
 *     store_submit: get: overlay, else the engine's memory, else ----> queue
 *     store_next: EV_STORED <----------------------------------------- done
 *
 * Invariants:
 *  1. The commits of a turn are one group. Groups are written, and complete, in the order of
 *     submission; those that waited together share one batch and one sync.
 *  2. `overlay` holds for every key the newest row that went out and whose group is not complete.
 *     A get looks there first and in the engine second, so it sees every commit before it: a group
 *     leaves the overlay only after the engine has it.
 *  3. A scan waits until all groups that went out before it are complete; then a reader runs it.
 *  4. When a group fails, every group that the shard began before it was told fails too, untried:
 *     what the shard built on the failed one is not written.
 *  5. Counts of blobs, groups, the overlay and the completions that are told belong to the loop's
 *     thread. The other threads see a group or a read only between taking it from a queue and
 *     putting it into another, both under `lock`; they read blobs, they do not count them. */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include "engine/engine.h"
#include "msg/store.h"

struct store;

struct store_options {
    struct engine *engine; /* stays the caller's; outlives the store */
    uint32_t readers;
    void (*wake)(void *context); /* called on other threads: store_next has news */
    void *context;
};

struct store_counts {
    uint64_t commits; /* of the shard */
    uint64_t batches; /* of the engine */
    uint64_t syncs;
    uint64_t reads;  /* gets and scans */
    uint64_t misses; /* of them, those that went to a reader */
};

/* Starts the threads; NULL when the system gives none. */
struct store *store_new(const struct store_options *options);

/* Finishes all commits, stops the threads, forgets completions that nobody asked for. NULL is
 * fine. */
void store_free(struct store *store);

/* Begins an operation. Commits leave with the next store_flush. Keys are copied, values counted. */
void store_submit(struct store *store, const struct store_op *op);

/* Hands the commits of this turn over. */
void store_flush(struct store *store);

/* The next completion; false when there is none now. What it points to lives until the next
 * call. */
bool store_next(struct store *store, struct stored *ret_stored);

/* Whether every operation has been told complete. */
bool store_idle(const struct store *store);

struct store_counts store_counts(const struct store *store);

/* How long the slowest commit took since the last call, or takes by now. */
uint64_t store_slowest_us(struct store *store);

#endif

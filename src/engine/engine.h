/* SPDX-License-Identifier: Apache-2.0 */
/* A storage engine: ordered rows in families, atomic batches, durability on demand. Two stand
 * behind this header, under one contract test: rocks.c (RocksDB) and mem.c (memory, with the crash
 * semantics of a write-ahead log).
 *
 * Contract:
 *  1. A batch is atomic, also over a crash.
 *  2. Batches become visible in the order of engine_commit, and a crash keeps a prefix of them.
 *  3. After engine_sync returns ERR_OK every batch committed before the call survives a crash.
 *  4. After an engine_commit or engine_sync that failed with ERR_IO the engine refuses all further
 *     commits: a failed sync is never retried as if it had worked. After ERR_NO_SPACE nothing of
 *     the batch is visible, commits may be tried again, and work again when there is space: at
 *     once, or after some seconds in which the engine repairs itself.
 *  5. engine_get and engine_scan see every batch whose engine_commit has returned.
 *  6. Calls may come from several threads at once; commits and syncs from one at a time. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/blob.h"
#include "base/err.h"
#include "msg/store.h"

struct engine;
struct engine_batch;

/* A reason in words, for people. */
struct why {
    char text[512];
};

struct engine_options {
    const char *path;     /* directory; rocks only */
    bool create;          /* make it when it is not there */
    uint64_t cache_bytes; /* block cache; 0 in any of these: the default */
    uint64_t memtable_bytes;
    uint32_t blob_bytes_min; /* values of this size and more go to blob files */
    int background_threads;
    int open_files_max; /* table files kept open */
};

/* How full the engine is, in thousandths of the point where it would stall writers. */
struct engine_pressure {
    uint32_t level0_permille;
    uint32_t pending_permille;
    uint32_t memtable_permille;
};

enum err engine_open_rocks(const struct engine_options *options, struct engine **ret_engine,
                           struct why *ret_why) MUST_CHECK;
enum err engine_open_mem(struct engine **ret_engine) MUST_CHECK;

/* Closes cleanly; NULL is fine. */
void engine_close(struct engine *engine);

/* Reads one row: ERR_OK and a copy of the value, ERR_NOT_FOUND, or an error. With `may_block` false
 * it answers from memory only, ERR_WOULD_BLOCK when it cannot. The value is malloc'd memory behind
 * the blob and belongs to the caller. */
enum err engine_get(struct engine *engine, enum store_family family, struct bytes key,
                    bool may_block, struct blob **ret_value) MUST_CHECK;

/* Called for each row of a scan, in order of keys; false stops. The views live for the call. */
typedef bool engine_row_fn(void *context, struct bytes key, struct bytes value);

/* Visits rows from `from` (inclusive) to `end` (exclusive; empty: to the last). */
enum err engine_scan(struct engine *engine, enum store_family family, struct bytes from,
                     struct bytes end, engine_row_fn *row, void *context) MUST_CHECK;

struct engine_batch *engine_batch_new(struct engine *engine);
void engine_batch_free(struct engine_batch *batch);
void engine_batch_clear(struct engine_batch *batch);

/* Adds a change; key and value are copied. */
void engine_batch_put(struct engine_batch *batch, enum store_family family, struct bytes key,
                      struct bytes value);
void engine_batch_delete(struct engine_batch *batch, enum store_family family, struct bytes key);
uint32_t engine_batch_count(const struct engine_batch *batch);
size_t engine_batch_size(const struct engine_batch *batch);

/* Applies a batch; with `sync` it is on stable storage when the call returns. */
enum err engine_commit(struct engine *engine, const struct engine_batch *batch, bool sync)
    MUST_CHECK;

/* Puts everything committed so far on stable storage. */
enum err engine_sync(struct engine *engine) MUST_CHECK;

struct engine_pressure engine_pressure(struct engine *engine);

/* The engine's own words for the last commit or sync that failed; empty when none has. */
void engine_why(struct engine *engine, struct why *ret_why);

/* mem.c only, for the simulator and tests. */

/* What a power loss leaves: all synced batches and the first `keep` of the unsynced ones. Returns
 * how many unsynced ones there were. */
uint32_t engine_mem_crash(struct engine *engine, uint32_t keep);

/* Batches not yet synced. */
uint32_t engine_mem_unsynced(const struct engine *engine);

/* Flips one bit of the `row`-th row (modulo their number) of a family; false when it has no row. */
bool engine_mem_corrupt(struct engine *engine, enum store_family family, uint64_t row,
                        uint32_t bit);

/* Commits and syncs fail with this from now on; ERR_OK ends it, but what an ERR_IO broke (rule 4)
 * stays broken until engine_mem_crash. */
void engine_mem_fail(struct engine *engine, enum err err);

#endif

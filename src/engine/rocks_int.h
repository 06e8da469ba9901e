/* SPDX-License-Identifier: Apache-2.0 */
/* The RocksDB engine's own structure, shared by rocks.c (work) and rocks_open.c (settings, opening
 * and closing). */
#ifndef ENGINE_ROCKS_INT_H
#define ENGINE_ROCKS_INT_H

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

#include "engine/engine_int.h"

/* Where the engine would begin to slow its writers: pressure is told in thousandths of these. */
enum { ROCKS_LEVEL0_SLOWDOWN = 20, ROCKS_LEVEL0_STOP = 36, ROCKS_MEMTABLES_MAX = 4 };
#define ROCKS_PENDING_SOFT_BYTES (UINT64_C(16) << 30)
#define ROCKS_PENDING_HARD_BYTES (UINT64_C(64) << 30)

/* RocksDB insists on a family named "default", which stays empty. */
enum { ROCKS_FAMILIES = STORE_FAMILIES + 1 };

struct rocks {
    struct engine engine;
    rocksdb_t *db;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options[ROCKS_FAMILIES]; /* the last one is for "default" and the database */
    rocksdb_column_family_handle_t *families[ROCKS_FAMILIES];
    rocksdb_readoptions_t *read_cached;   /* from memory only */
    rocksdb_readoptions_t *read_blocking; /* from files too */
    rocksdb_writeoptions_t *write_buffered;
    rocksdb_writeoptions_t *write_synced;
    atomic_bool broken;         /* a commit or sync failed: none will be tried again (rule 4) */
    atomic_bool short_of_space; /* the last commit found no space */
    pthread_mutex_t why_lock;
    struct why why; /* of the last failure, in the library's words */
};

extern const struct engine_ops rocks_ops;

/* What an error text of RocksDB means to us. */
enum err rocks_error(const char *text);

/* Closes what is open of a half-made engine too, and frees it. */
void rocks_close(struct engine *engine);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of RocksDB, and opening and closing a database.
 *
 * What the settings are for: a put costs one append to the log and one insert into a memtable;
 * large values are written once more, into blob files, and not again by each compaction; a get of
 * what is in memory never waits for a file; a get of what does not exist is answered by the bloom
 * filter; no writer is stopped before admission, which reads engine_pressure, has refused work; a
 * crash leaves a prefix of the commits (point-in-time recovery over one log for all families). */
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/rocks_int.h"

enum {
    INFO_LOG_FATAL = 4, /* RocksDB's own levels: debug, info, warn, error, fatal */
    INFO_LOG_BYTES_MAX = 4 * 1024 * 1024,
    INFO_LOGS_KEPT = 4,
    OPEN_FILES_DEFAULT = 512,
    LEVEL0_COMPACTS_AT = 4,
    LEVELS = 7,
    BLOOM_BITS = 10,
    BLOCK_BYTES = 8 * 1024,
    TABLE_FORMAT = 5,
    SYNC_STEP_BYTES = 1024 * 1024,
    CACHE_SHARD_BITS = 4,
    SYS_MEMTABLE_BYTES = 1024 * 1024,
    READ_TIER_CACHE = 1, /* kBlockCacheTier: what would need a file is "incomplete" */
    SCAN_READAHEAD_BYTES = 256 * 1024,
};
#define CACHE_BYTES_DEFAULT    (UINT64_C(256) << 20)
#define MEMTABLE_BYTES_DEFAULT (UINT64_C(32) << 20)
#define TABLE_FILE_BYTES       (UINT64_C(64) << 20)
#define BLOB_FILE_BYTES        (UINT64_C(256) << 20)

static const char *const family_names[ROCKS_FAMILIES] = {"object", "meta", "sys", "hint",
                                                         "default"};

static void set_tables(rocksdb_options_t *o, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, BLOCK_BYTES);
    rocksdb_block_based_options_set_format_version(t, TABLE_FORMAT);
    rocksdb_block_based_options_set_filter_policy(
        t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_whole_key_filtering(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static void set_levels(rocksdb_options_t *o)
{
    int compression[LEVELS];

    /* Level 0 is written by flushes, on the path of the writers, and rewritten soon. */
    for (int i = 0; i < LEVELS; i++)
        compression[i] = i == 0 ? rocksdb_no_compression : rocksdb_lz4_compression;
    rocksdb_options_set_compression_per_level(o, compression, LEVELS);
    rocksdb_options_set_compaction_style(o, rocksdb_level_compaction);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_level0_file_num_compaction_trigger(o, LEVEL0_COMPACTS_AT);
    rocksdb_options_set_level0_slowdown_writes_trigger(o, ROCKS_LEVEL0_SLOWDOWN);
    rocksdb_options_set_level0_stop_writes_trigger(o, ROCKS_LEVEL0_STOP);
    rocksdb_options_set_soft_pending_compaction_bytes_limit(o, ROCKS_PENDING_SOFT_BYTES);
    rocksdb_options_set_hard_pending_compaction_bytes_limit(o, ROCKS_PENDING_HARD_BYTES);
    rocksdb_options_set_target_file_size_base(o, TABLE_FILE_BYTES);
}

static void set_blobs(rocksdb_options_t *o, rocksdb_cache_t *cache, uint32_t bytes_min)
{
    rocksdb_options_set_enable_blob_files(o, 1);
    rocksdb_options_set_min_blob_size(o, bytes_min);
    rocksdb_options_set_blob_file_size(o, BLOB_FILE_BYTES);
    rocksdb_options_set_blob_compression_type(o, rocksdb_lz4_compression);
    rocksdb_options_set_enable_blob_gc(o, 1);
    rocksdb_options_set_blob_gc_age_cutoff(o, 0.25);
    rocksdb_options_set_blob_gc_force_threshold(o, 0.5);
    /* Without a cache of their own every read of a blob would go to a worker. */
    rocksdb_options_set_blob_cache(o, cache);
}

static void set_database(rocksdb_options_t *o, const struct engine_options *options)
{
    uint64_t memtable = options->memtable_bytes ? options->memtable_bytes : MEMTABLE_BYTES_DEFAULT;
    int files = options->open_files_max > 0 ? options->open_files_max : OPEN_FILES_DEFAULT;
    int jobs = options->background_threads > 0 ? options->background_threads : 2;

    rocksdb_options_set_create_if_missing(o, options->create);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_max_open_files(o, files);
    rocksdb_options_set_max_background_jobs(o, jobs);
    rocksdb_options_set_max_subcompactions(o, 1);
    rocksdb_options_set_bytes_per_sync(o, SYNC_STEP_BYTES);
    rocksdb_options_set_wal_bytes_per_sync(o, SYNC_STEP_BYTES);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_point_in_time_recovery);
    /* A family that is rarely written must not keep old logs for ever. */
    rocksdb_options_set_max_total_wal_size(o, memtable * 2 * ROCKS_MEMTABLES_MAX);
    /* On a full disk the library would stop the process when its own log cannot be written for the
     * second time. What it would say there comes back as the error of a commit (engine_why). */
    rocksdb_options_set_info_log_level(o, INFO_LOG_FATAL);
    rocksdb_options_set_max_log_file_size(o, INFO_LOG_BYTES_MAX);
    rocksdb_options_set_keep_log_file_num(o, INFO_LOGS_KEPT);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    /* There is one writer: spinning for others would only burn its core. */
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);

    rocksdb_env_t *env = rocksdb_create_default_env();
    rocksdb_env_set_background_threads(env, jobs);
    rocksdb_env_set_high_priority_background_threads(env, 1);
    rocksdb_options_set_env(o, env);
    rocksdb_env_destroy(env);
}

static rocksdb_options_t *family_options(struct rocks *rocks, int family,
                                         const struct engine_options *options)
{
    rocksdb_options_t *o = rocksdb_options_create();
    uint64_t memtable = options->memtable_bytes ? options->memtable_bytes : MEMTABLE_BYTES_DEFAULT;
    bool few_rows = family == FAMILY_SYS || family == FAMILY_HINT || family == STORE_FAMILIES;

    set_database(o, options);
    set_tables(o, rocks->cache);
    set_levels(o);
    rocksdb_options_set_write_buffer_size(o, few_rows ? SYS_MEMTABLE_BYTES : memtable);
    rocksdb_options_set_max_write_buffer_number(o, few_rows ? 2 : ROCKS_MEMTABLES_MAX);
    /* Most keys that are asked for are not in the memtable: say so without walking it. */
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.02);
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    if ((family == FAMILY_OBJECT || family == FAMILY_HINT) && options->blob_bytes_min > 0)
        set_blobs(o, rocks->cache, options->blob_bytes_min);
    return o;
}

static void make_options(struct rocks *rocks, const struct engine_options *options)
{
    uint64_t cache_bytes = options->cache_bytes ? options->cache_bytes : CACHE_BYTES_DEFAULT;
    rocksdb_lru_cache_options_t *cache = rocksdb_lru_cache_options_create();

    rocksdb_lru_cache_options_set_capacity(cache, cache_bytes);
    rocksdb_lru_cache_options_set_num_shard_bits(cache, CACHE_SHARD_BITS);
    rocks->cache = rocksdb_cache_create_lru_opts(cache);
    rocksdb_lru_cache_options_destroy(cache);
    for (int i = 0; i < ROCKS_FAMILIES; i++)
        rocks->options[i] = family_options(rocks, i, options);

    rocks->read_cached = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(rocks->read_cached, READ_TIER_CACHE);
    rocks->read_blocking = rocksdb_readoptions_create();
    rocks->write_buffered = rocksdb_writeoptions_create();
    rocks->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_synced, 1);
}

static void say(struct why *why, const char *path, const char *text)
{
    int len = snprintf(why->text, sizeof(why->text), "%s: %s", path, text);

    ASSERT(len >= 0);
}

enum err engine_open_rocks(const struct engine_options *options, struct engine **ret_engine,
                           struct why *ret_why)
{
    struct rocks *rocks = mem_new(sizeof(*rocks));
    char *text = NULL;

    rocks->engine.ops = &rocks_ops;
    atomic_init(&rocks->broken, false);
    atomic_init(&rocks->short_of_space, false);
    int failed = pthread_mutex_init(&rocks->why_lock, NULL);
    ASSERT(failed == 0);
    make_options(rocks, options);
    const rocksdb_options_t *all[ROCKS_FAMILIES];
    for (int i = 0; i < ROCKS_FAMILIES; i++)
        all[i] = rocks->options[i];
    rocks->db = rocksdb_open_column_families(all[STORE_FAMILIES], options->path, ROCKS_FAMILIES,
                                             family_names, all, rocks->families, &text);
    if (text != NULL) {
        enum err err = rocks_error(text);
        say(ret_why, options->path, text);
        rocksdb_free(text);
        rocks->db = NULL;
        rocks_close(&rocks->engine);
        return err;
    }
    *ret_engine = &rocks->engine;
    return ERR_OK;
}

/* A clean close leaves nothing to lose: the log is synced first. Debian's library asserts that all
 * handles are closed before the database. */
static void close_database(struct rocks *rocks)
{
    char *text = NULL;

    if (!atomic_load(&rocks->broken) && !atomic_load(&rocks->short_of_space))
        rocksdb_flush_wal(rocks->db, 1, &text);
    rocksdb_free(text);
    rocksdb_cancel_all_background_work(rocks->db, 1);
    for (int i = 0; i < ROCKS_FAMILIES; i++)
        rocksdb_column_family_handle_destroy(rocks->families[i]);
    rocksdb_close(rocks->db);
}

void rocks_close(struct engine *engine)
{
    struct rocks *rocks = CONTAINER_OF(engine, struct rocks, engine);

    if (rocks->db != NULL)
        close_database(rocks);
    rocksdb_readoptions_destroy(rocks->read_cached);
    rocksdb_readoptions_destroy(rocks->read_blocking);
    rocksdb_writeoptions_destroy(rocks->write_buffered);
    rocksdb_writeoptions_destroy(rocks->write_synced);
    for (int i = 0; i < ROCKS_FAMILIES; i++)
        rocksdb_options_destroy(rocks->options[i]);
    rocksdb_cache_destroy(rocks->cache);
    pthread_mutex_destroy(&rocks->why_lock);
    mem_free(rocks);
}

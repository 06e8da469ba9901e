/* SPDX-License-Identifier: Apache-2.0 */
/* The RocksDB engine: reads, scans, batches and commits. RocksDB's own threads do the rest.
 *
 * RocksDB tells errors as text only. After a commit or a sync that failed in any way but for want
 * of space the engine is broken for good: the kernel may have dropped the dirty pages that a second
 * sync would report as written (Rebello et al., "Can applications recover from fsync failures?",
 * 2020). */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "engine/rocks_int.h"

struct rocks_batch {
    struct engine_batch batch;
    struct rocks *rocks;
    rocksdb_writebatch_t *changes;
};

static struct rocks *rocks_of(struct engine *engine)
{
    return CONTAINER_OF(engine, struct rocks, engine);
}

static struct rocks_batch *batch_of(struct engine_batch *batch)
{
    return CONTAINER_OF(batch, struct rocks_batch, batch);
}

static const char *chars(struct bytes bytes)
{
    return bytes.data == NULL ? "" : (const char *)bytes.data;
}

enum err rocks_error(const char *text)
{
    static const struct {
        const char *start;
        enum err err;
    } table[] = {
        {"IO error: No space left on device", ERR_NO_SPACE},
        {"IO error: While lock file", ERR_BUSY},
        {"IO error: lock ", ERR_BUSY},
        {"Result incomplete", ERR_WOULD_BLOCK},
        {"Corruption", ERR_CORRUPT},
        {"NotFound", ERR_NOT_FOUND},
        {"Not implemented", ERR_VERSION},
    };

    /* A sync that found no space has failed as any other: what it should have written may be gone
     * from memory. */
    if (strstr(text, ": While fsync") != NULL || strstr(text, ": While fdatasync") != NULL)
        return ERR_IO;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strncmp(text, table[i].start, strlen(table[i].start)) == 0)
            return table[i].err;
    }
    return ERR_IO;
}

/* Frees the text and says what it means; no text is no error. */
static enum err take_error(char *text)
{
    if (text == NULL)
        return ERR_OK;
    enum err err = rocks_error(text);
    rocksdb_free(text);
    return err;
}

static enum err rocks_get(struct engine *engine, enum store_family family, struct bytes key,
                          bool may_block, struct blob **ret_value)
{
    struct rocks *rocks = rocks_of(engine);
    const rocksdb_readoptions_t *how = may_block ? rocks->read_blocking : rocks->read_cached;
    char *text = NULL;

    /* Pinned: the value is copied once, from the engine's block into our blob. */
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(rocks->db, how, rocks->families[family], chars(key), key.len, &text);
    TRY(take_error(text));
    if (slice == NULL)
        return ERR_NOT_FOUND;
    size_t len = 0;
    const char *data = rocksdb_pinnableslice_value(slice, &len);
    /* Without files, a table that is not open makes RocksDB say "found" with an empty value: it
     * means "perhaps". */
    bool perhaps = len == 0 && !may_block;
    if (!perhaps)
        *ret_value = blob_copy(bytes_of(data, len));
    rocksdb_pinnableslice_destroy(slice);
    return perhaps ? ERR_WOULD_BLOCK : ERR_OK;
}

static enum err rocks_scan(struct engine *engine, enum store_family family, struct bytes from,
                           struct bytes end, engine_row_fn *visit, void *context)
{
    struct rocks *rocks = rocks_of(engine);
    rocksdb_readoptions_t *how = rocksdb_readoptions_create();
    char *text = NULL;

    /* A scan is long and passes once: it must not push the hot blocks out of the cache. */
    rocksdb_readoptions_set_fill_cache(how, 0);
    if (end.len > 0)
        rocksdb_readoptions_set_iterate_upper_bound(how, chars(end), end.len);
    rocksdb_iterator_t *at = rocksdb_create_iterator_cf(rocks->db, how, rocks->families[family]);
    rocksdb_iter_seek(at, chars(from), from.len);
    for (; rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        size_t key_len = 0, value_len = 0;
        const char *key = rocksdb_iter_key(at, &key_len);
        const char *value = rocksdb_iter_value(at, &value_len);
        if (!visit(context, bytes_of(key, key_len), bytes_of(value, value_len)))
            break;
    }
    rocksdb_iter_get_error(at, &text);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(how);
    return take_error(text);
}

static struct engine_batch *rocks_batch_new(struct engine *engine)
{
    struct rocks_batch *mine = mem_new(sizeof(*mine));

    mine->batch.ops = engine->ops;
    mine->rocks = rocks_of(engine);
    mine->changes = rocksdb_writebatch_create();
    return &mine->batch;
}

static void rocks_batch_free(struct engine_batch *batch)
{
    rocksdb_writebatch_destroy(batch_of(batch)->changes);
    mem_free(batch_of(batch));
}

static void rocks_batch_clear(struct engine_batch *batch)
{
    rocksdb_writebatch_clear(batch_of(batch)->changes);
}

static void rocks_batch_put(struct engine_batch *batch, enum store_family family, struct bytes key,
                            struct bytes value)
{
    struct rocks_batch *mine = batch_of(batch);

    rocksdb_writebatch_put_cf(mine->changes, mine->rocks->families[family], chars(key), key.len,
                              chars(value), value.len);
}

static void rocks_batch_delete(struct engine_batch *batch, enum store_family family,
                               struct bytes key)
{
    struct rocks_batch *mine = batch_of(batch);

    rocksdb_writebatch_delete_cf(mine->changes, mine->rocks->families[family], chars(key), key.len);
}

/* Rule 4: what failed once stays failed. Frees the text. */
static enum err remember(struct rocks *rocks, char *text)
{
    if (text != NULL) {
        int failed = pthread_mutex_lock(&rocks->why_lock);
        int len = snprintf(rocks->why.text, sizeof(rocks->why.text), "%s", text);
        failed |= pthread_mutex_unlock(&rocks->why_lock);
        ASSERT(failed == 0);
        ASSERT(len >= 0);
    }
    enum err err = take_error(text);
    atomic_store(&rocks->short_of_space, err == ERR_NO_SPACE);
    if (err == ERR_OK || err == ERR_NO_SPACE)
        return err;
    atomic_store(&rocks->broken, true);
    return ERR_IO;
}

static void rocks_why(struct engine *engine, struct why *ret_why)
{
    struct rocks *rocks = rocks_of(engine);
    int failed = pthread_mutex_lock(&rocks->why_lock);

    *ret_why = rocks->why;
    failed |= pthread_mutex_unlock(&rocks->why_lock);
    ASSERT(failed == 0);
}

static enum err rocks_commit(struct engine *engine, const struct engine_batch *batch, bool sync)
{
    struct rocks *rocks = rocks_of(engine);
    const struct rocks_batch *mine = CONTAINER_OF(batch, struct rocks_batch, batch);
    char *text = NULL;

    if (atomic_load(&rocks->broken))
        return ERR_IO;
    rocksdb_write(rocks->db, sync ? rocks->write_synced : rocks->write_buffered, mine->changes,
                  &text);
    return remember(rocks, text);
}

static enum err rocks_sync(struct engine *engine)
{
    struct rocks *rocks = rocks_of(engine);
    char *text = NULL;

    if (atomic_load(&rocks->broken))
        return ERR_IO;
    /* Debian's library would stop the process: to it the log is still the one that failed. */
    if (atomic_load(&rocks->short_of_space))
        return ERR_NO_SPACE;
    rocksdb_flush_wal(rocks->db, 1, &text);
    return remember(rocks, text);
}

static uint64_t number(struct rocks *rocks, int family, const char *name)
{
    uint64_t value = 0;

    if (rocksdb_property_int_cf(rocks->db, rocks->families[family], name, &value) != 0)
        return 0;
    return value;
}

static uint64_t level0_files(struct rocks *rocks, int family)
{
    char *text = rocksdb_property_value_cf(rocks->db, rocks->families[family],
                                           "rocksdb.num-files-at-level0");
    uint64_t files = text == NULL ? 0 : strtoull(text, NULL, 10);

    rocksdb_free(text);
    return files;
}

static uint32_t permille(uint64_t value, uint64_t of)
{
    uint64_t share = value > UINT64_MAX / 1000 ? UINT32_MAX : value * 1000 / of;

    return share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static struct engine_pressure rocks_pressure(struct engine *engine)
{
    struct rocks *rocks = rocks_of(engine);
    struct engine_pressure worst = {0};

    for (int i = 0; i < STORE_FAMILIES; i++) {
        uint64_t files = level0_files(rocks, i);
        uint64_t pending = number(rocks, i, "rocksdb.estimate-pending-compaction-bytes");
        uint64_t waiting = number(rocks, i, "rocksdb.num-immutable-mem-table");

        worst.level0_permille =
            greater(worst.level0_permille, permille(files, ROCKS_LEVEL0_SLOWDOWN));
        worst.pending_permille =
            greater(worst.pending_permille, permille(pending, ROCKS_PENDING_SOFT_BYTES));
        worst.memtable_permille =
            greater(worst.memtable_permille, permille(waiting, ROCKS_MEMTABLES_MAX - 1));
    }
    return worst;
}

const struct engine_ops rocks_ops = {
    .close = rocks_close,
    .get = rocks_get,
    .scan = rocks_scan,
    .commit = rocks_commit,
    .sync = rocks_sync,
    .pressure = rocks_pressure,
    .why = rocks_why,
    .batch_new = rocks_batch_new,
    .batch_free = rocks_batch_free,
    .batch_clear = rocks_batch_clear,
    .batch_put = rocks_batch_put,
    .batch_delete = rocks_batch_delete,
};

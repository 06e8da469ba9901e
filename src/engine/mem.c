/* SPDX-License-Identifier: Apache-2.0 */
/* The memory engine: sorted rows, and what a write-ahead log would lose.
 *
 * The rows show every committed batch. For each batch that is not synced yet there is an undo: the
 * values that it replaced. A crash undoes batches from the newest back, so what is left is always a
 * prefix of the commits.
 *
 * Invariants:
 *  1. `undo` lists the unsynced batches, oldest first; a synced batch has no undo.
 *  2. Undoing all of them gives exactly the state of the last sync.
 *  3. Once `broken`, nothing is committed or synced until a crash: the machine starts anew.
 *  4. At most MEM_UNSYNCED_MAX undos: beyond it the oldest batch counts as written back, as a real
 *     system would have done by then. A crash may keep it, which the contract allows.
 *
 * One lock guards all of it. A scan calls its visitor under the lock: the visitor must not call the
 * engine. */
#include <pthread.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/reader.h"
#include "engine/engine_int.h"
#include "engine/rows.h"

enum { MEM_UNSYNCED_MAX = 65536 };
#define MEM_BATCH_BYTES_MAX (SIZE_MAX / 4)

struct mem {
    struct engine engine;
    pthread_mutex_t lock;
    struct rows families[STORE_FAMILIES];
    struct list undo;
    uint32_t undo_count;
    enum err fail;
    bool broken;
};

/* Changes one after the other: family (1), deletes (1), key length (4), value length (4), key,
 * value. It never leaves memory. */
struct mem_batch {
    struct engine_batch batch;
    struct buf changes;
};

struct mem_change {
    enum store_family family;
    bool deletes;
    struct bytes key;
    struct bytes value;
};

struct undo_row {
    enum store_family family;
    struct blob *key;
    struct blob *value; /* NULL: there was none */
};

struct undo {
    struct list node;
    uint32_t count;
    struct undo_row rows[];
};

static struct mem *mem_of(struct engine *engine)
{
    return CONTAINER_OF(engine, struct mem, engine);
}

static struct mem_batch *batch_of(struct engine_batch *batch)
{
    return CONTAINER_OF(batch, struct mem_batch, batch);
}

static struct undo *undo_of(struct list *node)
{
    return CONTAINER_OF(node, struct undo, node);
}

static void lock(struct mem *mem)
{
    int failed = pthread_mutex_lock(&mem->lock);

    ASSERT(failed == 0);
}

static void unlock(struct mem *mem)
{
    int failed = pthread_mutex_unlock(&mem->lock);

    ASSERT(failed == 0);
}

static void undo_free(struct undo *undo)
{
    for (uint32_t i = 0; i < undo->count; i++) {
        blob_unref(undo->rows[i].key);
        blob_unref(undo->rows[i].value);
    }
    mem_free(undo);
}

/* The `count` oldest unsynced batches are on stable storage now. */
static void settle(struct mem *mem, uint32_t count)
{
    ASSERT(count <= mem->undo_count);
    for (uint32_t i = 0; i < count; i++)
        undo_free(undo_of(list_pop(&mem->undo)));
    mem->undo_count -= count;
    ASSERT((mem->undo_count == 0) == list_empty(&mem->undo));
}

static void mem_close(struct engine *engine)
{
    struct mem *mem = mem_of(engine);

    settle(mem, mem->undo_count);
    for (int i = 0; i < STORE_FAMILIES; i++)
        rows_done(&mem->families[i]);
    pthread_mutex_destroy(&mem->lock);
    mem_free(mem);
}

static enum err mem_get(struct engine *engine, enum store_family family, struct bytes key,
                        bool may_block, struct blob **ret_value)
{
    struct mem *mem = mem_of(engine);

    (void)may_block;
    lock(mem);
    const struct row *row = rows_find(&mem->families[family], key);
    struct blob *value = row == NULL ? NULL : blob_copy(blob_bytes(row->value));
    unlock(mem);
    if (value == NULL)
        return ERR_NOT_FOUND;
    *ret_value = value;
    return ERR_OK;
}

static enum err mem_scan(struct engine *engine, enum store_family family, struct bytes from,
                         struct bytes end, engine_row_fn *visit, void *context)
{
    struct mem *mem = mem_of(engine);

    lock(mem);
    for (const struct row *row = rows_seek(&mem->families[family], from); row != NULL;
         row = row->next[0]) {
        if (end.len > 0 && bytes_cmp(row_key(row), end) >= 0)
            break;
        if (!visit(context, row_key(row), blob_bytes(row->value)))
            break;
    }
    unlock(mem);
    return ERR_OK;
}

static struct engine_batch *mem_batch_new(struct engine *engine)
{
    struct mem_batch *mine = mem_new(sizeof(*mine));

    mine->batch.ops = engine->ops;
    buf_init(&mine->changes, MEM_BATCH_BYTES_MAX);
    return &mine->batch;
}

static void mem_batch_free(struct engine_batch *batch)
{
    buf_done(&batch_of(batch)->changes);
    mem_free(batch_of(batch));
}

static void mem_batch_clear(struct engine_batch *batch)
{
    buf_reset(&batch_of(batch)->changes);
}

static void add_change(struct engine_batch *batch, const struct mem_change *change)
{
    struct buf *changes = &batch_of(batch)->changes;

    ASSERT(change->key.len <= UINT32_MAX && change->value.len <= UINT32_MAX);
    buf_put_u8(changes, (uint8_t)change->family);
    buf_put_u8(changes, change->deletes);
    buf_put_le32(changes, (uint32_t)change->key.len);
    buf_put_le32(changes, (uint32_t)change->value.len);
    buf_put(changes, change->key);
    buf_put(changes, change->value);
    ASSERT(!changes->overflow);
}

static void mem_batch_put(struct engine_batch *batch, enum store_family family, struct bytes key,
                          struct bytes value)
{
    add_change(batch, &(struct mem_change){family, false, key, value});
}

static void mem_batch_delete(struct engine_batch *batch, enum store_family family, struct bytes key)
{
    add_change(batch, &(struct mem_change){family, true, key, BYTES_NONE});
}

static struct mem_change next_change(struct reader *r)
{
    struct mem_change change;

    change.family = (enum store_family)reader_u8(r);
    change.deletes = reader_u8(r) != 0;
    size_t key_len = reader_le32(r);
    size_t value_len = reader_le32(r);
    change.key = reader_take(r, key_len);
    change.value = reader_take(r, value_len);
    ASSERT(r->ok);
    return change;
}

/* Applies the changes; what they replaced goes into `undo`, if there is one. */
static void apply(struct mem *mem, const struct mem_batch *mine, struct undo *undo)
{
    struct reader r = reader_of(buf_bytes(&mine->changes));

    for (uint32_t i = 0; i < mine->batch.count; i++) {
        struct mem_change change = next_change(&r);
        struct blob *value = change.deletes ? NULL : blob_copy(change.value);
        struct blob *old = rows_set(&mem->families[change.family], change.key, value);

        if (undo == NULL) {
            blob_unref(old);
            continue;
        }
        undo->rows[i] = (struct undo_row){change.family, blob_copy(change.key), old};
    }
    ASSERT(reader_end(&r));
}

static enum err refused(const struct mem *mem)
{
    return mem->broken ? ERR_IO : mem->fail;
}

static enum err mem_commit(struct engine *engine, const struct engine_batch *batch, bool sync)
{
    struct mem *mem = mem_of(engine);
    const struct mem_batch *mine = CONTAINER_OF(batch, struct mem_batch, batch);

    lock(mem);
    enum err err = refused(mem);
    if (err != ERR_OK) {
        mem->broken = mem->broken || err == ERR_IO;
        unlock(mem);
        return err;
    }
    if (sync) {
        apply(mem, mine, NULL);
        settle(mem, mem->undo_count);
    } else {
        struct undo *undo = mem_new(sizeof(*undo) + batch->count * sizeof(undo->rows[0]));
        undo->count = batch->count;
        apply(mem, mine, undo);
        list_append(&mem->undo, &undo->node);
        mem->undo_count++;
        if (mem->undo_count > MEM_UNSYNCED_MAX)
            settle(mem, 1);
    }
    unlock(mem);
    return ERR_OK;
}

static enum err mem_sync(struct engine *engine)
{
    struct mem *mem = mem_of(engine);

    lock(mem);
    enum err err = refused(mem);
    if (err == ERR_OK)
        settle(mem, mem->undo_count);
    else
        mem->broken = mem->broken || err == ERR_IO;
    unlock(mem);
    return err;
}

static struct engine_pressure mem_pressure(struct engine *engine)
{
    (void)engine;
    return (struct engine_pressure){0};
}

static void mem_why(struct engine *engine, struct why *ret_why)
{
    (void)engine;
    ret_why->text[0] = '\0';
}

static const struct engine_ops mem_ops = {
    .close = mem_close,
    .get = mem_get,
    .scan = mem_scan,
    .commit = mem_commit,
    .sync = mem_sync,
    .pressure = mem_pressure,
    .why = mem_why,
    .batch_new = mem_batch_new,
    .batch_free = mem_batch_free,
    .batch_clear = mem_batch_clear,
    .batch_put = mem_batch_put,
    .batch_delete = mem_batch_delete,
};

enum err engine_open_mem(struct engine **ret_engine)
{
    struct mem *mem = mem_new(sizeof(*mem));

    mem->engine.ops = &mem_ops;
    int failed = pthread_mutex_init(&mem->lock, NULL);
    ASSERT(failed == 0);
    for (int i = 0; i < STORE_FAMILIES; i++)
        rows_init(&mem->families[i]);
    list_init(&mem->undo);
    *ret_engine = &mem->engine;
    return ERR_OK;
}

static void undo_apply(struct mem *mem, struct undo *undo)
{
    for (uint32_t i = undo->count; i > 0; i--) {
        struct undo_row *row = &undo->rows[i - 1];
        struct rows *rows = &mem->families[row->family];

        blob_unref(rows_set(rows, blob_bytes(row->key), row->value));
        row->value = NULL;
    }
}

uint32_t engine_mem_crash(struct engine *engine, uint32_t keep)
{
    ASSERT(engine->ops == &mem_ops);
    struct mem *mem = mem_of(engine);

    lock(mem);
    uint32_t unsynced = mem->undo_count;
    while (mem->undo_count > keep) {
        struct undo *undo = undo_of(mem->undo.prev);
        undo_apply(mem, undo);
        list_remove(&undo->node);
        undo_free(undo);
        mem->undo_count--;
    }
    settle(mem, mem->undo_count);
    mem->broken = false;
    unlock(mem);
    return unsynced;
}

uint32_t engine_mem_unsynced(const struct engine *engine)
{
    ASSERT(engine->ops == &mem_ops);
    struct mem *mem = CONTAINER_OF(engine, struct mem, engine);

    lock(mem);
    uint32_t unsynced = mem->undo_count;
    unlock(mem);
    return unsynced;
}

bool engine_mem_corrupt(struct engine *engine, enum store_family family, uint64_t row, uint32_t bit)
{
    ASSERT(engine->ops == &mem_ops);
    ASSERT((unsigned)family < STORE_FAMILIES);
    struct mem *mem = mem_of(engine);
    const struct rows *rows = &mem->families[family];
    bool flipped = false;

    lock(mem);
    if (rows->count > 0) {
        const struct row *at = rows->head[0];
        for (uint64_t left = row % rows->count; left > 0; left--)
            at = at->next[0];
        struct blob *value = at->value;
        if (value->len > 0) {
            ASSERT(value->refs == 1);
            value->data[bit / 8 % value->len] ^= (uint8_t)(1U << bit % 8);
            flipped = true;
        }
    }
    unlock(mem);
    return flipped;
}

void engine_mem_fail(struct engine *engine, enum err err)
{
    ASSERT(engine->ops == &mem_ops);
    struct mem *mem = mem_of(engine);

    lock(mem);
    mem->fail = err;
    unlock(mem);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/disk.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "sim/fullness.h"
#include "sim/node.h"

enum { SYNC_BATCHES = 64 };

void disk_init(struct disk *disk)
{
    memset(disk, 0, sizeof(*disk));
    enum err err = engine_open_mem(&disk->engine);
    ASSERT(err == ERR_OK);
    disk->free_bytes = DISK_BYTES / 2;
}

void disk_done(struct disk *disk)
{
    engine_close(disk->engine);
    disk->engine = NULL;
}

/* An operation that will complete. */
struct disk_job {
    struct timer timer;
    struct sim_node *node;
    uint32_t generation;
    enum store_verb verb;
    uint64_t token;
    enum store_family family;
    struct arena arena;
    struct bytes key, end;
    uint32_t rows_max, bytes_max;
    bool keys_only;
    bool durable;
    uint64_t batch; /* commit: batches up to and with its own */
    uint64_t turn;  /* commit: completes after all earlier ones */
    enum err err;
};

/* Rows of a scan, gathered for the event. */
struct gather {
    struct arena *arena;
    struct stored_row *rows;
    uint32_t count, rows_max;
    size_t bytes, bytes_max;
    bool keys_only;
    bool more;
};

static bool gather_row(void *context, struct bytes key, struct bytes value)
{
    struct gather *g = context;

    if (g->count == g->rows_max || (g->count > 0 && g->bytes >= g->bytes_max)) {
        g->more = true;
        return false;
    }
    struct stored_row *row = &g->rows[g->count++];
    row->key = arena_copy(g->arena, key);
    row->value = g->keys_only ? BYTES_NONE : arena_copy(g->arena, value);
    g->bytes += key.len + value.len;
    return true;
}

static void scan(struct disk_job *job, struct engine *engine, struct stored *stored)
{
    struct gather g = {
        .arena = &job->arena,
        .rows = arena_alloc_array(&job->arena, job->rows_max, sizeof(struct stored_row)),
        .rows_max = job->rows_max,
        .bytes_max = job->bytes_max,
        .keys_only = job->keys_only,
    };

    stored->err = engine_scan(engine, job->family, job->key, job->end, gather_row, &g);
    stored->rows = g.rows;
    stored->rows_count = g.count;
    stored->more = g.more;
}

void disk_sync(struct disk *disk)
{
    enum err err = engine_sync(disk->engine);

    ASSERT(err == ERR_OK);
    disk->durable = disk->batches;
}

/* Every batch up to this one will survive. The engine is told now and then only, so that a crash
 * has something to take away. */
static void made_durable(struct disk *disk, uint64_t batch)
{
    if (batch > disk->durable)
        disk->durable = batch;
    if (disk->durable == disk->batches && engine_mem_unsynced(disk->engine) >= SYNC_BATCHES)
        disk_sync(disk);
}

static void complete(struct world *w, struct timer *timer)
{
    struct disk_job *job = CONTAINER_OF(timer, struct disk_job, timer);
    struct disk *disk = &job->node->disk;
    struct event ev = {.kind = EV_STORED};

    if (!w->ending && job->generation == disk->generation && job->node->shard != NULL) {
        if (node_paused(w, job->node)) {
            world_at(w, timer, node_awake_us(w, job->node));
            return;
        }
        if (job->verb == STORE_COMMIT && job->turn != disk->turn) {
            world_after(w, timer, 1);
            return;
        }
        disk->turn += job->verb == STORE_COMMIT;
        disk->pending--;
        ev.u.stored.token = job->token;
        ev.u.stored.err = job->err;
        if (job->verb == STORE_GET)
            ev.u.stored.err =
                engine_get(disk->engine, job->family, job->key, true, &ev.u.stored.value);
        else if (job->verb == STORE_SCAN)
            scan(job, disk->engine, &ev.u.stored);
        else if (job->err == ERR_OK && job->durable)
            made_durable(disk, job->batch);
        node_step(w, job->node, &ev);
        blob_unref(ev.u.stored.value);
    }
    arena_done(&job->arena);
    mem_free(job);
}

static enum err commit(struct disk *disk, const struct store_op *op)
{
    struct engine_batch *batch = engine_batch_new(disk->engine);

    for (uint32_t i = 0; i < op->rows_count; i++) {
        const struct store_row *row = &op->rows[i];
        if (row->value == NULL)
            engine_batch_delete(batch, row->family, row->key);
        else
            engine_batch_put(batch, row->family, row->key, blob_bytes(row->value));
    }
    enum err err = engine_commit(disk->engine, batch, false);
    engine_batch_free(batch);
    return err;
}

void disk_submit(struct world *w, struct sim_node *node, const struct store_op *op)
{
    struct disk *disk = &node->disk;
    struct disk_job *job = mem_new(sizeof(*job));
    uint64_t delay = world_delay(w, w->params.disk_min_us, w->params.disk_mean_us);

    job->timer.run = complete;
    disk->pending++;
    job->node = node;
    job->generation = disk->generation;
    job->verb = op->verb;
    job->token = op->token;
    job->family = op->family;
    arena_init(&job->arena);
    job->key = arena_copy(&job->arena, op->key);
    job->end = arena_copy(&job->arena, op->end);
    job->rows_max = op->rows_max;
    job->bytes_max = op->bytes_max;
    job->keys_only = op->keys_only;
    job->durable = op->durable;
    if (world_chance(w, w->params.disk_slow_ppm))
        delay *= 100;
    uint64_t at = w->now_us + delay;
    if (op->verb != STORE_COMMIT && at < disk->reads_stalled_until_us)
        at = disk->reads_stalled_until_us;
    if (op->verb == STORE_COMMIT) {
        fullness_judge(w, node, op);
        if (at < disk->stalled_until_us)
            at = disk->stalled_until_us;
        job->err = disk->broken;
        if (job->err == ERR_OK && op->rows_count > 0) {
            job->err = commit(disk, op);
            disk->batches++;
        }
        job->batch = disk->batches;
        job->turn = disk->submitted++;
        if (at < disk->commit_free_us)
            at = disk->commit_free_us;
        disk->commit_free_us = at;
        if (node->doomed) {
            node->doomed = false;
            world_at(w, &node->death, w->now_us + random_below(&w->random, at - w->now_us + 1));
        }
    }
    world_at(w, &job->timer, at);
}

void disk_crash(struct world *w, struct disk *disk)
{
    uint32_t unsynced = engine_mem_unsynced(disk->engine);
    uint64_t base = disk->batches - unsynced;
    uint32_t must = disk->durable > base ? (uint32_t)(disk->durable - base) : 0;
    uint32_t keep = must;

    ASSERT(must <= unsynced);
    if (!world_chance(w, w->params.amnesia_permille * 1000))
        keep = (uint32_t)random_range(&w->random, must, unsynced);
    engine_mem_crash(disk->engine, keep);
    w->tally.lost_unsynced += unsynced - keep;
    disk->generation++;
    disk->batches = base + keep;
    disk->durable = disk->batches;
    disk->commit_free_us = 0;
    disk->turn = 0;
    disk->pending = 0;
    disk->submitted = 0;
    disk->broken = ERR_OK;
    disk->stalled_until_us = 0;
    disk->reads_stalled_until_us = 0;
    world_trace(w, "disk", 0, "crash keeps %u of %u unsynced batches, %u had to", keep, unsynced,
                must);
}

void disk_wipe(struct disk *disk)
{
    uint32_t generation =
        disk->generation; /* what was under way does not complete on the new one */

    disk_done(disk);
    disk_init(disk);
    disk->generation = generation;
}

void disk_each(struct disk *disk, enum store_family family, engine_row_fn *row, void *context)
{
    enum err err = engine_scan(disk->engine, family, BYTES_NONE, BYTES_NONE, row, context);

    ASSERT(err == ERR_OK);
}

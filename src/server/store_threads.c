/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the store: one that commits, a few that read. They take work from the queue, do it
 * without the lock and put it back. */
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "server/limits.h"
#include "server/store_int.h"

static void lock(struct store_queue *queue)
{
    int failed = pthread_mutex_lock(&queue->lock);

    ASSERT(failed == 0);
}

static void unlock(struct store_queue *queue)
{
    int failed = pthread_mutex_unlock(&queue->lock);

    ASSERT(failed == 0);
}

/* Moves all nodes to the end of the other list. */
static void splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

static struct group *group_of(struct list *node)
{
    return CONTAINER_OF(node, struct group, node);
}

/* Tells the loop, once for all that is done until it looks. */
static void tell(struct store_threads *threads)
{
    if (!atomic_exchange(&threads->queue.news, true))
        threads->wake(threads->context);
}

/* Takes groups from the queue's front, until together they are large. */
static void take_groups(struct store_queue *queue, struct list *taken)
{
    size_t bytes = 0;

    while (!list_empty(&queue->groups) && bytes < STORE_MERGED_BYTES_MAX) {
        struct list *node = list_pop(&queue->groups);
        bytes += group_of(node)->bytes;
        list_append(taken, node);
    }
}

/* Writes the groups as one batch. A group begun before a failure was known fails untried. */
static enum err write_groups(struct engine *engine, struct engine_batch *batch,
                             const struct list *groups, uint64_t failures, bool *ret_synced)
{
    bool durable = false;

    engine_batch_clear(batch);
    LIST_EACH(node, groups) {
        const struct group *group = group_of(node);
        if (group->failures != failures)
            continue;
        durable = durable || group->durable;
        for (const struct pending *row = group->rows; row != NULL; row = row->next) {
            if (row->value != NULL)
                engine_batch_put(batch, row->family, row->key, blob_bytes(row->value));
            else
                engine_batch_delete(batch, row->family, row->key);
        }
    }
    *ret_synced = durable;
    if (engine_batch_count(batch) == 0 && !durable)
        return ERR_OK;
    return engine_commit(engine, batch, durable);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Only this thread makes it greater, and the loop's sets it to zero. */
static void note_commit(struct store_queue *queue, uint64_t us)
{
    atomic_store(&queue->commit_began_us, 0);
    if (us > atomic_load(&queue->commit_us))
        atomic_store(&queue->commit_us, us);
}

uint64_t threads_slowest_us(struct store_threads *threads)
{
    uint64_t began_us = atomic_load(&threads->queue.commit_began_us);
    uint64_t slowest_us = atomic_exchange(&threads->queue.commit_us, 0);
    uint64_t at_us = now_us();
    uint64_t age_us = began_us == 0 || at_us < began_us ? 0 : at_us - began_us;

    return slowest_us > age_us ? slowest_us : age_us;
}

static void *commit_main(void *context)
{
    struct store_threads *threads = context;
    struct store_queue *queue = &threads->queue;
    struct engine_batch *batch = engine_batch_new(threads->engine);
    enum err last_error = ERR_OK;
    uint64_t failures = 0;
    struct list groups;

    list_init(&groups);
    lock(queue);
    for (;;) {
        while (list_empty(&queue->groups) && !queue->stop) {
            queue->committer_idle = true;
            pthread_cond_wait(&queue->committer_wakes, &queue->lock);
        }
        queue->committer_idle = false;
        if (list_empty(&queue->groups))
            break;
        take_groups(queue, &groups);
        unlock(queue);

        bool synced = false;
        uint64_t began_us = now_us();
        atomic_store(&queue->commit_began_us, began_us);
        enum err err = write_groups(threads->engine, batch, &groups, failures, &synced);
        note_commit(queue, now_us() - began_us);
        LIST_EACH(node, &groups) {
            struct group *group = group_of(node);
            group->err = group->failures == failures ? err : last_error;
        }
        if (err != ERR_OK) {
            failures++;
            last_error = err;
        }
        lock(queue);
        splice(&queue->groups_done, &groups);
        unlock(queue);
        atomic_fetch_add(&queue->batches, 1);
        atomic_fetch_add(&queue->syncs, synced && err == ERR_OK);
        tell(threads);
        lock(queue);
    }
    unlock(queue);
    engine_batch_free(batch);
    return NULL;
}

/* One row of a scan; false when a maximum is reached. */
static bool scan_row(void *context, struct bytes key, struct bytes value)
{
    struct read *read = context;
    uint64_t bytes = key.len + (read->keys_only ? 0 : value.len);

    if (read->rows_count > 0 &&
        (read->rows_count >= read->rows_max || read->bytes + bytes > read->bytes_max)) {
        read->more = true;
        return false;
    }
    if (read->rows_count == read->rows_cap) {
        read->rows_cap = read->rows_cap == 0 ? 64 : read->rows_cap * 2;
        read->rows = mem_resize(read->rows, read->rows_cap * sizeof(read->rows[0]));
    }
    read->rows[read->rows_count++] = (struct stored_row){
        .key = arena_copy(&read->arena, key),
        .value = read->keys_only ? BYTES_NONE : arena_copy(&read->arena, value),
    };
    read->bytes += bytes;
    return true;
}

static void do_read(struct engine *engine, struct read *read)
{
    if (read->verb == STORE_GET)
        read->err = engine_get(engine, read->family, read->key, true, &read->value);
    else
        read->err = engine_scan(engine, read->family, read->key, read->end, scan_row, read);
}

static void *read_main(void *context)
{
    struct store_threads *threads = context;
    struct store_queue *queue = &threads->queue;

    lock(queue);
    for (;;) {
        while (list_empty(&queue->reads) && !queue->stop) {
            queue->readers_idle++;
            pthread_cond_wait(&queue->reader_wakes, &queue->lock);
            queue->readers_idle--;
        }
        struct list *node = list_pop(&queue->reads);
        if (node == NULL)
            break;
        unlock(queue);
        do_read(threads->engine, CONTAINER_OF(node, struct read, node));
        lock(queue);
        list_append(&queue->reads_done, node);
        unlock(queue);
        tell(threads);
        lock(queue);
    }
    unlock(queue);
    return NULL;
}

void threads_commit(struct store_threads *threads, struct group *group)
{
    struct store_queue *queue = &threads->queue;

    lock(queue);
    list_append(&queue->groups, &group->node);
    bool idle = queue->committer_idle;
    unlock(queue);
    /* A thread that works will look at the queue before it sleeps. */
    if (idle)
        pthread_cond_signal(&queue->committer_wakes);
}

void threads_read(struct store_threads *threads, struct read *read)
{
    struct store_queue *queue = &threads->queue;

    lock(queue);
    list_append(&queue->reads, &read->node);
    bool idle = queue->readers_idle > 0;
    unlock(queue);
    if (idle)
        pthread_cond_signal(&queue->reader_wakes);
}

void threads_take_done(struct store_threads *threads, struct list *groups, struct list *reads)
{
    struct store_queue *queue = &threads->queue;

    if (!atomic_load(&queue->news))
        return;
    /* Cleared first: what is done after the lists were taken is told again. */
    atomic_store(&queue->news, false);
    lock(queue);
    splice(groups, &queue->groups_done);
    splice(reads, &queue->reads_done);
    unlock(queue);
}

static void queue_init(struct store_queue *queue)
{
    int failed = pthread_mutex_init(&queue->lock, NULL);

    failed |= pthread_cond_init(&queue->committer_wakes, NULL);
    failed |= pthread_cond_init(&queue->reader_wakes, NULL);
    ASSERT(failed == 0);
    list_init(&queue->groups);
    list_init(&queue->reads);
    list_init(&queue->groups_done);
    list_init(&queue->reads_done);
    atomic_init(&queue->news, false);
    atomic_init(&queue->commit_began_us, 0);
    atomic_init(&queue->commit_us, 0);
}

bool threads_start(struct store_threads *threads, uint32_t readers)
{
    ASSERT(readers > 0 && readers <= STORE_READERS_MAX);
    queue_init(&threads->queue);
    threads->readers = mem_new_array(readers, sizeof(threads->readers[0]));
    if (pthread_create(&threads->committer, NULL, commit_main, threads) != 0)
        return false;
    threads->committing = true;
    for (uint32_t i = 0; i < readers; i++) {
        if (pthread_create(&threads->readers[i], NULL, read_main, threads) != 0)
            return false;
        threads->readers_count++;
    }
    return true;
}

void threads_stop(struct store_threads *threads)
{
    struct store_queue *queue = &threads->queue;

    lock(queue);
    queue->stop = true;
    pthread_cond_broadcast(&queue->committer_wakes);
    pthread_cond_broadcast(&queue->reader_wakes);
    unlock(queue);
    if (threads->committing)
        pthread_join(threads->committer, NULL);
    for (uint32_t i = 0; i < threads->readers_count; i++)
        pthread_join(threads->readers[i], NULL);
    threads->committing = false;
    threads->readers_count = 0;
}

void threads_done(struct store_threads *threads)
{
    struct store_queue *queue = &threads->queue;

    mem_free(threads->readers);
    threads->readers = NULL;
    pthread_cond_destroy(&queue->committer_wakes);
    pthread_cond_destroy(&queue->reader_wakes);
    pthread_mutex_destroy(&queue->lock);
}

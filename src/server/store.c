/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "server/limits.h"
#include "server/store_int.h"

enum { GROUPS_KEPT_MAX = 16 };

/* A completion that needed no other thread. */
struct answer {
    struct list node;
    uint64_t token;
    enum err err;
    struct blob *value;
};

struct store {
    struct store_threads threads;
    struct map overlay;

    struct group *gathering; /* the commits of this turn, or NULL */
    uint64_t last_group;     /* number of the newest group that was begun */
    uint64_t done_group;     /* all groups up to this one are complete */
    uint64_t failures;       /* that the shard has been told of */
    size_t pending_bytes;
    uint64_t in_flight; /* operations whose completion was not told */

    struct list answers;     /* complete at once */
    struct list groups_done; /* complete; their commits are being told */
    struct list reads_done;
    struct list scans; /* waiting for a group */
    struct list groups_free;
    struct list answers_free;
    uint32_t groups_kept;

    struct read *told_read; /* what the last completion points to */
    struct blob *told_value;
    struct store_counts counts;
};

static struct group *group_of(struct list *node)
{
    return CONTAINER_OF(node, struct group, node);
}

static struct read *read_of(struct list *node)
{
    return CONTAINER_OF(node, struct read, node);
}

static struct answer *answer_of(struct list *node)
{
    return CONTAINER_OF(node, struct answer, node);
}

static struct pending *pending_of(struct map_node *node)
{
    return CONTAINER_OF(node, struct pending, node);
}

struct store *store_new(const struct store_options *options)
{
    struct store *store = mem_new(sizeof(*store));

    ASSERT(options->wake != NULL);
    store->threads.engine = options->engine;
    store->threads.wake = options->wake;
    store->threads.context = options->context;
    map_init(&store->overlay);
    list_init(&store->answers);
    list_init(&store->groups_done);
    list_init(&store->reads_done);
    list_init(&store->scans);
    list_init(&store->groups_free);
    list_init(&store->answers_free);
    if (!threads_start(&store->threads, options->readers)) {
        store_free(store);
        return NULL;
    }
    return store;
}

static uint64_t row_hash(enum store_family family, struct bytes key)
{
    return hash_xx_seed(key, (uint64_t)family + 1);
}

static struct pending *overlay_find(const struct store *store, enum store_family family,
                                    struct bytes key)
{
    struct map_node *node = NULL;

    if (store->overlay.count == 0)
        return NULL;
    node = map_find(&store->overlay, row_hash(family, key));
    for (; node != NULL; node = map_next(node)) {
        struct pending *row = pending_of(node);
        if (row->family == family && bytes_eq(row->key, key))
            return row;
    }
    return NULL;
}

static void overlay_hide(struct store *store, struct pending *row)
{
    if (!row->shown)
        return;
    map_remove(&store->overlay, &row->node);
    row->shown = false;
}

static void overlay_show(struct store *store, struct pending *row)
{
    struct pending *older = overlay_find(store, row->family, row->key);

    if (older != NULL)
        overlay_hide(store, older);
    map_add(&store->overlay, &row->node, row_hash(row->family, row->key));
    row->shown = true;
}

static struct group *group_begin(struct store *store)
{
    struct list *node = list_pop(&store->groups_free);
    struct group *group = NULL;

    if (node != NULL) {
        group = group_of(node);
        store->groups_kept--;
    } else {
        group = mem_new(sizeof(*group));
        arena_init(&group->arena);
    }
    list_init(&group->node);
    group->rows = NULL;
    group->rows_end = &group->rows;
    group->commits = NULL;
    group->commits_end = &group->commits;
    group->number = ++store->last_group;
    group->failures = store->failures;
    group->bytes = 0;
    group->durable = false;
    group->err = ERR_OK;
    return group;
}

static void group_free(struct group *group)
{
    arena_done(&group->arena);
    mem_free(group);
}

/* The engine has the rows, or never will: reads go to the engine again. */
static void group_unshow(struct store *store, struct group *group)
{
    for (struct pending *row = group->rows; row != NULL; row = row->next) {
        overlay_hide(store, row);
        blob_unref(row->value);
    }
    group->rows = NULL;
    ASSERT(store->pending_bytes >= group->bytes);
    store->pending_bytes -= group->bytes;
}

static void group_release(struct store *store, struct group *group)
{
    ASSERT(group->rows == NULL && group->commits == NULL);
    if (store->groups_kept == GROUPS_KEPT_MAX) {
        group_free(group);
        return;
    }
    arena_reset(&group->arena);
    list_append(&store->groups_free, &group->node);
    store->groups_kept++;
}

static void read_free(struct read *read)
{
    if (read == NULL)
        return;
    blob_unref(read->value);
    mem_free(read->rows);
    arena_done(&read->arena);
    mem_free(read);
}

static void submit_commit(struct store *store, const struct store_op *op)
{
    if (store->gathering == NULL)
        store->gathering = group_begin(store);
    struct group *group = store->gathering;
    struct commit *commit = ARENA_NEW(&group->arena, struct commit);

    commit->token = op->token;
    *group->commits_end = commit;
    group->commits_end = &commit->next;
    store->counts.commits++;
    if (store->pending_bytes > STORE_PENDING_BYTES_MAX) {
        commit->err = ERR_OVERLOAD;
        return;
    }
    group->durable = group->durable || op->durable;
    for (uint32_t i = 0; i < op->rows_count; i++) {
        const struct store_row *from = &op->rows[i];
        struct pending *row = ARENA_NEW(&group->arena, struct pending);

        row->family = from->family;
        row->key = arena_copy(&group->arena, from->key);
        row->value = blob_ref(from->value);
        *group->rows_end = row;
        group->rows_end = &row->next;
        overlay_show(store, row);
        size_t bytes = row->key.len + blob_bytes(row->value).len;
        group->bytes += bytes;
        store->pending_bytes += bytes;
    }
}

/* Takes over the reference. */
static void answer(struct store *store, uint64_t token, enum err err, struct blob *value)
{
    struct list *node = list_pop(&store->answers_free);
    struct answer *answer = node != NULL ? answer_of(node) : mem_new(sizeof(*answer));

    answer->token = token;
    answer->err = err;
    answer->value = value;
    list_append(&store->answers, &answer->node);
}

static struct read *read_new(const struct store_op *op)
{
    struct read *read = mem_new(sizeof(*read));

    arena_init(&read->arena);
    list_init(&read->node);
    read->token = op->token;
    read->verb = op->verb;
    read->family = op->family;
    read->key = arena_copy(&read->arena, op->key);
    read->end = arena_copy(&read->arena, op->end);
    read->rows_max = op->rows_max;
    read->bytes_max = op->bytes_max;
    read->keys_only = op->keys_only;
    return read;
}

static void submit_get(struct store *store, const struct store_op *op)
{
    const struct pending *row = overlay_find(store, op->family, op->key);

    store->counts.reads++;
    if (row != NULL) {
        answer(store, op->token, row->value == NULL ? ERR_NOT_FOUND : ERR_OK, blob_ref(row->value));
        return;
    }
    struct blob *value = NULL;
    enum err err = engine_get(store->threads.engine, op->family, op->key, false, &value);
    if (err != ERR_WOULD_BLOCK) {
        answer(store, op->token, err, value);
        return;
    }
    store->counts.misses++;
    threads_read(&store->threads, read_new(op));
}

static void submit_scan(struct store *store, const struct store_op *op)
{
    struct read *read = read_new(op);

    store->counts.reads++;
    store->counts.misses++;
    read->after = store->last_group;
    if (read->after <= store->done_group)
        threads_read(&store->threads, read);
    else
        list_append(&store->scans, &read->node);
}

void store_submit(struct store *store, const struct store_op *op)
{
    store->in_flight++;
    switch (op->verb) {
    case STORE_GET: submit_get(store, op); return;
    case STORE_COMMIT: submit_commit(store, op); return;
    case STORE_SCAN: submit_scan(store, op); return;
    }
    UNREACHABLE();
}

void store_flush(struct store *store)
{
    struct group *group = store->gathering;

    if (group == NULL)
        return;
    store->gathering = NULL;
    threads_commit(&store->threads, group);
}

/* Lets the scans go that waited for the groups which are complete by now. */
static void release_scans(struct store *store)
{
    LIST_EACH_SAFE(node, &store->scans) {
        struct read *read = read_of(node);
        /* Scans wait in the order in which they came, so the numbers ascend. */
        if (read->after > store->done_group)
            return;
        list_remove(node);
        threads_read(&store->threads, read);
    }
}

static void take_done(struct store *store)
{
    struct list fresh;

    list_init(&fresh);
    threads_take_done(&store->threads, &fresh, &store->reads_done);
    while (!list_empty(&fresh)) {
        struct group *group = group_of(list_pop(&fresh));

        ASSERT(group->number == store->done_group + 1);
        store->done_group = group->number;
        group_unshow(store, group);
        list_append(&store->groups_done, &group->node);
    }
    release_scans(store);
}

static bool tell_group(struct store *store, struct stored *stored)
{
    if (list_empty(&store->groups_done))
        return false;
    struct group *group = group_of(store->groups_done.next);
    struct commit *commit = group->commits;
    ASSERT(commit != NULL);

    *stored = (struct stored){.token = commit->token,
                              .err = commit->err != ERR_OK ? commit->err : group->err};
    group->commits = commit->next;
    if (commit->next == NULL) {
        /* Told of the failure, the shard may commit again; what it began before fails with it. */
        if (group->err != ERR_OK && group->failures == store->failures)
            store->failures++;
        list_remove(&group->node);
        group_release(store, group);
    }
    return true;
}

static bool tell_answer(struct store *store, struct stored *stored)
{
    struct list *node = list_pop(&store->answers);

    if (node == NULL)
        return false;
    struct answer *answer = answer_of(node);
    *stored = (struct stored){.token = answer->token, .err = answer->err, .value = answer->value};
    store->told_value = answer->value;
    list_append(&store->answers_free, node);
    return true;
}

static bool tell_read(struct store *store, struct stored *stored)
{
    struct list *node = list_pop(&store->reads_done);

    if (node == NULL)
        return false;
    struct read *read = read_of(node);
    *stored = (struct stored){.token = read->token,
                              .err = read->err,
                              .value = read->value,
                              .rows = read->rows,
                              .rows_count = read->rows_count,
                              .more = read->more};
    store->told_read = read;
    return true;
}

bool store_next(struct store *store, struct stored *ret_stored)
{
    read_free(store->told_read);
    store->told_read = NULL;
    blob_unref(store->told_value);
    store->told_value = NULL;
    take_done(store);
    if (!tell_answer(store, ret_stored) && !tell_group(store, ret_stored) &&
        !tell_read(store, ret_stored))
        return false;
    ASSERT(store->in_flight > 0);
    store->in_flight--;
    return true;
}

bool store_idle(const struct store *store)
{
    return store->in_flight == 0;
}

struct store_counts store_counts(const struct store *store)
{
    struct store_counts counts = store->counts;

    counts.batches = atomic_load(&store->threads.queue.batches);
    counts.syncs = atomic_load(&store->threads.queue.syncs);
    return counts;
}

uint64_t store_slowest_us(struct store *store)
{
    return threads_slowest_us(&store->threads);
}

static void free_reads(struct list *reads)
{
    for (struct list *node = list_pop(reads); node != NULL; node = list_pop(reads))
        read_free(read_of(node));
}

static void free_groups(struct list *groups)
{
    for (struct list *node = list_pop(groups); node != NULL; node = list_pop(groups))
        group_free(group_of(node));
}

static void free_answers(struct list *answers)
{
    for (struct list *node = list_pop(answers); node != NULL; node = list_pop(answers))
        mem_free(answer_of(node));
}

void store_free(struct store *store)
{
    struct stored untold;

    if (store == NULL)
        return;
    store_flush(store);
    threads_stop(&store->threads);
    free_reads(&store->scans);
    while (store_next(store, &untold))
        continue;
    threads_done(&store->threads);
    free_groups(&store->groups_free);
    free_answers(&store->answers_free);
    ASSERT(store->overlay.count == 0);
    map_done(&store->overlay);
    mem_free(store);
}

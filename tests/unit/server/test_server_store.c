/* SPDX-License-Identifier: Apache-2.0 */
/* The store against a model. Every value is the number of the commit that wrote it, so a read tells
 * which commits it saw: at least all that went out before it, at most all that went out before it
 * was told. Run on both engines; the memory engine hides nothing from the thread sanitizer. */
#include "tap.h"

#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "server/store.h"

enum { KEYS = 50, OPS_MAX = 200000, SCAN_ROWS = 8 };

enum op_kind { OP_COMMIT, OP_GET, OP_SCAN };

struct op {
    enum op_kind kind;
    uint32_t key;
    uint64_t seen;           /* versions[key] when it went out */
    uint64_t seen_all[KEYS]; /* scans: of every key */
    bool told;
    enum err err;
};

struct world {
    struct engine *engine;
    struct store *store;
    sem_t news;
    struct random random;
    char dir[64];
    bool rocks;

    uint64_t versions[KEYS]; /* newest commit that went out for the key */
    bool gone[KEYS];         /* it was a deletion */
    uint64_t next;
    struct op *ops;
    uint32_t ops_count;
    uint32_t outstanding;
    uint64_t last_commit_told;
    uint64_t stale, torn;
    uint32_t failed;
};

static void wake(void *context)
{
    sem_post(context);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static struct world *world_new(bool rocks, uint64_t number)
{
    struct world *w = mem_new(sizeof(*w));
    struct seed seed = seed_of(number);
    struct why why = {""};
    enum err err = ERR_OK;

    random_init(&w->random, &seed, 0);
    sem_init(&w->news, 0, 0);
    w->rocks = rocks;
    w->ops = mem_new_array(OPS_MAX, sizeof(w->ops[0]));
    snprintf(w->dir, sizeof(w->dir), "/tmp/dassie-store-XXXXXX");
    if (rocks) {
        if (mkdtemp(w->dir) == NULL)
            exit(1);
        /* So small that reads miss. */
        struct engine_options options = {
            .path = w->dir, .create = true, .cache_bytes = 1, .memtable_bytes = 64 * 1024};
        err = engine_open_rocks(&options, &w->engine, &why);
    } else {
        err = engine_open_mem(&w->engine);
    }
    if (err != ERR_OK) {
        printf("Bail out! %s\n", why.text);
        exit(1);
    }
    struct store_options options = {w->engine, 2, wake, &w->news};
    w->store = store_new(&options);
    return w;
}

static void world_free(struct world *w)
{
    store_free(w->store);
    engine_close(w->engine);
    if (w->rocks)
        nftw(w->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    sem_destroy(&w->news);
    mem_free(w->ops);
    mem_free(w);
}

static struct bytes key_of(uint32_t *key)
{
    return bytes_of(key, sizeof(*key));
}

/* Values are long, so that the engine with a small memtable writes files. */
static struct blob *value_of(uint64_t version)
{
    struct blob *blob = blob_new(600);

    memset(blob->data, (int)version, blob->len);
    memcpy(blob->data, &version, sizeof(version));
    return blob;
}

static uint64_t version_of(struct bytes value)
{
    uint64_t version = 0;

    if (value.len == 600)
        memcpy(&version, value.data, sizeof(version));
    return version;
}

static struct op *op_begin(struct world *w, enum op_kind kind, uint64_t *ret_token)
{
    ASSERT(w->ops_count < OPS_MAX);
    struct op *op = &w->ops[w->ops_count];

    *ret_token = w->ops_count++;
    op->kind = kind;
    w->outstanding++;
    return op;
}

static void commit(struct world *w, bool durable)
{
    struct store_row rows[3];
    uint32_t keys[3], count = (uint32_t)random_range(&w->random, 1, 3);
    uint64_t token = 0;
    struct op *op = op_begin(w, OP_COMMIT, &token);

    w->next++;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = (uint32_t)random_below(&w->random, KEYS);
        bool gone = random_chance(&w->random, 1, 4);
        rows[i] =
            (struct store_row){FAMILY_OBJECT, key_of(&keys[i]), gone ? NULL : value_of(w->next)};
        w->versions[keys[i]] = w->next;
        w->gone[keys[i]] = gone;
    }
    op->seen = w->next;
    struct store_op out = {.verb = STORE_COMMIT,
                           .token = token,
                           .rows = rows,
                           .rows_count = count,
                           .durable = durable};
    store_submit(w->store, &out);
    for (uint32_t i = 0; i < count; i++)
        blob_unref(rows[i].value);
}

static void get(struct world *w)
{
    uint64_t token = 0;
    struct op *op = op_begin(w, OP_GET, &token);

    op->key = (uint32_t)random_below(&w->random, KEYS);
    op->seen = w->gone[op->key] ? 0 : w->versions[op->key];
    struct store_op out = {
        .verb = STORE_GET, .token = token, .family = FAMILY_OBJECT, .key = key_of(&op->key)};
    store_submit(w->store, &out);
}

static void scan(struct world *w)
{
    uint64_t token = 0;
    struct op *op = op_begin(w, OP_SCAN, &token);

    for (uint32_t i = 0; i < KEYS; i++)
        op->seen_all[i] = w->gone[i] ? 0 : w->versions[i];
    struct store_op out = {.verb = STORE_SCAN,
                           .token = token,
                           .family = FAMILY_OBJECT,
                           .rows_max = KEYS * 2,
                           .bytes_max = 1 << 20};
    store_submit(w->store, &out);
}

/* A version that a read found is good when it is the one that stood when it went out, or newer. A
 * key that is missing is good when it was missing, or was deleted by a newer commit. */
static bool good(struct world *w, uint32_t key, uint64_t seen, uint64_t found)
{
    if (found == 0)
        return seen == 0 || w->versions[key] > seen;
    return found >= seen && found <= w->versions[key];
}

static void check_scan(struct world *w, const struct op *op, const struct stored *stored)
{
    uint64_t found[KEYS] = {0};

    for (uint32_t i = 0; i < stored->rows_count; i++) {
        uint32_t key = KEYS;
        if (stored->rows[i].key.len == sizeof(key))
            memcpy(&key, stored->rows[i].key.data, sizeof(key));
        if (key >= KEYS) {
            w->torn++;
            return;
        }
        found[key] = version_of(stored->rows[i].value);
    }
    for (uint32_t i = 0; i < KEYS; i++)
        w->stale += !good(w, i, op->seen_all[i], found[i]);
}

static void told(struct world *w, const struct stored *stored)
{
    struct op *op = &w->ops[stored->token];

    w->torn += op->told;
    op->told = true;
    op->err = stored->err;
    w->outstanding--;
    switch (op->kind) {
    case OP_COMMIT:
        w->torn += op->seen <= w->last_commit_told;
        w->last_commit_told = op->seen;
        w->failed += stored->err != ERR_OK;
        return;
    case OP_GET:
        w->torn += stored->err != ERR_OK && stored->err != ERR_NOT_FOUND;
        w->stale += !good(w, op->key, op->seen, version_of(blob_bytes(stored->value)));
        return;
    case OP_SCAN:
        w->torn += stored->err != ERR_OK || stored->more;
        check_scan(w, op, stored);
        return;
    }
}

static void drain(struct world *w)
{
    struct stored stored;

    while (store_next(w->store, &stored))
        told(w, &stored);
}

static void finish(struct world *w)
{
    store_flush(w->store);
    drain(w);
    while (w->outstanding > 0) {
        sem_wait(&w->news);
        drain(w);
    }
}

static void reads_see_what_went_out(bool rocks)
{
    struct world *w = world_new(rocks, 1);

    for (int turn = 0; turn < 4000; turn++) {
        for (uint64_t left = random_below(&w->random, 6); left > 0; left--) {
            uint64_t what = random_below(&w->random, 100);
            if (what < 45)
                commit(w, random_chance(&w->random, 1, 10));
            else if (what < 97)
                get(w);
            else
                scan(w);
        }
        if (random_chance(&w->random, 1, 2))
            store_flush(w->store);
        drain(w);
        /* Now and then wait for the other threads, or the loop would always be ahead. */
        if (w->outstanding > 50) {
            sem_wait(&w->news);
            drain(w);
        }
    }
    finish(w);
    CHECK(store_idle(w->store));
    CHECK_EQ(w->stale, 0);
    CHECK_EQ(w->torn, 0);
    CHECK_EQ(w->failed, 0);
    struct store_counts counts = store_counts(w->store);
    CHECK(counts.commits > 3000);
    CHECK(counts.batches > 0 && counts.batches < counts.commits);
    CHECK(counts.syncs > 0);
    if (rocks)
        CHECK(counts.misses > 50);
    world_free(w);
}

TEST(mem_reads_see_what_went_out)
{
    reads_see_what_went_out(false);
}

TEST(rocks_reads_see_what_went_out)
{
    reads_see_what_went_out(true);
}

TEST(a_failed_commit_fails_what_was_begun_meanwhile)
{
    struct world *w = world_new(false, 2);

    commit(w, true);
    finish(w);
    CHECK_EQ(w->failed, 0);
    uint32_t first = w->ops_count;
    engine_mem_fail(w->engine, ERR_NO_SPACE);
    for (int i = 0; i < 5; i++) {
        commit(w, i % 2 == 0);
        store_flush(w->store);
    }
    /* The disk has space again before anything was told: what follows must not overtake. */
    while (store_counts(w->store).batches < 2)
        sem_wait(&w->news);
    engine_mem_fail(w->engine, ERR_OK);
    for (int i = 0; i < 5; i++) {
        commit(w, true);
        store_flush(w->store);
    }
    finish(w);
    for (uint32_t i = first; i < w->ops_count; i++)
        CHECK_EQ(w->ops[i].err, ERR_NO_SPACE);
    CHECK_EQ(w->failed, 10);

    /* Told of it, the shard commits again; reads never saw what failed after it was told. */
    commit(w, true);
    finish(w);
    CHECK_EQ(w->ops[w->ops_count - 1].err, ERR_OK);
    CHECK_EQ(w->torn, 0);
    world_free(w);
}

TEST(a_broken_disk_stays_broken)
{
    struct world *w = world_new(false, 3);

    engine_mem_fail(w->engine, ERR_IO);
    commit(w, true);
    finish(w);
    engine_mem_fail(w->engine, ERR_OK);
    commit(w, false);
    finish(w);
    CHECK_EQ(w->ops[0].err, ERR_IO);
    CHECK_EQ(w->ops[1].err, ERR_IO);
    world_free(w);
}

TEST(what_failed_is_not_read)
{
    struct world *w = world_new(false, 4);
    uint32_t key = 7;
    struct store_row row = {FAMILY_OBJECT, key_of(&key), value_of(99)};
    struct store_op put = {.verb = STORE_COMMIT, .token = 1, .rows = &row, .rows_count = 1};
    struct store_op read = {
        .verb = STORE_GET, .token = 2, .family = FAMILY_OBJECT, .key = key_of(&key)};
    struct stored stored;

    engine_mem_fail(w->engine, ERR_NO_SPACE);
    store_submit(w->store, &put);
    store_submit(w->store, &read);
    CHECK_FATAL(store_next(w->store, &stored));
    CHECK_EQ(stored.token, 2);
    CHECK_EQ(stored.err, ERR_OK);
    CHECK_EQ(version_of(blob_bytes(stored.value)), 99);
    store_flush(w->store);
    while (!store_next(w->store, &stored))
        sem_wait(&w->news);
    CHECK_EQ(stored.token, 1);
    CHECK_EQ(stored.err, ERR_NO_SPACE);
    store_submit(w->store, &read);
    CHECK_FATAL(store_next(w->store, &stored));
    CHECK_EQ(stored.err, ERR_NOT_FOUND);
    CHECK(store_idle(w->store));
    blob_unref(row.value);
    world_free(w);
}

TEST(scans_stop_at_their_maxima)
{
    struct world *w = world_new(false, 5);
    struct stored stored;

    for (uint32_t key = 0; key < 20; key++) {
        struct store_row row = {FAMILY_META, key_of(&key), value_of(key + 1)};
        struct store_op put = {.verb = STORE_COMMIT, .rows = &row, .rows_count = 1};
        store_submit(w->store, &put);
        blob_unref(row.value);
    }
    /* Not flushed yet: the scan waits for the group. */
    struct store_op op = {.verb = STORE_SCAN,
                          .token = 100,
                          .family = FAMILY_META,
                          .rows_max = SCAN_ROWS,
                          .bytes_max = 1 << 20};
    store_submit(w->store, &op);
    op = (struct store_op){.verb = STORE_SCAN,
                           .token = 101,
                           .family = FAMILY_META,
                           .rows_max = 100,
                           .bytes_max = 1300,
                           .keys_only = false};
    store_submit(w->store, &op);
    op.token = 102;
    op.bytes_max = 1;
    store_submit(w->store, &op);
    op.token = 103;
    op.bytes_max = 1 << 20;
    op.keys_only = true;
    store_submit(w->store, &op);
    CHECK(!store_next(w->store, &stored));
    store_flush(w->store);
    for (int left = 24; left > 0; left--) {
        while (!store_next(w->store, &stored))
            sem_wait(&w->news);
        CHECK_EQ(stored.err, ERR_OK);
        if (stored.token == 100) {
            CHECK_EQ(stored.rows_count, SCAN_ROWS);
            CHECK(stored.more);
        } else if (stored.token == 101) {
            CHECK_EQ(stored.rows_count, 2);
            CHECK(stored.more);
        } else if (stored.token == 102) {
            CHECK_EQ(stored.rows_count, 1);
            CHECK(stored.more);
        } else if (stored.token == 103) {
            CHECK_EQ(stored.rows_count, 20);
            CHECK(!stored.more);
            CHECK_EQ(stored.rows[3].value.len, 0);
        }
    }
    world_free(w);
}

TEST(freeing_finishes_commits)
{
    struct world *w = world_new(false, 6);
    struct blob *value = NULL;
    uint32_t key = 3;

    for (uint32_t i = 0; i < 10; i++) {
        struct store_row row = {FAMILY_SYS, key_of(&key), value_of(i + 1)};
        struct store_op put = {.verb = STORE_COMMIT, .rows = &row, .rows_count = 1};
        store_submit(w->store, &put);
        blob_unref(row.value);
        get(w);
        scan(w);
    }
    store_free(w->store);
    w->store = NULL;
    CHECK_EQ(engine_get(w->engine, FAMILY_SYS, key_of(&key), true, &value), ERR_OK);
    CHECK_EQ(version_of(blob_bytes(value)), 10);
    blob_unref(value);
    world_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(mem_reads_see_what_went_out),
        T(rocks_reads_see_what_went_out),
        T(a_failed_commit_fails_what_was_begun_meanwhile),
        T(a_broken_disk_stays_broken),
        T(what_failed_is_not_read),
        T(scans_stop_at_their_maxima),
        T(freeing_finishes_commits),
    };
    return tap_main(argc, argv, tests);
}

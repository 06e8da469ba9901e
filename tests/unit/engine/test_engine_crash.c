/* SPDX-License-Identifier: Apache-2.0 */
/* What survives. The memory engine loses what was not synced, but for a prefix that the test
 * chooses; a process that RocksDB runs in is killed, and every batch it acknowledged must be
 * there. */
#include "tap.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "engine/engine.h"

enum { ROWS = 40, BATCHES_MAX = 60, KILL_AFTER_BATCHES = 300 };

extern char **environ;

static struct bytes key_of(uint32_t *number)
{
    return bytes_of(number, sizeof(*number));
}

static enum err commit_one(struct engine *engine, enum store_family family, uint32_t key,
                           uint64_t value, bool sync)
{
    struct engine_batch *batch = engine_batch_new(engine);

    engine_batch_put(batch, family, key_of(&key), bytes_of(&value, sizeof(value)));
    enum err err = engine_commit(engine, batch, sync);
    engine_batch_free(batch);
    return err;
}

/* The value of a row; 0 when there is none. */
static uint64_t row(struct engine *engine, enum store_family family, uint32_t key)
{
    struct blob *value = NULL;
    uint64_t number = 0;
    enum err err = engine_get(engine, family, key_of(&key), true, &value);

    if (err == ERR_NOT_FOUND)
        return 0;
    CHECK_EQ(err, ERR_OK);
    if (err == ERR_OK && value->len == sizeof(number))
        memcpy(&number, value->data, sizeof(number));
    blob_unref(value);
    return number;
}

/* The state after each unsynced batch, the last sync's first. */
struct history {
    uint64_t states[BATCHES_MAX + 1][ROWS];
    uint32_t unsynced;
};

static void commit_random(struct engine *engine, struct random *random, struct history *h,
                          uint64_t *value)
{
    struct engine_batch *batch = engine_batch_new(engine);
    uint64_t *state = h->states[h->unsynced + 1];

    memcpy(state, h->states[h->unsynced], sizeof(h->states[0]));
    for (uint64_t left = random_range(random, 1, 5); left > 0; left--) {
        uint32_t key = (uint32_t)random_below(random, ROWS);
        if (random_chance(random, 1, 3)) {
            engine_batch_delete(batch, FAMILY_OBJECT, key_of(&key));
            state[key] = 0;
        } else {
            state[key] = ++*value;
            engine_batch_put(batch, FAMILY_OBJECT, key_of(&key), bytes_of(value, sizeof(*value)));
        }
    }
    bool sync = random_chance(random, 1, 12);
    CHECK_EQ(engine_commit(engine, batch, sync), ERR_OK);
    engine_batch_free(batch);
    h->unsynced++;
    if (sync || h->unsynced == BATCHES_MAX) {
        if (!sync)
            CHECK_EQ(engine_sync(engine), ERR_OK);
        memcpy(h->states[0], h->states[h->unsynced], sizeof(h->states[0]));
        h->unsynced = 0;
    }
    CHECK_EQ(engine_mem_unsynced(engine), h->unsynced);
}

TEST(a_crash_keeps_a_prefix)
{
    struct seed seed = seed_of(7);
    struct random random;
    struct engine *engine = NULL;
    static struct history history;
    uint64_t value = 0;

    random_init(&random, &seed, 0);
    CHECK_EQ_FATAL(engine_open_mem(&engine), ERR_OK);
    for (int crash = 0; crash < 300; crash++) {
        for (uint64_t left = random_below(&random, 20); left > 0; left--)
            commit_random(engine, &random, &history, &value);
        uint32_t keep = (uint32_t)random_below(&random, history.unsynced + 2);
        CHECK_EQ(engine_mem_crash(engine, keep), history.unsynced);
        uint32_t kept = keep < history.unsynced ? keep : history.unsynced;
        for (uint32_t i = 0; i < ROWS; i++)
            CHECK_EQ(row(engine, FAMILY_OBJECT, i), history.states[kept][i]);
        memcpy(history.states[0], history.states[kept], sizeof(history.states[0]));
        history.unsynced = 0;
        CHECK_EQ(engine_mem_unsynced(engine), 0);
    }
    engine_close(engine);
}

TEST(nothing_follows_a_failed_sync)
{
    struct engine *engine = NULL;

    CHECK_EQ_FATAL(engine_open_mem(&engine), ERR_OK);
    CHECK_EQ(commit_one(engine, FAMILY_OBJECT, 1, 11, false), ERR_OK);
    engine_mem_fail(engine, ERR_IO);
    CHECK_EQ(engine_sync(engine), ERR_IO);
    engine_mem_fail(engine, ERR_OK);
    CHECK_EQ(engine_sync(engine), ERR_IO);
    CHECK_EQ(commit_one(engine, FAMILY_OBJECT, 2, 22, false), ERR_IO);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 1), 11);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 2), 0);

    /* After a restart it works again, without what was never synced. */
    CHECK_EQ(engine_mem_crash(engine, 0), 1);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 1), 0);
    CHECK_EQ(commit_one(engine, FAMILY_OBJECT, 2, 22, true), ERR_OK);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 2), 22);
    engine_close(engine);
}

TEST(a_full_disk_is_no_broken_disk)
{
    struct engine *engine = NULL;

    CHECK_EQ_FATAL(engine_open_mem(&engine), ERR_OK);
    engine_mem_fail(engine, ERR_NO_SPACE);
    CHECK_EQ(commit_one(engine, FAMILY_OBJECT, 1, 11, true), ERR_NO_SPACE);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 1), 0);
    engine_mem_fail(engine, ERR_OK);
    CHECK_EQ(commit_one(engine, FAMILY_OBJECT, 1, 11, true), ERR_OK);
    CHECK_EQ(row(engine, FAMILY_OBJECT, 1), 11);
    engine_close(engine);
}

TEST(corruption_flips_one_bit)
{
    struct engine *engine = NULL;

    CHECK_EQ_FATAL(engine_open_mem(&engine), ERR_OK);
    CHECK(!engine_mem_corrupt(engine, FAMILY_OBJECT, 3, 5));
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(commit_one(engine, FAMILY_OBJECT, i, 100 + i, true), ERR_OK);
    CHECK(engine_mem_corrupt(engine, FAMILY_OBJECT, 6, 64 + 3));
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQ(row(engine, FAMILY_OBJECT, i), i == 2 ? (100 + i) ^ 8 : 100 + i);
    engine_close(engine);
}

/* The child's life: rows `n` in two families by one synced batch, then `n` down the pipe. */
static int child_main(const char *dir)
{
    struct engine_options options = {.path = dir, .create = true};
    struct engine *engine = NULL;
    struct why why = {""};

    if (engine_open_rocks(&options, &engine, &why) != ERR_OK)
        return 1;
    for (uint32_t n = 1;; n++) {
        struct engine_batch *batch = engine_batch_new(engine);
        uint64_t value = n;
        engine_batch_put(batch, FAMILY_OBJECT, key_of(&n), bytes_of(&value, sizeof(value)));
        engine_batch_put(batch, FAMILY_META, key_of(&n), bytes_of(&value, sizeof(value)));
        if (engine_commit(engine, batch, true) != ERR_OK)
            return 1;
        engine_batch_free(batch);
        if (write(STDOUT_FILENO, &n, sizeof(n)) != (ssize_t)sizeof(n))
            return 1;
    }
}

/* Runs the child, kills it in the middle of its work; the last batch that it acknowledged. */
static uint32_t run_and_kill(char *dir)
{
    char flag[] = "--child";
    char self[] = "/proc/self/exe";
    char *argv[] = {self, flag, dir, NULL};
    posix_spawn_file_actions_t actions;
    uint32_t last = 0, n = 0;
    pid_t child = 0;
    int ends[2];

    if (pipe(ends) != 0)
        return 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    int failed = posix_spawn(&child, self, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failed == 0) {
        while (read(ends[0], &n, sizeof(n)) == (ssize_t)sizeof(n)) {
            last = n;
            if (last == KILL_AFTER_BATCHES)
                kill(child, SIGKILL);
        }
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
    return last;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

TEST(a_killed_process_loses_nothing_acknowledged)
{
    char dir[] = "/tmp/dassie-engine-XXXXXX";
    struct engine_options options = {.path = dir, .create = false};
    struct engine *engine = NULL;
    struct why why = {""};

    CHECK_FATAL(mkdtemp(dir) != NULL);
    uint32_t last = run_and_kill(dir);
    CHECK(last >= KILL_AFTER_BATCHES);
    CHECK_EQ_FATAL(engine_open_rocks(&options, &engine, &why), ERR_OK);
    for (uint32_t n = 1; n <= last; n++) {
        CHECK_EQ(row(engine, FAMILY_OBJECT, n), n);
        CHECK_EQ(row(engine, FAMILY_META, n), n);
    }
    /* What was not acknowledged is there in both families or in none. */
    CHECK_EQ(row(engine, FAMILY_OBJECT, last + 1), row(engine, FAMILY_META, last + 1));
    engine_close(engine);
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* One thread commits pairs of rows, others read them: a pair is never seen torn. */
struct pair_scan {
    uint64_t values[2];
    uint32_t count;
};

static bool see_pair(void *context, struct bytes key, struct bytes value)
{
    struct pair_scan *scan = context;

    (void)key;
    if (scan->count < 2 && value.len == sizeof(uint64_t))
        memcpy(&scan->values[scan->count], value.data, sizeof(uint64_t));
    return ++scan->count < 2;
}

static void *read_pairs(void *context)
{
    struct engine *engine = context;
    uintptr_t torn = 0;

    for (int i = 0; i < 3000; i++) {
        struct pair_scan scan = {.count = 0};
        enum err err = engine_scan(engine, FAMILY_OBJECT, BYTES_NONE, BYTES_NONE, see_pair, &scan);
        torn += err != ERR_OK || scan.values[0] != scan.values[1];
    }
    return (void *)torn;
}

TEST(readers_see_whole_batches)
{
    struct engine *engine = NULL;
    pthread_t readers[2];
    uint32_t keys[2] = {1, 2};

    CHECK_EQ_FATAL(engine_open_mem(&engine), ERR_OK);
    for (size_t i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&readers[i], NULL, read_pairs, engine), 0);
    for (uint64_t value = 1; value <= 3000; value++) {
        struct engine_batch *batch = engine_batch_new(engine);
        for (size_t i = 0; i < 2; i++)
            engine_batch_put(batch, FAMILY_OBJECT, key_of(&keys[i]),
                             bytes_of(&value, sizeof(value)));
        CHECK_EQ(engine_commit(engine, batch, false), ERR_OK);
        engine_batch_free(batch);
    }
    for (size_t i = 0; i < 2; i++) {
        void *torn = NULL;
        CHECK_EQ(pthread_join(readers[i], &torn), 0);
        CHECK(torn == NULL);
    }
    engine_close(engine);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_crash_keeps_a_prefix),
        T(nothing_follows_a_failed_sync),
        T(a_full_disk_is_no_broken_disk),
        T(corruption_flips_one_bit),
        T(a_killed_process_loses_nothing_acknowledged),
        T(readers_see_whole_batches),
    };
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    return tap_main(argc, argv, tests);
}

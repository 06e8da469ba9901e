/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the store: groups of commits and reads, and the threads that work on them. */
#ifndef SERVER_STORE_INT_H
#define SERVER_STORE_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "server/store.h"

/* A row that is on its way to the engine. */
struct pending {
    struct map_node node; /* in the overlay, while `shown` */
    struct pending *next; /* of its group, in order */
    enum store_family family;
    bool shown;
    struct bytes key;
    struct blob *value; /* NULL deletes */
};

struct commit {
    struct commit *next;
    uint64_t token;
    enum err err; /* of this commit alone: refused before it reached the engine */
};

/* The commits of one turn. */
struct group {
    struct list node;
    struct arena arena;
    struct pending *rows, **rows_end;
    struct commit *commits, **commits_end;
    uint64_t number;   /* ascending */
    uint64_t failures; /* that the shard knew of when it began the group */
    size_t bytes;
    bool durable; /* at least one commit wants it */
    enum err err; /* of the whole group */
};

/* A get or a scan that goes to a reader, and its answer. */
struct read {
    struct list node;
    struct arena arena;
    uint64_t token;
    enum store_verb verb;
    enum store_family family;
    struct bytes key, end;
    uint32_t rows_max, bytes_max;
    bool keys_only;
    uint64_t after; /* scan: the group that must be complete first */
    enum err err;
    struct blob *value;
    struct stored_row *rows;
    uint32_t rows_count, rows_cap;
    uint64_t bytes;
    bool more;
};

/* What the threads share, under `lock`. */
struct store_queue {
    pthread_mutex_t lock;
    pthread_cond_t committer_wakes;
    pthread_cond_t reader_wakes;
    struct list groups; /* to commit */
    struct list reads;  /* to do */
    struct list groups_done;
    struct list reads_done;
    uint32_t readers_idle;
    bool committer_idle;
    bool stop;

    /* Looked at without the lock. */
    atomic_bool news; /* something is done */
    _Atomic uint64_t batches, syncs;
    _Atomic uint64_t commit_began_us; /* of the batch under way; 0: none is */
    _Atomic uint64_t commit_us;       /* the slowest since it was asked */
};

struct store_threads {
    struct store_queue queue;
    struct engine *engine;
    void (*wake)(void *context);
    void *context;
    pthread_t committer;
    pthread_t *readers;
    uint32_t readers_count;
    bool committing; /* the thread exists */
};

/* Starts the threads; false when the system gives none: only threads_stop and threads_done then. */
bool threads_start(struct store_threads *threads, uint32_t readers);

/* Lets the queues run dry and joins the threads. */
void threads_stop(struct store_threads *threads);

/* After threads_stop. */
void threads_done(struct store_threads *threads);

/* Hand-over from the loop's thread. */
void threads_commit(struct store_threads *threads, struct group *group);
void threads_read(struct store_threads *threads, struct read *read);

/* The slowest batch since the last call, or the age of the one under way. */
uint64_t threads_slowest_us(struct store_threads *threads);

/* Hand-over to the loop's thread: moves what is done to the ends of these lists. */
void threads_take_done(struct store_threads *threads, struct list *groups, struct list *reads);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: one thread, virtual time, one seed. Nodes run the real shard on a simulated
 * disk and network; clients speak the real protocol; everything that happens is a timer in one
 * heap. The same seed gives the same trace, byte for byte.
 *
 *   world.c     time, chance, the trace, failures
 *   node.c      a process: shard, outputs, crash, restart, pause, clean stop
 *   disk.c      its disk: latency, order, what a crash keeps, errors
 *   net.c       links between nodes: delay, loss, duplicates, reordering, cuts
 *   socket.c    connections of clients; speak_pb.c and speak_http.c what is said on them
 *   lives.c     values that expire
 *   caller.c    questions and answers; client.c, operator.c, direct.c: who asks
 *   draw.c      how this world is; faults.c what goes wrong in it, and when
 *   form.c      how the cluster comes to be
 *   run.c       the phases of a run; judge.c, compare.c, epochs.c, settings.c its judgement
 *   scenario.c  worlds without chance, for tests that tell a story */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdio.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/random.h"
#include "config/config.h"
#include "history/history.h"
#include "msg/outbox.h"
#include "msg/trace.h"

enum {
    SIM_NODES_MAX = 12,
    SIM_CLIENTS_MAX = 16,
    SIM_KEYS_MAX = 64,
    SIM_ROWS_MAX = 5000,
    SIM_OPERATORS_MAX = 2,
    SIM_MEDDLERS_MAX = 4,
    SIM_N_VAL = 3,
    DEAF_PERIOD_US = 8000000,
    SIM_EPOCHS_MAX = 4096,
    SIM_SETTINGS_MAX = 4096,
    SIM_TRACE_TAIL = 400, /* lines that a failure shows */
    SIM_LINE_BYTES = 200,
};

struct world;

/* Something that will happen. It stands in what it is about; `run` is called at its time. */
struct timer {
    struct heap_node node;
    void (*run)(struct world *world, struct timer *timer);
};

/* How this world is: drawn from the seed once, before anything happens. A chance in ppm is asked at
 * each message, operation, question, or beat of the faults. */
struct params {
    uint32_t nodes, clients, keys;
    uint32_t ops; /* of all clients, in the safety phase */
    uint64_t safety_us;

    uint64_t net_min_us, net_mean_us;
    uint32_t loss_ppm, duplicate_ppm, reorder_ppm;
    uint32_t belated_ppm; /* a message in flight outlives the connection that it was sent on */
    uint64_t disk_min_us, disk_mean_us;
    uint32_t disk_slow_ppm; /* an operation takes a hundred times as long */
    uint64_t skew_us;       /* greatest difference of a wall clock */
    uint32_t jump_ppm;      /* a wall clock jumps, at a beat */
    uint64_t jump_us;       /* by so much at most from the mean of all */
    uint64_t pause_max_us;  /* how long a node stands still */

    uint32_t beat_us; /* of the faults */
    uint32_t crash_ppm, stop_ppm, pause_ppm, cut_ppm, clog_ppm, corrupt_ppm, full_ppm, eio_ppm,
        stall_ppm;
    uint32_t doomed_permille;  /* of the crashes: in the middle of a commit */
    uint32_t amnesia_permille; /* of the crashes: all is lost that may be lost */

    uint32_t hot_keys, hot_permille; /* how many questions are about how few keys */
    uint32_t blind_permille, delete_permille, read_permille;
    uint32_t strict_permille; /* of the questions: fallbacks do not count */
    uint32_t loyal_permille;  /* who lost a node comes back to it */
    uint32_t again_permille;  /* the next question is about the same key */
    bool grows;               /* keys are met one after the other, not all at once */
    uint32_t fresh_permille;  /* ... but, while somebody waits for a commit, any of the others */
    uint32_t once_permille;   /* blind writes that are made only if nothing is there */
    uint32_t think_us;
    uint32_t value_bytes_max;
    uint32_t http_ppm, pipeline_ppm, list_ppm, props_ppm, vanish_ppm, slow_reader_ppm;

    bool lonely;           /* most nodes are away most of the time */
    bool meets;            /* replicas are compared: they become equal though nobody reads */
    bool expires;          /* values do: */
    uint32_t ttl_s;        /* those of one bucket, and the longest of others */
    uint32_t ttl_permille; /* how many writes over HTTP bring a time of their own */
    uint32_t brief_odd;    /* which keys stand in that bucket */

    bool joins;         /* the cluster forms by joining; else it is there from the start */
    bool early;         /* clients do not wait until it has */
    uint32_t operators; /* who form it, and go on changing it */
    uint32_t late;      /* nodes that are no members at first, the last ones */

    uint32_t meddlers;  /* operators who ask for changes all the time, from the first write on */
    uint32_t meddle_us; /* between two acts of one of them, on average */
    bool opens;         /* they let a bucket keep siblings in the middle of it */
    uint32_t deaf;      /* a bit for each node that the news of documents do not reach */
    uint64_t deaf_us;   /* for how long, of each DEAF_PERIOD_US */
};

/* What really happened: a run proves nothing about what it did not do. */
struct tally_of_run {
    uint64_t traces[TRACE_KINDS];
    uint64_t crashes, restarts, stops, pauses, cuts, corruptions, full, eio, stalls, clogs;
    uint64_t jumps, long_pauses;
    uint64_t lost, duplicated, reordered;
    uint64_t acknowledged, reads, unknown, refused, listings, settings;
    uint64_t
        full_writes; /* taken while a disk was nearly full: tombstones, and what drops values */
    uint64_t lost_unsynced; /* commits that a crash took away */
    uint64_t vanished, given_up, writable;
    uint64_t joined, committed, commits_refused; /* what operators brought about */
    uint64_t meddled, opened, news_lost;
    uint64_t silent; /* members that have no vote, in the end */
    uint64_t events;
};

/* A document that some node had. */
struct epoch_seen {
    uint64_t cluster[2];
    uint64_t epoch, hash, previous;
};

/* One set of the property that settings.c watches. */
struct setting {
    enum outcome outcome;
    uint64_t asked, answered;
};

struct sim_node;
struct sim_client;
struct network;
struct direct;
struct sim_operator;

struct world {
    uint64_t seed;
    uint64_t now_us;
    struct heap timers;
    struct random random; /* of the world itself: never used by a shard */
    struct params params;
    struct config config;
    struct tally_of_run tally;
    struct sim_node *nodes[SIM_NODES_MAX];
    struct network *network;
    struct sim_client *clients[SIM_CLIENTS_MAX];
    struct sim_operator *operators[SIM_OPERATORS_MAX + SIM_MEDDLERS_MAX];
    uint32_t operators_count;
    struct direct *judge;
    struct list sockets;
    uint64_t next_conn;
    struct history history;
    uint64_t cluster[2]; /* the one that clients talk to */
    struct epoch_seen epochs[SIM_EPOCHS_MAX];
    uint32_t epochs_count;
    struct setting settings[SIM_SETTINGS_MAX];
    uint32_t settings_count, settings_told;
    uint64_t settings_clock;
    uint32_t ops_left;
    bool faults_on;
    uint64_t healed_us; /* since when nothing goes wrong; 0: it does */
    bool operating;     /* operators are at work */
    bool late_open;     /* a majority knows that the bucket of late twins keeps siblings */
    bool ending;        /* timers only free what they hold */
    bool failed;
    char failure[400];

    uint64_t trace_hash;
    FILE *trace_file; /* the whole trace, or NULL */
    uint32_t tail_next;
    char tail[SIM_TRACE_TAIL][SIM_LINE_BYTES];
};

void world_init(struct world *w, uint64_t seed, FILE *trace_file);
void world_done(struct world *w);

/* The mean of a world's wall clocks. */
uint64_t world_wall_us(const struct world *w);

void world_at(struct world *w, struct timer *timer, uint64_t at_us);
void world_after(struct world *w, struct timer *timer, uint64_t delay_us);
void world_cancel(struct world *w, struct timer *timer);

/* Runs until `until_us`, or until something failed. */
void world_run(struct world *w, uint64_t until_us);

/* The world ends: everything that would still happen is freed. */
void world_drain(struct world *w);

/* One line of the trace. */
void world_trace(struct world *w, const char *who, unsigned number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The last lines of the trace. */
void world_print_tail(const struct world *w, FILE *to);

/* The run has failed; the first failure counts. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Draws. `world_delay` has a long tail: usually near `mean_us`, now and then ten times that. */
bool world_chance(struct world *w, uint32_t ppm);
uint64_t world_delay(struct world *w, uint64_t min_us, uint64_t mean_us);

#endif

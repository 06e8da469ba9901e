/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: one thread, virtual time, one seed. Nodes run the real shard on a simulated
 * disk and network; clients speak the real protocol; everything that happens is a timer in one
 * heap. The same seed gives the same trace, byte for byte.
 *
 *   world.c   time, chance, the trace, failures
 *   node.c    a process: shard, outputs, crash, restart, pause
 *   disk.c    its disk: latency, order, what a crash keeps, corruption, errors
 *   net.c     links between nodes: delay, loss, duplicates, reordering, cuts
 *   client.c  a client: what it asks, what it remembers
 *   faults.c  what goes wrong, and when
 *   run.c     the phases of a run and its judgement */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdio.h>

#include "base/heap.h"
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
    SIM_TRACE_TAIL = 400, /* lines that a failure shows */
    SIM_LINE_BYTES = 200,
};

struct world;

/* Something that will happen. It stands in what it is about; `run` is called at its time. */
struct timer {
    struct heap_node node;
    void (*run)(struct world *world, struct timer *timer);
};

/* How this world is: drawn from the seed once, before anything happens. */
struct params {
    uint32_t nodes, clients, keys;
    uint32_t ops; /* of all clients, in the safety phase */
    uint64_t net_min_us, net_mean_us;
    uint32_t loss_ppm, duplicate_ppm, reorder_ppm;
    uint64_t disk_min_us, disk_mean_us;
    uint32_t disk_slow_ppm; /* an operation takes a hundred times as long */
    uint32_t crash_ppm, pause_ppm, cut_ppm, corrupt_ppm, full_ppm, eio_ppm,
        clog_ppm;     /* each beat */
    uint64_t skew_us; /* greatest difference of a wall clock */
    uint64_t safety_us;
    uint32_t blind_permille, delete_permille, read_permille, stale_permille;
    uint32_t value_bytes_max;
    bool joins; /* the cluster forms by joining; else it is there from the start */
};

/* What really happened: a run proves nothing about what it did not do. */
struct tally_of_run {
    uint64_t traces[TRACE_KINDS];
    uint64_t crashes, restarts, pauses, cuts, corruptions, full, eio, clogs;
    uint64_t lost, duplicated, reordered;
    uint64_t acknowledged, reads, unknown, refused;
    uint64_t lost_unsynced; /* commits that a crash took away */
    uint64_t events;
};

struct sim_node;
struct sim_client;
struct network;

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
    struct history history;
    uint64_t next_conn;
    uint32_t ops_left;
    bool faults_on;
    bool ending; /* timers only free what they hold */
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

/* The run has failed; the first failure counts. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Draws. `world_delay` has a long tail: usually near `mean_us`, now and then ten times that. */
bool world_chance(struct world *w, uint32_t ppm);
uint64_t world_delay(struct world *w, uint64_t min_us, uint64_t mean_us);

#endif

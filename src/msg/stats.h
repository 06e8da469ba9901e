/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and histograms of one shard, and the facts that the host adds once a second. Counters
 * are made from trace records; a minute's window is kept for the rates and percentiles that Riak's
 * /stats shows. */
#ifndef MSG_STATS_H
#define MSG_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "msg/trace.h"

enum { HISTOGRAM_BUCKETS = 256, STATS_WINDOW_SLOTS = 6, STATS_SLOT_US = 10 * 1000 * 1000 };

/* Log-linear: four buckets for each power of two. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum;
    uint64_t max;
};

enum stats_series {
    SERIES_GET_TIME,     /* us, node_get_fsm_time */
    SERIES_PUT_TIME,     /* us, node_put_fsm_time */
    SERIES_GET_SIBLINGS, /* node_get_fsm_siblings */
    SERIES_GET_SIZE,     /* bytes, node_get_fsm_objsize */
};
enum { STATS_SERIES = 4 };

/* What the host knows. */
struct host_facts {
    uint64_t memory_total, memory_rss;   /* bytes */
    uint64_t cpu_user_us, cpu_system_us; /* of this process */
    uint64_t disk_total, disk_free;      /* bytes, of the data directory's file system */
    uint64_t ballast;                    /* bytes of it that can be freed at once */
    uint64_t fds_open, fds_max;
    uint64_t connections_pb, connections_http; /* open now */
    uint64_t peer_bytes_in, peer_bytes_out, peer_dropped;
    uint64_t store_commits, store_syncs, store_reads, store_misses;
    uint64_t commit_us; /* the slowest commit of the last second, or the age of one under way */
    uint64_t uptime_s;
};

struct stats {
    uint64_t totals[TRACE_KINDS];    /* since start, one for each kind of trace */
    uint64_t errors_get, errors_put; /* what the cluster could not do; not the client's mistakes */
    struct histogram window[STATS_SERIES][STATS_WINDOW_SLOTS]; /* ten seconds each */
    uint64_t window_totals[TRACE_KINDS][STATS_WINDOW_SLOTS];
    uint64_t slot;          /* index of the newest slot, in ten seconds of monotonic time */
    uint64_t requests_now;  /* in flight */
    bool disk_slow;         /* commits take long (shard/pace.h) */
    bool disk_full;         /* no new data is taken (shard/space.h) */
    uint64_t disk_free_min; /* with less free space than that none is */
    struct host_facts host;
};

void histogram_add(struct histogram *h, uint64_t value);

/* Adds all of `from` to `to`. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* The value below which `permille` of 1000 lie, to within a bucket; of all 1000 the greatest; 0
 * when empty. */
uint64_t histogram_permille(const struct histogram *h, uint32_t permille);

uint64_t histogram_mean(const struct histogram *h);

/* Counts a trace record. */
void stats_trace(struct stats *stats, uint64_t mono_us, const struct trace *trace);

/* Adds a value to a series. */
void stats_add(struct stats *stats, uint64_t mono_us, enum stats_series series, uint64_t value);

/* Lets time pass where nothing happens: what is older than a minute leaves the window. */
void stats_time(struct stats *stats, uint64_t mono_us);

/* The last minute of a series, merged; of the time of the last call that took one. */
void stats_window(const struct stats *stats, enum stats_series series, struct histogram *ret_sum);

/* How often a kind of trace came in the last minute. */
uint64_t stats_minute(const struct stats *stats, enum trace_kind kind);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics 1.0. Every kind of trace record is a counter; its help is the record's own text with
 * dots for its numbers. Latencies and sizes are summaries over the last minute. */
#include "base/check.h"
#include "model/document.h"
#include "msg/stats.h"
#include "msg/trace.h"
#include "session/stats.h"

enum { US_PER_S = 1000000 };

static void family(struct buf *buf, const char *name, const char *type, const char *help)
{
    buf_printf(buf, "# TYPE dassie_%s %s\n# HELP dassie_%s ", name, type, name);
    for (const char *at = help; *at != 0; at++) {
        if (*at == '%') {
            at += at[1] == 'x' ? 2 : 1;
            buf_put_str(buf, "...");
            continue;
        }
        if (*at == '\\' || *at == '"')
            buf_put_u8(buf, '\\');
        buf_put_u8(buf, (uint8_t)*at);
    }
    buf_put_u8(buf, '\n');
}

static void value(struct buf *buf, const char *name, const char *suffix, uint64_t number)
{
    buf_printf(buf, "dassie_%s%s ", name, suffix);
    buf_put_dec(buf, number);
    buf_put_u8(buf, '\n');
}

static void put_kinds(struct buf *buf, const struct stats *stats)
{
    char name[64];

    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        const struct trace_info *info = trace_info((enum trace_kind)kind);
        size_t len = 0;
        for (; info->name[len] != 0; len++) {
            char c = info->name[len];
            ASSERT(len < sizeof(name) - 1);
            name[len] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        }
        name[len] = 0;
        family(buf, name, "counter", info->text);
        value(buf, name, "_total", stats->totals[kind]);
    }
}

static void put_number(struct buf *buf, uint64_t number, bool micros)
{
    if (micros)
        buf_printf(buf, "%llu.%06llu", (unsigned long long)(number / US_PER_S),
                   (unsigned long long)(number % US_PER_S));
    else
        buf_put_dec(buf, number);
}

static void put_series(struct buf *buf, const struct stats *stats)
{
    static const struct {
        enum stats_series series;
        bool micros;
        const char *name;
        const char *help;
    } measured[] = {
        {SERIES_GET_TIME, true, "get_seconds", "time of a get at its coordinator, last minute"},
        {SERIES_PUT_TIME, true, "put_seconds", "time of a put at its coordinator, last minute"},
        {SERIES_GET_SIBLINGS, false, "get_siblings", "siblings that a get found, last minute"},
        {SERIES_GET_SIZE, false, "get_bytes", "size of the object of a get, last minute"},
    };
    static const struct {
        const char *quantile;
        uint32_t permille;
    } points[] = {{"0.5", 500}, {"0.95", 950}, {"0.99", 990}, {"1", 1000}};
    struct histogram sum;

    for (size_t i = 0; i < ARRAY_LEN(measured); i++) {
        stats_window(stats, measured[i].series, &sum);
        family(buf, measured[i].name, "summary", measured[i].help);
        for (size_t p = 0; p < ARRAY_LEN(points); p++) {
            buf_printf(buf, "dassie_%s{quantile=\"%s\"} ", measured[i].name, points[p].quantile);
            uint32_t permille = points[p].permille;
            put_number(buf, permille == 1000 ? sum.max : histogram_permille(&sum, permille),
                       measured[i].micros);
            buf_put_u8(buf, '\n');
        }
    }
}

static void put_facts(struct buf *buf, const struct session_env *env)
{
    const struct host_facts *host = &env->stats->host;
    const struct {
        const char *name;
        const char *type; /* a counter's name on the wire ends in _total */
        uint64_t number;
        const char *help;
    } facts[] = {
        {"ready", "gauge", env->ready, "1 when this node serves"},
        {"epoch", "gauge", view_epoch(env->view), "epoch of the cluster document"},
        {"requests", "gauge", env->stats->requests_now, "requests in flight"},
        {"get_errors", "counter", env->stats->errors_get, "gets that failed"},
        {"put_errors", "counter", env->stats->errors_put, "puts that failed"},
        {"uptime_seconds", "gauge", host->uptime_s, "time since the process began"},
        {"memory_bytes", "gauge", host->memory_total, "memory of the machine"},
        {"resident_bytes", "gauge", host->memory_rss, "memory of the process"},
        {"disk_bytes", "gauge", host->disk_total, "size of the file system with the data"},
        {"disk_free_bytes", "gauge", host->disk_free, "free space of that file system"},
        {"disk_free_min_bytes", "gauge", env->stats->disk_free_min,
         "with less free space no new data is taken"},
        {"disk_full", "gauge", env->stats->disk_full,
         "1 while no new data is taken for want of space"},
        {"disk_slow", "gauge", env->stats->disk_slow, "1 while commits take long"},
        {"ballast_bytes", "gauge", host->ballast, "space that can be freed at once"},
        {"fds", "gauge", host->fds_open, "open file descriptors"},
        {"fds_max", "gauge", host->fds_max, "file descriptors that may be open"},
        {"connections_pb", "gauge", host->connections_pb, "open connections, protocol buffers"},
        {"connections_http", "gauge", host->connections_http, "open connections, HTTP"},
        {"peer_in_bytes", "counter", host->peer_bytes_in, "bytes received from other nodes"},
        {"peer_out_bytes", "counter", host->peer_bytes_out, "bytes sent to other nodes"},
        {"peer_dropped", "counter", host->peer_dropped, "messages to other nodes dropped"},
        {"store_commits", "counter", host->store_commits, "batches committed"},
        {"store_syncs", "counter", host->store_syncs, "syncs of the write-ahead log"},
        {"store_reads", "counter", host->store_reads, "rows read"},
        {"store_misses", "counter", host->store_misses, "rows read that were in no cache"},
    };

    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        family(buf, facts[i].name, facts[i].type, facts[i].help);
        value(buf, facts[i].name, facts[i].type[0] == 'c' ? "_total" : "", facts[i].number);
    }
    family(buf, "commit_seconds", "gauge", "the slowest commit of the last second");
    buf_put_str(buf, "dassie_commit_seconds ");
    put_number(buf, host->commit_us, true);
    buf_put_u8(buf, '\n');
    family(buf, "cpu_seconds", "counter", "processor time of the process");
    buf_put_str(buf, "dassie_cpu_seconds_total{mode=\"user\"} ");
    put_number(buf, host->cpu_user_us, true);
    buf_put_str(buf, "\ndassie_cpu_seconds_total{mode=\"system\"} ");
    put_number(buf, host->cpu_system_us, true);
    buf_put_u8(buf, '\n');
}

static void put_members(struct buf *buf, const struct view *view)
{
    uint64_t up = 0;
    uint64_t grey = 0;

    for (uint32_t i = 0; i < view->members_count; i++) {
        up += view->members[i].up;
        grey += view->members[i].grey;
    }
    family(buf, "members", "gauge", "members of the cluster");
    value(buf, "members", "", view->document == NULL ? 0 : view->document->members_count);
    family(buf, "members_up", "gauge", "members that this node reaches, itself among them");
    value(buf, "members_up", "", up);
    family(buf, "members_slow", "gauge", "members that this node finds slow");
    value(buf, "members_slow", "", grey);
}

void stats_metrics_put(struct buf *buf, const struct session_env *env)
{
    ASSERT(env->stats != NULL);
    put_facts(buf, env);
    put_members(buf, env->view);
    put_series(buf, env->stats);
    put_kinds(buf, env->stats);
    buf_put_str(buf, "# EOF\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/stats.h"

#include "base/check.h"
#include "model/document.h"
#include "msg/stats.h"
#include "session/stats_names.h"
#include "wire/json.h"

enum { MINUTE_S = 60, BYTES_PER_KB = 1024 };

/* What is being written: members of one object, each on its own line if wanted. */
struct writer {
    struct json_out json;
    bool lines;
};

/* Begins a member whose name has two parts. */
static void name(struct writer *w, const char *first, const char *second)
{
    struct buf text;

    buf_init(&text, 256);
    if (w->lines && w->json.comma) {
        buf_put_str(w->json.buf, ",\n  ");
        w->json.comma = false;
    }
    buf_put_str(&text, first);
    buf_put_str(&text, second);
    json_name(&w->json, buf_bytes(&text));
    buf_done(&text);
}

static void number(struct writer *w, const char *first, const char *second, uint64_t value)
{
    name(w, first, second);
    json_u64(&w->json, value);
}

static void text(struct writer *w, const char *first, const char *second, struct bytes value)
{
    name(w, first, second);
    json_string(&w->json, value);
}

/* A count over the last minute, and since the start. */
static void pair(struct writer *w, const char *what, uint64_t minute, uint64_t total)
{
    number(w, what, "", minute);
    number(w, what, "_total", total);
}

static void kind_pair(struct writer *w, const char *what, const struct stats *stats,
                      enum trace_kind kind)
{
    pair(w, what, stats_minute(stats, kind), stats->totals[kind]);
}

static void series(struct writer *w, const char *what, const struct histogram *h)
{
    number(w, what, "_mean", histogram_mean(h));
    number(w, what, "_median", histogram_permille(h, 500));
    number(w, what, "_95", histogram_permille(h, 950));
    number(w, what, "_99", histogram_permille(h, 990));
    number(w, what, "_100", h->max);
}

static void put_operations(struct writer *w, const struct stats *stats)
{
    static const struct {
        const char *name;
        enum stats_series series;
    } measured[] = {
        {"node_get_fsm_time", SERIES_GET_TIME},
        {"node_put_fsm_time", SERIES_PUT_TIME},
        {"node_get_fsm_siblings", SERIES_GET_SIBLINGS},
        {"node_get_fsm_objsize", SERIES_GET_SIZE},
    };
    uint64_t gets = stats_minute(stats, TRACE_GET_DONE);
    uint64_t puts = stats_minute(stats, TRACE_PUT_DONE);
    uint64_t refused = stats_minute(stats, TRACE_OVERLOAD);
    struct histogram sum;

    kind_pair(w, "node_gets", stats, TRACE_GET_DONE);
    kind_pair(w, "node_puts", stats, TRACE_PUT_DONE);
    kind_pair(w, "read_repairs", stats, TRACE_READ_REPAIR);
    kind_pair(w, "list_fsm_create", stats, TRACE_LIST_DONE);
    kind_pair(w, "rings_reconciled", stats, TRACE_EPOCH);
    number(w, "coord_redirs_total", "", stats->totals[TRACE_FORWARD]);
    for (size_t i = 0; i < ARRAY_LEN(measured); i++) {
        stats_window(stats, measured[i].series, &sum);
        series(w, measured[i].name, &sum);
    }
    number(w, "node_get_fsm_active_60s", "", gets);
    number(w, "node_put_fsm_active_60s", "", puts);
    number(w, "node_get_fsm_in_rate", "", gets / MINUTE_S);
    number(w, "node_get_fsm_out_rate", "", gets / MINUTE_S);
    number(w, "node_put_fsm_in_rate", "", puts / MINUTE_S);
    number(w, "node_put_fsm_out_rate", "", puts / MINUTE_S);
    kind_pair(w, "node_get_fsm_rejected", stats, TRACE_OVERLOAD);
    kind_pair(w, "node_put_fsm_rejected", stats, TRACE_OVERLOAD);
    number(w, "node_get_fsm_rejected_60s", "", refused);
    number(w, "node_put_fsm_rejected_60s", "", refused);
    pair(w, "node_get_fsm_errors", 0, stats->errors_get);
    pair(w, "node_put_fsm_errors", 0, stats->errors_put);
    pair(w, "vnode_gets", 0, stats->host.store_reads);
    pair(w, "vnode_puts", 0, stats->host.store_commits);
}

static void put_host(struct writer *w, const struct host_facts *host)
{
    number(w, "mem_total", "", host->memory_total);
    number(w, "mem_allocated", "", host->memory_rss);
    number(w, "memory_total", "", host->memory_rss);
    number(w, "pbc_active", "", host->connections_pb);
    number(w, "sys_wordsize", "", sizeof(void *));
    name(w, "sys_smp_support", "");
    json_bool(&w->json, true);
    name(w, "sys_threads_enabled", "");
    json_bool(&w->json, true);
    text(w, "sys_otp_release", "", BYTES_LIT("none"));
    text(w, "sys_system_version", "", BYTES_LIT("dassie"));
    text(w, "sys_driver_version", "", BYTES_LIT("none"));
    text(w, "sys_heap_type", "", BYTES_LIT("none"));
    text(w, "sys_system_architecture", "", BYTES_LIT("none"));
    text(w, "storage_backend", "", BYTES_LIT("rocksdb"));
    name(w, "disk", "");
    json_open(&w->json, '[');
    json_open(&w->json, '{');
    json_put_string(&w->json, "id", BYTES_LIT("data"));
    json_put_u64(&w->json, "size", host->disk_total / BYTES_PER_KB);
    uint64_t used = host->disk_total - host->disk_free;
    json_put_u64(&w->json, "used", host->disk_total == 0 ? 0 : used * 100 / host->disk_total);
    json_close(&w->json, '}');
    json_close(&w->json, ']');
}

/* How many replicas of partitions are placed at a member. */
static uint32_t replicas_of(const struct document *document, uint32_t index)
{
    uint32_t count = 0;

    for (size_t i = 0; i < (size_t)document->partitions * document->n_max; i++)
        count += document->place[i] == index;
    return count;
}

static void put_cluster(struct writer *w, const struct view *view)
{
    const struct document *document = view->document;
    uint32_t members = document == NULL ? 0 : document->members_count;
    bool member = document != NULL && view->self_index < members;

    number(w, "ring_num_partitions", "", document == NULL ? 0 : document->partitions);
    number(w, "ring_creation_size", "", document == NULL ? 0 : document->partitions);
    number(w, "riak_kv_vnodes_running", "", member ? replicas_of(document, view->self_index) : 0);
    text(w, "nodename", "", member ? document->members[view->self_index].name : BYTES_NONE);
    name(w, "ring_members", "");
    json_open(&w->json, '[');
    for (uint32_t i = 0; i < members; i++)
        json_string(&w->json, document->members[i].name);
    json_close(&w->json, ']');
    name(w, "connected_nodes", "");
    json_open(&w->json, '[');
    for (uint32_t i = 0; i < members && i < view->members_count; i++) {
        if (i != view->self_index && view->members[i].up)
            json_string(&w->json, document->members[i].name);
    }
    json_close(&w->json, ']');
    /* Riak prints the term [{Node,Count}]. */
    struct buf owners;
    buf_init(&owners, 1024 * 1024);
    for (uint32_t i = 0; i < members; i++) {
        buf_put_str(&owners, i == 0 ? "[{'" : ",{'");
        buf_put(&owners, document->members[i].name);
        buf_printf(&owners, "',%u}", replicas_of(document, i));
    }
    buf_put_str(&owners, members == 0 ? "[]" : "]");
    text(w, "ring_ownership", "", buf_bytes(&owners));
    buf_done(&owners);
}

static void put_unmeasured(struct writer *w)
{
    struct stats_names names = stats_zeros();
    const struct histogram none = {.count = 0};

    for (size_t i = 0; i < names.count; i++)
        number(w, names.names[i], "", 0);
    names = stats_pairs();
    for (size_t i = 0; i < names.count; i++)
        pair(w, names.names[i], 0, 0);
    names = stats_series();
    for (size_t i = 0; i < names.count; i++)
        series(w, names.names[i], &none);
    names = stats_pools();
    for (size_t i = 0; i < names.count; i++) {
        number(w, names.names[i], "_queuetime_mean", 0);
        number(w, names.names[i], "_queuetime_100", 0);
        number(w, names.names[i], "_worktime_mean", 0);
        number(w, names.names[i], "_worktime_100", 0);
        number(w, names.names[i], "_total", 0);
    }
    names = stats_riak_parts();
    for (size_t i = 0; i < names.count; i++)
        text(w, names.names[i], "_version", SESSION_RIAK_VERSION);
    names = stats_erlang_parts();
    for (size_t i = 0; i < names.count; i++)
        text(w, names.names[i], "_version", BYTES_LIT("none"));
}

void stats_json_put(struct buf *buf, const struct session_env *env, bool lines)
{
    struct writer w = {.json = json_out_of(buf), .lines = lines};

    ASSERT(env->stats != NULL);
    json_open(&w.json, '{');
    if (lines)
        buf_put_str(buf, "\n  ");
    put_operations(&w, env->stats);
    put_host(&w, &env->stats->host);
    put_cluster(&w, env->view);
    put_unmeasured(&w);
    if (lines)
        buf_put_str(buf, "\n");
    json_close(&w.json, '}');
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/run.h"

#include "base/check.h"
#include "base/mem.h"
#include "history/checker.h"
#include "sim/client.h"
#include "sim/compare.h"
#include "sim/faults.h"
#include "sim/form.h"
#include "sim/net.h"
#include "sim/node.h"

enum {
    FORM_US = 3000000,
    REST_US = 120000000, /* of virtual time, for everything to come to rest */
    REST_STEP_US = 100000,
    FINAL_TRIES = 60,
    SETTLE_US = 3000000,
};

/* Whether nothing is under way any more and all can hear each other. */
static bool at_rest(struct world *w)
{
    for (unsigned i = 0; i < w->params.clients; i++) {
        if (client_busy(w->clients[i]))
            return false;
    }
    for (unsigned i = 0; i < w->params.nodes; i++) {
        const struct sim_node *node = w->nodes[i];
        if (!node_up(node) || !shard_ready(node->shard) ||
            shard_stats(node->shard)->requests_now > 0 || node->disk.pending > 0)
            return false;
        const struct view *view = shard_view(node->shard);
        for (unsigned j = 0; j < view->members_count; j++) {
            if (!view->members[j].up)
                return false;
        }
    }
    return true;
}

static void come_to_rest(struct world *w)
{
    uint64_t until = w->now_us + REST_US;

    w->ops_left = 0;
    while (!w->failed && !at_rest(w)) {
        if (w->now_us >= until) {
            world_fail(w, "the healed cluster does not come to rest");
            return;
        }
        world_run(w, w->now_us + REST_STEP_US);
    }
}

/* A read of all replicas through a node, tried until it is answered. */
static void read_all(struct world *w, unsigned node, uint32_t key, struct final_read *ret_read)
{
    for (unsigned try = 0; try < FINAL_TRIES && !w->failed; try++) {
        client_final_read(w, w->clients[0], node, key, ret_read);
        if (ret_read->answered)
            return;
        world_run(w, w->now_us + SETTLE_US / 10);
    }
    world_fail(w, "key %u cannot be read from all its replicas", key);
}

/* A key is read through every node, for each reads the whole object from its own disk and digests
 * from the others: so every row is looked at. All must tell the same. */
static void judge_key(struct world *w, uint32_t key)
{
    struct final_read first, next;
    struct verdict verdict;

    read_all(w, 0, key, &first);
    if (w->failed)
        return;
    if (key < client_sibling_keys(w))
        verdict = check_final(&w->history, key, first.ids, first.count);
    else
        verdict = check_final_single(&w->history, key, first.ids, first.count);
    if (verdict.kind != FAULT_NONE) {
        world_fail(w, "key %u: %s: write %u, by %u", key, fault_name(verdict.kind), verdict.write,
                   verdict.by);
        return;
    }
    for (unsigned node = 1; node < w->params.nodes && !w->failed; node++) {
        read_all(w, node, key, &next);
        if (!w->failed && (first.count != next.count ||
                           memcmp(first.ids, next.ids, first.count * sizeof(first.ids[0])) != 0))
            world_fail(w, "key %u: read through nodes 0 and %u it differs", key, node);
    }
}

static void judge(struct world *w)
{
    const struct view *view = shard_view(w->nodes[0]->shard);

    for (unsigned i = 1; i < w->params.nodes && !w->failed; i++) {
        const struct view *other = shard_view(w->nodes[i]->shard);
        if (view_epoch(view) != view_epoch(other) || view->document->hash != other->document->hash)
            world_fail(w, "nodes 0 and %u are at different epochs", i);
    }
    for (uint32_t key = 0; key < w->params.keys && !w->failed; key++)
        judge_key(w, key);
    if (w->failed)
        return;
    world_run(w, w->now_us + SETTLE_US);
    come_to_rest(w);
    if (!w->failed)
        compare_replicas(w);
}

static void restart_all(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_crash(w, w->nodes[i]);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_start(w, w->nodes[i]);
    world_run(w, w->now_us + FORM_US);
    come_to_rest(w);
}

static void safety(struct world *w)
{
    struct faults *faults = faults_new(w);
    uint64_t until = w->now_us + w->params.safety_us;

    w->ops_left = w->params.ops;
    for (unsigned i = 0; i < w->params.clients; i++)
        w->clients[i] = client_new(w, i);
    while (!w->failed && w->ops_left > 0 && w->now_us < until)
        world_run(w, w->now_us + REST_STEP_US);
    faults_end(w);
    faults_free(w, faults);
}

static void play(struct world *w)
{
    faults_draw(w);
    w->network = net_new(w);
    form_cluster(w);
    world_run(w, FORM_US);
    safety(w);
    come_to_rest(w);
    if (!w->failed)
        judge(w);
    if (!w->failed)
        restart_all(w);
    if (!w->failed)
        judge(w);
}

static void print_tail(const struct world *w, FILE *to)
{
    uint32_t count = w->tail_next < SIM_TRACE_TAIL ? w->tail_next : SIM_TRACE_TAIL;

    for (uint32_t i = 0; i < count; i++)
        fprintf(to, "%s\n", w->tail[(w->tail_next - count + i) % SIM_TRACE_TAIL]);
}

void run_seed(uint64_t seed, FILE *trace, FILE *tail, struct run_result *ret_result)
{
    struct world *w = mem_new(sizeof(*w));

    world_init(w, seed, trace);
    play(w);
    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->failed = w->failed;
    memcpy(ret_result->failure, w->failure, sizeof(w->failure));
    ret_result->trace_hash = w->trace_hash;
    ret_result->virtual_us = w->now_us;
    ret_result->tally = w->tally;
    if (w->failed && tail != NULL)
        print_tail(w, tail);
    world_drain(w);
    for (unsigned i = 0; i < w->params.clients; i++)
        client_free(w, w->clients[i]);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_free(w, w->nodes[i]);
    net_free(w->network);
    world_done(w);
    mem_free(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/run.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/client.h"
#include "sim/direct.h"
#include "sim/draw.h"
#include "sim/faults.h"
#include "sim/form.h"
#include "sim/judge.h"
#include "sim/lives.h"
#include "sim/meet.h"
#include "sim/net.h"
#include "sim/node.h"
#include "sim/operator.h"
#include "sim/rest.h"
#include "sim/socket.h"

enum {
    MEET_US = 3000000,
    STEP_US = 100000,
    FORM_TROUBLE_US = 40000000, /* how long a cluster that forms is disturbed */
    FORM_PEACE_US = 240000000,  /* and how long it may take after that */
};

static void restart_all(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_crash(w, w->nodes[i]);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_start(w, w->nodes[i]);
    world_run(w, w->now_us + MEET_US);
    rest_reach(w);
}

/* Runs until the cluster has formed, or that time has passed. */
static void run_until_formed(struct world *w, uint64_t most_us)
{
    uint64_t until = w->now_us + most_us;

    while (!w->failed && !operator_done(w) && w->now_us < until)
        world_run(w, w->now_us + STEP_US);
}

/* The nodes join while things go wrong; once that has ended it must come to its end. */
static void join(struct world *w)
{
    struct params before = w->params;
    struct faults *faults = faults_new(w);

    run_until_formed(w, FORM_TROUBLE_US);
    faults_end(w);
    faults_free(w, faults);
    run_until_formed(w, FORM_PEACE_US);
    if (!operator_done(w))
        world_fail(w, "the nodes do not come to be one cluster");
    w->params = before;
}

static void form(struct world *w)
{
    if (!w->params.joins) {
        form_given(w);
        world_run(w, w->now_us + MEET_US);
        return;
    }
    form_alone(w);
    w->operating = true;
    for (unsigned i = 0; i < w->params.operators; i++)
        operator_add(w, 0);
    if (!w->params.early)
        join(w);
}

static void trouble(struct world *w)
{
    struct faults *faults = faults_new(w);
    uint64_t until = w->now_us + w->params.safety_us;

    w->ops_left = w->params.ops;
    for (unsigned i = 0; i < w->params.clients; i++)
        w->clients[i] = client_new(w, i);
    w->operating = w->operating || w->params.meddlers > 0;
    for (unsigned i = 0; i < w->params.meddlers; i++)
        operator_add(w, w->params.meddle_us);
    while (!w->failed && w->ops_left > 0 && w->now_us < until)
        world_run(w, w->now_us + STEP_US);
    faults_end(w);
    faults_free(w, faults);
    meet_switch(w, false);
}

static void count_silent(struct world *w)
{
    const struct document *d = shard_view(w->nodes[0]->shard)->document;

    for (uint32_t i = 0; i < d->members_count; i++)
        w->tally.silent += member_serves(&d->members[i]) && !d->members[i].votes;
}

static void play(struct world *w)
{
    w->network = net_new(w);
    w->judge = direct_new(w);
    form(w);
    if (!w->failed)
        trouble(w);
    if (!w->failed)
        rest_reach(w);
    if (!w->failed)
        count_silent(w);
    if (!w->failed)
        lives_wait(w);
    if (!w->failed)
        meet_judge(w);
    if (!w->failed)
        judge(w);
    if (!w->failed)
        restart_all(w);
    if (!w->failed)
        judge(w);
}

void run_end(struct world *w)
{
    world_drain(w);
    for (unsigned i = 0; i < w->params.clients; i++)
        client_free(w, w->clients[i]);
    for (unsigned i = 0; i < w->operators_count; i++)
        operator_free(w, w->operators[i]);
    direct_free(w, w->judge);
    sockets_free(w);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_free(w, w->nodes[i]);
    net_free(w->network);
    world_done(w);
}

void run_seed(uint64_t seed, FILE *trace, FILE *tail, struct run_result *ret_result)
{
    struct world *w = mem_new(sizeof(*w));

    world_init(w, seed, trace);
    draw_world(w);
    play(w);
    memset(ret_result, 0, sizeof(*ret_result));
    ret_result->failed = w->failed;
    memcpy(ret_result->failure, w->failure, sizeof(w->failure));
    ret_result->trace_hash = w->trace_hash;
    ret_result->virtual_us = w->now_us;
    ret_result->tally = w->tally;
    if (w->failed && tail != NULL)
        world_print_tail(w, tail);
    run_end(w);
    mem_free(w);
}

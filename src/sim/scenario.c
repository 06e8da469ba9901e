/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scenario.h"

#include "base/check.h"
#include "base/mem.h"
#include "sim/compare.h"
#include "sim/direct.h"
#include "sim/draw.h"
#include "sim/form.h"
#include "sim/net.h"
#include "sim/rest.h"
#include "sim/run.h"

enum { SEED = 1, MS = 1000, BODY_BYTES_MAX = 100, KNOWN_MS = 20000, STEP_MS = 10 };

#define READ_ALL UINT32_C(0xfffffffc)

struct world *scenario_new(uint32_t nodes)
{
    return scenario_new_late(nodes, 0);
}

struct world *scenario_new_late(uint32_t nodes, uint32_t late)
{
    struct world *w = mem_new(sizeof(*w));

    world_init(w, SEED, NULL);
    draw_nothing(w);
    w->params.nodes = nodes;
    w->params.late = late;
    w->params.belated_ppm = 1000000;
    w->network = net_new(w);
    w->judge = direct_new(w);
    form_given(w);
    rest_reach(w);
    w->faults_on = true;
    return w;
}

void scenario_free(struct world *w)
{
    run_end(w);
    mem_free(w);
}

void scenario_run_ms(struct world *w, uint32_t ms)
{
    world_run(w, w->now_us + (uint64_t)ms * MS);
}

static bool all_know(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (!node_up(w->nodes[i]) || node_gone(w, w->nodes[i]))
            continue;
        const struct view *view = shard_view(w->nodes[i]->shard);
        if (view->document == NULL)
            return false;
        for (unsigned j = 0; j < view->members_count; j++) {
            struct sim_node *other = node_by_id(w, view->members[j].id);
            bool up = other != NULL && node_up(other) && !node_gone(w, other);
            if (view->members[j].up != up)
                return false;
        }
    }
    return true;
}

static bool wait_known(struct world *w)
{
    for (uint32_t ms = 0; ms < KNOWN_MS && !all_know(w); ms += STEP_MS)
        scenario_run_ms(w, STEP_MS);
    return all_know(w);
}

bool scenario_kill(struct world *w, const unsigned *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        node_crash(w, w->nodes[nodes[i]]);
    return wait_known(w);
}

bool scenario_revive(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (!node_up(w->nodes[i]))
            node_start(w, w->nodes[i]);
    }
    return wait_known(w);
}

void scenario_wipe(struct world *w, unsigned node)
{
    node_crash(w, w->nodes[node]);
    disk_wipe(&w->nodes[node]->disk);
}

static bool count_row(void *counter, struct bytes key, struct bytes value)
{
    uint32_t *count = counter;

    (void)key;
    (void)value;
    ++*count;
    return true;
}

uint32_t scenario_hints(struct world *w)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < w->params.nodes; i++)
        disk_each(&w->nodes[i]->disk, FAMILY_HINT, count_row, &count);
    return count;
}

/* Which nodes have a replica, first to last, as a node that is up knows it; a bit for each in
 * `ret_all`. */
static uint32_t replicas_of(struct world *w, struct bytes bucket, struct bytes key,
                            unsigned ret_nodes[RING_REPLICAS_MAX], uint32_t *ret_all)
{
    uint16_t members[RING_REPLICAS_MAX];
    unsigned asked = 0;

    while (!node_serves(w, w->nodes[asked]))
        asked++;
    const struct view *view = shard_view(w->nodes[asked]->shard);
    uint32_t slot = ring_slot(&view->ring, TYPE_DEFAULT, bucket, key);
    uint32_t n = ring_replicas(&view->ring, ring_partition(&view->ring, slot), SIM_N_VAL, members);
    *ret_all = 0;
    for (uint32_t i = 0; i < n; i++) {
        ret_nodes[i] = node_by_id(w, view->members[members[i]].id)->index;
        *ret_all |= 1u << ret_nodes[i];
    }
    return n;
}

uint32_t scenario_partition(struct world *w, unsigned node, struct bytes bucket, struct bytes key)
{
    const struct ring *ring = &shard_view(w->nodes[node]->shard)->ring;

    return ring_partition(ring, ring_slot(ring, TYPE_DEFAULT, bucket, key));
}

unsigned scenario_replica(struct world *w, struct bytes bucket, struct bytes key, uint32_t place)
{
    unsigned nodes[RING_REPLICAS_MAX];
    uint32_t all;

    uint32_t n = replicas_of(w, bucket, key, nodes, &all);
    ASSERT(place < n);
    return nodes[place];
}

unsigned scenario_stranger(struct world *w, struct bytes bucket, struct bytes key, uint32_t nth)
{
    unsigned nodes[RING_REPLICAS_MAX], node = 0;
    uint32_t all;

    (void)replicas_of(w, bucket, key, nodes, &all);
    while ((all >> node & 1) != 0 || nth-- > 0)
        node++;
    ASSERT(node < w->params.nodes);
    return node;
}

void scenario_deafen(struct world *w, unsigned node, bool deaf)
{
    w->params.deaf_us = DEAF_PERIOD_US;
    w->params.deaf &= ~(1u << node);
    w->params.deaf |= (uint32_t)deaf << node;
}

const struct answer *scenario_ask(struct world *w, unsigned node, const struct question *question)
{
    return direct_ask(w, w->judge, node, CONN_PB, question);
}

bool scenario_put(struct world *w, unsigned node, struct bytes bucket, struct bytes key,
                  const char *value)
{
    const struct question question = {
        .ask = ASK_PUT, .bucket = bucket, .key = key, .value = bytes_str(value)};
    const struct answer *answer = scenario_ask(w, node, &question);

    return answer != NULL && !answer->failed;
}

uint32_t scenario_read_all(struct world *w, unsigned node, struct bytes bucket, struct bytes key)
{
    const struct question question = {.ask = ASK_GET, .bucket = bucket, .key = key, .r = READ_ALL};
    const struct answer *answer = scenario_ask(w, node, &question);

    return answer == NULL || answer->failed ? 0 : answer->count;
}

bool scenario_admin(struct world *w, unsigned node, const char *path, const char *body)
{
    const struct question question = {.ask = ASK_ADMIN, .path = path, .value = bytes_str(body)};
    const struct answer *answer = direct_ask(w, w->judge, node, CONN_HTTP, &question);

    return answer != NULL && !answer->failed;
}

bool scenario_set_weight(struct world *w, unsigned node, unsigned of, unsigned weight)
{
    char body[BODY_BYTES_MAX];

    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"weight\":\"%u\"}", w->nodes[of]->name, weight);
    return scenario_admin(w, node, "cluster/set-weight", body);
}

bool scenario_commit(struct world *w, unsigned node)
{
    return scenario_admin(w, node, "cluster/plan", "{}") &&
           scenario_admin(w, node, "cluster/commit", "{}");
}

bool scenario_ends_well(struct world *w)
{
    w->faults_on = false;
    net_heal(w);
    rest_reach(w);
    if (!w->failed)
        compare_replicas(w);
    if (w->failed)
        world_print_tail(w, stderr);
    return !w->failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/rest.h"

#include "model/moves.h"
#include "sim/client.h"
#include "sim/net.h"
#include "sim/node.h"
#include "sim/operator.h"
#include "sim/socket.h"

enum { REST_US = 120000000, STEP_US = 100000, DECIDED_US = 4000000 };

/* Whether members have different documents; one that differs. */
static bool any_behind(struct world *w, unsigned *ret_number)
{
    uint64_t epoch = 0;

    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (!node_serves(w, w->nodes[i]))
            continue;
        uint64_t own = view_epoch(shard_view(w->nodes[i]->shard));
        *ret_number = i;
        if (epoch != 0 && own != epoch)
            return true;
        epoch = own;
    }
    return false;
}

/* What keeps the world from rest, or NULL. */
static const char *what_is_busy(struct world *w, unsigned *ret_number)
{
    for (unsigned i = 0; i < w->params.clients; i++) {
        *ret_number = i;
        if (w->clients[i] != NULL && client_busy(w->clients[i]))
            return "a client still waits";
    }
    if (!sockets_quiet(w) || !net_quiet(w))
        return "something is on its way to a node";
    for (unsigned i = 0; i < w->operators_count; i++) {
        *ret_number = i;
        if (operator_busy(w->operators[i]))
            return "an operator still waits";
    }
    if (any_behind(w, ret_number))
        return "a node is behind";
    for (unsigned i = 0; i < w->params.nodes; i++) {
        const struct sim_node *node = w->nodes[i];
        *ret_number = i;
        if (node_gone(w, node))
            continue;
        if (!node_up(node) || !shard_ready(node->shard))
            return "a node does not serve";
        if (shard_stats(node->shard)->requests_now > 0)
            return "a request is under way at a node";
        if (shard_stats(node->shard)->disk_full)
            return "a node takes no new data";
        if (node->disk.pending > 0)
            return "a disk is busy";
        if (shard_keeps_hints(node->shard))
            return "a node keeps objects for another one";
        const struct view *view = shard_view(node->shard);
        if (view->document->preparing != 0)
            return "a plan is being prepared";
        if (moves_count(view->document) > 0)
            return "replicas are not where they shall be";
        if (shard_moves(node->shard))
            return "a node has data to move or to delete";
        for (unsigned j = 0; j < view->members_count; j++) {
            if (!view->members[j].up)
                return "a node holds another one for dead";
        }
    }
    return NULL;
}

/* A change of the document whose asker has given up may still be decided: nodes that find such a
 * value wait a little before they bring it to its end. */
static uint64_t quiet_us(const struct world *w)
{
    return w->params.props_ppm > 0 || w->params.joins || w->params.meddlers > 0 ? DECIDED_US : 0;
}

void rest_reach(struct world *w)
{
    uint64_t until = w->now_us + REST_US;
    uint64_t since = w->now_us;
    uint32_t epochs = w->epochs_count;
    unsigned number = 0;

    w->ops_left = 0;
    w->operating = false;
    while (!w->failed) {
        const char *busy = what_is_busy(w, &number);
        if (busy != NULL && w->now_us >= until) {
            world_fail(w, "the healed cluster does not come to rest: %s (%u)", busy, number);
            return;
        }
        if (busy != NULL || epochs != w->epochs_count)
            since = w->now_us;
        epochs = w->epochs_count;
        if (w->now_us - since >= quiet_us(w) && busy == NULL)
            return;
        world_run(w, w->now_us + STEP_US);
    }
}

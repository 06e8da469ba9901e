/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/node.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "sim/epochs.h"
#include "sim/net.h"
#include "sim/socket.h"

enum { RESTART_US = 2000000, SECOND_US = 1000000 };

bool node_up(const struct sim_node *node)
{
    return node->shard != NULL;
}

bool node_paused(const struct world *w, const struct sim_node *node)
{
    return node_up(node) && w->now_us < node->paused_until_us;
}

uint64_t node_awake_us(const struct world *w, const struct sim_node *node)
{
    uint64_t look_us = (w->now_us / SECOND_US + 1) * SECOND_US;

    ASSERT(node_paused(w, node));
    return look_us < node->paused_until_us ? look_us : node->paused_until_us;
}

/* The document of the cluster that clients talk to, as the node has it, or NULL. */
static const struct document *document_of(const struct world *w, const struct sim_node *node)
{
    const struct document *d = node_up(node) ? shard_view(node->shard)->document : NULL;
    bool same = d != NULL && d->cluster[0] == w->cluster[0] && d->cluster[1] == w->cluster[1];

    return same ? d : NULL;
}

static bool names(const struct document *document, uint64_t id)
{
    int at = document_member(document, id);

    return at >= 0 && member_serves(&document->members[at]);
}

bool node_gone(const struct world *w, const struct sim_node *node)
{
    const struct document *newest = NULL;

    for (unsigned i = 0; i < w->params.nodes && node->joined; i++) {
        const struct document *d = document_of(w, w->nodes[i]);
        if (d != NULL && (newest == NULL || d->epoch > newest->epoch))
            newest = d;
    }
    return newest != NULL && !names(newest, node->id);
}

bool node_serves(const struct world *w, const struct sim_node *node)
{
    return !node->stopping && document_of(w, node) != NULL && !node_gone(w, node);
}

struct sim_node *node_by_id(struct world *w, uint64_t id)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (w->nodes[i] != NULL && w->nodes[i]->id == id)
            return w->nodes[i];
    }
    return NULL;
}

struct sim_node *node_by_address(struct world *w, struct bytes address)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (bytes_eq(bytes_str(w->nodes[i]->address), address))
            return w->nodes[i];
    }
    return NULL;
}

static void wake(struct world *w, struct timer *timer)
{
    struct sim_node *node = CONTAINER_OF(timer, struct sim_node, wake);
    struct event ev = {.kind = EV_TIME};

    if (w->ending || !node_up(node))
        return;
    if (node_paused(w, node)) {
        world_at(w, timer, node_awake_us(w, node));
        return;
    }
    node_step(w, node, &ev);
}

static void tell_facts(struct world *w, struct sim_node *node)
{
    struct event ev = {.kind = EV_HOST};

    ev.u.host.disk_total = DISK_BYTES;
    ev.u.host.disk_free = node->disk.free_bytes;
    if (node->disk.commit_free_us > w->now_us)
        ev.u.host.commit_us = node->disk.commit_free_us - w->now_us;
    node->knows_full = node->disk.free_bytes < w->config.free_min;
    node_step(w, node, &ev);
}

static void second(struct world *w, struct timer *timer)
{
    struct sim_node *node = CONTAINER_OF(timer, struct sim_node, second);

    if (w->ending || !node_up(node))
        return;
    if (node_paused(w, node)) {
        world_at(w, timer, node_awake_us(w, node));
        return;
    }
    world_after(w, timer, SECOND_US);
    tell_facts(w, node);
}

static void restart(struct world *w, struct timer *timer)
{
    if (!w->ending)
        node_start(w, CONTAINER_OF(timer, struct sim_node, restart));
}

static void die(struct world *w, struct timer *timer)
{
    struct sim_node *node = CONTAINER_OF(timer, struct sim_node, death);

    if (w->ending || !w->faults_on || !node_up(node))
        return;
    node_crash(w, node);
    world_after(w, &node->restart,
                random_range(&w->random, 100, world_chance(w, 500000) ? 20000 : 300000));
}

struct sim_node *node_new(struct world *w, unsigned index)
{
    struct sim_node *node = mem_new(sizeof(*node));

    node->index = index;
    node->wake.run = wake;
    node->second.run = second;
    node->restart.run = restart;
    node->death.run = die;
    snprintf(node->name, sizeof(node->name), "n%u", index);
    snprintf(node->address, sizeof(node->address), "10.0.0.%u:1", index + 1);
    if (w->params.skew_us > 0)
        node->skew_us =
            (int64_t)random_below(&w->random, 2 * w->params.skew_us) - (int64_t)w->params.skew_us;
    disk_init(&node->disk);
    outbox_init(&node->out);
    return node;
}

void node_free(struct world *w, struct sim_node *node)
{
    if (node == NULL)
        return;
    world_cancel(w, &node->wake);
    world_cancel(w, &node->second);
    world_cancel(w, &node->restart);
    world_cancel(w, &node->death);
    outbox_done(&node->out);
    shard_free(node->shard);
    disk_done(&node->disk);
    mem_free(node);
}

static void keep_peer(struct world *w, struct sim_node *node, uint64_t id, struct bytes address)
{
    struct sim_node *peer = node_by_address(w, address);
    struct peer_entry *entry = NULL;

    for (unsigned i = 0; i < SIM_PEERS_MAX; i++) {
        if (node->peers[i].used && node->peers[i].node == id)
            entry = &node->peers[i];
        else if (!node->peers[i].used && entry == NULL)
            entry = &node->peers[i];
    }
    ASSERT(entry != NULL);
    entry->used = address.len > 0 && peer != NULL && peer != node;
    entry->node = id;
    entry->index = peer == NULL ? 0 : peer->index;
}

static void halt(struct world *w, struct sim_node *node, enum err err)
{
    node->halted = err;
    world_trace(w, "node", node->index, "halted: %s", err_name(err));
    if (err == ERR_CORRUPT || err == ERR_VERSION)
        world_fail(w, "node %u refuses its own disk: %s", node->index, err_name(err));
    node_crash(w, node);
    world_after(w, &node->restart, RESTART_US);
}

/* A number of a trace: a node's id is shown as the node. */
static void put_number(struct world *w, struct buf *buf, uint64_t number)
{
    const struct sim_node *node = number == 0 ? NULL : node_by_id(w, number);

    if (node != NULL)
        buf_put_str(buf, node->name);
    else if (number >> 40 == 0)
        buf_put_dec(buf, number);
    else
        buf_printf(buf, "%llx", (unsigned long long)number);
}

static void note_trace(struct world *w, struct sim_node *node, const struct trace *trace)
{
    const struct trace_info *info = trace_info(trace->kind);
    struct buf text;

    w->tally.traces[trace->kind]++;
    buf_init(&text, SIM_LINE_BYTES);
    for (const char *at = info->text; *at != 0; at++) {
        if (*at != '%') {
            buf_put_u8(&text, (uint8_t)*at);
            continue;
        }
        at += at[1] == 'x' ? 2 : 1;
        put_number(w, &text, trace->numbers[*at - '0']);
    }
    world_trace(w, "node", node->index, "%.*s", (int)text.len, (const char *)text.data);
    buf_done(&text);
    if (trace->kind == TRACE_CLUSTER_FORK)
        world_fail(w, "node %u found an epoch that exists twice", node->index);
}

/* Executes one output; false when the process is gone. */
static bool execute(struct world *w, struct sim_node *node, struct output *output)
{
    switch (output->kind) {
    case OUT_SEND: net_send(w, node, output->u.send.to, &output->u.send.msg); break;
    case OUT_STORE: disk_submit(w, node, &output->u.store); break;
    case OUT_BYTES: socket_from_node(w, output->u.bytes.conn, output->u.bytes.blob); break;
    case OUT_CLOSE: socket_end(w, output->u.conn); break;
    case OUT_PEER: keep_peer(w, node, output->u.peer.node, output->u.peer.address); break;
    case OUT_DIAL: net_dial(w, node, output->u.peer.address); break;
    case OUT_UNLINK: {
        struct sim_node *peer = node_by_id(w, output->u.peer.node);
        if (peer != NULL && peer != node)
            net_break(w, node->index, peer->index);
        break;
    }
    case OUT_TRACE: note_trace(w, node, &output->u.trace); break;
    case OUT_HALT: halt(w, node, output->u.halt); return false;
    case OUT_SETTING:
    case OUT_NONE: break;
    case OUT_REPLY:
    case OUT_REQUEST:
    case OUT_MORE:
    case OUT_GONE:
    case OUT_VNODE: world_fail(w, "node %u let an inner output out", node->index); break;
    }
    return true;
}

void node_step(struct world *w, struct sim_node *node, struct event *ev)
{
    struct peer_hello hello;

    ASSERT(node_up(node));
    ASSERT(!node->stepping);
    ASSERT(!node_paused(w, node));
    ev->mono_us = w->now_us + 1;
    ev->wall_us = (uint64_t)((int64_t)world_wall_us(w) + node->skew_us);
    node->stepping = true;
    outbox_reset(&node->out);
    shard_step(node->shard, ev, &node->out);
    shard_hello(node->shard, &hello);
    node->joined = node->joined && node->id == hello.node;
    node->id = hello.node;
    const struct document *document = document_of(w, node);
    node->joined = node->joined || (document != NULL && names(document, node->id));
    epochs_look(w, node);
    uint64_t deadline = shard_deadline(node->shard);
    if (deadline != UINT64_MAX)
        world_at(w, &node->wake, deadline <= w->now_us ? w->now_us + 1 : deadline);
    else
        world_cancel(w, &node->wake);
    for (size_t i = 0; i < node->out.count; i++) {
        if (!execute(w, node, &node->out.items[i]))
            break;
    }
    outbox_reset(&node->out);
    node->stepping = false;
}

struct rows {
    struct arena arena;
    struct stored_row rows[SIM_ROWS_MAX];
    uint32_t count;
};

static bool add_row(void *context, struct bytes key, struct bytes value)
{
    struct rows *rows = context;

    ASSERT(rows->count < SIM_ROWS_MAX);
    rows->rows[rows->count].key = arena_copy(&rows->arena, key);
    rows->rows[rows->count++].value = arena_copy(&rows->arena, value);
    return true;
}

void node_start(struct world *w, struct sim_node *node)
{
    struct shard_options options = {
        .config = &w->config,
        .name = bytes_str(node->name),
        .peer_address = bytes_str(node->address),
    };
    struct event ev = {.kind = EV_START};
    struct rows *rows = mem_new(sizeof(*rows));

    if (node_up(node)) {
        mem_free(rows);
        return;
    }
    arena_init(&rows->arena);
    disk_each(&node->disk, FAMILY_SYS, add_row, rows);
    random_bytes(&w->random, options.seed.bytes, sizeof(options.seed.bytes));
    node->shard = shard_new(&options);
    node->paused_until_us = 0;
    node->stopping = false;
    node->halted = ERR_OK;
    node->knows_full = false;
    memset(&node->epoch, 0, sizeof(node->epoch));
    if (node->lives++ > 0)
        w->tally.restarts++;
    memset(node->peers, 0, sizeof(node->peers));
    world_trace(w, "node", node->index, "starts, life %u, %u system rows", node->lives,
                rows->count);
    ev.u.start.rows = rows->rows;
    ev.u.start.count = rows->count;
    node_step(w, node, &ev);
    /* It may have halted at once. */
    if (node_up(node)) {
        world_after(w, &node->second, SECOND_US);
        tell_facts(w, node);
    }
    arena_done(&rows->arena);
    mem_free(rows);
}

void node_crash(struct world *w, struct sim_node *node)
{
    if (!node_up(node))
        return;
    world_trace(w, "node", node->index, "crashes");
    w->tally.crashes++;
    shard_free(node->shard);
    node->shard = NULL;
    node->paused_until_us = 0;
    world_cancel(w, &node->wake);
    world_cancel(w, &node->second);
    disk_crash(w, &node->disk);
    sockets_node_gone(w, node->index);
    net_node_gone(w, node->index);
}

void node_stop(struct world *w, struct sim_node *node, uint32_t grace_ms)
{
    struct event ev = {.kind = EV_STOP, .u.stop = {grace_ms}};

    if (!node_up(node) || node_paused(w, node) || node->stopping)
        return;
    world_trace(w, "node", node->index, "is told to stop within %u ms", grace_ms);
    w->tally.stops++;
    node->stopping = true;
    node_step(w, node, &ev);
}

void node_pause(struct world *w, struct sim_node *node, uint64_t until_us)
{
    if (!node_up(node))
        return;
    node->paused_until_us = until_us;
    w->tally.pauses++;
    world_trace(w, "node", node->index, "paused for %llu us",
                (unsigned long long)(until_us - w->now_us));
    world_at(w, &node->wake, until_us);
}

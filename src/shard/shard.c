/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch by event. Every step: what the last one left dead is freed; the event goes to whom it
 * concerns; inner outputs are executed until only the host's are left.
 *
 * Invariants:
 *  1. Nothing that an output points into is freed before the next step begins.
 *  2. Every machine in the table is not done, and has a timer iff it has a deadline.
 *  3. After EV_STOP no request starts; OUT_HALT comes once, when the last one is through or the
 *     grace is over. */
#include "shard/shard.h"

#include "base/check.h"
#include "base/mem.h"
#include "msg/token.h"
#include "shard/shard_int.h"

static struct seed derived(const struct seed *seed, uint64_t stream)
{
    struct random random;
    struct seed own;

    random_init(&random, seed, stream);
    random_bytes(&random, own.bytes, sizeof(own.bytes));
    return own;
}

struct shard *shard_new(const struct shard_options *options)
{
    struct shard *s = mem_new(sizeof(*s));
    struct seed cluster_seed = derived(&options->seed, 101);
    struct seed vnode_seed = derived(&options->seed, 102);
    struct seed sweep_seed = derived(&options->seed, 104);

    s->config = options->config;
    random_init(&s->random, &options->seed, 103);
    s->cluster = cluster_new(&(struct cluster_options){
        .config = options->config,
        .seed = cluster_seed,
        .name = options->name,
        .peer_address = options->peer_address,
    });
    s->vnodes = vnodes_new(options->config, &vnode_seed);
    s->replicas = replicas_new();
    s->digests = digests_new();
    s->sweep = sweep_new(options->config, &sweep_seed);
    s->transfers = transfers_new(options->config, 1 + (random_u64(&s->random) >> 24), s->sweep);
    s->listers = listers_new(options->config);
    s->next_id = 1 + (random_u64(&s->random) >> 24);
    forwards_init(&s->forwards);
    map_init(&s->machines);
    map_init(&s->askers);
    map_init(&s->seats);
    heap_init(&s->timers);
    heap_init(&s->seat_timers);
    list_init(&s->dead_machines);
    list_init(&s->dead_seats);
    return s;
}

void shard_free(struct shard *s)
{
    if (s == NULL)
        return;
    tables_done(s);
    forwards_done(&s->forwards);
    listers_free(s->listers);
    transfers_free(s->transfers);
    sweep_free(s->sweep);
    digests_free(s->digests);
    replicas_free(s->replicas);
    vnodes_free(s->vnodes);
    cluster_free(s->cluster);
    mem_free(s);
}

static void halt(struct shard *s, enum err err, struct outbox *out)
{
    if (s->halted)
        return;
    s->halted = true;
    outbox_add(out, OUT_HALT)->u.halt = err;
}

static void on_start(struct shard *s, const struct event *ev, struct outbox *out)
{
    ASSERT(!s->started);
    s->started = true;
    enum err err = vnodes_start(s->vnodes, ev->u.start.rows, ev->u.start.count);
    if (err == ERR_OK)
        err = cluster_start(s->cluster, ev->u.start.rows, ev->u.start.count, ev, out);
    if (err != ERR_OK)
        halt(s, err, out);
}

static void on_client(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct seat *seat = seat_find(s, ev->conn);

    if (seat == NULL)
        return;
    seat_run(s, seat, ev, out);
    if (ev->kind == EV_CLOSED)
        seat_close(s, seat);
}

static void set_full(struct shard *s)
{
    s->stats.disk_full = s->space.full;
    vnodes_set_full(s->vnodes, s->space.full);
}

static void on_stored(struct shard *s, const struct event *ev, struct outbox *out)
{
    enum err err = ev->u.stored.err;

    switch (token_owner(ev->u.stored.token)) {
    case TOKEN_CLUSTER: cluster_step(s->cluster, ev, out); break;
    case TOKEN_VNODE: vnodes_stored(s->vnodes, cluster_view(s->cluster), ev, out); break;
    case TOKEN_REPLICA: replicas_stored(s->replicas, s->vnodes, ev, out); break;
    case TOKEN_LISTER: listers_stored(s->listers, ev, out); break;
    case TOKEN_DIGESTS: digests_stored(s->digests, s->vnodes, ev, out); break;
    case TOKEN_MACHINE: {
        struct machine *machine = machine_find(s, token_number(ev->u.stored.token));
        if (machine != NULL)
            machine_run(s, machine, ev, out);
        break;
    }
    }
    /* After a failed write or sync nobody knows what the disk holds: this node stops, its peers go
     * on, and a restart reads what is really there. */
    if (err == ERR_IO)
        halt(s, ERR_IO, out);
    if (err == ERR_NO_SPACE && !space_failed(&s->space, ev, out))
        halt(s, ERR_NO_SPACE, out);
    set_full(s);
}

static bool has_quorum(const struct view *view)
{
    uint16_t nodes[RING_REPLICAS_MAX];

    for (uint32_t p = 0; view->document != NULL && p < view->ring.partitions; p++) {
        uint32_t n = ring_replicas(&view->ring, p, view->ring.n_max, nodes);
        uint32_t up = 0;
        for (uint32_t i = 0; i < n; i++)
            up += view->members[nodes[i]].up;
        if (up < n / 2 + 1)
            return false;
    }
    return view->document != NULL;
}

/* What was sent to a node is not answered. */
static void lose(struct shard *s, const struct event *ev, struct outbox *out)
{
    machines_run_all(s, ev, out);
    handover_link_down(s->vnodes, ev->u.link.node, ev, out);
    movers_link_down(transfers_movers(s->transfers), ev->u.link.node, ev);
}

/* Whether a node was up when last looked at. */
static bool was_up(const struct shard *s, uint64_t node)
{
    for (uint16_t i = 0; i < s->seen_count; i++) {
        if (s->seen[i].id == node)
            return s->seen[i].up;
    }
    return false;
}

/* What waits for nodes that are up now. */
static void wake(struct shard *s, const struct view *view, const struct event *ev)
{
    sweep_look(s->sweep, view, ev->mono_us);
    for (uint16_t i = 0; i < view->members_count; i++) {
        if (!view->members[i].up)
            continue;
        vnodes_hints_wake(s->vnodes, view->members[i].id);
        if (!was_up(s, view->members[i].id))
            sweep_back(s->sweep, view->members[i].id, ev->mono_us);
    }
}

/* The machines hear of every node that went down since the last look: what was sent to it is
 * lost. */
static void look_around(struct shard *s, const struct event *ev, struct outbox *out)
{
    const struct view *view = cluster_view(s->cluster);
    uint64_t down[NODES_MAX];
    uint16_t count = 0;

    for (uint16_t i = 0; i < s->seen_count; i++) {
        if (!s->seen[i].up)
            continue;
        uint16_t at = view_index(view, s->seen[i].id);
        if (at == RING_NOBODY || !view->members[at].up)
            down[count++] = s->seen[i].id;
    }
    bool changed = s->seen_epoch != view_epoch(view) || s->seen_count != view->members_count;
    for (uint16_t i = 0; i < view->members_count && !changed; i++)
        changed = s->seen[i].up != view->members[i].up;
    if (changed) {
        wake(s, view, ev);
        s->quorum = has_quorum(view);
    }
    s->seen_epoch = view_epoch(view);
    s->seen_count = view->members_count;
    if (view->members_count > 0)
        memcpy(s->seen, view->members, view->members_count * sizeof(s->seen[0]));
    for (uint16_t i = 0; i < count; i++) {
        struct event lost = {.kind = EV_LINK_DOWN, .mono_us = ev->mono_us, .wall_us = ev->wall_us};
        lost.u.link.node = down[i];
        lose(s, &lost, out);
    }
}

/* Whether the step may have changed who is up. */
static bool may_change_view(const struct event *ev)
{
    if (ev->kind == EV_PEER)
        return ev->u.peer.msg->kind == PEER_CLUSTER;
    if (ev->kind == EV_STORED)
        return token_owner(ev->u.stored.token) == TOKEN_CLUSTER;
    return ev->kind == EV_TIME || ev->kind == EV_LINK_UP || ev->kind == EV_LINK_DOWN ||
           ev->kind == EV_START;
}

static void on_link(struct shard *s, const struct event *ev, struct outbox *out)
{
    cluster_step(s->cluster, ev, out);
    if (ev->kind == EV_LINK_DOWN)
        lose(s, ev, out);
    /* It may have restarted so quickly that nobody missed it. */
    if (ev->kind == EV_LINK_UP)
        sweep_back(s->sweep, ev->u.link.node, ev->mono_us);
}

/* Begins to hand over what may be handed over. */
static void begin_drains(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);

    while (!s->stopping && env.view->document != NULL) {
        uint64_t target = vnodes_hints_due(s->vnodes, env.view, ev->mono_us);
        if (target == 0)
            return;
        machine_add(s, drain_new(&env, s->next_id++, target, ev, out));
    }
}

/* Begins to look for expired rows that may be removed. */
static void begin_expire(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);

    if (!s->stopping && env.view->document != NULL && vnodes_expire_due(s->vnodes, ev))
        machine_add(s, expire_new(&env, s->next_id++, ev, out));
}

/* Tells nodes that are up that they lack something. */
static void tell_lacks(struct shard *s, const struct event *ev, struct outbox *out)
{
    const struct view *view = cluster_view(s->cluster);
    uint64_t node, token;

    if (s->stopping || view->document == NULL)
        return;
    while ((node = vnodes_lack_due(s->vnodes, view, ev->mono_us, out, &token)) != 0)
        outbox_send(out, node, PEER_LACKS)->u.lacks.token = token;
}

/* Begins to compare what is due. */
static void begin_exchanges(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);
    struct exchange_order order;

    while (!s->stopping && env.view->document != NULL &&
           sweep_due(s->sweep, env.view, s->stats.requests_now, ev->mono_us, &order))
        machine_add(s, exchange_new(&env, s->next_id++, &order, ev, out));
}

/* Begins what moves data by itself. */
static void begin_transfers(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);
    uint64_t known_epoch;

    if (s->stopping || env.view->document == NULL)
        return;
    handover_time(s->vnodes, ev, out);
    if (transfers_deadline_us(s->transfers) > ev->mono_us)
        return;
    known_epoch = cluster_known_epoch(s->cluster);
    for (;;) {
        struct machine *machine =
            transfers_begin(s->transfers, &env, s->next_id, known_epoch, ev, out);
        if (machine == NULL)
            return;
        s->next_id++;
        machine_add(s, machine);
    }
}

/* Which replicas are to move follows from the document. */
static void look_at_moves(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);

    if (s->moves_epoch == view_epoch(env.view) && !handover_changed(s->vnodes))
        return;
    s->moves_epoch = view_epoch(env.view);
    handover_epoch(s->vnodes, env.view, ev, out);
    transfers_epoch(s->transfers, &env, ev, out);
}

static void on_stop(struct shard *s, const struct event *ev, struct outbox *out)
{
    s->stopping = true;
    s->stop_by_us = ev->mono_us + (uint64_t)ev->u.stop.grace_ms * 1000;
    machines_stop(s, ev, out);
    MAP_EACH(node, &s->seats)
        seat_run(s, CONTAINER_OF(node, struct seat, node), ev, out);
}

static void on_time(struct shard *s, const struct event *ev, struct outbox *out)
{
    tables_time(s, ev, out);
    vnodes_time(s->vnodes, ev, out);
    cluster_step(s->cluster, ev, out);
    begin_drains(s, ev, out);
    begin_expire(s, ev, out);
    tell_lacks(s, ev, out);
    begin_exchanges(s, ev, out);
    begin_transfers(s, ev, out);
}

static void on_host(struct shard *s, const struct event *ev, struct outbox *out)
{
    s->stats.host = ev->u.host;
    s->stats.disk_free_min = config_space_bytes(s->config->free_min, ev->u.host.disk_total);
    stats_time(&s->stats, ev->mono_us);
    space_told(&s->space, s->config, ev, out);
    pace_told(&s->pace, ev, out);
    s->stats.disk_slow = s->pace.slow;
    set_full(s);
}

static void dispatch(struct shard *s, const struct event *ev, struct outbox *out)
{
    switch (ev->kind) {
    case EV_START: on_start(s, ev, out); break;
    case EV_TIME: on_time(s, ev, out); break;
    case EV_OPENED: seat_open(s, ev); break;
    case EV_BYTES:
    case EV_WRITABLE:
    case EV_CLOSED: on_client(s, ev, out); break;
    case EV_LINK_UP:
    case EV_LINK_DOWN: on_link(s, ev, out); break;
    case EV_DIAL_FAILED: cluster_step(s->cluster, ev, out); break;
    case EV_PEER: route_peer(s, ev->u.peer.from, ev->u.peer.msg, ev, out); break;
    case EV_STORED: on_stored(s, ev, out); break;
    case EV_HOST: on_host(s, ev, out); break;
    case EV_STOP: on_stop(s, ev, out); break;
    case EV_REPLY:
    case EV_MORE:
    case EV_DEADLINE:
    case EV_APPLIED:
    case EV_COMMITTED:
    case EV_GONE: UNREACHABLE();
    }
}

/* Stopping: once nothing is in flight the incarnations are closed, then the process may end. */
static void wind_up(struct shard *s, const struct event *ev, struct outbox *out)
{
    bool quiet = s->stats.requests_now == 0 && vnodes_waiting(s->vnodes) == 0;

    if (quiet && !s->closing) {
        s->closing = true;
        s->closed = !vnodes_close(s->vnodes, out);
    }
    if (s->closed || vnodes_closed(s->vnodes) || ev->mono_us >= s->stop_by_us)
        halt(s, ERR_OK, out);
}

static void transfers_facts(struct shard *s, struct cluster_facts *facts)
{
    struct transfers_totals totals = transfers_totals(s->transfers);

    facts->moved = movers_done(transfers_movers(s->transfers), &facts->moved_count);
    facts->moves = (struct moves_total){
        .active = totals.movers.active,
        .waiting = totals.movers.waiting,
        .ready = totals.movers.ready,
        .strays = totals.strays,
        .objects = totals.pulled + totals.pushed,
        .bytes = totals.bytes,
    };
}

void shard_step(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct cluster_facts facts;

    ASSERT(s->started || ev->kind == EV_START);
    tables_bury(s);
    facts.holds = vnodes_holds(s->vnodes, &facts.holds_any);
    vnodes_hints_sum(s->vnodes, &facts.hints);
    facts.holds_any = facts.holds_any || facts.hints.any;
    facts.slow = s->pace.slow;
    transfers_facts(s, &facts);
    cluster_set_facts(s->cluster, &facts);
    vnodes_fence(s->vnodes, cluster_freezing(s->cluster, ev->mono_us));
    vnodes_behind(s->vnodes, shard_behind(s));
    dispatch(s, ev, out);
    size_t handled = route_inner(s, 0, ev, out);
    if (may_change_view(ev)) {
        look_around(s, ev, out);
        route_inner(s, handled, ev, out);
    }
    handled = out->count;
    look_at_moves(s, ev, out);
    route_inner(s, handled, ev, out);
    if (s->stopping)
        wind_up(s, ev, out);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What this node does by itself for its data. */
static uint64_t transfers_deadline(const struct shard *s)
{
    uint64_t at = sooner(vnodes_hints_deadline_us(s->vnodes), handover_deadline_us(s->vnodes));

    at = sooner(at, vnodes_expire_deadline_us(s->vnodes));
    at = sooner(at, sweep_deadline_us(s->sweep));
    at = sooner(at, vnodes_lack_deadline_us(s->vnodes));
    return sooner(at, transfers_deadline_us(s->transfers));
}

uint64_t shard_deadline(const struct shard *s)
{
    const struct heap_node *machine = heap_peek(&s->timers);
    const struct heap_node *seat = heap_peek(&s->seat_timers);
    uint64_t at = sooner(cluster_deadline_us(s->cluster), vnodes_deadline_us(s->vnodes));

    if (machine != NULL)
        at = sooner(at, machine->at);
    if (seat != NULL)
        at = sooner(at, seat->at);
    if (!s->stopping && cluster_view(s->cluster)->document != NULL)
        at = sooner(at, transfers_deadline(s));
    if (s->stopping && !s->halted)
        at = sooner(at, s->stop_by_us);
    return at;
}

void shard_hello(const struct shard *s, struct peer_hello *ret_hello)
{
    cluster_hello(s->cluster, ret_hello);
}

const struct view *shard_view(const struct shard *s)
{
    return cluster_view(s->cluster);
}

const struct stats *shard_stats(const struct shard *s)
{
    return &s->stats;
}

bool shard_keeps_hints(const struct shard *s)
{
    return vnodes_hints_any(s->vnodes);
}

bool shard_compared_since(const struct shard *s, uint64_t mono_us)
{
    return sweep_clean_since(s->sweep, mono_us);
}

bool shard_moves(const struct shard *s)
{
    struct transfers_totals totals = transfers_totals(s->transfers);

    return totals.movers.active + totals.movers.waiting + totals.movers.ready + totals.strays > 0;
}

bool shard_ready(const struct shard *s)
{
    return s->started && !s->stopping && !s->halted && cluster_ready(s->cluster);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/mem.h"
#include "shard/shard_int.h"

static uint64_t asker_hash(uint64_t conn, uint64_t seq)
{
    return hash_mix(hash_mix(0, conn), seq);
}

struct machine *machine_find(struct shard *s, uint64_t id)
{
    struct map_node *node = map_find(&s->machines, id);

    return node == NULL ? NULL : CONTAINER_OF(node, struct machine, node);
}

struct kv_env shard_kv_env(struct shard *s)
{
    return (struct kv_env){
        .view = cluster_view(s->cluster),
        .config = s->config,
        .vnodes = s->vnodes,
        .transfers = s->transfers,
    };
}

struct machine *machine_asked_by(struct shard *s, uint64_t conn, uint64_t seq)
{
    struct map_node *node = map_find(&s->askers, asker_hash(conn, seq));

    for (; node != NULL; node = map_next(node)) {
        struct machine *machine = CONTAINER_OF(node, struct machine, by_asker);
        if (machine->asker.id == conn && machine->asker.seq == seq)
            return machine;
    }
    return NULL;
}

static void machine_free(struct machine *machine)
{
    switch (machine->kind) {
    case MACHINE_GET: get_free(machine); break;
    case MACHINE_PUT: put_free(machine); break;
    case MACHINE_DELETE: delete_free(machine); break;
    case MACHINE_LIST: list_free(machine); break;
    case MACHINE_DRAIN: drain_free(machine); break;
    case MACHINE_EXCHANGE: exchange_free(machine); break;
    case MACHINE_EXPIRE: expire_free(machine); break;
    case MACHINE_DROP: drop_free(machine); break;
    }
}

/* 1 for a machine that serves a request, 0 for one that works for the node itself. */
static uint32_t serves(const struct machine *machine)
{
    return machine->kind != MACHINE_DRAIN && machine->kind != MACHINE_EXCHANGE &&
           machine->kind != MACHINE_EXPIRE && machine->kind != MACHINE_DROP;
}

/* Takes a machine out of the tables; what it made may still be read in this step. */
static void machine_end(struct shard *s, struct machine *machine)
{
    map_remove(&s->machines, &machine->node);
    if (machine->asker.kind == ASKER_SESSION)
        map_remove(&s->askers, &machine->by_asker);
    heap_remove(&s->timers, &machine->timer);
    list_append(&s->dead_machines, &machine->dead);
    ASSERT(s->stats.requests_now >= serves(machine));
    s->stats.requests_now -= serves(machine);
}

static void machine_rename(struct shard *s, struct machine *machine)
{
    ASSERT(machine->asker.kind == ASKER_NOBODY);
    ASSERT(!machine->done);
    map_remove(&s->machines, &machine->node);
    machine->id = s->next_id++;
    machine->renew = false;
    map_add(&s->machines, &machine->node, machine->id);
}

static void machine_after(struct shard *s, struct machine *machine)
{
    if (machine->renew)
        machine_rename(s, machine);
    if (machine->done)
        machine_end(s, machine);
    else if (machine->deadline_us == 0)
        heap_remove(&s->timers, &machine->timer);
    else if (!heap_has(&machine->timer) || machine->timer.at != machine->deadline_us)
        heap_set(&s->timers, &machine->timer, machine->deadline_us);
}

void machine_add(struct shard *s, struct machine *machine)
{
    map_add(&s->machines, &machine->node, machine->id);
    if (machine->asker.kind == ASKER_SESSION)
        map_add(&s->askers, &machine->by_asker, asker_hash(machine->asker.id, machine->asker.seq));
    s->stats.requests_now += serves(machine);
    machine_after(s, machine);
}

void machine_run(struct shard *s, struct machine *machine, const struct event *ev,
                 struct outbox *out)
{
    struct kv_env kv = shard_kv_env(s);
    struct list_env list = {cluster_view(s->cluster), s->config};

    ASSERT(!machine->done);
    switch (machine->kind) {
    case MACHINE_GET: get_step(machine, &kv, ev, out); break;
    case MACHINE_PUT: put_step(machine, &kv, ev, out); break;
    case MACHINE_DELETE: delete_step(machine, &kv, ev, out); break;
    case MACHINE_LIST: list_step(machine, &list, ev, out); break;
    case MACHINE_DRAIN: drain_step(machine, &kv, ev, out); break;
    case MACHINE_EXCHANGE: exchange_step(machine, &kv, ev, out); break;
    case MACHINE_EXPIRE: expire_step(machine, &kv, ev, out); break;
    case MACHINE_DROP: drop_step(machine, &kv, ev, out); break;
    }
    machine_after(s, machine);
}

void machines_run_all(struct shard *s, const struct event *ev, struct outbox *out)
{
    MAP_EACH(node, &s->machines)
        machine_run(s, CONTAINER_OF(node, struct machine, node), ev, out);
}

void machines_stop(struct shard *s, const struct event *ev, struct outbox *out)
{
    MAP_EACH(node, &s->machines) {
        struct machine *machine = CONTAINER_OF(node, struct machine, node);
        if (machine->kind == MACHINE_EXCHANGE || machine->kind == MACHINE_EXPIRE)
            machine_run(s, machine, ev, out);
    }
}

struct seat *seat_find(struct shard *s, uint64_t conn)
{
    struct map_node *node = map_find(&s->seats, conn);

    return node == NULL ? NULL : CONTAINER_OF(node, struct seat, node);
}

void seat_open(struct shard *s, const struct event *ev)
{
    struct seat *seat = mem_new(sizeof(*seat));

    ASSERT(seat_find(s, ev->conn) == NULL);
    seat->conn = ev->conn;
    seat->session = session_new(ev->conn, &ev->u.opened);
    map_add(&s->seats, &seat->node, ev->conn);
}

void seat_run(struct shard *s, struct seat *seat, const struct event *ev, struct outbox *out)
{
    struct session_env env = {
        .view = cluster_view(s->cluster),
        .stats = &s->stats,
        .config = s->config,
        .ready = shard_ready(s) && s->quorum,
        .stopping = s->stopping,
    };

    session_step(seat->session, &env, ev, out);
    uint64_t at = session_deadline_us(seat->session);
    if (at == 0)
        heap_remove(&s->seat_timers, &seat->timer);
    else if (!heap_has(&seat->timer) || seat->timer.at != at)
        heap_set(&s->seat_timers, &seat->timer, at);
}

void seat_close(struct shard *s, struct seat *seat)
{
    map_remove(&s->seats, &seat->node);
    heap_remove(&s->seat_timers, &seat->timer);
    list_append(&s->dead_seats, &seat->dead);
}

void tables_time(struct shard *s, const struct event *ev, struct outbox *out)
{
    struct event due = {.kind = EV_DEADLINE, .mono_us = ev->mono_us, .wall_us = ev->wall_us};
    struct heap_node *first;

    while ((first = heap_peek(&s->timers)) != NULL && first->at <= ev->mono_us) {
        struct machine *machine = CONTAINER_OF(first, struct machine, timer);
        heap_remove(&s->timers, first);
        machine_run(s, machine, &due, out);
        ASSERT(machine->done || machine->deadline_us == 0 || machine->deadline_us > ev->mono_us);
    }
    while ((first = heap_peek(&s->seat_timers)) != NULL && first->at <= ev->mono_us) {
        struct seat *seat = CONTAINER_OF(first, struct seat, timer);
        heap_remove(&s->seat_timers, first);
        due.conn = seat->conn;
        seat_run(s, seat, &due, out);
        ASSERT(!heap_has(&seat->timer) || seat->timer.at > ev->mono_us);
    }
}

void tables_bury(struct shard *s)
{
    struct list *at;

    while ((at = list_pop(&s->dead_machines)) != NULL)
        machine_free(CONTAINER_OF(at, struct machine, dead));
    while ((at = list_pop(&s->dead_seats)) != NULL) {
        struct seat *seat = CONTAINER_OF(at, struct seat, dead);
        session_free(seat->session);
        mem_free(seat);
    }
}

void tables_done(struct shard *s)
{
    tables_bury(s);
    MAP_EACH(node, &s->machines)
        machine_free(CONTAINER_OF(node, struct machine, node));
    MAP_EACH(node, &s->seats) {
        struct seat *seat = CONTAINER_OF(node, struct seat, node);
        session_free(seat->session);
        mem_free(seat);
    }
    map_done(&s->machines);
    map_done(&s->askers);
    map_done(&s->seats);
    heap_done(&s->timers);
    heap_done(&s->seat_timers);
}

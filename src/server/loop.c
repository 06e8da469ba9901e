/* SPDX-License-Identifier: Apache-2.0 */
#include "server/loop.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "server/facts.h"
#include "server/limits.h"
#include "server/loop_int.h"
#include "server/notify.h"

enum { US_PER_S = 1000000, US_PER_MS = 1000, LATE_STEPS_MAX = 8 };

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

enum { REASON_BYTES = 4096 };

/* An option that may be changed while the node runs: who asked has looked at name and value. */
static void change_option(struct loop *loop, struct bytes name, struct bytes value)
{
    struct buf why;

    buf_init(&why, REASON_BYTES);
    if (config_set(&loop->config, name, value, &why) == ERR_OK)
        log_line(loop->log, TRACE_INFO, "%.*s is now %.*s", (int)name.len, (const char *)name.data,
                 (int)value.len, (const char *)value.data);
    buf_done(&why);
}

static void change_setting(struct loop *loop, struct bytes name, struct bytes value)
{
    enum trace_level level = TRACE_INFO;

    if (!bytes_eq(name, BYTES_LIT("log.level")) &&
        !bytes_eq(name, BYTES_LIT("log.console.level"))) {
        change_option(loop, name, value);
        return;
    }
    if (!log_level_parse(value, &level))
        return;
    loop->log->level = level;
    loop->config.log_level = level == TRACE_WARN ? BYTES_LIT("warning") : value;
    log_line(loop->log, level, "log level is now %.*s", (int)value.len, (const char *)value.data);
}

static void execute(struct loop *loop, struct output *output, uint64_t wall_us)
{
    switch (output->kind) {
    case OUT_SEND: peers_send(loop->peers, output->u.send.to, &output->u.send.msg); return;
    case OUT_STORE: store_submit(loop->store, &output->u.store); return;
    case OUT_BYTES: conns_write(loop->conns, output->u.bytes.conn, output->u.bytes.blob); return;
    case OUT_CLOSE: conns_close(loop->conns, output->u.conn); return;
    case OUT_PEER: peers_want(loop->peers, output->u.peer.node, output->u.peer.address); return;
    case OUT_DIAL: peers_dial(loop->peers, output->u.peer.address); return;
    case OUT_UNLINK: peers_unlink(loop->peers, output->u.peer.node); return;
    case OUT_TRACE: log_trace(loop->log, wall_us, &output->u.trace); return;
    case OUT_SETTING: change_setting(loop, output->u.setting.name, output->u.setting.value); return;
    case OUT_HALT:
        loop->halted = true;
        loop->halt = output->u.halt;
        return;
    case OUT_NONE: return;
    case OUT_REPLY:
    case OUT_REQUEST:
    case OUT_MORE:
    case OUT_GONE:
    case OUT_VNODE: break;
    }
    UNREACHABLE();
}

static void step(struct loop *loop, struct event *ev)
{
    ASSERT(!loop->stepping);
    loop->stepping = true;
    ev->mono_us = loop_mono_us();
    ev->wall_us = clock_us(CLOCK_REALTIME);
    outbox_reset(&loop->out);
    shard_step(loop->shard, ev, &loop->out);
    for (size_t i = 0; i < loop->out.count; i++)
        execute(loop, &loop->out.items[i], ev->wall_us);
    outbox_reset(&loop->out);
    loop->stepping = false;
}

/* The engine's own words, once for each trouble; and if space is missing, some of it. */
static void disk_failed(struct loop *loop, enum err err)
{
    struct why why;

    engine_why(loop->engine, &why);
    if (strcmp(why.text, loop->why.text) != 0 && why.text[0] != '\0')
        log_line(loop->log, TRACE_ERROR, "the disk: %s", why.text);
    loop->why = why;
    if (err == ERR_NO_SPACE)
        (void)ballast_give(&loop->ballast, loop_mono_us(), loop->log);
}

static void tell_stored(struct loop *loop)
{
    struct event ev = {.kind = EV_STORED};

    while (!loop->halted && store_next(loop->store, &ev.u.stored)) {
        if (ev.u.stored.err == ERR_NO_SPACE || ev.u.stored.err == ERR_IO)
            disk_failed(loop, ev.u.stored.err);
        step(loop, &ev);
        ev = (struct event){.kind = EV_STORED};
    }
}

void loop_event(struct loop *loop, struct event *ev)
{
    if (loop->halted)
        return;
    step(loop, ev);
    tell_stored(loop);
}

/* Peers first: their answers take longest. Then the commits, whose sync takes next longest. */
void loop_turn(struct loop *loop)
{
    bool more = true;

    while (more) {
        more = peers_flush(loop->peers);
        store_flush(loop->store);
        more = conns_flush(loop->conns) || more;
    }
    if (loop->halted)
        uv_stop(&loop->uv);
}

static void on_deadline(uv_timer_t *timer)
{
    struct loop *loop = timer->data;

    loop->armed_us = UINT64_MAX;
}

/* Lets the shard do what is due, and sets the timer for what is due next. */
static void keep_deadline(struct loop *loop)
{
    uint64_t due = shard_deadline(loop->shard), now = loop_mono_us();

    for (int i = 0; i < LATE_STEPS_MAX && due <= now && !loop->halted; i++) {
        struct event ev = {.kind = EV_TIME};
        loop_event(loop, &ev);
        loop_turn(loop);
        due = shard_deadline(loop->shard);
    }
    if (due == loop->armed_us)
        return;
    loop->armed_us = due;
    if (due == UINT64_MAX) {
        uv_timer_stop(&loop->deadline);
        return;
    }
    now = loop_mono_us();
    uv_update_time(&loop->uv);
    uint64_t wait_ms = due <= now ? 0 : (due - now + US_PER_MS - 1) / US_PER_MS;
    uv_timer_start(&loop->deadline, on_deadline, wait_ms, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    loop_turn(loop);
    keep_deadline(loop);
}

static void on_check(uv_check_t *check)
{
    loop_turn(check->data);
}

static void on_stored(uv_async_t *async)
{
    tell_stored(async->data);
}

void loop_tell_facts(struct loop *loop)
{
    struct store_counts store = store_counts(loop->store);
    struct peers_counts peers = peers_counts(loop->peers);
    struct event ev = {.kind = EV_HOST};
    struct host_facts *facts = &ev.u.host;

    facts_of_system(loop->data_path, facts);
    ballast_second(&loop->ballast, facts,
                   config_space_bytes(loop->config.free_min, facts->disk_total), loop_mono_us(),
                   loop->log);
    facts->ballast = loop->ballast.held;
    facts->connections_pb = conns_count(loop->conns, CONN_PB);
    facts->connections_http = conns_count(loop->conns, CONN_HTTP);
    facts->peer_bytes_in = peers.bytes_in;
    facts->peer_bytes_out = peers.bytes_out;
    facts->peer_dropped = peers.dropped;
    facts->commit_us = store_slowest_us(loop->store);
    facts->store_commits = store.commits;
    facts->store_syncs = store.syncs;
    facts->store_reads = store.reads;
    facts->store_misses = store.misses;
    facts->uptime_s = (loop_mono_us() - loop->started_us) / US_PER_S;
    loop_event(loop, &ev);
}

static void on_second(uv_timer_t *timer)
{
    struct loop *loop = timer->data;

    loop_tell_facts(loop);
    log_second(loop->log, clock_us(CLOCK_REALTIME));
    conns_second(loop->conns);
    peers_second(loop->peers);
}

static void on_forced(uv_timer_t *timer)
{
    struct loop *loop = timer->data;

    log_line(loop->log, TRACE_WARN, "stopping without waiting any longer");
    loop->halted = true;
    uv_stop(&loop->uv);
}

void loop_stop(struct loop *loop)
{
    struct event ev = {.kind = EV_STOP, .u.stop = {.grace_ms = STOP_GRACE_MS}};

    if (loop->stopping)
        return;
    loop->stopping = true;
    notify_state("STOPPING=1");
    conns_stop_accepting(loop->conns);
    peers_stop_accepting(loop->peers);
    uv_timer_start(&loop->forced, on_forced, STOP_FORCED_MS, 0);
    loop_event(loop, &ev);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct loop *loop = handle->data;

    /* Asked twice: what is synced is safe, and the rest is not waited for. */
    if (loop->stopping)
        _exit(128 + number);
    log_line(loop->log, TRACE_INFO, "asked to stop by signal %d", number);
    loop_stop(loop);
}

void loop_open_handles(struct loop *loop)
{
    static const int numbers[2] = {SIGTERM, SIGINT};
    int failed = uv_prepare_init(&loop->uv, &loop->prepare);

    failed |= uv_check_init(&loop->uv, &loop->check);
    failed |= uv_timer_init(&loop->uv, &loop->deadline);
    failed |= uv_timer_init(&loop->uv, &loop->second);
    failed |= uv_timer_init(&loop->uv, &loop->forced);
    failed |= uv_async_init(&loop->uv, &loop->stored, on_stored);
    loop->prepare.data = loop->check.data = loop->deadline.data = loop;
    loop->second.data = loop->forced.data = loop->stored.data = loop;
    for (int i = 0; i < 2; i++) {
        failed |= uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
        failed |= uv_signal_start(&loop->signals[i], on_signal, numbers[i]);
    }
    ASSERT(failed == 0);
}

void loop_start_handles(struct loop *loop)
{
    int failed = uv_prepare_start(&loop->prepare, on_prepare);

    failed |= uv_check_start(&loop->check, on_check);
    failed |= uv_timer_start(&loop->second, on_second, 1000, 1000);
    ASSERT(failed == 0);
}

void loop_close_handles(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->deadline, NULL);
    uv_close((uv_handle_t *)&loop->second, NULL);
    uv_close((uv_handle_t *)&loop->forced, NULL);
    uv_close((uv_handle_t *)&loop->stored, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&loop->signals[i], NULL);
}

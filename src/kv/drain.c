/* SPDX-License-Identifier: Apache-2.0 */
/* Hands over a chunk of what is kept for one node. Rows are read in order; each goes to the node
 * that it is kept for, and is deleted here when that one has it on stable storage. Where the next
 * chunk begins, and when, is with the hints: each has a machine of its own, so an answer that is
 * late, or comes twice, never counts for a row of another.
 *
 *   NEW --> SCAN --rows--> HAND --every row through, or given up--> DONE
 *             '--no rows--> DONE
 *
 * Where the node has no replica of the partition any more, or has been away for too long, a hint
 * goes to the replicas there are, one after the other, and is deleted when one at least has it.
 *
 * Invariants:
 *  1. A hint is deleted only after a replica acknowledged exactly those bytes as durable.
 *  2. At most DRAIN_ROWS_MAX rows are on their way.
 *  3. A row that cannot be read is never sent, nor one whose history has ended: they go. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "kv/machines.h"
#include "model/expiry.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/object.h"

enum drain_state { DRAIN_NEW, DRAIN_SCAN, DRAIN_HAND, DRAIN_DONE };

/* Where a row is. */
enum row_state { ROW_SENT, ROW_DROPPING, ROW_OVER };

struct drain_row {
    enum row_state state;
    struct key key; /* views of row_key, or in the machine's arena */
    struct bytes row_key;
    struct blob *record;
    uint32_t partition;
    uint64_t to;     /* SENT: whose answer is open */
    uint32_t places; /* replicas tried, when it does not go to its node */
    bool moves;      /* it goes to the replicas there are */
    bool arrived;    /* one of them has it */
};

struct drain {
    struct machine m;
    enum drain_state state;
    struct hints_chunk chunk; /* what it comes to */
    struct drain_row rows[DRAIN_ROWS_MAX];
    uint32_t rows_count, over;
    size_t bytes;
};

static struct drain *drain_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_DRAIN);
    return CONTAINER_OF(machine, struct drain, m);
}

static void drain_check(const struct drain *d)
{
    ASSERT(d->over <= d->rows_count);
    ASSERT(d->state != DRAIN_HAND || d->over < d->rows_count);
    ASSERT(d->chunk.given <= d->chunk.rows);
    ASSERT(d->rows_count <= d->chunk.rows);
}

static void drain_enter(struct drain *d, enum drain_state state)
{
    static const uint8_t may[] = {
        [DRAIN_NEW] = 1 << DRAIN_SCAN,
        [DRAIN_SCAN] = 1 << DRAIN_HAND | 1 << DRAIN_DONE,
        [DRAIN_HAND] = 1 << DRAIN_DONE,
        [DRAIN_DONE] = 0,
    };

    ASSERT((may[d->state] >> state & 1) != 0);
    d->state = state;
    d->m.done = state == DRAIN_DONE;
}

static void drain_end(struct drain *d, const struct kv_env *env, const struct event *ev,
                      struct outbox *out)
{
    d->chunk.pause_us = d->bytes * UINT64_C(1000000) / env->config->hints_rate;
    vnodes_hints_drained(env->vnodes, &d->chunk, ev, out);
    drain_enter(d, DRAIN_DONE);
}

static void drain_scan(struct drain *d, struct bytes from, struct outbox *out)
{
    struct bytes prefix = hint_key_prefix(&out->arena, d->chunk.target);
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = STORE_SCAN;
    op->token = token_of(TOKEN_MACHINE, d->m.id);
    op->family = FAMILY_HINT;
    op->key = from.len == 0 ? prefix : arena_copy(&out->arena, from);
    op->end = row_prefix_end(&out->arena, prefix);
    op->rows_max = DRAIN_ROWS_MAX;
    op->bytes_max = DRAIN_BYTES_MAX;
    d->m.deadline_us = 0;
    drain_enter(d, DRAIN_SCAN);
}

static void row_over(struct drain *d, struct drain_row *row)
{
    ASSERT(row->state != ROW_OVER);
    row->state = ROW_OVER;
    row->to = 0;
    d->over++;
}

static void row_drop(struct drain *d, const struct kv_env *env, struct drain_row *row,
                     const struct event *ev, struct outbox *out)
{
    struct vnode_drop drop = {
        .token = d->m.id,
        .target = d->chunk.target,
        .partition = row->partition,
        .row_key = row->row_key,
        .record = row->record,
    };

    row->state = ROW_DROPPING;
    d->chunk.given++;
    outbox_trace(out, TRACE_HINT_GIVEN, d->chunk.target, row->partition, 0);
    vnodes_drop(env->vnodes, &drop, ev, out);
}

/* The next replica that a hint may go to when it does not go to its own node: its id; 0: none. */
static uint64_t next_owner(const struct drain *d, const struct view *view, struct drain_row *row)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    uint32_t n = ring_replicas(&view->ring, row->partition, view->ring.n_max, nodes);

    while (row->places < n) {
        const struct view_member *member = &view->members[nodes[row->places++]];
        if (member->id != d->chunk.target && (member->up || member->id == view->self))
            return member->id;
    }
    return 0;
}

static void row_send(struct drain *d, const struct kv_env *env, struct drain_row *row, uint64_t to,
                     struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_SEND);

    row->state = ROW_SENT;
    row->to = to;
    output->u.send.to = to;
    output->u.send.holds = blob_ref(row->record);
    output->u.send.msg.kind = PEER_PUT;
    output->u.send.msg.u.put = (struct peer_put){
        .token = machine_token(&d->m, (unsigned)(row - d->rows)),
        .epoch = view_epoch(env->view),
        .partition = row->partition,
        .key = row->key,
        .durable = true,
        .record = blob_bytes(row->record),
    };
}

static void row_next(struct drain *d, const struct kv_env *env, struct drain_row *row,
                     const struct event *ev, struct outbox *out)
{
    uint64_t to = next_owner(d, env->view, row);

    if (to != 0)
        row_send(d, env, row, to, out);
    else if (row->arrived)
        row_drop(d, env, row, ev, out);
    else
        row_over(d, row);
}

/* Whether the object was last written so long ago that it is not kept any longer. */
static bool too_old(const struct kv_env *env, const struct object *object, const struct event *ev)
{
    uint64_t age_us = (uint64_t)env->config->hints_age_max_ms * 1000;

    return ev->wall_us > age_us && object_hlc_us(object) < ev->wall_us - age_us;
}

/* A row that is new in the chunk sets out. */
static void row_begin(struct drain *d, const struct kv_env *env, struct drain_row *row,
                      const struct event *ev, struct outbox *out)
{
    const struct view *view = env->view;
    uint16_t at = view_index(view, d->chunk.target);
    bool up = at != RING_NOBODY && view->members[at].up;
    bool owns = at != RING_NOBODY && ring_owns(&view->ring, row->partition, view->ring.n_max, at);
    struct object *object;

    uint64_t cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    enum err err =
        record_object_decode(&d->m.arena, row->row_key, blob_bytes(row->record), &object);
    if (err != ERR_OK || clock_ended(object->clock, cutoff_us)) {
        row_drop(d, env, row, ev, out);
        return;
    }
    row->moves = !owns || (!up && too_old(env, object, ev));
    if (row->moves)
        outbox_trace(out, TRACE_HINT_MOVED, d->chunk.target, row->partition, 0);
    if (row->moves)
        row_next(d, env, row, ev, out);
    else if (up)
        row_send(d, env, row, d->chunk.target, out);
    else
        row_over(d, row);
}

/* A row whose key is none stays where it is. */
static void row_take(struct drain *d, const struct kv_env *env, const struct stored_row *stored)
{
    struct drain_row *row = &d->rows[d->rows_count];
    struct bytes copy = arena_copy(&d->m.arena, stored->key);
    uint64_t target;
    uint32_t slot;

    *row = (struct drain_row){.state = ROW_SENT};
    d->chunk.rows++;
    d->chunk.last = copy;
    if (hint_key_decode(copy, &target, &row->row_key) != ERR_OK ||
        row_key_decode(&d->m.arena, row->row_key, &slot, &row->key) != ERR_OK ||
        slot >= env->view->ring.slots)
        return;
    row->partition = ring_partition(&env->view->ring, slot);
    row->record = blob_copy(stored->value);
    d->bytes += stored->value.len;
    d->rows_count++;
}

static void drain_on_rows(struct drain *d, const struct kv_env *env, const struct event *ev,
                          struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;

    d->chunk.broken = stored->err != ERR_OK || env->view->document == NULL;
    d->chunk.more = stored->more;
    for (uint32_t i = 0; i < stored->rows_count && !d->chunk.broken; i++)
        row_take(d, env, &stored->rows[i]);
    if (d->rows_count == 0) {
        drain_end(d, env, ev, out);
        return;
    }
    d->m.deadline_us = ev->mono_us + (uint64_t)DRAIN_WAIT_MS * 1000;
    drain_enter(d, DRAIN_HAND);
    for (uint32_t i = 0; i < d->rows_count; i++)
        row_begin(d, env, &d->rows[i], ev, out);
}

static void drain_on_ack(struct drain *d, const struct kv_env *env, const struct event *ev,
                         struct outbox *out)
{
    const struct peer_put_ack *ack = &ev->u.peer.msg->u.put_ack;
    unsigned number = machine_number(ack->token);

    if (number >= d->rows_count || d->rows[number].state != ROW_SENT ||
        d->rows[number].to != ev->u.peer.from) {
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
        return;
    }
    struct drain_row *row = &d->rows[number];
    bool yes = ack->err == ERR_OK && ack->durable;
    row->arrived = row->arrived || yes;
    if (row->moves)
        row_next(d, env, row, ev, out);
    else if (yes)
        row_drop(d, env, row, ev, out);
    else
        row_over(d, row);
}

/* A node went away: what was sent to it is not answered. */
static void drain_on_link_down(struct drain *d, const struct kv_env *env, const struct event *ev,
                               struct outbox *out)
{
    for (uint32_t i = 0; i < d->rows_count; i++) {
        struct drain_row *row = &d->rows[i];
        if (row->state != ROW_SENT || row->to != ev->u.link.node)
            continue;
        if (row->moves)
            row_next(d, env, row, ev, out);
        else
            row_over(d, row);
    }
    d->chunk.broken = d->chunk.broken || ev->u.link.node == d->chunk.target;
}

/* One deletion is through, or failed: then the row is there still, and is handed over again. */
static void drain_on_dropped(struct drain *d, const struct event *ev)
{
    for (uint32_t i = 0; i < d->rows_count; i++) {
        if (d->rows[i].state != ROW_DROPPING)
            continue;
        if (ev->u.vnode.err != ERR_OK)
            d->chunk.given--;
        row_over(d, &d->rows[i]);
        return;
    }
}

/* Nobody answers any more. */
static void drain_give_up(struct drain *d)
{
    for (uint32_t i = 0; i < d->rows_count; i++) {
        if (d->rows[i].state != ROW_OVER)
            row_over(d, &d->rows[i]);
    }
    d->chunk.broken = true;
}

void drain_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                struct outbox *out)
{
    struct drain *d = drain_of(machine);

    if (ev->kind == EV_STORED && d->state == DRAIN_SCAN) {
        drain_on_rows(d, env, ev, out);
    } else if (d->state == DRAIN_HAND) {
        if (ev->kind == EV_DEADLINE)
            drain_give_up(d);
        else if (ev->kind == EV_LINK_DOWN)
            drain_on_link_down(d, env, ev, out);
        else if (ev->kind == EV_COMMITTED)
            drain_on_dropped(d, ev);
        else if (ev->kind == EV_PEER && ev->u.peer.msg->kind == PEER_PUT_ACK)
            drain_on_ack(d, env, ev, out);
    }
    if (d->state == DRAIN_HAND && d->over == d->rows_count)
        drain_end(d, env, ev, out);
    drain_check(d);
}

struct machine *drain_new(const struct kv_env *env, uint64_t id, uint64_t target,
                          const struct event *ev, struct outbox *out)
{
    struct drain *d = mem_new(sizeof(*d));

    ASSERT(target != 0);
    machine_begin(&d->m, MACHINE_DRAIN, id, (struct asker){ASKER_NOBODY, 0, 0}, 0, ev);
    d->chunk.target = target;
    drain_scan(d, vnodes_hints_drain(env->vnodes, target), out);
    return &d->m;
}

void drain_free(struct machine *machine)
{
    struct drain *d = drain_of(machine);

    for (uint32_t i = 0; i < d->rows_count; i++)
        blob_unref(d->rows[i].record);
    arena_done(&d->m.arena);
    mem_free(d);
}

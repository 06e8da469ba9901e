/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/vnode.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/vnode_int.h"
#include "record/keys.h"

struct vnodes *vnodes_new(const struct config *config, const struct seed *seed)
{
    struct vnodes *vs = mem_new(sizeof(*vs));

    ASSERT(config->counter_lease > 1);
    vs->config = config;
    vs->next_id = 1;
    random_init(&vs->random, seed, 2);
    map_init(&vs->hots);
    map_init(&vs->hot_ids);
    map_init(&vs->ops);
    map_init(&vs->hints);
    list_init(&vs->handovers);
    map_init(&vs->relays);
    heap_init(&vs->timers);
    return vs;
}

void op_free(struct op *op)
{
    arena_done(&op->arena);
    blob_unref(op->record);
    mem_free(op);
}

static void free_ops(struct list *list)
{
    LIST_EACH_SAFE(at, list) {
        list_remove(at);
        op_free(CONTAINER_OF(at, struct op, list));
    }
}

void vnodes_free(struct vnodes *vs)
{
    if (vs == NULL)
        return;
    MAP_EACH(node, &vs->hots) {
        struct hot *hot = CONTAINER_OF(node, struct hot, node);
        free_ops(&hot->queue);
        free_ops(&hot->flying);
        blob_unref(hot->record);
        mem_free(hot);
    }
    handovers_done(vs);
    for (uint32_t i = 0; i < VNODES_MAX; i++)
        mem_free(vs->table[i]);
    hints_done(vs);
    map_done(&vs->hots);
    map_done(&vs->hot_ids);
    map_done(&vs->ops);
    heap_done(&vs->timers);
    mem_free(vs);
}

struct vnode *vnode_at(struct vnodes *vs, uint32_t partition, bool fallback)
{
    uint32_t at = partition + (fallback ? SLOTS_MAX : 0);

    ASSERT(partition < SLOTS_MAX);
    if (vs->table[at] == NULL) {
        struct vnode *v = mem_new(sizeof(*v));
        v->partition = partition;
        v->fallback = fallback;
        list_init(&v->waiting);
        vs->table[at] = v;
    }
    return vs->table[at];
}

static bool holds(const struct vnodes *vs, uint32_t partition)
{
    ASSERT(partition < SLOTS_MAX);
    return (vs->holds[partition / 8] >> partition % 8 & 1) != 0;
}

static void set_holds(struct vnodes *vs, uint32_t partition)
{
    if (holds(vs, partition))
        return;
    vs->holds[partition / 8] |= (uint8_t)(1u << partition % 8);
    vs->held++;
}

void vnode_busy(struct vnodes *vs, uint32_t partition)
{
    vnode_at(vs, partition, false)->hots++;
    set_holds(vs, partition);
}

void vnode_idle(struct vnodes *vs, uint32_t partition)
{
    struct vnode *v = vnode_at(vs, partition, false);

    ASSERT(v->hots > 0);
    ASSERT(holds(vs, partition));
    v->hots--;
    handover_idle(vs, v);
    if (v->hots > 0 || v->has_row)
        return;
    vs->holds[partition / 8] &= (uint8_t) ~(1u << partition % 8);
    vs->held--;
}

bool vnode_fenced(const struct vnodes *vs, uint32_t partition)
{
    return vs->fenced && !holds(vs, partition);
}

void vnodes_behind(struct vnodes *vs, bool behind)
{
    vs->behind = behind;
}

void vnodes_set_full(struct vnodes *vs, bool full)
{
    vs->full = full;
}

bool vnodes_full(const struct vnodes *vs)
{
    return vs->full;
}

void vnodes_fence(struct vnodes *vs, bool up)
{
    vs->fenced = up;
}

enum err vnodes_start(struct vnodes *vs, const struct stored_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t partition;
        struct incarnation inc;
        if (!sys_incarnation_row(rows[i].key, &partition))
            continue;
        TRY(sys_incarnation_decode(rows[i].key, rows[i].value, &inc));
        if (partition >= SLOTS_MAX || inc.actor == 0)
            return ERR_CORRUPT;
        struct vnode *v = vnode_at(vs, partition, false);
        if (inc.closed) {
            v->actor = inc.actor;
            v->issued = inc.leased;
            v->leased = inc.leased;
        }
        v->has_row = true;
        set_holds(vs, partition);
    }
    TRY(handovers_start(vs, rows, count));
    return hints_start(vs, rows, count);
}

static uint64_t new_actor(struct vnodes *vs)
{
    uint64_t actor;

    do
        actor = random_u64(&vs->random);
    while (actor == 0);
    return actor;
}

static void vnode_actor(struct vnodes *vs, struct vnode *v, struct outbox *out)
{
    if (v->actor != 0)
        return;
    v->actor = new_actor(vs);
    v->issued = 0;
    v->leased = 0;
    outbox_trace(out, TRACE_INCARNATION, v->partition, v->actor, 0);
}

static struct store_row incarnation_row(struct vnode *v, uint64_t actor, uint64_t leased,
                                        bool closed, struct outbox *out)
{
    struct bytes key = sys_incarnation_key(&out->arena, v->partition);
    struct incarnation inc = {actor, leased, closed};

    return (struct store_row){FAMILY_SYS, key, sys_incarnation_blob(key, &inc)};
}

struct store_row vnode_row(struct vnodes *vs, struct vnode *v, struct outbox *out)
{
    if (v->has_row)
        return (struct store_row){FAMILY_SYS, BYTES_NONE, NULL};
    vnode_actor(vs, v, out);
    v->has_row = true;
    set_holds(vs, v->partition);
    return incarnation_row(v, v->actor, v->leased, false, out);
}

struct store_op *commit_rows(enum vnode_number what, uint64_t number, const struct store_row *rows,
                             uint32_t count, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = STORE_COMMIT;
    op->token = token_of(TOKEN_VNODE, (uint64_t)what << VNODE_NUMBER_SHIFT | number);
    op->rows = rows;
    op->rows_count = count;
    op->durable = true;
    return op;
}

static void ask_lease(struct vnodes *vs, struct vnode *v, uint64_t lease, struct outbox *out)
{
    struct store_row *row = ARENA_NEW(&out->arena, struct store_row);

    ASSERT(!v->fallback);
    ASSERT(!v->asking);
    ASSERT(lease > 0);
    v->asking = true;
    v->asked_actor = v->actor;
    v->asked_lease = lease;
    v->has_row = true;
    set_holds(vs, v->partition);
    *row = incarnation_row(v, v->actor, lease, false, out);
    commit_rows(NUMBER_LEASE, v->partition, row, 1, out);
}

bool vnode_dot(struct vnodes *vs, struct vnode *v, struct outbox *out, struct dot *ret_dot)
{
    uint64_t lease = vs->config->counter_lease;

    vnode_actor(vs, v, out);
    if (v->fallback) {
        *ret_dot = (struct dot){v->actor, ++v->issued};
        return true;
    }
    ASSERT(v->issued <= v->leased);
    if (v->leased - v->issued <= lease / 2 && !v->asking)
        ask_lease(vs, v, v->issued + lease, out);
    /* A closed incarnation goes on only when its row says that it is open again. */
    if (v->issued == v->leased) {
        outbox_trace(out, TRACE_LEASE_WAIT, v->partition, 0, 0);
        return false;
    }
    v->issued++;
    *ret_dot = (struct dot){v->actor, v->issued};
    return true;
}

void vnode_retire(struct vnode *v)
{
    v->actor = 0;
    v->issued = 0;
    v->leased = 0;
}

void vnode_look(struct vnode *v, struct clock clock)
{
    if (v->actor != 0 && clock_get(clock, v->actor) > v->issued)
        vnode_retire(v);
}

static void lease_stored(struct vnodes *vs, struct vnode *v, const struct event *ev,
                         struct outbox *out)
{
    struct list ready;

    ASSERT(v->asking);
    v->asking = false;
    list_init(&ready);
    LIST_EACH_SAFE(at, &v->waiting) {
        list_remove(at);
        list_append(&ready, at);
    }
    if (ev->u.stored.err == ERR_OK && v->asked_actor == v->actor)
        v->leased = v->asked_lease;
    ASSERT(v->issued <= v->leased);
    for (struct list *at = list_pop(&ready); at != NULL; at = list_pop(&ready)) {
        struct hot *hot = CONTAINER_OF(at, struct hot, waiting);
        if (ev->u.stored.err == ERR_OK)
            hot_drain(vs, hot, ev, out);
        else
            hot_give_up(vs, hot, ev->u.stored.err, out);
    }
}

bool vnodes_close(struct vnodes *vs, struct outbox *out)
{
    struct store_row *rows = arena_alloc_array(&out->arena, SLOTS_MAX, sizeof(*rows));
    uint32_t count = 0;

    for (uint32_t p = 0; p < SLOTS_MAX; p++) {
        struct vnode *v = vs->table[p];
        if (v == NULL || v->actor == 0 || v->issued == 0)
            continue;
        rows[count++] = incarnation_row(v, v->actor, v->issued, true, out);
    }
    if (count == 0)
        return false;
    commit_rows(NUMBER_CLOSE, 0, rows, count, out);
    return true;
}

void op_fail(struct vnodes *vs, struct op *op, enum err err, uint32_t have, uint64_t size,
             struct outbox *out)
{
    ASSERT(vs->waiting > 0);
    vs->waiting--;
    if (op->kind == OP_WRITE || op->kind == OP_DROP || op->kind == OP_REMOVE) {
        struct output *news = outbox_add(out, OUT_VNODE);
        news->u.vnode.kind = EV_COMMITTED;
        news->u.vnode.news.token = op->token;
        news->u.vnode.news.err = err;
        news->u.vnode.news.have = have;
        news->u.vnode.news.size = size;
    } else if (op->kind == OP_MERGE && op->from != 0) {
        struct peer_msg *msg = outbox_send(out, op->from, PEER_PUT_ACK);
        msg->u.put_ack.token = op->token;
        msg->u.put_ack.err = err;
        msg->u.put_ack.durable = err == ERR_OK && op->durable;
        msg->u.put_ack.behalf = op->behalf;
    }
    op_free(op);
}

void op_finish(struct vnodes *vs, struct op *op, enum err err, struct outbox *out)
{
    op_fail(vs, op, err, 0, 0, out);
}

struct op *op_new(struct vnodes *vs, enum op_kind kind)
{
    struct op *op = mem_new(sizeof(*op));

    op->kind = kind;
    op->id = vs->next_id++;
    op->durable = true;
    list_init(&op->list);
    arena_init(&op->arena);
    vs->waiting++;
    return op;
}

void vnodes_write(struct vnodes *vs, const struct vnode_write *write, const struct event *ev,
                  struct outbox *out)
{
    struct op *op = op_new(vs, OP_WRITE);

    op->expires_us = write->expires_us;
    op->token = write->token;
    op->one_value = write->one_value && !vs->behind;
    op->deleted = write->deleted;
    op->context = clock_copy(&op->arena, *write->context);
    op->content = content_copy(&op->arena, write->content);
    if (write->condition != NULL && condition_any(write->condition)) {
        op->conditional = true;
        op->condition = condition_copy(&op->arena, write->condition);
    }
    struct hot_place place = {write->partition, write->hint_for,
                              row_key_make(&out->arena, write->slot, &write->key)};
    hot_add(vs, &place, op, ev, out);
}

void vnodes_merge(struct vnodes *vs, const struct vnode_merge *merge, const struct event *ev,
                  struct outbox *out)
{
    struct op *op = op_new(vs, OP_MERGE);

    op->from = merge->from;
    op->behalf = merge->behalf;
    op->token = merge->token;
    op->durable = merge->durable;
    /* A hint keeps all: its target knows what the bucket keeps. */
    op->one_value = merge->one_value && !vs->behind && merge->hint_for == 0;
    op->record = blob_copy(merge->record);
    struct hot_place place = {merge->partition, merge->hint_for,
                              row_key_make(&out->arena, merge->slot, &merge->key)};
    hot_add(vs, &place, op, ev, out);
}

void vnodes_heal(struct vnodes *vs, uint32_t partition, uint32_t slot, const struct key *key,
                 const struct event *ev, struct outbox *out)
{
    struct op *op = op_new(vs, OP_HEAL);

    struct hot_place place = {partition, 0, row_key_make(&out->arena, slot, key)};
    hot_add(vs, &place, op, ev, out);
}

void vnodes_drop(struct vnodes *vs, const struct vnode_drop *drop, const struct event *ev,
                 struct outbox *out)
{
    struct op *op = op_new(vs, OP_DROP);
    struct hot_place place = {drop->partition, drop->target, drop->row_key};

    ASSERT(drop->target != 0);
    op->token = drop->token;
    op->durable = false;
    op->record = drop->record == NULL ? NULL : blob_ref(drop->record);
    hot_add(vs, &place, op, ev, out);
}

void vnodes_remove(struct vnodes *vs, const struct vnode_remove *remove, const struct event *ev,
                   struct outbox *out)
{
    struct op *op = op_new(vs, OP_REMOVE);
    struct hot_place place = {remove->partition, 0, remove->row_key};

    op->token = remove->token;
    op->durable = false;
    op->record = blob_copy(remove->digest);
    op->cutoff_us = remove->cutoff_us;
    hot_add(vs, &place, op, ev, out);
}

void vnodes_stored(struct vnodes *vs, const struct view *view, const struct event *ev,
                   struct outbox *out)
{
    uint64_t number = token_number(ev->u.stored.token);
    uint64_t low = number & ((UINT64_C(1) << VNODE_NUMBER_SHIFT) - 1);

    ASSERT(token_owner(ev->u.stored.token) == TOKEN_VNODE);
    switch ((enum vnode_number)(number >> VNODE_NUMBER_SHIFT)) {
    case NUMBER_LOAD: {
        struct hot *hot = hot_by_id(vs, low);
        if (hot != NULL)
            hot_loaded(vs, view, hot, ev, out);
        break;
    }
    case NUMBER_COMMIT: hot_committed(vs, low, ev, out); break;
    case NUMBER_LEASE: lease_stored(vs, vnode_at(vs, (uint32_t)low, false), ev, out); break;
    case NUMBER_CLOSE: vs->closed = true; break;
    case NUMBER_SUM: break;
    case NUMBER_AWAY: handover_stored(vs, (uint32_t)low, ev, out); break;
    }
}

const uint8_t *vnodes_holds(const struct vnodes *vs, bool *ret_any)
{
    *ret_any = vs->held > 0;
    return vs->holds;
}

bool vnodes_quiet(const struct vnodes *vs, uint32_t partition)
{
    const struct vnode *v = partition < SLOTS_MAX ? vs->table[partition] : NULL;

    return v == NULL || (v->hots == 0 && !v->asking);
}

void vnodes_dropped(struct vnodes *vs, uint32_t partition)
{
    struct vnode *v = vnode_at(vs, partition, false);

    ASSERT(vnodes_quiet(vs, partition));
    vnode_retire(v);
    v->has_row = false;
    handover_forget(v);
    if (!holds(vs, partition))
        return;
    vs->holds[partition / 8] &= (uint8_t) ~(1u << partition % 8);
    vs->held--;
}

bool vnodes_closed(const struct vnodes *vs)
{
    return vs->closed;
}

uint32_t vnodes_waiting(const struct vnodes *vs)
{
    return vs->waiting;
}

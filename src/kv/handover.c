/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/handover.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"
#include "model/moves.h"
#include "record/keys.h"

enum handover_state {
    HANDOVER_RELAY,
    HANDOVER_DRAIN,
    HANDOVER_STORE,
    HANDOVER_AWAY,
    HANDOVER_BACK,
    HANDOVER_OVER, /* its row is being deleted */
};

struct handover {
    struct list list; /* of all in the vnodes */
    struct vnode *vnode;
    enum handover_state state;
    uint64_t peer;
    uint64_t session;
    uint64_t token;    /* DRAIN, STORE: of the TAKE that is to be answered */
    uint32_t open;     /* relays that are not acknowledged */
    bool broken;       /* one of them never will be */
    bool gone;         /* STORE: the move is none any more */
    uint64_t until_us; /* DRAIN: when patience ends */
    struct list held;  /* operations that wait */
    uint32_t held_count;
};

/* A relay on its way. */
struct relay {
    struct map_node node; /* by id */
    uint32_t partition;
    uint64_t session;
};

static const uint64_t RELAY_BIT = UINT64_C(1) << 62;

bool handover_token(uint64_t peer_token)
{
    return peer_token >> 62 == 1;
}

static struct handover *handover_at(const struct vnodes *vs, uint32_t partition)
{
    ASSERT(partition < SLOTS_MAX);
    const struct vnode *v = vs->table[partition];
    return v == NULL ? NULL : v->handover;
}

static void handover_check(const struct handover *h)
{
    bool holds = h->state == HANDOVER_DRAIN || h->state == HANDOVER_STORE;

    ASSERT(h->vnode->handover == h);
    ASSERT(holds || h->held_count == 0);
    ASSERT(h->state != HANDOVER_STORE || (h->vnode->hots == 0 && h->open == 0));
    ASSERT(h->peer != 0);
}

static void handover_enter(struct vnodes *vs, struct handover *h, enum handover_state state)
{
    static const uint8_t may[] = {
        [HANDOVER_RELAY] = 1 << HANDOVER_DRAIN,
        [HANDOVER_DRAIN] = 1 << HANDOVER_RELAY | 1 << HANDOVER_STORE,
        [HANDOVER_STORE] = 1 << HANDOVER_AWAY | 1 << HANDOVER_BACK,
        [HANDOVER_AWAY] = 1 << HANDOVER_BACK | 1 << HANDOVER_OVER,
        [HANDOVER_BACK] = 1 << HANDOVER_OVER,
        [HANDOVER_OVER] = 1 << HANDOVER_BACK,
    };

    ASSERT((may[h->state] >> state & 1) != 0);
    vs->drains -= h->state == HANDOVER_DRAIN;
    vs->drains += state == HANDOVER_DRAIN;
    h->state = state;
}

static struct handover *handover_new(struct vnodes *vs, uint32_t partition, uint64_t peer,
                                     enum handover_state state)
{
    struct handover *h = mem_new(sizeof(*h));

    h->vnode = vnode_at(vs, partition, false);
    ASSERT(h->vnode->handover == NULL);
    h->vnode->handover = h;
    h->peer = peer;
    h->state = state;
    list_init(&h->held);
    list_append(&vs->handovers, &h->list);
    return h;
}

static void handover_free(struct handover *h)
{
    ASSERT(list_empty(&h->held));
    list_remove(&h->list);
    h->vnode->handover = NULL;
    mem_free(h);
}

void handovers_done(struct vnodes *vs)
{
    LIST_EACH_SAFE(at, &vs->handovers) {
        struct handover *h = CONTAINER_OF(at, struct handover, list);
        for (struct list *op = list_pop(&h->held); op != NULL; op = list_pop(&h->held))
            op_free(CONTAINER_OF(op, struct op, list));
        handover_free(h);
    }
    MAP_EACH(node, &vs->relays)
        mem_free(CONTAINER_OF(node, struct relay, node));
    map_done(&vs->relays);
}

enum err handovers_start(struct vnodes *vs, const struct stored_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t partition;
        uint64_t peer;
        if (!sys_move_row(rows[i].key, &partition))
            continue;
        TRY(sys_move_decode(rows[i].key, rows[i].value, &peer));
        handover_new(vs, partition, peer, HANDOVER_AWAY);
    }
    return ERR_OK;
}

/* ---- operations that come meanwhile ---- */

/* The new owner gets it, and answers the asker. */
static void hand_on(struct vnodes *vs, const struct handover *h, struct op *op,
                    struct bytes row_key, struct outbox *out)
{
    struct key key;
    uint32_t slot;

    if (op->kind != OP_MERGE || op->from == 0 || op->behalf != 0) {
        op_finish(vs, op, ERR_WRONG_OWNER, out);
        return;
    }
    enum err err = row_key_decode(&out->arena, row_key, &slot, &key);
    ASSERT(err == ERR_OK);
    struct output *output = outbox_add(out, OUT_SEND);
    output->u.send.to = h->peer;
    output->u.send.holds = blob_ref(op->record);
    output->u.send.msg.kind = PEER_PUT;
    output->u.send.msg.u.put = (struct peer_put){
        .token = op->token,
        .partition = h->vnode->partition,
        .key = key_copy(&out->arena, &key),
        .durable = op->durable,
        .asker = op->from,
        .record = blob_bytes(op->record),
    };
    vs->waiting--;
    op_free(op);
}

bool handover_takes(struct vnodes *vs, const struct hot_place *place, struct op *op,
                    struct outbox *out)
{
    struct handover *h = place->hint_for == 0 ? handover_at(vs, place->partition) : NULL;

    if (h == NULL)
        return false;
    switch (h->state) {
    case HANDOVER_RELAY:
    case HANDOVER_OVER: return false;
    case HANDOVER_DRAIN:
    case HANDOVER_STORE:
        if (h->held_count == HELD_MAX) {
            op_finish(vs, op, ERR_OVERLOAD, out);
            return true;
        }
        op->row_key = arena_copy(&op->arena, place->row_key);
        list_append(&h->held, &op->list);
        h->held_count++;
        return true;
    case HANDOVER_AWAY: hand_on(vs, h, op, place->row_key, out); return true;
    case HANDOVER_BACK:
        if (op->kind != OP_WRITE)
            return false;
        op_finish(vs, op, ERR_WRONG_OWNER, out);
        return true;
    }
    UNREACHABLE();
}

/* What waited goes on: here, or at the new owner. */
static void release(struct vnodes *vs, struct handover *h, const struct event *ev,
                    struct outbox *out)
{
    struct list ready;

    list_init(&ready);
    for (struct list *at = list_pop(&h->held); at != NULL; at = list_pop(&h->held))
        list_append(&ready, at);
    h->held_count = 0;
    for (struct list *at = list_pop(&ready); at != NULL; at = list_pop(&ready)) {
        struct op *op = CONTAINER_OF(at, struct op, list);
        struct hot_place place = {h->vnode->partition, 0, op->row_key};
        hot_add(vs, &place, op, ev, out);
    }
}

/* ---- relays ---- */

void handover_relay(struct vnodes *vs, struct vnode *v, struct bytes row_key, struct blob *record,
                    struct outbox *out)
{
    struct handover *h = v->handover;
    struct key key;
    uint32_t slot;

    if (h == NULL || (h->state != HANDOVER_RELAY && h->state != HANDOVER_DRAIN) || h->broken)
        return;
    if (h->open == RELAYS_OPEN_MAX) {
        h->broken = true;
        return;
    }
    enum err err = row_key_decode(&out->arena, row_key, &slot, &key);
    ASSERT(err == ERR_OK);
    struct relay *relay = mem_new(sizeof(*relay));
    relay->partition = v->partition;
    relay->session = h->session;
    map_add(&vs->relays, &relay->node, vs->next_id);
    h->open++;
    struct output *output = outbox_add(out, OUT_SEND);
    output->u.send.to = h->peer;
    output->u.send.holds = blob_ref(record);
    output->u.send.msg.kind = PEER_PUT;
    output->u.send.msg.u.put = (struct peer_put){
        .token = RELAY_BIT | vs->next_id++,
        .partition = v->partition,
        .key = key_copy(&out->arena, &key),
        .durable = true,
        .record = blob_bytes(record),
    };
}

static void answer(struct outbox *out, uint64_t to, uint64_t token, enum err err, bool forwards)
{
    struct peer_msg *msg = outbox_send(out, to, PEER_MOVED);

    msg->u.moved = (struct peer_moved){token, err, forwards};
}

/* DRAIN: nothing is in flight any more. */
static void settle(struct vnodes *vs, struct handover *h, const struct event *ev,
                   struct outbox *out)
{
    if (h->state != HANDOVER_DRAIN)
        return;
    if (h->broken) {
        handover_enter(vs, h, HANDOVER_RELAY);
        answer(out, h->peer, h->token, ERR_STALE, false);
        release(vs, h, ev, out);
        return;
    }
    if (h->vnode->hots > 0 || h->open > 0)
        return;
    handover_enter(vs, h, HANDOVER_STORE);
    struct store_row *row = ARENA_NEW(&out->arena, struct store_row);
    struct bytes key = sys_move_key(&out->arena, h->vnode->partition);
    *row = (struct store_row){FAMILY_SYS, key, sys_move_blob(key, h->peer)};
    commit_rows(NUMBER_AWAY, h->vnode->partition, row, 1, out);
}

void handover_acked(struct vnodes *vs, uint64_t from, const struct peer_put_ack *ack,
                    const struct event *ev, struct outbox *out)
{
    struct map_node *node = map_find(&vs->relays, ack->token & ~RELAY_BIT);

    ASSERT(handover_token(ack->token));
    if (node == NULL)
        return;
    struct relay *relay = CONTAINER_OF(node, struct relay, node);
    struct handover *h = handover_at(vs, relay->partition);
    if (h == NULL || h->session != relay->session || h->peer != from) {
        /* Of a session that is over. */
        map_remove(&vs->relays, &relay->node);
        mem_free(relay);
        return;
    }
    map_remove(&vs->relays, &relay->node);
    mem_free(relay);
    ASSERT(h->open > 0);
    h->open--;
    if (ack->err != ERR_OK || !ack->durable)
        h->broken = true;
    settle(vs, h, ev, out);
}

void handover_idle(struct vnodes *vs, struct vnode *v)
{
    if (v->handover != NULL && v->handover->state == HANDOVER_DRAIN && v->hots == 0)
        vs->handover_look = true;
}

/* ---- who asks ---- */

static bool wanted(const struct view *view, uint32_t partition, uint64_t peer)
{
    const struct document *d = view->document;
    struct move move = move_next(d, partition);

    return move.kind == MOVE_ONE && move.from == view->self_index && d->members[move.to].id == peer;
}

uint32_t handover_count(const struct vnodes *vs)
{
    uint32_t count = 0;

    LIST_EACH(at, &vs->handovers)
        count += CONTAINER_OF(at, struct handover, list)->state < HANDOVER_AWAY;
    return count;
}

/* Every attempt is a new session: what an earlier one relayed counts for nothing. */
static enum err start(struct vnodes *vs, const struct peer_move *move, uint64_t from,
                      struct handover *h)
{
    if (h == NULL) {
        if (handover_count(vs) >= vs->config->transfers_max)
            return ERR_BUSY;
        h = handover_new(vs, move->partition, from, HANDOVER_RELAY);
    } else if (h->session == move->session && h->peer == from) {
        return h->broken ? ERR_STALE : ERR_OK; /* it came twice */
    } else if (h->state != HANDOVER_RELAY) {
        return ERR_BUSY;
    }
    h->peer = from;
    h->session = move->session;
    h->open = 0;
    h->broken = false;
    return ERR_OK;
}

static enum err take(struct vnodes *vs, const struct peer_move *move, uint64_t from,
                     struct handover *h, const struct event *ev, struct outbox *out)
{
    if (h == NULL || h->peer != from || h->session != move->session || h->broken)
        return ERR_STALE;
    if (h->state != HANDOVER_RELAY && h->state != HANDOVER_DRAIN && h->state != HANDOVER_STORE)
        return ERR_STALE;
    h->token = move->token;
    if (h->state != HANDOVER_RELAY)
        return ERR_OK;
    handover_enter(vs, h, HANDOVER_DRAIN);
    h->until_us = ev->mono_us + (uint64_t)DRAIN_PATIENCE_MS * 1000;
    settle(vs, h, ev, out);
    return ERR_OK;
}

void handover_asked(struct vnodes *vs, const struct view *view, uint64_t from,
                    const struct peer_move *move, const struct event *ev, struct outbox *out)
{
    if (view->document == NULL || move->partition >= view->ring.partitions ||
        move->epoch > view_epoch(view)) {
        answer(out, from, move->token, ERR_BUSY, false);
        return;
    }
    struct handover *h = handover_at(vs, move->partition);
    bool away = !handover_serves(vs, move->partition);
    if (move->step == MOVE_LOOK) {
        bool serves = !away && view_owns(view, move->partition);
        answer(out, from, move->token, serves ? ERR_OK : ERR_WRONG_OWNER, false);
        return;
    }
    if (h != NULL && h->state == HANDOVER_AWAY && h->peer == from) {
        answer(out, from, move->token, ERR_OK, true);
        return;
    }
    if (away || !wanted(view, move->partition, from)) {
        answer(out, from, move->token, ERR_WRONG_OWNER, false);
        return;
    }
    enum err err =
        move->step == MOVE_START ? start(vs, move, from, h) : take(vs, move, from, h, ev, out);
    if (err != ERR_OK || move->step == MOVE_START)
        answer(out, from, move->token, err, false);
}

/* ---- the row ---- */

void handover_stored(struct vnodes *vs, uint32_t partition, const struct event *ev,
                     struct outbox *out)
{
    struct handover *h = handover_at(vs, partition);
    bool failed = ev->u.stored.err != ERR_OK;

    if (h == NULL)
        return; /* dropped meanwhile */
    if (h->state == HANDOVER_OVER) {
        if (failed)
            handover_enter(vs, h, HANDOVER_BACK);
        else
            handover_free(h);
        return;
    }
    ASSERT(h->state == HANDOVER_STORE);
    /* After a failed commit nobody knows whether the row is there: nothing is answered here until
     * all that the other may have taken is back. */
    handover_enter(vs, h, failed || h->gone ? HANDOVER_BACK : HANDOVER_AWAY);
    vs->handover_changed = h->state == HANDOVER_BACK;
    if (!failed) {
        outbox_trace(out, TRACE_MOVE_AWAY, partition, h->peer, 0);
        if (!h->gone)
            answer(out, h->peer, h->token, ERR_OK, true);
    }
    release(vs, h, ev, out);
    handover_check(h);
}

void handover_end(struct vnodes *vs, uint32_t partition, struct outbox *out)
{
    struct handover *h = handover_at(vs, partition);

    if (h == NULL || (h->state != HANDOVER_AWAY && h->state != HANDOVER_BACK))
        return;
    handover_enter(vs, h, HANDOVER_OVER);
    struct store_row *row = ARENA_NEW(&out->arena, struct store_row);
    *row = (struct store_row){FAMILY_SYS, sys_move_key(&out->arena, partition), NULL};
    commit_rows(NUMBER_AWAY, partition, row, 1, out);
}

void handover_forget(struct vnode *v)
{
    if (v->handover == NULL)
        return;
    ASSERT(v->handover->state >= HANDOVER_AWAY);
    handover_free(v->handover);
}

/* ---- what changes around it ---- */

/* RELAY, DRAIN: the move is none any more, or its other end went away. */
static void give_up(struct vnodes *vs, struct handover *h, const struct event *ev,
                    struct outbox *out)
{
    if (h->state == HANDOVER_DRAIN)
        handover_enter(vs, h, HANDOVER_RELAY);
    h->broken = true;
    release(vs, h, ev, out);
    handover_free(h);
}

void handover_epoch(struct vnodes *vs, const struct view *view, const struct event *ev,
                    struct outbox *out)
{
    LIST_EACH_SAFE(at, &vs->handovers) {
        struct handover *h = CONTAINER_OF(at, struct handover, list);
        uint32_t partition = h->vnode->partition;
        bool goes = wanted(view, partition, h->peer);
        bool owns = view_owns(view, partition);
        switch (h->state) {
        case HANDOVER_RELAY:
        case HANDOVER_DRAIN:
            if (!goes)
                give_up(vs, h, ev, out);
            break;
        case HANDOVER_STORE: h->gone = !goes && owns; break;
        case HANDOVER_AWAY:
            if (!goes && owns)
                handover_enter(vs, h, HANDOVER_BACK);
            break;
        case HANDOVER_BACK:
        case HANDOVER_OVER: break;
        }
    }
}

void handover_link_down(struct vnodes *vs, uint64_t node, const struct event *ev,
                        struct outbox *out)
{
    LIST_EACH_SAFE(at, &vs->handovers) {
        struct handover *h = CONTAINER_OF(at, struct handover, list);
        if (h->peer == node && (h->state == HANDOVER_RELAY || h->state == HANDOVER_DRAIN))
            give_up(vs, h, ev, out);
    }
}

void handover_time(struct vnodes *vs, const struct event *ev, struct outbox *out)
{
    if (handover_deadline_us(vs) > ev->mono_us)
        return;
    LIST_EACH_SAFE(at, &vs->handovers) {
        struct handover *h = CONTAINER_OF(at, struct handover, list);
        settle(vs, h, ev, out);
        if (h->state != HANDOVER_DRAIN || h->until_us > ev->mono_us)
            continue;
        handover_enter(vs, h, HANDOVER_RELAY);
        answer(out, h->peer, h->token, ERR_BUSY, false);
        release(vs, h, ev, out);
    }
    vs->handover_look = false;
}

uint64_t handover_deadline_us(const struct vnodes *vs)
{
    uint64_t at_us = UINT64_MAX;

    if (vs->drains == 0)
        return at_us;
    if (vs->handover_look)
        return 0;
    LIST_EACH(at, &vs->handovers) {
        const struct handover *h = CONTAINER_OF(at, struct handover, list);
        if (h->state == HANDOVER_DRAIN && h->until_us < at_us)
            at_us = h->until_us;
    }
    return at_us;
}

/* ---- looks ---- */

uint64_t handover_away(const struct vnodes *vs, uint32_t partition)
{
    const struct handover *h = handover_at(vs, partition);

    return h != NULL && h->state == HANDOVER_AWAY ? h->peer : 0;
}

uint64_t handover_peer(const struct vnodes *vs, uint32_t partition)
{
    const struct handover *h = handover_at(vs, partition);

    return h == NULL ? 0 : h->peer;
}

bool handover_changed(struct vnodes *vs)
{
    bool changed = vs->handover_changed;

    vs->handover_changed = false;
    return changed;
}

bool handover_back(const struct vnodes *vs, uint32_t partition)
{
    const struct handover *h = handover_at(vs, partition);

    return h != NULL && (h->state == HANDOVER_BACK || h->state == HANDOVER_OVER);
}

bool handover_serves(const struct vnodes *vs, uint32_t partition)
{
    const struct handover *h = handover_at(vs, partition);

    return h == NULL || h->state < HANDOVER_AWAY;
}

bool handover_any(const struct vnodes *vs, uint32_t partition)
{
    return handover_at(vs, partition) != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/exchange.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/digests.h"
#include "kv/limits.h"
#include "kv/transfers.h"
#include "model/expiry.h"
#include "msg/limits.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/meta.h"

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_SCAN,
    EXCHANGE_ASK,
    EXCHANGE_MOVE,
    EXCHANGE_REST,
    EXCHANGE_SYNC,
    EXCHANGE_DONE,
};

enum parcel_state { PARCEL_WAITING, PARCEL_GET, PARCEL_PUT, PARCEL_OVER };

/* An object that goes from one side to the other. */
struct parcel {
    enum parcel_state state;
    bool pull;        /* from the peer to here; else the other way */
    struct key key;   /* in the machine's arena */
    uint64_t expects; /* bytes that it may have */
};

struct exchange {
    struct machine m; /* its arena: what belongs to the page */
    enum exchange_state state;
    struct exchange_result result;
    struct buf from;         /* where the page begins */
    struct bytes end;        /* the first place after the partition */
    struct stored_row *rows; /* ours in the page */
    uint32_t rows_count;
    struct bytes to;   /* the page's last row; empty: it goes to the end of the partition */
    struct bytes next; /* where the next page begins; empty: there is none */
    uint64_t page_bytes;
    uint64_t cutoff_us;
    struct parcel *parcels;
    uint32_t parcels_count, begun, over;
    uint64_t expected; /* bytes on their way */
};

/* The number in the token of a page's question; below it are those of the parcels. */
enum { ASK_NUMBER = (1 << MACHINE_NUMBER_BITS) - 1 };

static struct exchange *exchange_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_EXCHANGE);
    return CONTAINER_OF(machine, struct exchange, m);
}

static void exchange_check(const struct exchange *x)
{
    ASSERT(x->over <= x->begun);
    ASSERT(x->begun - x->over <= EXCHANGE_ROWS);
    ASSERT(x->begun <= x->parcels_count);
    ASSERT(x->parcels_count < ASK_NUMBER);
    ASSERT(x->begun > x->over || x->expected == 0);
    ASSERT(x->state != EXCHANGE_MOVE || x->over < x->begun);
    ASSERT(x->state == EXCHANGE_MOVE || x->state == EXCHANGE_DONE || x->over == x->parcels_count);
    ASSERT(!x->m.renew || x->state == EXCHANGE_REST);
}

static void exchange_enter(struct exchange *x, enum exchange_state state)
{
    static const uint8_t after_page = 1 << EXCHANGE_REST | 1 << EXCHANGE_SYNC | 1 << EXCHANGE_DONE;
    static const uint8_t may[] = {
        [EXCHANGE_NEW] = 1 << EXCHANGE_SCAN | 1 << EXCHANGE_DONE,
        [EXCHANGE_SCAN] = 1 << EXCHANGE_ASK | 1 << EXCHANGE_DONE,
        [EXCHANGE_ASK] = 1 << EXCHANGE_MOVE | after_page,
        [EXCHANGE_MOVE] = after_page,
        [EXCHANGE_REST] = 1 << EXCHANGE_SCAN | 1 << EXCHANGE_DONE,
        [EXCHANGE_SYNC] = 1 << EXCHANGE_DONE,
        [EXCHANGE_DONE] = 0,
    };

    ASSERT((may[x->state] >> state & 1) != 0);
    x->state = state;
    x->m.done = state == EXCHANGE_DONE;
}

static void exchange_end(struct exchange *x, const struct kv_env *env, enum err err,
                         const struct event *ev, struct outbox *out)
{
    const struct exchange_order *order = &x->result.order;

    x->result.err = err;
    outbox_trace(out, TRACE_EXCHANGE, order->partition, order->peer, (uint64_t)err);
    transfers_exchanged(env->transfers, &x->result, ev, out);
    exchange_enter(x, EXCHANGE_DONE);
}

/* Somebody owes an answer: with so much to carry before it, at a megabyte a second at worst. */
static void await(struct exchange *x, const struct event *ev)
{
    x->m.deadline_us = ev->mono_us + (uint64_t)EXCHANGE_WAIT_MS * 1000 + x->expected;
}

/* Reads our own page. What the last one left is forgotten only here: outputs of the step in which
 * it ended may point there. */
static void page_scan(struct exchange *x, const struct kv_env *env, struct outbox *out)
{
    struct row_range range =
        digests_range(&out->arena, &env->view->ring, x->result.order.partition);

    buf_reset(&x->from);
    buf_put(&x->from, x->state == EXCHANGE_NEW ? range.from : x->next);
    ASSERT(!x->from.overflow);
    arena_reset(&x->m.arena);
    x->end = arena_copy(&x->m.arena, range.end);
    x->page_bytes = 0;
    x->parcels_count = 0;
    x->begun = 0;
    x->over = 0;
    digests_scan(token_of(TOKEN_MACHINE, x->m.id), buf_bytes(&x->from), range.end, out);
    x->m.deadline_us = 0;
    exchange_enter(x, EXCHANGE_SCAN);
}

static void page_ask(struct exchange *x, const struct kv_env *env, const struct event *ev,
                     struct outbox *out)
{
    struct peer_msg *msg = outbox_send(out, x->result.order.peer, PEER_DIGESTS);

    msg->u.digests = (struct peer_digests){
        .token = machine_token(&x->m, ASK_NUMBER),
        .epoch = view_epoch(env->view),
        .partition = x->result.order.partition,
        .from = arena_copy(&out->arena, buf_bytes(&x->from)),
        .to = arena_copy(&out->arena, x->to),
        .cutoff_us = x->cutoff_us,
        .rows = x->rows_count,
        .hash = digests_hash(x->rows, x->rows_count),
    };
    await(x, ev);
    exchange_enter(x, EXCHANGE_ASK);
}

static void page_on_rows(struct exchange *x, const struct kv_env *env, const struct event *ev,
                         struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;

    if (stored->err != ERR_OK) {
        exchange_end(x, env, stored->err, ev, out);
        return;
    }
    ASSERT(!stored->more || stored->rows_count > 0);
    x->rows = arena_alloc_array(&x->m.arena, stored->rows_count, sizeof(x->rows[0]));
    x->rows_count = stored->rows_count;
    for (uint32_t i = 0; i < stored->rows_count; i++) {
        x->rows[i].key = arena_copy(&x->m.arena, stored->rows[i].key);
        x->rows[i].value = arena_copy(&x->m.arena, stored->rows[i].value);
        x->page_bytes += x->rows[i].key.len + x->rows[i].value.len;
    }
    x->to = stored->more ? x->rows[x->rows_count - 1].key : BYTES_NONE;
    x->cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    x->rows_count = digests_standing(&out->arena, x->rows, x->rows_count, x->cutoff_us);
    page_ask(x, env, ev, out);
}

/* What was compared is equal now, or counted as left. */
static void page_end(struct exchange *x, const struct kv_env *env, const struct event *ev,
                     struct outbox *out)
{
    ASSERT(x->over == x->parcels_count);
    if (x->next.len > 0) {
        x->m.deadline_us =
            ev->mono_us + 1 + x->page_bytes * UINT64_C(1000000) / env->config->transfers_rate;
        x->m.renew = true;
        exchange_enter(x, EXCHANGE_REST);
        return;
    }
    if (!x->result.order.pull) {
        exchange_end(x, env, ERR_OK, ev, out);
        return;
    }
    /* Rows of ours that cover the peer's may have been written without a sync. */
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;
    op->verb = STORE_COMMIT;
    op->token = token_of(TOKEN_MACHINE, x->m.id);
    op->durable = true;
    x->m.deadline_us = 0;
    exchange_enter(x, EXCHANGE_SYNC);
}

/* ---- objects on their way ---- */

static uint64_t parcel_holder(const struct exchange *x, const struct parcel *parcel,
                              const struct view *view)
{
    return parcel->pull ? x->result.order.peer : view->self;
}

static uint64_t parcel_receiver(const struct exchange *x, const struct parcel *parcel,
                                const struct view *view)
{
    return parcel->pull ? view->self : x->result.order.peer;
}

static void parcel_get(struct exchange *x, const struct kv_env *env, struct parcel *parcel,
                       struct outbox *out)
{
    struct peer_msg *msg = outbox_send(out, parcel_holder(x, parcel, env->view), PEER_GET);

    ASSERT(parcel->state == PARCEL_WAITING);
    parcel->state = PARCEL_GET;
    x->expected += parcel->expects;
    x->begun++;
    msg->u.get = (struct peer_get){
        .token = machine_token(&x->m, (unsigned)(parcel - x->parcels)),
        .epoch = view_epoch(env->view),
        .partition = x->result.order.partition,
        .key = parcel->key,
        .full = true,
        .any = true,
    };
}

static void parcel_put(struct exchange *x, const struct kv_env *env, struct parcel *parcel,
                       struct bytes record, struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_SEND);
    struct blob *blob = blob_copy(record);

    ASSERT(parcel->state == PARCEL_GET);
    parcel->state = PARCEL_PUT;
    x->page_bytes += record.len;
    x->result.bytes += record.len;
    output->u.send.to = parcel_receiver(x, parcel, env->view);
    output->u.send.holds = blob;
    output->u.send.msg.kind = PEER_PUT;
    output->u.send.msg.u.put = (struct peer_put){
        .token = machine_token(&x->m, (unsigned)(parcel - x->parcels)),
        .epoch = view_epoch(env->view),
        .partition = x->result.order.partition,
        .key = parcel->key,
        .durable = true,
        .record = blob_bytes(blob),
    };
}

static void parcel_over(struct exchange *x, struct parcel *parcel, bool arrived)
{
    ASSERT(parcel->state == PARCEL_GET || parcel->state == PARCEL_PUT);
    ASSERT(x->expected >= parcel->expects);
    ASSERT(!arrived || parcel->state == PARCEL_PUT);
    parcel->state = PARCEL_OVER;
    x->expected -= parcel->expects;
    x->over++;
    if (!arrived)
        x->result.left++;
    else if (parcel->pull)
        x->result.pulled++;
    else
        x->result.pushed++;
}

/* Sends as many on their way as may be. */
static void parcels_go(struct exchange *x, const struct kv_env *env, struct outbox *out)
{
    while (x->begun < x->parcels_count && x->begun - x->over < EXCHANGE_ROWS) {
        struct parcel *parcel = &x->parcels[x->begun];
        if (x->begun > x->over && x->expected + parcel->expects > EXCHANGE_BYTES)
            return;
        parcel_get(x, env, parcel, out);
    }
}

/* The parcel that an answer of `from` is about; NULL when it is none that is awaited. */
static struct parcel *parcel_awaited(struct exchange *x, const struct kv_env *env, uint64_t token,
                                     uint64_t from, enum parcel_state state, struct outbox *out)
{
    unsigned number = machine_number(token);

    if (number < x->begun && x->parcels[number].state == state) {
        struct parcel *parcel = &x->parcels[number];
        uint64_t to = state == PARCEL_GET ? parcel_holder(x, parcel, env->view)
                                          : parcel_receiver(x, parcel, env->view);
        if (to == from)
            return parcel;
    }
    outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
    return NULL;
}

static void parcel_on_peer(struct exchange *x, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct peer_msg *msg = ev->u.peer.msg;
    uint64_t from = ev->u.peer.from;
    struct parcel *parcel = NULL;

    if (msg->kind == PEER_GOT) {
        const struct peer_got *got = &msg->u.got;
        parcel = parcel_awaited(x, env, got->token, from, PARCEL_GET, out);
        if (parcel != NULL && got->err == ERR_OK && got->full)
            parcel_put(x, env, parcel, got->record, out);
        else if (parcel != NULL)
            parcel_over(x, parcel, false);
    } else if (msg->kind == PEER_PUT_ACK) {
        const struct peer_put_ack *ack = &msg->u.put_ack;
        parcel = parcel_awaited(x, env, ack->token, from, PARCEL_PUT, out);
        if (parcel != NULL)
            parcel_over(x, parcel, ack->err == ERR_OK && ack->durable);
    }
    if (parcel == NULL)
        return;
    parcels_go(x, env, out);
    if (x->over == x->parcels_count)
        page_end(x, env, ev, out);
    else
        await(x, ev);
}

/* ---- what differs ---- */

/* One row of the page, at one side. */
struct side {
    const struct meta *meta; /* NULL: there is no row, or its digest is damaged */
    bool there;
};

/* Whether the object is to be at the node: in the first places of a replica list only those buckets
 * are that have so many replicas. Who is in no list yet wants all. */
static bool expected_at(const struct view *view, uint32_t partition, const struct key *key,
                        uint64_t node)
{
    const struct props *props = document_props(view->document, key->type, key->bucket);
    uint16_t index = view_index(view, node);

    return props == NULL || index == RING_NOBODY ||
           !ring_owns(&view->ring, partition, view->ring.n_max, index) ||
           ring_owns(&view->ring, partition, props->n_val, index);
}

static void parcel_add(struct exchange *x, bool pull, const struct key *key,
                       const struct side *side)
{
    uint64_t bytes = side->meta == NULL ? EXCHANGE_BYTES : side->meta->bytes;

    /* The peer says so. */
    if (bytes > PEER_FRAME_BYTES_MAX)
        bytes = PEER_FRAME_BYTES_MAX;
    x->parcels[x->parcels_count++] = (struct parcel){.pull = pull, .key = *key, .expects = bytes};
}

/* Whether what `to` has must be made up from what `from` has. */
static bool lacks(const struct side *to, const struct side *from)
{
    if (!from->there)
        return false;
    return to->meta == NULL || from->meta == NULL || !meta_covers(to->meta, from->meta);
}

static void row_compare(struct exchange *x, const struct kv_env *env, struct bytes row_key,
                        const struct side *ours, const struct side *theirs)
{
    const struct exchange_order *order = &x->result.order;
    struct bytes copy = arena_copy(&x->m.arena, row_key);
    struct key key;
    uint32_t slot;

    ASSERT(ours->there || theirs->there);
    x->result.rows++;
    /* Nothing can be sent of what is stored under no key; theirs were looked at. */
    if (row_key_decode(&x->m.arena, copy, &slot, &key) != ERR_OK) {
        x->result.left += order->push;
        return;
    }
    if (order->pull && lacks(ours, theirs) &&
        expected_at(env->view, order->partition, &key, env->view->self))
        parcel_add(x, true, &key, theirs);
    if (order->push && lacks(theirs, ours) &&
        expected_at(env->view, order->partition, &key, order->peer))
        parcel_add(x, false, &key, ours);
}

/* Our own digest. A damaged one is healed: the object beside it may be sound. */
static struct side our_side(struct exchange *x, const struct kv_env *env,
                            const struct stored_row *row, const struct event *ev,
                            struct outbox *out)
{
    uint32_t partition = x->result.order.partition;
    struct meta *meta = NULL;
    struct key key;
    uint32_t slot;
    enum err err = record_meta_decode(&out->arena, row->key, row->value, &meta);

    if (err == ERR_CORRUPT && row_key_decode(&out->arena, row->key, &slot, &key) == ERR_OK) {
        outbox_trace(out, TRACE_CORRUPT_ROW, partition, 0, 0);
        vnodes_heal(env->vnodes, partition, slot, &key, ev, out);
    }
    return (struct side){meta, true};
}

static struct side their_side(const struct peer_row *row, struct outbox *out)
{
    struct meta *meta = NULL;
    enum err err = record_meta_decode(&out->arena, row->key, row->record, &meta);

    return (struct side){err == ERR_OK ? meta : NULL, true};
}

/* Merges both lists, in order of row keys; ours up to `last` (empty: all). */
static void page_compare(struct exchange *x, const struct kv_env *env,
                         const struct peer_digested *told, struct bytes last,
                         const struct event *ev, struct outbox *out)
{
    const struct side none = {NULL, false};
    uint32_t i = 0, j = 0;

    x->parcels = arena_alloc_array(&x->m.arena, 2 * ((size_t)x->rows_count + told->rows_count),
                                   sizeof(x->parcels[0]));
    for (;;) {
        bool ours = i < x->rows_count && (last.len == 0 || bytes_cmp(x->rows[i].key, last) <= 0);
        bool theirs = j < told->rows_count;
        if (!ours && !theirs)
            return;
        int order = !ours ? 1 : !theirs ? -1 : bytes_cmp(x->rows[i].key, told->rows[j].key);
        struct bytes key = order <= 0 ? x->rows[i].key : told->rows[j].key;
        struct side a = order <= 0 ? our_side(x, env, &x->rows[i++], ev, out) : none;
        struct side b = order >= 0 ? their_side(&told->rows[j++], out) : none;
        row_compare(x, env, key, &a, &b);
    }
}

/* Whether the peer's page is one: row keys of the partition in order, within what was asked for,
 * and none too many to be told apart. */
static bool page_sound(const struct exchange *x, const struct kv_env *env,
                       const struct peer_digested *told, struct outbox *out)
{
    struct bytes at = buf_bytes(&x->from);
    struct bytes most = told->done ? x->to : told->last_row;
    struct key key;
    uint32_t slot;

    if (told->rows_count > DIGESTS_ROWS_MAX)
        return false;
    for (uint32_t j = 0; j < told->rows_count; j++) {
        struct bytes row = told->rows[j].key;
        int order = bytes_cmp(row, at);
        if (order < 0 || (order == 0 && j > 0) || (most.len > 0 && bytes_cmp(row, most) > 0) ||
            row_key_decode(&out->arena, row, &slot, &key) != ERR_OK || !key_fits(&key) ||
            slot >= env->view->ring.slots ||
            ring_partition(&env->view->ring, slot) != x->result.order.partition)
            return false;
        at = row;
    }
    if (told->done)
        return true;
    return bytes_cmp(told->last_row, at) >= 0 && bytes_cmp(told->last_row, x->end) < 0 &&
           (x->to.len == 0 || bytes_cmp(told->last_row, x->to) <= 0);
}

static void page_on_answer(struct exchange *x, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct peer_digested *told = &ev->u.peer.msg->u.digested;
    struct bytes last = told->same || told->done ? x->to : told->last_row;

    if (machine_number(told->token) != ASK_NUMBER || ev->u.peer.from != x->result.order.peer) {
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
        return;
    }
    ASSERT(x->over == 0 && x->parcels_count == 0);
    if (told->err != ERR_OK) {
        exchange_end(x, env, told->err, ev, out);
        return;
    }
    if (!told->same && !page_sound(x, env, told, out)) {
        exchange_end(x, env, ERR_MALFORMED, ev, out);
        return;
    }
    x->next = last.len == 0 ? BYTES_NONE : row_key_after(&x->m.arena, last);
    if (told->same) {
        x->result.rows += x->rows_count;
    } else {
        for (uint32_t j = 0; j < told->rows_count; j++)
            x->page_bytes += told->rows[j].key.len + told->rows[j].record.len;
        page_compare(x, env, told, last, ev, out);
    }
    if (x->parcels_count == 0) {
        page_end(x, env, ev, out);
        return;
    }
    parcels_go(x, env, out);
    await(x, ev);
    exchange_enter(x, EXCHANGE_MOVE);
}

/* ---- the machine ---- */

static void exchange_on_peer(struct exchange *x, const struct kv_env *env, const struct event *ev,
                             struct outbox *out)
{
    bool digested = ev->u.peer.msg->kind == PEER_DIGESTED;

    if (x->state == EXCHANGE_ASK && digested)
        page_on_answer(x, env, ev, out);
    else if (x->state == EXCHANGE_MOVE && !digested)
        parcel_on_peer(x, env, ev, out);
    else
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
}

static void exchange_on_stored(struct exchange *x, const struct kv_env *env, const struct event *ev,
                               struct outbox *out)
{
    ASSERT(x->state == EXCHANGE_SCAN || x->state == EXCHANGE_SYNC);
    if (x->state == EXCHANGE_SCAN)
        page_on_rows(x, env, ev, out);
    else
        exchange_end(x, env, ev->u.stored.err, ev, out);
}

void exchange_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                   struct outbox *out)
{
    struct exchange *x = exchange_of(machine);

    ASSERT(x->state != EXCHANGE_DONE);
    if (ev->kind == EV_STORED)
        exchange_on_stored(x, env, ev, out);
    else if (ev->kind == EV_PEER)
        exchange_on_peer(x, env, ev, out);
    else if (ev->kind == EV_LINK_DOWN && ev->u.link.node == x->result.order.peer)
        exchange_end(x, env, ERR_UNREACHABLE, ev, out);
    else if (ev->kind == EV_STOP)
        exchange_end(x, env, ERR_STOPPING, ev, out);
    else if (ev->kind == EV_DEADLINE && x->state == EXCHANGE_REST)
        page_scan(x, env, out);
    else if (ev->kind == EV_DEADLINE)
        exchange_end(x, env, ERR_TIMEOUT, ev, out);
    exchange_check(x);
}

struct machine *exchange_new(const struct kv_env *env, uint64_t id,
                             const struct exchange_order *order, const struct event *ev,
                             struct outbox *out)
{
    struct exchange *x = mem_new(sizeof(*x));
    uint16_t at = view_index(env->view, order->peer);

    ASSERT(order->peer != env->view->self);
    ASSERT(order->pull || order->push);
    ASSERT(order->partition < env->view->ring.partitions);
    machine_begin(&x->m, MACHINE_EXCHANGE, id, (struct asker){ASKER_NOBODY, 0, 0}, 0, ev);
    x->result.order = *order;
    buf_init(&x->from, ROW_PLACE_BYTES_MAX);
    if (at == RING_NOBODY || !env->view->members[at].up)
        exchange_end(x, env, ERR_UNREACHABLE, ev, out);
    else
        page_scan(x, env, out);
    exchange_check(x);
    return &x->m;
}

void exchange_free(struct machine *machine)
{
    struct exchange *x = exchange_of(machine);

    buf_done(&x->from);
    arena_done(&x->m.arena);
    mem_free(x);
}

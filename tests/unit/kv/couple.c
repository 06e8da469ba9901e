/* SPDX-License-Identifier: Apache-2.0 */
#include "couple.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"

enum { PAUSE_MOST_US = 5000000 };

/* ---- the stores ---- */

static int row_order(const struct stage_row *row, enum store_family family, struct bytes key)
{
    if (row->family != family)
        return row->family < family ? -1 : 1;
    return bytes_cmp(row->key, key);
}

/* Where the row is, or would be. */
static uint32_t row_place(const struct couple_node *n, enum store_family family, struct bytes key)
{
    uint32_t low = 0, high = n->rows_count;

    while (low < high) {
        uint32_t at = (low + high) / 2;
        if (row_order(&n->rows[at], family, key) < 0)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

static struct stage_row *row_find(struct couple_node *n, enum store_family family, struct bytes key)
{
    uint32_t at = row_place(n, family, key);

    return at < n->rows_count && row_order(&n->rows[at], family, key) == 0 ? &n->rows[at] : NULL;
}

/* Takes over the reference; NULL deletes. */
static void row_put(struct couple_node *n, enum store_family family, struct bytes key,
                    struct blob *value)
{
    struct stage_row *row = row_find(n, family, key);
    uint32_t at = row_place(n, family, key);

    if (row != NULL) {
        blob_unref(row->value);
        row->value = value;
        if (value == NULL) {
            memmove(row, row + 1, (n->rows_count - at - 1) * sizeof(*row));
            n->rows_count--;
        }
    } else if (value != NULL) {
        ASSERT(n->rows_count < COUPLE_ROWS_MAX);
        memmove(&n->rows[at + 1], &n->rows[at], (n->rows_count - at) * sizeof(n->rows[0]));
        n->rows[at] = (struct stage_row){family, arena_copy(&n->stage.arena, key), value};
        n->rows_count++;
    }
}

/* ---- the couple ---- */

void couple_begin(struct couple *c, uint32_t nodes, uint32_t n_max)
{
    memset(c, 0, sizeof(*c));
    arena_init(&c->arena);
    c->queue = mem_new(COUPLE_QUEUE_MAX * sizeof(c->queue[0]));
    c->next_id = 77;
    for (unsigned i = 0; i < 2; i++) {
        struct couple_node *n = &c->nodes[i];
        stage_begin(&n->stage, nodes, n_max);
        n->stage.view.self = i + 1;
        n->stage.view.self_index = (uint16_t)i;
        n->replicas = replicas_new();
        n->digests = digests_new();
        n->transfers = n->stage.transfers;
        n->rows = mem_new(COUPLE_ROWS_MAX * sizeof(n->rows[0]));
    }
}

static void act_free(struct couple_act *act)
{
    for (uint32_t r = 0; !act->is_message && r < act->op.rows_count; r++)
        blob_unref(act->op.rows[r].value);
}

void couple_end(struct couple *c)
{
    for (uint32_t i = 0; i < c->queued; i++)
        act_free(&c->queue[i]);
    if (c->exchange != NULL)
        exchange_free(c->exchange);
    for (unsigned i = 0; i < 2; i++) {
        struct couple_node *n = &c->nodes[i];
        for (uint32_t r = 0; r < n->rows_count; r++)
            blob_unref(n->rows[r].value);
        mem_free(n->rows);
        digests_free(n->digests);
        replicas_free(n->replicas);
        stage_end(&n->stage);
    }
    mem_free(c->queue);
    arena_done(&c->arena);
}

struct key couple_key(struct couple *c, uint32_t partition, uint32_t number)
{
    struct stage *s = &c->nodes[0].stage;
    char text[16];

    for (uint32_t i = 0;; i++) {
        snprintf(text, sizeof(text), "%u.%u", number, i);
        struct key key = stage_key(text);
        if (stage_partition(s, &key) != partition)
            continue;
        key.key = arena_copy(&s->arena, key.key);
        return key;
    }
}

void couple_store(struct couple *c, unsigned node, const struct key *key,
                  const struct object *object)
{
    struct couple_node *n = &c->nodes[node];
    struct bytes row_key = stage_row_key(&n->stage, key);

    row_put(n, FAMILY_OBJECT, row_key, record_object_blob(row_key, object));
    row_put(n, FAMILY_META, row_key, record_meta_blob(row_key, meta_of(&n->stage.arena, object)));
}

struct stage_row *couple_row(struct couple *c, unsigned node, enum store_family family,
                             const struct key *key)
{
    struct couple_node *n = &c->nodes[node];

    return row_find(n, family, stage_row_key(&n->stage, key));
}

struct object *couple_object(struct couple *c, unsigned node, const struct key *key)
{
    struct stage_row *row = couple_row(c, node, FAMILY_OBJECT, key);

    return row == NULL ? NULL : stage_decode(&c->nodes[node].stage, key, blob_bytes(row->value));
}

void couple_damage(struct couple *c, unsigned node, enum store_family family, const struct key *key)
{
    struct stage_row *row = couple_row(c, node, family, key);
    struct blob *bad = blob_copy(blob_bytes(row->value));

    bad->data[bad->len - 1] ^= 4;
    blob_unref(row->value);
    row->value = bad;
}

void couple_remove(struct couple *c, unsigned node, enum store_family family, const struct key *key)
{
    struct couple_node *n = &c->nodes[node];

    row_put(n, family, stage_row_key(&n->stage, key), NULL);
}

bool couple_equal(struct couple *c, uint32_t partition)
{
    const struct couple_node *a = &c->nodes[0], *b = &c->nodes[1];
    struct row_range range = digests_range(&c->arena, &c->nodes[0].stage.view.ring, partition);
    bool same = true;

    for (unsigned f = FAMILY_OBJECT; f <= FAMILY_META; f++) {
        uint32_t i = row_place(a, (enum store_family)f, range.from);
        uint32_t j = row_place(b, (enum store_family)f, range.from);
        uint32_t i_end = row_place(a, (enum store_family)f, range.end);
        uint32_t j_end = row_place(b, (enum store_family)f, range.end);
        same = same && i_end - i == j_end - j;
        for (; same && i < i_end; i++, j++)
            same = bytes_eq(a->rows[i].key, b->rows[j].key) &&
                   bytes_eq(blob_bytes(a->rows[i].value), blob_bytes(b->rows[j].value));
    }
    return same;
}

/* ---- what happens ---- */

static struct kv_env env_of(struct couple_node *n)
{
    struct kv_env env = stage_env(&n->stage);

    env.transfers = n->transfers;
    return env;
}

static struct key copy_key(struct arena *arena, const struct key *key)
{
    return (struct key){arena_copy(arena, key->type), arena_copy(arena, key->bucket),
                        arena_copy(arena, key->key)};
}

static struct peer_msg copy_msg(struct arena *arena, const struct peer_msg *from)
{
    struct peer_msg msg = *from;

    if (msg.kind == PEER_GET) {
        msg.u.get.key = copy_key(arena, &from->u.get.key);
    } else if (msg.kind == PEER_GOT) {
        msg.u.got.record = arena_copy(arena, from->u.got.record);
    } else if (msg.kind == PEER_PUT) {
        msg.u.put.key = copy_key(arena, &from->u.put.key);
        msg.u.put.record = arena_copy(arena, from->u.put.record);
    } else if (msg.kind == PEER_DIGESTS) {
        msg.u.digests.from = arena_copy(arena, from->u.digests.from);
        msg.u.digests.to = arena_copy(arena, from->u.digests.to);
    } else if (msg.kind == PEER_DIGESTED) {
        struct peer_row *rows =
            arena_alloc_array(arena, from->u.digested.rows_count, sizeof(*rows));
        for (uint32_t i = 0; i < from->u.digested.rows_count; i++) {
            rows[i].key = arena_copy(arena, from->u.digested.rows[i].key);
            rows[i].record = arena_copy(arena, from->u.digested.rows[i].record);
        }
        msg.u.digested.rows = rows;
        msg.u.digested.last_row = arena_copy(arena, from->u.digested.last_row);
    }
    return msg;
}

static uint64_t msg_bytes(const struct peer_msg *msg)
{
    uint64_t bytes = 40; /* header of the frame, token, err and the like */

    if (msg->kind == PEER_GOT)
        return bytes + msg->u.got.record.len;
    if (msg->kind == PEER_PUT)
        return bytes + msg->u.put.key.key.len + msg->u.put.record.len;
    if (msg->kind == PEER_DIGESTS)
        return bytes + 24 + msg->u.digests.from.len + msg->u.digests.to.len;
    if (msg->kind == PEER_DIGESTED) {
        bytes += msg->u.digested.last_row.len;
        for (uint32_t i = 0; i < msg->u.digested.rows_count; i++)
            bytes += 2 + msg->u.digested.rows[i].key.len + msg->u.digested.rows[i].record.len;
    }
    return bytes;
}

static struct couple_act *act_new(struct couple *c, unsigned node)
{
    ASSERT(c->queued < COUPLE_QUEUE_MAX);
    struct couple_act *act = &c->queue[c->queued++];

    memset(act, 0, sizeof(*act));
    act->node = node;
    return act;
}

static void queue_message(struct couple *c, unsigned from, const struct peer_msg *msg)
{
    if (c->silent)
        return;
    struct couple_act *act = act_new(c, 1 - from);
    c->messages++;
    c->bytes += msg_bytes(msg);
    act->is_message = true;
    act->from = from + 1;
    act->msg = copy_msg(&c->arena, msg);
    if (msg->kind == PEER_DIGESTED && c->instead != NULL) {
        c->instead->token = msg->u.digested.token;
        act->msg.u.digested = *c->instead;
        c->instead = NULL;
    }
}

static void queue_op(struct couple *c, unsigned node, struct output *output)
{
    const struct store_op *op = &output->u.store;
    struct couple_act *act = act_new(c, node);

    ASSERT(op->rows_count <= STAGE_OP_ROWS_MAX);
    act->op.op = *op;
    act->op.op.key = arena_copy(&c->arena, op->key);
    act->op.op.end = arena_copy(&c->arena, op->end);
    act->op.rows_count = op->rows_count;
    for (uint32_t r = 0; r < op->rows_count; r++)
        act->op.rows[r] = (struct stage_row){
            op->rows[r].family, arena_copy(&c->arena, op->rows[r].key), op->rows[r].value};
    c->syncs[node] += op->verb == STORE_COMMIT && op->durable && op->rows_count == 0 &&
                      token_owner(op->token) != TOKEN_VNODE;
    output->kind = OUT_NONE;
}

static void note_end(struct couple *c, const struct transfers_totals *before)
{
    struct transfers_totals after = transfers_totals(c->nodes[0].transfers);

    c->ends += (uint32_t)(after.exchanges - before->exchanges);
    if (after.exchanges == before->exchanges)
        return;
    c->result.rows = after.rows - before->rows;
    c->result.pulled = after.pulled - before->pulled;
    c->result.pushed = after.pushed - before->pushed;
    c->result.bytes = after.bytes - before->bytes;
    c->result.left = after.left - before->left;
    for (size_t i = 0; i < c->nodes[0].stage.out.count; i++) {
        const struct output *output = &c->nodes[0].stage.out.items[i];
        if (output->kind == OUT_TRACE && output->u.trace.kind == TRACE_EXCHANGE)
            c->result.err = (enum err)output->u.trace.numbers[2];
    }
    ASSERT((c->result.err != ERR_OK) == (after.failed > before->failed));
}

/* A step of the machine, as the shard makes it. */
static void machine_event(struct couple *c, const struct event *ev)
{
    struct couple_node *n = &c->nodes[0];
    struct kv_env env = env_of(n);
    struct transfers_totals before = transfers_totals(n->transfers);

    exchange_step(c->exchange, &env, ev, &n->stage.out);
    note_end(c, &before);
    if (c->exchange->renew)
        c->exchange->id = c->next_id++;
    c->exchange->renew = false;
}

static void machine_answer(struct couple *c, uint64_t token, const struct event *ev)
{
    if (c->exchange != NULL && !c->exchange->done && machine_of_token(token) == c->exchange->id)
        machine_event(c, ev);
    else
        c->stale++;
}

static void on_put(struct couple *c, struct couple_node *n, uint64_t from,
                   const struct peer_put *put, const struct event *ev)
{
    const struct view *view = &n->stage.view;
    const struct props *props = document_props(view->document, put->key.type, put->key.bucket);
    struct vnode_merge merge = {
        .from = from,
        .token = put->token,
        .partition = stage_partition(&n->stage, &put->key),
        .slot = stage_slot(&n->stage, &put->key),
        .key = put->key,
        .record = put->record,
        .durable = put->durable,
        .one_value = !props->allow_mult || props->last_write_wins,
    };

    c->puts++;
    c->lax = c->lax || !put->durable;
    if (c->refuse == ERR_OK && !c->forget) {
        vnodes_merge(n->stage.vnodes, &merge, ev, &n->stage.out);
        return;
    }
    struct peer_msg *msg = outbox_send(&n->stage.out, from, PEER_PUT_ACK);
    msg->u.put_ack = (struct peer_put_ack){put->token, c->refuse, false, 0};
}

static void on_message(struct couple *c, unsigned node, uint64_t from, const struct peer_msg *msg)
{
    struct couple_node *n = &c->nodes[node];
    struct event ev = stage_event(&n->stage, EV_PEER);

    ev.u.peer.from = from;
    ev.u.peer.msg = msg;
    if (msg->kind == PEER_GET) {
        c->gets++;
        c->flying++;
        c->flying_most = c->flying > c->flying_most ? c->flying : c->flying_most;
        struct kv_env env = stage_env(&n->stage);
        replicas_get(n->replicas, &env, from, &msg->u.get, &n->stage.out);
    } else if (msg->kind == PEER_GOT) {
        if (vnodes_token(msg->u.got.token))
            vnodes_got(n->stage.vnodes, &msg->u.got, &ev, &n->stage.out);
        else
            machine_answer(c, msg->u.got.token, &ev);
    } else if (msg->kind == PEER_PUT) {
        on_put(c, n, from, &msg->u.put, &ev);
    } else if (msg->kind == PEER_PUT_ACK) {
        c->flying -= c->flying > 0;
        machine_answer(c, msg->u.put_ack.token, &ev);
    } else if (msg->kind == PEER_DIGESTS) {
        digests_ask(n->digests, &n->stage.view, from, &msg->u.digests, &n->stage.out);
    } else {
        ASSERT(msg->kind == PEER_DIGESTED);
        machine_answer(c, msg->u.digested.token, &ev);
    }
}

/* Inner outputs are executed, the others queued. */
static void finish(struct couple *c, unsigned node)
{
    struct outbox *out = &c->nodes[node].stage.out;

    for (size_t i = 0; i < out->count; i++) {
        struct output output = out->items[i];
        if (output.kind == OUT_STORE) {
            queue_op(c, node, &out->items[i]);
        } else if (output.kind == OUT_SEND && output.u.send.to == node + 1) {
            out->items[i].kind = OUT_NONE;
            on_message(c, node, output.u.send.to, &output.u.send.msg);
            blob_unref(output.u.send.holds);
        } else if (output.kind == OUT_SEND && output.u.send.to == 2 - node) {
            queue_message(c, node, &output.u.send.msg);
        }
    }
}

void couple_start(struct couple *c, uint32_t partition, bool pull, bool push)
{
    struct couple_node *n = &c->nodes[0];
    struct kv_env env = env_of(n);
    struct event ev = stage_event(&n->stage, EV_TIME);
    struct exchange_order order = {
        .partition = partition, .peer = 2, .pull = pull, .push = push, .tag = 5};
    struct transfers_totals before = transfers_totals(n->transfers);

    if (c->exchange != NULL)
        exchange_free(c->exchange);
    c->flying = 0;
    stage_step(&n->stage);
    c->exchange = exchange_new(&env, c->next_id++, &order, &ev, &n->stage.out);
    note_end(c, &before);
    finish(c, 0);
}

static enum err scan(struct couple_node *n, const struct store_op *op, struct arena *arena,
                     struct stored *stored)
{
    struct stored_row *rows = arena_alloc_array(arena, op->rows_max, sizeof(*rows));
    uint64_t bytes = 0;

    for (uint32_t at = row_place(n, op->family, op->key);
         at < n->rows_count && row_order(&n->rows[at], op->family, op->end) < 0; at++) {
        if (stored->rows_count == op->rows_max ||
            (stored->rows_count > 0 && bytes >= op->bytes_max)) {
            stored->more = true;
            break;
        }
        bytes += n->rows[at].key.len + n->rows[at].value->len;
        rows[stored->rows_count++] =
            (struct stored_row){n->rows[at].key, blob_bytes(n->rows[at].value)};
    }
    stored->rows = rows;
    return ERR_OK;
}

static void complete(struct couple *c, unsigned node, struct stage_op *op)
{
    struct couple_node *n = &c->nodes[node];
    struct event ev = stage_event(&n->stage, EV_STORED);

    ev.u.stored = (struct stored){.token = op->op.token};
    if (op->op.verb == STORE_GET) {
        struct stage_row *row = row_find(n, op->op.family, op->op.key);
        ev.u.stored.err = row == NULL ? ERR_NOT_FOUND : ERR_OK;
        ev.u.stored.value = row == NULL ? NULL : blob_ref(row->value);
    } else if (op->op.verb == STORE_SCAN) {
        ev.u.stored.err = scan(n, &op->op, &c->arena, &ev.u.stored);
    }
    for (uint32_t r = 0; r < op->rows_count; r++)
        row_put(n, op->rows[r].family, op->rows[r].key, op->rows[r].value);
    switch (token_owner(op->op.token)) {
    case TOKEN_VNODE: vnodes_stored(n->stage.vnodes, &n->stage.view, &ev, &n->stage.out); break;
    case TOKEN_REPLICA: replicas_stored(n->replicas, n->stage.vnodes, &ev, &n->stage.out); break;
    case TOKEN_DIGESTS: digests_stored(n->digests, n->stage.vnodes, &ev, &n->stage.out); break;
    case TOKEN_MACHINE:
        if (!c->exchange->done && token_number(op->op.token) == c->exchange->id)
            machine_event(c, &ev);
        break;
    case TOKEN_CLUSTER:
    case TOKEN_LISTER: UNREACHABLE();
    }
    blob_unref(ev.u.stored.value);
}

/* Which act is next. Storage operations of a node complete in order. */
static uint32_t choose(struct couple *c)
{
    uint32_t first[2] = {UINT32_MAX, UINT32_MAX};
    uint32_t may[COUPLE_QUEUE_MAX], count = 0;

    for (uint32_t i = 0; i < c->queued; i++) {
        const struct couple_act *act = &c->queue[i];
        if (!act->is_message && first[act->node] != UINT32_MAX)
            continue;
        if (!act->is_message)
            first[act->node] = i;
        if (act->is_message || !c->held || act->op.op.verb != STORE_COMMIT)
            may[count++] = i;
    }
    if (count == 0)
        return UINT32_MAX;
    return c->chaos == NULL ? may[0] : may[random_below(c->chaos, count)];
}

bool couple_act(struct couple *c)
{
    uint32_t at = choose(c);

    if (at == UINT32_MAX)
        return false;
    struct couple_act act = c->queue[at];
    /* A network may deliver a message twice; the second one much later. */
    bool again = c->chaos != NULL && act.is_message && random_below(c->chaos, 3) == 0;
    memmove(&c->queue[at], &c->queue[at + 1], (c->queued - at - 1) * sizeof(c->queue[0]));
    c->queued--;
    if (again)
        c->queue[c->queued++] = act;
    stage_step(&c->nodes[act.node].stage);
    if (act.is_message)
        on_message(c, act.node, act.from, &act.msg);
    else
        complete(c, act.node, &act.op);
    finish(c, act.node);
    return true;
}

void couple_tell(struct couple *c, enum event_kind kind)
{
    struct event ev = stage_event(&c->nodes[0].stage, kind);

    if (kind == EV_LINK_DOWN)
        ev.u.link.node = 2;
    stage_step(&c->nodes[0].stage);
    if (!c->exchange->done)
        machine_event(c, &ev);
    finish(c, 0);
}

void couple_deadline(struct couple *c)
{
    ASSERT(c->exchange->deadline_us > c->nodes[0].stage.now_us);
    c->nodes[0].stage.now_us = c->exchange->deadline_us;
    c->nodes[1].stage.now_us = c->exchange->deadline_us;
    couple_tell(c, EV_DEADLINE);
}

void couple_run(struct couple *c)
{
    for (;;) {
        while (couple_act(c))
            ;
        if (c->exchange->done || c->exchange->deadline_us == 0 ||
            c->exchange->deadline_us > c->nodes[0].stage.now_us + PAUSE_MOST_US)
            return;
        couple_deadline(c);
    }
}

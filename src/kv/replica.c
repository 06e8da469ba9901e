/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/replica.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "kv/handover.h"
#include "kv/limits.h"
#include "kv/transfers.h"
#include "msg/token.h"
#include "record/hint.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"

struct replica_read {
    struct map_node node;
    uint64_t id;
    uint64_t from;
    uint64_t behalf; /* in whose place it is answered; 0: in this node's own */
    uint64_t token;
    uint32_t partition;
    bool full;
    bool hint;            /* what is kept for another node */
    struct bytes row_key; /* in the entry's own memory */
};

struct replicas {
    struct map reads;
    uint64_t next_id;
};

struct replicas *replicas_new(void)
{
    struct replicas *rs = mem_new(sizeof(*rs));

    map_init(&rs->reads);
    rs->next_id = 1;
    return rs;
}

void replicas_free(struct replicas *rs)
{
    if (rs == NULL)
        return;
    MAP_EACH(node, &rs->reads)
        mem_free(CONTAINER_OF(node, struct replica_read, node));
    map_done(&rs->reads);
    mem_free(rs);
}

static void answer(struct outbox *out, uint64_t from, const struct peer_get *get, enum err err)
{
    struct peer_msg *msg = outbox_send(out, get->asker == 0 ? from : get->asker, PEER_GOT);

    msg->u.got.token = get->token;
    msg->u.got.err = err;
    msg->u.got.behalf = get->asker == 0 ? 0 : from;
}

/* Whether this node answers from its own replica: it has the partition, or was given it and its
 * document does not say so yet. What the former owner hands on it does answer. */
static bool answers(const struct kv_env *env, uint32_t partition, const struct peer_get *get)
{
    if (!handover_serves(env->vnodes, partition))
        return false;
    return view_owns(env->view, partition) ||
           movers_ready(transfers_movers(env->transfers), partition) ||
           (get->asker != 0 && view_shall_own(env->view, partition));
}

static void hand_on(uint64_t to, uint64_t from, const struct peer_get *get, struct outbox *out)
{
    struct peer_msg *msg = outbox_send(out, to, PEER_GET);

    msg->u.get = *get;
    msg->u.get.asker = from;
}

void replicas_get(struct replicas *rs, const struct kv_env *env, uint64_t from,
                  const struct peer_get *get, struct outbox *out)
{
    const struct view *view = env->view;

    if (view->document == NULL || !key_fits(&get->key)) {
        answer(out, from, get, ERR_WRONG_OWNER);
        return;
    }
    uint32_t slot = ring_slot(&view->ring, get->key.type, get->key.bucket, get->key.key);
    uint32_t partition = ring_partition(&view->ring, slot);
    bool hint = get->hint_for != 0;
    uint64_t away = hint || get->any ? 0 : handover_away(env->vnodes, partition);
    if (away != 0 && get->asker == 0) {
        hand_on(away, from, get, out);
        return;
    }
    if (!hint && !get->any && !answers(env, partition, get)) {
        outbox_trace(out, TRACE_WRONG_OWNER, partition, from, 0);
        answer(out, from, get, ERR_WRONG_OWNER);
        return;
    }
    if (rs->reads.count >= REPLICA_READS_MAX) {
        answer(out, from, get, ERR_OVERLOAD);
        return;
    }
    struct bytes row_key = row_key_make(&out->arena, slot, &get->key);
    struct replica_read *read = mem_new(sizeof(*read) + row_key.len);
    uint8_t *copy = (uint8_t *)(read + 1);
    memcpy(copy, row_key.data, row_key.len);
    read->row_key = bytes_of(copy, row_key.len);
    read->id = rs->next_id++;
    read->from = get->asker == 0 ? from : get->asker;
    read->behalf = get->asker == 0 ? 0 : from;
    read->token = get->token;
    read->partition = partition;
    read->full = get->full || hint;
    read->hint = hint;
    map_add(&rs->reads, &read->node, read->id);

    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;
    op->verb = STORE_GET;
    op->token = token_of(TOKEN_REPLICA, read->id);
    op->family = hint ? FAMILY_HINT : get->full ? FAMILY_OBJECT : FAMILY_META;
    op->key = hint ? hint_key_make(&out->arena, get->hint_for, row_key) : row_key;
}

static enum err verify(const struct replica_read *read, const struct stored *stored,
                       struct outbox *out)
{
    struct object *object;
    struct meta *meta;

    if (stored->err != ERR_OK)
        return stored->err;
    if (read->full)
        return record_object_decode(&out->arena, read->row_key, blob_bytes(stored->value), &object);
    return record_meta_decode(&out->arena, read->row_key, blob_bytes(stored->value), &meta);
}

void replicas_stored(struct replicas *rs, struct vnodes *vnodes, const struct event *ev,
                     struct outbox *out)
{
    struct map_node *node = map_find(&rs->reads, token_number(ev->u.stored.token));

    ASSERT(node != NULL);
    struct replica_read *read = CONTAINER_OF(node, struct replica_read, node);
    enum err err = verify(read, &ev->u.stored, out);
    struct output *output = outbox_add(out, OUT_SEND);
    output->u.send.to = read->from;
    output->u.send.msg.kind = PEER_GOT;
    output->u.send.msg.u.got = (struct peer_got){
        .token = read->token, .err = err, .full = read->full, .behalf = read->behalf};
    if (err == ERR_OK) {
        output->u.send.holds = blob_ref(ev->u.stored.value);
        output->u.send.msg.u.got.record = blob_bytes(ev->u.stored.value);
    }
    if (err == ERR_CORRUPT && !read->hint) {
        struct key key;
        uint32_t slot;
        enum err decoded = row_key_decode(&out->arena, read->row_key, &slot, &key);
        ASSERT(decoded == ERR_OK);
        if (!read->full)
            outbox_trace(out, TRACE_CORRUPT_ROW, read->partition, 0, 0);
        vnodes_heal(vnodes, read->partition, slot, &key, ev, out);
    }
    map_remove(&rs->reads, &read->node);
    mem_free(read);
}

uint32_t replicas_waiting(const struct replicas *rs)
{
    return (uint32_t)rs->reads.count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Healing: the row of a key here does not decode. Every other replica is asked for its object; only
 * when all of them have answered, and one has the key, is the merge of what they sent written here.
 * Fewer answers could miss a write that only this replica and an absent one acknowledged: then the
 * row stays quarantined, and the next operation on the key tries again. */
#include "base/check.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"
#include "record/keys.h"
#include "record/object.h"

static const uint64_t REFETCH_BIT = UINT64_C(1) << 63;

bool vnodes_token(uint64_t peer_token)
{
    return (peer_token & REFETCH_BIT) != 0;
}

static void refetch_fail(struct vnodes *vs, struct hot *hot, struct outbox *out)
{
    heap_remove(&vs->timers, &hot->timer);
    hot_give_up(vs, hot, ERR_CORRUPT, out);
}

void refetch_start(struct vnodes *vs, const struct view *view, struct hot *hot,
                   const struct event *ev, struct outbox *out)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    uint32_t n = ring_replicas(&view->ring, hot->partition, view->ring.n_max, nodes);
    struct key key;
    uint32_t slot;

    ASSERT(hot->state == HOT_REFETCH);
    ASSERT(hot->record == NULL);
    hot->asked = 0;
    hot->answered = 0;
    enum err err = row_key_decode(&out->arena, hot->key, &slot, &key);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < n; i++) {
        if (nodes[i] == view->self_index)
            continue;
        hot->asked |= 1u << i;
        struct peer_msg *msg = outbox_send(out, view->members[nodes[i]].id, PEER_GET);
        msg->u.get = (struct peer_get){
            .token = REFETCH_BIT | hot->id << 8 | i,
            .epoch = view_epoch(view),
            .partition = hot->partition,
            .key = key,
            .full = true,
        };
    }
    if (hot->asked == 0)
        refetch_fail(vs, hot, out);
    else
        heap_set(&vs->timers, &hot->timer, ev->mono_us + (uint64_t)REFETCH_TIMEOUT_MS * 1000);
}

/* All have answered. */
static void refetch_end(struct vnodes *vs, struct hot *hot, const struct event *ev,
                        struct outbox *out)
{
    struct blob *record = hot->record;

    if (record == NULL) {
        refetch_fail(vs, hot, out);
        return;
    }
    heap_remove(&vs->timers, &hot->timer);
    hot->record = NULL;
    outbox_trace(out, TRACE_REFETCHED, hot->partition, 0, 0);
    /* The rows are written again even if what waits would not change them. */
    struct op *heal = op_new(vs, OP_HEAL);
    heal->hot = hot;
    list_insert(hot->queue.next, &heal->list);
    hot->queued++;
    hot_ready(vs, hot, record, ev, out);
}

/* Adds what a replica sent; an error when it cannot be read, and then nothing was answered. */
static enum err refetch_add(struct hot *hot, struct bytes record, struct outbox *out)
{
    struct object *theirs, *ours;

    TRY(record_object_decode(&out->arena, hot->key, record, &theirs));
    if (hot->record == NULL) {
        hot->record = blob_copy(record);
        return ERR_OK;
    }
    enum err err = record_object_decode(&out->arena, hot->key, blob_bytes(hot->record), &ours);
    ASSERT(err == ERR_OK);
    struct object *merged = object_merge(&out->arena, ours, theirs);
    struct blob *blob = record_object_blob(hot->key, merged);
    blob_unref(hot->record);
    hot->record = blob;
    return ERR_OK;
}

void vnodes_got(struct vnodes *vs, const struct peer_got *got, const struct event *ev,
                struct outbox *out)
{
    struct hot *hot = hot_by_id(vs, (got->token & ~REFETCH_BIT) >> 8);
    uint32_t bit = 1u << (got->token & 0x1f);

    ASSERT(vnodes_token(got->token));
    if (hot == NULL || hot->state != HOT_REFETCH || (hot->asked & bit) == 0 ||
        (hot->answered & bit) != 0)
        return;
    enum err answer = got->err;
    if (answer == ERR_OK)
        answer = got->full ? refetch_add(hot, got->record, out) : ERR_MALFORMED;
    if (answer != ERR_OK && answer != ERR_NOT_FOUND) {
        refetch_fail(vs, hot, out);
        return;
    }
    hot->answered |= bit;
    if (hot->answered == hot->asked)
        refetch_end(vs, hot, ev, out);
}

void vnodes_time(struct vnodes *vs, const struct event *ev, struct outbox *out)
{
    for (;;) {
        struct heap_node *first = heap_peek(&vs->timers);
        if (first == NULL || first->at > ev->mono_us)
            return;
        refetch_fail(vs, CONTAINER_OF(first, struct hot, timer), out);
    }
}

uint64_t vnodes_deadline_us(const struct vnodes *vs)
{
    const struct heap_node *first = heap_peek(&vs->timers);

    return first == NULL ? UINT64_MAX : first->at;
}

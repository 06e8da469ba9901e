/* SPDX-License-Identifier: Apache-2.0 */
/* The hot table: the life of one key while operations on it are in flight. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"
#include "model/expiry.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"

static void hot_check(const struct hot *hot)
{
    ASSERT(hot->state == HOT_READY || hot->state == HOT_REFETCH || hot->record == NULL);
    ASSERT(hot->queued > 0 || list_empty(&hot->queue));
    ASSERT(hot->state != HOT_LOADING || list_empty(&hot->flying));
    ASSERT(hot->state != HOT_REFETCH || list_empty(&hot->flying));
}

/* The only writer of `state`. */
static void hot_enter(struct hot *hot, enum hot_state state)
{
    switch (state) {
    case HOT_LOADING: ASSERT(hot->state == HOT_FAILED || hot->state == HOT_LOADING); break;
    case HOT_READY: ASSERT(hot->state == HOT_LOADING || hot->state == HOT_REFETCH); break;
    case HOT_FAILED: ASSERT(hot->state == HOT_READY); break;
    case HOT_REFETCH: ASSERT(hot->state == HOT_LOADING); break;
    }
    hot->state = state;
}

static uint64_t place_hash(const struct hot_place *place)
{
    uint64_t hash = hash_xx(place->row_key);

    return place->hint_for == 0 ? hash : hash_mix(hash, place->hint_for);
}

static struct hot *hot_find(struct vnodes *vs, const struct hot_place *place, uint64_t hash)
{
    for (struct map_node *node = map_find(&vs->hots, hash); node != NULL; node = map_next(node)) {
        struct hot *hot = CONTAINER_OF(node, struct hot, node);
        if (hot->hint_for == place->hint_for && bytes_eq(hot->key, place->row_key))
            return hot;
    }
    return NULL;
}

struct hot *hot_by_id(struct vnodes *vs, uint64_t id)
{
    struct map_node *node = map_find(&vs->hot_ids, id);

    return node == NULL ? NULL : CONTAINER_OF(node, struct hot, by_id);
}

static void hot_free(struct vnodes *vs, struct hot *hot)
{
    ASSERT(list_empty(&hot->queue));
    ASSERT(list_empty(&hot->flying));
    list_remove(&hot->waiting);
    heap_remove(&vs->timers, &hot->timer);
    if (hot->hint_for == 0)
        vnode_idle(vs, hot->partition);
    else
        hints_end(vs, hot);
    map_remove(&vs->hots, &hot->node);
    map_remove(&vs->hot_ids, &hot->by_id);
    blob_unref(hot->record);
    mem_free(hot);
}

static void hot_load(struct hot *hot, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = STORE_GET;
    op->token = token_of(TOKEN_VNODE, (uint64_t)NUMBER_LOAD << VNODE_NUMBER_SHIFT | hot->id);
    op->family = hot->by_digest ? FAMILY_META : hot->hint_for == 0 ? FAMILY_OBJECT : FAMILY_HINT;
    op->key = hot->hint_for == 0 ? arena_copy(&out->arena, hot->key)
                                 : hint_key_make(&out->arena, hot->hint_for, hot->key);
}

static struct hot *hot_new(struct vnodes *vs, const struct hot_place *place, uint64_t hash)
{
    struct hot *hot = mem_new(sizeof(*hot) + place->row_key.len);
    uint8_t *key = (uint8_t *)(hot + 1);

    memcpy(key, place->row_key.data, place->row_key.len);
    hot->key = bytes_of(key, place->row_key.len);
    hot->id = vs->next_id++;
    hot->hint_for = place->hint_for;
    hot->partition = place->partition;
    hot->state = HOT_LOADING;
    list_init(&hot->queue);
    list_init(&hot->flying);
    list_init(&hot->waiting);
    if (hot->hint_for == 0)
        vnode_busy(vs, hot->partition);
    else
        hints_begin(vs, hot);
    map_add(&vs->hots, &hot->node, hash);
    map_add(&vs->hot_ids, &hot->by_id, hot->id);
    return hot;
}

void hot_add(struct vnodes *vs, const struct hot_place *place, struct op *op,
             const struct event *ev, struct outbox *out)
{
    if (handover_takes(vs, place, op, out))
        return;
    uint64_t hash = place_hash(place);
    struct hot *hot = hot_find(vs, place, hash);
    bool fenced = place->hint_for == 0 ? vnode_fenced(vs, place->partition)
                                       : vs->fenced && op->kind != OP_DROP;

    if (hot == NULL) {
        if (vs->hots.count >= vs->config->hot_keys_max || fenced) {
            op_finish(vs, op, ERR_OVERLOAD, out);
            return;
        }
        hot = hot_new(vs, place, hash);
        hot->by_digest = op->kind == OP_REMOVE;
        hot_load(hot, out);
    } else {
        if (hot->queued >= HOT_QUEUE_MAX) {
            op_finish(vs, op, ERR_OVERLOAD, out);
            return;
        }
        outbox_trace(out, TRACE_HOT, place->partition, 0, 0);
    }
    op->hot = hot;
    list_append(&hot->queue, &op->list);
    hot->queued++;
    if (hot->state == HOT_READY)
        hot_drain(vs, hot, ev, out);
}

static void hot_rest(struct vnodes *vs, struct hot *hot)
{
    if (list_empty(&hot->queue) && list_empty(&hot->flying))
        hot_free(vs, hot);
}

/* Sends rows to the store as one batch; the operation flies until they are there. */
static void op_fly(struct vnodes *vs, struct op *op, const struct store_row *rows, uint32_t count,
                   struct outbox *out)
{
    commit_rows(NUMBER_COMMIT, op->id, rows, count, out)->durable = op->durable;
    list_append(&op->hot->flying, &op->list);
    map_add(&vs->ops, &op->node, op->id);
}

/* The rows that make `record` the newest of its key: the object and its digest, or a hint and the
 * sum of hints. */
static uint32_t rows_of(struct vnodes *vs, struct op *op, struct blob *record,
                        const struct object *object, struct store_row *ret_rows, struct outbox *out)
{
    struct hot *hot = op->hot;

    if (hot->hint_for != 0) {
        hints_rows(vs, op, record, ret_rows, out);
        return 2;
    }
    struct bytes key = arena_copy(&out->arena, hot->key);
    struct store_row incarnation = vnode_row(vs, vnode_at(vs, hot->partition, false), out);
    ret_rows[0] = (struct store_row){FAMILY_OBJECT, key, record};
    ret_rows[1] =
        (struct store_row){FAMILY_META, key, record_meta_blob(key, meta_of(&out->arena, object))};
    ret_rows[2] = incarnation;
    return incarnation.value == NULL ? 2 : 3;
}

/* Sends the new record to the store and makes it the newest. Takes over `record`. */
static void op_commit(struct vnodes *vs, struct op *op, struct blob *record,
                      const struct object *object, struct outbox *out)
{
    struct hot *hot = op->hot;
    struct store_row *rows = arena_alloc_array(&out->arena, 3, sizeof(*rows));
    uint32_t count = rows_of(vs, op, record, object, rows, out);

    op_fly(vs, op, rows, count, out);
    if (hot->hint_for == 0)
        handover_relay(vs, vnode_at(vs, hot->partition, false), hot->key, record, out);
    blob_unref(hot->record);
    hot->record = blob_ref(record);
    if (hot->hint_for == 0)
        ends_note(vs, object->clock.ends_us);
}

/* Nothing to store, but what is there must be in the store, and as durable as the operation
 * asks. */
static void op_barrier(struct vnodes *vs, struct op *op, struct outbox *out)
{
    if (!op->durable && list_empty(&op->hot->flying)) {
        op_finish(vs, op, ERR_OK, out);
        return;
    }
    op_fly(vs, op, NULL, 0, out);
}

/* The newest object of a key. It was verified when it was read or made here. */
static struct object *newest(struct hot *hot, struct outbox *out)
{
    struct object *object = NULL;

    if (hot->record == NULL)
        return NULL;
    enum err err = record_object_decode(&out->arena, hot->key, blob_bytes(hot->record), &object);
    ASSERT(err == ERR_OK);
    return object;
}

static uint32_t resolve(struct object *object, struct outbox *out)
{
    uint32_t dropped = object_resolve(object);

    if (dropped > 0)
        outbox_trace(out, TRACE_RESOLVED, dropped, 0, 0);
    return dropped;
}

/* What is worth knowing of an object that is about to be written. */
static void trace_write(const struct vnodes *vs, uint32_t partition, const struct object *object,
                        size_t size, struct outbox *out)
{
    if (object->count > vs->config->siblings_warn)
        outbox_trace(out, TRACE_SIBLINGS_MANY, partition, object->count, 0);
    else if (object->count > 1)
        outbox_trace(out, TRACE_SIBLINGS, object->count, 0, 0);
    if (size > vs->config->object_bytes_warn)
        outbox_trace(out, TRACE_OBJECT_LARGE, partition, size, 0);
}

/* Whether `object` has a value that is not in what is stored. */
static bool adds_value(const struct object *stored, const struct object *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        bool known = object->siblings[i].deleted;
        for (uint32_t j = 0; stored != NULL && j < stored->count && !known; j++)
            known = dot_eq(object->siblings[i].dot, stored->siblings[j].dot);
        if (!known)
            return true;
    }
    return false;
}

static void refuse_full(struct vnodes *vs, struct op *op, struct outbox *out)
{
    outbox_trace(out, TRACE_DISK_REFUSED, op->hot->partition, 0, 0);
    op_finish(vs, op, ERR_DISK_FULL, out);
}

/* The condition of a write, of what a client would be shown. */
static enum err op_holds(const struct op *op, const struct object *old, uint64_t cutoff_us,
                         struct outbox *out)
{
    if (!op->conditional)
        return ERR_OK;
    return condition_holds(&op->condition, object_shown(&out->arena, old, cutoff_us));
}

/* False when the operation must wait for a lease. */
static bool apply_write(struct vnodes *vs, struct op *op, const struct event *ev,
                        struct outbox *out)
{
    struct hot *hot = op->hot;
    struct vnode *v = vnode_at(vs, hot->partition, hot->hint_for != 0);
    struct object *old = newest(hot, out);
    struct write write = {.context = op->context,
                          .content = op->content,
                          .deleted = op->deleted,
                          .wall_us = ev->wall_us,
                          .expires_us = op->expires_us};

    if (vs->full && !op->deleted) {
        list_remove(&op->list);
        refuse_full(vs, op, out);
        return true;
    }
    write.cutoff_us = expiry_cutoff_us(ev->wall_us, vs->config->expiry_skew_ms);
    enum err holds = op_holds(op, old, write.cutoff_us, out);
    if (holds != ERR_OK) {
        list_remove(&op->list);
        op_finish(vs, op, holds, out);
        return true;
    }
    vnode_look(v, op->context);
    if (old != NULL)
        vnode_look(v, old->clock);
    if (v->fallback && v->target != hot->hint_for)
        vnode_retire(v);
    v->target = hot->hint_for;
    if (!vnode_dot(vs, v, out, &write.dot)) {
        if (list_empty(&hot->waiting))
            list_append(&v->waiting, &hot->waiting);
        return false;
    }
    list_remove(&op->list);
    enum err fits = object_put_check(old, &write);
    if (fits != ERR_OK) {
        op_finish(vs, op, fits, out);
        return true;
    }
    struct object *object = object_put(&out->arena, old, &write);
    if (op->one_value && !vs->behind)
        (void)resolve(object, out);
    if (object->count > vs->config->siblings_max && (old == NULL || object->count > old->count)) {
        op_fail(vs, op, ERR_TOO_MANY_SIBLINGS, object->count, object->count, out);
        return true;
    }
    size_t size = record_object_size(object);
    if (size > vs->config->object_bytes_max) {
        op_fail(vs, op, ERR_TOO_LARGE, 0, size, out);
        return true;
    }
    if (hot->hint_for != 0 && !hints_room(vs, hot->hint_for, size, out)) {
        op_finish(vs, op, ERR_OVERLOAD, out);
        return true;
    }
    trace_write(vs, hot->partition, object, size, out);
    struct blob *record = record_object_blob(hot->key, object);
    struct output *news = outbox_add(out, OUT_VNODE);
    news->u.vnode.kind = EV_APPLIED;
    news->u.vnode.news = (struct event_vnode){
        .token = op->token,
        .row_key = arena_copy(&out->arena, hot->key),
        .record = blob_ref(record),
    };
    op_commit(vs, op, record, object, out);
    return true;
}

static void apply_merge(struct vnodes *vs, struct op *op, struct outbox *out)
{
    struct hot *hot = op->hot;
    struct object *theirs = NULL;
    struct object *ours = newest(hot, out);
    enum err err = record_object_decode(&out->arena, hot->key, blob_bytes(op->record), &theirs);

    list_remove(&op->list);
    if (err != ERR_OK) {
        op_finish(vs, op, err, out);
        return;
    }
    struct object *merged = ours == NULL ? theirs : object_merge(&out->arena, ours, theirs);
    uint32_t dropped = op->one_value && !vs->behind ? resolve(merged, out) : 0;
    if (ours != NULL && object_same(merged, ours)) {
        op_barrier(vs, op, out);
        return;
    }
    if (vs->full && adds_value(ours, merged)) {
        refuse_full(vs, op, out);
        return;
    }
    if (hot->hint_for != 0 && !hints_room(vs, hot->hint_for, record_object_size(merged), out)) {
        op_finish(vs, op, ERR_OVERLOAD, out);
        return;
    }
    if (merged->count > 1)
        outbox_trace(out, TRACE_SIBLINGS, merged->count, 0, 0);
    /* What was sent is most often what is kept: then its bytes are, too. */
    bool as_sent = merged == theirs ? dropped == 0 : object_same(merged, theirs);
    struct blob *record = as_sent ? blob_ref(op->record) : record_object_blob(hot->key, merged);
    op_commit(vs, op, record, merged, out);
}

/* Writes both rows again; a digest without an object goes. */
static void apply_heal(struct vnodes *vs, struct op *op, struct outbox *out)
{
    struct hot *hot = op->hot;
    struct object *object = newest(hot, out);

    list_remove(&op->list);
    if (object != NULL) {
        op_commit(vs, op, blob_ref(hot->record), object, out);
        return;
    }
    struct store_row *rows = arena_alloc_array(&out->arena, 1, sizeof(*rows));
    rows[0] = (struct store_row){FAMILY_META, arena_copy(&out->arena, hot->key), NULL};
    op_fly(vs, op, rows, 1, out);
}

/* A hint was handed over: it goes, unless it has grown since. */
static void apply_drop(struct vnodes *vs, struct op *op, struct outbox *out)
{
    struct hot *hot = op->hot;

    ASSERT(hot->hint_for != 0);
    list_remove(&op->list);
    if (hot->record != NULL && !bytes_eq(blob_bytes(hot->record), blob_bytes(op->record))) {
        op_barrier(vs, op, out);
        return;
    }
    struct store_row *rows = arena_alloc_array(&out->arena, 2, sizeof(*rows));
    vnode_retire(vnode_at(vs, hot->partition, true));
    hints_rows(vs, op, NULL, rows, out);
    op_fly(vs, op, rows, 2, out);
    blob_unref(hot->record);
    hot->record = NULL;
}

/* Both rows go. On a cold key the newest object is not known, but its digest is what was met: then
 * it had ended. */
static void apply_remove(struct vnodes *vs, struct op *op, struct outbox *out)
{
    struct hot *hot = op->hot;
    const struct object *object = newest(hot, out);

    ASSERT(hot->hint_for == 0);
    list_remove(&op->list);
    if (object != NULL && !clock_ended(object->clock, op->cutoff_us)) {
        op_finish(vs, op, ERR_MODIFIED, out);
        return;
    }
    struct store_row *rows = arena_alloc_array(&out->arena, 2, sizeof(*rows));
    struct bytes key = arena_copy(&out->arena, hot->key);
    rows[0] = (struct store_row){FAMILY_OBJECT, key, NULL};
    rows[1] = (struct store_row){FAMILY_META, key, NULL};
    op_fly(vs, op, rows, 2, out);
    blob_unref(hot->record);
    hot->record = NULL;
}

void hot_drain(struct vnodes *vs, struct hot *hot, const struct event *ev, struct outbox *out)
{
    hot_check(hot);
    while (hot->state == HOT_READY && !list_empty(&hot->queue)) {
        struct op *op = CONTAINER_OF(hot->queue.next, struct op, list);
        ASSERT(op->hot == hot);
        switch (op->kind) {
        case OP_WRITE:
            if (!apply_write(vs, op, ev, out))
                return;
            break;
        case OP_MERGE: apply_merge(vs, op, out); break;
        case OP_HEAL: apply_heal(vs, op, out); break;
        case OP_DROP: apply_drop(vs, op, out); break;
        case OP_REMOVE: apply_remove(vs, op, out); break;
        }
        hot->queued--;
    }
    hot_rest(vs, hot);
}

void hot_ready(struct vnodes *vs, struct hot *hot, struct blob *record, const struct event *ev,
               struct outbox *out)
{
    ASSERT(hot->record == NULL);
    hot_enter(hot, HOT_READY);
    hot->record = record;
    hot_drain(vs, hot, ev, out);
}

void hot_give_up(struct vnodes *vs, struct hot *hot, enum err err, struct outbox *out)
{
    ASSERT(err != ERR_OK);
    for (struct list *at = list_pop(&hot->queue); at != NULL; at = list_pop(&hot->queue))
        op_finish(vs, CONTAINER_OF(at, struct op, list), err, out);
    hot->queued = 0;
    hot_rest(vs, hot);
}

/* LOADING for a removal: when the digest is another one by now, it is not for this pass to remove,
 * and who waits behind needs the object. */
static void hot_digest_loaded(struct vnodes *vs, struct hot *hot, const struct event *ev,
                              struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;
    struct op *op = CONTAINER_OF(hot->queue.next, struct op, list);

    ASSERT(op->kind == OP_REMOVE);
    hot->by_digest = false;
    if (stored->err == ERR_OK && bytes_eq(blob_bytes(stored->value), blob_bytes(op->record))) {
        hot_ready(vs, hot, NULL, ev, out);
        return;
    }
    list_remove(&op->list);
    hot->queued--;
    bool other = stored->err == ERR_OK || stored->err == ERR_NOT_FOUND;
    op_finish(vs, op, other ? ERR_MODIFIED : stored->err, out);
    if (list_empty(&hot->queue))
        hot_rest(vs, hot);
    else
        hot_load(hot, out);
}

void hot_loaded(struct vnodes *vs, const struct view *view, struct hot *hot, const struct event *ev,
                struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;
    struct object *object;

    if (hot->state != HOT_LOADING)
        return;
    if (hot->by_digest) {
        hot_digest_loaded(vs, hot, ev, out);
        return;
    }
    if (stored->err == ERR_NOT_FOUND) {
        hot_ready(vs, hot, NULL, ev, out);
        return;
    }
    enum err err = stored->err;
    if (err == ERR_OK)
        err = record_object_decode(&out->arena, hot->key, blob_bytes(stored->value), &object);
    if (err == ERR_OK) {
        hot_ready(vs, hot, blob_ref(stored->value), ev, out);
    } else if (err == ERR_CORRUPT && hot->hint_for != 0) {
        hints_lost(vs, hot->hint_for, out);
        vnode_retire(vnode_at(vs, hot->partition, true));
        hot_ready(vs, hot, NULL, ev, out);
    } else if (err == ERR_CORRUPT) {
        outbox_trace(out, TRACE_CORRUPT_ROW, hot->partition, 0, 0);
        hot_enter(hot, HOT_REFETCH);
        refetch_start(vs, view, hot, ev, out);
    } else {
        hot_give_up(vs, hot, err, out);
    }
}

/* After a failed commit the newest object is not what the store holds: whatever was built on it in
 * flight is reported failed, and the row is read again for what waits. */
static void hot_commit_failed(struct hot *hot)
{
    if (hot->state == HOT_READY)
        hot_enter(hot, HOT_FAILED);
    blob_unref(hot->record);
    hot->record = NULL;
}

void hot_committed(struct vnodes *vs, uint64_t op_id, const struct event *ev, struct outbox *out)
{
    struct map_node *node = map_find(&vs->ops, op_id);
    enum err err = ev->u.stored.err;

    ASSERT(node != NULL);
    struct op *op = CONTAINER_OF(node, struct op, node);
    struct hot *hot = op->hot;
    ASSERT(hot->flying.next == &op->list);
    list_remove(&op->list);
    map_remove(&vs->ops, &op->node);
    if (err != ERR_OK) {
        outbox_trace(out, TRACE_COMMIT_FAILED, (uint64_t)err, hot->partition, 0);
        hot_commit_failed(hot);
        hints_undo(vs, op);
        if (op->kind == OP_WRITE)
            vnode_retire(vnode_at(vs, hot->partition, hot->hint_for != 0));
    } else if (hot->state == HOT_FAILED) {
        err = ERR_UNKNOWN;
    }
    op_finish(vs, op, err, out);
    if (!list_empty(&hot->flying))
        return;
    if (hot->state == HOT_FAILED && !list_empty(&hot->queue)) {
        hot_enter(hot, HOT_LOADING);
        hot_load(hot, out);
        return;
    }
    hot_rest(vs, hot);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include "base/check.h"
#include "model/draft.h"
#include "record/document.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"

enum { SLOTS = 64, PARTITIONS = 8 };

static void make_document(struct stage *s, uint32_t nodes, uint32_t n_max)
{
    static const uint64_t cluster[2] = {1, 2}, hash_key[2] = {3, 4};
    struct member members[STAGE_NODES_MAX];
    uint16_t place[PARTITIONS * RING_REPLICAS_MAX];

    for (uint32_t i = 0; i < nodes; i++)
        members[i] = (struct member){
            .id = i + 1, .name = BYTES_LIT("n"), .address = BYTES_LIT("a:1"), .weight = 100};
    struct document *first = draft_first(cluster, hash_key, &members[0], SLOTS, PARTITIONS, n_max);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        for (uint32_t i = 0; i < n_max; i++)
            place[p * n_max + i] = (uint16_t)(i < nodes ? i : RING_NOBODY);
    }
    draft_set_members(first, members, nodes, n_max, place, NULL);
    document_seal(first);
    s->document = first;
}

void stage_begin(struct stage *s, uint32_t nodes, uint32_t n_max)
{
    struct seed seed = seed_of(1);

    ASSERT(nodes <= STAGE_NODES_MAX);
    memset(s, 0, sizeof(*s));
    config_init(&s->config);
    arena_init(&s->arena);
    outbox_init(&s->out);
    make_document(s, nodes, n_max);
    s->now_us = 1000000;
    s->wall_us = UINT64_C(1700000000000000);
    for (uint32_t i = 0; i < nodes; i++) {
        s->members[i] = (struct view_member){.id = i + 1, .up = true};
        s->nodes[i] = (struct ring_node){.id = i + 1, .live = true};
    }
    s->view = (struct view){
        .document = s->document,
        .ring = {{s->document->hash_key[0], s->document->hash_key[1]},
                 s->document->slots,
                 s->document->partitions,
                 s->document->n_max,
                 s->document->place},
        .self = 1,
        .self_index = 0,
        .members = s->members,
        .nodes = s->nodes,
        .members_count = (uint16_t)nodes,
    };
    s->vnodes = vnodes_new(&s->config, &seed);
    s->transfers = transfers_new(&s->config, 1, NULL);
}

static void drop_ops(struct stage *s)
{
    for (uint32_t i = 0; i < s->ops_count; i++) {
        for (uint32_t r = 0; r < s->ops[i].rows_count; r++)
            blob_unref(s->ops[i].rows[r].value);
    }
    s->ops_count = 0;
}

void stage_end(struct stage *s)
{
    drop_ops(s);
    for (uint32_t i = 0; i < s->rows_count; i++)
        blob_unref(s->rows[i].value);
    transfers_free(s->transfers);
    vnodes_free(s->vnodes);
    outbox_done(&s->out);
    document_free(s->document);
    arena_done(&s->arena);
    config_done(&s->config);
}

void stage_props(struct stage *s, struct props props)
{
    ASSERT(s->document->types_count == 1);
    s->type = s->document->types[0];
    s->type.props = props;
    s->document->types = &s->type;
}

struct kv_env stage_env(struct stage *s)
{
    return (struct kv_env){
        .view = &s->view, .config = &s->config, .vnodes = s->vnodes, .transfers = s->transfers};
}

struct event stage_event(const struct stage *s, enum event_kind kind)
{
    return (struct event){.kind = kind, .mono_us = s->now_us, .wall_us = s->wall_us};
}

void stage_step(struct stage *s)
{
    outbox_reset(&s->out);
}

void stage_took(struct stage *s)
{
    for (size_t i = 0; i < s->out.count; i++) {
        const struct store_op *op = &s->out.items[i].u.store;
        if (s->out.items[i].kind != OUT_STORE)
            continue;
        ASSERT(s->ops_count < STAGE_OPS_MAX);
        ASSERT(op->rows_count <= STAGE_OP_ROWS_MAX);
        struct stage_op *taken = &s->ops[s->ops_count++];
        taken->op = *op;
        taken->op.key = arena_copy(&s->arena, op->key);
        taken->rows_count = op->rows_count;
        /* With the output go its references. */
        for (uint32_t r = 0; r < op->rows_count; r++)
            taken->rows[r] = (struct stage_row){
                op->rows[r].family, arena_copy(&s->arena, op->rows[r].key), op->rows[r].value};
        taken->op.rows = NULL;
        s->out.items[i].kind = OUT_NONE;
    }
}

struct output *stage_output(struct stage *s, enum output_kind kind, uint32_t n)
{
    for (size_t i = 0; i < s->out.count; i++) {
        if (s->out.items[i].kind == kind && n-- == 0)
            return &s->out.items[i];
    }
    return NULL;
}

uint32_t stage_count(struct stage *s, enum output_kind kind)
{
    uint32_t count = 0;

    while (stage_output(s, kind, count) != NULL)
        count++;
    return count;
}

uint32_t stage_traced(struct stage *s, enum trace_kind kind)
{
    uint32_t count = 0;

    for (size_t i = 0; i < s->out.count; i++)
        count += s->out.items[i].kind == OUT_TRACE && s->out.items[i].u.trace.kind == kind;
    return count;
}

struct stage_row *stage_row(struct stage *s, enum store_family family, struct bytes key)
{
    for (uint32_t i = 0; i < s->rows_count; i++) {
        if (s->rows[i].family == family && bytes_eq(s->rows[i].key, key))
            return &s->rows[i];
    }
    return NULL;
}

static void store_put(struct stage *s, const struct stage_row *from)
{
    struct stage_row *row = stage_row(s, from->family, from->key);

    if (row == NULL) {
        ASSERT(s->rows_count < STAGE_ROWS_MAX);
        row = &s->rows[s->rows_count++];
        *row = (struct stage_row){from->family, from->key, NULL};
    }
    blob_unref(row->value);
    row->value = blob_ref(from->value);
}

/* What a get sees that was submitted as the n-th operation. */
static struct blob *visible(struct stage *s, uint32_t n, enum store_family family, struct bytes key)
{
    while (n-- > 0) {
        const struct stage_op *before = &s->ops[n];
        for (uint32_t r = before->rows_count; r-- > 0;) {
            if (before->rows[r].family == family && bytes_eq(before->rows[r].key, key))
                return before->rows[r].value;
        }
    }
    struct stage_row *row = stage_row(s, family, key);
    return row == NULL ? NULL : row->value;
}

void stage_complete(struct stage *s, uint32_t n, enum err err)
{
    struct event ev = stage_event(s, EV_STORED);

    ASSERT(n < s->ops_count);
    struct stage_op op = s->ops[n];
    ev.u.stored = (struct stored){.token = op.op.token, .err = err};
    if (op.op.verb == STORE_GET && err == ERR_OK) {
        ev.u.stored.value = blob_ref(visible(s, n, op.op.family, op.op.key));
        if (ev.u.stored.value == NULL)
            ev.u.stored.err = ERR_NOT_FOUND;
    }
    for (uint32_t r = 0; r < op.rows_count && err == ERR_OK; r++)
        store_put(s, &op.rows[r]);
    for (uint32_t r = 0; r < op.rows_count; r++)
        blob_unref(op.rows[r].value);
    memmove(&s->ops[n], &s->ops[n + 1], (s->ops_count - n - 1) * sizeof(s->ops[0]));
    s->ops_count--;
    stage_step(s);
    vnodes_stored(s->vnodes, &s->view, &ev, &s->out);
    blob_unref(ev.u.stored.value);
    stage_took(s);
}

void stage_settle(struct stage *s)
{
    while (s->ops_count > 0)
        stage_complete(s, 0, ERR_OK);
}

void stage_restart(struct stage *s, uint64_t number)
{
    struct seed seed = seed_of(number);
    struct stored_row rows[STAGE_ROWS_MAX];
    uint32_t count = 0;

    drop_ops(s);
    vnodes_free(s->vnodes);
    s->vnodes = vnodes_new(&s->config, &seed);
    for (uint32_t i = 0; i < s->rows_count; i++) {
        if (s->rows[i].family == FAMILY_SYS && s->rows[i].value != NULL)
            rows[count++] = (struct stored_row){s->rows[i].key, blob_bytes(s->rows[i].value)};
    }
    enum err err = vnodes_start(s->vnodes, rows, count);
    ASSERT(err == ERR_OK);
}

struct key stage_key(const char *name)
{
    return (struct key){TYPE_DEFAULT, BYTES_LIT("b"), bytes_str(name)};
}

uint32_t stage_slot(const struct stage *s, const struct key *key)
{
    return ring_slot(&s->view.ring, key->type, key->bucket, key->key);
}

uint32_t stage_partition(const struct stage *s, const struct key *key)
{
    return ring_partition(&s->view.ring, stage_slot(s, key));
}

struct bytes stage_row_key(struct stage *s, const struct key *key)
{
    return row_key_make(&s->arena, stage_slot(s, key), key);
}

struct object *stage_object(struct stage *s, uint64_t actor, uint64_t counter, uint64_t hlc_us,
                            const char *value)
{
    struct write write = {
        .content = {.value = bytes_str(value), .content_type = BYTES_LIT("text/plain")},
        .dot = {actor, counter},
        .wall_us = hlc_us,
    };

    return object_put(&s->arena, NULL, &write);
}

struct bytes stage_record(struct stage *s, const struct key *key, const struct object *object)
{
    struct blob *blob = record_object_blob(stage_row_key(s, key), object);
    struct bytes record = arena_copy(&s->arena, blob_bytes(blob));

    blob_unref(blob);
    return record;
}

struct bytes stage_digest(struct stage *s, const struct key *key, const struct object *object)
{
    struct blob *blob = record_meta_blob(stage_row_key(s, key), meta_of(&s->arena, object));
    struct bytes record = arena_copy(&s->arena, blob_bytes(blob));

    blob_unref(blob);
    return record;
}

struct object *stage_decode(struct stage *s, const struct key *key, struct bytes record)
{
    struct object *object;

    if (record_object_decode(&s->arena, stage_row_key(s, key), arena_copy(&s->arena, record),
                             &object) != ERR_OK)
        return NULL;
    return object;
}

void stage_merge(struct stage *s, const struct key *key, struct bytes record, uint64_t from,
                 uint64_t hint_for)
{
    struct event ev = stage_event(s, EV_PEER);
    struct vnode_merge merge = {
        .from = from,
        .token = from == 0 ? 0 : 77,
        .partition = stage_partition(s, key),
        .slot = stage_slot(s, key),
        .key = *key,
        .record = record,
        .durable = true,
        .hint_for = hint_for,
    };

    stage_step(s);
    vnodes_merge(s->vnodes, &merge, &ev, &s->out);
    stage_took(s);
}

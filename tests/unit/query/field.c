/* SPDX-License-Identifier: Apache-2.0 */
#include "field.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "model/draft.h"
#include "record/document.h"
#include "record/keys.h"
#include "record/meta.h"

enum { LIST_ID = 3, ROWS_MAX = 40000, NAMES_MAX = 60000 };

static void make_document(struct field *f, uint32_t nodes, uint32_t n_max)
{
    static const uint64_t cluster[2] = {1, 2}, hash_key[2] = {3, 4};
    struct member members[FIELD_NODES_MAX];
    uint16_t place[FIELD_PARTITIONS * RING_REPLICAS_MAX];

    for (uint32_t i = 0; i < nodes; i++)
        members[i] = (struct member){
            .id = i + 1, .name = BYTES_LIT("n"), .address = BYTES_LIT("a:1"), .weight = 100};
    f->document = draft_first(cluster, hash_key, &members[0], FIELD_SLOTS, FIELD_PARTITIONS, n_max);
    for (uint32_t p = 0; p < FIELD_PARTITIONS; p++) {
        for (uint32_t i = 0; i < n_max; i++)
            place[p * n_max + i] = (uint16_t)(i < nodes ? (p + i) % nodes : RING_NOBODY);
    }
    draft_set_members(f->document, members, nodes, n_max, place, NULL);
    document_seal(f->document);
}

void field_begin(struct field *f, uint32_t nodes, uint32_t n_max)
{
    ASSERT(nodes <= FIELD_NODES_MAX);
    memset(f, 0, sizeof(*f));
    config_init(&f->config);
    arena_init(&f->arena);
    outbox_init(&f->out);
    f->nodes = nodes;
    f->now_us = 1000000;
    make_document(f, nodes, n_max);
    f->rows = arena_alloc_array(&f->arena, ROWS_MAX, sizeof(*f->rows));
    f->names = arena_alloc_array(&f->arena, NAMES_MAX, sizeof(*f->names));
    for (uint32_t i = 0; i < nodes; i++) {
        f->members[i] = (struct view_member){.id = i + 1, .up = true};
        f->ring_nodes[i] = (struct ring_node){.id = i + 1, .live = true};
        f->listers[i] = listers_new(&f->config);
        f->views[i] = (struct view){
            .document = f->document,
            .ring = {{f->document->hash_key[0], f->document->hash_key[1]},
                     f->document->slots,
                     f->document->partitions,
                     f->document->n_max,
                     f->document->place},
            .self = i + 1,
            .self_index = (uint16_t)i,
            .members = f->members,
            .nodes = f->ring_nodes,
            .members_count = (uint16_t)nodes,
        };
    }
}

void field_end(struct field *f)
{
    if (f->list != NULL)
        list_free(f->list);
    for (uint32_t i = 0; i < f->nodes; i++)
        listers_free(f->listers[i]);
    outbox_done(&f->out);
    document_free(f->document);
    arena_done(&f->arena);
    config_done(&f->config);
}

void field_add(struct field *f, struct bytes type, struct bytes bucket, struct bytes name,
               bool deleted)
{
    struct key key = {type, bucket, name};
    struct write write = {
        .dot = {9, 1}, .deleted = deleted, .wall_us = 5, .expires_us = f->expires_us};
    struct object *object = object_put(&f->arena, NULL, &write);
    struct bytes row_key =
        row_key_make(&f->arena, ring_slot(&f->views[0].ring, type, bucket, name), &key);
    struct blob *blob = record_meta_blob(row_key, meta_of(&f->arena, object));

    ASSERT(f->rows_count < ROWS_MAX);
    f->rows[f->rows_count++] = (struct field_row){row_key, arena_copy(&f->arena, blob_bytes(blob))};
    f->sorted = false;
    blob_unref(blob);
}

static int row_order(const void *a, const void *b)
{
    return bytes_cmp(((const struct field_row *)a)->key, ((const struct field_row *)b)->key);
}

/* Takes what the last step of a node put out; the machine's is the first node. */
static void take(struct field *f, uint64_t node)
{
    for (size_t i = 0; i < f->out.count; i++) {
        struct output *output = &f->out.items[i];
        if (output->kind == OUT_TRACE)
            continue;
        if (output->kind == OUT_REPLY) {
            const struct reply *reply = &output->u.reply.reply;
            ASSERT(!f->ended);
            f->replies++;
            f->ended = reply->done || reply->err != ERR_OK;
            f->err = reply->err;
            f->wants = !f->ended;
            for (uint32_t n = 0; n < reply->names_count; n++) {
                ASSERT(f->names_count < NAMES_MAX);
                f->names[f->names_count++] = arena_copy(&f->arena, reply->names[n]);
            }
            continue;
        }
        ASSERT(f->pending_count < FIELD_PENDING_MAX);
        struct pending *p = &f->pending[f->pending_count++];
        memset(p, 0, sizeof(*p));
        if (output->kind == OUT_STORE) {
            p->kind = PENDING_SCAN;
            p->node = node;
            p->scan = output->u.store;
            p->scan.key = arena_copy(&f->arena, p->scan.key);
            p->scan.end = arena_copy(&f->arena, p->scan.end);
        } else if (output->u.send.msg.kind == PEER_LIST) {
            p->kind = PENDING_ASK;
            p->node = output->u.send.to;
            p->ask = output->u.send.msg.u.list;
            p->ask.after_row = arena_copy(&f->arena, p->ask.after_row);
        } else {
            ASSERT(output->u.send.msg.kind == PEER_LISTED);
            p->kind = PENDING_ANSWER;
            p->node = node;
            p->answer = output->u.send.msg.u.listed;
            p->answer.last_row = arena_copy(&f->arena, p->answer.last_row);
            struct bytes *names =
                arena_alloc_array(&f->arena, p->answer.names_count, sizeof(*names));
            for (uint32_t n = 0; n < p->answer.names_count; n++)
                names[n] = arena_copy(&f->arena, p->answer.names[n]);
            p->answer.names = names;
        }
    }
}

static struct event event_of(const struct field *f, enum event_kind kind)
{
    return (struct event){.kind = kind, .mono_us = f->now_us, .wall_us = f->now_us};
}

static void step(struct field *f, const struct event *ev)
{
    struct list_env env = {&f->views[0], &f->config};

    if (f->list->done)
        return;
    outbox_reset(&f->out);
    list_step(f->list, &env, ev, &f->out);
    take(f, 1);
}

void field_list(struct field *f, enum request_kind kind, struct bytes type, struct bytes bucket)
{
    struct list_env env = {&f->views[0], &f->config};
    struct event ev = event_of(f, EV_BYTES);
    struct request request = {.kind = kind, .key = {type, bucket, BYTES_NONE}};

    if (!f->sorted)
        qsort(f->rows, f->rows_count, sizeof(*f->rows), row_order);
    f->sorted = true;
    request_options_init(&request.options);
    outbox_reset(&f->out);
    f->list = list_new(&env, LIST_ID, (struct asker){ASKER_SESSION, 1, 2}, &request, &ev, &f->out);
    take(f, 1);
}

static struct pending take_out(struct field *f, uint32_t n)
{
    struct pending p = f->pending[n];

    ASSERT(n < f->pending_count);
    memmove(&f->pending[n], &f->pending[n + 1], (f->pending_count - n - 1) * sizeof(p));
    f->pending_count--;
    return p;
}

/* A scan as msg/store.h promises it. */
static void scan(struct field *f, const struct pending *p)
{
    struct event ev = event_of(f, EV_STORED);
    const struct store_op *op = &p->scan;
    struct stored_row *rows = arena_alloc_array(&f->arena, op->rows_max, sizeof(*rows));
    uint32_t low = 0, high = f->rows_count, count = 0;
    size_t bytes = 0;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (bytes_cmp(f->rows[middle].key, op->key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool more = false;
    for (uint32_t i = low; i < f->rows_count && !more; i++) {
        if (op->end.len > 0 && bytes_cmp(f->rows[i].key, op->end) >= 0)
            break;
        size_t size = f->rows[i].key.len + (op->keys_only ? 0 : f->rows[i].value.len);
        more = count > 0 && (count == op->rows_max || bytes + size > op->bytes_max);
        if (more)
            break;
        rows[count++] =
            (struct stored_row){f->rows[i].key, op->keys_only ? BYTES_NONE : f->rows[i].value};
        bytes += size;
    }
    ev.u.stored =
        (struct stored){.token = op->token, .rows = rows, .rows_count = count, .more = more};
    outbox_reset(&f->out);
    listers_stored(f->listers[p->node - 1], &ev, &f->out);
    take(f, p->node);
}

static void deliver(struct field *f, const struct pending *p)
{
    struct peer_msg msg = {.kind = PEER_LISTED};
    struct event ev = event_of(f, EV_PEER);

    msg.u.listed = p->answer;
    ev.u.peer.from = p->node;
    ev.u.peer.msg = &msg;
    step(f, &ev);
}

void field_happen(struct field *f, uint32_t n)
{
    struct pending p = take_out(f, n);

    switch (p.kind) {
    case PENDING_ASK:
        outbox_reset(&f->out);
        listers_get(f->listers[p.node - 1], &f->views[p.node - 1], 1, &p.ask, true, &f->out);
        take(f, p.node);
        break;
    case PENDING_SCAN: scan(f, &p); break;
    case PENDING_ANSWER: deliver(f, &p); break;
    }
}

void field_refuse(struct field *f, uint32_t n, enum err err)
{
    struct pending p = take_out(f, n);

    ASSERT(p.kind == PENDING_ASK);
    p.kind = PENDING_ANSWER;
    p.answer = (struct peer_listed){.token = p.ask.token, .err = err};
    deliver(f, &p);
}

void field_lose(struct field *f, uint32_t n)
{
    (void)take_out(f, n);
}

void field_more(struct field *f)
{
    struct event ev = event_of(f, EV_MORE);

    f->wants = false;
    step(f, &ev);
}

void field_event(struct field *f, enum event_kind kind)
{
    struct event ev = event_of(f, kind);

    step(f, &ev);
}

void field_down(struct field *f, uint64_t node)
{
    struct event ev = event_of(f, EV_LINK_DOWN);

    f->members[node - 1].up = false;
    for (uint32_t i = f->pending_count; i-- > 0;) {
        if (f->pending[i].node == node)
            (void)take_out(f, i);
    }
    ev.u.link.node = node;
    step(f, &ev);
}

void field_run(struct field *f)
{
    while (!f->list->done && (f->wants || f->pending_count > 0)) {
        if (f->wants)
            field_more(f);
        else
            field_happen(f, 0);
    }
}

static int name_order(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

bool field_got_each_once(struct field *f, uint32_t count)
{
    qsort(f->names, f->names_count, sizeof(*f->names), name_order);
    for (uint32_t i = 1; i < f->names_count; i++) {
        if (bytes_eq(f->names[i - 1], f->names[i]))
            return false;
    }
    return f->names_count == count;
}

bool field_got(struct field *f, struct bytes name)
{
    for (uint32_t i = 0; i < f->names_count; i++) {
        if (bytes_eq(f->names[i], name))
            return true;
    }
    return false;
}

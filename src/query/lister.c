/* SPDX-License-Identifier: Apache-2.0 */
#include "query/lister.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/reader.h"
#include "model/expiry.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "msg/token.h"
#include "query/limits.h"
#include "record/keys.h"
#include "record/meta.h"

/* The reading of one chunk. It walks the slots of its partition in order. */
struct lister {
    struct map_node node;
    uint64_t id;
    uint64_t from;
    uint64_t token;
    enum list_what what;
    uint32_t partition;
    uint32_t slot, slot_end;
    struct arena arena; /* type, bucket, and what was found */
    struct bytes type;
    struct bytes bucket;
    struct bytes next; /* the row key to go on at; empty: the slot's first */
    struct bytes names[LIST_CHUNK_NAMES_MAX];
    uint32_t names_count;
    size_t names_bytes;
};

struct listers {
    const struct config *config;
    struct map table;
    uint64_t next_id;
};

struct listers *listers_new(const struct config *config)
{
    struct listers *ls = mem_new(sizeof(*ls));

    ls->config = config;
    map_init(&ls->table);
    ls->next_id = 1;
    return ls;
}

static void lister_free(struct lister *l)
{
    arena_done(&l->arena);
    mem_free(l);
}

void listers_free(struct listers *ls)
{
    if (ls == NULL)
        return;
    MAP_EACH(node, &ls->table)
        lister_free(CONTAINER_OF(node, struct lister, node));
    map_done(&ls->table);
    mem_free(ls);
}

/* What all rows of interest in the slot begin with. */
static struct bytes lister_prefix(const struct lister *l, struct arena *arena)
{
    return l->what == LIST_KEYS ? row_prefix_bucket(arena, l->slot, l->type, l->bucket)
                                : row_prefix_type(arena, l->slot, l->type);
}

static void lister_scan(struct lister *l, struct outbox *out)
{
    struct bytes prefix = lister_prefix(l, &out->arena);
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = STORE_SCAN;
    op->token = token_of(TOKEN_LISTER, l->id);
    op->family = FAMILY_META;
    op->key = l->next.len > 0 ? arena_copy(&out->arena, l->next) : prefix;
    op->end = row_prefix_end(&out->arena, prefix);
    op->rows_max = LIST_SCAN_ROWS;
    op->bytes_max = SCAN_BYTES_MAX;
}

static struct peer_listed *answer(struct outbox *out, uint64_t to, uint64_t token, enum err err)
{
    struct peer_msg *msg = outbox_send(out, to, PEER_LISTED);

    msg->u.listed.token = token;
    msg->u.listed.err = err;
    return &msg->u.listed;
}

/* Goes on at a cursor: a place in the order of row keys, in the partition and within what is listed
 * there. False when it is anything else. */
static bool lister_resume(struct lister *l, struct bytes cursor, struct outbox *out)
{
    struct reader r = reader_of(cursor);
    uint32_t slot = reader_be16(&r);

    if (!r.ok || slot < l->slot || slot >= l->slot_end)
        return false;
    l->slot = slot;
    struct bytes prefix = lister_prefix(l, &out->arena);
    struct bytes end = row_prefix_end(&out->arena, prefix);
    l->next = arena_copy(&l->arena, cursor);
    return bytes_cmp(cursor, prefix) >= 0 && bytes_cmp(cursor, end) <= 0;
}

void listers_get(struct listers *ls, const struct view *view, uint64_t from,
                 const struct peer_list *list, bool serves, struct outbox *out)
{
    struct key key = {list->type, list->bucket, BYTES_NONE};

    if (!key_fits(&key)) {
        answer(out, from, list->token, ERR_MALFORMED);
        return;
    }
    if (view->document == NULL || list->partition >= view->ring.partitions ||
        list->epoch != view_epoch(view) || !serves || !view_owns(view, list->partition)) {
        answer(out, from, list->token, ERR_WRONG_OWNER);
        return;
    }
    if (ls->table.count >= LISTERS_MAX) {
        answer(out, from, list->token, ERR_OVERLOAD);
        return;
    }
    struct lister *l = mem_new(sizeof(*l));
    arena_init(&l->arena);
    l->id = ls->next_id++;
    l->from = from;
    l->token = list->token;
    l->what = list->what;
    l->partition = list->partition;
    l->slot = ring_first_slot(&view->ring, list->partition);
    l->slot_end = l->slot + ring_slots_each(&view->ring);
    l->type = arena_copy(&l->arena, list->type);
    l->bucket = arena_copy(&l->arena, list->bucket);
    if (list->after_row.len > 0 && !lister_resume(l, list->after_row, out)) {
        answer(out, from, list->token, ERR_MALFORMED);
        lister_free(l);
        return;
    }
    map_add(&ls->table, &l->node, l->id);
    lister_scan(l, out);
}

static void lister_end(struct listers *ls, struct lister *l, enum err err, bool done,
                       struct outbox *out)
{
    struct peer_listed *listed = answer(out, l->from, l->token, err);

    listed->partition = l->partition;
    listed->done = done;
    if (err == ERR_OK) {
        struct bytes *names = arena_alloc_array(&out->arena, l->names_count, sizeof(*names));
        for (uint32_t i = 0; i < l->names_count; i++)
            names[i] = arena_copy(&out->arena, l->names[i]);
        listed->names = names;
        listed->names_count = l->names_count;
        listed->last_row = done ? BYTES_NONE : arena_copy(&out->arena, l->next);
    }
    map_remove(&ls->table, &l->node);
    lister_free(l);
}

static bool lister_full(const struct lister *l)
{
    return l->names_count == LIST_CHUNK_NAMES_MAX || l->names_bytes >= LIST_CHUNK_BYTES_MAX;
}

static void lister_add(struct lister *l, struct bytes name)
{
    ASSERT(l->names_count < LIST_CHUNK_NAMES_MAX);
    l->names[l->names_count++] = arena_copy(&l->arena, name);
    l->names_bytes += name.len;
}

static bool all_expired(const struct meta *meta, uint64_t cutoff_us)
{
    for (uint32_t i = 0; i < meta->count; i++) {
        if (meta->siblings[i].expires_us == 0 || meta->siblings[i].expires_us > cutoff_us)
            return false;
    }
    return true;
}

/* Takes one row. A digest that cannot be read still names its key: better one too many than one
 * missing. False when the rest of the rows is of no use: the bucket is known now. */
static bool lister_take(struct lister *l, const struct stored_row *row, uint64_t cutoff_us,
                        struct outbox *out)
{
    struct key key;
    struct meta *meta;
    uint32_t slot;

    if (row_key_decode(&out->arena, row->key, &slot, &key) != ERR_OK) {
        l->next = row_key_after(&l->arena, row->key);
        return true;
    }
    if (record_meta_decode(&out->arena, row->key, row->value, &meta) != ERR_OK)
        meta = NULL;
    if (l->what == LIST_BUCKETS && (meta == NULL || !all_expired(meta, cutoff_us))) {
        struct bytes prefix = row_prefix_bucket(&out->arena, slot, key.type, key.bucket);
        lister_add(l, key.bucket);
        l->next = row_prefix_end(&l->arena, prefix);
        return false;
    }
    if (l->what == LIST_KEYS && (meta == NULL || !meta_hidden(meta, cutoff_us)))
        lister_add(l, key.key);
    l->next = row_key_after(&l->arena, row->key);
    return true;
}

void listers_stored(struct listers *ls, const struct event *ev, struct outbox *out)
{
    struct map_node *node = map_find(&ls->table, token_number(ev->u.stored.token));
    const struct stored *stored = &ev->u.stored;
    uint64_t cutoff_us = expiry_cutoff_us(ev->wall_us, ls->config->expiry_skew_ms);
    bool more = stored->more;

    ASSERT(node != NULL);
    struct lister *l = CONTAINER_OF(node, struct lister, node);
    if (stored->err != ERR_OK) {
        lister_end(ls, l, stored->err, false, out);
        return;
    }
    for (uint32_t i = 0; i < stored->rows_count; i++) {
        const struct stored_row *row = &stored->rows[i];
        if (l->what == LIST_BUCKETS && l->next.len > 0 && bytes_cmp(row->key, l->next) < 0)
            continue;
        if (lister_full(l)) {
            more = true;
            break;
        }
        if (!lister_take(l, row, cutoff_us, out))
            more = true;
    }
    if (!more) {
        l->slot++;
        l->next = BYTES_NONE;
    }
    if (l->slot == l->slot_end) {
        lister_end(ls, l, ERR_OK, true, out);
    } else if (lister_full(l)) {
        if (l->next.len == 0)
            l->next = lister_prefix(l, &l->arena);
        lister_end(ls, l, ERR_OK, false, out);
    } else {
        lister_scan(l, out);
    }
}

uint32_t listers_waiting(const struct listers *ls)
{
    return (uint32_t)ls->table.count;
}

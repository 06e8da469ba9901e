/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/digests.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "msg/limits.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/meta.h"

/* A question, and while it is SETTLING its answer. */
struct reading {
    struct map_node node;
    uint64_t id;
    uint64_t from;
    uint32_t partition;
    bool settling;
    bool ends; /* it asks for all to the end of the partition */
    uint64_t rows, hash, cutoff_us;
    struct arena arena; /* of the answer */
    struct peer_digested answer;
};

struct digests {
    struct map table;
    uint64_t next_id;
};

struct digests *digests_new(void)
{
    struct digests *ds = mem_new(sizeof(*ds));

    map_init(&ds->table);
    ds->next_id = 1;
    return ds;
}

static void reading_free(struct reading *reading)
{
    arena_done(&reading->arena);
    mem_free(reading);
}

void digests_free(struct digests *ds)
{
    if (ds == NULL)
        return;
    MAP_EACH(node, &ds->table)
        reading_free(CONTAINER_OF(node, struct reading, node));
    map_done(&ds->table);
    mem_free(ds);
}

uint32_t digests_waiting(const struct digests *ds)
{
    return (uint32_t)ds->table.count;
}

struct row_range digests_range(struct arena *arena, const struct ring *ring, uint32_t partition)
{
    uint32_t first = ring_first_slot(ring, partition);
    uint32_t last = first + ring_slots_each(ring) - 1;

    ASSERT(partition < ring->partitions);
    return (struct row_range){row_prefix_slot(arena, first),
                              row_prefix_end(arena, row_prefix_slot(arena, last))};
}

void digests_scan(uint64_t token, struct bytes from, struct bytes end, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    ASSERT(bytes_cmp(from, end) < 0);
    op->verb = STORE_SCAN;
    op->token = token;
    op->family = FAMILY_META;
    op->key = arena_copy(&out->arena, from);
    op->end = arena_copy(&out->arena, end);
    op->rows_max = DIGESTS_ROWS_MAX;
    op->bytes_max = DIGESTS_BYTES_MAX;
}

uint32_t digests_standing(struct arena *arena, struct stored_row *rows, uint32_t count,
                          uint64_t cutoff_us)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct meta *meta;
        if (record_meta_decode(arena, rows[i].key, rows[i].value, &meta) != ERR_OK ||
            !meta_expired(meta, cutoff_us))
            rows[kept++] = rows[i];
    }
    ASSERT(kept <= count);
    return kept;
}

uint64_t digests_hash(const struct stored_row *rows, uint32_t count)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < count; i++) {
        hash = hash_xx_seed(rows[i].key, hash);
        hash = hash_xx_seed(rows[i].value, hash);
    }
    return hash;
}

static void answer(struct outbox *out, uint64_t to, const struct peer_digested *digested)
{
    outbox_send(out, to, PEER_DIGESTED)->u.digested = *digested;
}

static void refuse(struct outbox *out, uint64_t to, uint64_t token, enum err err)
{
    const struct peer_digested no = {.token = token, .err = err};

    ASSERT(err != ERR_OK);
    answer(out, to, &no);
}

/* Fills in what the asker left open. False when it is no range of the partition. */
static bool range_of(const struct peer_digests *ask, struct row_range *range, struct arena *arena)
{
    struct row_range all = *range;

    if (ask->from.len > 0)
        range->from = ask->from;
    if (ask->to.len > 0)
        range->end = row_key_after(arena, ask->to);
    return bytes_cmp(range->from, all.from) >= 0 && bytes_cmp(range->end, all.end) <= 0 &&
           bytes_cmp(range->from, range->end) < 0;
}

void digests_ask(struct digests *ds, const struct view *view, uint64_t from,
                 const struct peer_digests *ask, struct outbox *out)
{
    if (view->document == NULL || ask->partition >= view->ring.partitions) {
        refuse(out, from, ask->token, ERR_WRONG_OWNER);
        return;
    }
    struct row_range range = digests_range(&out->arena, &view->ring, ask->partition);
    if (!range_of(ask, &range, &out->arena)) {
        refuse(out, from, ask->token, ERR_MALFORMED);
        return;
    }
    if (ds->table.count >= DIGESTS_MAX) {
        refuse(out, from, ask->token, ERR_OVERLOAD);
        return;
    }
    struct reading *reading = mem_new(sizeof(*reading));
    reading->id = ds->next_id++;
    reading->from = from;
    reading->partition = ask->partition;
    reading->ends = ask->to.len == 0;
    reading->rows = ask->rows;
    reading->hash = ask->hash;
    reading->cutoff_us = ask->cutoff_us;
    reading->answer.token = ask->token;
    arena_init(&reading->arena);
    map_add(&ds->table, &reading->node, reading->id);
    digests_scan(token_of(TOKEN_DIGESTS, reading->id), range.from, range.end, out);
}

/* The rows as they are told, in the arena. What is stored under a key that is none is no object's:
 * it is passed over. */
static void take_rows(struct reading *reading, struct vnodes *vnodes,
                      const struct stored_row *stored, uint32_t stored_count,
                      const struct event *ev, struct outbox *out)
{
    struct arena *arena = &reading->arena;
    struct peer_row *rows = arena_alloc_array(arena, stored_count, sizeof(*rows));
    uint32_t count = 0;

    for (uint32_t i = 0; i < stored_count; i++) {
        const struct stored_row *row = &stored[i];
        struct key key;
        struct meta *meta;
        uint32_t slot;
        if (row_key_decode(&out->arena, row->key, &slot, &key) != ERR_OK)
            continue;
        enum err err = record_meta_decode(&out->arena, row->key, row->value, &meta);
        if (err == ERR_CORRUPT) {
            outbox_trace(out, TRACE_CORRUPT_ROW, reading->partition, 0, 0);
            vnodes_heal(vnodes, reading->partition, slot, &key, ev, out);
        }
        rows[count++] = (struct peer_row){
            arena_copy(arena, row->key),
            err == ERR_OK ? arena_copy(arena, row->value) : BYTES_NONE,
        };
    }
    reading->answer.rows = rows;
    reading->answer.rows_count = count;
}

/* The page was read: makes the answer. */
static void page_read(struct reading *reading, struct vnodes *vnodes, const struct event *ev,
                      struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;
    struct peer_digested *told = &reading->answer;
    struct stored_row *rows = arena_alloc_array(&out->arena, stored->rows_count, sizeof(*rows));

    ASSERT(!stored->more || stored->rows_count > 0);
    for (uint32_t i = 0; i < stored->rows_count; i++)
        rows[i] = stored->rows[i];
    uint32_t count = digests_standing(&out->arena, rows, stored->rows_count, reading->cutoff_us);
    told->done = !stored->more;
    told->same = told->done && count == reading->rows && digests_hash(rows, count) == reading->hash;
    if (told->same)
        return;
    take_rows(reading, vnodes, rows, count, ev, out);
    if (stored->more)
        told->last_row = arena_copy(&reading->arena, stored->rows[stored->rows_count - 1].key);
}

/* Sends the answer: what it points to must outlive the question. */
static void reading_end(struct digests *ds, struct reading *reading, struct outbox *out)
{
    struct peer_digested told = reading->answer;
    struct peer_row *rows = arena_alloc_array(&out->arena, told.rows_count, sizeof(*rows));

    for (uint32_t i = 0; i < told.rows_count; i++) {
        rows[i].key = arena_copy(&out->arena, told.rows[i].key);
        rows[i].record = arena_copy(&out->arena, told.rows[i].record);
    }
    told.rows = rows;
    told.last_row = arena_copy(&out->arena, told.last_row);
    answer(out, reading->from, &told);
    map_remove(&ds->table, &reading->node);
    reading_free(reading);
}

/* Nothing is changed; but commits become durable in their order. */
static void settle(struct reading *reading, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    ASSERT(!reading->settling);
    reading->settling = true;
    op->verb = STORE_COMMIT;
    op->token = token_of(TOKEN_DIGESTS, reading->id);
    op->durable = true;
}

void digests_stored(struct digests *ds, struct vnodes *vnodes, const struct event *ev,
                    struct outbox *out)
{
    struct map_node *node = map_find(&ds->table, token_number(ev->u.stored.token));
    const struct stored *stored = &ev->u.stored;

    ASSERT(node != NULL);
    struct reading *reading = CONTAINER_OF(node, struct reading, node);
    if (stored->err != ERR_OK) {
        reading->answer = (struct peer_digested){.token = reading->answer.token};
        reading->answer.err = stored->err;
        reading_end(ds, reading, out);
        return;
    }
    if (reading->settling) {
        reading_end(ds, reading, out);
        return;
    }
    page_read(reading, vnodes, ev, out);
    if (reading->answer.done && reading->ends)
        settle(reading, out);
    else
        reading_end(ds, reading, out);
}

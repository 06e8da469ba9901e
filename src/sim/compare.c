/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/compare.h"

#include "base/check.h"
#include "base/list.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"
#include "sim/lives.h"
#include "sim/node.h"

struct seen_row {
    struct list list;
    struct bytes key, value;
};

/* The rows of one node: gathered first, for an engine may not be asked from within its own scan. */
struct look {
    struct world *w;
    unsigned node;
    struct arena arena;
    struct list rows;
};

static bool gather(void *context, struct bytes key, struct bytes value)
{
    struct look *look = context;
    struct seen_row *row = ARENA_NEW(&look->arena, struct seen_row);

    row->key = arena_copy(&look->arena, key);
    row->value = arena_copy(&look->arena, value);
    list_append(&look->rows, &row->list);
    return true;
}

/* A digest row must be that of the object row beside it. */
static void check_digest(struct look *look, struct bytes key, struct bytes value)
{
    struct world *w = look->w;
    struct engine *engine = w->nodes[look->node]->disk.engine;
    struct object *object;
    struct meta *meta;
    struct blob *row = NULL;

    if (record_object_decode(&look->arena, key, value, &object) != ERR_OK) {
        world_fail(w, "node %u still holds a corrupt object", look->node);
        return;
    }
    if (engine_get(engine, FAMILY_META, key, true, &row) != ERR_OK ||
        record_meta_decode(&look->arena, key, blob_bytes(row), &meta) != ERR_OK ||
        !meta_same(meta, meta_of(&look->arena, object)))
        world_fail(w, "node %u: a digest does not tell of its object", look->node);
    if (lives_removed(w, object->clock.ends_us))
        world_fail(w, "node %u still holds what has expired", look->node);
    blob_unref(row);
}

/* The view of a node that serves. */
static const struct view *view_of(const struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (node_serves(w, w->nodes[i]))
            return shard_view(w->nodes[i]->shard);
    }
    UNREACHABLE();
}

static void look_at(struct look *look, struct bytes key, struct bytes value)
{
    struct world *w = look->w;
    const struct view *view = view_of(w);
    uint16_t replicas[RING_REPLICAS_MAX];
    struct key name;
    uint32_t slot;

    if (row_key_decode(&look->arena, key, &slot, &name) != ERR_OK) {
        world_fail(w, "node %u holds a row that is none", look->node);
        return;
    }
    check_digest(look, key, value);
    uint32_t n = ring_replicas(&view->ring, ring_partition(&view->ring, slot), 3, replicas);
    bool owner = false;
    for (uint32_t i = 0; i < n && !w->failed; i++) {
        struct sim_node *other = node_by_id(w, view->members[replicas[i]].id);
        struct blob *theirs = NULL;
        owner = owner || other->index == look->node;
        enum err err = engine_get(other->disk.engine, FAMILY_OBJECT, key, true, &theirs);
        if (err != ERR_OK || !bytes_eq(blob_bytes(theirs), value))
            world_fail(w, "nodes %u and %u differ in key %.*s of %.*s", look->node, other->index,
                       (int)name.key.len, (const char *)name.key.data, (int)name.bucket.len,
                       (const char *)name.bucket.data);
        blob_unref(theirs);
    }
    if (!owner)
        world_fail(w, "node %u holds a key that is not its own", look->node);
}

void compare_replicas(struct world *w)
{
    struct look look = {.w = w};

    for (unsigned i = 0; i < w->params.nodes && !w->failed; i++) {
        if (node_gone(w, w->nodes[i]))
            continue;
        arena_init(&look.arena);
        list_init(&look.rows);
        look.node = i;
        disk_each(&w->nodes[i]->disk, FAMILY_OBJECT, gather, &look);
        LIST_EACH(at, &look.rows) {
            struct seen_row *row = CONTAINER_OF(at, struct seen_row, list);
            if (!w->failed)
                look_at(&look, row->key, row->value);
        }
        arena_done(&look.arena);
    }
}

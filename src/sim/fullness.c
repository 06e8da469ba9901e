/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fullness.h"

#include "record/hint.h"
#include "record/object.h"

static bool has_dot(const struct object *object, struct dot dot)
{
    for (uint32_t i = 0; object != NULL && i < object->count; i++) {
        if (dot_eq(object->siblings[i].dot, dot))
            return true;
    }
    return false;
}

/* The row as it stands; NULL when there is none. False when it is damaged: then it is made anew
 * from what other replicas have. */
static bool stored(const struct sim_node *node, const struct store_row *row, struct bytes row_key,
                   struct arena *arena, struct object **ret_object)
{
    struct blob *value = NULL;

    *ret_object = NULL;
    if (engine_get(node->disk.engine, row->family, row->key, true, &value) != ERR_OK)
        return true;
    struct bytes record = arena_copy(arena, blob_bytes(value));
    blob_unref(value);
    return record_object_decode(arena, row_key, record, ret_object) == ERR_OK;
}

static bool adds_value(struct world *w, const struct sim_node *node, const struct store_row *row,
                       struct arena *arena)
{
    struct object *before, *after;
    struct bytes row_key = row->key;
    uint64_t target;

    if (row->family == FAMILY_HINT && hint_key_decode(row->key, &target, &row_key) != ERR_OK)
        return true;
    if (record_object_decode(arena, row_key, blob_bytes(row->value), &after) != ERR_OK)
        return true;
    bool whole = stored(node, row, row_key, arena, &before);
    /* A commit that has not reached the disk yet may be what this one goes on from. */
    if (!whole || (before == NULL && w->params.corrupt_ppm > 0) || node->disk.pending > 0)
        return false;
    for (uint32_t i = 0; i < after->count; i++) {
        if (!after->siblings[i].deleted && !has_dot(before, after->siblings[i].dot))
            return true;
    }
    return false;
}

void fullness_judge(struct world *w, const struct sim_node *node, const struct store_op *op)
{
    struct arena arena;

    if (!node->knows_full || op->verb != STORE_COMMIT)
        return;
    arena_init(&arena);
    for (uint32_t i = 0; i < op->rows_count; i++) {
        const struct store_row *row = &op->rows[i];
        bool object = row->family == FAMILY_OBJECT || row->family == FAMILY_HINT;
        if (!object || row->value == NULL)
            continue;
        if (adds_value(w, node, row, &arena))
            world_fail(w, "node %u writes new data although its disk is full", node->index);
        else
            w->tally.full_writes++;
    }
    arena_done(&arena);
}

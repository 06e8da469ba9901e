/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "engine/engine_int.h"

void engine_close(struct engine *engine)
{
    if (engine != NULL)
        engine->ops->close(engine);
}

enum err engine_get(struct engine *engine, enum store_family family, struct bytes key,
                    bool may_block, struct blob **ret_value)
{
    ASSERT((unsigned)family < STORE_FAMILIES);
    return engine->ops->get(engine, family, key, may_block, ret_value);
}

enum err engine_scan(struct engine *engine, enum store_family family, struct bytes from,
                     struct bytes end, engine_row_fn *row, void *context)
{
    ASSERT((unsigned)family < STORE_FAMILIES);
    return engine->ops->scan(engine, family, from, end, row, context);
}

struct engine_batch *engine_batch_new(struct engine *engine)
{
    return engine->ops->batch_new(engine);
}

void engine_batch_free(struct engine_batch *batch)
{
    if (batch != NULL)
        batch->ops->batch_free(batch);
}

void engine_batch_clear(struct engine_batch *batch)
{
    batch->count = 0;
    batch->size = 0;
    batch->ops->batch_clear(batch);
}

void engine_batch_put(struct engine_batch *batch, enum store_family family, struct bytes key,
                      struct bytes value)
{
    ASSERT((unsigned)family < STORE_FAMILIES);
    batch->count++;
    batch->size += key.len + value.len;
    batch->ops->batch_put(batch, family, key, value);
}

void engine_batch_delete(struct engine_batch *batch, enum store_family family, struct bytes key)
{
    ASSERT((unsigned)family < STORE_FAMILIES);
    batch->count++;
    batch->size += key.len;
    batch->ops->batch_delete(batch, family, key);
}

uint32_t engine_batch_count(const struct engine_batch *batch)
{
    return batch->count;
}

size_t engine_batch_size(const struct engine_batch *batch)
{
    return batch->size;
}

enum err engine_commit(struct engine *engine, const struct engine_batch *batch, bool sync)
{
    ASSERT(engine->ops == batch->ops);
    return engine->ops->commit(engine, batch, sync);
}

enum err engine_sync(struct engine *engine)
{
    return engine->ops->sync(engine);
}

void engine_why(struct engine *engine, struct why *ret_why)
{
    engine->ops->why(engine, ret_why);
}

struct engine_pressure engine_pressure(struct engine *engine)
{
    return engine->ops->pressure(engine);
}

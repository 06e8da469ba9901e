/* SPDX-License-Identifier: Apache-2.0 */
/* What the two engines share: a table of what each does, and what a batch always knows. Each engine
 * puts `struct engine` and `struct engine_batch` first in a structure of its own. */
#ifndef ENGINE_ENGINE_INT_H
#define ENGINE_ENGINE_INT_H

#include "engine/engine.h"

struct engine_ops {
    void (*close)(struct engine *engine);
    enum err (*get)(struct engine *engine, enum store_family family, struct bytes key,
                    bool may_block, struct blob **ret_value);
    enum err (*scan)(struct engine *engine, enum store_family family, struct bytes from,
                     struct bytes end, engine_row_fn *row, void *context);
    enum err (*commit)(struct engine *engine, const struct engine_batch *batch, bool sync);
    enum err (*sync)(struct engine *engine);
    struct engine_pressure (*pressure)(struct engine *engine);
    void (*why)(struct engine *engine, struct why *ret_why);

    struct engine_batch *(*batch_new)(struct engine *engine);
    void (*batch_free)(struct engine_batch *batch);
    void (*batch_clear)(struct engine_batch *batch);
    void (*batch_put)(struct engine_batch *batch, enum store_family family, struct bytes key,
                      struct bytes value);
    void (*batch_delete)(struct engine_batch *batch, enum store_family family, struct bytes key);
};

struct engine {
    const struct engine_ops *ops;
};

struct engine_batch {
    const struct engine_ops *ops;
    uint32_t count;
    size_t size;
};

#endif

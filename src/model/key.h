/* SPDX-License-Identifier: Apache-2.0 */
/* What names an object: bucket type, bucket and key, any bytes each. The default type is spelled
 * "default", never empty. */
#ifndef MODEL_KEY_H
#define MODEL_KEY_H

#include "base/arena.h"
#include "model/limits.h"

struct key {
    struct bytes type;
    struct bytes bucket;
    struct bytes key;
};

#define TYPE_DEFAULT BYTES_LIT("default")

static inline bool key_eq(const struct key *a, const struct key *b)
{
    return bytes_eq(a->key, b->key) && bytes_eq(a->bucket, b->bucket) && bytes_eq(a->type, b->type);
}

/* Whether the names are within their limits: what a request must be asked before its key is put to
 * use, for row keys are made of fitting ones only. */
static inline bool key_fits(const struct key *key)
{
    return key->type.len > 0 && key->type.len <= TYPE_BYTES_MAX &&
           key->bucket.len <= BUCKET_BYTES_MAX && key->key.len <= KEY_BYTES_MAX;
}

/* A deep copy in the arena. */
static inline struct key key_copy(struct arena *arena, const struct key *key)
{
    return (struct key){arena_copy(arena, key->type), arena_copy(arena, key->bucket),
                        arena_copy(arena, key->key)};
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What names an object: bucket type, bucket and key, any bytes each. The default type is spelled
 * "default", never empty. */
#ifndef MODEL_KEY_H
#define MODEL_KEY_H

#include "base/bytes.h"

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

#endif

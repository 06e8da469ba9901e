/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_META_H
#define RECORD_META_H

#include "base/blob.h"
#include "base/err.h"
#include "model/object.h"

struct meta_sibling {
    struct dot dot;
    uint64_t hlc_us;
    bool deleted;
};

/* The digest of an object: its history without its values. */
struct meta {
    struct clock clock;
    const struct meta_sibling *siblings; /* sorted by dot */
    uint32_t count;
    uint64_t bytes; /* of all values together */
};

/* The digest of an object, in the arena. */
struct meta *meta_of(struct arena *arena, const struct object *object);

struct blob *record_meta_blob(struct bytes row_key, const struct meta *meta);

enum err record_meta_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                            struct meta **ret_meta) MUST_CHECK;

/* Same clock and same dots. */
bool meta_same(const struct meta *a, const struct meta *b);

/* Whether merging an object with digest `b` into one with digest `a` changes nothing. */
bool meta_covers(const struct meta *a, const struct meta *b);

/* Whether every sibling is a tombstone. */
bool meta_deleted(const struct meta *meta);

#endif

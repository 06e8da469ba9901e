/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of an object: its history without its values. It stands beside the object in a row of
 * its own; digest reads and listings see nothing else.
 *
 *   offset  size  field
 *   0       5     seal (record/seal.h), version 2 where something expires, else 1
 *   5       ..    clock (record/history_int.h)
 *   ..      0|8   version 2: when the history ends, microseconds, little-endian; 0: never
 *   ..      v     varint: count of siblings, each:
 *           v+v     dot: varint index of its actor in the clock, varint counter; ascending
 *           8       hybrid clock in microseconds, little-endian
 *           1       flags: 1 = tombstone, 2 = it expires; other bits are zero
 *           0|8     flag 2, version 2 only: when it expires, not zero
 *   ..      v     varint: bytes of all values together */
#ifndef RECORD_META_H
#define RECORD_META_H

#include "base/blob.h"
#include "base/err.h"
#include "model/object.h"

struct meta_sibling {
    struct dot dot;
    uint64_t hlc_us;
    bool deleted;
    uint64_t expires_us; /* 0: never */
};

struct meta {
    struct clock clock;
    const struct meta_sibling *siblings; /* sorted by dot */
    uint32_t count;
    uint64_t bytes; /* of all values together */
};

/* The digest of an object, in the arena; it shares the object's clock. */
struct meta *meta_of(struct arena *arena, const struct object *object);

/* The digest as it sleeps, in a blob of exact size with one reference. */
struct blob *record_meta_blob(struct bytes row_key, const struct meta *meta);

/* Decodes into the arena; nothing points into `record`. ERR_CORRUPT when anything is wrong,
 * ERR_VERSION when a newer release wrote it. */
enum err record_meta_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                            struct meta **ret_meta) MUST_CHECK;

/* Same clock and same dots. */
bool meta_same(const struct meta *a, const struct meta *b);

/* Whether merging an object with digest `b` into one with digest `a` changes nothing. */
bool meta_covers(const struct meta *a, const struct meta *b);

/* Whether a read finds nothing when the cut-off has come: every sibling is a tombstone or had
 * expired (a digest without siblings counts as deleted). Such an object is still compared, repaired
 * and handed over: it may have replaced what would be seen. */
bool meta_hidden(const struct meta *meta, uint64_t cutoff_us);

/* Whether all that the object ever held had expired by the cut-off: its row says nothing any more
 * and may be missing anywhere. It is left out where replicas are compared, where the asker names
 * the cut-off; it is not repaired, nor handed over. */
bool meta_expired(const struct meta *meta, uint64_t cutoff_us);

#endif

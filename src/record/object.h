/* SPDX-License-Identifier: Apache-2.0 */
/* An object at rest and between nodes: the same bytes. They are made once, and decoding looks into
 * them without copying. The form is canonical: equal objects give equal bytes, and what decodes
 * encodes to the same bytes again.
 *
 *   offset  size  field
 *   0       5     seal (record/seal.h), version 2 where something expires, else 1
 *   5       ..    clock (record/history_int.h)
 *   ..      0|8   version 2: when the history ends, microseconds, little-endian; 0: never
 *   ..      v     varint: count of siblings, each:
 *           v+v     dot: varint index of its actor in the clock, varint counter; ascending
 *           8       hybrid clock in microseconds, little-endian
 *           1       flags: 1 = tombstone, which ends here, 2 = it expires; other bits are zero
 *           0|8     flag 2, version 2 only: when it expires, not zero
 *           text    content type
 *           text    charset
 *           text    content encoding
 *           v+..    varint: count of links, each: bucket, key, tag (texts)
 *           v+..    varint: count of metadata pairs, each: name, value (texts)
 *           v+..    varint: count of index entries, each: field, term (texts)
 *           v+..    varint: length of the value, then the value
 *
 * A text is the varint of its length plus one, then its bytes; 0 alone when it is absent. */
#ifndef RECORD_OBJECT_H
#define RECORD_OBJECT_H

#include "base/blob.h"
#include "base/err.h"
#include "model/object.h"

/* The object as it sleeps and travels, in a blob of exact size with one reference. The object must
 * be valid and within the limits of model/limits.h. */
struct blob *record_object_blob(struct bytes row_key, const struct object *object);

/* The size that record_object_blob would make. */
size_t record_object_size(const struct object *object);

/* Decodes into the arena; texts and values are views of `record`. ERR_CORRUPT when anything is
 * wrong, ERR_VERSION when a newer release wrote it. */
enum err record_object_decode(struct arena *arena, struct bytes row_key, struct bytes record,
                              struct object **ret_object) MUST_CHECK;

#endif

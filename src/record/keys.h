/* SPDX-License-Identifier: Apache-2.0 */
/* The key of an object's row. Rows sort by slot, then type, then bucket, then key, each in the
 * order of its bytes: what belongs to one slot, one type or one bucket stands together.
 *
 *   offset  size  field
 *   0       2     slot, big-endian, below SLOTS_MAX
 *   2       ..    type: 0x00 is written 0x00 0xff; 0x00 0x01 ends it
 *   ..      ..    bucket, in the same way
 *   ..      ..    key, as it is, to the end
 *
 * The end mark is less than all that may stand in its place, so a name sorts before those that it
 * begins. To leap over the rest of a bucket, seek row_prefix_end(row_prefix_bucket(...)). */
#ifndef RECORD_KEYS_H
#define RECORD_KEYS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/key.h"

enum { ROW_KEY_BYTES_MAX = 2 + 2 * (1024 + 65536 + 2) + 65536 };

/* A place in the order of row keys: one, or the first that can follow it. */
enum { ROW_PLACE_BYTES_MAX = ROW_KEY_BYTES_MAX + 1 };

/* Appends the row key of an object, or sets `overflow`. The key must fit (key_fits). */
void row_key_put(struct buf *buf, uint32_t slot, const struct key *key);

/* The same in an arena, of exact size. */
struct bytes row_key_make(struct arena *arena, uint32_t slot, const struct key *key);

/* What all rows of a slot, of a type in it, of a bucket in that begin with. */
struct bytes row_prefix_slot(struct arena *arena, uint32_t slot);
struct bytes row_prefix_type(struct arena *arena, uint32_t slot, struct bytes type);
struct bytes row_prefix_bucket(struct arena *arena, uint32_t slot, struct bytes type,
                               struct bytes bucket);

/* The first row key after all that begin with the prefix; empty when there can be none. */
struct bytes row_prefix_end(struct arena *arena, struct bytes prefix);

/* The first that can follow a row key in the order of bytes. */
struct bytes row_key_after(struct arena *arena, struct bytes row);

/* Takes a row key apart. Names are views of `row`, or in the arena where an escape had to go.
 * ERR_CORRUPT when it is none. */
enum err row_key_decode(struct arena *arena, struct bytes row, uint32_t *ret_slot,
                        struct key *ret_key) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_KEYS_H
#define RECORD_KEYS_H

#include "base/buf.h"
#include "base/err.h"
#include "model/key.h"

enum { ROW_KEY_BYTES_MAX = 2 + 2 * (1024 + 65536 + 2) + 65536 };

/* The row of an object: slot (2 bytes, big-endian), type and bucket escaped and terminated so that
 * they sort, then the key. */
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

/* Takes a row key apart, into the arena. ERR_CORRUPT when it is none. */
enum err row_key_decode(struct arena *arena, struct bytes row, uint32_t *ret_slot,
                        struct key *ret_key) MUST_CHECK;

#endif

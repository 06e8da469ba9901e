/* SPDX-License-Identifier: Apache-2.0 */
/* Hints: objects that a node keeps for another one that was away, until it can hand them over. One
 * row for each key and target, which holds the merge of all that was hinted; rows sort by target,
 * then as objects do, so that what one node is owed stands together.
 *
 *   row key of a hint        value
 *   target (8, big-endian),  the object record, sealed under the object's row key: the same
 *   row key of the object    bytes as in the target's store
 *
 *   system row               value after the seal
 *   "hints/", target         rows (8), bytes of their values (8), flags (1: some were refused or
 *   (8, big-endian)          lost), little-endian */
#ifndef RECORD_HINT_H
#define RECORD_HINT_H

#include "base/arena.h"
#include "base/blob.h"
#include "base/err.h"

/* What is kept for one target. Changes in the batch that changes the hints. */
struct hint_sum {
    uint64_t rows, bytes;
    bool lacking; /* a hint was refused or lost: the target must be compared with its siblings */
};

struct bytes hint_key_make(struct arena *arena, uint64_t target, struct bytes row_key);

/* What all hints for a target begin with. */
struct bytes hint_key_prefix(struct arena *arena, uint64_t target);

/* Takes a hint's row key apart; `ret_row_key` is a view. ERR_CORRUPT when it is none. */
enum err hint_key_decode(struct bytes key, uint64_t *ret_target, struct bytes *ret_row_key)
    MUST_CHECK;

struct bytes hint_sum_key(struct arena *arena, uint64_t target);

/* Whether a system row is such a sum, and of which target. */
bool hint_sum_row(struct bytes row, uint64_t *ret_target);

struct blob *hint_sum_blob(struct bytes row, const struct hint_sum *sum);
enum err hint_sum_decode(struct bytes row, struct bytes record, struct hint_sum *ret_sum)
    MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The causal context as clients hold it: opaque bytes, checksummed, capped. Riak's clients call it
 * vclock and send back what they got.
 *
 *   offset  size  field
 *   0       1     version: 2 where the history has an end, else 1
 *   1       8     newest hybrid clock of the history in microseconds, little-endian
 *   9       0|8   version 2: when the history ends, microseconds since 1970, not zero
 *   ..      v     varint: count of entries
 *   ..      8+v   each: actor (little-endian), counter (varint), sorted by actor
 *   end-4   4     CRC-32C of all before, little-endian */
#ifndef MODEL_CONTEXT_H
#define MODEL_CONTEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "model/clock.h"

void context_put(struct buf *buf, struct clock clock);

/* Reads a context into the arena. Empty bytes are the empty clock. ERR_BAD_CONTEXT when it is
 * damaged, foreign, too long or not canonical. */
enum err context_decode(struct arena *arena, struct bytes bytes, struct clock *ret_clock)
    MUST_CHECK;

#endif

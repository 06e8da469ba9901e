/* SPDX-License-Identifier: Apache-2.0 */
/* Values that say themselves whether they are whole and belong where they were found.
 *
 *   offset  size  field
 *   0       4     magic "DBv1"
 *   4       4     size of the value
 *   8       8     number of the key
 *   16      8     number of the write
 *   24      n     filling, made from both numbers
 *   24+n    4     CRC-32C of all before
 *
 * All numbers are little-endian. */
#ifndef CLI_STAMP_H
#define CLI_STAMP_H

#include "base/buf.h"

enum { STAMP_BYTES_MIN = 28 };

/* Adds a value of `size` bytes, at least STAMP_BYTES_MIN. */
void stamp_put(struct buf *to, uint32_t size, uint64_t key, uint64_t write);

/* Whether the bytes are the whole value of some write to that key. */
bool stamp_holds(struct bytes value, uint64_t key);

#endif

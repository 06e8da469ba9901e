/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded decoding. A read past the end gives zero or an empty view and clears `ok`, for good: a
 * decoder reads all its fields and looks at `ok` once before it believes any of them. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/bytes.h"

struct reader {
    struct bytes rest; /* what has not been read */
    bool ok;
};

struct reader reader_of(struct bytes bytes);

uint8_t reader_u8(struct reader *r);
uint16_t reader_le16(struct reader *r);
uint32_t reader_le32(struct reader *r);
uint64_t reader_le64(struct reader *r);
uint16_t reader_be16(struct reader *r);
uint32_t reader_be32(struct reader *r);
uint64_t reader_be64(struct reader *r);

/* LEB128 in its shortest form; a longer form is an error. */
uint64_t reader_varint(struct reader *r);

/* The next `len` bytes, as a view of the input. */
struct bytes reader_take(struct reader *r, size_t len);

/* A varint length of at most `max`, then that many bytes. */
struct bytes reader_lenbytes(struct reader *r, size_t max);

/* A varint that counts things of at least `unit` bytes each: at most `max`, and at most what the
 * rest can hold. Check it before allocating. */
size_t reader_count(struct reader *r, size_t max, size_t unit);

/* True when all was read and nothing failed. */
bool reader_end(const struct reader *r);

#endif

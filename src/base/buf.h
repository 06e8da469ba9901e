/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a maximum. When something does not fit, nothing of it is written,
 * `overflow` is set and stays set: the writer looks once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/bytes.h"

struct blob;

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    bool overflow;
};

/* An empty buffer that will hold at most `max` bytes; allocates nothing. */
void buf_init(struct buf *buf, size_t max);

/* Frees the content; the buffer is empty and usable again. */
void buf_done(struct buf *buf);

/* Forgets the content and the overflow, keeps the memory. */
void buf_reset(struct buf *buf);

/* Room for `len` more bytes at the end, counted as written; NULL (and overflow) if over the max. */
uint8_t *buf_extend(struct buf *buf, size_t len);

void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_str(struct buf *buf, const char *s);
void buf_put_u8(struct buf *buf, uint8_t v);

/* Little-endian fixed widths, for peers and records. */
void buf_put_le16(struct buf *buf, uint16_t v);
void buf_put_le32(struct buf *buf, uint32_t v);
void buf_put_le64(struct buf *buf, uint64_t v);

/* Big-endian fixed widths, for keys that must sort and for PB frames. */
void buf_put_be16(struct buf *buf, uint16_t v);
void buf_put_be32(struct buf *buf, uint32_t v);
void buf_put_be64(struct buf *buf, uint64_t v);

/* LEB128. */
void buf_put_varint(struct buf *buf, uint64_t v);

/* A varint length, then the bytes. */
void buf_put_lenbytes(struct buf *buf, struct bytes bytes);

/* Decimal. */
void buf_put_dec(struct buf *buf, uint64_t v);

void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops the first `len` bytes, moving the rest down. */
void buf_consume(struct buf *buf, size_t len);

/* A view of the content, valid until the next change. */
struct bytes buf_bytes(const struct buf *buf);

/* A blob with a copy of the content. */
struct blob *buf_to_blob(const struct buf *buf);

#endif

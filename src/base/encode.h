/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* RFC 4648 base64 with padding. */
void base64_put(struct buf *buf, struct bytes bytes);

/* Decodes base64 (padding required) into the arena; ERR_MALFORMED when it is none. */
enum err base64_decode(struct arena *arena, struct bytes text, struct bytes *ret_bytes) MUST_CHECK;

/* Lower-case hexadecimal. */
void hex_put(struct buf *buf, struct bytes bytes);

/* Decodes hexadecimal of exactly 2 * len digits. */
enum err hex_decode(struct bytes text, uint8_t *to, size_t len) MUST_CHECK;

/* A big-endian number in base 62, digits 0-9A-Za-z, without leading zeros: Riak's form of entity
 * tags and of keys made by the server. At most 32 bytes. */
void base62_put(struct buf *buf, struct bytes number);

#endif

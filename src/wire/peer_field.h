/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that several messages between nodes share. */
#ifndef WIRE_PEER_FIELD_H
#define WIRE_PEER_FIELD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "model/clock.h"
#include "model/key.h"

/* Type, bucket and key, each with its length. */
void field_key_put(struct buf *buf, const struct key *key);
struct key field_key(struct reader *r);

/* A text that may be absent (its data is NULL), which is not the same as empty. */
void field_optional_put(struct buf *buf, struct bytes text);
struct bytes field_optional(struct reader *r, size_t max);

/* A clock, in the form in which clients hold it, which checks itself. */
void field_clock_put(struct buf *buf, struct clock clock);
struct clock field_clock(struct arena *arena, struct reader *r);

/* A yes or no; any byte but 0 and 1 is an error. */
bool field_bool(struct reader *r);

/* A number that must fit 32 bits, as a varint. */
uint32_t field_u32(struct reader *r);

/* A number below `limit`, in one byte: the members of an enum. */
uint8_t field_choice(struct reader *r, uint8_t limit);

/* Marks the input as malformed. */
void field_fail(struct reader *r);

#endif

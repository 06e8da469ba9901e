/* SPDX-License-Identifier: Apache-2.0 */
/* The encoding under Protocol Buffers messages: a message is a row of fields, each a tag and a
 * value.
 *
 *   tag      varint: field number << 3 | wire type
 *   type 0   varint, at most ten bytes, low groups of seven bits first; may be longer than needed
 *   type 1   8 bytes, little-endian
 *   type 2   varint length, then that many bytes: text, or a message inside
 *   type 5   4 bytes, little-endian
 *
 * Types 3 and 4 (groups) are in no message that clients send and are refused, so nothing here
 * ever recurses: a message inside a message is a view, which its owner reads in turn.
 *
 * Reading is driven by tables: a message's table is indexed by field number and says what stands
 * there and where in a struct it goes. All bytes are views of the input. */
#ifndef WIRE_PB_WIRE_H
#define WIRE_PB_WIRE_H

#include "base/err.h"
#include "base/reader.h"

enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_LENGTH = 2, PB_FIXED32 = 5 };

struct pb_field {
    uint32_t number; /* never 0 */
    enum pb_type type;
    uint64_t value;     /* PB_VARINT, PB_FIXED64, PB_FIXED32 */
    struct bytes bytes; /* PB_LENGTH */
};

/* The next field. False at the end, and when the bytes are none: then `r->ok` is false. */
bool pb_next(struct reader *r, struct pb_field *ret_field);

/* What a field is. PB_UNKNOWN is skipped, as the rules of the format demand. */
enum pb_kind {
    PB_UNKNOWN,
    PB_BYTES,    /* struct bytes; data is not NULL when the field is there */
    PB_UINT32,   /* uint32_t */
    PB_BOOL,     /* bool */
    PB_TRISTATE, /* enum tristate of msg/request.h */
};

struct pb_spec {
    enum pb_kind kind;
    bool required;
    size_t offset; /* in the struct that the message is read into */
};

/* A message's table: `specs[i]` is about field number i. At most 63 fields. */
struct pb_specs {
    const struct pb_spec *specs;
    uint32_t count;
};

/* Reads a message. Of a field that comes twice the last one counts. ERR_MALFORMED when the bytes
 * are no message, a field has the wrong type or a required one is missing. */
enum err pb_read(struct pb_specs specs, struct bytes body, void *message) MUST_CHECK;

/* How many times field `number` stands in the message: to be asked before allocating. */
uint32_t pb_count(struct bytes body, uint32_t number);

/* Writing goes twice over the same code: once with `at` NULL, which only counts, so that the place
 * for it can be made, and once for real. */
struct pb_writer {
    uint8_t *at;
    size_t len;
};

void pb_put_raw(struct pb_writer *w, struct bytes bytes);
void pb_put_varint(struct pb_writer *w, uint64_t value);

/* A number, bool or enum. */
void pb_put_number(struct pb_writer *w, uint32_t field, uint64_t value);
void pb_put_bytes(struct pb_writer *w, uint32_t field, struct bytes bytes);

/* The tag and length of a message of `len` bytes, which the caller writes next. */
void pb_put_message(struct pb_writer *w, uint32_t field, size_t len);

#endif

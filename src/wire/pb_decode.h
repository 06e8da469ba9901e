/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of Riak's clients into what they ask. Bytes in the result are views of the message, or
 * lie in the arena where they had to be changed. */
#ifndef WIRE_PB_DECODE_H
#define WIRE_PB_DECODE_H

#include "base/buf.h"
#include "msg/request.h"
#include "wire/pb_code.h"

struct pb_call {
    enum pb_code code;

    /* What is asked: complete for get, put, delete and the listings; for properties only the
     * key. An absent type is "default"; a name that came empty is empty, and not NULL. */
    struct request request;

    /* How the answer shall look. */
    bool return_head;   /* put: with the object, but without values */
    bool deletedvclock; /* get: the context of a tombstone, too */

    struct bytes client_id;
    struct bytes props; /* set: RpbBucketProps, for pb_props_read */

    /* Of use inside only. */
    struct bytes vclock;
    struct bytes content;
};

/* Whether the code is one of a request that this server knows. */
bool pb_code_known(uint8_t code);

/* Reads the message of a known code. ERR_MALFORMED: it is none. ERR_BAD_CONTEXT: so is its vclock.
 * ERR_BAD_REQUEST: `problem` says what is wrong with it, in Riak's words where it has any. */
enum err pb_decode(struct arena *arena, uint8_t code, struct bytes body, struct pb_call *ret_call,
                   struct buf *problem) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* RpbContent, in both directions: one value with what is known about it. */
#ifndef WIRE_PB_CONTENT_H
#define WIRE_PB_CONTENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/object.h"
#include "msg/request.h"
#include "wire/pb_wire.h"

/* Reads the content of a put. What the server sets itself (vtag, last_mod) is passed over; user
 * metadata without value gets the text `undefined`, as in Riak; index entries take their stored
 * form. ERR_MALFORMED, or ERR_BAD_REQUEST with the reason in `problem`. */
enum err pb_content_read(struct arena *arena, struct bytes body, struct request_put *put,
                         struct buf *problem) MUST_CHECK;

/* A sibling as it is shown. */
struct pb_shown {
    const struct sibling *sibling;
    bool blank; /* without its value */
    struct bytes vtag;
};

/* Writes the content as field `number` of the message around it. */
void pb_content_put(struct pb_writer *w, uint32_t number, const struct pb_shown *shown);

#endif

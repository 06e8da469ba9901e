/* SPDX-License-Identifier: Apache-2.0 */
/* What a forwarded request came to, on its way back: done, an object, or an error. */
#ifndef WIRE_PEER_REPLY_H
#define WIRE_PEER_REPLY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "msg/reply.h"

/* The reply must be REPLY_DONE, REPLY_OBJECT or REPLY_ERROR. */
void peer_reply_put(struct buf *buf, const struct reply *reply);

/* Reads a reply; on malformed input clears r->ok. */
void peer_reply_get(struct arena *arena, struct reader *r, struct reply *ret_reply);

#endif

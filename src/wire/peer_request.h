/* SPDX-License-Identifier: Apache-2.0 */
/* A client's request on its way to another node, which will coordinate it: gets, puts, deletes. */
#ifndef WIRE_PEER_REQUEST_H
#define WIRE_PEER_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "msg/request.h"

/* The request must be a get, a put or a delete. */
void peer_request_put(struct buf *buf, const struct request *request);

/* Reads a request; on malformed input clears r->ok. */
void peer_request_get(struct arena *arena, struct reader *r, struct request *ret_request);

#endif

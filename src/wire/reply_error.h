/* SPDX-License-Identifier: Apache-2.0 */
/* How an error reads on a client's wire, in both protocols: the only place that knows Riak's texts
 * for what the core calls `enum err`. Riak prints Erlang terms; clients match on them.
 *
 * The three outcomes of a request stay apart: errors up to FULL mean that nothing was done,
 * ERR_TIMEOUT and ERR_UNKNOWN (`timeout` in both protocols) that it may have been. */
#ifndef WIRE_REPLY_ERROR_H
#define WIRE_REPLY_ERROR_H

#include "base/buf.h"
#include "msg/reply.h"

/* The errmsg of a Protocol Buffers error: `{r_val_unsatisfied,2,1}`, `timeout`, ... */
void reply_error_pb(struct buf *buf, const struct reply *reply);

/* The HTTP status, and the body in plain text. Where Riak has only its page in HTML the body is
 * left empty (412, 409) and the session writes the page. Two things that only the session knows:
 * an ERR_NOT_FOUND of a put with X-Riak-If-Not-Modified is a 409, and the body for ERR_NO_TYPE
 * ends with the type's name, which is taken from `reply->text`. */
unsigned reply_error_http(struct buf *body, const struct reply *reply);

/* An Erlang binary: <<"abc">>, or <<1,2>> where a byte is not printable. */
void erlang_binary_put(struct buf *buf, struct bytes bytes);

#endif

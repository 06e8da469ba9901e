/* SPDX-License-Identifier: Apache-2.0 */
/* Secondary index entries of an object as X-Riak-Index-FIELD headers carry them. A field ends in
 * _int (an integer of any size) or _bin (bytes), in lower case; the values of one field stand in
 * one header, parted by ", ". */
#ifndef WIRE_HTTP_INDEX_H
#define WIRE_HTTP_INDEX_H

#include "base/buf.h"
#include "base/err.h"
#include "model/object.h"
#include "wire/http_request.h"

/* Reads the index headers into the arena: sorted, without doubles, integers in their shortest
 * form. ERR_BAD_REQUEST, with Riak's words in `problem`, when an entry is none. */
enum err http_indexes_read(const struct http_request *request, struct arena *arena,
                           struct content *content, struct buf *problem) MUST_CHECK;

/* Writes the headers, one line for each field. */
void http_indexes_put(struct buf *buf, const struct content *content);

#endif

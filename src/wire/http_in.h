/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a connection in, requests out. The bytes may come cut anywhere: the same bytes make the
 * same requests, and the same errors, however they are cut. A request is handed out whole, its
 * body included.
 *
 * Bounds: HTTP_HEADER_BYTES_MAX of head, HTTP_HEADERS_MAX headers, HTTP_BODY_BYTES_MAX of body. */
#ifndef WIRE_HTTP_IN_H
#define WIRE_HTTP_IN_H

#include "base/buf.h"
#include "wire/http_request.h"

enum { HTTP_HEADERS_MAX = 1000 };

enum http_in_result {
    HTTP_IN_MORE,  /* all was taken, the request is not complete */
    HTTP_IN_READY, /* http_in_take hands it over; the bytes behind it were not taken */
    HTTP_IN_BAD,   /* no request; answer http_in_problem and close */
};

struct http_in;

struct http_in *http_in_new(void);

/* NULL is fine. */
void http_in_free(struct http_in *in);

/* Takes bytes up to the end of one request; not to be called again after HTTP_IN_READY until the
 * request was taken, nor after HTTP_IN_BAD. */
enum http_in_result http_in_feed(struct http_in *in, struct bytes bytes, size_t *ret_used);

/* Whether some of a request has come. */
bool http_in_begun(const struct http_in *in);

/* Whether the head is complete and the client waits for `100 Continue`; says so once. */
bool http_in_expects(struct http_in *in);

/* Whether the head is complete: what is missing is body. */
bool http_in_has_head(const struct http_in *in);

/* The status that answers what could not be read: 400, 413, 431, 501 or 505. */
unsigned http_in_problem(const struct http_in *in);

/* Hands over the request that is ready. Its head goes into the arena; its body stays in `ret_body`,
 * an initialised, empty buffer of the caller's, which must live as long. */
void http_in_take(struct http_in *in, struct arena *arena, struct buf *ret_body,
                  struct http_request *ret_request);

#endif

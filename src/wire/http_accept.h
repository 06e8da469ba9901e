/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the forms that a resource has the client wants. */
#ifndef WIRE_HTTP_ACCEPT_H
#define WIRE_HTTP_ACCEPT_H

#include "wire/http_request.h"

/* The index of the media type to answer with: the client's best liked range decides, and within
 * it the order of the offer; without an Accept header the first. -1: none will do (406).
 * Parameters of types do not count. */
int http_accept_type(const struct http_request *request, struct arena *arena,
                     const struct bytes *offered, int offered_count);

/* The same for the text of an Accept header. */
int http_accept_choose(struct bytes accept, const struct bytes *offered, int offered_count);

/* Whether the client asks for gzip and does not like `identity` better. */
bool http_accepts_gzip(const struct http_request *request, struct arena *arena);

/* "type/subtype" of a Content-Type header, without parameters, and its charset if it names one
 * (else no data). False when it is not of that form. */
bool http_media_type(struct bytes header, struct bytes *ret_type, struct bytes *ret_charset);

#endif

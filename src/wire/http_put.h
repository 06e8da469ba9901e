/* SPDX-License-Identifier: Apache-2.0 */
/* From a request for an object to what the core is asked. Each function returns 0 and the request,
 * or the status of a refusal with Riak's words in `problem`; without words the answer is a page.
 * Views point into the HTTP request or the arena. */
#ifndef WIRE_HTTP_PUT_H
#define WIRE_HTTP_PUT_H

#include "msg/request.h"
#include "wire/http_condition.h"
#include "wire/http_options.h"
#include "wire/http_path.h"

/* PUT, or POST with or without a key. */
unsigned http_put_read(const struct http_request *http, const struct http_path *path,
                       struct arena *arena, struct http_options *ret_options,
                       struct request *ret_request, struct buf *problem);

unsigned http_delete_read(const struct http_request *http, const struct http_path *path,
                          struct arena *arena, struct http_options *ret_options,
                          struct request *ret_request, struct buf *problem);

/* GET and HEAD. Conditions are judged when the object is there. */
unsigned http_get_read(const struct http_request *http, const struct http_path *path,
                       struct arena *arena, struct http_options *ret_options,
                       struct request *ret_request, struct buf *problem);

/* A header's name as Riak's parser writes it: capital at the begin and behind each hyphen. */
struct bytes http_canonical_name(struct arena *arena, struct bytes name);

#endif

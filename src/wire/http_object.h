/* SPDX-License-Identifier: Apache-2.0 */
/* How an object looks to a client: one value with its headers, or several that are concurrent, as a
 * list of their tags or as a body with all of them. */
#ifndef WIRE_HTTP_OBJECT_H
#define WIRE_HTTP_OBJECT_H

#include "model/object.h"
#include "wire/http_answer.h"
#include "wire/http_path.h"

/* X-Riak-Vclock. */
void http_vclock_put(struct http_answer *answer, struct clock clock);

/* ETag; `etag` is without quotes. */
void http_etag_put(struct http_answer *answer, struct bytes etag);

/* One sibling as a whole answer, 200. */
void http_answer_sibling(struct http_answer *answer, const struct http_path *path,
                         struct clock clock, const struct sibling *sibling);

/* Several, 300: the list of tags, or multipart/mixed. */
void http_answer_siblings(struct http_answer *answer, const struct http_path *path,
                          const struct object *object, bool multipart);

/* The sibling of this tag; NULL when there is none. */
const struct sibling *http_find_vtag(const struct object *object, struct bytes vtag);

#endif

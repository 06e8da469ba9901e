/* SPDX-License-Identifier: Apache-2.0 */
/* Links of objects as a Link header carries them:
 *
 *   </buckets/B/keys/K>; riaktag="TAG"   (</riak/B/K> in the oldest form)
 *   </buckets/B>; rel="up"               the object's own bucket: read and forgotten
 *
 * B, K and TAG are percent-encoded. */
#ifndef WIRE_HTTP_LINK_H
#define WIRE_HTTP_LINK_H

#include "base/err.h"
#include "model/object.h"
#include "wire/http_path.h"

/* Reads the Link headers of a request into the arena. ERR_MALFORMED when one is of another form,
 * of the other API's form, or names another bucket as "up"; ERR_TOO_LARGE over LINKS_MAX. */
enum err http_links_read(const struct http_request *request, const struct http_path *path,
                         struct arena *arena, struct content *content) MUST_CHECK;

/* Writes the value of a Link header: the bucket, then the links. */
void http_links_put(struct buf *buf, enum http_form form, struct bytes bucket,
                    const struct content *content);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From the path of a request to what it names. Empty segments do not count, so `/buckets/b/keys/`
 * is `/buckets/b/keys`; names are percent-decoded and '+' in them is a space, unless the operator
 * switched that off; the fixed words never are.
 *
 *   /riak/B/K                     the oldest form; answers link in it too
 *   /buckets/B/keys/K             the default bucket type
 *   /types/T/buckets/B/keys/K     any type */
#ifndef WIRE_HTTP_PATH_H
#define WIRE_HTTP_PATH_H

#include "base/buf.h"
#include "wire/http_request.h"

enum http_resource {
    RESOURCE_NONE, /* 404 */
    RESOURCE_ROOT,
    RESOURCE_PING,
    RESOURCE_STATS,
    RESOURCE_METRICS,
    RESOURCE_BUCKETS,    /* the list of buckets */
    RESOURCE_BUCKET,     /* /riak/B: properties, keys, or both */
    RESOURCE_PROPS,      /* of a bucket */
    RESOURCE_TYPE_PROPS, /* of a bucket type */
    RESOURCE_KEYS,       /* the list of keys */
    RESOURCE_OBJECT,     /* with a key, or a POST without one */
    RESOURCE_LINKS,      /* a link walk from an object */
    RESOURCE_INDEX,      /* not served yet */
    RESOURCE_COUNTER,    /* not served yet */
    RESOURCE_DATATYPE,   /* not served yet */
    RESOURCE_MAPRED,     /* not served yet */
    RESOURCE_ADMIN,      /* /dassie/v1/...; `rest` is what follows */
};

enum http_form { FORM_RIAK, FORM_BUCKETS, FORM_TYPES };

enum { HTTP_STEPS_MAX = 32 }; /* of a link walk */

struct http_path {
    bool as_sent; /* names are not decoded */
    enum http_resource resource;
    enum http_form form;
    struct bytes type; /* "default" unless the path names one */
    struct bytes bucket;
    struct bytes key; /* no data: none in the path */
    struct bytes rest;
    struct bytes steps[HTTP_STEPS_MAX]; /* RESOURCE_LINKS: as sent */
    uint32_t steps_count;
};

/* Reads a path; `decode` false leaves names as they were sent, unless the request has the header
 * `X-Riak-URL-Encoding: on`. Views point into the request or the arena. */
void http_path_read(const struct http_request *request, struct arena *arena, bool decode,
                    struct http_path *ret_path);

/* The verbs that a resource knows, as a set of VERB_BIT. */
unsigned http_path_verbs(const struct http_path *path);

/* The names of a set of verbs as in `Allow`: "DELETE, GET". */
void http_verbs_put(struct buf *buf, unsigned verbs);

/* Percent-encodes all but letters, digits and "-._~"; a space becomes '+'. */
void http_quote_put(struct buf *buf, struct bytes text);

/* The path of an object or, with no key data, of its bucket, in the form of `path`; the form of
 * typed paths names no type here, as in Riak's links. */
void http_link_path_put(struct buf *buf, enum http_form form, struct bytes bucket,
                        struct bytes key);

/* The path under which a new object is found: Location. */
void http_location_put(struct buf *buf, const struct http_path *path, struct bytes key);

#endif

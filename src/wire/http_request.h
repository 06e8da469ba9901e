/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request as it was sent, cut into its parts but not interpreted. All views point into
 * memory of whoever made it (wire/http_in). Names of headers keep the case in which they came and
 * are compared without it. */
#ifndef WIRE_HTTP_REQUEST_H
#define WIRE_HTTP_REQUEST_H

#include "base/arena.h"

enum http_verb {
    VERB_GET,
    VERB_HEAD,
    VERB_POST,
    VERB_PUT,
    VERB_DELETE,
    VERB_OPTIONS,
    VERB_TRACE,
    VERB_CONNECT,
    VERB_UNKNOWN, /* a method that no resource knows: 501 */
};

/* A set of verbs: bit 1 << verb. */
#define VERB_BIT(verb) (1u << (unsigned)(verb))

struct http_header {
    struct bytes name;
    struct bytes value; /* without blanks around it */
};

struct http_request {
    enum http_verb verb;
    bool http10;        /* HTTP/1.0: answered likewise, then closed */
    bool keep_alive;    /* the client may send more on this connection */
    struct bytes path;  /* as sent, percent encoding kept, from the first '/' on */
    struct bytes query; /* what follows '?', as sent; may be empty */
    const struct http_header *headers;
    uint32_t headers_count;
    struct bytes body;
};

/* The value of the first header of this name; false when there is none. */
bool http_header(const struct http_request *request, struct bytes name, struct bytes *ret_value);

/* All headers of this name joined with ", ", in order; false when there is none. One header is
 * not copied. */
bool http_header_joined(const struct http_request *request, struct arena *arena, struct bytes name,
                        struct bytes *ret_value);

/* The value of the query's parameter `name`, percent-decoded ('+' is a space); of several the
 * first. A parameter without '=' is empty. False when it is not there. */
bool http_param(const struct http_request *request, struct arena *arena, struct bytes name,
                struct bytes *ret_value);

/* The same, in a query that stands alone. */
bool http_query_param(struct bytes query, struct arena *arena, struct bytes name,
                      struct bytes *ret_value);

/* Decodes %XX; '+' is a space. A percent sign that no two hexadecimal digits follow stands for
 * itself, as in Riak. What needs no decoding is not copied. */
struct bytes http_unquote(struct arena *arena, struct bytes text);

#endif

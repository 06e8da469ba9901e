/* SPDX-License-Identifier: Apache-2.0 */
/* The seam between the HTTP connection and the administration of the cluster. The connection
 * parses; for a path under /dassie/v1/ it fills a `http_admin_call` and asks session_admin
 * (session/admin.c), which either answers at once or names a request whose reply
 * session_admin_reply will put into words. Answers are JSON.
 *
 * ready, log-level and config under /dassie/v1/ are the connection's own. */
#ifndef SESSION_HTTP_ADMIN_H
#define SESSION_HTTP_ADMIN_H

#include "base/buf.h"
#include "msg/reply.h"
#include "msg/request.h"
#include "session/session.h"
#include "wire/http_request.h"

enum http_admin_outcome {
    HTTP_ADMIN_NO_PATH,  /* no such resource: the connection answers 404 */
    HTTP_ADMIN_NO_VERB,  /* the resource knows only the verbs in `verbs`: 405 */
    HTTP_ADMIN_ANSWERED, /* `status` and what is in the buffer are the answer */
    HTTP_ADMIN_ASKS,     /* `request` is to be sent; its reply goes to session_admin_reply */
};

struct http_admin_call {
    /* Given. Views live for the step. */
    enum http_verb verb;
    struct bytes path;  /* what follows /dassie/v1/, as it was sent; without '?' */
    struct bytes query; /* see http_query_param */
    struct bytes body;
    bool loopback;   /* the client is on this machine */
    bool has_origin; /* a browser sent it: refused */

    /* Made. */
    unsigned verbs;  /* HTTP_ADMIN_NO_VERB: a set of VERB_BIT */
    unsigned status; /* HTTP_ADMIN_ANSWERED: 200, 400, 403, ... */
    uint32_t form;   /* HTTP_ADMIN_ASKS: handed back with the reply, of no meaning here */
    struct request request;
};

/* Decides. What the call and the request point to lives in `arena` or in what was given. */
enum http_admin_outcome session_admin(struct http_admin_call *call, const struct session_env *env,
                                      struct arena *arena, struct buf *answer);

/* Puts a reply into JSON; returns the status. `form` is what session_admin left in the call. */
unsigned session_admin_reply(uint32_t form, const struct session_env *env,
                             const struct reply *reply, struct buf *answer);

#endif

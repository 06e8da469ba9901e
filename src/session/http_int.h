/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP connection share. http.c owns the connection: bytes, order, states.
 * http_ask.c decides what a request is; http_kv.c, http_list.c, http_props.c, http_node.c know one
 * kind of resource each: they fill an answer, or say what the core is to be asked. */
#ifndef SESSION_HTTP_INT_H
#define SESSION_HTTP_INT_H

#include "session/http.h"
#include "session/output.h"
#include "wire/http_answer.h"
#include "wire/http_condition.h"
#include "wire/http_options.h"
#include "wire/http_path.h"

enum {
    HTTP_HEAD_US = 30 * 1000 * 1000, /* from the first byte of a head to its last */
    HTTP_BODY_US = 60 * 1000 * 1000, /* without a byte of the body */
};

/* What the request in flight is: how its reply will be put into words. */
enum http_ask {
    HTTP_ASK_GET,
    HTTP_ASK_PUT,
    HTTP_ASK_DELETE,
    HTTP_ASK_LIST,
    HTTP_ASK_PROPS,
    HTTP_ASK_ADMIN,
};

/* How a listing looks. */
struct http_list {
    bool stream;     /* in pieces, as they come */
    bool keys;       /* of keys; else of buckets */
    bool props;      /* the oldest form: properties stand before the keys */
    bool any;        /* a name stands in `text` already */
    bool begun;      /* the head of a stream has left */
    bool more_due;   /* OUT_MORE waits for room */
    struct buf text; /* the answer that is gathered, or the piece that is made */
};

/* The request that is worked on. `arena` and `body` hold what the others point to. */
struct http_exchange {
    struct arena arena;
    struct buf body;
    struct http_request request;
    struct http_path path;
    struct http_options options;
    enum http_ask ask;
    bool if_not_modified; /* a put with X-Riak-If-Not-Modified */
    uint32_t admin_form;
    struct http_list list;
};

/* What a resource makes of a request: exactly one of an answer and something to ask. */
struct http_turn {
    const struct session_env *env;
    struct outbox *out;
    uint64_t wall_us;
    bool loopback;
    struct http_exchange *exchange;
    struct http_answer answer;
    bool asks;
    struct request request; /* when `asks` */
};

/* Looks at a request that is complete. */
void http_ask(struct http_turn *turn);

/* 404, 405, 501: what is said before a resource is asked. False when something was said. */
bool http_admit(struct http_turn *turn);

/* Whether the bucket type exists and is active. */
bool http_type_known(const struct http_turn *turn);

/* The words for a reply that is an error. */
void http_answer_error(struct http_turn *turn, const struct reply *reply);

/* Objects: GET, HEAD, PUT, POST, DELETE. */
void http_kv_ask(struct http_turn *turn);
void http_kv_reply(struct http_turn *turn, const struct reply *reply);

/* A link walk. Only what is malformed is answered as Riak does; walking is not served. */
void http_links_ask(struct http_turn *turn);

/* Buckets and keys. A listing's replies come in chunks, which http.c handles through these. */
void http_buckets_ask(struct http_turn *turn);
void http_keys_ask(struct http_turn *turn);
void http_list_ask(struct http_turn *turn, bool keys, bool stream);

/* Adds a chunk of names to the text: to what is gathered, or as a document of its own. */
void http_list_add(struct http_exchange *exchange, const struct reply *reply);

/* The answer to a listing that was gathered, or that failed before anything was sent. */
void http_list_answer(struct http_turn *turn, const struct reply *reply);

/* Properties of buckets and types. */
void http_bucket_ask(struct http_turn *turn);
void http_props_ask(struct http_turn *turn);
void http_props_reply(struct http_turn *turn, const struct reply *reply);

/* The properties of a bucket as a JSON document. */
void http_props_put(struct http_turn *turn, struct buf *buf);

/* What this node says of itself: /, /ping, /stats, /metrics, and three paths of /dassie/v1/. */
void http_root_ask(struct http_turn *turn);
void http_ping_ask(struct http_turn *turn);
void http_stats_ask(struct http_turn *turn);
void http_metrics_ask(struct http_turn *turn);
void http_admin_ask(struct http_turn *turn);
void http_admin_reply(struct http_turn *turn, const struct reply *reply);

/* Makes the answer JSON or refuses it: 406 when the client takes none. False then. */
bool http_offer_json(struct http_turn *turn);

#endif

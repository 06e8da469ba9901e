/* SPDX-License-Identifier: Apache-2.0 */
/* What clients ask, independent of the protocol they speak. A session decodes bytes into one of
 * these; all views live for the length of the step. */
#ifndef MSG_REQUEST_H
#define MSG_REQUEST_H

#include "model/condition.h"
#include "model/key.h"
#include "model/object.h"
#include "model/props.h"
#include "msg/admin.h"

enum request_kind {
    REQUEST_GET,
    REQUEST_PUT,
    REQUEST_DELETE,
    REQUEST_LIST_KEYS,
    REQUEST_LIST_BUCKETS,
    REQUEST_SET_PROPS, /* bucket or type properties, reset, create and activate types */
    REQUEST_ADMIN,
    REQUEST_SWEEP, /* how replicas were compared; or compare them now */
};

enum tristate { TRI_DEFAULT, TRI_FALSE, TRI_TRUE };

/* Options as the client sent them; QUORUM_DEFAULT and TRI_DEFAULT where it did not. */
struct request_options {
    uint32_t r, w, pr, pw, dw, rw, node_confirms;
    uint32_t n_val;      /* 0: the bucket's */
    uint32_t timeout_ms; /* 0: the default */
    enum tristate basic_quorum, notfound_ok, sloppy_quorum;
};

struct request_get {
    bool head; /* values may be left out of the answer */
    bool has_if_modified;
    struct clock if_modified; /* equal to the stored clock: ERR_UNCHANGED */
};

struct request_put {
    struct clock context;
    struct content content;
    bool deleted; /* the client writes a tombstone */
    bool asis;
    bool return_body; /* the answer carries the object (return_head too: the session blanks it) */
    bool has_ttl; /* it expires `ttl_s` seconds after it was coordinated, whatever its bucket says;
                         0: never */
    uint32_t ttl_s;
    struct condition condition;
};

struct request_delete {
    bool has_context;
    struct clock context;
    struct condition condition;
};

/* `key.key` is empty; list buckets: `key.bucket` too. Chunks come as REPLY_NAMES until done. Each
 * chunk but the first needs one OUT_MORE from the session. */
struct request_list {
    bool stream; /* false: the session gathers; the machine does the same either way */
};

enum props_verb {
    PROPS_SET_BUCKET,
    PROPS_RESET_BUCKET,
    PROPS_SET_TYPE,
    PROPS_CREATE_TYPE,
    PROPS_ACTIVATE_TYPE,
};

/* A change of properties in the cluster document. `overlay` is the encoded list of properties that
 * model/overlay.h defines: only those that the client named. */
struct request_props {
    enum props_verb verb;
    struct bytes overlay;
};

/* Answered by the node that is asked, of its own replicas. */
struct request_sweep {
    bool repair; /* compare now; else only tell */
    bool all;    /* every partition that this node has; else this one: */
    uint32_t partition;
    bool dry_run;
};

struct request {
    enum request_kind kind;
    struct key key; /* type, bucket, key; key.key.data NULL in a put: the server makes one */
    struct request_options options;
    union {
        struct request_get get;
        struct request_put put;
        struct request_delete del;
        struct request_list list;
        struct request_props props;
        struct admin_request admin;
        struct request_sweep sweep;
    } u;
};

/* All options absent. */
void request_options_init(struct request_options *options);

#endif

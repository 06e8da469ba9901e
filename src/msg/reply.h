/* SPDX-License-Identifier: Apache-2.0 */
/* What a request came to. Views live for the length of the step. */
#ifndef MSG_REPLY_H
#define MSG_REPLY_H

#include "base/err.h"
#include "model/key.h"
#include "model/object.h"

struct cluster_status;
struct sweep_status;

enum reply_kind {
    REPLY_DONE,   /* nothing to tell */
    REPLY_OBJECT, /* `object`; NULL after a put whose client wanted none back */
    REPLY_NAMES,  /* a chunk of a listing */
    REPLY_ADMIN,
    REPLY_ERROR,
};

struct reply {
    enum reply_kind kind;
    enum err err; /* ERR_OK unless kind is REPLY_ERROR */

    /* REPLY_OBJECT; also with ERR_NOT_FOUND when a tombstone is what is there */
    const struct object *object;
    struct bytes made_key; /* the key that the server made, else empty */

    /* REPLY_NAMES */
    const struct bytes *names;
    uint32_t names_count;
    bool done; /* this was the last chunk */

    /* REPLY_ERROR */
    uint32_t have, need; /* for the unsatisfied kinds; the n in force for ERR_N_VAL_VIOLATION */
    uint64_t size;       /* ERR_TOO_LARGE, ERR_TOO_MANY_SIBLINGS */
    struct bytes text;   /* a reason in words, or empty; a constant or in the outbox's arena */

    /* REPLY_ADMIN: one of both */
    const struct cluster_status *status;
    const struct sweep_status *sweep; /* to REQUEST_SWEEP */
};

/* To whom a machine's answer goes. */
enum asker_kind {
    ASKER_SESSION, /* connection `id`, request number `seq` of it */
    ASKER_MACHINE, /* another machine of this shard */
    ASKER_NODE,    /* node `id`, its token `seq`: a forwarded request */
    ASKER_NOBODY,
};

struct asker {
    enum asker_kind kind;
    uint64_t id;
    uint64_t seq;
};

#endif

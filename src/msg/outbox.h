/* SPDX-License-Identifier: Apache-2.0 */
/* What a step wants done. Outputs are data; hosts execute them in order after the step. The outbox
 * owns what it holds (its arena, one reference to each blob) until the next step resets it. */
#ifndef MSG_OUTBOX_H
#define MSG_OUTBOX_H

#include "base/arena.h"
#include "msg/event.h"
#include "msg/trace.h"

enum output_kind {
    OUT_NONE, /* an inner output that has been handled */

    /* For the host. */
    OUT_SEND,    /* a message to a peer; lost silently when there is no link */
    OUT_STORE,   /* a storage operation */
    OUT_BYTES,   /* bytes to a client */
    OUT_CLOSE,   /* close a client's connection once its output is sent */
    OUT_PEER,    /* keep a link to this node at this address; an empty address: no longer */
    OUT_DIAL,    /* say hello at this address once */
    OUT_UNLINK,  /* close the link to this node */
    OUT_TRACE,   /* something worth knowing happened */
    OUT_SETTING, /* a setting of the host changed: name, value */
    OUT_HALT,    /* stop the process; `err` says why, ERR_OK after EV_STOP */

    /* Inner: the shard executes them itself before the step ends. */
    OUT_REPLY,   /* an answer for an asker */
    OUT_REQUEST, /* a session decoded a request */
    OUT_MORE,    /* a session wants the next chunk of request `seq` */
    OUT_GONE,    /* a session no longer wants request `seq` */
    OUT_VNODE,   /* news from the vnode for the machine `token` */
};

struct output {
    enum output_kind kind;
    union {
        struct {
            uint64_t to;
            struct peer_msg msg;
            struct blob *holds; /* keeps the bytes behind the message alive, or NULL */
        } send;
        struct store_op store;
        struct {
            uint64_t conn;
            struct blob *blob;
        } bytes;
        uint64_t conn; /* OUT_CLOSE */
        struct {
            uint64_t node;
            struct bytes address;
        } peer; /* OUT_PEER, OUT_DIAL (node 0), OUT_UNLINK */
        struct trace trace;
        struct {
            struct bytes name;
            struct bytes value;
        } setting;
        enum err halt;
        struct {
            struct asker to;
            struct reply reply;
        } reply;
        struct {
            uint64_t machine; /* not 0: this machine asks, not a session */
            uint64_t conn;
            uint64_t seq;
            struct request request;
        } request; /* OUT_MORE and OUT_GONE use conn and seq only */
        struct {
            enum event_kind kind; /* EV_APPLIED or EV_COMMITTED */
            struct event_vnode news;
        } vnode;
    } u;
};

struct outbox {
    struct arena arena;
    struct output *items;
    size_t count;
    size_t cap;
};

void outbox_init(struct outbox *out);
void outbox_done(struct outbox *out);

/* Gives back all that the last step put in. */
void outbox_reset(struct outbox *out);

/* A new output of this kind, all zeros otherwise, valid until the next call. */
struct output *outbox_add(struct outbox *out, enum output_kind kind);

/* The message to node `to`; the caller fills the rest. Valid until the next call. */
struct peer_msg *outbox_send(struct outbox *out, uint64_t to, enum peer_kind kind);

/* A copy of the bytes for a client. */
void outbox_bytes(struct outbox *out, uint64_t conn, struct bytes bytes);

/* Takes over the caller's reference. */
void outbox_blob(struct outbox *out, uint64_t conn, struct blob *blob);

/* A trace record. */
void outbox_trace(struct outbox *out, enum trace_kind kind, uint64_t a, uint64_t b, uint64_t c);

/* An answer for an asker; the caller fills the rest. Valid until the next call. */
struct reply *outbox_reply(struct outbox *out, struct asker to, enum reply_kind kind);

/* An error for an asker. */
void outbox_error(struct outbox *out, struct asker to, enum err err, uint32_t have, uint32_t need);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a shard. The host owns an event and everything in it for the length of the step:
 * who keeps something copies it or takes a reference. */
#ifndef MSG_EVENT_H
#define MSG_EVENT_H

#include "msg/peer.h"
#include "msg/stats.h"
#include "msg/store.h"

enum event_kind {
    EV_START,    /* once, first: the system rows that the store holds */
    EV_TIME,     /* shard_deadline() has come */
    EV_OPENED,   /* a client connected */
    EV_BYTES,    /* a client sent bytes */
    EV_WRITABLE, /* the connection's unsent output has drained below the low mark */
    EV_CLOSED,   /* the connection is gone; `conn` will not be used again */
    EV_LINK_UP,  /* a peer said hello; until EV_LINK_DOWN messages for it may be sent */
    EV_LINK_DOWN,
    EV_DIAL_FAILED, /* OUT_DIAL came to nothing */
    EV_PEER,        /* a peer said something */
    EV_STORED,      /* a storage operation is complete */
    EV_HOST,        /* once a second: what the host knows of the machine */
    EV_STOP,        /* finish what is in flight, refuse what is new; OUT_HALT when done */

    /* Inner events: made by the shard itself, never by a host. */
    EV_REPLY,     /* what a request came to */
    EV_MORE,      /* the asker wants the next chunk */
    EV_DEADLINE,  /* the machine's deadline has come */
    EV_APPLIED,   /* the vnode made the new object and sent it to the store */
    EV_COMMITTED, /* the vnode's commit is complete, or failed */
    EV_GONE,      /* the asker is gone: nobody wants the answer */
};

enum conn_kind { CONN_PB, CONN_HTTP };

struct event_opened {
    enum conn_kind kind;
    bool loopback; /* the client is on this machine */
};

struct event_link {
    uint64_t node;
    struct peer_hello hello;
    struct bytes dialed; /* the address of the OUT_DIAL that led here, or empty */
};

struct event_stop {
    uint32_t grace_ms;
};

/* What became of an operation of the vnode. */
struct event_vnode {
    uint64_t token;
    enum err err;
    uint32_t have;        /* ERR_TOO_MANY_SIBLINGS: how many */
    uint64_t size;        /* ERR_TOO_LARGE */
    struct bytes row_key; /* EV_APPLIED */
    struct blob *record;  /* EV_APPLIED: the new object as it sleeps; the event holds it */
};

struct event {
    enum event_kind kind;
    uint64_t mono_us; /* monotonic: timers, latencies */
    uint64_t wall_us; /* since 1970: hybrid clock, expiry, dates */
    uint64_t conn;    /* client events */
    union {
        struct {
            const struct stored_row *rows;
            uint32_t count;
        } start;
        struct event_opened opened;
        struct bytes bytes;
        uint64_t room; /* EV_WRITABLE: bytes that may be queued */
        struct event_link link;
        struct bytes dial_failed; /* the address */
        struct {
            uint64_t from;
            const struct peer_msg *msg;
        } peer;
        struct stored stored;
        struct host_facts host;
        struct event_stop stop;
        struct {
            uint64_t seq;
            const struct reply *reply;
        } reply;
        struct event_vnode vnode;
    } u;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say to each other. Views live for the length of the step. `token` is the asker's and
 * comes back unchanged. Every request for a partition carries the asker's epoch. */
#ifndef MSG_PEER_H
#define MSG_PEER_H

#include "base/err.h"
#include "model/key.h"
#include "msg/peer_cluster.h"
#include "msg/reply.h"
#include "msg/request.h"

/* Which of a pair's connections a message takes. */
enum peer_class { CLASS_CONTROL, CLASS_DATA, CLASS_BULK };

enum peer_kind {
    PEER_GET,       /* read a replica, or a fallback's hint */
    PEER_GOT,       /* its answer */
    PEER_PUT,       /* merge an object into a replica, or a hint */
    PEER_PUT_ACK,   /* merged and stored as asked, or not */
    PEER_FORWARD,   /* coordinate this request for me; never forwarded again */
    PEER_FORWARDED, /* what it came to */
    PEER_LIST,      /* names in these partitions, from the cursor on: one chunk */
    PEER_LISTED,    /* the chunk */
    PEER_DIGESTS,   /* what do you have in this range of a partition? Mine hashes to this */
    PEER_DIGESTED,  /* the same; or else its rows, as digests: one page */
    PEER_LACKS,     /* what was to be kept for you was not: compare your replicas with the others */
    PEER_HEARD,     /* I shall, or not */
    PEER_MOVE,      /* a step of moving a replica, asked by who takes it over */
    PEER_MOVED,     /* its answer */
    PEER_CLUSTER,   /* the cluster's own talk: register, gossip, probes, joining */
};

struct peer_get {
    uint64_t token;
    uint64_t epoch;
    uint32_t partition;
    struct key key;
    bool full;         /* the object; else only its digest record */
    uint64_t hint_for; /* what is kept for this absent node, in full; 0: the receiver's own */
    bool any;          /* from the store, whether the receiver has a replica now or not */
    uint64_t asker;    /* who is to be answered, when its question was handed on; 0: the sender */
};

struct peer_got {
    uint64_t token;
    enum err err; /* ERR_OK, ERR_NOT_FOUND; anything else is no answer */
    bool full;
    uint64_t behalf;     /* the answer is that of this node, which handed the question on; 0: the
                            sender's own */
    struct bytes record; /* object or digest record, as it sleeps */
};

struct peer_put {
    uint64_t token;
    uint64_t epoch;
    uint32_t partition;
    struct key key;
    bool durable;
    uint64_t hint_for;   /* to be kept for this absent node; 0: it is the receiver's own */
    uint64_t asker;      /* as in peer_get */
    struct bytes record; /* object record */
};

struct peer_put_ack {
    uint64_t token;
    enum err err;
    bool durable;
    uint64_t behalf; /* as in peer_got */
};

struct peer_forward {
    uint64_t token;
    uint32_t budget_ms;
    struct request request; /* a put or a delete */
};

struct peer_forwarded {
    uint64_t token;
    struct reply reply; /* done, an object, or an error */
};

enum list_what { LIST_KEYS, LIST_BUCKETS };

struct peer_list {
    uint64_t token;
    uint64_t epoch;
    enum list_what what;
    struct bytes type;
    struct bytes bucket;    /* LIST_KEYS */
    uint32_t partition;     /* one partition at a time */
    struct bytes after_row; /* cursor: the last row seen, or empty */
};

struct peer_listed {
    uint64_t token;
    enum err err;
    uint32_t partition;
    const struct bytes *names;
    uint32_t names_count;
    struct bytes last_row; /* the cursor to go on from */
    bool done;             /* the partition is through */
};

/* Rows of FAMILY_META, from `from` to `to`: row keys, or places in their order. */
struct peer_digests {
    uint64_t token;
    uint64_t epoch;
    uint32_t partition;
    struct bytes from;  /* inclusive; empty: the first of the partition */
    struct bytes to;    /* inclusive; empty: all to the end of the partition */
    uint64_t cutoff_us; /* wall clock: rows that had expired altogether by then count as none */
    uint64_t rows;      /* the asker's in the range: how many, ... */
    uint64_t hash;      /* ... and their hash (kv/digests.h) */
};

struct peer_row {
    struct bytes key;
    struct bytes record; /* as it sleeps; empty: it is damaged */
};

struct peer_digested {
    uint64_t token;
    enum err err;
    bool same; /* nothing follows: the rows of the range hash to the same */
    bool done; /* the rows are all up to `to` */
    const struct peer_row *rows;
    uint32_t rows_count;
    struct bytes last_row; /* how far they go, when not done */
};

struct peer_lacks {
    uint64_t token;
};

struct peer_heard {
    uint64_t token;
    enum err err;
};

/* What who takes over a replica asks of those that have it (kv/handover.h). */
enum move_step {
    MOVE_START, /* send me every object that you commit in the partition from now on */
    MOVE_TAKE,  /* I have all else: let me answer in your stead */
    MOVE_LOOK,  /* do you answer for the partition yourself? */
};

struct peer_move {
    uint64_t token;
    uint64_t epoch;
    uint32_t partition;
    enum move_step step;
    uint64_t session; /* START: names this attempt; TAKE: the attempt that it ends */
};

struct peer_moved {
    uint64_t token;
    enum err err;  /* ERR_OK: as asked. ERR_STALE: start again. ERR_BUSY: ask again later */
    bool forwards; /* the replica is the asker's now: all that comes is handed on to it */
};

struct peer_msg {
    enum peer_kind kind;
    union {
        struct peer_get get;
        struct peer_got got;
        struct peer_put put;
        struct peer_put_ack put_ack;
        struct peer_forward forward;
        struct peer_forwarded forwarded;
        struct peer_list list;
        struct peer_listed listed;
        struct peer_move move;
        struct peer_moved moved;
        struct peer_cluster cluster;
        struct peer_digests digests;
        struct peer_digested digested;
        struct peer_lacks lacks;
        struct peer_heard heard;
    } u;
};

/* Said first on every connection, both ways, by the hosts. */
struct peer_hello {
    uint64_t node;       /* who I am */
    uint64_t cluster[2]; /* 128-bit cluster id; zero: none yet */
    uint64_t lineage;
    uint64_t epoch;
    struct bytes name;
    struct bytes address; /* where I listen for peers */
};

/* The connection that a message takes. */
enum peer_class peer_class(const struct peer_msg *msg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster machines of two nodes say to each other. Views live for the length of the step.
 * Every message names the cluster and lineage it is about: what is about another one is dropped. */
#ifndef MSG_PEER_CLUSTER_H
#define MSG_PEER_CLUSTER_H

#include "base/bytes.h"
#include "base/err.h"
#include "msg/admin.h"
#include "msg/status.h"

enum cluster_talk {
    /* The register: which document is the next epoch. */
    TALK_PREPARE,
    TALK_PROMISE,
    TALK_ACCEPT,
    TALK_ACCEPTED,
    TALK_REFUSED,

    /* Documents that are decided. */
    TALK_PULL,     /* I have this epoch; send what is newer */
    TALK_DOCUMENT, /* a decided document, or what changed since `base` */
    TALK_STORED,   /* I have it on stable storage */

    TALK_GOSSIP,

    /* The failure detector. */
    TALK_PING,
    TALK_PING_FOR, /* ping `node` for me */
    TALK_ACK,
    TALK_NACK, /* `node` has not answered me either */

    /* Joining. */
    TALK_JOIN,
    TALK_JOIN_ANSWER,

    /* Before replicas move: have you adopted the epoch that fences, and what do you hold? */
    TALK_FENCE,
    TALK_FENCED,

    /* An operator's request that a joining node hands on. */
    TALK_ADMIN,
    TALK_ADMIN_ANSWER,
};

/* Ballots are ordered by counter, then by node; all zero is less than any. */
struct ballot {
    uint64_t counter;
    uint64_t node;
};

struct talk_register {
    uint64_t epoch;        /* the one to decide */
    struct ballot ballot;  /* of the proposer */
    struct ballot other;   /* PROMISE: accepted in, REFUSED: promised to; zero: none */
    uint64_t known;        /* REFUSED: the newest epoch that the voter knows as decided */
    struct bytes document; /* ACCEPT; PROMISE with `other` */
};

struct talk_document {
    uint64_t epoch;
    uint64_t hash;         /* PULL, STORED: of the document that the sender has */
    uint64_t base;         /* DOCUMENT: the epoch that `document` is a delta to; 0: it is whole */
    uint64_t active;       /* DOCUMENT: the newest epoch known to be stored by a majority of its own
                              voters */
    struct bytes document; /* DOCUMENT */
};

enum liveness { LIVE_UP, LIVE_SUSPECT, LIVE_DOWN };

/* What is said about a node. The facts are its own, of the version it gave them. */
struct gossip_record {
    uint64_t node;
    uint64_t incarnation;
    enum liveness state;
    uint64_t version;
    uint64_t epoch;   /* fact: the newest document that it has on stable storage */
    bool holds;       /* fact: its store holds objects */
    bool slow;        /* fact: its disk is slow */
    uint64_t accuser; /* not UP: a node that found it so; 0: none is known */
};

/* A staged change. A withdrawn one is still told, so that nobody brings it back. */
struct intent {
    uint64_t tag;   /* random: names it */
    uint64_t base;  /* the placement that it was staged on: of no effect on any other */
    uint64_t order; /* of two that contradict, the greater counts */
    bool withdrawn;
    enum intent_kind kind;
    uint64_t node;         /* concerned */
    struct bytes name;     /* join */
    struct bytes address;  /* join */
    struct bytes location; /* join, set-location */
    uint32_t weight;       /* join, set-weight */
    uint64_t other;        /* replace, force-replace: the node that takes over */
    bool force;            /* leave: also if fewer members are left than copies */
};

/* What a gossip brings, and what it asks for. */
enum gossip_step {
    GOSSIP_NEWS,    /* some records */
    GOSSIP_COMPARE, /* the same; who believes else than the digest says answers with WHOLE */
    GOSSIP_WHOLE,   /* all records; is answered with all */
    GOSSIP_ANSWER,  /* some or all records; is not answered */
};

struct talk_gossip {
    enum gossip_step step;
    uint64_t epoch;
    uint64_t hash;
    uint64_t active;
    uint64_t digest; /* of all that the sender believes of the members of its document */
    const struct gossip_record *records;
    uint32_t records_count;
    const struct intent *intents;
    uint32_t intents_count;
};

struct talk_probe {
    uint64_t seq;
    uint64_t node; /* PING_FOR, NACK */
    const struct gossip_record *records;
    uint32_t records_count;
};

enum join_wish {
    JOIN_STAGE,    /* stage me */
    JOIN_POLL,     /* how does it stand? stages anew what was forgotten, not what was withdrawn */
    JOIN_WITHDRAW, /* forget me */
};

struct talk_join {
    uint64_t seq;
    enum join_wish wish;
    struct bytes name;
    struct bytes address;
    struct bytes location;
    uint32_t weight;
    uint64_t fenced; /* the epoch for which this node answered a fence; 0: none */
};

/* The cluster and lineage of the message are those that the node would join. */
struct talk_join_answer {
    uint64_t seq;
    enum err err; /* ERR_OK: staged (or withdrawn, as wished) */
    struct bytes text;
    struct bytes document; /* whole: how the cluster is reached, and whether the node is in it */
};

struct talk_fence {
    uint64_t plan;
    uint64_t epoch; /* the one that fences */
};

struct talk_fenced {
    uint64_t plan;
    uint64_t epoch;
    enum err err;       /* ERR_OK: fenced; `holds` is the truth until the plan is decided */
    struct bytes holds; /* a bit for each partition; a joiner's is empty */
    bool hints;         /* it keeps objects for other nodes */
};

struct talk_admin {
    uint64_t seq;
    struct admin_request request;
};

struct talk_admin_answer {
    uint64_t seq;
    enum err err;
    struct bytes text;
    const struct cluster_status *status; /* ERR_OK */
};

struct peer_cluster {
    enum cluster_talk kind;
    uint64_t cluster[2];
    uint64_t lineage;
    union {
        struct talk_register reg;
        struct talk_document document;
        struct talk_gossip gossip;
        struct talk_probe probe;
        struct talk_join join;
        struct talk_join_answer join_answer;
        struct talk_fence fence;
        struct talk_fenced fenced;
        struct talk_admin admin;
        struct talk_admin_answer admin_answer;
    } u;
};

#endif

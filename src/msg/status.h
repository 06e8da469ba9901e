/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as an operator sees it: the answer to every admin request. */
#ifndef MSG_STATUS_H
#define MSG_STATUS_H

#include "base/bytes.h"
#include "base/err.h"

/* Changes of the cluster that can be staged. */
enum intent_kind {
    INTENT_JOIN,
    INTENT_LEAVE,
    INTENT_LOCATION,
    INTENT_WEIGHT,
    INTENT_REPLACE,       /* another takes over all that it has, then it leaves */
    INTENT_FORCE_REMOVE,  /* it is gone for good: its replicas are made anew from the others */
    INTENT_FORCE_REPLACE, /* the same, at one other node */
};

enum status_state { STATE_VALID, STATE_JOINING, STATE_LEAVING, STATE_REMOVED };

/* What a node keeps for others that are away. */
struct hints_total {
    bool any; /* something is kept, or may be in a moment: an operation is in flight */
    uint64_t rows, bytes;
    uint32_t nodes, drains; /* for how many nodes; to how many it is being handed over */
};

/* Replicas that move by themselves: at the node that answers. */
struct moves_total {
    uint32_t active, waiting, ready; /* to be taken over here: now, later, done but not decided */
    uint32_t strays;                 /* stored here, belonging elsewhere: to be deleted */
    uint64_t objects, bytes;         /* copied from or to other nodes since its start */
};

/* A member, or a node that waits to become one. */
struct status_member {
    uint64_t id;
    struct bytes name, address, location;
    uint32_t weight;
    enum status_state state;
    bool reachable;      /* by the node that answers */
    bool holds;          /* its store holds objects, as far as it told */
    bool votes;          /* on changes of the cluster */
    uint32_t partitions; /* of which it is a replica */
    uint32_t goal;       /* of which it shall be one */
    uint64_t epoch;      /* the newest document that it has stored, as far as it told */
};

struct status_staged {
    enum intent_kind kind;
    uint64_t node;
    struct bytes name, address, location;
    uint32_t weight;
};

/* One node in a plan. */
struct status_share {
    uint64_t id;
    struct bytes name;
    uint32_t before, after; /* partitions of which it is a replica */
};

struct status_plan {
    uint64_t id;    /* 0: nothing is staged */
    uint32_t moved; /* places in replica lists that get another node */
    const struct status_share *shares;
    uint32_t shares_count;
    const struct bytes *warnings; /* sentences */
    uint32_t warnings_count;
    bool refused;         /* a commit would be refused, as far as this node can tell ... */
    struct bytes verdict; /* ... and why; else what it would do */
};

struct cluster_status {
    uint64_t cluster[2];
    uint64_t lineage;
    uint64_t epoch, hash;
    uint64_t node; /* who answers */
    struct bytes name;
    struct bytes joining; /* the address whose cluster this node waits to join, or empty */
    bool active;          /* the epoch is stored by a majority of its own voters */
    bool preparing;       /* a plan is being committed */
    bool forked;          /* two documents of one epoch were seen: nothing can be changed */
    uint32_t slots, partitions, n_max;
    uint32_t replicas;        /* the shortest replica list; below n_max: under-replicated */
    uint32_t moving;          /* partitions whose replicas are not where they shall be */
    struct hints_total hints; /* kept by the node that answers */
    struct moves_total moves; /* of the node that answers */
    const struct status_member *members;
    uint32_t members_count;
    const struct status_staged *staged;
    uint32_t staged_count;
    struct status_plan plan;
};

/* A partition of the node that answers, and another owner of it. */
struct sweep_pairing {
    uint32_t partition;
    uint64_t peer;
    struct bytes peer_name; /* empty: it is no member any more */
    bool begins;            /* this node begins the comparisons; else the peer, who knows of them */
    bool running;
    bool ever;       /* one has ended here; then the rest says how */
    bool whole;      /* it went through the whole partition ... */
    enum err err;    /* ... or else why it ended */
    uint64_t age_ms; /* since its end */
    uint64_t rows;   /* compared */
    uint64_t pulled, pushed, left;
};

/* Anti-entropy, at the node that answers. */
struct sweep_status {
    bool on;
    uint32_t interval_ms;
    uint32_t running;
    uint64_t passes, failed; /* since it started */
    uint64_t rows, pulled, pushed, left;
    const struct sweep_pairing *pairings; /* by partition */
    uint32_t pairings_count;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes that exchange a partition: real vnodes, replicas and digests at both, with a store each
 * and a network between them that does what the test wants. Node 0 begins the exchanges. */
#ifndef TESTS_KV_COUPLE_H
#define TESTS_KV_COUPLE_H

#include "kv/digests.h"
#include "kv/exchange.h"
#include "kv/transfers.h"
#include "stage.h"

enum { COUPLE_ROWS_MAX = 12000, COUPLE_QUEUE_MAX = 8192 };

struct couple_node {
    struct stage stage; /* of it: document, view, vnodes, outbox */
    struct replicas *replicas;
    struct digests *digests;
    struct transfers *transfers;
    struct stage_row *rows; /* sorted by family and key */
    uint32_t rows_count;
};

/* What will happen: a message arrives at a node, or a storage operation there completes. */
struct couple_act {
    unsigned node;
    bool is_message;
    uint64_t from;
    struct peer_msg msg;
    struct stage_op op;
};

struct couple {
    struct couple_node nodes[2];
    struct arena arena; /* of messages */
    struct couple_act *queue;
    uint32_t queued;

    struct machine *exchange; /* at node 0 */
    uint64_t next_id;
    struct exchange_result result; /* of the last one that ended */
    uint32_t ends;                 /* how many have */
    uint32_t stale;                /* answers that found no machine */

    /* What has been seen. */
    uint32_t messages;   /* between the nodes */
    uint64_t bytes;      /* of their fields */
    uint32_t gets, puts; /* between them, or of a node to itself */
    uint32_t flying, flying_most;
    uint32_t syncs[2]; /* durable commits of nothing */
    bool lax;          /* some put was not durable */

    /* What the test wants. */
    enum err refuse;               /* puts are answered with that */
    bool forget;                   /* puts are acknowledged as not durable */
    bool silent;                   /* messages are lost */
    bool held;                     /* commits do not complete */
    struct random *chaos;          /* acts happen in any order, answers again */
    struct peer_digested *instead; /* what the next question is answered with */
};

void couple_begin(struct couple *c, uint32_t nodes, uint32_t n_max);
void couple_end(struct couple *c);

/* The n-th key of partition `partition`. */
struct key couple_key(struct couple *c, uint32_t partition, uint32_t n);

/* Stores an object and its digest at a node. */
void couple_store(struct couple *c, unsigned node, const struct key *key,
                  const struct object *object);

/* The row at a node; NULL when there is none. */
struct stage_row *couple_row(struct couple *c, unsigned node, enum store_family family,
                             const struct key *key);

/* The object at a node; NULL when there is none that can be read. */
struct object *couple_object(struct couple *c, unsigned node, const struct key *key);

/* Flips a bit of a row, or takes it away. */
void couple_damage(struct couple *c, unsigned node, enum store_family family,
                   const struct key *key);
void couple_remove(struct couple *c, unsigned node, enum store_family family,
                   const struct key *key);

/* Whether both nodes hold the same objects and digests in the partition. */
bool couple_equal(struct couple *c, uint32_t partition);

/* Begins an exchange of node 0 with node 1; what the last one left is freed. */
void couple_start(struct couple *c, uint32_t partition, bool pull, bool push);

/* The next act; false when there is none. */
bool couple_act(struct couple *c);

/* Everything, pauses of the machine included, until it is done or nothing more happens. */
void couple_run(struct couple *c);

/* An event of its own for the machine. */
void couple_tell(struct couple *c, enum event_kind kind);

/* The machine's deadline comes. */
void couple_deadline(struct couple *c);

#endif

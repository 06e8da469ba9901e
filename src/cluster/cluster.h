/* SPDX-License-Identifier: Apache-2.0 */
/* What a node knows of its cluster, and how that changes: identity, the document and its chain of
 * epochs, the register that decides the next epoch, staged changes and their commit, gossip, the
 * failure detector, joining and leaving. It builds the view by which everything else works.
 *
 * Promises:
 *   1. Of each epoch at most one document is ever decided, whatever crashes, partitions and
 *      messages do (cluster/register.h says why).
 *   2. What this node promised or accepted as a voter is on stable storage before it is said.
 *   3. A change that moves replicas is decided only after every replica concerned said, from behind
 *      a fence that is itself part of the document, that it holds no data of those partitions.
 *   4. The data path never waits for any of this.
 *
 * Views and what they point to are valid until the next call that takes an event. */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "base/random.h"
#include "config/config.h"
#include "msg/moved.h"
#include "msg/outbox.h"
#include "msg/status.h"
#include "msg/view.h"

struct cluster;

struct cluster_options {
    const struct config *config; /* outlives the cluster */
    struct seed seed;
    struct bytes name;         /* node name; copied */
    struct bytes peer_address; /* where other nodes reach this one, host:port; copied */
};

/* What the data side knows and the cluster must know. `holds` has one bit for each partition (bit
 * p % 8 of byte p / 8), set no later than a write of it is given to the store; NULL: nothing is
 * held. It must stay valid until the next facts. `hints`: what is kept for other nodes. `slow`: the
 * disk is. */
struct cluster_facts {
    const uint8_t *holds;
    bool holds_any; /* objects of its own, or kept for others */
    struct hints_total hints;
    bool slow;
    struct moves_total moves;
    const struct moved *moved; /* replicas that have got here, until the document says so */
    uint32_t moved_count;
};

struct cluster *cluster_new(const struct cluster_options *options);

/* NULL is fine. */
void cluster_free(struct cluster *c);

/* EV_START: reads the system rows that are the cluster's own and ignores the others. A store
 * without any becomes a node with a random id and a cluster of one. An error when a row is damaged
 * or of another release: then this node must not go on. */
enum err cluster_start(struct cluster *c, const struct stored_row *rows, uint32_t count,
                       const struct event *ev, struct outbox *out) MUST_CHECK;

/* Before each call that takes an event. */
void cluster_set_facts(struct cluster *c, const struct cluster_facts *facts);

/* EV_PEER with PEER_CLUSTER, EV_LINK_UP, EV_LINK_DOWN, EV_DIAL_FAILED, EV_STORED with a token of
 * TOKEN_CLUSTER, EV_TIME. Messages that it sends to this node itself come back as EV_PEER. */
void cluster_step(struct cluster *c, const struct event *ev, struct outbox *out);

/* REQUEST_ADMIN and REQUEST_SET_PROPS. Each is answered once, with OUT_REPLY, maybe later. */
void cluster_request(struct cluster *c, struct asker asker, const struct request *request,
                     const struct event *ev, struct outbox *out);

/* The same pointer for the life of the cluster. */
const struct view *cluster_view(const struct cluster *c);

/* When it wants EV_TIME; UINT64_MAX: never. */
uint64_t cluster_deadline_us(const struct cluster *c);

/* Whether this node is a member that serves: its document is on stable storage and names it. */
bool cluster_ready(const struct cluster *c);

/* What this node says of itself; views live until the next call that takes an event. */
void cluster_hello(const struct cluster *c, struct peer_hello *ret_hello);

/* Whether a node is a member: messages of the data path from others are refused. */
bool cluster_admits(const struct cluster *c, uint64_t node);

/* While a change of placement is being prepared, and on a node that waits to join a cluster, a
 * partition that holds no data may not get its first object. cluster_freezing: whether that is so
 * of any partition; cluster_frozen: whether a write to this one must be refused now. */
/* The newest epoch that all members have on stable storage, but those that are down, as far as this
 * node was told. */
uint64_t cluster_known_epoch(const struct cluster *c);

bool cluster_freezing(const struct cluster *c, uint64_t mono_us);
bool cluster_frozen(const struct cluster *c, uint32_t partition, uint64_t mono_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Joining another cluster, at the node that joins and at the member that it asks.
 *
 *   NONE --operator--> DIAL --linked--> ASK --staged--> SAVE --on stable storage--> WAIT
 *   WAIT --a document of the other cluster names this node--> NONE (a member there)
 *   any --withdrawn, refused, nobody there--> NONE (as before)
 *
 * Only a node that has nothing to lose may join: alone in its cluster, or no member of the one it
 * knows, with an empty store. From ASK on it takes no writes. Once it has answered a fence only a
 * document of the other cluster that is newer than the fence can let it go. */
#ifndef CLUSTER_JOIN_H
#define CLUSTER_JOIN_H

#include "cluster/contacts.h"
#include "model/document.h"

struct cluster;

enum joiner_state { JOINER_NONE, JOINER_DIAL, JOINER_ASK, JOINER_SAVE, JOINER_WAIT };

struct joiner {
    enum joiner_state state;
    struct asker asker; /* until WAIT */
    struct text address;
    uint64_t peer;       /* from ASK on: whom to ask */
    uint64_t cluster[2]; /* from ASK on: the cluster of the peer */
    uint64_t lineage;
    uint64_t seq;                       /* of the question that is open */
    uint64_t generation;                /* SAVE: of the row */
    uint64_t deadline_us;               /* DIAL, ASK: given up then; WAIT: asked again then */
    uint64_t fenced_epoch, fenced_plan; /* 0: no fence was answered */
    struct document *document;          /* the other cluster's newest, as far as known; or NULL */
    uint32_t turn;                      /* which of its members is asked next */
};

void joiner_done(struct joiner *j);

/* ADMIN_JOIN. */
void join_start(struct cluster *c, struct asker asker, const struct admin_request *request,
                const struct event *ev, struct outbox *out);

/* ADMIN_CLEAR at a node that waits: takes its wish back. */
void join_withdraw(struct cluster *c, struct asker asker, const struct event *ev,
                   struct outbox *out);

/* EV_LINK_UP, EV_DIAL_FAILED, time. */
void join_on_link(struct cluster *c, const struct event *ev, struct outbox *out);
void join_on_dial_failed(struct cluster *c, const struct event *ev, struct outbox *out);
void join_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t joiner_deadline_us(const struct joiner *j);

/* JOIN, at a member. */
void join_on_wish(struct cluster *c, uint64_t from, const struct talk_join *m, struct outbox *out);

/* What members say to a node that waits; the cluster of the message was compared. */
void join_on_answer(struct cluster *c, uint64_t from, const struct talk_join_answer *m,
                    const struct event *ev, struct outbox *out);
void join_on_fence(struct cluster *c, uint64_t from, const struct talk_fence *m,
                   struct outbox *out);
void join_on_document(struct cluster *c, uint64_t from, const struct talk_document *m,
                      const struct event *ev, struct outbox *out);

/* Whether a message is about the cluster that this node waits to join. */
bool join_concerns(const struct joiner *j, const struct peer_cluster *msg);

/* Whether this node waits for, or is about to ask for, another cluster: it takes no writes. */
bool join_waits(const struct joiner *j);

/* A message about the cluster that is to be joined. Valid until the next output. */
struct peer_cluster *join_say(const struct cluster *c, uint64_t to, enum cluster_talk kind,
                              struct outbox *out);

/* A member of the other cluster that can be asked now; 0: none. */
uint64_t join_whom(struct cluster *c);

#endif

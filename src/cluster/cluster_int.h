/* SPDX-License-Identifier: Apache-2.0 */
/* The machines of the room and the node that they are parts of. A machine may look at the others
 * but changes only itself; what it wants of another it asks by that one's functions. */
#ifndef CLUSTER_CLUSTER_INT_H
#define CLUSTER_CLUSTER_INT_H

#include "cluster/chain.h"
#include "cluster/cluster.h"
#include "cluster/commit.h"
#include "cluster/contacts.h"
#include "cluster/detector.h"
#include "cluster/join.h"
#include "cluster/propose.h"
#include "cluster/register.h"
#include "cluster/relay.h"
#include "cluster/staging.h"
#include "cluster/vault.h"

struct cluster {
    const struct config *config;
    struct random random;
    struct text name, address; /* as this process was started */
    uint64_t self;
    uint64_t starts;       /* how often this store was started: makes ballots unique */
    uint64_t first_stable; /* the vault's generation that names node, cluster and start */

    struct cluster_facts facts;
    struct chain chain;
    struct acceptor acceptor;
    uint64_t resolve_us; /* a value was accepted: its end is looked for then; 0: none was */
    struct vault vault;
    struct contacts contacts;
    struct proposer proposer;
    struct detector detector;
    struct staging staging;
    struct commit commit;
    struct joiner joiner;
    struct relays relays;

    uint64_t stored[NODES_MAX / 64]; /* members, by index, that have the newest document on stable
                                        storage */
    uint64_t active;     /* the newest epoch known to be stored by a majority of its own voters */
    bool news;           /* there is something to tell at the end of this step */
    uint32_t intents_at; /* the staged change that is told next */
    bool doubts;         /* the log says that this node hears badly */
    uint64_t spared_us;  /* no member: the members are asked then whether they can do without it */
    uint64_t moves_us;   /* what was moved is told then; 0: nothing was */
    uint64_t self_us; /* whether the members know this node rightly is looked at then; 0: they do */
    uint64_t shown_plan; /* what `plan` said last here */

    struct view view;
    struct view_member view_members[NODES_MAX];
    struct ring_node view_nodes[NODES_MAX];
};

static inline const struct document *cluster_document(const struct cluster *c)
{
    return chain_document(&c->chain);
}

/* So many times the time that an answer may take. */
static inline uint64_t cluster_wait_us(const struct cluster *c, uint32_t waits)
{
    return (uint64_t)waits * c->config->probe_timeout_ms * 1000;
}

/* A message about this node's own cluster; the caller fills the rest. Valid until the next
 * output. */
struct peer_cluster *cluster_say(const struct cluster *c, uint64_t to, enum cluster_talk kind,
                                 struct outbox *out);

/* Sends a finished message; `holds` keeps its document alive, or is NULL. */
void cluster_send(uint64_t to, const struct peer_cluster *msg, struct blob *holds,
                  struct outbox *out);

/* A document that is decided and continues the chain is the newest now. Takes it over. */
void cluster_adopt(struct cluster *c, struct document *document, const struct event *ev,
                   struct outbox *out);

/* The same for the first document of another cluster: all that was of the own one is forgotten. */
void cluster_move(struct cluster *c, struct document *document, const struct event *ev,
                  struct outbox *out);

/* Whether a node, by id, is a member of the newest document that serves, and whether it has a vote
 * there. Who was removed is no member. */
bool cluster_is_member(const struct cluster *c, uint64_t node);
bool cluster_votes(const struct cluster *c, uint64_t node);

/* The voters of the newest document; returns how many. */
uint32_t cluster_voters(const struct cluster *c, uint64_t ret_voters[VOTERS_MAX]);

/* A name for a node in sentences: its own, or its number. */
void cluster_put_name(const struct cluster *c, uint64_t node, struct buf *buf);

/* A store that was never started: makes a node and a cluster of one, in memory. */
void cluster_found(struct cluster *c);

/* Something learned about who has the newest document on stable storage. */
void cluster_note_stored(struct cluster *c, uint64_t node, uint64_t epoch, uint64_t hash);
void cluster_note_active(struct cluster *c, uint64_t epoch);
bool cluster_has_stored(const struct cluster *c, uint32_t member);

/* ---- documents that are decided (learn.c) ---- */

/* Sends the newest document to a node, as a delta when it has a kept one. */
void learn_tell(struct cluster *c, uint64_t to, uint64_t epoch, uint64_t hash, struct outbox *out);
void learn_on_pull(struct cluster *c, uint64_t from, const struct talk_document *m,
                   struct outbox *out);
void learn_on_document(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                       const struct event *ev, struct outbox *out);
/* Tells a node that the newest document is on stable storage here, once that is so. */
void learn_confirm(struct cluster *c, uint64_t to, struct outbox *out);
void learn_on_stored(struct cluster *c, uint64_t from, const struct talk_document *m);
/* A node that is no member any more asks the others whether they can do without it. */
void learn_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t learn_deadline_us(const struct cluster *c);

/* ---- gossip (gossip.c) ---- */

void gossip_to(struct cluster *c, uint64_t to, enum gossip_step step, struct outbox *out);
void gossip_tick(struct cluster *c, const struct event *ev, struct outbox *out);
void gossip_on(struct cluster *c, uint64_t from, const struct talk_gossip *m,
               const struct event *ev, struct outbox *out);
/* PING, PING_FOR, ACK, NACK. */
void gossip_on_probe(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                     const struct event *ev, struct outbox *out);
/* Carries out what the detector wants. */
void gossip_news(struct cluster *c, const struct detector_news *news, struct outbox *out);

/* ---- voting (vote.c) ---- */

void vote_on_prepare(struct cluster *c, uint64_t from, const struct talk_register *m,
                     const struct event *ev, struct outbox *out);
void vote_on_accept(struct cluster *c, uint64_t from, const struct talk_register *m,
                    const struct event *ev, struct outbox *out);
void vote_tick(struct cluster *c, const struct event *ev, struct outbox *out);

/* ---- operators (admin.c, status.c) ---- */

/* What an operator asks; the asker may be a node that hands it on. */
void admin_request(struct cluster *c, struct asker asker, const struct admin_request *request,
                   const struct event *ev, struct outbox *out);

/* Answers. `text` is copied. */
void admin_refuse(struct cluster *c, struct asker asker, enum err err, struct bytes text,
                  struct outbox *out);
void admin_answer(struct cluster *c, struct asker asker, struct outbox *out);

/* The whole status, in the outbox's arena. */
struct cluster_status *status_make(struct cluster *c, struct outbox *out);

/* ---- moves (moves.c) ---- */

void moves_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t moves_deadline_us(const struct cluster *c);

/* ---- the view (view.c) ---- */

void view_build(struct cluster *c);

#endif

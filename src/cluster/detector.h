/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be reached: SWIM (Das, Gupta and Motivala, 2002) with the refinements of Lifeguard
 * (Dadgar, Phillips and Currey, 2017), over the control connections.
 *
 * Each interval one peer is pinged, in a random order that visits all before any comes again. When
 * it does not answer in time three others are asked to ping it, which say so when they cannot reach
 * it either. When nobody brings an answer it is suspected, and after a while taken for down: the
 * sooner the more nodes found so by themselves. Who is suspected is told of it first, and refutes
 * it under a new incarnation. A lost link starts a probe at once.
 *
 *   UP --no probe succeeded, or another node says so--> SUSPECT --its time is over--> DOWN
 *   SUSPECT | DOWN --refuted: a higher incarnation--> UP
 *
 * A node that is slow itself finds others slow. So it keeps a score of its own health, of failed
 * probes, of helpers that did not even say no, and of suspicions that it had to refute; and the
 * worse that is, the longer it waits and the less often it probes. Time in which it was not awake
 * counts for nobody's silence.
 *
 * What is believed spreads with everything that detectors say to each other, and by gossip to a few
 * nodes in each interval. Each change is told a bounded number of times by each node, a message
 * brings a bounded number of records, and now and then two nodes compare all that they believe: so
 * what a node says in a second does not grow with the cluster.
 *
 * It knows no bytes and keeps no clock; what it wants said and what changed is put into a
 * detector_news, which the owner carries out.
 *
 * Invariants:
 *   1. of equal incarnations the worse state counts, of different ones the higher incarnation;
 *   2. only a node itself raises its incarnation;
 *   3. this node is never in its own table, and is always up;
 *   4. a linked node is taken for down only when this node has suspected it for the least time of a
 *      suspicion: hearsay alone kills nobody, and who is alive has the time to refute. */
#ifndef CLUSTER_DETECTOR_H
#define CLUSTER_DETECTOR_H

#include "base/random.h"
#include "cluster/limits.h"
#include "config/config.h"
#include "model/limits.h"
#include "msg/peer_cluster.h"

struct detector_peer {
    struct gossip_record record;
    bool linked;
    bool behind;           /* of itself it tells less than is known here: it must hear that */
    uint32_t tells;        /* how often its record is still to be told */
    uint64_t suspected_us; /* SUSPECT: since then */
    uint64_t down_us;      /* SUSPECT: taken for down then */
    uint64_t accusers[SUSPICION_CONFIRMS + 1]; /* of this incarnation */
    uint32_t accusers_count;
    uint64_t grey_us; /* taken for slow until then, and until it is quick; 0: it is quick */
};

struct detector_probe {
    uint64_t seq;
    uint64_t target;
    uint64_t sent_us;
    uint64_t direct_us; /* no answer by then: others are asked, or told; 0: they were */
    uint64_t end_us;
    uint64_t for_node, for_seq;     /* on behalf of this node; 0: our own */
    bool doubtful;                  /* the target was not UP: that it is silent is no news */
    uint64_t silent[PROBE_HELPERS]; /* those asked that have not said that it is silent */
    uint32_t silent_count;
};

struct detector {
    const struct config *config;
    struct gossip_record own;
    uint32_t own_tells;
    struct detector_peer *peers;
    uint32_t *order; /* in which they are probed; a permutation */
    uint32_t count;
    uint32_t at;
    struct detector_probe probes[PROBES_MAX];
    uint32_t probes_count;
    uint32_t score; /* doubts of this node's own health; 0: none */
    uint64_t seq;
    uint64_t due_us;     /* the next tick, as the last one wished */
    uint64_t next_us;    /* the next probe in turn */
    uint64_t gossip_us;  /* the next gossip in turn */
    uint64_t news_us;    /* news are told at once not before this */
    uint64_t compare_us; /* the next comparison of everything */
    bool fresh;          /* there are news to tell */
};

/* What a call wants said, and what changed in it. */
struct detector_news {
    struct {
        uint64_t to;
        enum cluster_talk kind; /* PING, PING_FOR, ACK, NACK */
        uint64_t seq, node;
    } say[PROBES_MAX];
    uint32_t say_count;
    struct {
        uint64_t to;
        enum gossip_step step;
    } tell[GOSSIP_FANOUT + 1];
    uint32_t tell_count;
    uint64_t changed[(NODES_MAX + 63) / 64]; /* a bit for each peer whose state changed */
    bool any_changed;
    bool refuted; /* this node raised its incarnation */
    bool regrade; /* somebody is slow now, or is not any more */
    bool answer;  /* the sender of what was heard believes what is not so */
};

void detector_init(struct detector *d, const struct config *config, uint64_t self);
void detector_done(struct detector *d);

/* The members of the document, this node among them or not. Those that stay keep what is known and
 * their turn; others get one by chance. */
void detector_members(struct detector *d, const uint64_t *nodes, uint32_t count, uint64_t now_us,
                      struct random *random);

/* What this node tells of itself. */
void detector_facts(struct detector *d, uint64_t epoch, bool holds);
void detector_pace(struct detector *d, bool slow);

/* There are news of another kind: gossip goes out as if somebody's state had changed. */
void detector_hurry(struct detector *d);

/* Time has passed. */
void detector_tick(struct detector *d, uint64_t now_us, struct random *random,
                   struct detector_news *news);
uint64_t detector_deadline_us(const struct detector *d);

/* A link to a member came or went. */
void detector_link(struct detector *d, uint64_t node, bool up, uint64_t now_us);

/* ---- messages ---- */

void detector_pinged(uint64_t from, uint64_t seq, struct detector_news *news);
void detector_ping_for(struct detector *d, uint64_t from, uint64_t seq, uint64_t target,
                       uint64_t now_us, struct detector_news *news);
void detector_acked(struct detector *d, uint64_t from, uint64_t seq, uint64_t now_us,
                    struct detector_news *news);
void detector_nacked(struct detector *d, uint64_t from, uint64_t seq);

/* What another node believes. */
void detector_hear(struct detector *d, uint64_t from, const struct gossip_record *record,
                   uint64_t now_us, struct detector_news *news);

/* What a message to a node brings, at most GOSSIP_RECORDS: this node's own record, what is believed
 * of the receiver if that is worse than it believes itself, and what was told least often. */
uint32_t detector_tell(struct detector *d, uint64_t to, struct gossip_record *ret_records);

/* All records, this node's own first: one more than it has peers. */
uint32_t detector_tell_all(const struct detector *d, struct gossip_record *ret_records);

/* Of all that is believed: nodes with the same members and the same digest believe the same. */
uint64_t detector_digest(const struct detector *d);

/* ---- what is known ---- */

/* NULL of a stranger. */
const struct gossip_record *detector_record(const struct detector *d, uint64_t node);

/* Whether messages to a member are likely to arrive: it is linked and not taken for down. */
bool detector_reaches(const struct detector *d, uint64_t node);

/* Whether a member is slow, or suspected: better to ask another first, if there is a choice. */
bool detector_grey(const struct detector *d, uint64_t node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be reached: SWIM (Das, Gupta and Motivala, 2002) over the control connections. Each
 * interval one peer is pinged, in a random order that visits all before any comes again. When it
 * does not answer in time a few others are asked to ping it; when none of them succeeds either it
 * is suspected, and after a while taken for down. What is believed spreads by gossip; a node that
 * hears ill of itself refutes it under a new incarnation. A lost link starts a probe at once.
 *
 *   UP --no probe succeeded--> SUSPECT --suspicion time over--> DOWN
 *   SUSPECT | DOWN --refuted: a higher incarnation--> UP
 *
 * It knows no bytes and keeps no clock; what it wants said and what changed is put into a
 * detector_news, which the owner carries out.
 *
 * Invariants:
 *   1. of equal incarnations the worse state counts, of different ones the higher incarnation;
 *   2. only a node itself raises its incarnation;
 *   3. this node is never in its own table, and is always up. */
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
    uint64_t down_us; /* SUSPECT: taken for down then */
};

struct detector_probe {
    uint64_t seq;
    uint64_t target;
    uint64_t direct_us; /* no answer by then: others are asked; 0: they were */
    uint64_t end_us;
    uint64_t for_node, for_seq; /* on behalf of this node; 0: our own */
};

struct detector {
    const struct config *config;
    struct gossip_record own;
    struct detector_peer peers[NODES_MAX];
    uint32_t count;
    uint32_t order[NODES_MAX]; /* in which they are probed; a permutation */
    uint32_t at;
    struct detector_probe probes[PROBES_MAX];
    uint32_t probes_count;
    uint64_t next_us; /* the next probe in turn */
    uint64_t seq;
};

/* What a call wants said, and whose state changed in it. */
struct detector_news {
    struct {
        uint64_t to;
        enum cluster_talk kind; /* PING, PING_FOR, ACK */
        struct talk_probe probe;
    } say[PROBES_MAX];
    uint32_t say_count;
    struct {
        uint64_t node;
        enum liveness state;
    } changed[NODES_MAX];
    uint32_t changed_count;
    bool refuted; /* this node raised its incarnation */
};

void detector_init(struct detector *d, const struct config *config, uint64_t self);

/* The members of the document, this node among them or not. Those that stay keep what is known. */
void detector_members(struct detector *d, const uint64_t *nodes, uint32_t count);

/* What this node tells of itself. */
void detector_facts(struct detector *d, uint64_t epoch, bool holds);

/* Time has passed. */
void detector_tick(struct detector *d, uint64_t now_us, struct random *random,
                   struct detector_news *news);
uint64_t detector_deadline_us(const struct detector *d);

/* A link to a member came or went. */
void detector_link(struct detector *d, uint64_t node, bool up, uint64_t now_us);

/* Messages. */
void detector_pinged(uint64_t from, uint64_t seq, struct detector_news *news);
void detector_ping_for(struct detector *d, uint64_t from, uint64_t seq, uint64_t target,
                       uint64_t now_us, struct detector_news *news);
void detector_acked(struct detector *d, uint64_t from, uint64_t seq, struct detector_news *news);

/* What another node believes. */
void detector_hear(struct detector *d, const struct gossip_record *record, uint64_t now_us,
                   struct detector_news *news);

/* What is known of a member; NULL of a stranger. */
const struct gossip_record *detector_record(const struct detector *d, uint64_t node);

/* Whether messages to a member are likely to arrive: it is linked and not taken for down. */
bool detector_reaches(const struct detector *d, uint64_t node);

/* Whether a member did not answer lately: better to ask another first, if there is a choice. */
bool detector_suspects(const struct detector *d, uint64_t node);

#endif

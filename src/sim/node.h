/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated process: one shard, its disk, its clock, its open client connections. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "shard/shard.h"
#include "sim/disk.h"
#include "sim/world.h"

enum { SIM_PEERS_MAX = 64 };

/* An address that the node keeps a link to. */
struct peer_entry {
    uint64_t node;
    unsigned index; /* whose address it is */
    bool used;
};

struct sim_node {
    unsigned index;
    struct shard *shard; /* NULL while the process is down */
    struct disk disk;
    struct outbox out;
    struct timer wake;   /* EV_TIME */
    struct timer second; /* EV_HOST */
    struct timer restart;
    struct timer death; /* kill -9 while a commit is under way */
    bool doomed;        /* the next commit starts it */
    bool stopping;      /* EV_STOP was said */
    bool stepping;      /* nothing else may happen in it then */
    uint64_t paused_until_us;
    bool knows_full; /* the host has told it that its disk is nearly full */
    int64_t skew_us; /* of its wall clock */
    uint32_t lives;  /* starts so far */
    uint64_t id;     /* as its hello says */
    bool joined;     /* as which it was a member */
    enum err halted; /* why it stopped by itself */
    char name[16];
    char address[16];
    struct peer_entry peers[SIM_PEERS_MAX];
    struct epoch_seen epoch; /* the document that it had last */
};

struct sim_node *node_new(struct world *w, unsigned index);
void node_free(struct world *w, struct sim_node *node);

/* Starts the process from what is on the disk. */
void node_start(struct world *w, struct sim_node *node);

/* kill -9 and power loss: the shard is gone, the disk keeps what it must and some of the rest. */
void node_crash(struct world *w, struct sim_node *node);

/* SIGTERM: it finishes what it can within the grace, then the process ends and is started again. */
void node_stop(struct world *w, struct sim_node *node, uint32_t grace_ms);

/* Nothing happens in it until then. */
void node_pause(struct world *w, struct sim_node *node, uint64_t until_us);

/* When to look again whether a node that stands still goes on: then, or at the next of the moments
 * at which all look that wait for it. For the end of all faults may wake it sooner. */
uint64_t node_awake_us(const struct world *w, const struct sim_node *node);

/* One step of the shard; times are filled in. The node must be up. */
void node_step(struct world *w, struct sim_node *node, struct event *ev);

bool node_up(const struct sim_node *node);

/* Whether it is up and in the cluster that clients talk to. */
bool node_serves(const struct world *w, const struct sim_node *node);

/* Whether it was a member, and the newest document that anybody has, who is up, names it no more:
 * it left, or is gone for good. A node with another disk is another node, once it has started. */
bool node_gone(const struct world *w, const struct sim_node *node);

/* Whether it is up and nothing may happen in it now. */
bool node_paused(const struct world *w, const struct sim_node *node);

struct sim_node *node_by_id(struct world *w, uint64_t id);
struct sim_node *node_by_address(struct world *w, struct bytes address);

#endif

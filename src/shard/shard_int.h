/* SPDX-License-Identifier: Apache-2.0 */
/* What shard.c (dispatch by event), route.c (requests, answers, inner outputs) and table.c
 * (machines, sessions, timers) share. */
#ifndef SHARD_SHARD_INT_H
#define SHARD_SHARD_INT_H

#include "cluster/cluster.h"
#include "kv/digests.h"
#include "kv/exchange.h"
#include "kv/expire.h"
#include "kv/handover.h"
#include "kv/machines.h"
#include "kv/replica.h"
#include "kv/sweep.h"
#include "kv/transfers.h"
#include "kv/vnode.h"
#include "query/list.h"
#include "query/lister.h"
#include "session/session.h"
#include "shard/forwards.h"
#include "shard/pace.h"
#include "shard/shard.h"
#include "shard/space.h"

struct seat {
    struct map_node node; /* by connection */
    struct heap_node timer;
    struct list dead;
    uint64_t conn;
    struct session *session;
};

struct shard {
    const struct config *config;
    struct random random; /* keys made for clients */
    struct cluster *cluster;
    struct vnodes *vnodes;
    struct replicas *replicas;
    struct digests *digests;
    struct sweep *sweep;
    struct transfers *transfers;
    struct listers *listers;
    struct forwards forwards;
    struct stats stats;
    struct space space;
    struct pace pace;

    uint64_t next_id; /* of machines */
    struct map machines;
    struct map askers;  /* the same machines, by session and request number */
    struct heap timers; /* of machines */
    struct map seats;   /* open connections */
    struct heap seat_timers;
    struct list dead_machines; /* freed when the next step begins: outputs point into them */
    struct list dead_seats;

    struct view_member seen[NODES_MAX]; /* who was up when last looked at */
    uint16_t seen_count;
    uint64_t seen_epoch;
    uint64_t moves_epoch; /* the document that the moves follow */
    bool quorum; /* every partition has a majority of its replicas up, as this node sees it */
    uint64_t heard_cluster, heard_epoch; /* the latest document that a member spoke of */
    bool started;
    bool stopping;
    bool closing; /* the incarnations are being closed */
    bool closed;
    bool halted;
    uint64_t stop_by_us;
};

/* table.c */

struct machine *machine_find(struct shard *s, uint64_t id);
struct machine *machine_asked_by(struct shard *s, uint64_t conn, uint64_t seq);
void machine_add(struct shard *s, struct machine *machine);

/* One step of a machine; it is buried when it is through. */
void machine_run(struct shard *s, struct machine *machine, const struct event *ev,
                 struct outbox *out);

/* One step of every machine. */
void machines_run_all(struct shard *s, const struct event *ev, struct outbox *out);

/* EV_STOP to those that would go on by themselves. */
void machines_stop(struct shard *s, const struct event *ev, struct outbox *out);

/* What machines about keys are given. */
struct kv_env shard_kv_env(struct shard *s);

struct seat *seat_find(struct shard *s, uint64_t conn);
void seat_open(struct shard *s, const struct event *ev);
void seat_run(struct shard *s, struct seat *seat, const struct event *ev, struct outbox *out);
void seat_close(struct shard *s, struct seat *seat);

/* Wakes what is due. */
void tables_time(struct shard *s, const struct event *ev, struct outbox *out);

/* Frees what the last step left dead. */
void tables_bury(struct shard *s);
void tables_done(struct shard *s);

/* route.c */

/* Whether a member spoke of a later document than this shard has. */
bool shard_behind(const struct shard *s);

void route_request(struct shard *s, struct asker asker, const struct request *request,
                   bool forwarded, const struct event *ev, struct outbox *out);
void route_peer(struct shard *s, uint64_t from, const struct peer_msg *msg, const struct event *ev,
                struct outbox *out);

/* Executes the inner outputs from number `from` on, and those that they make, until only the host's
 * are left. Returns the number of outputs. */
size_t route_inner(struct shard *s, size_t from, const struct event *ev, struct outbox *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The request machines about one key: get, put and delete; and drain, which hands over hints. Each
 * begins with a `struct machine`, by which the shard finds, wakes and frees it. So does the machine
 * of kv/exchange.h. */
#ifndef KV_MACHINES_H
#define KV_MACHINES_H

#include "kv/vnode.h"
#include "msg/machine.h"

struct transfers;

/* What a machine may use besides its event, valid for the step. */
struct kv_env {
    const struct view *view;
    const struct config *config;
    struct vnodes *vnodes;
    struct transfers *transfers; /* who hears what exchanges come to */
    bool forwarded;              /* the request came from another node: it is not forwarded again */
    bool made_key;               /* the server made the key: the answer tells it */
};

/* A new machine for the request; the first step has been made. It may be done already. */
struct machine *get_new(const struct kv_env *env, uint64_t id, struct asker asker,
                        const struct request *request, const struct event *ev, struct outbox *out);
struct machine *put_new(const struct kv_env *env, uint64_t id, struct asker asker,
                        const struct request *request, const struct event *ev, struct outbox *out);
struct machine *delete_new(const struct kv_env *env, uint64_t id, struct asker asker,
                           const struct request *request, const struct event *ev,
                           struct outbox *out);

/* Hands over a chunk of what is kept for a node; of nobody's request. */
/* Deletes what is stored of a partition that belongs elsewhere (kv/strays.h); of nobody's request.
 */
struct machine *drop_new(const struct kv_env *env, uint64_t id, uint32_t partition,
                         const struct event *ev, struct outbox *out);
void drop_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
               struct outbox *out);
void drop_free(struct machine *machine);

struct machine *drain_new(const struct kv_env *env, uint64_t id, uint64_t target,
                          const struct event *ev, struct outbox *out);

/* EV_PEER (an answer to this machine), EV_REPLY, EV_APPLIED, EV_COMMITTED, EV_LINK_DOWN,
 * EV_DEADLINE, EV_GONE. */
void get_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
              struct outbox *out);
void put_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
              struct outbox *out);
void delete_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                 struct outbox *out);

/* The same, and EV_STORED (its scan). */
void drain_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                struct outbox *out);

void get_free(struct machine *machine);
void put_free(struct machine *machine);
void delete_free(struct machine *machine);
void drain_free(struct machine *machine);

/* What all three do first: the header filled, the deadline set from the request's time-out. */
void machine_begin(struct machine *machine, enum machine_kind kind, uint64_t id, struct asker asker,
                   uint32_t timeout_ms, const struct event *ev);

#endif

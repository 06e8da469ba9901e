/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's side of reads: a coordinator asks for an object or its digest, the row is read,
 * checked and sent. A record that does not decode is never sent: the asker hears ERR_CORRUPT,
 * which is no answer, and the rows are healed. */
#ifndef KV_REPLICA_H
#define KV_REPLICA_H

#include "kv/machines.h"

struct replicas;

struct replicas *replicas_new(void);
void replicas_free(struct replicas *replicas);

/* A PEER_GET from a node (this one too). Where the replica here was given to another node the
 * question is handed on to that one. */
void replicas_get(struct replicas *replicas, const struct kv_env *env, uint64_t from,
                  const struct peer_get *get, struct outbox *out);

/* EV_STORED with a token of TOKEN_REPLICA. */
void replicas_stored(struct replicas *replicas, struct vnodes *vnodes, const struct event *ev,
                     struct outbox *out);

/* Reads in flight. */
uint32_t replicas_waiting(const struct replicas *replicas);

#endif

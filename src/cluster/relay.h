/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's request at a node that waits to join is handed to a member of the cluster that it
 * waits for, and the answer handed back. */
#ifndef CLUSTER_RELAY_H
#define CLUSTER_RELAY_H

#include "cluster/limits.h"
#include "msg/outbox.h"

struct cluster;

struct relay {
    uint64_t seq;
    struct asker asker;
    uint64_t deadline_us;
};

struct relays {
    struct relay table[RELAYS_MAX];
    uint32_t count;
    uint64_t seq;
};

/* Hands a request on; it is answered at once when nobody can take it. */
void relay_ask(struct cluster *c, struct asker asker, const struct admin_request *request,
               const struct event *ev, struct outbox *out);

/* ADMIN_ANSWER. */
void relay_on_answer(struct cluster *c, const struct talk_admin_answer *m, struct outbox *out);

void relay_tick(struct cluster *c, const struct event *ev, struct outbox *out);
uint64_t relay_deadline_us(const struct relays *relays);

#endif

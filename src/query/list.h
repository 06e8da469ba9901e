/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of one listing: every partition once, from one live replica each, a few at a
 * time, one chunk of each in flight. A chunk goes to the asker when it wants one, so memory is
 * bounded by the lanes. When a replica is lost the partition goes on at another from its cursor,
 * for replicas hold the same rows in the same order. A partition that no live replica covers
 * fails the listing: it never returns a silent subset.
 *
 *   RUNNING --all partitions through, all chunks given--> DONE
 *      '--a partition cannot be had, deadline, asker gone--> DONE
 *
 * Invariants:
 *  1. A partition is in at most one lane; lanes never hold more than one chunk each.
 *  2. The asker gets a chunk only after it asked for one; the first counts as asked for.
 *  3. Names of buckets are given once each. */
#ifndef QUERY_LIST_H
#define QUERY_LIST_H

#include "config/config.h"
#include "msg/machine.h"
#include "msg/outbox.h"
#include "msg/view.h"

struct list_env {
    const struct view *view;
    const struct config *config;
};

struct machine *list_new(const struct list_env *env, uint64_t id, struct asker asker,
                         const struct request *request, const struct event *ev, struct outbox *out);

/* EV_PEER (PEER_LISTED), EV_MORE, EV_GONE, EV_LINK_DOWN, EV_DEADLINE. */
void list_step(struct machine *machine, const struct list_env *env, const struct event *ev,
               struct outbox *out);
void list_free(struct machine *machine);

#endif

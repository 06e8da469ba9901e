/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's side of listings: one chunk of names of one partition, from a cursor on. Keys come
 * from the digest rows, so values are not touched; tombstones and what has expired are left out. A
 * bucket is named for its first row that has not expired, and then skipped to the first row after
 * it. A tombstone names its bucket, as in Riak: there may be millions to skip.
 *
 * The cursor is the row key at which to go on (inclusive); the asker only carries it. */
#ifndef QUERY_LISTER_H
#define QUERY_LISTER_H

#include "config/config.h"
#include "msg/outbox.h"
#include "msg/view.h"

struct listers;

struct listers *listers_new(const struct config *config);
void listers_free(struct listers *listers);

/* A PEER_LIST from a node (this one too). */
void listers_get(struct listers *listers, const struct view *view, uint64_t from,
                 const struct peer_list *list, bool serves, struct outbox *out);

/* EV_STORED with a token of TOKEN_LISTER. */
void listers_stored(struct listers *listers, const struct event *ev, struct outbox *out);

uint32_t listers_waiting(const struct listers *listers);

#endif

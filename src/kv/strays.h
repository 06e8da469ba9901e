/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas that are stored here and belong elsewhere: given away, or begun to be copied for a plan
 * that is another one by now. They answer nothing. When nobody can miss them they are deleted.
 *
 *   HOLD --every member that is up has the document, and the hold time is over--> PROVE
 *   PROVE --an owner has all that is here--> DROP --deleted--> (none)
 *   PROVE --not, or not now--> HOLD, for a while        any --it belongs here again--> (none)
 *
 * Invariants:
 *  1. Nothing is deleted before a pass over all of it, made after the document was known to
 *     everybody that is up, found that an owner has it on stable storage; what it lacks is given to
 *     it first.
 *  2. Nothing is deleted while an operation of the partition is in flight, or once it belongs here.
 *  3. The row that says that something is stored goes last. */
#ifndef KV_STRAYS_H
#define KV_STRAYS_H

#include "kv/exchange.h"

struct strays;

struct strays *strays_new(const struct config *config);
void strays_free(struct strays *strays);

/* The document is another one, or the node has started. */
void strays_epoch(struct strays *strays, const struct vnodes *vnodes, const struct view *view,
                  const struct event *ev);

enum strays_wish { STRAYS_NOTHING, STRAYS_EXCHANGE, STRAYS_DROP };

/* What is to be begun now; call again until it is nothing. `known_epoch`: the newest epoch that
 * every member which is up has on stable storage. */
enum strays_wish strays_due(struct strays *strays, const struct vnodes *vnodes,
                            const struct view *view, uint64_t known_epoch, const struct event *ev,
                            struct exchange_order *ret_order, uint32_t *ret_partition);
uint64_t strays_deadline_us(const struct strays *strays);

void strays_exchanged(struct strays *strays, const struct exchange_result *result,
                      const struct event *ev);

/* A deletion has ended. */
void strays_dropped(struct strays *strays, uint32_t partition, bool whole, const struct event *ev);

uint32_t strays_count(const struct strays *strays);

/* Whether the partition is one whose data may go. */
bool strays_may_drop(const struct vnodes *vnodes, const struct view *view, uint32_t partition);

#endif

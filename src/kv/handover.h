/* SPDX-License-Identifier: Apache-2.0 */
/* Giving a replica away: the side of the node that has it. Who shall have it asks (PEER_MOVE), and
 * does the rest (kv/movers.h): it copies what is stored here while every object that is committed
 * here is relayed to it, and then asks to take the replica over.
 *
 *   (none) --START--> RELAY --TAKE--> DRAIN --nothing in flight, all relays durable--> STORE
 *   STORE --on stable storage--> AWAY
 *   DRAIN --not quiet in time--> RELAY          RELAY, DRAIN --a relay failed or its link broke, or
 *                                               the move is none any more--> (none)
 *   AWAY --the move is none any more, and this node still has the place--> BACK
 *   BACK --all that the other took meanwhile is here again--> OVER --the row is deleted--> (none)
 *
 * RELAY serves as ever. From DRAIN on operations of the partition wait, for a moment; then they go
 * on here, or, from AWAY on, are handed on to the new owner, which answers the asker on this node's
 * behalf. AWAY lasts over restarts (the system row `move/`), until the data is deleted or taken
 * back.
 *
 * Invariants:
 *  1. When AWAY is on stable storage the other has on stable storage all that was ever acknowledged
 *     here: what its copy found, and every commit since that began, for each was relayed and none
 *     is open.
 *  2. From then on nothing is answered from what is stored here: at most one node answers for a
 *     place. BACK does not answer either: it may lack what the other took.
 *  3. A relay that is not acknowledged as durable breaks the session: TAKE is then refused as
 *     stale, and the copy begins anew.
 *  4. Operations that wait are bounded, and none is lost: each goes on, is handed on, or is refused
 *     before anything of it was done. */
#ifndef KV_HANDOVER_H
#define KV_HANDOVER_H

#include "kv/vnode.h"

/* A PEER_MOVE from a node. Each is answered, TAKE maybe later. */
void handover_asked(struct vnodes *vnodes, const struct view *view, uint64_t from,
                    const struct peer_move *move, const struct event *ev, struct outbox *out);

/* A PEER_PUT_ACK whose token is a relay's. */
bool handover_token(uint64_t peer_token);
void handover_acked(struct vnodes *vnodes, uint64_t from, const struct peer_put_ack *ack,
                    const struct event *ev, struct outbox *out);

/* The document is another one now; a node went away. */
void handover_epoch(struct vnodes *vnodes, const struct view *view, const struct event *ev,
                    struct outbox *out);
void handover_link_down(struct vnodes *vnodes, uint64_t node, const struct event *ev,
                        struct outbox *out);

void handover_time(struct vnodes *vnodes, const struct event *ev, struct outbox *out);
uint64_t handover_deadline_us(const struct vnodes *vnodes);

/* The node that the replica here was given to; 0: to none. */
uint64_t handover_away(const struct vnodes *vnodes, uint32_t partition);

/* The other end, whatever stands; 0: there is none. */
uint64_t handover_peer(const struct vnodes *vnodes, uint32_t partition);

/* Whether one has gone to BACK without a new document since the last call. */
bool handover_changed(struct vnodes *vnodes);

/* Whether the replica here must be taken back first: until then it answers nothing. */
bool handover_back(const struct vnodes *vnodes, uint32_t partition);

/* Whether what is stored here may be answered from: it was not given away, nor is it to be taken
 * back first. */
bool handover_serves(const struct vnodes *vnodes, uint32_t partition);

/* Whether a replica is being given away: an operation on it may yet be refused. */
bool handover_any(const struct vnodes *vnodes, uint32_t partition);

/* All that the other took is here, or this node shall have the replica anew: the row of AWAY or
 * BACK goes. It is over when handover_back is false. Nothing where none was given away. */
void handover_end(struct vnodes *vnodes, uint32_t partition, struct outbox *out);

/* How many replicas are being given away: not counting those that are. */
uint32_t handover_count(const struct vnodes *vnodes);

#endif

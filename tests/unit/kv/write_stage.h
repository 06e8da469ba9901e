/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of a write against replicas that answer what and when the test says, over the
 * real vnode of this node and its store. */
#ifndef TESTS_KV_WRITE_STAGE_H
#define TESTS_KV_WRITE_STAGE_H

#include "stage.h"

enum { PUT_ID = 6 };

extern struct stage stage;
extern struct machine *put;
extern struct key key;
extern struct request request; /* may be changed between begin and start */
extern struct kv_env env;      /* likewise */

/* What the last step sent to each node, by kind; and its token. */
extern bool copied[STAGE_NODES_MAX], forwarded[STAGE_NODES_MAX];
extern uint64_t tokens[STAGE_NODES_MAX];

/* A bucket that keeps siblings, with a replica at every node; three at least are wanted. The lease
 * of this node's partition is there. */
void begin(uint32_t nodes);

/* The same, but this node has no replica: the nodes 2 to `nodes` have. */
void begin_elsewhere(uint32_t nodes);

/* The partitions move away from this node, to the others. */
void move_away(uint32_t nodes);

void start(void);
void end(void);

/* The vnode's read of the key comes back, and the commit of the write. */
void loaded(void);
void committed(enum err err);

/* A replica acknowledges its copy. */
void ack(uint64_t node, enum err err, bool durable);
void ack_from(uint64_t node, uint64_t token, enum err err, bool durable);

/* A node answers the forwarded request. */
void peer_said(uint64_t node, uint64_t token, enum reply_kind kind, enum err err);

/* The read of a conditional write comes back. */
void was_read(enum reply_kind kind, enum err err, const struct object *object);

void link_down(uint64_t node);

/* The machine's own deadline comes. */
void deadline(void);

/* The answer in the last step, or NULL; its error, ERR_BUSY when there is none. */
const struct reply *reply(void);
enum err replied(void);

/* What is stored of the key here. */
struct object *stored(void);

#endif

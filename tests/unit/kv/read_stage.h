/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of a read against replicas that answer what and when the test says. */
#ifndef TESTS_KV_READ_STAGE_H
#define TESTS_KV_READ_STAGE_H

#include "stage.h"

enum { GET_ID = 5 };

extern struct stage stage;
extern struct machine *get;
extern struct key key;
extern struct request request; /* may be changed between begin and start */

/* What the last step asked of each node, and whom it repaired. */
extern uint64_t tokens[STAGE_NODES_MAX];
extern bool asked[STAGE_NODES_MAX], asked_full[STAGE_NODES_MAX], repaired[STAGE_NODES_MAX];

/* The histories of the tests: "one", then "two" written on it, and "other" beside them. */
extern struct object *one, *two, *other;

/* A bucket that keeps siblings, with a replica at every node; three at least are wanted. */
void begin(uint32_t nodes);
void start(void);
void begin_and_start(uint32_t nodes);
void end(void);

/* A replica answers the question that it was asked last: with an error or without the key, with the
 * object, with its digest. */
void answer(uint64_t node, enum err err);
void give(uint64_t node, const struct object *object);
void digest(uint64_t node, const struct object *object);
void answer_from(uint64_t node, uint64_t token, enum err err, bool full, struct bytes record);

void link_down(uint64_t node);

/* The machine's own deadline comes. */
void deadline(void);

/* The answer in the last step, or NULL; its error, ERR_BUSY when there is none. */
const struct reply *reply(void);
enum err replied(void);

#endif

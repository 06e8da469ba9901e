/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a node one thing and runs the world until it is answered: for those who judge, and for
 * scenarios. */
#ifndef SIM_DIRECT_H
#define SIM_DIRECT_H

#include "sim/caller.h"

struct direct;

struct direct *direct_new(struct world *w);
void direct_free(struct world *w, struct direct *direct);

/* The answer, all of its pieces together; NULL when there was none. Valid until the next call. The
 * connection is kept for the next question to the same node. */
const struct answer *direct_ask(struct world *w, struct direct *direct, unsigned node,
                                enum conn_kind kind, const struct question *question);

/* Asks without waiting; direct_wait brings the answer. */
void direct_begin(struct world *w, struct direct *direct, unsigned node, enum conn_kind kind,
                  const struct question *question);
const struct answer *direct_wait(struct world *w, struct direct *direct);

#endif

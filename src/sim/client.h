/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated client. It speaks Protocol Buffers or HTTP to one node at a time, sends one question
 * or several at once, remembers for each key the context it last read and which writes that
 * covers, and tells the history what it did and saw. What it is told is judged at once. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/world.h"

struct sim_client *client_new(struct world *w, unsigned index);
void client_free(struct world *w, struct sim_client *client);

/* Whether the client waits for an answer. */
bool client_busy(const struct sim_client *client);

#endif

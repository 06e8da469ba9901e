/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated client. It speaks Protocol Buffers to one node at a time over a byte stream, has one
 * request in flight, remembers for each key the context it last read and which writes that covers,
 * and tells the history what it did and saw. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim/world.h"

struct sim_client *client_new(struct world *w, unsigned index);
void client_free(struct world *w, struct sim_client *client);

/* Bytes, or the end, of a connection from a node. */
void client_bytes(struct world *w, uint64_t conn, struct bytes bytes);
void client_closed(struct world *w, uint64_t conn);

/* A process died: its connections end. */
void clients_node_gone(struct world *w, unsigned index);

/* Whether the client waits for an answer. */
bool client_busy(const struct sim_client *client);

/* The final question about a key, asked of a node with r = all: true when it was answered, with the
 * values and whether one of them was no value of ours. Runs the world until then. */
struct final_read {
    uint32_t ids[64];
    uint32_t count;
    bool answered;
};

void client_final_read(struct world *w, struct sim_client *client, unsigned node, uint32_t key,
                       struct final_read *ret_read);

/* Keys below this number stand in a bucket with siblings, the others in one without. */
uint32_t client_sibling_keys(const struct world *w);

/* Names of key `key`. */
struct bytes client_bucket(const struct world *w, uint32_t key);

#endif

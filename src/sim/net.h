/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated network. Between two nodes stands at most one link, which either end may want; it
 * comes up when both are up and can hear each other, and goes down when an end dies or the link is
 * broken. Messages are encoded and decoded as between real processes. A cut is one-way and silent:
 * what is sent is gone, the link stays until it is broken. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/world.h"

struct sim_node;

struct network *net_new(struct world *w);
void net_free(struct network *net);

/* OUT_SEND. */
void net_send(struct world *w, struct sim_node *from, uint64_t to, const struct peer_msg *msg);

/* OUT_DIAL. */
void net_dial(struct world *w, struct sim_node *from, struct bytes address);

/* OUT_UNLINK, or the network's own doing: the link goes down at both ends. */
void net_break(struct world *w, unsigned a, unsigned b);

/* A process died: its links go down at the other ends. */
void net_node_gone(struct world *w, unsigned index);

/* Nothing from `from` reaches `to` any more, or again. */
void net_cut(struct world *w, unsigned from, unsigned to, bool cut);
void net_heal(struct world *w);

/* Everything from `from` to `to` waits until then. */
void net_clog(struct world *w, unsigned from, unsigned to, uint64_t until_us);

/* Whether no message about data is on its way. */
bool net_quiet(const struct world *w);

bool net_linked(const struct world *w, unsigned a, unsigned b);

#endif

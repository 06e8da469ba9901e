/* SPDX-License-Identifier: Apache-2.0 */
/* A connection between a client and a node. Bytes of a direction arrive in order, late, and cut
 * where it pleases the network. The node's end does what a host owes its sessions
 * (session/session.h): it counts what is unsent, says EV_WRITABLE when that has drained, reads
 * nothing while too much is unsent, and says EV_CLOSED once to every connection that it opened.
 * Some clients read slowly.
 *
 * A socket ends when both ends have let go of it, or the process at its end died. */
#ifndef SIM_SOCKET_H
#define SIM_SOCKET_H

#include "sim/world.h"

struct socket;

/* Who is at the client's end. Called at any time but from within a call of this module. */
struct socket_user {
    void (*bytes)(struct world *w, struct socket_user *user, struct bytes bytes);
    /* The node closed, or died: the socket is not the user's any more. */
    void (*closed)(struct world *w, struct socket_user *user);
};

/* Connects to a node that is up; the node hears of it later. */
struct socket *socket_open(struct world *w, unsigned node, enum conn_kind kind,
                           struct socket_user *user);

void socket_send(struct world *w, struct socket *socket, struct bytes bytes);

/* The client goes: what it sent before still arrives, unless it is `abrupt`: then only some. */
void socket_drop(struct world *w, struct socket *socket, bool abrupt);

/* OUT_BYTES and OUT_CLOSE. */
void socket_from_node(struct world *w, uint64_t conn, struct blob *blob);
void socket_end(struct world *w, uint64_t conn);

/* A process died: its connections end. */
void sockets_node_gone(struct world *w, unsigned node);

/* Whether nothing is on its way to a node. */
bool sockets_quiet(const struct world *w);

/* Frees all; the world is at its end. */
void sockets_free(struct world *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Links to the other nodes: three connections each, for control, data and bulk. The shard says
 * which nodes it wants (OUT_PEER) and where to try once (OUT_DIAL); it hears when control and
 * data stand (EV_LINK_UP) and when one of them is lost (EV_LINK_DOWN), and what arrives
 * (EV_PEER). All that goes to one peer in a turn leaves with one system call for each
 * connection.
 *
 * Of two nodes that want each other the one with the greater id calls at once, the other only
 * after PEER_CALLED_WAIT_MS. Where both have called all the same, the connection that the
 * greater id dialled stays, so that both ends keep the same one.
 *
 * Invariants:
 *  1. EV_LINK_UP and EV_LINK_DOWN of a node alternate; EV_PEER comes only between them.
 *  2. A link is to one instance of a process: when a node greets as another instance, what stood
 *     before is down.
 *  3. Unsent bytes are bounded for each peer and class; beyond that the newest messages are lost
 *     and counted.
 *  4. Before both ends have proved that they know the secret, nothing but greetings is read. */
#ifndef SERVER_PEERS_H
#define SERVER_PEERS_H

#include <uv.h>

#include "server/listener.h"
#include "server/log.h"
#include "server/secret.h"
#include "server/sink.h"

struct peers;

struct peers_options {
    uv_loop_t *uv;
    struct log *log;
    struct sink sink;
    struct secret secret; /* empty: none */
    uint64_t instance;    /* random, of this start of the process */
    uint64_t jitter_seed;
    void (*hello)(void *context, struct peer_hello *ret_hello); /* what this node says of itself */
    void *context;
};

struct peers_counts {
    uint64_t bytes_in, bytes_out, dropped;
};

struct peers *peers_new(const struct peers_options *options);

/* After peers_close_all and a run of the loop. NULL is fine. */
void peers_free(struct peers *peers);

/* Listens for other nodes. `ret_listener` lives as long as the peers. */
enum exit_status peers_listen(struct peers *peers, const char *address,
                              const struct listener **ret_listener, struct why *ret_why);

/* The outputs of the same names. They take effect at the end of the turn. */
void peers_want(struct peers *peers, uint64_t node, struct bytes address);
void peers_dial(struct peers *peers, struct bytes address);
void peers_unlink(struct peers *peers, uint64_t node);
void peers_send(struct peers *peers, uint64_t to, const struct peer_msg *msg);

/* The end of a turn: carries out what was asked for and sends what was gathered. Whether it brought
 * events. */
bool peers_flush(struct peers *peers);

/* Once a second: ends handshakes that take too long. */
void peers_second(struct peers *peers);

/* Refuses new links from now on. */
void peers_stop_accepting(struct peers *peers);

/* Closes all at once, telling nobody. */
void peers_close_all(struct peers *peers);

struct peers_counts peers_counts(const struct peers *peers);

#endif

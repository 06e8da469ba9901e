/* SPDX-License-Identifier: Apache-2.0 */
/* Listening at one HOST:PORT, which may mean several sockets. Port 0 is a free one, the same for
 * all of them. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <uv.h>

#include "engine/engine.h"
#include "server/address.h"
#include "server/exit.h"

struct listener {
    uv_tcp_t sockets[LISTENER_SOCKETS_MAX]; /* `data` is the opener's */
    uint32_t count;
    char text[ADDRESS_BYTES_MAX]; /* as it was asked for, with the real port */
    bool loopback;                /* all sockets are reachable from this machine only */
    bool any;                     /* a socket listens on every address */
};

/* Binds and listens. On failure says why, naming the address; what was opened is being closed. */
enum exit_status listener_open(struct listener *listener, uv_loop_t *uv, const char *address,
                               uv_connection_cb accept, void *data, struct why *ret_why);

/* Stops listening. The structure must live until the loop has run. */
void listener_close(struct listener *listener);

#endif

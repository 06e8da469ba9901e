/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of clients: what they send becomes events, what the shard answers is gathered and
 * leaves in one system call a turn.
 *
 *     OPEN --OUT_CLOSE, all sent--> LINGER --client closed, or time is up--> (freed)
 *       `--client closed, or the socket failed-----------------------------> (freed)
 *
 * Invariants:
 *  1. Every connection is announced by EV_OPENED and ended by EV_CLOSED, once each; its number is
 *     never used again.
 *  2. With more than SESSION_OUTPUT_MAX bytes unsent nothing is read from a connection, until no
 *     more than SESSION_OUTPUT_LOW are.
 *  3. EV_WRITABLE comes as session/session.h wants it.
 *  4. A closed connection lingers, and what its client still sends is thrown away, so that the last
 *     answer is not destroyed by a reset. */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <uv.h>

#include "server/listener.h"
#include "server/log.h"
#include "server/sink.h"

struct conns;

struct conns_options {
    uv_loop_t *uv;
    struct log *log;
    struct sink sink;
    uint32_t max; /* connections at once; further ones are closed as they come */
};

struct conns *conns_new(const struct conns_options *options);

/* After conns_close_all and a run of the loop. NULL is fine. */
void conns_free(struct conns *conns);

/* Listens for clients of this kind; the address with the real port, which lives as long. Clients of
 * a `trusted` listener may do what otherwise only clients on this machine may. */
enum exit_status conns_listen(struct conns *conns, enum conn_kind kind, bool trusted,
                              const char *address, const char **ret_text, struct why *ret_why);

/* OUT_BYTES and OUT_CLOSE; a number that is gone is ignored. */
void conns_write(struct conns *conns, uint64_t id, struct blob *blob);
void conns_close(struct conns *conns, uint64_t id);

/* The end of a turn: sends what was gathered. Whether it brought events. */
bool conns_flush(struct conns *conns);

/* Once a second: ends those that linger. */
void conns_second(struct conns *conns);

/* No new connections from now on. */
void conns_stop_accepting(struct conns *conns);

/* Closes all at once, telling nobody. */
void conns_close_all(struct conns *conns);

/* Open now. */
uint64_t conns_count(const struct conns *conns, enum conn_kind kind);

#endif

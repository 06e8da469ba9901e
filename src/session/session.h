/* SPDX-License-Identifier: Apache-2.0 */
/* One client connection: order of answers, flow, limits, and how an answer looks. It takes
 * client events and replies, and puts OUT_REQUEST, OUT_MORE, OUT_GONE, OUT_BYTES and OUT_CLOSE
 * in the outbox. It reads properties and statistics from its environment without asking anybody.
 *
 * Laws:
 *   1. Requests are worked on one at a time and answered in their order, as in Riak: a client
 *      that sends a put and a get together reads what it wrote. What came meanwhile waits as
 *      bytes, at most SESSION_INPUT_MAX of them.
 *   2. Output is bounded: with SESSION_OUTPUT_MAX unsent bytes a session begins no request and
 *      asks for no further chunk until EV_WRITABLE.
 *   3. A connection that closes with a request in flight sends OUT_GONE for it.
 *
 * What a host owes: EV_WRITABLE, with SESSION_OUTPUT_MAX less the unsent bytes as `room`, as
 * soon as no more than SESSION_OUTPUT_LOW bytes of a connection are unsent and at least that
 * many were given to it since the last EV_WRITABLE (or since it was opened). Small answers thus
 * cost no event. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "config/config.h"
#include "msg/outbox.h"
#include "msg/view.h"

/* The release of Riak whose interfaces these are: three numbers and nothing else, since clients
 * switch features on by it. */
#define SESSION_RIAK_VERSION BYTES_LIT("3.2.3")

struct session;

/* What a session may look at, valid for the step. */
struct session_env {
    const struct view *view;
    const struct stats *stats;
    const struct config *config;
    bool ready;    /* this node serves, and a quorum of every partition with it */
    bool stopping; /* finish what is in flight, then close */
};

struct session *session_new(uint64_t conn, const struct event_opened *opened);

/* Frees; NULL is fine. Outputs that the session made before stay valid. */
void session_free(struct session *session);

/* Takes EV_BYTES, EV_WRITABLE, EV_REPLY, EV_CLOSED, EV_DEADLINE or EV_STOP. After EV_CLOSED the
 * shard frees it. */
void session_step(struct session *session, const struct session_env *env, const struct event *ev,
                  struct outbox *out);

/* When it wants EV_DEADLINE (header and idle time-outs); 0: never. */
uint64_t session_deadline_us(const struct session *session);

/* Requests whose answers have not left yet. */
uint32_t session_waiting(const struct session *session);

#endif

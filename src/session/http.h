/* SPDX-License-Identifier: Apache-2.0 */
/* A client connection that speaks HTTP/1.1 (or 1.0): Riak's HTTP interface, the administration
 * paths under /dassie/v1/, and the metrics. session.c gives it the events of its connection.
 *
 * One request of a connection is worked on at a time, as in Riak: a client that pipelines a PUT and
 * a GET of one key reads what it wrote. What arrives meanwhile waits as bytes, bounded. */
#ifndef SESSION_HTTP_H
#define SESSION_HTTP_H

#include "session/session.h"

struct http_session;

struct http_session *http_session_new(uint64_t conn, bool loopback);

/* Frees; NULL is fine. Outputs that the session made before stay valid. */
void http_session_free(struct http_session *http);

/* Takes EV_BYTES, EV_WRITABLE, EV_REPLY, EV_CLOSED, EV_DEADLINE or EV_STOP. */
void http_session_step(struct http_session *http, const struct session_env *env,
                       const struct event *ev, struct outbox *out);

/* When it wants EV_DEADLINE; 0: never. */
uint64_t http_session_deadline_us(const struct http_session *http);

/* Requests whose answers have not left yet. */
uint32_t http_session_waiting(const struct http_session *http);

#endif

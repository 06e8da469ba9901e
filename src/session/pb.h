/* SPDX-License-Identifier: Apache-2.0 */
/* A client connection that speaks Riak's Protocol Buffers interface. session.c gives it the
 * events of its connection. */
#ifndef SESSION_PB_H
#define SESSION_PB_H

#include "session/session.h"

struct pb_session;

struct pb_session *pb_session_new(uint64_t conn);

/* Frees; NULL is fine. Outputs that the session made before stay valid. */
void pb_session_free(struct pb_session *pb);

/* Takes EV_BYTES, EV_WRITABLE, EV_REPLY, EV_CLOSED, EV_DEADLINE or EV_STOP. */
void pb_session_step(struct pb_session *pb, const struct session_env *env, const struct event *ev,
                     struct outbox *out);

/* When it wants EV_DEADLINE; 0: never. Clients keep idle connections for as long as they like: only
 * one that has sent very many requests together wants it, to go on with them. */
uint64_t pb_session_deadline_us(const struct pb_session *pb);

/* Requests whose answers have not left yet. */
uint32_t pb_session_waiting(const struct pb_session *pb);

#endif

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

/* Takes EV_BYTES, EV_WRITABLE, EV_REPLY, EV_CLOSED or EV_STOP. */
void pb_session_step(struct pb_session *pb, const struct session_env *env, const struct event *ev,
                     struct outbox *out);

/* Requests whose answers have not left yet. */
uint32_t pb_session_waiting(const struct pb_session *pb);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One client connection: order of answers, flow, limits, and how an answer looks. It takes client
 * events and replies, and puts OUT_REQUEST, OUT_MORE, OUT_GONE, OUT_BYTES and OUT_CLOSE in the
 * outbox. It reads properties and statistics from its environment without asking anybody.
 *
 * Laws: answers leave in the order of their requests. At most SESSION_PIPELINE_MAX requests wait.
 * Output is bounded: a session with more than SESSION_OUTPUT_MAX unsent bytes asks for no further
 * chunk until EV_WRITABLE. A connection that closes with requests in flight sends OUT_GONE for
 * each. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "config/config.h"
#include "msg/outbox.h"
#include "msg/view.h"

struct session;

/* What a session may look at, valid for the step. */
struct session_env {
    const struct view *view;
    const struct stats *stats;
    const struct config *config;
    bool ready;    /* this node serves */
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol a connection speaks was decided when it was opened; here it is looked up once for
 * each call, and nothing else is done. */
#include "session/session.h"

#include "base/check.h"
#include "base/mem.h"
#include "session/http.h"
#include "session/pb.h"

struct session {
    enum conn_kind kind;
    union {
        struct pb_session *pb;
        struct http_session *http;
    } u;
};

struct session *session_new(uint64_t conn, const struct event_opened *opened)
{
    struct session *session = mem_new(sizeof(*session));

    session->kind = opened->kind;
    switch (opened->kind) {
    case CONN_PB: session->u.pb = pb_session_new(conn); return session;
    case CONN_HTTP: session->u.http = http_session_new(conn, opened->loopback); return session;
    }
    UNREACHABLE();
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    switch (session->kind) {
    case CONN_PB: pb_session_free(session->u.pb); break;
    case CONN_HTTP: http_session_free(session->u.http); break;
    }
    mem_free(session);
}

void session_step(struct session *session, const struct session_env *env, const struct event *ev,
                  struct outbox *out)
{
    ASSERT(env->view != NULL);
    ASSERT(env->config != NULL);
    switch (session->kind) {
    case CONN_PB: pb_session_step(session->u.pb, env, ev, out); return;
    case CONN_HTTP: http_session_step(session->u.http, env, ev, out); return;
    }
    UNREACHABLE();
}

uint64_t session_deadline_us(const struct session *session)
{
    switch (session->kind) {
    case CONN_PB: return pb_session_deadline_us(session->u.pb);
    case CONN_HTTP: return http_session_deadline_us(session->u.http);
    }
    UNREACHABLE();
}

uint32_t session_waiting(const struct session *session)
{
    switch (session->kind) {
    case CONN_PB: return pb_session_waiting(session->u.pb);
    case CONN_HTTP: return http_session_waiting(session->u.http);
    }
    UNREACHABLE();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP client for tests of the session. What goes to the client is in `bytes`; what the session
 * asks of others is written down as words: `get default/b/k`, `more`, `gone`, `closed`. */
#ifndef TESTS_SESSION_HTTP_CLIENT_H
#define TESTS_SESSION_HTTP_CLIENT_H

#include "base/buf.h"
#include "model/document.h"
#include "msg/stats.h"
#include "session/http.h"

enum { HTTP_CLIENT_CONN = 9 };

/* 1994-11-06 08:49:37, in microseconds. */
#define HTTP_CLIENT_WALL_US (UINT64_C(784111777) * 1000000)

struct http_client {
    struct http_session *http;
    struct session_env env;
    struct view view;
    struct view_member view_members[1];
    struct document document;
    struct config config;
    struct stats *stats;
    struct bucket_type types[3];
    struct bucket_override overrides[1];
    struct member member;
    struct outbox out;
    struct buf said;
    struct buf bytes;
    uint64_t mono_us;
    uint64_t seq; /* of the newest request */
    struct request request;
    struct arena arena; /* what the newest request points to */
    bool closed;
};

void http_client_init(struct http_client *c, bool loopback);
void http_client_done(struct http_client *c);

/* Each gives one event to the session and notes what it did. */
void http_client_send(struct http_client *c, struct bytes bytes);
void http_client_say(struct http_client *c, const char *text);
void http_client_reply(struct http_client *c, const struct reply *reply);
void http_client_writable(struct http_client *c, uint64_t room);
void http_client_event(struct http_client *c, enum event_kind kind);

/* Forgets what was noted. */
void http_client_forget(struct http_client *c);

/* The words since the last look, which forgets them. */
const char *http_client_words(struct http_client *c);

/* Whether `part` went to the client since the last look. */
bool http_client_has(const struct http_client *c, const char *part);

/* The same; prints what did go when it did not. */
bool http_client_got(struct http_client *c, const char *part);

/* What went to the client, as text. */
const char *http_client_text(struct http_client *c);

#endif

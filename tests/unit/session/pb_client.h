/* SPDX-License-Identifier: Apache-2.0 */
/* A Protocol Buffers client for tests of the session, with what the session says written down as
 * a line of words: `[2]` is an answer with that code, `[0 text]` an error, `get default/b/k` a
 * request to the database, then `more`, `gone` and `closed`. */
#ifndef TESTS_SESSION_PB_CLIENT_H
#define TESTS_SESSION_PB_CLIENT_H

#include "base/buf.h"
#include "session/pb.h"
#include "wire/pb_wire.h"

enum { CLIENT_CONN = 5 };

struct client {
    struct pb_session *pb;
    struct session_env env;
    struct view view;
    struct document document;
    struct config config;
    struct bucket_type types[3];
    struct member member;
    struct outbox out;
    struct buf said;  /* what the session said since the last look, as words */
    struct buf bytes; /* what went to the client since the last look */
    uint64_t seq;     /* of the newest request */
    struct request request;
    struct arena arena; /* what the newest request points to */
    uint64_t now_us;
    bool closed;
};

void client_init(struct client *c);
void client_done(struct client *c);

/* Each gives one event to the session and writes down what it did. */
void client_send(struct client *c, struct bytes bytes);
void client_reply(struct client *c, const struct reply *reply);
void client_writable(struct client *c, uint64_t room);
void client_event(struct client *c, enum event_kind kind);

/* A frame with this code and body. */
void client_frame(struct client *c, uint8_t code, struct bytes body);

/* The words since the last look. */
const char *client_said(struct client *c);

#endif

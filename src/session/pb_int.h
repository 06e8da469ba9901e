/* SPDX-License-Identifier: Apache-2.0 */
/* A Protocol Buffers connection from inside.
 *
 *   IDLE --request--> ASKED --answer--> IDLE
 *   IDLE --listing--> LISTING --last chunk--> IDLE
 *                     LISTING --chunk, too much unsent--> STALLED --writable--> LISTING
 *   any  --client gone, bad length, crash text, told to stop--> CLOSED
 *
 * Invariants:
 *   1. in ASKED, LISTING and STALLED exactly one request, number `seq`, is with the database;
 *   2. STALLED only while a listing is streamed;
 *   3. `names` holds something only in LISTING, and only when it is not streamed;
 *   4. in CLOSED nothing is said any more;
 *   5. when more may be served but the turn is over, `deadline_us` is set: other connections come
 *      first, then this one goes on. */
#ifndef SESSION_PB_INT_H
#define SESSION_PB_INT_H

#include "session/output.h"
#include "session/pb.h"
#include "wire/pb_decode.h"
#include "wire/pb_frame.h"

enum pb_state { PB_IDLE, PB_ASKED, PB_LISTING, PB_STALLED, PB_CLOSED };

/* How the answer to the request in flight shall look. */
struct pb_form {
    enum pb_code code; /* of the request */
    bool head;
    bool deletedvclock;
    bool stream;
};

struct pb_session {
    enum pb_state state;
    uint64_t conn;
    uint64_t seq; /* of the newest request */
    struct pb_form form;
    struct pb_stream input;
    struct session_output output;
    struct buf scratch; /* a text or a context in the making */
    struct buf names;   /* of a listing that is answered in one piece, encoded */
    uint8_t client_id[PB_CLIENT_ID_BYTES_MAX];
    size_t client_id_len;
    uint32_t turn;        /* requests that may still be begun in this turn */
    uint64_t deadline_us; /* 0: none */
    bool stopping;
};

/* The only writer of `state`. */
void pb_enter(struct pb_session *pb, enum pb_state state);

/* Serves a request that was read: answers it, or asks the database. */
void pb_serve(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
              struct outbox *out);

/* Sends a request to the database; the state goes to ASKED or LISTING. */
void pb_ask(struct pb_session *pb, const struct pb_form *form, const struct request *request,
            struct outbox *out);

/* Requests that are about properties. */
void pb_serve_props(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                    struct outbox *out);

/* Puts the reply to the request in flight into frames; the state goes to IDLE, or stays when
 * more is to come. */
void pb_answer(struct pb_session *pb, const struct reply *reply, struct outbox *out);

/* A message without fields. */
void pb_say_empty(struct pb_session *pb, enum pb_code code, struct outbox *out);

/* The message that ends a stream of names. */
void pb_say_names_done(struct pb_session *pb, enum pb_code code, struct outbox *out);

/* Error messages: a text, or the text of an error of the core. */
void pb_say_text(struct pb_session *pb, struct bytes text, struct outbox *out);
void pb_say_error(struct pb_session *pb, const struct reply *reply, struct outbox *out);
void pb_say_err(struct pb_session *pb, enum err err, struct outbox *out);

/* A message of this code that is none ends the connection, as in Riak: what comes after it
 * cannot be trusted either. */
void pb_crash(struct pb_session *pb, uint8_t code, struct outbox *out);

/* Whether the bucket type is there and active; when not, the client is told. */
bool pb_type_active(struct pb_session *pb, const struct session_env *env, struct bytes type,
                    struct outbox *out);

/* Tells the database that nobody waits for the request in flight any more, if there is one. */
void pb_let_go(struct pb_session *pb, struct outbox *out);

/* Lets the request in flight go and closes the connection. */
void pb_close(struct pb_session *pb, struct outbox *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has to say: small answers of one step are gathered and leave as one OUT_BYTES,
 * large ones are written straight into the blob that the host gets. It also knows how much the host
 * may still be given.
 *
 * Invariants:
 *   1. bytes leave in the order in which they were made;
 *   2. after session_output_flush nothing is gathered;
 *   3. `room` is what the host said last, less what it was given since (session.h says when the
 *      host must speak). */
#ifndef SESSION_OUTPUT_H
#define SESSION_OUTPUT_H

#include "base/buf.h"
#include "msg/outbox.h"
#include "session/limits.h"

struct session_output {
    uint64_t conn;
    uint64_t room;       /* unsent bytes that the host may still be given */
    struct buf gathered; /* answers of this step */
};

void session_output_init(struct session_output *output, uint64_t conn);
void session_output_done(struct session_output *output);

/* Room for `len` bytes, at most SESSION_ANSWER_MAX, at the end of what is said. The caller
 * writes all of them before it calls anything else of this module. */
uint8_t *session_output_extend(struct session_output *output, size_t len, struct outbox *out);

/* The same, with a copy of the bytes. */
void session_output_put(struct session_output *output, struct bytes bytes, struct outbox *out);

/* Hands over what was gathered. The last act of every step that said something. */
void session_output_flush(struct session_output *output, struct outbox *out);

/* EV_WRITABLE. */
void session_output_writable(struct session_output *output, uint64_t room);

/* Whether so much is unsent that nothing more should be begun. */
bool session_output_full(const struct session_output *output);

#endif

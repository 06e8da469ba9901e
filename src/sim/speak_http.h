/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of Riak's HTTP API, for objects, listings in one piece and the administration
 * of the cluster. Contexts are the same bytes as in Protocol Buffers, so a client may read by one
 * protocol and write by the other. */
#ifndef SIM_SPEAK_HTTP_H
#define SIM_SPEAK_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "sim/question.h"

void speak_http_put(struct buf *buf, const struct question *question);

/* Takes one answer to `question`; `ret_size` is what it took of the bytes. What is decoded lives
 * in the arena. */
enum taken speak_http_take(struct bytes bytes, const struct question *question, struct arena *arena,
                           struct answer *ret_answer, size_t *ret_size);

#endif

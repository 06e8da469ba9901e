/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of Riak's Protocol Buffers: the few messages that simulated clients use. */
#ifndef SIM_SPEAK_PB_H
#define SIM_SPEAK_PB_H

#include "base/buf.h"
#include "sim/question.h"

void speak_pb_put(struct buf *buf, const struct question *question);

/* Takes one answer to `question`; `ret_size` is what it took of the bytes. */
enum taken speak_pb_take(struct bytes bytes, const struct question *question,
                         struct answer *ret_answer, size_t *ret_size);

#endif

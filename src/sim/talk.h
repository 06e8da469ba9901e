/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of Riak's Protocol Buffers: the few messages that simulated clients use. */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "base/buf.h"
#include "wire/pb_code.h"

enum { TALK_SIBLINGS_MAX = 64 };

/* A question; zero and empty mean that the field is not sent. */
struct talk {
    enum pb_code code;
    struct bytes bucket, key, vclock, value;
    uint32_t r, w, pr, pw, dw;
    bool return_body;
    bool if_none_match;
};

void talk_put(struct buf *buf, const struct talk *talk);

/* An answer: views of the frame. */
struct talk_answer {
    enum pb_code code;
    struct bytes error;
    struct bytes vclock;
    struct bytes values[TALK_SIBLINGS_MAX];
    bool deleted[TALK_SIBLINGS_MAX];
    uint32_t count;
};

/* Takes one frame from the beginning of the bytes: its size, 0 when it is not whole. */
size_t talk_take(struct bytes bytes, struct talk_answer *ret_answer, bool *ret_malformed);

#endif

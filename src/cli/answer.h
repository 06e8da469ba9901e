/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers over Protocol Buffers, read. All bytes are views of the message. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "base/arena.h"
#include "base/err.h"
#include "wire/pb_code.h"

struct answer_content {
    struct bytes value;
    struct bytes content_type;
    struct bytes vtag;
    uint32_t last_mod_s, last_mod_us;
    bool deleted;
};

struct answer {
    uint8_t code;
    struct bytes error; /* PB_ERROR_RESP */

    /* PB_GET_RESP, PB_PUT_RESP */
    const struct answer_content *contents;
    uint32_t content_count;
    struct bytes context;
    struct bytes key; /* the one that the server made */

    /* PB_LIST_BUCKETS_RESP, PB_LIST_KEYS_RESP */
    const struct bytes *names;
    uint32_t name_count;
    bool done;

    /* PB_SERVER_INFO_RESP */
    struct bytes node;
    struct bytes version;
};

/* Reads the message of a frame; ERR_MALFORMED when it is none. */
enum err answer_read(struct arena *arena, uint8_t code, struct bytes body,
                     struct answer *ret_answer) MUST_CHECK;

#endif

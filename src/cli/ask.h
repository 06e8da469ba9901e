/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks over Protocol Buffers: one struct for all requests, of which each message uses
 * the fields that it has. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/buf.h"
#include "model/props.h"
#include "wire/pb_code.h"

enum { ASK_BYTES_MAX = 80 * 1024 * 1024 }; /* one request; a server takes less */

struct ask {
    struct bytes type; /* empty: the default type, unnamed */
    struct bytes bucket;
    struct bytes key; /* data NULL: none, the server makes one */
    struct bytes context;
    struct bytes value;
    struct bytes content_type;           /* data NULL: absent */
    uint32_t r, w, pr, pw, dw;           /* QUORUM_DEFAULT: not sent */
    uint32_t timeout_ms;                 /* 0: not sent */
    bool deletedvclock;                  /* get: the context of a tombstone, too */
    bool if_none_match, if_not_modified; /* put */
    bool return_head;                    /* put */
};

/* Nothing asked for. */
void ask_init(struct ask *ask);

/* Adds a whole frame: PB_PING_REQ, PB_SERVER_INFO_REQ, PB_GET_REQ, PB_PUT_REQ, PB_DEL_REQ,
 * PB_LIST_BUCKETS_REQ (streamed) or PB_LIST_KEYS_REQ. */
void ask_put(struct buf *to, enum pb_code code, const struct ask *ask);

/* "one", "quorum", "all" or a number as quorums travel; false for anything else. */
bool ask_quorum(const char *text, uint32_t *ret_value);

#endif

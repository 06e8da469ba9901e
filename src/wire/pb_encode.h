/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to Riak's clients, each a whole frame (wire/pb_frame.h). A field that would hold its
 * default is left out: clients take a message without fields for "not found".
 *
 * Every function is called twice: with `to` NULL it returns how long the frame is, and with that
 * much room it writes it. */
#ifndef WIRE_PB_ENCODE_H
#define WIRE_PB_ENCODE_H

#include "wire/pb_code.h"
#include "wire/pb_content.h"

/* Around the fields of every frame: the head goes first, but its length is known last. */
struct pb_writer pb_frame_begin(uint8_t *to);
size_t pb_frame_end(const struct pb_writer *w, enum pb_code code);

/* A message without fields. */
size_t pb_empty_put(uint8_t *to, enum pb_code code);

/* An error. Its code is always 0, as from a real Riak: clients show any other as a pair. */
size_t pb_error_put(uint8_t *to, struct bytes text);

size_t pb_client_id_put(uint8_t *to, struct bytes client_id);

/* An empty node is left out. */
size_t pb_server_info_put(uint8_t *to, struct bytes node, struct bytes version);

/* RpbGetResp or RpbPutResp. */
struct pb_object_resp {
    enum pb_code code;
    const struct pb_shown *shown;
    uint32_t shown_count;
    struct bytes vclock; /* left out when empty, like the key */
    struct bytes key;    /* put: the one that the server made */
    bool unchanged;      /* get */
};

size_t pb_object_put(uint8_t *to, const struct pb_object_resp *resp);

/* Names of buckets or keys, in the code of the answer. */
size_t pb_names_put(uint8_t *to, enum pb_code code, const struct bytes *names, uint32_t count);

/* The same from names that pb_name_add wrote one by one. */
size_t pb_gathered_put(uint8_t *to, enum pb_code code, struct bytes gathered);
void pb_name_add(struct buf *gathered, struct bytes name);

/* A replica in a preference list. */
struct pb_replica {
    uint32_t partition;
    struct bytes node; /* its name */
    bool primary;
};

size_t pb_preflist_put(uint8_t *to, const struct pb_replica *replicas, uint32_t count);

/* The message that ends a stream of names. */
size_t pb_names_done_put(uint8_t *to, enum pb_code code);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has yet to send: blobs in order, the first perhaps in part. */
#ifndef SERVER_PIECES_H
#define SERVER_PIECES_H

#include <uv.h>

#include "base/blob.h"

struct pieces {
    struct blob **blobs; /* a ring */
    uint32_t cap;        /* a power of two, or 0 */
    uint32_t first;
    uint32_t count;
    size_t sent;  /* of the first */
    size_t bytes; /* unsent, of all */
};

/* Gives all references back; the queue is empty and usable. */
void pieces_done(struct pieces *pieces);

/* Adds a blob that is not empty at the end, and takes a reference of its own. */
void pieces_push(struct pieces *pieces, struct blob *blob);

/* Up to `max` views of what is to be sent next; how many. */
unsigned pieces_views(const struct pieces *pieces, uv_buf_t *views, unsigned max);

/* So many bytes from the front are sent. */
void pieces_sent(struct pieces *pieces, size_t bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster machines say to each other (msg/peer_cluster.h), as the payload of a frame.
 * docs/formats/peer-cluster.md has the tables. */
#ifndef WIRE_PEER_CLUSTER_H
#define WIRE_PEER_CLUSTER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "msg/peer_cluster.h"

/* Appends the message; overflow of the buffer is the caller's to see. */
void peer_cluster_encode(struct buf *buf, const struct peer_cluster *msg);

/* Reads a message. Views point into the input, tables are made in the arena. ERR_MALFORMED. */
enum err peer_cluster_decode(struct arena *arena, struct reader *r, struct peer_cluster *ret_msg)
    MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a cluster as a part of messages between nodes. */
#ifndef WIRE_PEER_STATUS_H
#define WIRE_PEER_STATUS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reader.h"
#include "msg/status.h"

void peer_status_put(struct buf *buf, const struct cluster_status *status);

/* Sets the reader's error when it is none. Views point into the input, tables into the arena. */
void peer_status_get(struct arena *arena, struct reader *r, struct cluster_status *ret_status);

#endif

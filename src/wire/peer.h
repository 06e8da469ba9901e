/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between nodes, as frames of wire/peer_frame.h. Every field is written by hand, so that
 * no layout depends on a compiler; docs/formats/peer.md has the tables. The layouts of version 1
 * are frozen: what changes gets a new version, which both ends must have offered. */
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include "wire/peer_frame.h"

/* Appends a frame with the message. ERR_TOO_LARGE when it does not fit the buffer's maximum or that
 * of a frame; then the buffer is as it was. */
enum err peer_encode(struct buf *buf, uint8_t version, const struct peer_msg *msg) MUST_CHECK;

/* Reads the message of a frame of kind FRAME_MESSAGE. Views point into the frame; tables are made
 * in the arena. ERR_MALFORMED when it is none, ERR_VERSION when it is of a kind or version that
 * this release does not know. */
enum err peer_decode(struct arena *arena, const struct peer_frame *frame, struct peer_msg *ret_msg)
    MUST_CHECK;

#endif

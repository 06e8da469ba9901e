/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts what a client sends into frames.
 *
 *   offset  size  field
 *   0       4     L, big-endian: bytes that follow, the code included
 *   4       1     message code
 *   5       L-1   message
 *
 * Bytes come in chunks that end anywhere. A frame that lies whole in a chunk is given out as a
 * view of it; only what is left over when the chunk goes is copied. A frame above
 * PB_FRAME_BYTES_MAX is passed over byte by byte and kept nowhere.
 *
 * Invariants:
 *   1. `rest` is a view of the chunk, or of `held` from `at` on; never of both;
 *   2. between steps `rest` is a view of `held`;
 *   3. `skip` > 0 only between the head of a frame that is too large and its end;
 *   4. a frame stays valid until the next call of pb_stream_feed or pb_stream_next, or, cut from
 *      the chunk, as long as the chunk does: pb_stream_keep does not disturb it. */
#ifndef WIRE_PB_FRAME_H
#define WIRE_PB_FRAME_H

#include "base/buf.h"
#include "base/err.h"

enum pb_cut {
    PB_CUT_FRAME,
    PB_CUT_MORE,      /* there is no whole frame */
    PB_CUT_TOO_LARGE, /* a frame of `size` bytes was passed over */
    PB_CUT_EMPTY,     /* length 0: not even a code. Nothing after it can be read */
    PB_CUT_INVALID,   /* a length of 2^30 and more. Nothing after it can be read */
};

struct pb_frame {
    uint8_t code;
    struct bytes body;
    uint64_t size; /* L */
};

struct pb_stream {
    struct buf held;   /* bytes of chunks that are gone */
    size_t at;         /* how far `held` is read */
    struct bytes rest; /* what is still to be read */
    bool from_chunk;   /* `rest` is a view of the chunk */
    uint64_t skip;     /* bytes still to be passed over */
    uint64_t skipped;  /* L of the frame that they belong to */
};

void pb_stream_init(struct pb_stream *stream, size_t held_max);
void pb_stream_done(struct pb_stream *stream);

/* Takes a chunk, which the caller keeps until pb_stream_keep. ERR_FULL: too much waits unread, and
 * the stream is of no more use. */
enum err pb_stream_feed(struct pb_stream *stream, struct bytes chunk) MUST_CHECK;

/* Cuts the next frame. After PB_CUT_EMPTY and PB_CUT_INVALID it is of no more use. */
enum pb_cut pb_stream_next(struct pb_stream *stream, struct pb_frame *ret_frame);

/* The chunk goes: what is unread of it is copied. ERR_FULL as above. */
enum err pb_stream_keep(struct pb_stream *stream) MUST_CHECK;

/* Bytes that wait to be read. */
size_t pb_stream_unread(const struct pb_stream *stream);

#endif

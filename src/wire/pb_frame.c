/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_frame.h"

#include "base/check.h"
#include "base/reader.h"
#include "msg/limits.h"

enum {
    HEAD_BYTES = 5,
    /* Riak takes none from 2^31 - 1 on. What begins with a letter is larger than this: a client of
     * HTTP at the wrong port, who would wait for ever for an answer to what it never finishes. */
    LENGTH_INVALID = 0x40000000,
    HELD_KEEP_BYTES = 64 * 1024, /* a larger buffer is given back when it is empty */
};

static void stream_check(const struct pb_stream *stream)
{
    ASSERT(stream->at <= stream->held.len);
    ASSERT(!stream->from_chunk || stream->at == stream->held.len);
    ASSERT(stream->from_chunk || stream->rest.len == stream->held.len - stream->at);
}

void pb_stream_init(struct pb_stream *stream, size_t held_max)
{
    *stream = (struct pb_stream){.at = 0};
    buf_init(&stream->held, held_max);
}

void pb_stream_done(struct pb_stream *stream)
{
    buf_done(&stream->held);
    *stream = (struct pb_stream){.held = stream->held};
}

static void view_held(struct pb_stream *stream)
{
    stream->from_chunk = false;
    stream->rest = bytes_sub(buf_bytes(&stream->held), stream->at, stream->held.len);
}

/* Drops what is read of `held`, when it is all or most of it, so that each byte moves a bounded
 * number of times however many frames wait; also when `len` more bytes would not fit. */
static void make_room(struct pb_stream *stream, size_t len)
{
    ASSERT(!stream->from_chunk);
    if (stream->at == stream->held.len && stream->held.cap > HELD_KEEP_BYTES) {
        buf_done(&stream->held);
        stream->at = 0;
    } else if (stream->at > stream->held.len / 2 || len > stream->held.max - stream->held.len) {
        buf_consume(&stream->held, stream->at);
        stream->at = 0;
    }
    view_held(stream);
}

enum err pb_stream_feed(struct pb_stream *stream, struct bytes chunk)
{
    ASSERT(!stream->from_chunk);
    make_room(stream, chunk.len);
    if (stream->at == stream->held.len) {
        stream->from_chunk = true;
        stream->rest = chunk;
    } else {
        buf_put(&stream->held, chunk);
        view_held(stream);
    }
    stream_check(stream);
    return stream->held.overflow ? ERR_FULL : ERR_OK;
}

static void advance(struct pb_stream *stream, size_t len)
{
    ASSERT(len <= stream->rest.len);
    stream->rest = bytes_sub(stream->rest, len, stream->rest.len);
    if (!stream->from_chunk)
        stream->at += len;
}

static enum pb_cut pass_over(struct pb_stream *stream, struct pb_frame *ret_frame)
{
    size_t len = stream->skip < stream->rest.len ? (size_t)stream->skip : stream->rest.len;

    advance(stream, len);
    stream->skip -= len;
    if (stream->skip > 0)
        return PB_CUT_MORE;
    *ret_frame = (struct pb_frame){.size = stream->skipped};
    return PB_CUT_TOO_LARGE;
}

enum pb_cut pb_stream_next(struct pb_stream *stream, struct pb_frame *ret_frame)
{
    stream_check(stream);
    if (!stream->from_chunk)
        make_room(stream, 0);
    if (stream->skip > 0)
        return pass_over(stream, ret_frame);
    struct reader r = reader_of(stream->rest);
    uint64_t size = reader_be32(&r);
    if (!r.ok)
        return PB_CUT_MORE;
    if (size == 0)
        return PB_CUT_EMPTY;
    if (size >= LENGTH_INVALID)
        return PB_CUT_INVALID;
    if (size > PB_FRAME_BYTES_MAX) {
        advance(stream, HEAD_BYTES - 1);
        stream->skip = stream->skipped = size;
        return pass_over(stream, ret_frame);
    }
    uint8_t code = reader_u8(&r);
    struct bytes body = reader_take(&r, (size_t)size - 1);
    if (!r.ok)
        return PB_CUT_MORE;
    *ret_frame = (struct pb_frame){code, body, size};
    advance(stream, HEAD_BYTES - 1 + (size_t)size);
    stream_check(stream);
    return PB_CUT_FRAME;
}

enum err pb_stream_keep(struct pb_stream *stream)
{
    if (stream->from_chunk) {
        buf_reset(&stream->held);
        stream->at = 0;
        buf_put(&stream->held, stream->rest);
        view_held(stream);
    }
    stream_check(stream);
    return stream->held.overflow ? ERR_FULL : ERR_OK;
}

size_t pb_stream_unread(const struct pb_stream *stream)
{
    return stream->rest.len;
}

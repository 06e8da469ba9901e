/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends over Protocol Buffers: cut into frames twice, in one chunk and in chunks
 * of the first byte's size, which must give the same; each frame is decoded, and what could be
 * read of a content or of properties is written again and must be well formed. */
#include "base/check.h"
#include "base/mem.h"
#include "msg/limits.h"
#include "wire/pb_decode.h"
#include "wire/pb_encode.h"
#include "wire/pb_frame.h"
#include "wire/pb_props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1024 * 1024, ANSWER_FIELDS = 3 };

/* The frame is whole, has the code, and its fields can be read. */
static void check_frame(const uint8_t *frame, size_t len, enum pb_code code)
{
    struct reader r = reader_of(bytes_of(frame, len));
    struct pb_field field;

    ASSERT(reader_be32(&r) == len - 4);
    ASSERT(reader_u8(&r) == code);
    while (pb_next(&r, &field))
        ASSERT(field.number <= ANSWER_FIELDS);
    ASSERT(r.ok);
}

static void write_content(const struct request_put *put)
{
    struct sibling sibling = {.hlc_us = 1, .deleted = put->deleted, .content = put->content};
    struct pb_shown shown = {.sibling = &sibling, .vtag = BYTES_LIT("v")};
    struct pb_object_resp resp = {.code = PB_PUT_RESP, .shown = &shown, .shown_count = 1};
    size_t len = pb_object_put(NULL, &resp);
    uint8_t *to = mem_new(len);

    size_t written = pb_object_put(to, &resp);
    ASSERT(written == len);
    check_frame(to, len, PB_PUT_RESP);
    mem_free(to);
}

static void write_props(struct arena *arena, struct bytes body)
{
    const struct prop *props;
    struct bytes overlay;
    uint32_t count;

    if (pb_props_read(arena, body, &props, &count) != ERR_OK ||
        overlay_encode(arena, props, count, &overlay) != ERR_OK)
        return;
    enum err err = overlay_decode(arena, overlay, &props, &count);
    ASSERT(err == ERR_OK);
    size_t len = pb_props_put(NULL, props, count);
    uint8_t *to = mem_new(len);
    size_t written = pb_props_put(to, props, count);
    ASSERT(written == len);
    check_frame(to, len, PB_GET_BUCKET_RESP);
    mem_free(to);
}

static void decode(const struct pb_frame *frame)
{
    struct pb_call call;
    struct arena arena;
    struct buf problem;

    if (!pb_code_known(frame->code))
        return;
    arena_init(&arena);
    buf_init(&problem, TEXT_MAX);
    enum err err = pb_decode(&arena, frame->code, frame->body, &call, &problem);
    ASSERT((err == ERR_BAD_REQUEST) == (problem.len > 0));
    if (err == ERR_OK && call.code == PB_PUT_REQ)
        write_content(&call.request.u.put);
    if (err == ERR_OK && call.props.data != NULL)
        write_props(&arena, call.props);
    buf_done(&problem);
    arena_done(&arena);
}

/* Appends what each frame was to `seen`. */
static void cut(struct bytes input, size_t chunk, struct buf *seen)
{
    struct pb_stream stream;
    struct pb_frame frame;
    enum pb_cut how = PB_CUT_MORE;

    pb_stream_init(&stream, PB_FRAME_BYTES_MAX);
    for (size_t at = 0; at < input.len && how == PB_CUT_MORE; at += chunk) {
        struct buf piece;
        buf_init(&piece, input.len);
        buf_put(&piece, bytes_sub(input, at, chunk));
        enum err err = pb_stream_feed(&stream, buf_bytes(&piece));
        ASSERT(err == ERR_OK);
        while ((how = pb_stream_next(&stream, &frame)) == PB_CUT_FRAME) {
            buf_put_u8(seen, frame.code);
            buf_put_lenbytes(seen, frame.body);
            decode(&frame);
        }
        err = pb_stream_keep(&stream);
        ASSERT(err == ERR_OK);
        buf_done(&piece);
    }
    buf_put_u8(seen, (uint8_t)how);
    pb_stream_done(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;

    if (size < 1)
        return 0;
    struct bytes input = bytes_of(data + 1, size - 1);
    buf_init(&whole, 2 * size + 16);
    buf_init(&pieces, 2 * size + 16);
    cut(input, input.len + 1, &whole);
    cut(input, (size_t)data[0] + 1, &pieces);
    ASSERT(bytes_eq(buf_bytes(&whole), buf_bytes(&pieces)));
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out of bytes that come in pieces of any size. */
#include "base/random.h"
#include "msg/limits.h"
#include "tap.h"
#include "wire/pb_frame.h"

enum { HELD_MAX = PB_FRAME_BYTES_MAX + 1024 * 1024 };

/* Five frames, one of them empty but for its code, one of three hundred bytes. */
static void put_frames(struct buf *buf)
{
    buf_init(buf, 4096);
    for (unsigned i = 0; i < 5; i++) {
        uint32_t len = i == 3 ? 300 : i * 7;
        buf_put_be32(buf, len + 1);
        buf_put_u8(buf, (uint8_t)(10 + i));
        for (uint32_t n = 0; n < len; n++)
            buf_put_u8(buf, (uint8_t)(i * 31 + n));
    }
}

/* Appends each frame as it was cut: code, length, body. */
static unsigned cut_all(struct pb_stream *stream, struct buf *cut)
{
    struct pb_frame frame;
    unsigned count = 0;

    while (pb_stream_next(stream, &frame) == PB_CUT_FRAME) {
        buf_put_u8(cut, frame.code);
        buf_put_be32(cut, (uint32_t)frame.body.len);
        buf_put(cut, frame.body);
        count++;
    }
    return count;
}

TEST(cuts_alike_wherever_chunks_end)
{
    struct buf in, whole;
    struct pb_stream stream;
    bool full = false;

    put_frames(&in);
    buf_init(&whole, 4096);
    pb_stream_init(&stream, HELD_MAX);
    CHECK_EQ(pb_stream_feed(&stream, buf_bytes(&in)), ERR_OK);
    CHECK_EQ(cut_all(&stream, &whole), 5);
    CHECK_EQ(pb_stream_keep(&stream), ERR_OK);
    CHECK_EQ(pb_stream_unread(&stream), 0);
    pb_stream_done(&stream);

    for (size_t size = 1; size < in.len; size++) {
        struct buf cut;
        buf_init(&cut, 4096);
        pb_stream_init(&stream, HELD_MAX);
        for (size_t at = 0; at < in.len; at += size) {
            /* A chunk of its own size, so that a sanitizer sees a read past it. */
            struct bytes part = bytes_sub(buf_bytes(&in), at, size);
            struct buf chunk;
            buf_init(&chunk, 4096);
            buf_put(&chunk, part);
            full = full || pb_stream_feed(&stream, buf_bytes(&chunk)) != ERR_OK;
            cut_all(&stream, &cut);
            full = full || pb_stream_keep(&stream) != ERR_OK;
            buf_done(&chunk);
        }
        if (!bytes_eq(buf_bytes(&cut), buf_bytes(&whole)))
            tap_note("chunks of %zu", size);
        CHECK_BYTES(cut.data, cut.len, whole.data, whole.len);
        CHECK_EQ(pb_stream_unread(&stream), 0);
        pb_stream_done(&stream);
        buf_done(&cut);
    }
    CHECK(!full);
    buf_done(&in);
    buf_done(&whole);
}

TEST(whole_frames_are_views)
{
    struct pb_stream stream;
    struct pb_frame frame;
    struct bytes chunk = BYTES_LIT("\x00\x00\x00\x03\x09"
                                   "ab\x00\x00");

    pb_stream_init(&stream, HELD_MAX);
    CHECK_EQ(pb_stream_feed(&stream, chunk), ERR_OK);
    CHECK_EQ_FATAL(pb_stream_next(&stream, &frame), PB_CUT_FRAME);
    CHECK(frame.body.data == chunk.data + 5);
    CHECK_EQ(frame.size, 3);
    CHECK_EQ(pb_stream_next(&stream, &frame), PB_CUT_MORE);
    CHECK_EQ(pb_stream_keep(&stream), ERR_OK);
    CHECK_EQ(pb_stream_unread(&stream), 2);
    pb_stream_done(&stream);
}

/* Frames that are not served yet wait, and come out one by one in later steps. */
TEST(waiting_frames_are_kept)
{
    struct pb_stream stream;
    struct pb_frame frame;
    struct buf in;
    unsigned served = 0;

    buf_init(&in, 1024 * 1024);
    for (unsigned i = 0; i < 10000; i++) {
        buf_put_be32(&in, 5);
        buf_put_u8(&in, 9);
        buf_put_be32(&in, i);
    }
    pb_stream_init(&stream, HELD_MAX);
    CHECK_EQ(pb_stream_feed(&stream, buf_bytes(&in)), ERR_OK);
    CHECK_EQ(pb_stream_keep(&stream), ERR_OK);
    CHECK_EQ(pb_stream_unread(&stream), in.len);
    buf_done(&in);
    while (pb_stream_next(&stream, &frame) == PB_CUT_FRAME) {
        uint8_t want[] = {0, 0, (uint8_t)(served >> 8), (uint8_t)served};
        if (frame.body.len != 4 || memcmp(frame.body.data, want, 4) != 0)
            break;
        served++;
    }
    CHECK_EQ(served, 10000);
    CHECK_EQ(stream.held.cap, 0);
    pb_stream_done(&stream);
}

TEST(too_much_waiting_is_full)
{
    static const uint8_t zeros[1024];
    struct pb_stream stream;
    enum err err = ERR_OK;
    unsigned fed = 0;

    pb_stream_init(&stream, 64 * 1024);
    while (err == ERR_OK && fed < 1000) {
        err = pb_stream_feed(&stream, bytes_of(zeros, sizeof(zeros)));
        if (err == ERR_OK)
            err = pb_stream_keep(&stream);
        fed++;
    }
    CHECK_EQ(err, ERR_FULL);
    CHECK_EQ(fed, 65);
    pb_stream_done(&stream);
}

TEST(bad_lengths)
{
    const struct {
        struct bytes bytes;
        enum pb_cut want;
    } cases[] = {
        {BYTES_LIT("\x00\x00\x00\x00"), PB_CUT_EMPTY},
        {BYTES_LIT("\x7f\xff\xff\xff\x01"), PB_CUT_INVALID},
        {BYTES_LIT("\xff\xff\xff\xff"), PB_CUT_INVALID},
        {BYTES_LIT("\x40\x00\x00\x00\x01"), PB_CUT_INVALID},
        {BYTES_LIT("GET / HTTP/1.1\r\n"), PB_CUT_INVALID},
        {BYTES_LIT("\x3f\xff\xff\xff\x01"), PB_CUT_MORE},
        {BYTES_LIT("\x04\x00\x00\x00\x01"), PB_CUT_MORE}, /* as large as may be */
        {BYTES_LIT("\x00\x00\x00"), PB_CUT_MORE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pb_stream stream;
        struct pb_frame frame;
        pb_stream_init(&stream, HELD_MAX);
        CHECK_EQ(pb_stream_feed(&stream, cases[i].bytes), ERR_OK);
        CHECK_EQ(pb_stream_next(&stream, &frame), cases[i].want);
        pb_stream_done(&stream);
    }
}

TEST(too_large_is_passed_over)
{
    static uint8_t chunk[1024 * 1024];
    struct pb_stream stream;
    struct pb_frame frame;
    uint64_t size = (uint64_t)PB_FRAME_BYTES_MAX + 1;
    uint64_t sent = 0;
    bool full = false;

    pb_stream_init(&stream, HELD_MAX);
    CHECK_EQ(pb_stream_feed(&stream, BYTES_LIT("\x04\x00\x00\x01")), ERR_OK);
    CHECK_EQ(pb_stream_next(&stream, &frame), PB_CUT_MORE);
    CHECK_EQ(pb_stream_keep(&stream), ERR_OK);
    while (size - sent > sizeof(chunk)) {
        full = full || pb_stream_feed(&stream, bytes_of(chunk, sizeof(chunk))) != ERR_OK;
        full = full || pb_stream_next(&stream, &frame) != PB_CUT_MORE;
        full = full || pb_stream_keep(&stream) != ERR_OK;
        sent += sizeof(chunk);
    }
    CHECK(!full);
    CHECK(stream.held.cap <= 64 * 1024);

    /* The last bytes of it come with a small frame behind them. */
    struct buf last;
    buf_init(&last, 2 * sizeof(chunk));
    buf_put(&last, bytes_of(chunk, (size_t)(size - sent)));
    buf_put(&last, BYTES_LIT("\x00\x00\x00\x01\x01"));
    CHECK_EQ(pb_stream_feed(&stream, buf_bytes(&last)), ERR_OK);
    CHECK_EQ(pb_stream_next(&stream, &frame), PB_CUT_TOO_LARGE);
    CHECK_EQ(frame.size, size);
    CHECK_EQ_FATAL(pb_stream_next(&stream, &frame), PB_CUT_FRAME);
    CHECK_EQ(frame.code, 1);
    pb_stream_done(&stream);
    buf_done(&last);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(cuts_alike_wherever_chunks_end),
        T(whole_frames_are_views),
        T(waiting_frames_are_kept),
        T(too_much_waiting_is_full),
        T(bad_lengths),
        T(too_large_is_passed_over),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_gzip.h"

#include <zlib.h>

#include "base/check.h"
#include "base/mem.h"

enum {
    WINDOW_BITS_MIN = 9,
    WINDOW_BITS_MAX = 15,
    GZIP_FORMAT = 16, /* added to the window's bits: gzip's frame instead of zlib's */
    GZIP_FRAME_BYTES = 64,
};

static void *take(void *context, unsigned count, unsigned size)
{
    (void)context;
    return mem_resize(NULL, (size_t)count * size);
}

static void give(void *context, void *piece)
{
    (void)context;
    mem_free(piece);
}

/* A window no larger than the body: most bodies are small, and zlib's tables are four times the
 * window. */
static int window_bits(size_t len)
{
    int bits = WINDOW_BITS_MIN;

    while (bits < WINDOW_BITS_MAX && ((size_t)1 << bits) < len)
        bits++;
    return bits;
}

void http_gzip_put(struct buf *out, struct bytes bytes)
{
    z_stream stream = {.zalloc = take, .zfree = give};
    int bits = window_bits(bytes.len);

    ASSERT(bytes.len <= GZIP_BYTES_MAX);
    int ok = deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, bits + GZIP_FORMAT,
                          bits > 8 + 7 ? 8 : bits - 7, Z_DEFAULT_STRATEGY);
    ASSERT(ok == Z_OK);
    size_t room = deflateBound(&stream, (uLong)bytes.len) + GZIP_FRAME_BYTES;
    size_t before = out->len;
    uint8_t *to = buf_extend(out, room);
    if (to != NULL) {
        stream.next_in = (Bytef *)(uintptr_t)bytes.data; /* read only */
        stream.avail_in = (uInt)bytes.len;
        stream.next_out = to;
        stream.avail_out = (uInt)room;
        int end = deflate(&stream, Z_FINISH);
        ASSERT(end == Z_STREAM_END);
        out->len = before + (size_t)stream.total_out;
    }
    deflateEnd(&stream);
}

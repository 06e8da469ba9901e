/* SPDX-License-Identifier: Apache-2.0 */
#include "model/context.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/reader.h"
#include "model/limits.h"

enum {
    CONTEXT_PLAIN = 1,
    CONTEXT_ENDS = 2,
    CONTEXT_BYTES_MIN = 14,
    CONTEXT_ENTRY_BYTES_MIN = 9,
    CONTEXT_CRC_BYTES = 4,
};

void context_put(struct buf *buf, struct clock clock)
{
    ASSERT(clock_valid(clock));
    size_t start = buf->len;

    buf_put_u8(buf, clock.ends_us == 0 ? CONTEXT_PLAIN : CONTEXT_ENDS);
    buf_put_le64(buf, clock.hlc_us);
    if (clock.ends_us != 0)
        buf_put_le64(buf, clock.ends_us);
    buf_put_varint(buf, clock.count);
    for (uint32_t i = 0; i < clock.count; i++) {
        buf_put_le64(buf, clock.entries[i].actor);
        buf_put_varint(buf, clock.entries[i].counter);
    }
    if (buf->overflow)
        return;
    ASSERT(buf->len > start);
    buf_put_le32(buf, crc32c(0, bytes_sub(buf_bytes(buf), start, buf->len - start)));
}

/* The body between version and checksum. */
static enum err entries_decode(struct arena *arena, bool ends, struct bytes body,
                               struct clock *ret_clock)
{
    struct reader r = reader_of(body);
    uint64_t hlc_us = reader_le64(&r);
    uint64_t ends_us = ends ? reader_le64(&r) : 0;
    size_t count = reader_count(&r, CLOCK_ENTRIES_MAX, CONTEXT_ENTRY_BYTES_MIN);

    if (!r.ok || ends != (ends_us != 0))
        return ERR_BAD_CONTEXT;
    struct dot *entries = arena_alloc_array(arena, count, sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        entries[i].actor = reader_le64(&r);
        entries[i].counter = reader_varint(&r);
    }
    struct clock clock = {entries, (uint32_t)count, hlc_us, ends_us};
    if (!reader_end(&r) || !clock_valid(clock))
        return ERR_BAD_CONTEXT;
    *ret_clock = clock;
    return ERR_OK;
}

enum err context_decode(struct arena *arena, struct bytes bytes, struct clock *ret_clock)
{
    if (bytes.len == 0) {
        *ret_clock = CLOCK_NONE;
        return ERR_OK;
    }
    if (bytes.len > CONTEXT_BYTES_MAX || bytes.len < CONTEXT_BYTES_MIN)
        return ERR_BAD_CONTEXT;
    if (bytes.data[0] != CONTEXT_PLAIN && bytes.data[0] != CONTEXT_ENDS)
        return ERR_BAD_CONTEXT;
    struct bytes checked = bytes_sub(bytes, 0, bytes.len - CONTEXT_CRC_BYTES);
    struct reader crc = reader_of(bytes_sub(bytes, checked.len, CONTEXT_CRC_BYTES));
    if (crc32c(0, checked) != reader_le32(&crc))
        return ERR_BAD_CONTEXT;
    return entries_decode(arena, bytes.data[0] == CONTEXT_ENDS,
                          bytes_sub(checked, 1, checked.len - 1), ret_clock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include "base/check.h"

struct reader reader_of(struct bytes bytes)
{
    return (struct reader){bytes, true};
}

static void fail(struct reader *r)
{
    r->ok = false;
    r->rest = BYTES_NONE;
}

struct bytes reader_take(struct reader *r, size_t len)
{
    if (len > r->rest.len) {
        fail(r);
        return BYTES_NONE;
    }
    struct bytes taken = bytes_of(r->rest.data, len);
    r->rest = bytes_of(r->rest.data == NULL ? NULL : r->rest.data + len, r->rest.len - len);
    return taken;
}

/* The compiler makes one load of each of these loops. */
static uint64_t little(struct reader *r, unsigned width)
{
    struct bytes raw = reader_take(r, width);
    uint64_t v = 0;

    if (raw.len != width)
        return 0;
    for (unsigned i = 0; i < width; i++)
        v |= (uint64_t)raw.data[i] << (8 * i);
    return v;
}

static uint64_t big(struct reader *r, unsigned width)
{
    struct bytes raw = reader_take(r, width);
    uint64_t v = 0;

    if (raw.len != width)
        return 0;
    for (unsigned i = 0; i < width; i++)
        v = v << 8 | raw.data[i];
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)little(r, 1);
}

uint16_t reader_le16(struct reader *r)
{
    return (uint16_t)little(r, 2);
}

uint32_t reader_le32(struct reader *r)
{
    return (uint32_t)little(r, 4);
}

uint64_t reader_le64(struct reader *r)
{
    return little(r, 8);
}

uint16_t reader_be16(struct reader *r)
{
    return (uint16_t)big(r, 2);
}

uint32_t reader_be32(struct reader *r)
{
    return (uint32_t)big(r, 4);
}

uint64_t reader_be64(struct reader *r)
{
    return big(r, 8);
}

uint64_t reader_varint(struct reader *r)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 10; i++) {
        if (i >= r->rest.len)
            break;
        uint8_t byte = r->rest.data[i];
        if (i == 9 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            if (i > 0 && byte == 0)
                break;
            reader_take(r, i + 1);
            return v;
        }
    }
    fail(r);
    return 0;
}

struct bytes reader_lenbytes(struct reader *r, size_t max)
{
    uint64_t len = reader_varint(r);

    if (len > max) {
        fail(r);
        return BYTES_NONE;
    }
    return reader_take(r, (size_t)len);
}

size_t reader_count(struct reader *r, size_t max, size_t unit)
{
    ASSERT(unit > 0);
    uint64_t count = reader_varint(r);

    if (count > max || count > r->rest.len / unit) {
        fail(r);
        return 0;
    }
    return (size_t)count;
}

bool reader_end(const struct reader *r)
{
    return r->ok && r->rest.len == 0;
}

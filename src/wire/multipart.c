/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/multipart.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"

static bool contains(struct bytes text, struct bytes word)
{
    for (size_t at = bytes_find(text, word.data[0], 0); at + word.len <= text.len;
         at = bytes_find(text, word.data[0], at + 1)) {
        if (memcmp(text.data + at, word.data, word.len) == 0)
            return true;
    }
    return false;
}

static struct boundary boundary_of(uint64_t seed, uint64_t attempt)
{
    struct boundary boundary;
    struct buf text;
    uint8_t digest[16];
    const uint64_t numbers[2] = {seed, attempt};

    hash_xx128(bytes_of(numbers, sizeof(numbers)), digest);
    buf_init(&text, BOUNDARY_BYTES_MAX);
    base62_put(&text, bytes_of(digest, sizeof(digest)));
    ASSERT(!text.overflow);
    memcpy(boundary.text, text.data, text.len);
    boundary.text[text.len] = 0;
    buf_done(&text);
    return boundary;
}

struct boundary multipart_boundary(uint64_t seed, const struct bytes *parts, size_t count)
{
    for (uint64_t attempt = 0;; attempt++) {
        struct boundary boundary = boundary_of(seed, attempt);
        bool free = true;
        for (size_t i = 0; i < count && free; i++)
            free = !contains(parts[i], bytes_str(boundary.text));
        if (free)
            return boundary;
    }
}

void multipart_part(struct buf *buf, const struct boundary *boundary)
{
    buf_put_str(buf, "\r\n--");
    buf_put_str(buf, boundary->text);
    buf_put_str(buf, "\r\n");
}

void multipart_end(struct buf *buf, const struct boundary *boundary)
{
    buf_put_str(buf, "\r\n--");
    buf_put_str(buf, boundary->text);
    buf_put_str(buf, "--\r\n");
}

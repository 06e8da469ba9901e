/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stamp.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/reader.h"

#define STAMP_MAGIC BYTES_LIT("DBv1")

enum { TAIL_BYTES = 4 };

void stamp_put(struct buf *to, uint32_t size, uint64_t key, uint64_t write)
{
    size_t start = to->len;
    uint64_t fill = hash_mix(key, write);

    ASSERT(size >= STAMP_BYTES_MIN);
    buf_put(to, STAMP_MAGIC);
    buf_put_le32(to, size);
    buf_put_le64(to, key);
    buf_put_le64(to, write);
    uint8_t *at = buf_extend(to, size - STAMP_BYTES_MIN);
    for (uint32_t i = 0; at != NULL && i < size - STAMP_BYTES_MIN; i++) {
        if (i % 8 == 0)
            fill = fill * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        at[i] = (uint8_t)(fill >> (8 * (i % 8)));
    }
    if (!to->overflow)
        buf_put_le32(to, crc32c(0, bytes_of(to->data + start, to->len - start)));
}

bool stamp_holds(struct bytes value, uint64_t key)
{
    if (value.len < STAMP_BYTES_MIN)
        return false;
    struct reader r = reader_of(value);
    struct bytes magic = reader_take(&r, 4);
    uint32_t size = reader_le32(&r);
    uint64_t found = reader_le64(&r);
    struct reader tail = reader_of(bytes_sub(value, value.len - TAIL_BYTES, TAIL_BYTES));
    uint32_t crc = reader_le32(&tail);

    return bytes_eq(magic, STAMP_MAGIC) && size == value.len && found == key &&
           crc == crc32c(0, bytes_sub(value, 0, value.len - TAIL_BYTES));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_range.h"

#include "base/check.h"

/* One of "A-B", "A-", "-N". */
static bool read_range(struct bytes text, uint64_t size, struct http_range *ret_range)
{
    size_t hyphen = bytes_find(text, '-', 0);
    struct bytes left = bytes_sub(text, 0, hyphen);
    struct bytes right = bytes_sub(text, hyphen + 1, text.len);
    uint64_t from, to;

    if (hyphen == text.len || size == 0)
        return false;
    if (left.len == 0) {
        uint64_t last;
        if (!bytes_to_u64(right, &last) || last == 0)
            return false;
        last = last < size ? last : size;
        *ret_range = (struct http_range){size - last, last};
        return true;
    }
    if (!bytes_to_u64(left, &from) || from >= size)
        return false;
    to = size - 1;
    if (right.len > 0 && !bytes_to_u64(right, &to))
        return false;
    if (to < from)
        return false;
    to = to < size ? to : size - 1;
    *ret_range = (struct http_range){from, to - from + 1};
    return true;
}

unsigned http_ranges_read(struct bytes header, uint64_t size,
                          struct http_range ret_ranges[RANGES_MAX])
{
    const struct bytes unit = BYTES_LIT("bytes=");
    unsigned count = 0;
    uint64_t total = 0;

    if (!bytes_starts(header, unit))
        return 0;
    for (size_t at = unit.len; at < header.len;) {
        size_t end = bytes_find(header, ',', at);
        struct bytes text = bytes_trim(bytes_sub(header, at, end - at));
        if (count == RANGES_MAX || !read_range(text, size, &ret_ranges[count]))
            return 0;
        ASSERT(ret_ranges[count].from + ret_ranges[count].len <= size);
        total += ret_ranges[count].len;
        count++;
        at = end + 1;
    }
    return total <= size ? count : 0;
}

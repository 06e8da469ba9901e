/* SPDX-License-Identifier: Apache-2.0 */
/* Byte ranges (RFC 9110, 14). What is odd or lies outside is ignored as a whole: the client gets
 * the whole body with 200, as from Riak. */
#ifndef WIRE_HTTP_RANGE_H
#define WIRE_HTTP_RANGE_H

#include <stdbool.h>

#include "base/bytes.h"

enum { RANGES_MAX = 16 };

struct http_range {
    uint64_t from, len; /* len > 0 */
};

/* Reads a Range header for a body of `size` bytes; 0: none that counts. Ranges that together are
 * longer than the body do not count: nobody needs them, and they multiply the answer. */
unsigned http_ranges_read(struct bytes header, uint64_t size,
                          struct http_range ret_ranges[RANGES_MAX]);

#endif

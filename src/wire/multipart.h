/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/mixed bodies (RFC 2046) as Riak writes them:
 *
 *     CRLF --B CRLF headers CRLF value  ...  CRLF --B-- CRLF
 *
 * The boundary B must occur in no part. */
#ifndef WIRE_MULTIPART_H
#define WIRE_MULTIPART_H

#include "base/buf.h"

enum { BOUNDARY_BYTES_MAX = 27 };

struct boundary {
    char text[BOUNDARY_BYTES_MAX + 1]; /* ends with a zero */
};

/* A boundary that none of the parts contains. Equal `seed` and parts make an equal one, so that a
 * simulated run repeats; which parts there are cannot be chosen against it, since it is looked for
 * in each. */
struct boundary multipart_boundary(uint64_t seed, const struct bytes *parts, size_t count);

/* Begins a part; its headers, an empty line and its body follow. */
void multipart_part(struct buf *buf, const struct boundary *boundary);

void multipart_end(struct buf *buf, const struct boundary *boundary);

#endif

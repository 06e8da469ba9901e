/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) of answers, by zlib, which is a pure library when it is given an allocator. */
#ifndef WIRE_HTTP_GZIP_H
#define WIRE_HTTP_GZIP_H

#include "base/buf.h"

/* Larger bodies are sent as they are: packing runs on the thread that serves everybody, and a
 * quarter of a megabyte takes it some milliseconds. */
enum { GZIP_BYTES_MAX = 256 * 1024 };

/* Packs `bytes`, at most GZIP_BYTES_MAX, at the end of `out`. */
void http_gzip_put(struct buf *out, struct bytes bytes);

#endif

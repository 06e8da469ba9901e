/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of one client connection. */
#ifndef SESSION_LIMITS_H
#define SESSION_LIMITS_H

#include "msg/limits.h"

enum {
    SESSION_OUTPUT_MAX = 1024 * 1024,       /* unsent bytes beyond which nothing more is begun */
    SESSION_OUTPUT_LOW = 256 * 1024,        /* EV_WRITABLE: unsent bytes have fallen to this */
    SESSION_GATHERED_MAX = 64 * 1024,       /* small answers of one step, sent as one blob */
    SESSION_BLOB_BYTES_MIN = 16 * 1024,     /* from here on an answer is a blob of its own */
    SESSION_ANSWER_MAX = 512 * 1024 * 1024, /* one answer; siblings may make it that large */
    SESSION_INPUT_MAX = PB_FRAME_BYTES_MAX + 1024 * 1024, /* bytes that wait to be read */
    SESSION_INPUT_KEEP = 64 * 1024, /* an input buffer larger than this is given back when empty */
    SESSION_LIST_BYTES_MAX = 32 * 1024 * 1024, /* a listing that is answered in one piece */
    PB_CLIENT_ID_BYTES_MAX = 255,
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of what is said between parts and between nodes. */
#ifndef MSG_LIMITS_H
#define MSG_LIMITS_H

enum {
    PEER_FRAME_BYTES_MAX = 64 * 1024 * 1024, /* one message between nodes */
    REQUESTS_MAX = 50000,                    /* in flight in one shard: max_concurrent_requests */
    SESSION_PIPELINE_MAX = 128, /* requests of one connection served before others have a turn */
    PB_FRAME_BYTES_MAX = 64 * 1024 * 1024, /* one request; larger ones are refused */
    HTTP_BODY_BYTES_MAX = 64 * 1024 * 1024,
    HTTP_HEADER_BYTES_MAX = 80 * 1024,
    LIST_CHUNK_NAMES_MAX = 1000, /* names in one chunk of a listing */
    LIST_CHUNK_BYTES_MAX = 64 * 1024,
    TIMEOUT_DEFAULT_MS = 60000,
    LIST_TIMEOUT_MS = 480000,
    INTENTS_MAX = 64,      /* staged changes that are told, withdrawn ones included */
    ADMIN_TEXT_MAX = 4096, /* a reason in words */
    WARNINGS_MAX = 64,     /* of a plan */
    SCAN_ROWS_MAX = 1000,
    SCAN_BYTES_MAX = 256 * 1024,
    DIGESTS_ROWS_MAX = 512, /* one page of an exchange: both sides read as much at once */
    DIGESTS_BYTES_MAX = 128 * 1024,
};

#endif

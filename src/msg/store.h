/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of storage. Asynchronous: an operation goes out, its completion comes back as an
 * event with the same token. Commits of a shard become visible and durable in the order in which
 * they went out; reads complete in any order; a read sees every commit that went out before it. */
#ifndef MSG_STORE_H
#define MSG_STORE_H

#include "base/blob.h"
#include "base/err.h"

/* Column families. */
enum store_family {
    FAMILY_OBJECT, /* slot, type, bucket, key -> object record */
    FAMILY_META,   /* the same key -> digest record: what listings and digest reads see */
    FAMILY_SYS,    /* few rows, all loaded at start: document, acceptor, incarnations */
    FAMILY_HINT,   /* target, slot, type, bucket, key -> object record kept for another node */
};
enum { STORE_FAMILIES = 4 };

enum store_verb {
    STORE_GET,    /* one row */
    STORE_COMMIT, /* an atomic batch of rows */
    STORE_SCAN,   /* rows from `key` (inclusive) up to `end` (exclusive; empty: no end) */
};

struct store_row {
    enum store_family family;
    struct bytes key;   /* in the outbox's arena */
    struct blob *value; /* NULL deletes; in an output the outbox holds one reference */
};

struct store_op {
    enum store_verb verb;
    uint64_t token;
    enum store_family family;     /* get, scan */
    struct bytes key;             /* get, scan */
    struct bytes end;             /* scan */
    uint32_t rows_max;            /* scan: stop after so many rows ... */
    uint32_t bytes_max;           /* ... or so many bytes, after at least one row */
    bool keys_only;               /* scan: values are not wanted */
    const struct store_row *rows; /* commit */
    uint32_t rows_count;
    bool durable; /* commit: complete only when on stable storage */
};

struct stored_row {
    struct bytes key;
    struct bytes value;
};

/* A completion. The views live for the length of the step; the event holds `value`. */
struct stored {
    uint64_t token;
    enum err err;                  /* ERR_NOT_FOUND from a get is an answer like any other */
    struct blob *value;            /* get: whoever keeps it takes a reference of its own */
    const struct stored_row *rows; /* scan */
    uint32_t rows_count;
    bool more; /* scan: stopped by a maximum, not by the end */
};

#endif

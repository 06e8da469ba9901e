/* SPDX-License-Identifier: Apache-2.0 */
/* Rows sorted by key: a skip list (Pugh, 1990) whose heights come from a stream of its own with a
 * fixed start, so that the same changes always make the same list. It takes no lock. */
#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include "base/blob.h"

enum { ROWS_HEIGHT_MAX = 12 };

struct row {
    struct blob *value;
    uint32_t key_len;
    uint32_t height;
    struct row *next[]; /* `height` of them, then the key's bytes */
};

struct rows {
    struct row *head[ROWS_HEIGHT_MAX];
    uint64_t random;
    uint64_t count;
};

void rows_init(struct rows *rows);

/* Frees all rows and gives their values back. */
void rows_done(struct rows *rows);

/* The first row whose key is not before `key`; NULL when there is none. Go on with row->next[0]. */
struct row *rows_seek(const struct rows *rows, struct bytes key);

/* The row of exactly this key, or NULL. */
struct row *rows_find(const struct rows *rows, struct bytes key);

/* Puts a value, taking over the caller's reference; NULL removes the row. Returns what stood there
 * before, a reference for the caller, or NULL. */
struct blob *rows_set(struct rows *rows, struct bytes key, struct blob *value);

/* A view of the row's key; lives as long as the row. */
struct bytes row_key(const struct row *row);

#endif

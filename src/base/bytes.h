/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that somebody else owns. Keys and values are binary: the core has no string
 * that ends at a zero. `data` may be NULL only when `len` is 0. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

/* A view of a string literal, without its zero. */
#define BYTES_LIT(s) ((struct bytes){(const uint8_t *)("" s), sizeof(s) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

/* A view of a zero-terminated string, without its zero. */
static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Negative, zero or positive: the order of unsigned bytes, a prefix before what it begins. */
int bytes_cmp(struct bytes a, struct bytes b);

bool bytes_starts(struct bytes a, struct bytes prefix);

/* Equality without regard to the case of ASCII letters. */
bool bytes_eq_nocase(struct bytes a, struct bytes b);

/* The part from `from` (capped to the end) on, at most `len` long. */
struct bytes bytes_sub(struct bytes a, size_t from, size_t len);

/* The index of the first `c` at or after `from`; a.len when there is none. */
size_t bytes_find(struct bytes a, uint8_t c, size_t from);

/* Parses an unsigned decimal, digits only, the whole view; false on anything else or overflow. */
bool bytes_to_u64(struct bytes a, uint64_t *ret_value);

/* The view without ASCII blanks at both ends. */
struct bytes bytes_trim(struct bytes a);

#endif

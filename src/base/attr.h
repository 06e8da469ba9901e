/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler attributes that the house uses, and no others. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The caller must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* A printf-like function: format is argument `f`, its values start at `a`. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* The function never returns. */
#define NORETURN __attribute__((noreturn))

/* Runs `fn(&variable)` when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* The structure that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif

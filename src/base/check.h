/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions. They stay on in production: a broken invariant stops the process before it can
 * spread. Input is never asserted about: what comes from a disk or a socket is verified. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/attr.h"

/* Aborts, naming the broken condition, when `cond` does not hold. */
#define ASSERT(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))

/* Marks a place that no input may reach. */
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__)

/* Writes the failed condition to standard error and aborts. */
NORETURN void check_failed(const char *what, const char *file, int line);

#endif

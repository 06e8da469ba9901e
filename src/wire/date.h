/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as HTTP writes them (RFC 9110, 5.6.7), in pure arithmetic: `Sun, 06 Nov 1994 08:49:37
 * GMT`. Of the two obsolete forms both are read, none is written. */
#ifndef WIRE_DATE_H
#define WIRE_DATE_H

#include "base/buf.h"

/* Writes a time in seconds since 1970. */
void date_put(struct buf *buf, uint64_t time_s);

/* Reads any of the three forms; false when it is none, or lies before 1970. */
bool date_read(struct bytes text, uint64_t *ret_time_s);

#endif

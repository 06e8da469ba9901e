/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: columns as wide as their longest cell, two blanks apart, the first line the
 * headings. Numbers may be set to the right. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "base/buf.h"

enum { COLUMNS_MAX = 16, COLUMNS_BYTES_MAX = 64 * 1024 * 1024 };

struct columns {
    struct buf cells; /* each ends with a zero */
    uint32_t count;   /* of columns */
    uint32_t filled;  /* cells so far, headings included */
    uint32_t width[COLUMNS_MAX];
    bool right[COLUMNS_MAX];
};

/* `headings` is one word for each column, separated by blanks; one that begins with '>' sets its
 * column to the right. */
void columns_init(struct columns *columns, const char *headings);
void columns_done(struct columns *columns);

/* The next cell, row by row. What would disturb a terminal is shown as `\xNN`. */
void columns_cell(struct columns *columns, struct bytes text);
void columns_printf(struct columns *columns, const char *format, ...) PRINTF_LIKE(2, 3);

/* Writes the whole table to standard output. The last row must be full. */
void columns_print(const struct columns *columns);

/* Adds bytes of any kind as text of one line: what is no printable UTF-8 becomes `\xNN`, and a
 * backslash is doubled. */
void columns_escape(struct buf *to, struct bytes text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/columns.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "cli/cli.h"
#include "wire/json.h"

enum { GAP = 2, CELL_BYTES_MAX = 1024 };

/* How many columns of a terminal UTF-8 text takes, wide characters aside. */
static uint32_t text_width(struct bytes text)
{
    uint32_t width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += (text.data[i] & 0xc0) != 0x80;
    return width;
}

static void add_cell(struct columns *columns, struct bytes text)
{
    uint32_t column = columns->filled % columns->count;
    uint32_t width = text_width(text);

    if (width > columns->width[column])
        columns->width[column] = width;
    buf_put(&columns->cells, text);
    buf_put_u8(&columns->cells, 0);
    columns->filled++;
}

void columns_init(struct columns *columns, const char *headings)
{
    struct bytes rest = bytes_str(headings);

    *columns = (struct columns){.count = 0};
    buf_init(&columns->cells, COLUMNS_BYTES_MAX);
    for (size_t i = 0; i < rest.len; i++)
        columns->count += i == 0 || rest.data[i - 1] == ' ';
    ASSERT(columns->count > 0 && columns->count <= COLUMNS_MAX);
    for (uint32_t column = 0; column < columns->count; column++) {
        size_t end = bytes_find(rest, ' ', 0);
        struct bytes word = bytes_of(rest.data, end);
        columns->right[column] = bytes_starts(word, BYTES_LIT(">"));
        add_cell(columns, bytes_sub(word, columns->right[column] ? 1 : 0, word.len));
        rest = bytes_sub(rest, end + 1, rest.len);
    }
}

void columns_done(struct columns *columns)
{
    buf_done(&columns->cells);
}

void columns_cell(struct columns *columns, struct bytes text)
{
    struct buf safe;

    buf_init(&safe, COLUMNS_BYTES_MAX);
    columns_escape(&safe, text);
    add_cell(columns, buf_bytes(&safe));
    buf_done(&safe);
}

void columns_printf(struct columns *columns, const char *format, ...)
{
    char text[CELL_BYTES_MAX];
    va_list values;

    va_start(values, format);
    int len = vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    ASSERT(len >= 0);
    columns_cell(columns, bytes_str(text));
}

void columns_print(const struct columns *columns)
{
    struct bytes cells = buf_bytes(&columns->cells);
    struct buf line;

    ASSERT(columns->filled % columns->count == 0);
    buf_init(&line, COLUMNS_BYTES_MAX);
    for (uint32_t i = 0; i < columns->filled; i++) {
        uint32_t column = i % columns->count;
        size_t end = bytes_find(cells, 0, 0);
        struct bytes cell = bytes_of(cells.data, end);
        uint32_t pad = columns->width[column] - text_width(cell);
        bool last = column == columns->count - 1;
        if (columns->right[column])
            buf_printf(&line, "%*s", (int)pad, "");
        buf_put(&line, cell);
        if (last)
            buf_put_u8(&line, '\n');
        else
            buf_printf(&line, "%*s", (int)(columns->right[column] ? 0 : pad) + GAP, "");
        cells = bytes_sub(cells, end + 1, cells.len);
    }
    cli_out(buf_bytes(&line));
    buf_done(&line);
}

/* The length of the UTF-8 character that `text` begins with; 0 when it begins with none. */
static size_t character_len(struct bytes text)
{
    size_t len = text.data[0] < 0x80 ? 1 : text.data[0] < 0xe0 ? 2 : text.data[0] < 0xf0 ? 3 : 4;

    return len <= text.len && utf8_valid(bytes_of(text.data, len)) ? len : 0;
}

void columns_escape(struct buf *to, struct bytes text)
{
    while (text.len > 0) {
        size_t len = character_len(text);
        bool control = text.data[0] < 0x20 || text.data[0] == 0x7f ||
                       (len == 2 && text.data[0] == 0xc2 && text.data[1] < 0xa0);
        if (text.data[0] == '\\')
            buf_put_str(to, "\\\\");
        else if (len > 0 && !control)
            buf_put(to, bytes_of(text.data, len));
        else
            buf_printf(to, "\\x%02x", text.data[0]);
        /* An escaped byte is one byte, also of a control character of two. */
        text = bytes_sub(text, len > 0 && !control ? len : 1, text.len);
    }
}

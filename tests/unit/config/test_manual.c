/* SPDX-License-Identifier: Apache-2.0 */
/* The manual's page of options says what the table says. `test_config_manual --print` prints the
 * part of docs/manual/configuration.md that is made from the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tap.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 };

/* An option's part of the page. */
static void put_option(struct buf *buf, const struct config_row *row)
{
    buf_printf(buf, "### `%s`\n\n%s\n\n", row->name, row->help);
    if (row->initial[0] == '\0')
        buf_put_str(buf, "Default: empty. ");
    else
        buf_printf(buf, "Default: `%s`. ", row->initial);
    buf_put_str(buf, "Value: ");
    config_put_values(buf, row);
    buf_put_str(buf, row->change == CONFIG_LIVE ? ".\n\n" : ". Read at start.\n\n");
}

static void put_options(struct buf *buf)
{
    uint32_t count;
    const struct config_row *rows = config_rows(&count);

    for (uint32_t i = 0; i < count; i++)
        put_option(buf, &rows[i]);
    buf->len--; /* the page ends with one line feed */
}

/* The page, zero-terminated; NULL when it cannot be read. */
static char *read_page(void)
{
    FILE *file = fopen(MANUAL, "rb");

    if (file == NULL)
        return NULL;
    char *page = calloc(1, PAGE_BYTES_MAX);
    size_t len = page == NULL ? 0 : fread(page, 1, PAGE_BYTES_MAX - 1, file);
    (void)fclose(file);
    if (len == 0) {
        free(page);
        return NULL;
    }
    return page;
}

TEST(the_page_has_every_option)
{
    uint32_t count;
    const struct config_row *rows = config_rows(&count);
    char *page = read_page();
    struct buf option;

    CHECK_FATAL(page != NULL);
    buf_init(&option, PAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        buf_reset(&option);
        put_option(&option, &rows[i]);
        option.len--;
        buf_put_u8(&option, 0);
        bool there = strstr(page, (const char *)option.data) != NULL;
        CHECK(there);
        if (!there)
            tap_note("the page lacks or differs:\n%s", (const char *)option.data);
    }
    buf_done(&option);
    free(page);
}

TEST(the_page_has_nothing_else)
{
    char *page = read_page();
    struct buf options;

    CHECK_FATAL(page != NULL);
    buf_init(&options, PAGE_BYTES_MAX);
    put_options(&options);
    const char *begin = strstr(page, "### ");
    CHECK(begin != NULL);
    if (begin != NULL)
        CHECK_EQ(strlen(begin), options.len);
    buf_done(&options);
    free(page);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_page_has_every_option),
        T(the_page_has_nothing_else),
    };

    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        struct buf options;
        buf_init(&options, PAGE_BYTES_MAX);
        put_options(&options);
        (void)fwrite(options.data, 1, options.len, stdout);
        buf_done(&options);
        return 0;
    }
    return tap_main(argc, argv, tests);
}

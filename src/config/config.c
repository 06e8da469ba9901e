/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/check.h"
#include "base/nearest.h"
#include "config/value_int.h"

#define CONFIG_ROW(kind, field, name, initial, least, most, change, help)                          \
    {name, CONFIG_##kind, offsetof(struct config, field), initial, least, most, CONFIG_##change,   \
     help},
static const struct config_row rows[] = {CONFIG_LIST(CONFIG_ROW)};
#undef CONFIG_ROW

const struct config_row *config_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_LEN(rows);
    return rows;
}

const struct config_row *config_row(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (bytes_eq(name, bytes_str(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

static bool is_wide(enum config_kind kind)
{
    return kind == CONFIG_SIZE || kind == CONFIG_SPACE;
}

/* Reads and writes the field of a row that is no text. */
static uint64_t field_number(const struct config *config, const struct config_row *row)
{
    const uint8_t *field = (const uint8_t *)config + row->offset;
    uint64_t wide;
    uint32_t narrow;
    bool flag;

    ASSERT(!value_is_text(row->kind));
    if (is_wide(row->kind)) {
        memcpy(&wide, field, sizeof(wide));
        return wide;
    }
    if (row->kind == CONFIG_SWITCH) {
        memcpy(&flag, field, sizeof(flag));
        return flag;
    }
    memcpy(&narrow, field, sizeof(narrow));
    return narrow;
}

static void field_set_number(struct config *config, const struct config_row *row, uint64_t value)
{
    uint8_t *field = (uint8_t *)config + row->offset;
    uint32_t narrow = (uint32_t)value;
    bool flag = value != 0;

    ASSERT(!value_is_text(row->kind));
    ASSERT(is_wide(row->kind) || value <= UINT32_MAX);
    if (is_wide(row->kind))
        memcpy(field, &value, sizeof(value));
    else if (row->kind == CONFIG_SWITCH)
        memcpy(field, &flag, sizeof(flag));
    else
        memcpy(field, &narrow, sizeof(narrow));
}

static struct bytes field_text(const struct config *config, const struct config_row *row)
{
    struct bytes text;

    ASSERT(value_is_text(row->kind));
    memcpy(&text, (const uint8_t *)config + row->offset, sizeof(text));
    return text;
}

static void field_set_text(struct config *config, const struct config_row *row, struct bytes text)
{
    ASSERT(value_is_text(row->kind));
    ASSERT(text.len >= row->least && text.len <= row->most);
    memcpy((uint8_t *)config + row->offset, &text, sizeof(text));
}

/* Whether the row may have the value. */
static bool row_takes_number(const struct config_row *row, uint64_t value)
{
    bool word =
        value == CONFIG_QUORUM_ONE || value == CONFIG_QUORUM_QUORUM || value == CONFIG_QUORUM_ALL;

    if (row->kind == CONFIG_QUORUM && word)
        return true;
    if (row->kind == CONFIG_SPACE && value >= CONFIG_SPACE_SHARE)
        return value - CONFIG_SPACE_SHARE <= CONFIG_SPACE_PERCENT_MAX;
    return value >= row->least && value <= row->most &&
           (row->kind != CONFIG_POWER || (value & (value - 1)) == 0);
}

void config_init(struct config *config)
{
    uint64_t value = 0;

    memset(config, 0, sizeof(*config));
    arena_init(&config->texts);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes initial = bytes_str(rows[i].initial);
        if (value_is_text(rows[i].kind)) {
            ASSERT(value_text_valid(rows[i].kind, initial));
            field_set_text(config, &rows[i], initial);
            continue;
        }
        bool ok = value_parse(rows[i].kind, initial, &value);
        ASSERT(ok);
        ASSERT(row_takes_number(&rows[i], value));
        field_set_number(config, &rows[i], value);
    }
}

void config_done(struct config *config)
{
    arena_done(&config->texts);
    config_init(config);
}

static enum err unknown_name(struct bytes name, struct buf *why)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        nearest_offer(&nearest, bytes_str(rows[i].name));
    buf_put_str(why, "there is no option ");
    value_put_shown(why, name);
    if (nearest.best.len > 0) {
        buf_put_str(why, "; did you mean '");
        buf_put(why, nearest.best);
        buf_put_str(why, "'?");
    }
    return ERR_NOT_FOUND;
}

static enum err wrong_value(const struct config_row *row, struct bytes value, struct buf *why)
{
    buf_put_str(why, row->name);
    buf_put_str(why, " is ");
    config_put_values(why, row);
    buf_put_str(why, ", not ");
    value_put_shown(why, value);
    return ERR_BAD_REQUEST;
}

enum err config_set(struct config *config, struct bytes name, struct bytes value, struct buf *why)
{
    const struct config_row *row = config_row(name);
    uint64_t number = 0;

    if (row == NULL)
        return unknown_name(name, why);
    if (value_is_text(row->kind)) {
        if (value.len < row->least || value.len > row->most || !value_text_valid(row->kind, value))
            return wrong_value(row, value, why);
        field_set_text(config, row, arena_copy(&config->texts, value));
        return ERR_OK;
    }
    if (!value_parse(row->kind, value, &number) || !row_takes_number(row, number))
        return wrong_value(row, value, why);
    field_set_number(config, row, number);
    return ERR_OK;
}

enum err config_get_text(const struct config *config, struct bytes name, struct buf *buf)
{
    const struct config_row *row = config_row(name);

    if (row == NULL)
        return ERR_NOT_FOUND;
    if (value_is_text(row->kind))
        buf_put(buf, field_text(config, row));
    else
        value_put(buf, row->kind, field_number(config, row));
    return ERR_OK;
}

static void put_range(struct buf *buf, const struct config_row *row)
{
    enum config_kind kind = row->kind == CONFIG_QUORUM ? CONFIG_NUMBER : row->kind;

    ASSERT(row->most < CONFIG_SPACE_SHARE);
    value_put(buf, kind, row->least);
    buf_put_str(buf, " to ");
    value_put(buf, kind, row->most);
}

void config_put_values(struct buf *buf, const struct config_row *row)
{
    static const char *const words[] = {
        [CONFIG_NUMBER] = "a number from ",
        [CONFIG_POWER] = "a power of two from ",
        [CONFIG_SIZE] = "a size like 512, 8KB, 4MB or 1GB, from ",
        [CONFIG_SPACE] = "a share of the disk up to 50%, or a size like 4MB or 1GB, from ",
        [CONFIG_TIME] = "a time like 500ms, 10s, 5m or 1h, from ",
        [CONFIG_SWITCH] = "on or off",
        [CONFIG_QUORUM] = "one, quorum, all, or a number from ",
        [CONFIG_LEVEL] = "debug, info, warning or error",
        [CONFIG_NAME] = "a text without blanks",
        [CONFIG_TEXT] = "a text",
        [CONFIG_ADDRESS] = "HOST:PORT",
        [CONFIG_ADDRESSES] = "HOST:PORT, or several with commas between",
    };

    ASSERT(row->least <= row->most);
    buf_put_str(buf, words[row->kind]);
    if (value_is_text(row->kind)) {
        if (row->kind != CONFIG_LEVEL)
            buf_printf(buf, " of at most %u bytes", (unsigned)row->most);
        if (row->least == 0)
            buf_put_str(buf, ", or nothing");
    } else if (row->kind != CONFIG_SWITCH) {
        put_range(buf, row);
    }
}

uint64_t config_space_bytes(uint64_t space, uint64_t total)
{
    if (space < CONFIG_SPACE_SHARE)
        return space;
    ASSERT(space - CONFIG_SPACE_SHARE <= CONFIG_SPACE_PERCENT_MAX);
    return total / 100 * (space - CONFIG_SPACE_SHARE);
}

bool config_next_address(struct bytes *list, struct bytes *ret_address)
{
    if (list->len == 0)
        return false;
    size_t comma = bytes_find(*list, ',', 0);
    *ret_address = bytes_trim(bytes_sub(*list, 0, comma));
    *list = bytes_sub(*list, comma + 1, list->len);
    return true;
}

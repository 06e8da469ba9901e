/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value_int.h"

#include "base/check.h"

enum { VALUE_SHOWN_BYTES = 64 };

struct unit {
    const char *name;
    uint64_t factor;
};

/* From the largest on; the last has factor one. */
static const struct unit size_units[] = {
    {"GB", UINT64_C(1) << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}, {NULL, 0}};
static const struct unit time_units[] = {{"w", 604800000}, {"d", 86400000}, {"h", 3600000},
                                         {"m", 60000},     {"s", 1000},     {"ms", 1},
                                         {NULL, 0}};

static const struct unit quorum_words[] = {{"one", CONFIG_QUORUM_ONE},
                                           {"quorum", CONFIG_QUORUM_QUORUM},
                                           {"all", CONFIG_QUORUM_ALL},
                                           {NULL, 0}};
static const struct unit switch_words[] = {
    {"on", 1}, {"off", 0}, {"true", 1}, {"false", 0}, {NULL, 0}};

static const struct unit *unit_named(const struct unit *units, struct bytes name)
{
    for (; units->name != NULL; units++) {
        if (bytes_eq_nocase(name, bytes_str(units->name)))
            return units;
    }
    return NULL;
}

/* Numbers with units, added up: 1h30m. Without a unit only what `bare` allows. */
static bool parse_units(const struct unit *units, bool bare, struct bytes text, uint64_t *ret_value)
{
    uint64_t sum = 0;

    if (bare && bytes_to_u64(text, ret_value))
        return true;
    while (text.len > 0) {
        size_t digits = 0, end;
        uint64_t number;
        while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
            digits++;
        for (end = digits; end < text.len && (text.data[end] < '0' || text.data[end] > '9');)
            end++;
        const struct unit *unit =
            unit_named(units, bytes_trim(bytes_sub(text, digits, end - digits)));
        if (unit == NULL || !bytes_to_u64(bytes_sub(text, 0, digits), &number) ||
            number > (UINT64_MAX - sum) / unit->factor)
            return false;
        sum += number * unit->factor;
        text = bytes_sub(text, end, text.len);
        if (bare && text.len > 0)
            return false;
    }
    *ret_value = sum;
    return true;
}

static bool parse_word(const struct unit *words, struct bytes text, uint64_t *ret_value)
{
    const struct unit *word = unit_named(words, text);

    if (word == NULL)
        return false;
    *ret_value = word->factor;
    return true;
}

bool value_is_text(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_NUMBER:
    case CONFIG_POWER:
    case CONFIG_SIZE:
    case CONFIG_SPACE:
    case CONFIG_TIME:
    case CONFIG_SWITCH:
    case CONFIG_QUORUM: return false;
    case CONFIG_LEVEL:
    case CONFIG_NAME:
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
    case CONFIG_ADDRESSES: return true;
    }
    UNREACHABLE();
}

/* A size, or "5%". */
static bool parse_space(struct bytes text, uint64_t *ret_value)
{
    uint64_t percent;

    if (text.data[text.len - 1] != '%')
        return parse_units(size_units, true, text, ret_value) && *ret_value < CONFIG_SPACE_SHARE;
    if (!bytes_to_u64(bytes_sub(text, 0, text.len - 1), &percent) || percent >= CONFIG_SPACE_SHARE)
        return false;
    *ret_value = CONFIG_SPACE_SHARE + percent;
    return true;
}

bool value_parse(enum config_kind kind, struct bytes text, uint64_t *ret_value)
{
    ASSERT(!value_is_text(kind));
    if (text.len == 0)
        return false;
    if (kind == CONFIG_SIZE)
        return parse_units(size_units, true, text, ret_value);
    if (kind == CONFIG_SPACE)
        return parse_space(text, ret_value);
    if (kind == CONFIG_TIME)
        return parse_units(time_units, false, text, ret_value);
    if (kind == CONFIG_SWITCH)
        return parse_word(switch_words, text, ret_value);
    if (kind == CONFIG_QUORUM && parse_word(quorum_words, text, ret_value))
        return true;
    /* The number of a word is no way to write it. */
    return bytes_to_u64(text, ret_value) &&
           (kind != CONFIG_QUORUM || *ret_value < CONFIG_QUORUM_ALL);
}

static void put_units(struct buf *buf, const struct unit *units, uint64_t value)
{
    const struct unit *unit = units;

    if (value == 0) {
        /* A time needs a unit even then; a size has none below the first one. */
        buf_put_str(buf, units == time_units ? "0s" : "0");
        return;
    }
    while (value % unit->factor != 0)
        unit++;
    ASSERT(unit->name != NULL);
    buf_put_dec(buf, value / unit->factor);
    if (unit->factor != 1 || units == time_units)
        buf_put_str(buf, unit->name);
}

void value_put(struct buf *buf, enum config_kind kind, uint64_t value)
{
    ASSERT(!value_is_text(kind));
    if (kind == CONFIG_SPACE && value >= CONFIG_SPACE_SHARE) {
        buf_put_dec(buf, value - CONFIG_SPACE_SHARE);
        buf_put_u8(buf, '%');
    } else if (kind == CONFIG_SIZE || kind == CONFIG_SPACE) {
        put_units(buf, size_units, value);
    } else if (kind == CONFIG_TIME) {
        put_units(buf, time_units, value);
    } else if (kind == CONFIG_SWITCH) {
        buf_put_str(buf, value != 0 ? "on" : "off");
    } else {
        for (const struct unit *word = quorum_words; word->name != NULL; word++) {
            if (kind == CONFIG_QUORUM && word->factor == value) {
                buf_put_str(buf, word->name);
                return;
            }
        }
        buf_put_dec(buf, value);
    }
}

/* Printable, so that it can stand in a file, a log line and an answer. */
static bool printable(struct bytes text, bool blanks)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < (blanks ? ' ' : ' ' + 1) || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

/* HOST:PORT, where an IPv6 address stands in brackets and an empty host means all addresses. */
static bool address_valid(struct bytes text)
{
    size_t colon = text.len;
    uint64_t port;

    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon == 0 || !printable(text, false) ||
        !bytes_to_u64(bytes_sub(text, colon, text.len), &port) || port > UINT16_MAX)
        return false;
    struct bytes host = bytes_sub(text, 0, colon - 1);
    bool bracketed = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (bracketed)
        return true;
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] == ':' || host.data[i] == '[' || host.data[i] == ']')
            return false;
    }
    return true;
}

bool value_text_valid(enum config_kind kind, struct bytes text)
{
    static const char *const levels[] = {"debug", "info", "warn", "warning", "error"};
    struct bytes one;

    ASSERT(value_is_text(kind));
    if (kind == CONFIG_TEXT || text.len == 0)
        return printable(text, true);
    if (kind == CONFIG_NAME)
        return printable(text, false);
    if (kind == CONFIG_ADDRESS)
        return address_valid(text);
    if (kind == CONFIG_ADDRESSES) {
        if (text.data[text.len - 1] == ',')
            return false;
        while (config_next_address(&text, &one)) {
            if (!address_valid(one))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (bytes_eq(text, bytes_str(levels[i])))
            return true;
    }
    return false;
}

void value_put_shown(struct buf *buf, struct bytes text)
{
    buf_put_u8(buf, '\'');
    for (size_t i = 0; i < text.len && i < VALUE_SHOWN_BYTES; i++)
        buf_put_u8(buf, text.data[i] < ' ' || text.data[i] == 0x7f ? '?' : text.data[i]);
    buf_put_str(buf, text.len > VALUE_SHOWN_BYTES ? "...'" : "'");
}

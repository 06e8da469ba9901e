/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file, and what values must be together. */
#include "base/check.h"
#include "config/config.h"
#include "config/value_int.h"

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* The text before a comment. A sign counts at the begin of the line and after a blank, so that a
 * path may have one. */
static struct bytes before_comment(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '#' && (i == 0 || blank(line.data[i - 1])))
            return bytes_sub(line, 0, i);
    }
    return line;
}

/* The value in front of a line's rest, without its quotes; false when these are not closed or
 * followed by more than a comment. */
static bool take_value(struct bytes rest, struct bytes *ret_value)
{
    rest = bytes_trim(rest);
    if (rest.len == 0 || (rest.data[0] != '"' && rest.data[0] != '\'')) {
        *ret_value = bytes_trim(before_comment(rest));
        return true;
    }
    size_t end = bytes_find(rest, rest.data[0], 1);
    if (end == rest.len)
        return false;
    struct bytes after = bytes_sub(rest, end + 1, rest.len);
    if (bytes_trim(before_comment(after)).len > 0)
        return false;
    *ret_value = bytes_sub(rest, 1, end - 1);
    return true;
}

enum err config_assign(struct config *config, struct bytes text, struct buf *why)
{
    size_t sign = bytes_find(text, '=', 0);
    struct bytes name = bytes_trim(bytes_sub(text, 0, sign));
    struct bytes value;

    if (sign == text.len || name.len == 0) {
        buf_put_str(why, "an option is written name = value, not ");
        value_put_shown(why, bytes_trim(text));
        return ERR_MALFORMED;
    }
    if (!take_value(bytes_sub(text, sign + 1, text.len), &value)) {
        buf_put_str(why, "the quotes around the value of ");
        value_put_shown(why, name);
        buf_put_str(why, " are not closed, or something follows them");
        return ERR_MALFORMED;
    }
    return config_set(config, name, value, why);
}

/* Puts "line N: " before the sentence that was appended at `from`. */
static void name_line(struct buf *why, size_t from, uint32_t number)
{
    struct buf sentence;

    buf_init(&sentence, why->max);
    buf_put(&sentence, bytes_sub(buf_bytes(why), from, why->len));
    why->len = from;
    buf_printf(why, "line %u: ", number);
    buf_put(why, buf_bytes(&sentence));
    buf_done(&sentence);
}

enum err config_parse(struct config *config, struct bytes text, struct buf *why)
{
    uint32_t number = 0;

    while (text.len > 0) {
        size_t end = bytes_find(text, '\n', 0);
        struct bytes line = bytes_trim(bytes_sub(text, 0, end));
        text = bytes_sub(text, end + 1, text.len);
        number++;
        if (line.len == 0 || line.data[0] == '#')
            continue;
        size_t from = why->len;
        enum err err = config_assign(config, line, why);
        if (err != ERR_OK) {
            name_line(why, from, number);
            return err;
        }
    }
    return ERR_OK;
}

static uint32_t quorum_of(uint32_t value, uint32_t n)
{
    if (value == CONFIG_QUORUM_ONE)
        return 1;
    if (value == CONFIG_QUORUM_QUORUM)
        return n / 2 + 1;
    return value == CONFIG_QUORUM_ALL ? n : value;
}

static enum err check_quorums(const struct config *config, struct buf *why)
{
    const struct {
        const char *name;
        uint32_t value;
    } quorums[] = {
        {"r", config->r_default},   {"w", config->w_default},   {"pr", config->pr_default},
        {"pw", config->pw_default}, {"dw", config->dw_default}, {"rw", config->rw_default},
    };

    for (size_t i = 0; i < ARRAY_LEN(quorums); i++) {
        if (quorum_of(quorums[i].value, config->n_val_default) <= config->n_val_default)
            continue;
        buf_printf(why, "buckets.default.%s is %u, but buckets.default.n_val only %u",
                   quorums[i].name, quorums[i].value, config->n_val_default);
        return ERR_BAD_REQUEST;
    }
    return ERR_OK;
}

enum err config_check(const struct config *config, struct buf *why)
{
    if (config->ring_size > config->slots) {
        buf_printf(why, "ring_size is %u, but there are only %u slots", config->ring_size,
                   config->slots);
        return ERR_BAD_REQUEST;
    }
    if (config->probe_timeout_ms >= config->probe_interval_ms) {
        buf_printf(why,
                   "cluster.probe_timeout (%u ms) must be shorter than "
                   "cluster.probe_interval (%u ms)",
                   config->probe_timeout_ms, config->probe_interval_ms);
        return ERR_BAD_REQUEST;
    }
    if (config->expiry_grace_ms / 2 < config->expiry_skew_ms) {
        buf_printf(why, "expiry.grace (%u ms) must be at least twice expiry.skew (%u ms)",
                   config->expiry_grace_ms, config->expiry_skew_ms);
        return ERR_BAD_REQUEST;
    }
    return check_quorums(config, why);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How single values are written: text to number and back, by kind. */
#ifndef CONFIG_VALUE_INT_H
#define CONFIG_VALUE_INT_H

#include "config/config.h"

/* The kinds whose field is no text. SWITCH is 0 or 1. False when the text is no such value; the
 * range is not looked at. */
bool value_parse(enum config_kind kind, struct bytes text, uint64_t *ret_value);

/* Appends a value of these kinds, with the largest unit that is exact. */
void value_put(struct buf *buf, enum config_kind kind, uint64_t value);

/* Whether a text may be the value of one of the other kinds; its length is not looked at. */
bool value_text_valid(enum config_kind kind, struct bytes text);

/* Whether the kind's field is a text. */
bool value_is_text(enum config_kind kind);

/* Appends what somebody wrote, in quotes, cut and without what a terminal would obey. */
void value_put_shown(struct buf *buf, struct bytes text);

#endif

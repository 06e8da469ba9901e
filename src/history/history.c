/* SPDX-License-Identifier: Apache-2.0 */
#include "history/history.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { VALUE_HEAD_BYTES = 18, VALUE_TAIL_BYTES = 8, VALUE_BYTES_MIN = 32 };

void history_init(struct history *h)
{
    *h = (struct history){NULL, 0, 0};
}

void history_done(struct history *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        mem_free(h->writes[i].seen);
    mem_free(h->writes);
    history_init(h);
}

uint32_t history_invoke(struct history *h, uint32_t key, bool deleted, const uint32_t *seen,
                        uint32_t seen_count)
{
    if (h->count == h->cap) {
        h->cap = h->cap == 0 ? 256 : h->cap * 2;
        h->writes = mem_resize(h->writes, h->cap * sizeof(h->writes[0]));
    }
    struct history_write *write = &h->writes[h->count];
    *write = (struct history_write){.id = h->count,
                                    .key = key,
                                    .deleted = deleted,
                                    .seen = mem_new_array(seen_count, sizeof(*seen)),
                                    .seen_count = seen_count};
    if (seen_count > 0)
        memcpy(write->seen, seen, seen_count * sizeof(*seen));
    return h->count++;
}

void history_answer(struct history *h, uint32_t id, enum outcome outcome)
{
    ASSERT(id < h->count);
    ASSERT(h->writes[id].outcome == OUTCOME_OPEN);
    ASSERT(outcome != OUTCOME_OPEN);
    h->writes[id].outcome = outcome;
}

uint32_t history_acknowledged(const struct history *h)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < h->count; i++)
        count += h->writes[i].outcome == OUTCOME_DONE;
    return count;
}

static void put_hex(uint8_t *at, uint32_t v)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)digits[(v >> (28 - 4 * i)) & 15];
}

static bool get_hex(const uint8_t *at, uint32_t *ret_v)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint8_t c = at[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_v = v;
    return true;
}

void value_make(uint32_t id, uint32_t key, uint8_t *ret_text, size_t len)
{
    ASSERT(len >= VALUE_BYTES_MIN);
    put_hex(ret_text, id);
    ret_text[8] = ':';
    put_hex(ret_text + 9, key);
    ret_text[17] = ':';
    for (size_t i = VALUE_HEAD_BYTES; i < len - VALUE_TAIL_BYTES; i++)
        ret_text[i] = (uint8_t)('a' + (id + i) % 26);
    put_hex(ret_text + len - VALUE_TAIL_BYTES,
            crc32c(0, bytes_of(ret_text, len - VALUE_TAIL_BYTES)));
}

bool value_read(struct bytes text, uint32_t *ret_id, uint32_t *ret_key)
{
    uint32_t id, key, crc;

    if (text.len < VALUE_BYTES_MIN || text.data[8] != ':' || text.data[17] != ':' ||
        !get_hex(text.data, &id) || !get_hex(text.data + 9, &key) ||
        !get_hex(text.data + text.len - VALUE_TAIL_BYTES, &crc))
        return false;
    if (crc != crc32c(0, bytes_of(text.data, text.len - VALUE_TAIL_BYTES)))
        return false;
    *ret_id = id;
    *ret_key = key;
    return true;
}

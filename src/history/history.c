/* SPDX-License-Identifier: Apache-2.0 */
#include "history/history.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { KEYS_MAX = 1 << 20 };
enum { VALUE_HEAD_BYTES = 18, VALUE_TAIL_BYTES = 8, VALUE_BYTES_MIN = 32 };

void history_init(struct history *h)
{
    memset(h, 0, sizeof(*h));
}

void history_done(struct history *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        mem_free(h->writes[i].past);
    for (uint32_t i = 0; i < h->keys_count; i++)
        mem_free(h->keys[i].writes);
    mem_free(h->writes);
    mem_free(h->keys);
    history_init(h);
}

static struct history_key *key_of(struct history *h, uint32_t key)
{
    ASSERT(key < KEYS_MAX);
    if (key >= h->keys_count) {
        h->keys = mem_resize(h->keys, (key + 1) * sizeof(h->keys[0]));
        memset(h->keys + h->keys_count, 0, (key + 1 - h->keys_count) * sizeof(h->keys[0]));
        h->keys_count = key + 1;
    }
    return &h->keys[key];
}

/* Makes room for one more, twice as much each time. */
static void *grow(void *items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap == 0 ? 64 : *cap * 2;
    return mem_resize(items, *cap * size);
}

static bool has_bit(const uint64_t *bits, uint32_t words, uint32_t at)
{
    return at / 64 < words && (bits[at / 64] >> at % 64 & 1) != 0;
}

/* What a write has seen, and all that happened before that. */
static void gather_past(struct history *h, struct history_write *write, const uint32_t *seen,
                        uint32_t seen_count)
{
    write->words = (write->place + 63) / 64;
    write->past = mem_new_array(write->words, sizeof(write->past[0]));
    for (uint32_t i = 0; i < seen_count; i++) {
        ASSERT(seen[i] < write->id);
        const struct history_write *earlier = &h->writes[seen[i]];
        ASSERT(earlier->key == write->key);
        ASSERT(earlier->words <= write->words);
        write->past[earlier->place / 64] |= UINT64_C(1) << earlier->place % 64;
        for (uint32_t j = 0; j < earlier->words; j++)
            write->past[j] |= earlier->past[j];
    }
}

uint32_t history_invoke(struct history *h, uint32_t key, bool deleted, const uint32_t *seen,
                        uint32_t seen_count)
{
    struct history_key *own = key_of(h, key);

    h->writes = grow(h->writes, h->count, &h->cap, sizeof(h->writes[0]));
    own->writes = grow(own->writes, own->count, &own->cap, sizeof(own->writes[0]));
    struct history_write *write = &h->writes[h->count];
    *write = (struct history_write){.id = h->count,
                                    .key = key,
                                    .deleted = deleted,
                                    .fades = UINT64_MAX,
                                    .gone = UINT64_MAX,
                                    .place = own->count};
    gather_past(h, write, seen, seen_count);
    own->writes[own->count++] = h->count;
    return h->count++;
}

void history_answer(struct history *h, uint32_t id, enum outcome outcome, uint32_t copies)
{
    ASSERT(id < h->count);
    ASSERT(h->writes[id].outcome == OUTCOME_OPEN);
    ASSERT(outcome != OUTCOME_OPEN);
    h->writes[id].outcome = outcome;
    h->writes[id].copies = outcome == OUTCOME_DONE ? copies : 0;
    h->writes[id].answered = h->answers++;
}

void history_expires(struct history *h, uint32_t id, uint64_t fades, uint64_t gone)
{
    ASSERT(id < h->count);
    ASSERT(!h->writes[id].deleted);
    ASSERT(fades <= gone);
    h->writes[id].fades = fades;
    h->writes[id].gone = gone;
}

bool history_covers(const struct history *h, uint32_t after, uint32_t before)
{
    ASSERT(after < h->count);
    ASSERT(before < h->count);
    ASSERT(h->writes[after].key == h->writes[before].key);
    return has_bit(h->writes[after].past, h->writes[after].words, h->writes[before].place);
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

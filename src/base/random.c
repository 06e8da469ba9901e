/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <string.h>

#include "base/check.h"

static uint32_t rotate(uint32_t v, unsigned by)
{
    return (v << by) | (v >> (32 - by));
}

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void refill(struct random *random)
{
    uint32_t s[16];

    memcpy(s, random->state, sizeof(s));
    for (unsigned i = 0; i < 4; i++) {
        quarter(s, 0, 4, 8, 12);
        quarter(s, 1, 5, 9, 13);
        quarter(s, 2, 6, 10, 14);
        quarter(s, 3, 7, 11, 15);
        quarter(s, 0, 5, 10, 15);
        quarter(s, 1, 6, 11, 12);
        quarter(s, 2, 7, 8, 13);
        quarter(s, 3, 4, 9, 14);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint32_t v = s[i] + random->state[i];
        for (unsigned b = 0; b < 4; b++)
            random->block[i * 4 + b] = (uint8_t)(v >> (8 * b));
    }
    if (++random->state[12] == 0)
        random->state[13]++;
    random->used = 0;
}

void random_init(struct random *random, const struct seed *seed, uint64_t stream)
{
    random->state[0] = UINT32_C(0x61707865);
    random->state[1] = UINT32_C(0x3320646e);
    random->state[2] = UINT32_C(0x79622d32);
    random->state[3] = UINT32_C(0x6b206574);
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *b = seed->bytes + (size_t)i * 4;
        random->state[4 + i] =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    random->state[12] = 0;
    random->state[13] = 0;
    random->state[14] = (uint32_t)stream;
    random->state[15] = (uint32_t)(stream >> 32);
    random->used = sizeof(random->block);
}

struct seed seed_of(uint64_t number)
{
    struct seed seed = {{0}};

    for (unsigned i = 0; i < 8; i++)
        seed.bytes[i] = (uint8_t)(number >> (8 * i));
    return seed;
}

void random_bytes(struct random *random, void *to, size_t len)
{
    uint8_t *at = to;

    while (len > 0) {
        if (random->used == sizeof(random->block))
            refill(random);
        size_t part = sizeof(random->block) - random->used;
        if (part > len)
            part = len;
        memcpy(at, random->block + random->used, part);
        random->used += part;
        at += part;
        len -= part;
    }
}

uint64_t random_u64(struct random *random)
{
    uint8_t raw[8];
    uint64_t v = 0;

    random_bytes(random, raw, sizeof(raw));
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)raw[i] << (8 * i);
    return v;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t v;

    do
        v = random_u64(random);
    while (v >= limit);
    return v % bound;
}

uint64_t random_range(struct random *random, uint64_t lo, uint64_t hi)
{
    ASSERT(lo <= hi);
    ASSERT(hi - lo < UINT64_MAX);
    return lo + random_below(random, hi - lo + 1);
}

int random_chance(struct random *random, uint64_t num, uint64_t den)
{
    return random_below(random, den) < num;
}

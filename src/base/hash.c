/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t rotl(uint64_t v, unsigned by)
{
    return (v << by) | (v >> (64 - by));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_word(struct siphash *s, uint64_t word)
{
    s->v[3] ^= word;
    sip_round(s->v);
    sip_round(s->v);
    s->v[0] ^= word;
}

void siphash_init(struct siphash *s, struct hash_key key)
{
    s->v[0] = key.k0 ^ UINT64_C(0x736f6d6570736575);
    s->v[1] = key.k1 ^ UINT64_C(0x646f72616e646f6d);
    s->v[2] = key.k0 ^ UINT64_C(0x6c7967656e657261);
    s->v[3] = key.k1 ^ UINT64_C(0x7465646279746573);
    s->tail = 0;
    s->len = 0;
}

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

void siphash_add(struct siphash *s, struct bytes bytes)
{
    unsigned have = s->len & 7;
    size_t i = 0;

    s->len += bytes.len;
    for (; i < bytes.len && have > 0; i++) {
        s->tail |= (uint64_t)bytes.data[i] << (8 * have);
        have = (have + 1) & 7;
        if (have == 0) {
            sip_word(s, s->tail);
            s->tail = 0;
        }
    }
    for (; bytes.len - i >= 8; i += 8)
        sip_word(s, word_at(bytes.data + i));
    for (; i < bytes.len; i++, have++)
        s->tail |= (uint64_t)bytes.data[i] << (8 * have);
}

uint64_t siphash_end(struct siphash *s)
{
    sip_word(s, s->tail | (uint64_t)s->len << 56);
    s->v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(s->v);
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t hash_xx(struct bytes bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}

uint64_t hash_xx_seed(struct bytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.len, seed);
}

void hash_xx128(struct bytes bytes, uint8_t ret_digest[16])
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.len);

    for (unsigned i = 0; i < 8; i++) {
        ret_digest[i] = (uint8_t)(hash.high64 >> (56 - 8 * i));
        ret_digest[8 + i] = (uint8_t)(hash.low64 >> (56 - 8 * i));
    }
}

uint64_t hash_mix(uint64_t hash, uint64_t number)
{
    uint64_t v = (hash ^ number) * UINT64_C(0x9fb21c651e98df25);

    v ^= v >> 35;
    v *= UINT64_C(0x9fb21c651e98df25);
    return v ^ (v >> 28);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes. `hash_siphash` places keys: it is keyed, so that nobody can aim at one partition.
 * `hash_xx` finds things in tables and makes digests. `crc32c` guards bytes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012), fed in pieces. */
struct siphash {
    uint64_t v[4];
    uint64_t tail;
    size_t len;
};

void siphash_init(struct siphash *s, struct hash_key key);
void siphash_add(struct siphash *s, struct bytes bytes);
uint64_t siphash_end(struct siphash *s);

/* XXH3, 64 bits, unkeyed. */
uint64_t hash_xx(struct bytes bytes);
uint64_t hash_xx_seed(struct bytes bytes, uint64_t seed);

/* XXH3, 128 bits, big-endian. */
void hash_xx128(struct bytes bytes, uint8_t ret_digest[16]);

/* Mixes a number into a hash. */
uint64_t hash_mix(uint64_t hash, uint64_t number);

/* CRC-32C (Castagnoli) of the bytes, going on from `crc` (0 to start). */
uint32_t crc32c(uint32_t crc, struct bytes bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Random streams: ChaCha8 over a 256-bit key and a stream number, so that each module draws from
 * a stream of its own. The one seed of a process comes from its host. (Bernstein, "ChaCha, a
 * variant of Salsa20", 2008; 8 rounds.) */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct seed {
    uint8_t bytes[32];
};

struct random {
    uint32_t state[16];
    uint8_t block[64];
    size_t used; /* bytes of `block` handed out */
};

/* Starts stream number `stream` of the seed. */
void random_init(struct random *random, const struct seed *seed, uint64_t stream);

/* A seed that holds a 64-bit number: for the simulator and for tests. */
struct seed seed_of(uint64_t number);

void random_bytes(struct random *random, void *to, size_t len);
uint64_t random_u64(struct random *random);

/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);

/* Uniform in [lo, hi]. */
uint64_t random_range(struct random *random, uint64_t lo, uint64_t hi);

/* True with probability num/den; den > 0. */
int random_chance(struct random *random, uint64_t num, uint64_t den);

#endif

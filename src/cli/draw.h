/* SPDX-License-Identifier: Apache-2.0 */
/* Which key comes next: every one alike, or a few of them nearly always (Zipf's law with exponent
 * 0.99, as in YCSB; the popular ones are spread over the keys). */
#ifndef CLI_DRAW_H
#define CLI_DRAW_H

#include <stdbool.h>

#include "base/random.h"

enum { DRAW_KEYS_MAX = 10 * 1000 * 1000 };

struct draw {
    struct random random;
    uint64_t keys;
    double *shares; /* Zipf: how much of the whole the first i + 1 ranks have; NULL: uniform */
};

void draw_init(struct draw *draw, uint64_t seed, uint64_t keys, bool zipf);
void draw_done(struct draw *draw);

/* The number of a key, below `keys`. */
uint64_t draw_key(struct draw *draw);

#endif

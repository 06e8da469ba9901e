/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/draw.h"

#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

static const double zipf_exponent = 0.99;

void draw_init(struct draw *draw, uint64_t seed, uint64_t keys, bool zipf)
{
    struct seed whole = seed_of(seed);
    double sum = 0;

    ASSERT(keys > 0 && keys <= DRAW_KEYS_MAX);
    *draw = (struct draw){.keys = keys};
    random_init(&draw->random, &whole, 0);
    if (!zipf)
        return;
    draw->shares = mem_new_array(keys, sizeof(double));
    for (uint64_t i = 0; i < keys; i++) {
        sum += 1.0 / pow((double)(i + 1), zipf_exponent);
        draw->shares[i] = sum;
    }
}

void draw_done(struct draw *draw)
{
    mem_free(draw->shares);
    draw->shares = NULL;
}

uint64_t draw_key(struct draw *draw)
{
    if (draw->shares == NULL)
        return random_below(&draw->random, draw->keys);
    double whole = draw->shares[draw->keys - 1];
    double at = (double)(random_u64(&draw->random) >> 11) / 9007199254740992.0 * whole;
    uint64_t low = 0, high = draw->keys - 1;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (draw->shares[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return hash_mix(0, low) % draw->keys;
}

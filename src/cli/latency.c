/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/latency.h"

#include <stdbool.h>

#include "base/check.h"

/* Values below LATENCY_SUB have a bucket each; above, the top bits after the first choose one. */
static uint32_t bucket_of(uint64_t us)
{
    uint32_t octave = 0;

    while (us >= 2 * LATENCY_SUB && octave < LATENCY_OCTAVES - 2) {
        us >>= 1;
        octave++;
    }
    if (us >= 2 * LATENCY_SUB)
        us = 2 * LATENCY_SUB - 1;
    return octave * LATENCY_SUB + (uint32_t)us;
}

/* The largest value of a bucket. */
static uint64_t bucket_top(uint32_t bucket)
{
    if (bucket < 2 * LATENCY_SUB)
        return bucket;
    uint32_t octave = bucket / LATENCY_SUB - 1;
    uint64_t us = bucket - octave * LATENCY_SUB;
    return ((us + 1) << octave) - 1;
}

void latency_add(struct latency *latency, uint64_t us)
{
    uint32_t bucket = bucket_of(us);

    ASSERT(bucket < LATENCY_SUB * LATENCY_OCTAVES);
    latency->counts[bucket]++;
    latency->count++;
    latency->sum_us += us;
    if (us > latency->max_us)
        latency->max_us = us;
}

void latency_merge(struct latency *to, const struct latency *from)
{
    for (uint32_t i = 0; i < LATENCY_SUB * LATENCY_OCTAVES; i++)
        to->counts[i] += from->counts[i];
    to->count += from->count;
    to->sum_us += from->sum_us;
    if (from->max_us > to->max_us)
        to->max_us = from->max_us;
}

uint64_t latency_part(const struct latency *latency, uint64_t part, uint64_t whole)
{
    uint64_t wanted = (latency->count * part + whole - 1) / whole;
    uint64_t seen = 0;

    ASSERT(part <= whole);
    for (uint32_t i = 0; i < LATENCY_SUB * LATENCY_OCTAVES && latency->count > 0; i++) {
        seen += latency->counts[i];
        bool last = i == LATENCY_SUB * LATENCY_OCTAVES - 1; /* holds whatever is larger, too */
        if (seen >= wanted && seen > 0)
            return !last && bucket_top(i) < latency->max_us ? bucket_top(i) : latency->max_us;
    }
    return latency->max_us;
}

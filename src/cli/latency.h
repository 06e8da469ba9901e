/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of microseconds, log-linear: 64 buckets for each power of two, so a percentile is off
 * by less than two in a hundred. (The one of msg/stats.h is coarser and smaller, for a server.) */
#ifndef CLI_LATENCY_H
#define CLI_LATENCY_H

#include <stdint.h>

enum { LATENCY_SUB = 64, LATENCY_OCTAVES = 32 };

struct latency {
    uint64_t counts[LATENCY_SUB * LATENCY_OCTAVES];
    uint64_t count;
    uint64_t sum_us;
    uint64_t max_us;
};

void latency_add(struct latency *latency, uint64_t us);
void latency_merge(struct latency *to, const struct latency *from);

/* The value that `part` of `whole` do not exceed, to within a bucket; 0 when empty. */
uint64_t latency_part(const struct latency *latency, uint64_t part, uint64_t whole);

#endif

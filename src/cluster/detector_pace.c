/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/detector_pace.h"

#include "base/check.h"
#include "cluster/limits.h"

enum {
    ONE = 65536,
    LN_2 = 45426,    /* ln 2 */
    LOG10_2 = 19728, /* log10 2 */
    SUSPICION_SPAN = 6,
    TELLS = 4,
};

/* The fraction's bits come one by one: squaring doubles the logarithm, and a result of two or more
 * is a bit that is set. */
uint32_t pace_log2(uint32_t n)
{
    ASSERT(n > 0);
    uint32_t whole = 31 - (uint32_t)__builtin_clz(n);
    uint64_t x = ((uint64_t)n << 31) >> whole; /* 1 <= x < 2, in units of 2^-31 */
    uint32_t log2 = whole * ONE;

    for (uint32_t bit = ONE / 2; bit > 0; bit /= 2) {
        x = x * x >> 31;
        if (x < UINT64_C(1) << 32)
            continue;
        x >>= 1;
        log2 += bit;
    }
    ASSERT(log2 >= whole * ONE && log2 < (whole + 1) * ONE);
    return log2;
}

uint32_t pace_confirms(uint32_t nodes)
{
    /* Neither the suspect nor the first accuser can confirm. */
    uint32_t others = nodes > 2 ? nodes - 2 : 0;

    return others < SUSPICION_CONFIRMS ? others : SUSPICION_CONFIRMS;
}

uint64_t pace_suspicion_min_us(const struct config *config, uint32_t nodes)
{
    uint64_t log10 = (uint64_t)pace_log2(nodes) * LOG10_2 / ONE;

    return (uint64_t)config->suspicion_ms * 1000 * (log10 > ONE ? log10 : ONE) / ONE;
}

uint64_t pace_suspicion_us(const struct config *config, uint32_t nodes, uint32_t confirmed)
{
    uint32_t wanted = pace_confirms(nodes);
    uint64_t least = pace_suspicion_min_us(config, nodes);
    uint64_t most = SUSPICION_SPAN * least;

    if (confirmed >= wanted)
        return least;
    ASSERT(wanted > 0);
    return most - (most - least) * pace_log2(confirmed + 1) / pace_log2(wanted + 1);
}

uint32_t pace_tells(uint32_t nodes)
{
    uint64_t ln = (uint64_t)pace_log2(nodes + 1) * LN_2 / ONE;

    ASSERT(nodes > 0);
    return (uint32_t)((TELLS * ln + ONE - 1) / ONE);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "msg/stats.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < 4)
        return (unsigned)value;
    unsigned top = 63 - (unsigned)__builtin_clzll(value);
    unsigned bucket = 4 * (top - 1) + (unsigned)((value >> (top - 2)) & 3);

    ASSERT(bucket < HISTOGRAM_BUCKETS);
    return bucket;
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    unsigned top = bucket / 4 + 1;
    uint64_t low = (UINT64_C(4) + bucket % 4) << (top - 2);

    return low + ((UINT64_C(1) << (top - 2)) / 2);
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->counts[bucket_of(value)]++;
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->counts[i] += from->counts[i];
    to->count += from->count;
    to->sum += from->sum;
    if (from->max > to->max)
        to->max = from->max;
}

uint64_t histogram_permille(const struct histogram *h, uint32_t permille)
{
    ASSERT(permille <= 1000);
    if (h->count == 0 || permille == 1000)
        return h->max;
    uint64_t rank = (h->count * permille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank && seen > 0) {
            uint64_t value = bucket_value(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

uint64_t histogram_mean(const struct histogram *h)
{
    return h->count == 0 ? 0 : h->sum / h->count;
}

void stats_time(struct stats *stats, uint64_t mono_us)
{
    uint64_t slot = mono_us / STATS_SLOT_US;

    for (unsigned n = 0; stats->slot < slot && n < STATS_WINDOW_SLOTS; n++) {
        stats->slot++;
        if (n == 0 && slot - stats->slot >= STATS_WINDOW_SLOTS)
            stats->slot = slot - STATS_WINDOW_SLOTS + 1;
        unsigned at = (unsigned)(stats->slot % STATS_WINDOW_SLOTS);
        for (unsigned s = 0; s < STATS_SERIES; s++)
            memset(&stats->window[s][at], 0, sizeof(stats->window[s][at]));
        for (unsigned k = 0; k < TRACE_KINDS; k++)
            stats->window_totals[k][at] = 0;
    }
}

/* Whether an error is no answer: the cluster could not do what it was asked. */
static bool failed(enum err err)
{
    return err >= ERR_OVERLOAD;
}

void stats_trace(struct stats *stats, uint64_t mono_us, const struct trace *trace)
{
    if (trace->kind == TRACE_GET_DONE && failed((enum err)trace->numbers[1]))
        stats->errors_get++;
    if (trace->kind == TRACE_PUT_DONE && failed((enum err)trace->numbers[1]))
        stats->errors_put++;
    stats_time(stats, mono_us);
    stats->totals[trace->kind]++;
    stats->window_totals[trace->kind][stats->slot % STATS_WINDOW_SLOTS]++;
}

void stats_add(struct stats *stats, uint64_t mono_us, enum stats_series series, uint64_t value)
{
    stats_time(stats, mono_us);
    histogram_add(&stats->window[series][stats->slot % STATS_WINDOW_SLOTS], value);
}

void stats_window(const struct stats *stats, enum stats_series series, struct histogram *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (unsigned i = 0; i < STATS_WINDOW_SLOTS; i++)
        histogram_merge(ret_sum, &stats->window[series][i]);
}

uint64_t stats_minute(const struct stats *stats, enum trace_kind kind)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < STATS_WINDOW_SLOTS; i++)
        sum += stats->window_totals[kind][i];
    return sum;
}

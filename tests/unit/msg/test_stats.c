/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms against sorted values, and the window of a minute against what came when. */
#include "msg/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "tap.h"

static struct histogram histogram;
static struct stats stats;

/* A value of any magnitude: as many bits as chance wants. */
static uint64_t any_value(struct random *random)
{
    return random_u64(random) >> random_below(random, 64);
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

TEST(nothing)
{
    memset(&histogram, 0, sizeof(histogram));
    CHECK_EQ(histogram_permille(&histogram, 500), 0);
    CHECK_EQ(histogram_permille(&histogram, 1000), 0);
    CHECK_EQ(histogram_mean(&histogram), 0);
}

TEST(one_value)
{
    static const uint64_t values[] = {0, 1, 3, 4, 5, 1000, 1u << 31, UINT64_MAX / 3, UINT64_MAX};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        memset(&histogram, 0, sizeof(histogram));
        histogram_add(&histogram, values[i]);
        CHECK_EQ(histogram.count, 1);
        CHECK_EQ(histogram.max, values[i]);
        CHECK_EQ(histogram_mean(&histogram), values[i]);
        CHECK_EQ(histogram_permille(&histogram, 1000), values[i]);
        uint64_t middle = histogram_permille(&histogram, 500);
        CHECK(middle <= values[i]);
        CHECK(values[i] - middle <= values[i] / 8);
    }
}

TEST(small_values_are_exact)
{
    memset(&histogram, 0, sizeof(histogram));
    for (uint64_t value = 0; value < 4; value++)
        histogram_add(&histogram, value);
    CHECK_EQ(histogram_permille(&histogram, 0), 0);
    CHECK_EQ(histogram_permille(&histogram, 250), 0);
    CHECK_EQ(histogram_permille(&histogram, 251), 1);
    CHECK_EQ(histogram_permille(&histogram, 500), 1);
    CHECK_EQ(histogram_permille(&histogram, 750), 2);
    CHECK_EQ(histogram_permille(&histogram, 1000), 3);
}

/* A percentile is within an eighth of the value that stands there in sorted order. */
TEST(percentiles_are_near_the_true_ones)
{
    enum { VALUES = 500 };
    static uint64_t values[VALUES];
    struct random random;
    struct seed seed = seed_of(1);
    bool near = true, rising = true;

    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 50; round++) {
        uint32_t count = (uint32_t)random_range(&random, 1, VALUES);
        memset(&histogram, 0, sizeof(histogram));
        for (uint32_t i = 0; i < count; i++) {
            values[i] = any_value(&random);
            histogram_add(&histogram, values[i]);
        }
        qsort(values, count, sizeof(values[0]), order);
        uint64_t before = 0;
        for (uint32_t permille = 1; permille <= 1000; permille++) {
            uint64_t rank = ((uint64_t)count * permille + 999) / 1000;
            uint64_t wanted = values[rank - 1];
            uint64_t got = histogram_permille(&histogram, permille);
            uint64_t apart = got > wanted ? got - wanted : wanted - got;
            near = near && apart <= wanted / 8;
            rising = rising && got >= before;
            before = got;
        }
        near = near && histogram_permille(&histogram, 1000) == values[count - 1];
    }
    CHECK(near);
    CHECK(rising);
}

TEST(merging_is_adding)
{
    static struct histogram both, parts[2];
    struct random random;
    struct seed seed = seed_of(2);

    random_init(&random, &seed, 1);
    memset(&both, 0, sizeof(both));
    memset(parts, 0, sizeof(parts));
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t value = any_value(&random) >> 12;
        histogram_add(&both, value);
        histogram_add(&parts[i % 2], value);
    }
    histogram_merge(&parts[0], &parts[1]);
    CHECK(memcmp(&both, &parts[0], sizeof(both)) == 0);
}

static void happen(uint64_t mono_us, enum trace_kind kind, enum err err)
{
    struct trace trace = {kind, {0, (uint64_t)err, 0}};

    stats_trace(&stats, mono_us, &trace);
}

TEST(a_minute_and_all_time)
{
    uint64_t start = UINT64_C(987654321000);

    memset(&stats, 0, sizeof(stats));
    for (uint32_t second = 0; second < 120; second++)
        happen(start + second * UINT64_C(1000000), TRACE_HOT, ERR_OK);
    CHECK_EQ(stats.totals[TRACE_HOT], 120);
    /* Six tens of seconds, of which the newest is not full. */
    CHECK(stats_minute(&stats, TRACE_HOT) > 50);
    CHECK(stats_minute(&stats, TRACE_HOT) <= 60);
    CHECK_EQ(stats_minute(&stats, TRACE_GET_DONE), 0);
}

TEST(a_minute_without_anything)
{
    struct histogram sum;

    memset(&stats, 0, sizeof(stats));
    happen(STATS_SLOT_US, TRACE_HOT, ERR_OK);
    stats_add(&stats, STATS_SLOT_US, SERIES_GET_TIME, 77);
    stats_time(&stats, 6 * (uint64_t)STATS_SLOT_US);
    CHECK_EQ(stats_minute(&stats, TRACE_HOT), 1);
    stats_window(&stats, SERIES_GET_TIME, &sum);
    CHECK_EQ(sum.count, 1);
    CHECK_EQ(sum.max, 77);
    stats_time(&stats, 7 * (uint64_t)STATS_SLOT_US);
    CHECK_EQ(stats_minute(&stats, TRACE_HOT), 0);
    stats_window(&stats, SERIES_GET_TIME, &sum);
    CHECK_EQ(sum.count, 0);
    CHECK_EQ(sum.max, 0);
    CHECK_EQ(stats.totals[TRACE_HOT], 1);
}

/* Against a list of all that happened: what is in the window is what is of its six slots. */
TEST(the_window_by_chance)
{
    enum { EVENTS = 400 };
    static uint64_t times[EVENTS], values[EVENTS];
    struct random random;
    bool right = true;

    for (uint64_t number = 1; number <= 50; number++) {
        struct seed seed = seed_of(number);
        random_init(&random, &seed, 1);
        uint64_t now = random_below(&random, UINT64_C(1) << 50);
        memset(&stats, 0, sizeof(stats));
        for (uint32_t i = 0; i < EVENTS; i++) {
            struct histogram sum;
            uint64_t count = 0, total = 0, most = 0;
            now += random_below(&random, 20) == 0 ? random_below(&random, UINT64_C(200000000))
                                                  : random_below(&random, UINT64_C(3000000));
            times[i] = now;
            values[i] = any_value(&random) >> 20;
            happen(now, TRACE_HOT, ERR_OK);
            stats_add(&stats, now, SERIES_PUT_TIME, values[i]);
            for (uint32_t k = 0; k <= i; k++) {
                if (times[k] / STATS_SLOT_US + STATS_WINDOW_SLOTS <= now / STATS_SLOT_US)
                    continue;
                count++;
                total += values[k];
                most = values[k] > most ? values[k] : most;
            }
            stats_window(&stats, SERIES_PUT_TIME, &sum);
            right = right && sum.count == count && sum.sum == total && sum.max == most &&
                    stats_minute(&stats, TRACE_HOT) == count;
        }
    }
    CHECK(right);
}

TEST(a_clock_that_stands_still)
{
    memset(&stats, 0, sizeof(stats));
    happen(90000000, TRACE_HOT, ERR_OK);
    happen(10, TRACE_HOT, ERR_OK); /* never goes back, and nothing breaks if it did */
    CHECK_EQ(stats_minute(&stats, TRACE_HOT), 2);
}

TEST(what_the_cluster_could_not_do)
{
    static const enum err answers[] = {ERR_OK,           ERR_NOT_FOUND,   ERR_UNCHANGED,
                                       ERR_PRECONDITION, ERR_MATCH_FOUND, ERR_MODIFIED,
                                       ERR_NO_TYPE,      ERR_TOO_LARGE,   ERR_N_VAL_VIOLATION};
    static const enum err failures[] = {
        ERR_OVERLOAD, ERR_R_UNSATISFIED, ERR_DW_UNSATISFIED, ERR_INSUFFICIENT_VNODES,
        ERR_TIMEOUT,  ERR_UNKNOWN,       ERR_CORRUPT,        ERR_IO};

    memset(&stats, 0, sizeof(stats));
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        happen(1, TRACE_GET_DONE, answers[i]);
        happen(1, TRACE_PUT_DONE, answers[i]);
    }
    CHECK_EQ(stats.errors_get, 0);
    CHECK_EQ(stats.errors_put, 0);
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        happen(1, TRACE_GET_DONE, failures[i]);
        CHECK_EQ(stats.errors_get, i + 1);
        happen(1, TRACE_DELETE_DONE, failures[i]);
    }
    CHECK_EQ(stats.errors_put, 0);
    happen(1, TRACE_PUT_DONE, ERR_TIMEOUT);
    CHECK_EQ(stats.errors_put, 1);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(nothing),
        T(one_value),
        T(small_values_are_exact),
        T(percentiles_are_near_the_true_ones),
        T(merging_is_adding),
        T(a_minute_and_all_time),
        T(a_minute_without_anything),
        T(the_window_by_chance),
        T(a_clock_that_stands_still),
        T(what_the_cluster_could_not_do),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers by which the failure detector waits and tells. */
#include <math.h>

#include "cluster/detector_pace.h"
#include "tap.h"

static struct config config;

TEST(logarithms_are_exact_to_four_digits)
{
    CHECK_EQ(pace_log2(1), 0);
    CHECK_EQ(pace_log2(2), 65536);
    CHECK_EQ(pace_log2(1024), 10 * 65536);
    for (uint32_t n = 1; n < 3000; n++) {
        double want = log2(n) * 65536;
        CHECK(fabs(pace_log2(n) - want) < 3);
        CHECK(pace_log2(n + 1) >= pace_log2(n));
    }
    CHECK(fabs(pace_log2(UINT32_MAX) - 32.0 * 65536) < 3);
}

TEST(a_suspicion_grows_with_the_cluster)
{
    config_init(&config);
    CHECK_EQ(pace_suspicion_min_us(&config, 1), 4000000);
    CHECK_EQ(pace_suspicion_min_us(&config, 10), 4000000);
    CHECK(fabs((double)pace_suspicion_min_us(&config, 30) - 4e6 * log10(30)) < 1000);
    CHECK(fabs((double)pace_suspicion_min_us(&config, 100) - 8e6) < 1000);
    CHECK(fabs((double)pace_suspicion_min_us(&config, 1000) - 12e6) < 1000);
}

TEST(a_suspicion_shrinks_with_those_who_confirm_it)
{
    config_init(&config);
    uint64_t least = pace_suspicion_min_us(&config, 100);
    CHECK_EQ(pace_suspicion_us(&config, 100, 0), 6 * least);
    CHECK(fabs((double)pace_suspicion_us(&config, 100, 1) -
               (double)least * (6 - 5 * log(2) / log(3))) < 1000);
    CHECK_EQ(pace_suspicion_us(&config, 100, 2), least);
    CHECK_EQ(pace_suspicion_us(&config, 100, 9), least);
}

/* Who is not there is not waited for. */
TEST(few_members_confirm_less)
{
    config_init(&config);
    CHECK_EQ(pace_confirms(1), 0);
    CHECK_EQ(pace_confirms(2), 0);
    CHECK_EQ(pace_confirms(3), 1);
    CHECK_EQ(pace_confirms(4), 2);
    CHECK_EQ(pace_confirms(100), 2);
    CHECK_EQ(pace_suspicion_us(&config, 2, 0), 4000000);
    CHECK_EQ(pace_suspicion_us(&config, 3, 0), 24000000);
    CHECK_EQ(pace_suspicion_us(&config, 3, 1), 4000000);
}

TEST(a_rumour_is_told_more_often_where_more_must_hear_it)
{
    for (uint32_t n = 1; n <= 1024; n++)
        CHECK(fabs(pace_tells(n) - ceil(4 * log(n + 1))) <= 1);
    CHECK_EQ(pace_tells(7), 9);
    CHECK_EQ(pace_tells(100), 19);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(logarithms_are_exact_to_four_digits),
        T(a_suspicion_grows_with_the_cluster),
        T(a_suspicion_shrinks_with_those_who_confirm_it),
        T(few_members_confirm_less),
        T(a_rumour_is_told_more_often_where_more_must_hear_it),
    };
    return tap_main(argc, argv, tests);
}

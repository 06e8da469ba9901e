/* SPDX-License-Identifier: Apache-2.0 */
/* When the disk of a node is slow. */
#include "shard/pace.h"
#include "tap.h"

static struct pace pace;
static struct outbox out;
static uint64_t now_us;

static void begin(void)
{
    outbox_init(&out);
    pace = (struct pace){.slow = false};
    now_us = 1000000;
}

/* A second passes, in which the slowest commit took so long. */
static void told(uint64_t commit_ms)
{
    struct event ev = {.kind = EV_HOST, .mono_us = now_us += 1000000};

    ev.u.host.commit_us = commit_ms * 1000;
    outbox_reset(&out);
    pace_told(&pace, &ev, &out);
}

static bool traced(enum trace_kind kind)
{
    return out.count == 1 && out.items[0].kind == OUT_TRACE && out.items[0].u.trace.kind == kind;
}

TEST(one_slow_commit_is_enough)
{
    begin();
    told(PACE_SLOW_MS - 1);
    CHECK(!pace.slow);
    told(PACE_SLOW_MS);
    CHECK(pace.slow);
    CHECK(traced(TRACE_DISK_SLOW));
    told(5000);
    CHECK_EQ(out.count, 0);
    outbox_done(&out);
}

TEST(it_is_quick_again_after_a_while)
{
    begin();
    told(2000);
    for (uint64_t i = 1; i < PACE_REST_MS / 1000; i++) {
        told(i % 2);
        CHECK(pace.slow);
        CHECK_EQ(out.count, 0);
    }
    told(0);
    CHECK(!pace.slow);
    CHECK(traced(TRACE_DISK_QUICK));
    outbox_done(&out);
}

TEST(slow_now_and_then_is_slow_all_the_time)
{
    begin();
    told(700);
    for (uint64_t i = 0; i < 200; i++) {
        told(i % 25 == 24 ? 700 : 1);
        CHECK(pace.slow);
        CHECK_EQ(out.count, 0);
    }
    outbox_done(&out);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(one_slow_commit_is_enough),
        T(it_is_quick_again_after_a_while),
        T(slow_now_and_then_is_slow_all_the_time),
    };

    return tap_main(argc, argv, tests);
}

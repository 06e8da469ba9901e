/* SPDX-License-Identifier: Apache-2.0 */
/* When a node has no room for new data, and when it has room again. */
#include "shard/space.h"
#include "tap.h"

#define GB (UINT64_C(1) << 30)

static struct space space;
static struct config config;
static struct outbox out;
static uint64_t now_us;

static void begin(void)
{
    config_init(&config);
    outbox_init(&out);
    space = (struct space){.full = false};
    now_us = 1000000;
}

static void end(void)
{
    outbox_done(&out);
    config_done(&config);
}

/* A second passes, after which so much of so much is free. */
static void told(uint64_t free_bytes, uint64_t total)
{
    struct event ev = {.kind = EV_HOST, .mono_us = now_us += 1000000};

    ev.u.host.disk_free = free_bytes;
    ev.u.host.disk_total = total;
    outbox_reset(&out);
    space_told(&space, &config, &ev, &out);
}

static bool failed(void)
{
    struct event ev = {.kind = EV_STORED, .mono_us = now_us};

    ev.u.stored.err = ERR_NO_SPACE;
    outbox_reset(&out);
    return space_failed(&space, &ev, &out);
}

static bool traced(enum trace_kind kind)
{
    return out.count == 1 && out.items[0].kind == OUT_TRACE && out.items[0].u.trace.kind == kind;
}

TEST(it_is_full_below_the_minimum_and_not_before)
{
    begin();
    told(GB, 100 * GB);
    CHECK(!space.full);
    CHECK_EQ(out.count, 0);
    told(GB - 1, 100 * GB);
    CHECK(space.full);
    CHECK(traced(TRACE_DISK_FULL));
    told(0, 100 * GB);
    CHECK_EQ(out.count, 0);
    end();
}

TEST(it_ends_when_a_quarter_more_is_free)
{
    begin();
    told(0, 100 * GB);
    told(GB, 100 * GB);
    told(GB + GB / 4 - 1, 100 * GB);
    CHECK(space.full);
    told(GB + GB / 4, 100 * GB);
    CHECK(!space.full);
    CHECK(traced(TRACE_DISK_ROOM));
    told(GB, 100 * GB);
    CHECK(!space.full);
    end();
}

TEST(a_share_is_one_of_the_disk)
{
    begin();
    config.free_min = CONFIG_SPACE_SHARE + 5;
    told(5 * GB, 100 * GB);
    CHECK(!space.full);
    told(5 * GB - 1, 100 * GB);
    CHECK(space.full);
    told(5 * GB - 1, 10 * GB);
    CHECK(!space.full);
    end();
}

TEST(never_means_never)
{
    begin();
    config.free_min = 0;
    told(0, 100 * GB);
    CHECK(!space.full);
    end();
}

TEST(a_host_that_cannot_look_changes_nothing)
{
    begin();
    told(0, 0);
    CHECK(!space.full);
    told(0, 100 * GB);
    CHECK(space.full);
    told(0, 0);
    CHECK(space.full);
    end();
}

/* The disk said no, whatever the host saw: for a while that counts. */
TEST(a_failed_commit_is_believed)
{
    begin();
    told(50 * GB, 100 * GB);
    CHECK(failed());
    CHECK(space.full);
    CHECK(traced(TRACE_DISK_FULL));
    for (uint32_t i = 1; i < SPACE_HOLD_MS / 1000; i++) {
        told(50 * GB, 100 * GB);
        CHECK(space.full);
    }
    told(50 * GB, 100 * GB);
    CHECK(!space.full);
    end();
}

TEST(an_engine_that_does_not_come_back_is_begun_anew)
{
    uint32_t seconds = 0;

    begin();
    told(0, 100 * GB);
    /* As long as there is no room it is right. */
    for (uint32_t i = 0; i < 2 * SPACE_STUCK_MS / 1000; i++) {
        CHECK(failed());
        told(0, 100 * GB);
    }
    do {
        told(50 * GB, 100 * GB);
        seconds++;
    } while (failed() && seconds < 1000);
    CHECK(seconds > SPACE_STUCK_MS / 1000 - 2 && seconds < SPACE_STUCK_MS / 1000 + 2);
    CHECK(space.full);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(it_is_full_below_the_minimum_and_not_before),
        T(it_ends_when_a_quarter_more_is_free),
        T(a_share_is_one_of_the_disk),
        T(never_means_never),
        T(a_host_that_cannot_look_changes_nothing),
        T(a_failed_commit_is_believed),
        T(an_engine_that_does_not_come_back_is_begun_anew),
    };

    return tap_main(argc, argv, tests);
}

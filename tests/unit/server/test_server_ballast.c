/* SPDX-License-Identifier: Apache-2.0 */
/* The file that holds space: when it is made, given away, and made again. */
#include "tap.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/ballast.h"
#include "server/limits.h"

#define MB (UINT64_C(1) << 20)

enum { SIZE_MB = 4 };

static char root[64];
static char path[128];
static struct log silent;
static struct ballast ballast;
static uint64_t now_us;

static int remove_entry(const char *entry, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(entry);
}

static void begin(uint64_t wanted)
{
    snprintf(root, sizeof(root), "/tmp/dassie-ballast-XXXXXX");
    CHECK_FATAL(mkdtemp(root) != NULL);
    snprintf(path, sizeof(path), "%s/%s", root, BALLAST_NAME);
    log_init(&silent, -1, TRACE_ERROR);
    now_us = 1;
    ballast_init(&ballast, root, wanted);
}

static void end(void)
{
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Some seconds pass; then so much is free of what should be at least 8 MiB. */
static void second(uint64_t seconds, uint64_t free_bytes)
{
    struct host_facts facts = {.disk_total = 100 * MB, .disk_free = free_bytes};

    now_us += seconds * 1000000;
    ballast_second(&ballast, &facts, 8 * MB, now_us, &silent);
}

static uint64_t on_disk(void)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

TEST(it_is_made_where_there_is_room)
{
    begin(SIZE_MB * MB);
    CHECK_EQ(ballast.held, 0);
    second(1, 14 * MB - 1);
    CHECK_EQ(on_disk(), 0);
    second(1, 14 * MB);
    CHECK(on_disk() >= SIZE_MB * MB);
    CHECK_EQ(ballast.held, on_disk());
    /* And found again by the next life. */
    ballast_init(&ballast, root, SIZE_MB * MB);
    CHECK_EQ(ballast.held, on_disk());
    end();
}

TEST(it_is_given_away_once_and_comes_back_later)
{
    begin(SIZE_MB * MB);
    second(1, 50 * MB);
    CHECK(on_disk() > 0);
    CHECK(ballast_give(&ballast, now_us, &silent));
    CHECK_EQ(on_disk(), 0);
    CHECK(!ballast_give(&ballast, now_us, &silent));
    second(BALLAST_REST_S - 1, 50 * MB);
    CHECK_EQ(on_disk(), 0);
    second(1, 10 * MB);
    CHECK_EQ(on_disk(), 0);
    second(1, 50 * MB);
    CHECK(on_disk() > 0);
    end();
}

TEST(who_deletes_it_is_noticed)
{
    begin(SIZE_MB * MB);
    second(1, 50 * MB);
    CHECK_EQ(unlink(path), 0);
    second(1, 10 * MB);
    CHECK_EQ(ballast.held, 0);
    CHECK(!ballast_give(&ballast, now_us, &silent));
    end();
}

TEST(none_is_wanted)
{
    begin(0);
    second(1, 50 * MB);
    CHECK_EQ(on_disk(), 0);
    CHECK(!ballast_give(&ballast, now_us, &silent));
    end();
}

TEST(a_file_that_cannot_be_made_is_tried_later)
{
    begin(SIZE_MB * MB);
    CHECK_EQ(mkdir(path, 0700), 0);
    second(1, 50 * MB);
    CHECK_EQ(ballast.held, 0);
    CHECK_EQ(rmdir(path), 0);
    second(1, 50 * MB);
    CHECK_EQ(on_disk(), 0);
    second(BALLAST_REST_S, 50 * MB);
    CHECK(on_disk() > 0);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(it_is_made_where_there_is_room),
        T(it_is_given_away_once_and_comes_back_later),
        T(who_deletes_it_is_noticed),
        T(none_is_wanted),
        T(a_file_that_cannot_be_made_is_tried_later),
    };

    return tap_main(argc, argv, tests);
}

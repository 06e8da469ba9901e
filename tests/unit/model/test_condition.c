/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: each against an object, a tombstone and nothing. */
#include "model/condition.h"
#include "tap.h"

enum { HLC_S = 1000 };

static const struct dot entries[] = {{1, 3}};
static const struct sibling live[] = {
    {.dot = {1, 2}, .hlc_us = UINT64_C(999999999)},
    {.dot = {1, 3}, .hlc_us = UINT64_C(1000999999)},
};
static const struct sibling gone[] = {{.dot = {1, 3}, .hlc_us = 7, .deleted = true}};

static const struct object two = {{entries, 1, UINT64_C(1000999999), 0}, live, 2};
static const struct object one = {{entries, 1, UINT64_C(1000999999), 0}, live + 1, 1};
static const struct object tombstone = {{entries, 1, 7, 0}, gone, 1};

/* Against one value, two values, a tombstone, nothing. */
static void check(const struct condition *condition, enum err with_one, enum err with_two,
                  enum err absent)
{
    CHECK_EQ(condition_holds(condition, &one), with_one);
    CHECK_EQ(condition_holds(condition, &two), with_two);
    CHECK_EQ(condition_holds(condition, &tombstone), absent);
    CHECK_EQ(condition_holds(condition, NULL), absent);
}

TEST(no_condition_always_holds)
{
    struct condition none = {.if_match_any = false};

    CHECK(!condition_any(&none));
    check(&none, ERR_OK, ERR_OK, ERR_OK);
}

TEST(if_none_match_any)
{
    struct condition condition = {.if_none_match_any = true};

    CHECK(condition_any(&condition));
    check(&condition, ERR_MATCH_FOUND, ERR_MATCH_FOUND, ERR_OK);
}

TEST(if_not_modified)
{
    const struct dot older[] = {{1, 2}};
    struct condition condition = {.if_not_modified = true, .context = one.clock};

    CHECK(condition_any(&condition));
    condition.context.hlc_us = 1;
    check(&condition, ERR_OK, ERR_OK, ERR_NOT_FOUND);
    condition.context.entries = older;
    check(&condition, ERR_MODIFIED, ERR_MODIFIED, ERR_NOT_FOUND);
    condition.context = CLOCK_NONE;
    check(&condition, ERR_MODIFIED, ERR_MODIFIED, ERR_NOT_FOUND);
}

TEST(if_match)
{
    char text[VTAG_BYTES_MAX];
    const struct bytes tags[] = {BYTES_LIT("other"), object_etag(&one, text)};
    struct condition condition = {.if_match_any = true};

    CHECK(condition_any(&condition));
    check(&condition, ERR_OK, ERR_OK, ERR_PRECONDITION);
    condition = (struct condition){.if_match = tags, .if_match_count = 2};
    CHECK(condition_any(&condition));
    check(&condition, ERR_OK, ERR_PRECONDITION, ERR_PRECONDITION);
    condition.if_match_count = 1;
    check(&condition, ERR_PRECONDITION, ERR_PRECONDITION, ERR_PRECONDITION);
}

TEST(if_none_match)
{
    char text[VTAG_BYTES_MAX];
    const struct bytes tags[] = {BYTES_LIT("other"), object_etag(&two, text)};
    struct condition condition = {.if_none_match = tags, .if_none_match_count = 2};

    CHECK(condition_any(&condition));
    check(&condition, ERR_OK, ERR_PRECONDITION, ERR_OK);
    condition.if_none_match_count = 1;
    check(&condition, ERR_OK, ERR_OK, ERR_OK);
}

TEST(if_unmodified_since)
{
    struct condition condition = {.if_unmodified_since_s = HLC_S};

    CHECK(condition_any(&condition));
    check(&condition, ERR_OK, ERR_OK, ERR_OK);
    condition.if_unmodified_since_s = HLC_S - 1;
    check(&condition, ERR_PRECONDITION, ERR_PRECONDITION, ERR_OK);
}

TEST(all_that_are_set_must_hold)
{
    const struct bytes tags[] = {BYTES_LIT("other")};
    struct condition condition = {.if_not_modified = true,
                                  .context = one.clock,
                                  .if_match_any = true,
                                  .if_none_match = tags,
                                  .if_none_match_count = 1,
                                  .if_unmodified_since_s = HLC_S};

    check(&condition, ERR_OK, ERR_OK, ERR_PRECONDITION);
    condition.if_unmodified_since_s = 1;
    check(&condition, ERR_PRECONDITION, ERR_PRECONDITION, ERR_PRECONDITION);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(no_condition_always_holds),
        T(if_none_match_any),
        T(if_not_modified),
        T(if_match),
        T(if_none_match),
        T(if_unmodified_since),
        T(all_that_are_set_must_hold),
    };
    return tap_main(argc, argv, tests);
}

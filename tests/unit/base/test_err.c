/* SPDX-License-Identifier: Apache-2.0 */
/* Errors have names, and TRY hands the first one on. */
#include "base/err.h"
#include "tap.h"

TEST(every_error_has_a_name)
{
#define NAME_OF(name, text) CHECK_STR(err_name(ERR_##name), text);
    ERR_LIST(NAME_OF)
#undef NAME_OF
}

static enum err twice(enum err first, enum err second, unsigned *calls)
{
    ++*calls;
    TRY(first);
    ++*calls;
    TRY(second);
    ++*calls;
    return ERR_OK;
}

TEST(try_returns_the_first_error)
{
    unsigned calls = 0;

    CHECK_EQ(twice(ERR_CORRUPT, ERR_IO, &calls), ERR_CORRUPT);
    CHECK_EQ(calls, 1);
    CHECK_EQ(twice(ERR_OK, ERR_IO, &calls), ERR_IO);
    CHECK_EQ(calls, 3);
    CHECK_EQ(twice(ERR_OK, ERR_OK, &calls), ERR_OK);
    CHECK_EQ(calls, 6);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(every_error_has_a_name),
        T(try_returns_the_first_error),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Ends as its argument says; tools/test-harness knows how each end must be counted. */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static const char *how = "good";

static bool is(const char *word)
{
    return strcmp(how, word) == 0;
}

static void hang(void)
{
    for (volatile bool forever = true; forever;)
        continue;
}

TEST(first)
{
    CHECK_EQ(2u + 2u, 4);
}

TEST(second)
{
    if (is("nothing"))
        return;
    CHECK(!is("fail"));
    CHECK_STR(how, how);
    CHECK_BYTES(how, strlen(how), how, strlen(how));
    CHECK_NE(UINT64_MAX, -1);
}

TEST(third)
{
    CHECK(true);
    if (is("abort"))
        abort();
    if (is("hang"))
        hang();
    if (is("leave"))
        exit(0);
    if (is("exit3"))
        exit(3);
}

TEST(fourth)
{
    SKIP("to see it counted apart");
}

static int plain(void)
{
    if (is("abort"))
        abort();
    if (is("hang"))
        hang();
    if (is("skip"))
        return 77;
    return is("fail") ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {T(first), T(second), T(third), T(fourth)};
    bool is_plain = argc > 2;
    if (argc < 2)
        return 2;
    how = argv[argc - 1];
    if (is_plain)
        return plain();
    if (is("silent"))
        return 0;
    if (is("skip")) {
        char *none[] = {argv[0], "--filter", "absent", NULL};
        return tap_main(3, none, tests);
    }
    return tap_main(1, argv, tests);
}

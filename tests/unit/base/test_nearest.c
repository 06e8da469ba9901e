/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"
#include "tap.h"

static struct bytes nearest_of(const char *wanted, const char *const *names)
{
    struct nearest nearest;

    nearest_init(&nearest, bytes_str(wanted));
    for (; *names != NULL; names++)
        nearest_offer(&nearest, bytes_str(*names));
    return nearest.best;
}

static const char *const words[] = {"keys", "connections", "collections", "ring.size", NULL};

TEST(a_wrong_letter)
{
    struct bytes best = nearest_of("conections", words);

    CHECK_BYTES(best.data, best.len, "connections", 11);
    best = nearest_of("kyes", words);
    CHECK_BYTES(best.data, best.len, "keys", 4);
}

TEST(the_begin_of_a_word)
{
    struct bytes best = nearest_of("conn", words);

    CHECK_BYTES(best.data, best.len, "connections", 11);
}

TEST(the_last_part_of_a_name)
{
    struct bytes best = nearest_of("size", words);

    CHECK_BYTES(best.data, best.len, "ring.size", 9);
    CHECK_EQ(nearest_of("ize", words).len, 0);
}

TEST(nothing_is_near)
{
    CHECK_EQ(nearest_of("zzzz", words).len, 0);
    CHECK_EQ(nearest_of("", words).len, 0);
}

TEST(what_is_too_long_is_never_near)
{
    char name[NEAREST_BYTES_MAX + 2];
    const char *names[] = {name, NULL};

    memset(name, 'a', sizeof(name));
    name[NEAREST_BYTES_MAX + 1] = '\0';
    CHECK_EQ(nearest_of(name, names).len, 0);
    name[NEAREST_BYTES_MAX] = '\0';
    CHECK_EQ(nearest_of(name, names).len, NEAREST_BYTES_MAX);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_wrong_letter),
        T(the_begin_of_a_word),
        T(the_last_part_of_a_name),
        T(nothing_is_near),
        T(what_is_too_long_is_never_near),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Views of bytes: order, search, numbers. */
#include "base/bytes.h"
#include "base/random.h"
#include "tap.h"

TEST(order_is_of_unsigned_bytes_and_prefixes)
{
    CHECK_EQ(bytes_cmp(BYTES_NONE, BYTES_NONE), 0);
    CHECK(bytes_cmp(BYTES_NONE, BYTES_LIT("a")) < 0);
    CHECK(bytes_cmp(BYTES_LIT("a"), BYTES_LIT("ab")) < 0);
    CHECK(bytes_cmp(BYTES_LIT("ab"), BYTES_LIT("a")) > 0);
    CHECK(bytes_cmp(BYTES_LIT("\x80"), BYTES_LIT("\x7f")) > 0);
    CHECK(bytes_cmp(BYTES_LIT("a\0b"), BYTES_LIT("a\0c")) < 0);
    CHECK_EQ(bytes_cmp(BYTES_LIT("ab"), BYTES_LIT("ab")), 0);
}

TEST(equality)
{
    CHECK(bytes_eq(BYTES_NONE, BYTES_LIT("")));
    CHECK(bytes_eq(BYTES_LIT("a\0b"), BYTES_LIT("a\0b")));
    CHECK(!bytes_eq(BYTES_LIT("a\0b"), BYTES_LIT("a\0c")));
    CHECK(!bytes_eq(BYTES_LIT("a"), BYTES_LIT("ab")));
    CHECK(bytes_eq_nocase(BYTES_LIT("Content-TYPE"), BYTES_LIT("content-type")));
    CHECK(!bytes_eq_nocase(BYTES_LIT("a"), BYTES_LIT("b")));
    CHECK(!bytes_eq_nocase(BYTES_LIT("@"), BYTES_LIT("`")));
    CHECK(!bytes_eq_nocase(BYTES_LIT("["), BYTES_LIT("{")));
    CHECK(!bytes_eq_nocase(BYTES_LIT("a"), BYTES_LIT("aa")));
}

TEST(parts)
{
    struct bytes word = BYTES_LIT("hello");

    CHECK(bytes_eq(bytes_sub(word, 1, 3), BYTES_LIT("ell")));
    CHECK(bytes_eq(bytes_sub(word, 3, 99), BYTES_LIT("lo")));
    CHECK(bytes_eq(bytes_sub(word, 3, SIZE_MAX), BYTES_LIT("lo")));
    CHECK_EQ(bytes_sub(word, 5, 1).len, 0);
    CHECK_EQ(bytes_sub(word, SIZE_MAX, SIZE_MAX).len, 0);
    CHECK(bytes_starts(word, BYTES_LIT("he")));
    CHECK(bytes_starts(word, BYTES_NONE));
    CHECK(!bytes_starts(word, BYTES_LIT("hello!")));
    CHECK(!bytes_starts(word, BYTES_LIT("ha")));
    CHECK_EQ(bytes_find(word, 'l', 0), 2);
    CHECK_EQ(bytes_find(word, 'l', 3), 3);
    CHECK_EQ(bytes_find(word, 'l', 4), 5);
    CHECK_EQ(bytes_find(word, 'h', 99), 5);
    CHECK_EQ(bytes_find(BYTES_NONE, 'h', 0), 0);
    CHECK(bytes_eq(bytes_str("hello"), word));
}

TEST(blanks_go)
{
    CHECK(bytes_eq(bytes_trim(BYTES_LIT(" \t a b \r\n")), BYTES_LIT("a b")));
    CHECK_EQ(bytes_trim(BYTES_LIT("  ")).len, 0);
    CHECK_EQ(bytes_trim(BYTES_NONE).len, 0);
    CHECK(bytes_eq(bytes_trim(BYTES_LIT("a")), BYTES_LIT("a")));
}

TEST(decimal_numbers)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
    uint64_t value = 5;

    CHECK(bytes_to_u64(BYTES_LIT("0"), &value));
    CHECK_EQ(value, 0);
    CHECK(bytes_to_u64(BYTES_LIT("18446744073709551615"), &value));
    CHECK_EQ(value, UINT64_MAX);
    CHECK(bytes_to_u64(BYTES_LIT("0042"), &value));
    CHECK_EQ(value, 42);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!bytes_to_u64(bytes_str(bad[i]), &value));
    CHECK_EQ(value, 42);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(order_is_of_unsigned_bytes_and_prefixes),
        T(equality),
        T(parts),
        T(blanks_go),
        T(decimal_numbers),
    };
    return tap_main(argc, argv, tests);
}

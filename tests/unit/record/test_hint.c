/* SPDX-License-Identifier: Apache-2.0 */
/* Row keys of hints, and the sums beside them. */
#include "record/hint.h"

#include <string.h>

#include "base/random.h"
#include "tap.h"

TEST(keys_come_back)
{
    struct arena arena;
    struct random random;
    struct seed seed = {{3}};

    arena_init(&arena);
    random_init(&random, &seed, 1);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t target = random_u64(&random) | 1, found = 0;
        uint8_t raw[40];
        size_t len = 1 + random_below(&random, sizeof(raw));
        random_bytes(&random, raw, len);
        struct bytes row_key = bytes_of(raw, len), back;
        struct bytes key = hint_key_make(&arena, target, row_key);
        CHECK(bytes_starts(key, hint_key_prefix(&arena, target)));
        CHECK_EQ(hint_key_decode(key, &found, &back), ERR_OK);
        CHECK_EQ(found, target);
        CHECK(bytes_eq(back, row_key));
    }
    arena_done(&arena);
}

TEST(rows_sort_by_target)
{
    struct arena arena;

    arena_init(&arena);
    struct bytes low = hint_key_make(&arena, 0x0100, BYTES_LIT("z"));
    struct bytes high = hint_key_make(&arena, 0x0200, BYTES_LIT("a"));
    CHECK(bytes_cmp(low, high) < 0);
    CHECK(bytes_cmp(hint_key_make(&arena, 7, BYTES_LIT("a")),
                    hint_key_make(&arena, 7, BYTES_LIT("b"))) < 0);
    arena_done(&arena);
}

TEST(what_is_no_key_is_refused)
{
    uint64_t target = 5;
    struct bytes row_key = BYTES_NONE;

    CHECK_EQ(hint_key_decode(BYTES_NONE, &target, &row_key), ERR_CORRUPT);
    CHECK_EQ(hint_key_decode(BYTES_LIT("12345678"), &target, &row_key), ERR_CORRUPT);
    CHECK_EQ(hint_key_decode(BYTES_LIT("\0\0\0\0\0\0\0\0k"), &target, &row_key), ERR_CORRUPT);
    CHECK_EQ(target, 5);
}

TEST(sums_come_back)
{
    struct hint_sum sums[] = {{0, 0, true}, {1, 100, false}, {UINT64_MAX, UINT64_MAX, true}};
    struct arena arena;
    uint64_t target = 0;

    arena_init(&arena);
    struct bytes row = hint_sum_key(&arena, 0x0102030405060708);
    CHECK(hint_sum_row(row, &target));
    CHECK_EQ(target, 0x0102030405060708);
    CHECK(!hint_sum_row(BYTES_LIT("hints/"), &target));
    CHECK(!hint_sum_row(BYTES_LIT("hints/\0\0\0\0\0\0\0\0"), &target));
    CHECK(!hint_sum_row(BYTES_LIT("doc"), &target));
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        struct hint_sum back;
        struct blob *blob = hint_sum_blob(row, &sums[i]);
        CHECK_EQ(hint_sum_decode(row, blob_bytes(blob), &back), ERR_OK);
        CHECK_EQ(back.rows, sums[i].rows);
        CHECK_EQ(back.bytes, sums[i].bytes);
        CHECK_EQ(back.lacking, sums[i].lacking);
        struct bytes other = hint_sum_key(&arena, 9);
        CHECK_EQ(hint_sum_decode(other, blob_bytes(blob), &back), ERR_CORRUPT);
        for (size_t at = 0; at < blob->len; at++) {
            blob->data[at] ^= 4;
            CHECK_EQ(hint_sum_decode(row, blob_bytes(blob), &back), ERR_CORRUPT);
            blob->data[at] ^= 4;
        }
        blob_unref(blob);
    }
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(keys_come_back),
        T(rows_sort_by_target),
        T(what_is_no_key_is_refused),
        T(sums_come_back),
    };

    return tap_main(argc, argv, tests);
}

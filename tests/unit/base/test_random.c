/* SPDX-License-Identifier: Apache-2.0 */
/* Random streams: ChaCha8's published key streams, and bounds that are kept. */
#include <string.h>

#include "base/random.h"
#include "tap.h"

TEST(chacha8_vectors)
{
    static const uint8_t zero_key[64] = {
        0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f,
        0x09, 0xa5, 0xa1, 0x2c, 0x84, 0x0e, 0xc3, 0xce, 0x9a, 0x7f, 0x3b, 0x18, 0x1b,
        0xe1, 0x88, 0xef, 0x71, 0x1a, 0x1e, 0x98, 0x4c, 0xe1, 0x72, 0xb9, 0x21, 0x6f,
        0x41, 0x9f, 0x44, 0x53, 0x67, 0x45, 0x6d, 0x56, 0x19, 0x31, 0x4a, 0x42, 0xa3,
        0xda, 0x86, 0xb0, 0x01, 0x38, 0x7b, 0xfd, 0xb8, 0x0e, 0x0c, 0xfe, 0x42};
    static const uint8_t one_key[16] = {0xcf, 0x5e, 0xe9, 0xa0, 0x49, 0x4a, 0xa9, 0x61,
                                        0x3e, 0x05, 0xd5, 0xed, 0x72, 0x5b, 0x80, 0x4b};
    struct seed zero = seed_of(0);
    struct seed one = seed_of(1);
    struct random random;
    uint8_t out[64];

    random_init(&random, &zero, 0);
    random_bytes(&random, out, sizeof(out));
    CHECK_BYTES(out, sizeof(out), zero_key, sizeof(zero_key));
    random_init(&random, &one, 0);
    random_bytes(&random, out, sizeof(one_key));
    CHECK_BYTES(out, sizeof(one_key), one_key, sizeof(one_key));
}

TEST(a_stream_does_not_depend_on_the_pieces)
{
    struct seed seed = seed_of(77);
    struct random whole;
    struct random pieces;
    uint8_t a[1000];
    uint8_t b[1000];

    random_init(&whole, &seed, 3);
    random_init(&pieces, &seed, 3);
    random_bytes(&whole, a, sizeof(a));
    for (size_t at = 0, step = 1; at < sizeof(b); at += step, step = step % 97 + 5) {
        if (step > sizeof(b) - at)
            step = sizeof(b) - at;
        random_bytes(&pieces, b + at, step);
    }
    CHECK_BYTES(a, sizeof(a), b, sizeof(b));
    random_init(&pieces, &seed, 4);
    random_bytes(&pieces, b, sizeof(b));
    CHECK(memcmp(a, b, 16) != 0);
    CHECK(memcmp(a, a + 64, 64) != 0);
}

TEST(bounds_are_kept_and_all_values_come)
{
    struct seed seed = seed_of(78);
    struct random random;
    unsigned counts[10] = {0};
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t v = random_below(&random, 10);
        broken += v >= 10;
        counts[v % 10]++;
        uint64_t w = random_range(&random, 5, 7);
        broken += w < 5 || w > 7;
        broken += random_below(&random, 1) != 0;
        broken += random_range(&random, 9, 9) != 9;
        broken += random_below(&random, UINT64_MAX) == UINT64_MAX;
    }
    CHECK_EQ(broken, 0);
    for (unsigned i = 0; i < 10; i++)
        CHECK(counts[i] > 850 && counts[i] < 1150);
}

TEST(chances)
{
    struct seed seed = seed_of(79);
    struct random random;
    unsigned hits = 0;

    random_init(&random, &seed, 0);
    for (unsigned i = 0; i < 10000; i++) {
        hits += (unsigned)random_chance(&random, 1, 4);
        CHECK(!random_chance(&random, 0, 4));
        CHECK(random_chance(&random, 4, 4));
    }
    CHECK(hits > 2300 && hits < 2700);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(chacha8_vectors),
        T(a_stream_does_not_depend_on_the_pieces),
        T(bounds_are_kept_and_all_values_come),
        T(chances),

    };
    return tap_main(argc, argv, tests);
}

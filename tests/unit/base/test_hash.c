/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes against the vectors of their papers and reference implementations. */
#include "base/hash.h"
#include "tap.h"

static uint64_t siphash(struct hash_key key, struct bytes bytes)
{
    struct siphash s;

    siphash_init(&s, key);
    siphash_add(&s, bytes);
    return siphash_end(&s);
}

static const struct hash_key paper_key = {UINT64_C(0x0706050403020100),
                                          UINT64_C(0x0f0e0d0c0b0a0908)};
static const uint8_t rising[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

TEST(siphash_vectors)
{
    CHECK_EQ(siphash(paper_key, bytes_of(rising, 15)), UINT64_C(0xa129ca6149be45e5));
    CHECK_EQ(siphash(paper_key, BYTES_NONE), UINT64_C(0x726fdb47dd0e0e31));
    CHECK_EQ(siphash(paper_key, bytes_of(rising, 1)), UINT64_C(0x74f839c593dc67fd));
    CHECK_EQ(siphash(paper_key, bytes_of(rising, 8)), UINT64_C(0x93f5f5799a932462));
}

TEST(siphash_in_pieces)
{
    uint64_t whole = siphash(paper_key, bytes_of(rising, 15));

    for (size_t cut = 0; cut <= 15; cut++) {
        for (size_t second = cut; second <= 15; second++) {
            struct siphash s;
            siphash_init(&s, paper_key);
            siphash_add(&s, bytes_of(rising, cut));
            siphash_add(&s, bytes_of(rising + cut, second - cut));
            siphash_add(&s, bytes_of(rising + second, 15 - second));
            CHECK_EQ(siphash_end(&s), whole);
        }
    }
}

TEST(xxh3_vectors)
{
    static const uint8_t empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                      0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    uint8_t digest[16];

    CHECK_EQ(hash_xx(BYTES_NONE), UINT64_C(0x2d06800538d394c2));
    hash_xx128(BYTES_NONE, digest);
    CHECK_BYTES(digest, 16, empty, 16);
    CHECK_EQ(hash_xx_seed(BYTES_LIT("abc"), 0), hash_xx(BYTES_LIT("abc")));
    CHECK_NE(hash_xx_seed(BYTES_LIT("abc"), 1), hash_xx(BYTES_LIT("abc")));
}

TEST(mixing_depends_on_both)
{
    uint64_t seen = 0;
    bool apart = true;

    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t v = hash_mix(7, i);
        apart = apart && v != seen && v != hash_mix(8, i);
        seen = v;
    }
    CHECK(apart);
    CHECK_EQ(hash_mix(7, 7), hash_mix(7, 7));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(siphash_vectors),
        T(siphash_in_pieces),
        T(xxh3_vectors),
        T(mixing_depends_on_both),
    };
    return tap_main(argc, argv, tests);
}

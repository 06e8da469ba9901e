/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C by the vectors of RFC 3720, and all ways to compute it against the definition. The source
 * is included, not linked, because only one of its ways is reachable on a given processor. */
#include "base/crc32c.c"

#include "base/random.h"
#include "tap.h"

static uint32_t slow_crc(uint32_t crc, struct bytes bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
    }
    return ~crc;
}

TEST(vectors)
{
    uint8_t block[32];

    CHECK_EQ(crc32c(0, BYTES_LIT("123456789")), 0xe3069283);
    CHECK_EQ(crc32c(0, BYTES_NONE), 0);
    memset(block, 0, sizeof(block));
    CHECK_EQ(crc32c(0, bytes_of(block, 32)), 0x8a9136aa);
    memset(block, 0xff, sizeof(block));
    CHECK_EQ(crc32c(0, bytes_of(block, 32)), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        block[i] = (uint8_t)i;
    CHECK_EQ(crc32c(0, bytes_of(block, 32)), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++)
        block[i] = (uint8_t)(31 - i);
    CHECK_EQ(crc32c(0, bytes_of(block, 32)), 0x113fdb5c);
}

TEST(all_ways_agree)
{
    struct seed seed = seed_of(12);
    struct random random;
    uint8_t data[200];
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    random_bytes(&random, data, sizeof(data));
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len < 150; len++) {
            struct bytes part = bytes_of(data + from, len);
            uint32_t start = (uint32_t)random_u64(&random);
            uint32_t want = slow_crc(start, part);
            broken += crc32c(start, part) != want;
            broken += ~crc_soft(~start, part) != want;
            size_t cut = (size_t)random_below(&random, len + 1);
            uint32_t half = crc32c(start, bytes_of(part.data, cut));
            broken += crc32c(half, bytes_of(part.data + cut, len - cut)) != want;
        }
    }
    CHECK_EQ(broken, 0);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(vectors),
        T(all_ways_agree),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The reader never leaves its input, and one failure is for good. */
#include "base/buf.h"
#include "base/random.h"
#include "base/reader.h"
#include "tap.h"

TEST(widths_come_back)
{
    struct buf buf;

    buf_init(&buf, 100);
    buf_put_u8(&buf, 0xfe);
    buf_put_le16(&buf, 0xfedc);
    buf_put_le32(&buf, 0xfedcba98);
    buf_put_le64(&buf, UINT64_C(0xfedcba9876543210));
    buf_put_be16(&buf, 0xfedc);
    buf_put_be32(&buf, 0xfedcba98);
    buf_put_be64(&buf, UINT64_C(0xfedcba9876543210));
    buf_put_lenbytes(&buf, BYTES_LIT("abc"));
    struct reader r = reader_of(buf_bytes(&buf));
    CHECK_EQ(reader_u8(&r), 0xfe);
    CHECK_EQ(reader_le16(&r), 0xfedc);
    CHECK_EQ(reader_le32(&r), 0xfedcba98);
    CHECK_EQ(reader_le64(&r), UINT64_C(0xfedcba9876543210));
    CHECK_EQ(reader_be16(&r), 0xfedc);
    CHECK_EQ(reader_be32(&r), 0xfedcba98);
    CHECK_EQ(reader_be64(&r), UINT64_C(0xfedcba9876543210));
    CHECK(!reader_end(&r));
    struct bytes text = reader_lenbytes(&r, 3);
    CHECK(bytes_eq(text, BYTES_LIT("abc")));
    CHECK(text.data > buf.data && text.data < buf.data + buf.len);
    CHECK(reader_end(&r));
    buf_done(&buf);
}

TEST(varints_come_back)
{
    struct seed seed = seed_of(5);
    struct random random;
    struct buf buf;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    buf_init(&buf, 100);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t v = random_u64(&random) >> random_below(&random, 64);
        buf_reset(&buf);
        buf_put_varint(&buf, v);
        struct reader r = reader_of(buf_bytes(&buf));
        broken += reader_varint(&r) != v || !reader_end(&r);
        for (size_t len = 0; len < buf.len; len++) {
            struct reader part = reader_of(bytes_of(buf.data, len));
            broken += reader_varint(&part) != 0 || part.ok;
        }
    }
    CHECK_EQ(broken, 0);
    buf_done(&buf);
}

TEST(long_varints_are_refused)
{
    static const struct bytes bad[] = {
        {(const uint8_t *)"\x80\x00", 2},
        {(const uint8_t *)"\xff\x80\x00", 3},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11},
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reader r = reader_of(bad[i]);
        CHECK_EQ(reader_varint(&r), 0);
        CHECK(!r.ok);
    }
    struct reader zero = reader_of(BYTES_LIT("\0"));
    CHECK_EQ(reader_varint(&zero), 0);
    CHECK(reader_end(&zero));
}

TEST(a_failure_is_for_good)
{
    struct reader r = reader_of(BYTES_LIT("abc"));

    CHECK_EQ(reader_le32(&r), 0);
    CHECK(!r.ok);
    CHECK_EQ(reader_u8(&r), 0);
    CHECK_EQ(reader_take(&r, 1).len, 0);
    CHECK_EQ(reader_take(&r, 0).len, 0);
    CHECK_EQ(reader_varint(&r), 0);
    CHECK_EQ(reader_lenbytes(&r, 10).len, 0);
    CHECK_EQ(reader_count(&r, 10, 1), 0);
    CHECK(!r.ok);
    CHECK(!reader_end(&r));
}

TEST(nothing_reads_past_the_end)
{
    const struct bytes input = BYTES_LIT("\x07\x01\x02\x03\x04\x05\x06\x07");

    for (size_t len = 0; len <= input.len; len++) {
        struct bytes part = bytes_of(input.data, len);
        struct reader r = reader_of(part);
        CHECK_EQ(reader_take(&r, len).len, len);
        CHECK(reader_end(&r));
        r = reader_of(part);
        CHECK_EQ(reader_take(&r, len + 1).len, 0);
        CHECK(!r.ok);
        r = reader_of(part);
        CHECK_EQ(reader_take(&r, SIZE_MAX).len, 0);
        CHECK(!r.ok);
        r = reader_of(part);
        CHECK_EQ(reader_lenbytes(&r, 7).len, len == 8 ? 7 : 0);
        CHECK_EQ(r.ok, len == 8);
        r = reader_of(part);
        reader_le64(&r);
        CHECK_EQ(r.ok, len == 8);
    }
    struct reader none = reader_of(BYTES_NONE);
    CHECK(reader_end(&none));
    CHECK_EQ(reader_u8(&none), 0);
    CHECK(!none.ok);
}

TEST(lengths_and_counts_are_bounded)
{
    struct reader r = reader_of(BYTES_LIT("\x03"
                                          "abc"));
    CHECK_EQ(reader_lenbytes(&r, 2).len, 0);
    CHECK(!r.ok);
    r = reader_of(BYTES_LIT("\x03"
                            "abcdef"));
    CHECK_EQ(reader_count(&r, 3, 2), 3);
    CHECK(r.ok);
    r = reader_of(BYTES_LIT("\x03"
                            "abcde"));
    CHECK_EQ(reader_count(&r, 3, 2), 0);
    CHECK(!r.ok);
    r = reader_of(BYTES_LIT("\x03"
                            "abcdef"));
    CHECK_EQ(reader_count(&r, 2, 2), 0);
    CHECK(!r.ok);
    r = reader_of(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    CHECK_EQ(reader_count(&r, SIZE_MAX, 1), 0);
    CHECK(!r.ok);
    r = reader_of(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    CHECK_EQ(reader_lenbytes(&r, SIZE_MAX).len, 0);
    CHECK(!r.ok);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(widths_come_back),      T(varints_come_back),          T(long_varints_are_refused),
        T(a_failure_is_for_good), T(nothing_reads_past_the_end), T(lengths_and_counts_are_bounded),
    };
    return tap_main(argc, argv, tests);
}

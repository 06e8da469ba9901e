/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers grow up to their maximum; what does not fit leaves no trace but the overflow. Blobs. */
#include "base/blob.h"
#include "base/buf.h"
#include "tap.h"

TEST(fixed_widths_and_text)
{
    static const uint8_t want[] = {0x01, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0x08, 0x07,
                                   0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x12, 0x34, 0x12,
                                   0x34, 0x56, 0x78, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
                                   0x07, 0x08, 'a',  'b',  0x03, 'x',  'y',  'z',  0x00};
    struct buf buf;

    buf_init(&buf, 100);
    buf_put_u8(&buf, 1);
    buf_put_le16(&buf, 0x1234);
    buf_put_le32(&buf, 0x12345678);
    buf_put_le64(&buf, UINT64_C(0x0102030405060708));
    buf_put_be16(&buf, 0x1234);
    buf_put_be32(&buf, 0x12345678);
    buf_put_be64(&buf, UINT64_C(0x0102030405060708));
    buf_put_str(&buf, "ab");
    buf_put_lenbytes(&buf, BYTES_LIT("xyz"));
    buf_put_lenbytes(&buf, BYTES_NONE);
    CHECK(!buf.overflow);
    CHECK_BYTES(buf.data, buf.len, want, sizeof(want));
    buf_done(&buf);
}

static void check_varint(uint64_t v, const char *want, size_t len)
{
    struct buf buf;

    buf_init(&buf, 10);
    buf_put_varint(&buf, v);
    CHECK_BYTES(buf.data, buf.len, want, len);
    buf_done(&buf);
}

TEST(varints)
{
    check_varint(0, "\0", 1);
    check_varint(127, "\x7f", 1);
    check_varint(128, "\x80\x01", 2);
    check_varint(300, "\xac\x02", 2);
    check_varint(UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
}

TEST(decimals_and_formats)
{
    struct buf buf;

    buf_init(&buf, 2000);
    buf_put_dec(&buf, 0);
    buf_put_u8(&buf, ' ');
    buf_put_dec(&buf, UINT64_MAX);
    buf_printf(&buf, " %d-%s", 42, "x");
    CHECK_BYTES(buf.data, buf.len, "0 18446744073709551615 42-x", 27);
    buf_reset(&buf);
    buf_printf(&buf, "%*d", 1000, 7);
    CHECK_EQ(buf.len, 1000);
    CHECK_EQ(buf.data[999], '7');
    CHECK_EQ(buf.data[998], ' ');
    buf_done(&buf);
}

TEST(overflow_writes_nothing_and_stays)
{
    struct buf buf;

    buf_init(&buf, 5);
    buf_put_str(&buf, "abc");
    buf_put_str(&buf, "def");
    CHECK(buf.overflow);
    CHECK_BYTES(buf.data, buf.len, "abc", 3);
    CHECK(buf_extend(&buf, 3) == NULL);
    buf_put_le32(&buf, 1);
    CHECK_EQ(buf.len, 3);
    buf_put_str(&buf, "xy");
    CHECK_EQ(buf.len, 5);
    CHECK(buf.overflow);
    buf_reset(&buf);
    CHECK(!buf.overflow);
    CHECK_EQ(buf.len, 0);
    CHECK(buf_extend(&buf, SIZE_MAX) == NULL);
    buf_done(&buf);
}

TEST(growth_keeps_the_content)
{
    struct buf buf;
    bool right = true;

    buf_init(&buf, 1 << 20);
    for (uint32_t i = 0; i < 100000; i++)
        buf_put_le32(&buf, i);
    CHECK_EQ(buf.len, 400000);
    for (uint32_t i = 0; i < 100000; i++) {
        const uint8_t *at = buf.data + (size_t)i * 4;
        uint32_t low = at[0] + at[1] * UINT32_C(256);
        right = right && low + (at[2] + at[3] * UINT32_C(256)) * UINT32_C(65536) == i;
    }
    CHECK(right);
    buf_done(&buf);
    CHECK_EQ(buf.len, 0);
    buf_put_u8(&buf, 7);
    CHECK_EQ(buf.len, 1);
    buf_done(&buf);
}

TEST(consume_moves_the_rest_down)
{
    struct buf buf;

    buf_init(&buf, 10);
    buf_put_str(&buf, "abcdef");
    buf_consume(&buf, 2);
    CHECK_BYTES(buf.data, buf.len, "cdef", 4);
    buf_consume(&buf, 4);
    CHECK_EQ(buf.len, 0);
    buf_put_str(&buf, "0123456789");
    CHECK(!buf.overflow);
    buf_done(&buf);
}

TEST(blobs_are_counted)
{
    struct buf buf;

    buf_init(&buf, 10);
    buf_put_str(&buf, "abc");
    struct blob *blob = buf_to_blob(&buf);
    buf_done(&buf);
    CHECK_EQ(blob->refs, 1);
    CHECK(blob_ref(blob) == blob);
    CHECK_EQ(blob->refs, 2);
    blob_unref(blob);
    CHECK_BYTES(blob_bytes(blob).data, blob_bytes(blob).len, "abc", 3);
    blob_unref(blob);
    CHECK(blob_ref(NULL) == NULL);
    blob_unref(NULL);
    CHECK_EQ(blob_bytes(NULL).len, 0);
    struct blob *none = blob_copy(BYTES_NONE);
    CHECK_EQ(none->len, 0);
    blob_unref(none);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(fixed_widths_and_text),    T(varints),
        T(decimals_and_formats),     T(overflow_writes_nothing_and_stays),
        T(growth_keeps_the_content), T(consume_moves_the_rest_down),
        T(blobs_are_counted),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms: the vectors of RFC 4648, round trips, and what is no such text. */
#include "base/encode.h"
#include "base/random.h"
#include "tap.h"

static void check_base64(const char *plain, const char *text)
{
    struct bytes back = BYTES_NONE;
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 100);
    base64_put(&buf, bytes_str(plain));
    CHECK(bytes_eq(buf_bytes(&buf), bytes_str(text)));
    CHECK_EQ(base64_decode(&arena, bytes_str(text), &back), ERR_OK);
    CHECK(bytes_eq(back, bytes_str(plain)));
    buf_done(&buf);
    arena_done(&arena);
}

TEST(base64_vectors)
{
    check_base64("", "");
    check_base64("f", "Zg==");
    check_base64("fo", "Zm8=");
    check_base64("foo", "Zm9v");
    check_base64("foob", "Zm9vYg==");
    check_base64("fooba", "Zm9vYmE=");
    check_base64("foobar", "Zm9vYmFy");
}

TEST(base64_round_trips)
{
    struct seed seed = seed_of(9);
    struct random random;
    struct arena arena;
    struct buf buf;
    uint8_t raw[100];
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    buf_init(&buf, 200);
    for (unsigned i = 0; i < 5000; i++) {
        struct bytes plain = bytes_of(raw, (size_t)random_below(&random, sizeof(raw)));
        struct bytes back = BYTES_NONE;
        random_bytes(&random, raw, plain.len);
        buf_reset(&buf);
        base64_put(&buf, plain);
        broken += buf.len != (plain.len + 2) / 3 * 4;
        broken += base64_decode(&arena, buf_bytes(&buf), &back) != ERR_OK;
        broken += !bytes_eq(back, plain);
        arena_reset(&arena);
    }
    CHECK_EQ(broken, 0);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(base64_refuses)
{
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zm9",  "Zg==Zg==", "Z===",
                                      "====", "Zm9-", "Zm9_", "Zm 9", "Z=g=",     "=Zg="};
    struct bytes back = BYTES_LIT("untouched");
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(base64_decode(&arena, bytes_str(bad[i]), &back), ERR_MALFORMED);
    CHECK(bytes_eq(back, BYTES_LIT("untouched")));
    arena_done(&arena);
}

TEST(hexadecimal)
{
    uint8_t back[4] = {9, 9, 9, 9};
    struct buf buf;

    buf_init(&buf, 100);
    hex_put(&buf, BYTES_LIT("\x00\x9f\xab\xff"));
    CHECK(bytes_eq(buf_bytes(&buf), BYTES_LIT("009fabff")));
    CHECK_EQ(hex_decode(BYTES_LIT("009fab"), back, 4), ERR_MALFORMED);
    CHECK_EQ(hex_decode(BYTES_LIT("009fabfg"), back, 4), ERR_MALFORMED);
    CHECK_EQ(back[0], 9);
    CHECK_EQ(hex_decode(BYTES_LIT("009FaBfF"), back, 4), ERR_OK);
    CHECK_BYTES(back, 4, "\x00\x9f\xab\xff", 4);
    buf_done(&buf);
}

static void check_base62(struct bytes number, const char *text)
{
    struct buf buf;

    buf_init(&buf, 100);
    base62_put(&buf, number);
    CHECK_BYTES(buf.data, buf.len, text, strlen(text));
    buf_done(&buf);
}

TEST(base62_digits)
{
    check_base62(BYTES_NONE, "0");
    check_base62(BYTES_LIT("\0"), "0");
    check_base62(BYTES_LIT("\0\0\x09"), "9");
    check_base62(BYTES_LIT("\x0a"), "A");
    check_base62(BYTES_LIT("\x23"), "Z");
    check_base62(BYTES_LIT("\x24"), "a");
    check_base62(BYTES_LIT("\x3d"), "z");
    check_base62(BYTES_LIT("\x3e"), "10");
    check_base62(BYTES_LIT("\x01\x00"), "48");
    /* 2^64 - 1 and 2^128 - 1 */
    check_base62(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"), "LygHa16AHYF");
    check_base62(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                 "7n42DGM5Tflk9n8mt7Fhc7");
}

/* Back from base 62 by the obvious way. */
TEST(base62_is_the_number)
{
    struct seed seed = seed_of(10);
    struct random random;
    struct buf buf;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    buf_init(&buf, 100);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t v = random_u64(&random) >> random_below(&random, 64);
        uint64_t back = 0;
        uint8_t raw[8];
        for (unsigned b = 0; b < 8; b++)
            raw[b] = (uint8_t)(v >> (56 - 8 * b));
        buf_reset(&buf);
        base62_put(&buf, bytes_of(raw, sizeof(raw)));
        for (size_t j = 0; j < buf.len; j++) {
            uint8_t c = buf.data[j];
            back = back * 62 + (uint64_t)(c <= '9'   ? c - '0'
                                          : c <= 'Z' ? c - 'A' + 10
                                                     : c - 'a' + 36);
        }
        broken += back != v || (buf.len > 1 && buf.data[0] == '0');
    }
    CHECK_EQ(broken, 0);
    buf_done(&buf);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(base64_vectors), T(base64_round_trips), T(base64_refuses),
        T(hexadecimal),    T(base62_digits),      T(base62_is_the_number),
    };
    return tap_main(argc, argv, tests);
}

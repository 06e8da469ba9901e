/* SPDX-License-Identifier: Apache-2.0 */
/* The encoding itself: tags, varints, tables; what is legal but odd, and what is refused. */
#include "msg/request.h"
#include "tap.h"
#include "wire/pb_wire.h"

struct thing {
    struct bytes name;
    uint32_t number;
    bool flag;
    enum tristate maybe;
};

static const struct pb_spec thing_specs[] = {
    [1] = {PB_BYTES, true, offsetof(struct thing, name)},
    [2] = {PB_UINT32, false, offsetof(struct thing, number)},
    [4] = {PB_BOOL, false, offsetof(struct thing, flag)},
    [5] = {PB_TRISTATE, false, offsetof(struct thing, maybe)},
};

static enum err read_thing(struct bytes body, struct thing *thing)
{
    *thing = (struct thing){.number = 77};
    return pb_read((struct pb_specs){thing_specs, ARRAY_LEN(thing_specs)}, body, thing);
}

TEST(reads_by_table)
{
    struct thing thing;

    CHECK_EQ(read_thing(BYTES_LIT("\x0a\x02hi\x10\xac\x02\x20\x01\x28\x00"), &thing), ERR_OK);
    CHECK_BYTES(thing.name.data, thing.name.len, "hi", 2);
    CHECK_EQ(thing.number, 300);
    CHECK(thing.flag);
    CHECK_EQ(thing.maybe, TRI_FALSE);
}

TEST(keeps_what_is_absent)
{
    struct thing thing;

    CHECK_EQ(read_thing(BYTES_LIT("\x0a\x00"), &thing), ERR_OK);
    CHECK(thing.name.data != NULL);
    CHECK_EQ(thing.name.len, 0);
    CHECK_EQ(thing.number, 77);
    CHECK_EQ(thing.maybe, TRI_DEFAULT);
}

TEST(takes_the_last_of_two)
{
    struct thing thing;

    CHECK_EQ(read_thing(BYTES_LIT("\x10\x01\x0a\x01x\x10\x02\x0a\x01y"), &thing), ERR_OK);
    CHECK_BYTES(thing.name.data, thing.name.len, "y", 1);
    CHECK_EQ(thing.number, 2);
}

TEST(skips_unknown_fields)
{
    struct thing thing;
    /* field 3 as varint, 127 as bytes, 6 as 8 bytes, 7 as 4 bytes, 1000 as varint */
    struct bytes body = BYTES_LIT("\x18\x05\xfa\x07\x03"
                                  "foo\x31"
                                  "12345678\x3d"
                                  "1234\xc0\x3e\x01\x0a\x01x");

    CHECK_EQ(read_thing(body, &thing), ERR_OK);
    CHECK_BYTES(thing.name.data, thing.name.len, "x", 1);
}

TEST(takes_long_varints)
{
    struct thing thing;

    /* Zero in ten bytes; a negative number as clients write it, cut to 32 bits. */
    CHECK_EQ(read_thing(BYTES_LIT("\x0a\x81\x80\x00x\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
                        &thing),
             ERR_OK);
    CHECK_EQ(thing.number, 0);
    CHECK_EQ(read_thing(BYTES_LIT("\x0a\x01x\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &thing),
             ERR_OK);
    CHECK_EQ(thing.number, UINT32_MAX);
}

TEST(refuses_what_is_none)
{
    static const struct {
        const char *why;
        const char *bytes;
        size_t len;
    } bad[] = {
        {"required field missing", "\x10\x01", 2},
        {"tag cut short", "\xff\xff\xff\xff\xff", 5},
        {"length missing", "\x0a", 1},
        {"bytes cut short",
         "\x0a\x05"
         "b",
         3},
        {"varint missing", "\x0a\x01x\x10", 4},
        {"varint of eleven bytes", "\x0a\x01x\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 15},
        {"varint above 64 bits", "\x0a\x01x\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 14},
        {"length above all", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12},
        {"field number 0", "\x0a\x01x\x00\x01", 5},
        {"field number above 29 bits", "\x0a\x01x\x80\x80\x80\x80\x10\x01", 9},
        {"start of a group", "\x0a\x01x\x1b\x1c", 5},
        {"end of a group", "\x0a\x01x\x1c", 4},
        {"wire type 6", "\x0a\x01x\x1e", 4},
        {"wire type 7", "\x0a\x01x\x1f", 4},
        {"text where a number stands", "\x0a\x01x\x12\x01y", 6},
        {"number where text stands", "\x08\x01", 2},
        {"four bytes where text stands", "\x0d\x01\x02\x03\x04", 5},
        {"four bytes cut short", "\x0a\x01x\x3d\x01\x02", 6},
        {"eight bytes cut short", "\x0a\x01x\x39\x01\x02", 6},
    };
    struct thing thing;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum err err = read_thing(bytes_of(bad[i].bytes, bad[i].len), &thing);
        if (err != ERR_MALFORMED)
            tap_note("%s", bad[i].why);
        CHECK_EQ(err, ERR_MALFORMED);
    }
    CHECK_EQ(read_thing(BYTES_NONE, &thing), ERR_MALFORMED);
}

TEST(counts_repeated_fields)
{
    struct bytes body = BYTES_LIT("\x0a\x01x\x10\x01\x0a\x00\x0a\x01y");

    CHECK_EQ(pb_count(body, 1), 3);
    CHECK_EQ(pb_count(body, 2), 1);
    CHECK_EQ(pb_count(body, 3), 0);
}

TEST(writes_what_it_counts)
{
    uint8_t to[64];
    struct pb_writer count = {NULL, 0};
    struct pb_writer w = {to, 0};

    for (int pass = 0; pass < 2; pass++) {
        struct pb_writer *at = pass == 0 ? &count : &w;
        pb_put_bytes(at, 1, BYTES_LIT("hi"));
        pb_put_number(at, 2, UINT32_MAX);
        pb_put_message(at, 100, 0);
        pb_put_number(at, 3, 0);
    }
    CHECK_EQ(count.len, w.len);
    CHECK_BYTES(to, w.len, "\x0a\x02hi\x10\xff\xff\xff\xff\x0f\xa2\x06\x00\x18\x00", 15);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(reads_by_table),         T(keeps_what_is_absent),  T(takes_the_last_of_two),
        T(skips_unknown_fields),   T(takes_long_varints),    T(refuses_what_is_none),
        T(counts_repeated_fields), T(writes_what_it_counts),
    };
    return tap_main(argc, argv, tests);
}

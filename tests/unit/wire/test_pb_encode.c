/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to clients, byte for byte. */
#include "base/mem.h"
#include "tap.h"
#include "wire/pb_encode.h"
#include "wire/reply_error.h"

/* Runs `put` for its length, checks that, then runs it for real. */
#define CHECK_PUT(want, put)                                                                       \
    do {                                                                                           \
        uint8_t to_[512];                                                                          \
        uint8_t *to = NULL;                                                                        \
        size_t len = put;                                                                          \
        CHECK_EQ_FATAL(len, sizeof(want) - 1);                                                     \
        to = to_;                                                                                  \
        CHECK_EQ(put, len);                                                                        \
        CHECK_BYTES(to_, len, want, sizeof(want) - 1);                                             \
    } while (0)

TEST(small_messages)
{
    CHECK_PUT("\0\0\0\x01\x02", pb_empty_put(to, PB_PING_RESP));
    CHECK_PUT("\0\0\0\x07\x04\x0a\x04\0\0\0\0", pb_client_id_put(to, bytes_of("\0\0\0\0", 4)));
    CHECK_PUT("\0\0\0\x10\x08\x0a\x06n@host\x12\x05"
              "3.2.3",
              pb_server_info_put(to, BYTES_LIT("n@host"), BYTES_LIT("3.2.3")));
    CHECK_PUT("\0\0\0\x08\x08\x12\x05"
              "3.2.3",
              pb_server_info_put(to, BYTES_NONE, BYTES_LIT("3.2.3")));
}

/* The code is there although it is zero: the field is a required one. */
TEST(errors)
{
    CHECK_PUT("\0\0\0\x0c\0\x0a\x07timeout\x10\0", pb_error_put(to, BYTES_LIT("timeout")));
}

TEST(names)
{
    const struct bytes list[] = {BYTES_LIT("one"), BYTES_NONE, BYTES_LIT("two")};
    struct buf gathered;

    CHECK_PUT("\0\0\0\x0d\x12\x0a\x03one\x0a\0\x0a\x03two",
              pb_names_put(to, PB_LIST_KEYS_RESP, list, 3));
    CHECK_PUT("\0\0\0\x03\x12\x10\x01", pb_names_done_put(to, PB_LIST_KEYS_RESP));

    buf_init(&gathered, 16);
    for (unsigned i = 0; i < 3; i++)
        pb_name_add(&gathered, list[i]);
    CHECK(!gathered.overflow);
    CHECK_PUT("\0\0\0\x0d\x10\x0a\x03one\x0a\0\x0a\x03two",
              pb_gathered_put(to, PB_LIST_BUCKETS_RESP, buf_bytes(&gathered)));
    pb_name_add(&gathered, list[0]);
    CHECK(gathered.overflow);
    buf_done(&gathered);
}

TEST(nothing_found_is_empty)
{
    const struct pb_object_resp get = {.code = PB_GET_RESP};
    const struct pb_object_resp same = {.code = PB_GET_RESP, .unchanged = true};
    const struct pb_object_resp made = {.code = PB_PUT_RESP, .key = BYTES_LIT("abc")};
    const struct pb_object_resp tomb = {.code = PB_GET_RESP, .vclock = BYTES_LIT("vc")};

    CHECK_PUT("\0\0\0\x01\x0a", pb_object_put(to, &get));
    CHECK_PUT("\0\0\0\x03\x0a\x18\x01", pb_object_put(to, &same));
    CHECK_PUT("\0\0\0\x06\x0c\x1a\x03"
              "abc",
              pb_object_put(to, &made));
    CHECK_PUT("\0\0\0\x05\x0a\x12\x02vc", pb_object_put(to, &tomb));
}

TEST(object_with_everything)
{
    const struct link link = {BYTES_LIT("b"), BYTES_LIT("k"), BYTES_LIT("t")};
    const struct pair meta = {BYTES_LIT("m"), BYTES_LIT("v")};
    const struct pair entry = {BYTES_LIT("f_int"), BYTES_LIT("7")};
    const struct sibling sibling = {
        .dot = {1, 1},
        .hlc_us = UINT64_C(1000000) * 200 + 5,
        .content =
            {
                .value = BYTES_LIT("val"),
                .content_type = BYTES_LIT("a/b"),
                .charset = {(const uint8_t *)"", 0},
                .content_encoding = BYTES_LIT("gz"),
                .links = &link,
                .meta = &meta,
                .indexes = &entry,
                .links_count = 1,
                .meta_count = 1,
                .indexes_count = 1,
            },
    };
    const struct sibling tombstone = {.dot = {2, 1}, .hlc_us = 1000000, .deleted = true};
    const struct pb_shown shown[] = {
        {.sibling = &sibling, .vtag = BYTES_LIT("V")},
        {.sibling = &sibling, .vtag = BYTES_LIT("V"), .blank = true},
        {.sibling = &tombstone, .vtag = BYTES_LIT("W")},
    };
    const struct pb_object_resp one = {
        .code = PB_GET_RESP, .shown = shown, .shown_count = 1, .vclock = BYTES_LIT("vc")};
    const struct pb_object_resp blank = {
        .code = PB_PUT_RESP, .shown = shown + 1, .shown_count = 2, .vclock = BYTES_LIT("vc")};

#define REST                                                                                       \
    "\x12\x03"                                                                                     \
    "a/b\x1a\x00\x22\x02gz\x2a\x01V\x32\x09\x0a\x01"                                               \
    "b\x12\x01k\x1a\x01t\x38\xc8\x01\x40\x05\x4a\x06\x0a\x01m\x12\x01v\x52\x0a\x0a\x05"            \
    "f_int\x12\x01"                                                                                \
    "7"
    CHECK_PUT("\0\0\0\x3e\x0a\x0a\x37\x0a\x03val" REST "\x12\x02vc", pb_object_put(to, &one));
    CHECK_PUT("\0\0\0\x48\x0c\x0a\x34\x0a\x00" REST "\x0a\x0b\x0a\x00\x2a\x01W\x38\x01\x40\x00\x58"
              "\x01\x12\x02vc",
              pb_object_put(to, &blank));
}

/* Parts of a link that are not there stay away. */
TEST(link_without_tag)
{
    const struct link link = {BYTES_LIT("b"), BYTES_LIT("k"), BYTES_NONE};
    const struct sibling sibling = {.hlc_us = 1, .content = {.links = &link, .links_count = 1}};
    const struct pb_shown shown = {.sibling = &sibling, .vtag = BYTES_LIT("V")};
    const struct pb_object_resp resp = {.code = PB_GET_RESP, .shown = &shown, .shown_count = 1};

    CHECK_PUT("\0\0\0\x14\x0a\x0a\x11\x0a\x00\x2a\x01V\x32\x06\x0a\x01"
              "b\x12\x01k\x38\x00\x40\x01",
              pb_object_put(to, &resp));
}

/* A length of more than one byte, and a value that is not small. */
TEST(large_value)
{
    enum { LEN = 100000 };
    uint8_t *value = mem_new(LEN);
    const struct sibling sibling = {.hlc_us = 1, .content.value = {value, LEN}};
    const struct pb_shown shown = {.sibling = &sibling, .vtag = BYTES_LIT("V")};
    const struct pb_object_resp resp = {.code = PB_GET_RESP, .shown = &shown, .shown_count = 1};

    memset(value, 'x', LEN);
    size_t len = pb_object_put(NULL, &resp);
    uint8_t *to = mem_new(len);
    CHECK_EQ(pb_object_put(to, &resp), len);
    CHECK_EQ(len, 5 + 4 + 4 + LEN + 3 + 4);
    CHECK_BYTES(to, 13, "\0\x01\x86\xb0\x0a\x0a\xab\x8d\x06\x0a\xa0\x8d\x06", 13);
    CHECK_BYTES(to + 13, LEN, value, LEN);
    mem_free(to);
    mem_free(value);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(small_messages),         T(errors),           T(names),       T(nothing_found_is_empty),
        T(object_with_everything), T(link_without_tag), T(large_value),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A Protocol Buffers connection: what each message comes to, how answers look, and what ends it. */
#include "base/mem.h"
#include "base/random.h"
#include "model/context.h"
#include "pb_client.h"
#include "session/limits.h"
#include "tap.h"

#define GET_B_K                                                                                    \
    BYTES_LIT("\x0a\x01"                                                                           \
              "b\x12\x01k")
#define PUT_B_K                                                                                    \
    BYTES_LIT("\x0a\x01"                                                                           \
              "b\x12\x01k\x22\x03\x0a\x01v")

#define CHECK_SAID(c, want) CHECK_STR(client_said(c), want)

/* One frame, and all that comes of it. */
#define CHECK_FRAME(code, body, want)                                                              \
    do {                                                                                           \
        struct client c_;                                                                          \
        client_init(&c_);                                                                          \
        client_frame(&c_, code, body);                                                             \
        CHECK_SAID(&c_, want);                                                                     \
        client_done(&c_);                                                                          \
    } while (0)

#define NO_BODY BYTES_NONE

TEST(answered_from_the_connection)
{
    struct client c;

    client_init(&c);
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[2]");
    client_frame(&c, 3, NO_BODY);
    CHECK_BYTES(c.bytes.data, c.bytes.len, "\0\0\0\x07\x04\x0a\x04\0\0\0\0", 11);
    CHECK_SAID(&c, "[4]");
    client_frame(&c, 5,
                 BYTES_LIT("\x0a\x02"
                           "ab"));
    CHECK_SAID(&c, "[6]");
    client_frame(&c, 3, NO_BODY);
    CHECK_BYTES(c.bytes.data, c.bytes.len,
                "\0\0\0\x05\x04\x0a\x02"
                "ab",
                9);
    CHECK_SAID(&c, "[4]");
    client_frame(&c, 7, NO_BODY);
    CHECK_BYTES(c.bytes.data, c.bytes.len,
                "\0\0\0\x15\x08\x0a\x0b"
                "dassie@host\x12\x05"
                "3.2.3",
                25);
    CHECK_SAID(&c, "[8]");
    CHECK_EQ(pb_session_waiting(c.pb), 0);
    client_done(&c);
}

TEST(unknown_codes)
{
    static const uint8_t codes[] = {0, 2, 10, 23, 25, 27, 34, 50, 54, 80, 82, 99, 200, 253};

    for (size_t i = 0; i < sizeof(codes); i++) {
        struct client c;
        char want[64] = "[0 Unknown message code: ";
        size_t at = strlen(want);
        if (codes[i] >= 100)
            want[at++] = (char)('0' + codes[i] / 100);
        if (codes[i] >= 10)
            want[at++] = (char)('0' + codes[i] / 10 % 10);
        want[at++] = (char)('0' + codes[i] % 10);
        memcpy(want + at, "] [2]", 6);
        client_init(&c);
        client_frame(&c, codes[i],
                     BYTES_LIT("\x0a\x01"
                               "b"));
        client_frame(&c, 1, NO_BODY);
        CHECK_SAID(&c, want);
        client_done(&c);
    }
}

TEST(start_tls_is_refused)
{
    CHECK_FRAME(255, NO_BODY, "[0 Security not enabled; STARTTLS not allowed.]");
}

#define CRASH(code)                                                                                \
    "[0 Error processing incoming message: error:{malformed_message," code "}:[]] closed"

/* The frames of golden/malformed-pb, and some more. */
TEST(malformed_messages)
{
    CHECK_FRAME(9, NO_BODY, CRASH("9"));
    CHECK_FRAME(11,
                BYTES_LIT("\x0a\x01"
                          "b"),
                CRASH("11"));
    CHECK_FRAME(17, NO_BODY, CRASH("17"));
    CHECK_FRAME(9, BYTES_LIT("\xff\xff\xff\xff\xff"), CRASH("9"));
    CHECK_FRAME(9, BYTES_LIT("\x0a"), CRASH("9"));
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x05"
                          "b"),
                CRASH("9"));
    CHECK_FRAME(11, BYTES_LIT("\x08"), CRASH("11"));
    CHECK_FRAME(1, BYTES_LIT("\x08\x01"), CRASH("1"));
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x01"
                          "b\x12\x01k\xfa\x07\x03"
                          "foo"),
                "get default/b/k");
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x01"
                          "b\x12\x01k\xf8\x07\x01"),
                "get default/b/k");
    CHECK_FRAME(15, NO_BODY, "buckets default//(none)");
}

TEST(bad_lengths)
{
    struct client c;

    client_init(&c);
    client_send(&c, BYTES_LIT("\0\0\0\0"));
    CHECK_SAID(&c, "closed");
    client_done(&c);

    client_init(&c);
    client_send(&c, BYTES_LIT("\x7f\xff\xff\xff\x01"));
    CHECK_SAID(&c, "[0 Invalid message packet, reason: invalid] closed");
    client_send(&c, BYTES_LIT("\0\0\0\x01\x01"));
    CHECK_SAID(&c, "");
    client_done(&c);

    client_init(&c);
    client_send(&c, BYTES_LIT("\0\0\0\x01\x01\xff\xff\xff\xff\x01"));
    CHECK_SAID(&c, "[2] [0 Invalid message packet, reason: invalid] closed");
    client_done(&c);
}

/* It is passed over, and the connection lives. */
TEST(frame_above_the_limit)
{
    struct client c;
    size_t left = (size_t)PB_FRAME_BYTES_MAX + 1;
    size_t piece = 8 * 1024 * 1024;
    uint8_t *zeros = mem_new(piece);

    client_init(&c);
    client_send(&c, BYTES_LIT("\x04\0\0\x01"));
    for (; left > 0; left -= piece < left ? piece : left)
        client_send(&c, bytes_of(zeros, piece < left ? piece : left));
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[0 {too_large,67108865}] [2]");
    mem_free(zeros);
    client_done(&c);
}

TEST(names_that_cannot_be)
{
    CHECK_FRAME(9, BYTES_LIT("\x0a\0\x12\x01k"), "[0 Bucket cannot be zero-length]");
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x01"
                          "b\x12\0"),
                "[0 Key cannot be zero-length]");
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x01"
                          "b\x12\x01k\x6a\0"),
                "[0 Type cannot be zero-length]");
    CHECK_FRAME(11, BYTES_LIT("\x0a\0\x12\x01k\x22\x02\x0a\0"), "[0 Bucket cannot be zero-length]");
    CHECK_FRAME(11,
                BYTES_LIT("\x0a\x01"
                          "b\x12\0\x22\x02\x0a\0"),
                "[0 Key cannot be zero-length]");
    CHECK_FRAME(11,
                BYTES_LIT("\x0a\x01"
                          "b\x22\x02\x0a\0"),
                "put default/b/(none)");
    CHECK_FRAME(13,
                BYTES_LIT("\x0a\x01"
                          "b\x12\0"),
                "[14]");
    CHECK_FRAME(13, BYTES_LIT("\x0a\0\x12\x01k"), "[14]");
    CHECK_FRAME(17, BYTES_LIT("\x0a\0"), "[18]");
}

TEST(key_too_long)
{
    static const uint8_t codes[] = {9, 11, 13};

    for (size_t i = 0; i < sizeof(codes); i++) {
        for (size_t len = 65536; len <= 65537; len++) {
            struct client c;
            uint8_t *body = mem_new(len + 64);
            uint8_t *key = mem_new(len);
            struct pb_writer w = {body, 0};
            memset(key, 'k', len);
            pb_put_bytes(&w, 1, BYTES_LIT("b"));
            pb_put_bytes(&w, 2, bytes_of(key, len));
            if (codes[i] == 11)
                pb_put_raw(&w, BYTES_LIT("\x22\x02\x0a\0"));
            client_init(&c);
            client_frame(&c, codes[i], bytes_of(body, w.len));
            if (len == 65536) {
                CHECK_EQ(pb_session_waiting(c.pb), 1);
                CHECK(!c.closed);
            } else {
                CHECK_SAID(&c, "[0 Error processing incoming message: "
                               "throw:{error,key_too_large}:[]] closed");
            }
            client_done(&c);
            mem_free(body);
            mem_free(key);
        }
    }
}

TEST(bad_context_is_said)
{
    CHECK_FRAME(9,
                BYTES_LIT("\x0a\x01"
                          "b\x12\x01k\x3a\x03"
                          "foo"),
                "[0 Invalid vclock: it is damaged or was not made by this cluster; read the object "
                "again]");
}

static const struct dot dots[] = {{4, 1}, {4, 2}};
static const struct clock clock_of_two = {.entries = dots + 1, .count = 1};
static const struct sibling siblings[] = {
    {.dot = {4, 1},
     .hlc_us = 5000007,
     .content = {.value = {(const uint8_t *)"one", 3},
                 .content_type = {(const uint8_t *)"t/p", 3}}},
    {.dot = {4, 2}, .hlc_us = 6000000, .deleted = true},
};

/* What a get answered: `values` are the values of its contents, `|` between them. */
struct seen {
    char values[64];
    unsigned deleted;
    bool has_vclock;
    bool unchanged;
    bool has_key;
};

static void look(struct client *c, struct seen *seen)
{
    struct reader r = reader_of(bytes_sub(buf_bytes(&c->bytes), 5, c->bytes.len));
    struct pb_field field, inner;
    size_t at = 0;
    bool put = c->bytes.len > 4 && c->bytes.data[4] == 12;

    *seen = (struct seen){.deleted = 0};
    while (pb_next(&r, &field)) {
        seen->has_vclock |= field.number == 2;
        seen->unchanged |= field.number == 3 && !put;
        seen->has_key |= field.number == 3 && put;
        if (field.number != 1)
            continue;
        struct reader content = reader_of(field.bytes);
        while (pb_next(&content, &inner)) {
            seen->deleted += inner.number == 11;
            if (inner.number == 1 && at + inner.bytes.len + 2 < sizeof(seen->values)) {
                if (inner.bytes.len > 0)
                    memcpy(seen->values + at, inner.bytes.data, inner.bytes.len);
                at += inner.bytes.len;
                seen->values[at++] = '|';
            }
        }
    }
}

static void get_comes_to(struct bytes body, const struct reply *reply, struct seen *seen)
{
    struct client c;

    client_init(&c);
    client_frame(&c, 9, body);
    CHECK_SAID(&c, "get default/b/k");
    client_reply(&c, reply);
    look(&c, seen);
    CHECK_SAID(&c, "[10]");
    CHECK_EQ(pb_session_waiting(c.pb), 0);
    client_done(&c);
}

#define GET_DELETEDVCLOCK                                                                          \
    BYTES_LIT("\x0a\x01"                                                                           \
              "b\x12\x01k\x48\x01")
#define GET_HEAD                                                                                   \
    BYTES_LIT("\x0a\x01"                                                                           \
              "b\x12\x01k\x40\x01")

TEST(get_shows)
{
    const struct object both = {clock_of_two, siblings, 2};
    const struct object live = {clock_of_two, siblings, 1};
    const struct object dead = {clock_of_two, siblings + 1, 1};
    const struct reply found = {.kind = REPLY_OBJECT, .object = &both};
    const struct reply single = {.kind = REPLY_OBJECT, .object = &live};
    const struct reply tombstone = {.kind = REPLY_OBJECT, .object = &dead};
    const struct reply deleted = {.kind = REPLY_OBJECT, .err = ERR_NOT_FOUND, .object = &dead};
    const struct reply nothing = {.kind = REPLY_ERROR, .err = ERR_NOT_FOUND};
    const struct reply unchanged = {.kind = REPLY_ERROR, .err = ERR_UNCHANGED};
    struct seen seen;

    get_comes_to(GET_B_K, &single, &seen);
    CHECK_STR(seen.values, "one|");
    CHECK(seen.has_vclock);
    CHECK_EQ(seen.deleted, 0);
    get_comes_to(GET_B_K, &found, &seen);
    CHECK_STR(seen.values, "one||");
    CHECK_EQ(seen.deleted, 1);
    get_comes_to(GET_HEAD, &found, &seen);
    CHECK_STR(seen.values, "||");
    CHECK(seen.has_vclock);
    get_comes_to(GET_B_K, &nothing, &seen);
    CHECK_STR(seen.values, "");
    CHECK(!seen.has_vclock);
    get_comes_to(GET_B_K, &tombstone, &seen);
    CHECK_STR(seen.values, "");
    CHECK(!seen.has_vclock);
    get_comes_to(GET_DELETEDVCLOCK, &tombstone, &seen);
    CHECK_STR(seen.values, "");
    CHECK(seen.has_vclock);
    get_comes_to(GET_DELETEDVCLOCK, &deleted, &seen);
    CHECK(seen.has_vclock);
    get_comes_to(GET_DELETEDVCLOCK, &nothing, &seen);
    CHECK(!seen.has_vclock);
    get_comes_to(GET_B_K, &unchanged, &seen);
    CHECK(seen.unchanged);
    CHECK(!seen.has_vclock);
}

/* A context that a client gets is one that the session takes back. */
TEST(context_comes_back)
{
    struct client c;
    const struct object live = {clock_of_two, siblings, 1};
    const struct reply found = {.kind = REPLY_OBJECT, .object = &live};
    struct pb_field field;
    uint8_t body[256];
    struct pb_writer w = {body, 0};

    client_init(&c);
    client_frame(&c, 9, GET_B_K);
    client_reply(&c, &found);
    pb_put_raw(&w, PUT_B_K);
    struct reader r = reader_of(bytes_sub(buf_bytes(&c.bytes), 5, c.bytes.len));
    while (pb_next(&r, &field)) {
        if (field.number == 2)
            pb_put_bytes(&w, 3, field.bytes);
    }
    client_said(&c);
    client_frame(&c, 11, bytes_of(body, w.len));
    CHECK_STR(client_said(&c), "put default/b/k");
    CHECK_EQ(clock_compare(c.request.u.put.context, clock_of_two), CLOCK_EQUAL);
    client_done(&c);
}

TEST(put_answers)
{
    struct client c;
    const struct object both = {clock_of_two, siblings, 2};
    const struct reply done = {.kind = REPLY_OBJECT};
    const struct reply back = {.kind = REPLY_OBJECT, .object = &both, .made_key = BYTES_LIT("X")};
    const struct reply exists = {.kind = REPLY_ERROR, .err = ERR_MATCH_FOUND};
    struct seen seen;

    client_init(&c);
    client_frame(&c, 11, PUT_B_K);
    CHECK_SAID(&c, "put default/b/k");
    client_reply(&c, &done);
    CHECK_EQ(c.bytes.len, 5);
    CHECK_SAID(&c, "[12]");
    client_frame(&c, 11,
                 BYTES_LIT("\x0a\x01"
                           "b\x12\x01k\x22\x03\x0a\x01v\x38\x01"));
    CHECK(c.request.u.put.return_body);
    client_said(&c);
    client_reply(&c, &back);
    look(&c, &seen);
    CHECK_STR(seen.values, "one||");
    CHECK(seen.has_vclock && seen.has_key);
    client_said(&c);
    client_frame(&c, 11,
                 BYTES_LIT("\x0a\x01"
                           "b\x12\x01k\x22\x03\x0a\x01v\x58\x01"));
    CHECK(c.request.u.put.return_body);
    client_said(&c);
    client_reply(&c, &back);
    look(&c, &seen);
    CHECK_STR(seen.values, "||");
    client_said(&c);
    client_frame(&c, 11, PUT_B_K);
    client_said(&c);
    client_reply(&c, &exists);
    CHECK_SAID(&c, "[0 match_found]");
    client_done(&c);
}

TEST(write_once_gives_nothing_back)
{
    struct client c;

    client_init(&c);
    c.types[1].props.write_once = true;
    client_frame(&c, 11,
                 BYTES_LIT("\x0a\x01"
                           "b\x22\x03\x0a\x01v\x38\x01\x82\x01\x05"
                           "plain"));
    CHECK_SAID(&c, "put plain/b/(none)");
    CHECK(!c.request.u.put.return_body);
    client_done(&c);
}

TEST(delete_answers)
{
    const struct reply replies[] = {
        {.kind = REPLY_DONE},
        {.kind = REPLY_ERROR, .err = ERR_NOT_FOUND},
        {.kind = REPLY_ERROR, .err = ERR_N_VAL_VIOLATION, .need = 3},
        {.kind = REPLY_ERROR, .err = ERR_NO_TYPE},
        {.kind = REPLY_ERROR, .err = ERR_TIMEOUT},
    };
    static const char *const want[] = {"[14]", "[14]", "[0 {n_val_violation,3}]", "[0 no_type]",
                                       "[0 timeout]"};

    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct client c;
        client_init(&c);
        client_frame(&c, 13, GET_B_K);
        CHECK_SAID(&c, "delete default/b/k");
        client_reply(&c, &replies[i]);
        CHECK_SAID(&c, want[i]);
        client_done(&c);
    }
}

TEST(listing_of_unknown_types)
{
    CHECK_FRAME(15,
                BYTES_LIT("\x1a\x04"
                          "none"),
                "[0 No bucket-type named 'none']");
    CHECK_FRAME(15,
                BYTES_LIT("\x1a\x07"
                          "unready"),
                "[0 No bucket-type named 'unready']");
    CHECK_FRAME(17,
                BYTES_LIT("\x0a\x01"
                          "b\x1a\x04"
                          "none"),
                "[0 No bucket-type named 'none']");
    CHECK_FRAME(17,
                BYTES_LIT("\x0a\x01"
                          "b\x1a\x05"
                          "plain"),
                "keys plain/b/(none)");
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(answered_from_the_connection),
        T(unknown_codes),
        T(start_tls_is_refused),
        T(malformed_messages),
        T(bad_lengths),
        T(frame_above_the_limit),
        T(names_that_cannot_be),
        T(key_too_long),
        T(bad_context_is_said),
        T(get_shows),
        T(context_comes_back),
        T(put_answers),
        T(write_once_gives_nothing_back),
        T(delete_answers),
        T(listing_of_unknown_types),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A Protocol Buffers connection over time: order, listings that take many steps, clients that are
 * slow or gone, bytes that come in pieces of any size. */
#include "base/random.h"
#include "pb_client.h"
#include "session/limits.h"
#include "tap.h"

#define GET_B_K                                                                                    \
    BYTES_LIT("\x0a\x01"                                                                           \
              "b\x12\x01k")

#define CHECK_SAID(c, want) CHECK_STR(client_said(c), want)
#define NO_BODY             BYTES_NONE

static const struct dot dots[] = {{4, 1}, {4, 2}};
static const struct clock clock_of_two = {.entries = dots + 1, .count = 1};
static const struct sibling siblings[] = {
    {.dot = {4, 1}, .hlc_us = 5000007, .content.value = {(const uint8_t *)"one", 3}},
    {.dot = {4, 2}, .hlc_us = 6000000, .deleted = true},
};

TEST(keys_are_streamed)
{
    struct client c;
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b")};
    const struct reply two = {.kind = REPLY_NAMES, .names = names, .names_count = 2};
    const struct reply none = {.kind = REPLY_NAMES};
    const struct reply last = {.kind = REPLY_NAMES, .names = names, .names_count = 1, .done = true};

    client_init(&c);
    client_frame(&c, 17,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    CHECK_SAID(&c, "keys default/b/(none)");
    CHECK_EQ(pb_session_waiting(c.pb), 1);
    client_reply(&c, &two);
    CHECK_BYTES(c.bytes.data, c.bytes.len,
                "\0\0\0\x07\x12\x0a\x01"
                "a\x0a\x01"
                "b",
                11);
    CHECK_SAID(&c, "more [18]");
    client_reply(&c, &none);
    CHECK_SAID(&c, "more");
    client_reply(&c, &last);
    CHECK_BYTES(c.bytes.data, c.bytes.len,
                "\0\0\0\x04\x12\x0a\x01"
                "a\0\0\0\x03\x12\x10\x01",
                15);
    CHECK_SAID(&c, "[18] [18]");
    CHECK_EQ(pb_session_waiting(c.pb), 0);
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[2]");
    client_done(&c);
}

TEST(stream_ends_with_an_error)
{
    struct client c;
    const struct reply timeout = {.kind = REPLY_ERROR, .err = ERR_TIMEOUT};

    client_init(&c);
    client_frame(&c, 17,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    client_said(&c);
    client_reply(&c, &timeout);
    CHECK_SAID(&c, "[0 timeout]");
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[2]");
    client_done(&c);
}

TEST(stream_waits_for_a_slow_client)
{
    struct client c;
    static uint8_t name[60000];
    const struct bytes names[] = {{name, sizeof(name)}};
    const struct reply chunk = {.kind = REPLY_NAMES, .names = names, .names_count = 1};
    unsigned chunks = 0;

    client_init(&c);
    client_frame(&c, 17,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    client_said(&c);
    while (chunks < 100) {
        client_reply(&c, &chunk);
        chunks++;
        if (strcmp(client_said(&c), "[18] more") != 0)
            break;
    }
    CHECK_EQ(chunks, SESSION_OUTPUT_MAX / 60000 + 1);
    client_writable(&c, SESSION_OUTPUT_MAX - SESSION_OUTPUT_LOW);
    CHECK_SAID(&c, "more");
    client_reply(&c, &chunk);
    CHECK_SAID(&c, "[18] more");
    client_done(&c);
}

TEST(no_request_while_a_stream_runs)
{
    struct client c;

    client_init(&c);
    client_frame(&c, 17,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    client_said(&c);
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[0 Cannot send another request while one is in progress] gone closed");
    CHECK_EQ(pb_session_waiting(c.pb), 0);
    client_done(&c);

    /* What came in the same write is served, after the stream. */
    const struct reply last = {.kind = REPLY_NAMES, .done = true};
    client_init(&c);
    client_send(&c, BYTES_LIT("\0\0\0\x04\x11\x0a\x01"
                              "b\0\0\0\x01\x01"));
    CHECK_SAID(&c, "keys default/b/(none)");
    client_reply(&c, &last);
    CHECK_SAID(&c, "[18] [2]");
    client_done(&c);
}

TEST(buckets_are_gathered)
{
    struct client c;
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b")};
    const struct reply one = {.kind = REPLY_NAMES, .names = names, .names_count = 1};
    const struct reply last = {
        .kind = REPLY_NAMES, .names = names + 1, .names_count = 1, .done = true};
    const struct reply empty = {.kind = REPLY_NAMES, .done = true};

    client_init(&c);
    client_frame(&c, 15, NO_BODY);
    client_reply(&c, &one);
    client_frame(&c, 1, NO_BODY); /* waits its turn */
    CHECK_SAID(&c, "buckets default//(none) more");
    client_reply(&c, &last);
    CHECK_BYTES(c.bytes.data, c.bytes.len,
                "\0\0\0\x07\x10\x0a\x01"
                "a\x0a\x01"
                "b\0\0\0\x01\x02",
                16);
    CHECK_SAID(&c, "[16] [2]");
    client_frame(&c, 15, NO_BODY);
    client_said(&c);
    client_reply(&c, &empty);
    CHECK_EQ(c.bytes.len, 5);
    CHECK_SAID(&c, "[16]");
    client_done(&c);
}

TEST(too_many_buckets_to_gather)
{
    struct client c;
    static uint8_t name[65536];
    const struct bytes names[] = {{name, sizeof(name)}};
    const struct reply one = {.kind = REPLY_NAMES, .names = names, .names_count = 1};
    unsigned chunks = 0;

    client_init(&c);
    client_frame(&c, 15, NO_BODY);
    client_said(&c);
    while (chunks < 10000) {
        client_reply(&c, &one);
        chunks++;
        if (strcmp(c.said.len == 0 ? "" : client_said(&c), "more") != 0)
            break;
    }
    CHECK_EQ(chunks, SESSION_LIST_BYTES_MAX / (sizeof(name) + 4) + 1);
    CHECK_EQ(pb_session_waiting(c.pb), 0);
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "[2]");
    client_done(&c);
}

TEST(one_request_at_a_time)
{
    struct client c;
    const struct reply done = {.kind = REPLY_OBJECT};
    const struct reply nothing = {.kind = REPLY_ERROR, .err = ERR_NOT_FOUND};
    struct buf in;

    buf_init(&in, 4096);
    buf_put(&in, BYTES_LIT("\0\0\0\x01\x01"));
    buf_put(&in, BYTES_LIT("\0\0\0\x0c\x0b\x0a\x01"
                           "b\x12\x01k\x22\x03\x0a\x01v"));
    buf_put(&in, BYTES_LIT("\0\0\0\x07\x09\x0a\x01"
                           "b\x12\x01k"));
    buf_put(&in, BYTES_LIT("\0\0\0\x01\x01"));
    client_init(&c);
    client_send(&c, buf_bytes(&in));
    CHECK_SAID(&c, "put default/b/k [2]");
    client_send(&c, BYTES_LIT("\0\0\0\x01\x03"));
    CHECK_SAID(&c, "");
    client_reply(&c, &done);
    CHECK_SAID(&c, "get default/b/k [12]");
    client_reply(&c, &nothing);
    CHECK_SAID(&c, "[10] [2] [4]");
    buf_done(&in);
    client_done(&c);
}

/* Very many requests in one piece are served in turns: other connections come between them. */
TEST(turns)
{
    struct client c;
    struct buf in;
    unsigned steps = 0;
    size_t most = 0;

    buf_init(&in, 1024 * 1024);
    for (unsigned i = 0; i < 1000; i++)
        buf_put(&in, BYTES_LIT("\0\0\0\x01\x01"));
    client_init(&c);
    client_send(&c, buf_bytes(&in));
    for (size_t seen = 0; pb_session_deadline_us(c.pb) != 0 && steps < 1000; steps++) {
        CHECK(pb_session_deadline_us(c.pb) > c.now_us);
        most = c.bytes.len - seen > most ? c.bytes.len - seen : most;
        seen = c.bytes.len;
        client_event(&c, EV_DEADLINE);
    }
    CHECK_EQ(most, (size_t)SESSION_PIPELINE_MAX * 5);
    CHECK_EQ(steps, 1000 / SESSION_PIPELINE_MAX);
    CHECK_EQ(c.bytes.len, in.len);
    buf_done(&in);
    client_done(&c);
}

/* Answers that come in the step of their request are part of its turn. */
TEST(turns_with_the_database)
{
    struct client c;
    struct buf in;
    const struct reply done = {.kind = REPLY_DONE};
    unsigned served = 0;

    buf_init(&in, 1024 * 1024);
    for (unsigned i = 0; i < 200; i++)
        buf_put(&in, BYTES_LIT("\0\0\0\x07\x0d\x0a\x01"
                               "b\x12\x01k"));
    client_init(&c);
    client_send(&c, buf_bytes(&in));
    for (; pb_session_waiting(c.pb) > 0 && served < 1000; served++)
        client_reply(&c, &done);
    CHECK_EQ(served, SESSION_PIPELINE_MAX);
    CHECK(pb_session_deadline_us(c.pb) > c.now_us);
    client_event(&c, EV_DEADLINE);
    for (; pb_session_waiting(c.pb) > 0 && served < 1000; served++)
        client_reply(&c, &done);
    CHECK_EQ(served, 200);
    CHECK_EQ(pb_session_deadline_us(c.pb), 0);
    buf_done(&in);
    client_done(&c);
}

/* A session with much unsent begins nothing more until the host can take it. */
TEST(full_output_stops_reading)
{
    struct client c;
    struct buf value;
    const struct reply nothing = {.kind = REPLY_ERROR, .err = ERR_NOT_FOUND};

    buf_init(&value, 4 * 1024 * 1024);
    memset(buf_extend(&value, 2 * 1024 * 1024), 'x', 2 * 1024 * 1024);
    const struct sibling large = {.dot = {4, 2}, .hlc_us = 1, .content.value = buf_bytes(&value)};
    const struct object object = {clock_of_two, &large, 1};
    const struct reply found = {.kind = REPLY_OBJECT, .object = &object};
    client_init(&c);
    client_send(&c, BYTES_LIT("\0\0\0\x07\x09\x0a\x01"
                              "b\x12\x01k\0\0\0\x07\x09\x0a\x01"
                              "b\x12\x01m"));
    CHECK_SAID(&c, "get default/b/k");
    client_reply(&c, &found);
    CHECK_SAID(&c, "[10]");
    client_writable(&c, SESSION_OUTPUT_MAX);
    CHECK_SAID(&c, "get default/b/m");
    client_reply(&c, &nothing);
    CHECK_SAID(&c, "[10]");
    buf_done(&value);
    client_done(&c);
}

TEST(client_goes_away)
{
    struct client c;
    const struct reply done = {.kind = REPLY_DONE};

    client_init(&c);
    client_event(&c, EV_CLOSED);
    CHECK_SAID(&c, "");
    client_done(&c);

    client_init(&c);
    client_frame(&c, 13, GET_B_K);
    client_said(&c);
    client_event(&c, EV_CLOSED);
    CHECK_SAID(&c, "gone");
    client_reply(&c, &done);
    CHECK_SAID(&c, "");
    client_done(&c);
}

TEST(replies_of_other_requests_are_ignored)
{
    struct client c;
    const struct reply done = {.kind = REPLY_DONE};

    client_init(&c);
    client_reply(&c, &done);
    CHECK_SAID(&c, "");
    client_frame(&c, 13, GET_B_K);
    client_said(&c);
    c.seq--;
    client_reply(&c, &done);
    CHECK_SAID(&c, "");
    CHECK_EQ(pb_session_waiting(c.pb), 1);
    client_done(&c);
}

TEST(stopping)
{
    struct client c;
    const struct reply done = {.kind = REPLY_DONE};

    client_init(&c);
    client_event(&c, EV_STOP);
    CHECK_SAID(&c, "closed");
    client_done(&c);

    client_init(&c);
    client_frame(&c, 13, GET_B_K);
    client_event(&c, EV_STOP);
    CHECK_SAID(&c, "delete default/b/k");
    client_frame(&c, 1, NO_BODY);
    CHECK_SAID(&c, "");
    client_reply(&c, &done);
    CHECK_SAID(&c, "[14] closed");
    client_done(&c);
}

TEST(no_document_yet)
{
    struct client c;

    client_init(&c);
    c.view.document = NULL;
    c.view.self_index = RING_NOBODY;
    client_frame(&c, 1, NO_BODY);
    client_frame(&c, 7, NO_BODY);
    client_frame(&c, 17,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    client_frame(&c, 19,
                 BYTES_LIT("\x0a\x01"
                           "b"));
    CHECK_SAID(&c, "[2] [8] [0 all_nodes_down] [0 all_nodes_down]");
    client_done(&c);
}

/* Answers what the session asks, by kind, until nothing is asked any more. */
static void serve_all(struct client *c)
{
    const struct object both = {clock_of_two, siblings, 2};
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b")};
    const struct reply object = {.kind = REPLY_OBJECT, .object = &both};
    const struct reply listed = {
        .kind = REPLY_NAMES, .names = names, .names_count = 2, .done = true};
    const struct reply done = {.kind = REPLY_DONE};

    while (pb_session_waiting(c->pb) > 0) {
        if (c->request.kind == REQUEST_LIST_BUCKETS)
            client_reply(c, &listed);
        else
            client_reply(c, c->request.kind == REQUEST_DELETE ? &done : &object);
    }
}

TEST(alike_wherever_the_bytes_are_cut)
{
    struct buf in, whole;
    struct client c;
    struct seed seed = seed_of(1);
    struct random random;

    buf_init(&in, 4096);
    for (unsigned i = 0; i < 3; i++) {
        buf_put(&in, BYTES_LIT("\0\0\0\x01\x01"));
        buf_put(&in, BYTES_LIT("\0\0\0\x0c\x0b\x0a\x01"
                               "b\x12\x01k\x22\x03\x0a\x01v"));
        buf_put(&in, BYTES_LIT("\0\0\0\x01\x63"));
        buf_put(&in, BYTES_LIT("\0\0\0\x07\x09\x0a\x01"
                               "b\x12\x01k"));
        buf_put(&in, BYTES_LIT("\0\0\0\x01\x0f"));
        buf_put(&in, BYTES_LIT("\0\0\0\x07\x0d\x0a\x01"
                               "b\x12\x01k"));
        buf_put(&in, BYTES_LIT("\0\0\0\x06\x09\x0a\x01"
                               "b\x12\0"));
    }
    buf_put(&in, BYTES_LIT("\0\0\0\x02\x09\x0a"));
    buf_init(&whole, 4096);
    client_init(&c);
    client_send(&c, buf_bytes(&in));
    serve_all(&c);
    buf_put(&whole, buf_bytes(&c.bytes));
    CHECK(c.closed);
    CHECK(whole.len > 200);
    client_done(&c);

    random_init(&random, &seed, 0);
    for (unsigned round = 0; round < 200; round++) {
        client_init(&c);
        for (size_t at = 0; at < in.len;) {
            size_t len = 1 + (size_t)random_below(&random, round < 100 ? 7 : 60);
            struct buf chunk; /* gone after the step: what the session keeps it must copy */
            buf_init(&chunk, 4096);
            buf_put(&chunk, bytes_sub(buf_bytes(&in), at, len));
            client_send(&c, buf_bytes(&chunk));
            buf_done(&chunk);
            if (random_chance(&random, 1, 2))
                serve_all(&c);
            at += len;
        }
        serve_all(&c);
        CHECK_BYTES(c.bytes.data, c.bytes.len, whole.data, whole.len);
        CHECK(c.closed);
        client_done(&c);
    }
    buf_done(&in);
    buf_done(&whole);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(keys_are_streamed),
        T(stream_ends_with_an_error),
        T(stream_waits_for_a_slow_client),
        T(no_request_while_a_stream_runs),
        T(buckets_are_gathered),
        T(too_many_buckets_to_gather),
        T(one_request_at_a_time),
        T(turns),
        T(turns_with_the_database),
        T(full_output_stops_reading),
        T(client_goes_away),
        T(replies_of_other_requests_are_ignored),
        T(stopping),
        T(no_document_yet),
        T(alike_wherever_the_bytes_are_cut),
    };
    return tap_main(argc, argv, tests);
}

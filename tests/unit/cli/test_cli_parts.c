/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers, addresses, histograms, draws and stamped values. */
#include <string.h>

#include "cli/answer.h"
#include "cli/ask.h"
#include "cli/columns.h"
#include "cli/draw.h"
#include "cli/endpoint.h"
#include "cli/latency.h"
#include "cli/pbclient.h"
#include "cli/stamp.h"
#include "cli/table.h"
#include "tap.h"
#include "wire/pb_decode.h"
#include "wire/pb_encode.h"

const struct cli_group cli_groups[] = {{NULL, NULL}};
const struct cli_alias cli_aliases[] = {{NULL, NULL}};

TEST(the_server_reads_what_is_asked)
{
    struct buf out, problem;
    struct arena arena;
    struct pb_call call;
    struct ask ask;

    buf_init(&out, ASK_BYTES_MAX);
    buf_init(&problem, 1000);
    arena_init(&arena);
    ask_init(&ask);
    ask.type = BYTES_LIT("t");
    ask.bucket = BYTES_LIT("b");
    ask.key = BYTES_LIT("k\0k");
    ask.value = BYTES_LIT("value");
    ask.content_type = BYTES_LIT("text/plain");
    ask.w = QUORUM_ALL;
    ask.if_none_match = true;
    ask.timeout_ms = 700;
    ask_put(&out, PB_PUT_REQ, &ask);
    CHECK_EQ(out.data[3], out.len - 4);
    CHECK_EQ(out.data[4], PB_PUT_REQ);
    CHECK_EQ_FATAL(
        pb_decode(&arena, out.data[4], bytes_of(out.data + 5, out.len - 5), &call, &problem),
        ERR_OK);
    CHECK(bytes_eq(call.request.key.type, ask.type));
    CHECK(bytes_eq(call.request.key.bucket, ask.bucket));
    CHECK(bytes_eq(call.request.key.key, ask.key));
    CHECK(bytes_eq(call.request.u.put.content.value, ask.value));
    CHECK(bytes_eq(call.request.u.put.content.content_type, ask.content_type));
    CHECK_EQ(call.request.options.w, QUORUM_ALL);
    CHECK_EQ(call.request.options.dw, QUORUM_DEFAULT);
    CHECK_EQ(call.request.options.timeout_ms, 700);
    CHECK(call.request.u.put.condition.if_none_match_any);
    CHECK(!call.request.u.put.condition.if_not_modified);
    arena_done(&arena);
    buf_done(&problem);
    buf_done(&out);
}

TEST(what_the_server_answers_is_read)
{
    struct sibling siblings[2] = {{.dot = {1, 1}, .hlc_us = 1700000000123456},
                                  {.dot = {2, 1}, .deleted = true}};
    struct pb_shown shown[2] = {{&siblings[0], false, BYTES_LIT("tag1")},
                                {&siblings[1], false, BYTES_LIT("tag2")}};
    struct pb_object_resp resp = {
        .code = PB_GET_RESP, .shown = shown, .shown_count = 2, .vclock = BYTES_LIT("context")};
    uint8_t frame[1000];
    struct arena arena;
    struct answer answer;

    siblings[0].content.value = BYTES_LIT("value");
    siblings[0].content.content_type = BYTES_LIT("text/plain");
    size_t len = pb_object_put(NULL, &resp);
    CHECK_FATAL(len <= sizeof(frame));
    CHECK_EQ(pb_object_put(frame, &resp), len);
    arena_init(&arena);
    CHECK_EQ_FATAL(answer_read(&arena, frame[4], bytes_of(frame + 5, len - 5), &answer), ERR_OK);
    CHECK_EQ_FATAL(answer.content_count, 2);
    CHECK(bytes_eq(answer.context, BYTES_LIT("context")));
    CHECK(bytes_eq(answer.contents[0].value, BYTES_LIT("value")));
    CHECK(bytes_eq(answer.contents[0].vtag, BYTES_LIT("tag1")));
    CHECK_EQ(answer.contents[0].last_mod_s, 1700000000);
    CHECK_EQ(answer.contents[0].last_mod_us, 123456);
    CHECK(!answer.contents[0].deleted);
    CHECK(answer.contents[1].deleted);
    /* A message that ends in the middle is none. */
    for (size_t cut = 1; cut < len - 5; cut++) {
        struct answer half;
        enum err err = answer_read(&arena, PB_GET_RESP, bytes_of(frame + 5, cut), &half);
        CHECK(err == ERR_MALFORMED || half.content_count < 2 || half.context.len == 0);
    }
    arena_done(&arena);
}

TEST(names_and_errors_are_read)
{
    struct bytes names[] = {BYTES_LIT("one"), BYTES_LIT(""), BYTES_LIT("t\0hree")};
    uint8_t frame[200];
    struct arena arena;
    struct answer answer;

    arena_init(&arena);
    size_t len = pb_names_put(frame, PB_LIST_KEYS_RESP, names, 3);
    CHECK_EQ(answer_read(&arena, frame[4], bytes_of(frame + 5, len - 5), &answer), ERR_OK);
    CHECK_EQ_FATAL(answer.name_count, 3);
    CHECK(!answer.done);
    for (int i = 0; i < 3; i++)
        CHECK(bytes_eq(answer.names[i], names[i]));
    len = pb_names_done_put(frame, PB_LIST_KEYS_RESP);
    CHECK_EQ(answer_read(&arena, frame[4], bytes_of(frame + 5, len - 5), &answer), ERR_OK);
    CHECK(answer.done);
    len = pb_error_put(frame, BYTES_LIT("no_type"));
    CHECK_EQ(answer_read(&arena, frame[4], bytes_of(frame + 5, len - 5), &answer), ERR_OK);
    CHECK(bytes_eq(answer.error, BYTES_LIT("no_type")));
    CHECK_EQ(answer_read(&arena, PB_ERROR_RESP, BYTES_NONE, &answer), ERR_MALFORMED);
    arena_done(&arena);
}

TEST(errors_have_statuses)
{
    CHECK_EQ(pbclient_status_of(BYTES_LIT("timeout")), CLI_UNKNOWN);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("notfound")), CLI_NOT_FOUND);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("overload")), CLI_UNHEALTHY);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("{pr_val_unsatisfied,2,1}")), CLI_UNHEALTHY);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("{insufficient_vnodes,0,need,1}")), CLI_UNHEALTHY);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("{pw_val_unsatisfied,2,1}")), CLI_UNKNOWN);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("{dw_val_unsatisfied,2,1}")), CLI_UNKNOWN);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("no_type")), CLI_REFUSED);
    CHECK_EQ(pbclient_status_of(BYTES_LIT("match_found")), CLI_REFUSED);
    CHECK_EQ(pbclient_status_of(BYTES_NONE), CLI_REFUSED);
}

TEST(quorums_by_name_and_number)
{
    uint32_t value = 0;

    CHECK(ask_quorum("quorum", &value));
    CHECK_EQ(value, QUORUM_QUORUM);
    CHECK(ask_quorum("3", &value));
    CHECK_EQ(value, 3);
    CHECK(!ask_quorum("most", &value));
    CHECK(!ask_quorum("-1", &value));
    CHECK(!ask_quorum("", &value));
    CHECK_EQ(value, 3);
}

TEST(addresses)
{
    struct endpoint_problem problem;
    struct endpoint at;

    CHECK(endpoint_parse("localhost:8087", &at, &problem));
    CHECK_STR(at.host, "localhost");
    CHECK_STR(at.port, "8087");
    CHECK(endpoint_parse("[::1]:80", &at, &problem));
    CHECK_STR(at.host, "::1");
    CHECK(!endpoint_parse("localhost", &at, &problem));
    CHECK(!endpoint_parse(":8087", &at, &problem));
    CHECK(!endpoint_parse("host:", &at, &problem));
    CHECK(!endpoint_parse("host:0", &at, &problem));
    CHECK(!endpoint_parse("host:65536", &at, &problem));
    CHECK(!endpoint_parse("::1:80", &at, &problem));
    CHECK(!endpoint_parse("[]:80", &at, &problem));
    CHECK(!endpoint_parse("", &at, &problem));
}

TEST(percentiles_are_near)
{
    static struct latency latency;

    for (uint64_t us = 1; us <= 100000; us++)
        latency_add(&latency, us);
    CHECK_EQ(latency.count, 100000);
    for (uint32_t permille = 1; permille <= 1000; permille++) {
        uint64_t got = latency_part(&latency, permille, 1000);
        uint64_t exact = 100 * permille;
        CHECK(got >= exact && got <= exact + exact * 2 / 100);
    }
    CHECK_EQ(latency_part(&latency, 1000, 1000), 100000);
    latency_add(&latency, UINT64_MAX / 2);
    CHECK_EQ(latency_part(&latency, 1000, 1000), UINT64_MAX / 2);
}

TEST(an_empty_histogram_is_zero)
{
    static struct latency latency;

    CHECK_EQ(latency_part(&latency, 1, 2), 0);
}

TEST(draws_stay_within_and_zipf_is_skewed)
{
    static uint32_t counts[2][1000];

    for (int zipf = 0; zipf < 2; zipf++) {
        struct draw draw;
        uint32_t most = 0;
        draw_init(&draw, 7, 1000, zipf);
        for (int i = 0; i < 100000; i++) {
            uint64_t key = draw_key(&draw);
            CHECK_FATAL(key < 1000);
            counts[zipf][key]++;
        }
        for (int i = 0; i < 1000; i++)
            if (counts[zipf][i] > most)
                most = counts[zipf][i];
        /* An even share is 100; the first of Zipf's ranks has about 13 of 100. */
        CHECK(zipf ? most > 8000 : most < 200);
        draw_done(&draw);
    }
}

TEST(a_stamp_holds_and_any_flipped_bit_breaks_it)
{
    struct buf value;

    buf_init(&value, 1000);
    stamp_put(&value, 100, 5, 9);
    CHECK_EQ(value.len, 100);
    CHECK(stamp_holds(buf_bytes(&value), 5));
    CHECK(!stamp_holds(buf_bytes(&value), 6));
    CHECK(!stamp_holds(bytes_of(value.data, 99), 5));
    CHECK(!stamp_holds(BYTES_NONE, 5));
    for (size_t bit = 0; bit < 800; bit++) {
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!stamp_holds(buf_bytes(&value), 5));
        value.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buf_reset(&value);
    stamp_put(&value, STAMP_BYTES_MIN, 1, 1);
    CHECK(stamp_holds(buf_bytes(&value), 1));
    buf_done(&value);
}

TEST(names_for_a_terminal)
{
    struct buf text;

    buf_init(&text, 1000);
    columns_escape(&text, BYTES_LIT("a\\b\n\x1b[31m\xc3\xa9\xff\xc2\x9b"));
    CHECK_BYTES(text.data, text.len, "a\\\\b\\x0a\\x1b[31m\xc3\xa9\\xff\\xc2\\x9b", 30);
    buf_done(&text);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_server_reads_what_is_asked),
        T(what_the_server_answers_is_read),
        T(names_and_errors_are_read),
        T(errors_have_statuses),
        T(quorums_by_name_and_number),
        T(addresses),
        T(percentiles_are_near),
        T(an_empty_histogram_is_zero),
        T(draws_stay_within_and_zipf_is_skewed),
        T(a_stamp_holds_and_any_flipped_bit_breaks_it),
        T(names_for_a_terminal),
    };
    return tap_main(argc, argv, tests);
}

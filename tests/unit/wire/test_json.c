/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include <string.h>

#include "tap.h"
#include "wire/date.h"

/* What a text reads as, written again; "-" when it is refused. */
static void check_round(const char *text, const char *want)
{
    struct arena arena;
    struct buf out;
    const struct json *json;

    arena_init(&arena);
    buf_init(&out, 1 << 20);
    if (json_read(&arena, bytes_str(text), &json) == ERR_OK) {
        struct json_out writer = json_out_of(&out);
        json_tree(&writer, json);
    } else {
        buf_put_str(&out, "-");
    }
    CHECK_BYTES(out.data, out.len, want, strlen(want));
    buf_done(&out);
    arena_done(&arena);
}

TEST(reads_what_it_writes)
{
    check_round("{}", "{}");
    check_round("[]", "[]");
    check_round(" [ 1 , -2.5e3, \"x\" , null,true ,false ] ", "[1,-2.5e3,\"x\",null,true,false]");
    check_round("{\"b\":{\"c\":[{}]},\"a\":1,\"b\":2}", "{\"b\":{\"c\":[{}]},\"a\":1,\"b\":2}");
    check_round("\"\\u00e9\\ud83d\\ude00\\n\\\"\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\"");
}

TEST(refuses_what_is_no_json)
{
    static const char *const bad[] = {"",       " ",       "{",  "[1,]",      "{\"a\"}",    "nul",
                                      "[1] 2",  "'x'",     "01", "\"\xff\"",  "[1 2]",      "{1:2}",
                                      "\"\n\"", "\"\\x\"", "{]", "/* x */ 1", "\"\\ude00\""};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_round(bad[i], "-");
}

TEST(bounds_depth)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    struct arena arena;
    const struct json *json;

    arena_init(&arena);
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CHECK_EQ(json_read(&arena, bytes_of(text, 2 * JSON_DEPTH_MAX), &json), ERR_OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    CHECK_EQ(json_read(&arena, bytes_of(text, 2 * JSON_DEPTH_MAX + 2), &json), ERR_TOO_LARGE);
    arena_done(&arena);
}

TEST(bounds_count)
{
    struct arena arena;
    struct buf text;
    const struct json *json;

    arena_init(&arena);
    buf_init(&text, 4 * JSON_VALUES_MAX);
    buf_put_str(&text, "[0");
    for (int i = 1; i < JSON_VALUES_MAX; i++)
        buf_put_str(&text, ",0");
    buf_put_str(&text, "]");
    CHECK_EQ(json_read(&arena, buf_bytes(&text), &json), ERR_TOO_LARGE);
    buf_done(&text);
    arena_done(&arena);
}

TEST(finds_members_and_integers)
{
    struct arena arena;
    const struct json *json;
    int64_t value = 0;

    arena_init(&arena);
    CHECK_EQ_FATAL(json_read(&arena,
                             BYTES_LIT("{\"a\":1,\"a\":2,\"min\":-9223372036854775808,"
                                       "\"big\":9223372036854775808,\"f\":1.0}"),
                             &json),
                   ERR_OK);
    CHECK(json_integer(json_member(json, BYTES_LIT("a")), &value));
    CHECK_EQ(value, 1);
    CHECK(json_integer(json_member(json, BYTES_LIT("min")), &value));
    CHECK(value == INT64_MIN);
    CHECK(!json_integer(json_member(json, BYTES_LIT("big")), &value));
    CHECK(!json_integer(json_member(json, BYTES_LIT("f")), &value));
    CHECK(json_member(json, BYTES_LIT("none")) == NULL);
    CHECK(json_member(json_member(json, BYTES_LIT("a")), BYTES_LIT("a")) == NULL);
    arena_done(&arena);
}

static void check_string(struct bytes text, const char *want)
{
    struct buf out;

    buf_init(&out, 1000);
    struct json_out json = json_out_of(&out);
    json_string(&json, text);
    CHECK_BYTES(out.data, out.len, want, strlen(want));
    buf_done(&out);
}

TEST(escapes_and_replaces)
{
    check_string(BYTES_LIT("a\"\\\x01\t\x7f/"), "\"a\\\"\\\\\\u0001\\t\\u007f/\"");
    check_string(BYTES_LIT("\xff\x00\x01"), "\"\xef\xbf\xbd\\u0000\\u0001\"");
    check_string(BYTES_LIT("x\xc3"), "\"x\xef\xbf\xbd\"");
    check_string(BYTES_LIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    CHECK(utf8_valid(BYTES_LIT("\xf4\x8f\xbf\xbf\xe6\x97\xa5")));
    CHECK(!utf8_valid(BYTES_LIT("\xf4\x90\x80\x80")));
    CHECK(!utf8_valid(BYTES_LIT("\xc0\x80")));
    CHECK(!utf8_valid(BYTES_LIT("\xe0\x9f\xbf")));
}

TEST(writes_members)
{
    static const char want[] = "{\"a\":\"x\",\"b\":[1,{},true],\"c\":[]}";
    struct buf out;

    buf_init(&out, 1000);
    struct json_out json = json_out_of(&out);
    json_open(&json, '{');
    json_put_string(&json, "a", BYTES_LIT("x"));
    json_name(&json, BYTES_LIT("b"));
    json_open(&json, '[');
    json_u64(&json, 1);
    json_open(&json, '{');
    json_close(&json, '}');
    json_bool(&json, true);
    json_close(&json, ']');
    json_name(&json, BYTES_LIT("c"));
    json_raw(&json, BYTES_LIT("[]"));
    json_close(&json, '}');
    CHECK_BYTES(out.data, out.len, want, sizeof(want) - 1);
    buf_done(&out);
}

static void check_date(uint64_t time_s, const char *want)
{
    struct buf out;
    uint64_t back = 0;

    buf_init(&out, 100);
    date_put(&out, time_s);
    CHECK_BYTES(out.data, out.len, want, strlen(want));
    CHECK(date_read(buf_bytes(&out), &back));
    CHECK_EQ(back, time_s);
    buf_done(&out);
}

TEST(dates_go_both_ways)
{
    check_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    check_date(951782399, "Mon, 28 Feb 2000 23:59:59 GMT");
    check_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    check_date(1709251199, "Thu, 29 Feb 2024 23:59:59 GMT");
    check_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
    for (uint64_t day = 0; day < 60000; day += 13) {
        struct buf out;
        uint64_t back = 0;
        buf_init(&out, 100);
        date_put(&out, day * 86400 + day % 86400);
        CHECK(date_read(buf_bytes(&out), &back));
        CHECK_EQ(back, day * 86400 + day % 86400);
        buf_done(&out);
    }
}

TEST(dates_of_old_forms_are_read)
{
    uint64_t time_s = 0;

    CHECK(date_read(BYTES_LIT("Sunday, 06-Nov-94 08:49:37 GMT"), &time_s));
    CHECK_EQ(time_s, 784111777);
    CHECK(date_read(BYTES_LIT("Sun Nov  6 08:49:37 1994"), &time_s));
    CHECK_EQ(time_s, 784111777);
    CHECK(!date_read(BYTES_LIT("not a date"), &time_s));
    CHECK(!date_read(BYTES_LIT("Sun, 06 Nov 1994 08:49:37 CET"), &time_s));
    CHECK(!date_read(BYTES_LIT("Sun, 30 Feb 1994 08:49:37 GMT"), &time_s));
    CHECK(!date_read(BYTES_LIT("Sun, 06 Nov 1969 08:49:37 GMT"), &time_s));
    CHECK(!date_read(BYTES_LIT("Sun, 06 Nov 1994 25:49:37 GMT"), &time_s));
    CHECK(!date_read(BYTES_LIT(""), &time_s));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(reads_what_it_writes), T(refuses_what_is_no_json),    T(bounds_depth),
        T(bounds_count),         T(finds_members_and_integers), T(escapes_and_replaces),
        T(writes_members),       T(dates_go_both_ways),         T(dates_of_old_forms_are_read),
    };
    return tap_main(argc, argv, tests);
}

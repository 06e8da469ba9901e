/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP connection says of objects, listings, properties and statistics. */
#include "http_client.h"
#include "model/overlay.h"
#include "session/http_admin.h"
#include "session/limits.h"
#include "tap.h"
#include "wire/json.h"

/* No administration here. */
enum http_admin_outcome session_admin(struct http_admin_call *call, const struct session_env *env,
                                      struct arena *arena, struct buf *answer)
{
    (void)call;
    (void)env;
    (void)arena;
    (void)answer;
    return HTTP_ADMIN_NO_PATH;
}

unsigned session_admin_reply(uint32_t form, const struct session_env *env,
                             const struct reply *reply, struct buf *answer)
{
    (void)form;
    (void)env;
    (void)reply;
    (void)answer;
    return 500;
}

static struct http_client c;

#define START()              http_client_init(&c, false)
#define END()                http_client_done(&c)
#define GOT(part)            CHECK(http_client_got(&c, (part)))
#define WORDS(want)          CHECK_STR(http_client_words(&c), (want))
#define SAY(text)            (http_client_forget(&c), http_client_say(&c, text))
#define GET(target, headers) SAY("GET " target " HTTP/1.1\r\n" headers "\r\n")

static const struct dot dots[2] = {{1, 1}, {2, 1}};

struct sample {
    struct sibling siblings[2];
    struct object object;
    struct reply reply;
};

/* An object of one or two siblings. */
static void make(struct sample *s, uint32_t count)
{
    *s = (struct sample){.reply = {.kind = REPLY_OBJECT, .object = &s->object}};
    for (uint32_t i = 0; i < 2; i++)
        s->siblings[i] = (struct sibling){.dot = dots[i], .hlc_us = HTTP_CLIENT_WALL_US};
    s->siblings[0].content.value = BYTES_LIT("hello");
    s->siblings[0].content.content_type = BYTES_LIT("text/plain");
    s->siblings[1].content.value = BYTES_LIT("two");
    s->object.clock.entries = dots;
    s->object.clock.count = count;
    s->object.siblings = s->siblings;
    s->object.count = count;
}

static void reply_with(struct reply reply)
{
    http_client_reply(&c, &reply);
}

TEST(get)
{
    struct sample s;

    START();
    make(&s, 1);
    GET("/types/plain/buckets/b/keys/k?r=1&notfound_ok=false", "");
    WORDS("get plain/b/k");
    CHECK_EQ(c.request.options.r, 1);
    CHECK_EQ(c.request.options.notfound_ok, TRI_FALSE);
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 200 OK\r\n");
    GOT("\r\nContent-Type: text/plain\r\n");
    GOT("\r\nContent-Length: 5\r\n\r\nhello");
    GET("/buckets/b/keys/k", "Accept: image/png\r\n");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 406 Not Acceptable\r\n");
    GET("/buckets/b/keys/k", "If-None-Match: *\r\n");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 304 Not Modified\r\n");
    CHECK(!http_client_has(&c, "Last-Modified"));
    GET("/buckets/b/keys/k", "If-Match: \"x\"\r\n");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 412 Precondition Failed\r\n");
    GET("/buckets/b/keys/k?vtag=0", "");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 404 Not Found\r\n");
    GOT("\r\nContent-Type: text/html\r\n");
    END();
}

TEST(tombstones)
{
    struct sample s;

    START();
    make(&s, 1);
    s.siblings[0] = (struct sibling){.dot = dots[0], .deleted = true};
    GET("/buckets/b/keys/k", "");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 404 Not Found\r\n");
    GOT("\r\nX-Riak-Deleted: true\r\n");
    GOT("\r\nX-Riak-Vclock: ");
    GOT("\r\n\r\nnot found\n");
    GET("/buckets/b/keys/k", "");
    s.reply.kind = REPLY_ERROR;
    s.reply.err = ERR_NOT_FOUND;
    http_client_reply(&c, &s.reply);
    GOT("\r\nX-Riak-Deleted: true\r\n");
    SAY("DELETE /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 404 Not Found\r\n");
    CHECK(!http_client_has(&c, "X-Riak-Deleted"));
    END();
}

TEST(siblings)
{
    struct sample s;

    START();
    make(&s, 2);
    GET("/types/plain/buckets/b/keys/k", "");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 300 Multiple Choices\r\n");
    GOT("\r\nVary: Accept, Accept-Encoding\r\n");
    GOT("\r\n\r\nSiblings:\n");
    GET("/types/plain/buckets/b/keys/k", "Accept: multipart/mixed, */*;q=0.5\r\n");
    http_client_reply(&c, &s.reply);
    GOT("\r\nContent-Type: multipart/mixed; boundary=");
    GOT("\r\n\r\nhello\r\n--");
    GET("/types/plain/buckets/b/keys/k", "Accept: application/json\r\n");
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 406 Not Acceptable\r\n");
    END();
}

TEST(put)
{
    struct sample s;
    const char *request = "PUT /buckets/b/keys/k?returnbody=true HTTP/1.1\r\n"
                          "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nv";

    START();
    make(&s, 1);
    SAY(request);
    WORDS("put default/b/k");
    CHECK(c.request.u.put.return_body);
    CHECK(bytes_eq(c.request.u.put.content.value, BYTES_LIT("v")));
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 200 OK\r\n");
    GOT("\r\n\r\nhello");
    SAY(request);
    s.siblings[0].content.value = BYTES_NONE;
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 204 No Content\r\n");
    GOT("\r\nX-Riak-Vclock: ");
    make(&s, 2);
    SAY(request);
    http_client_reply(&c, &s.reply);
    GOT("HTTP/1.1 300 Multiple Choices\r\n");
    GOT("\r\nVary: Accept-Encoding\r\n");
    GOT("\r\n\r\nSiblings:\n");
    SAY("PUT /buckets/b/keys/k?returnbody=true HTTP/1.1\r\nAccept: */*\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nv");
    http_client_reply(&c, &s.reply);
    GOT("\r\nContent-Type: multipart/mixed; boundary=");
    END();
}

static void check_put_error(struct reply reply, const char *status, const char *text)
{
    SAY("PUT /buckets/b/keys/k HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nv");
    reply.kind = REPLY_ERROR;
    reply_with(reply);
    GOT(status);
    GOT(text);
}

TEST(errors_of_puts)
{
    START();
    check_put_error((struct reply){.err = ERR_PRECONDITION}, "HTTP/1.1 412 ", "text/html");
    check_put_error((struct reply){.err = ERR_MATCH_FOUND}, "HTTP/1.1 412 ", "text/html");
    check_put_error((struct reply){.err = ERR_MODIFIED}, "HTTP/1.1 409 ", "text/html");
    check_put_error((struct reply){.err = ERR_N_VAL_VIOLATION, .need = 3}, "HTTP/1.1 400 ",
                    "Content-Type: text/plain");
    check_put_error((struct reply){.err = ERR_W_UNSATISFIED, .have = 1, .need = 2}, "HTTP/1.1 503 ",
                    "W");
    check_put_error((struct reply){.err = ERR_TIMEOUT}, "HTTP/1.1 503 ", "request timed out\n");
    check_put_error((struct reply){.err = ERR_OVERLOAD}, "HTTP/1.1 500 ", "Error:\noverload\n");
    GET("/buckets/b/keys/k?r=4", "");
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_N_VAL_VIOLATION, .need = 3});
    GOT("HTTP/1.1 400 ");
    CHECK(!http_client_has(&c, "Content-Type"));
    SAY("DELETE /buckets/b/keys/k?rw=5 HTTP/1.1\r\n\r\n");
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_N_VAL_VIOLATION, .need = 3});
    GOT("Content-Type: text/html\r\n");
    GOT("\r\n\r\nSpecified w/dw/pw/node_confirms values invalid for bucket n value of 3\n");
    END();
}

TEST(gzip_is_offered)
{
    struct sample s;

    START();
    make(&s, 1);
    GET("/buckets/b/keys/k", "Accept-Encoding: gzip\r\n");
    http_client_reply(&c, &s.reply);
    GOT("\r\nContent-Encoding: gzip\r\n");
    GOT("\r\n\r\n\x1f\x8b");
    s.siblings[0].content.content_encoding = BYTES_LIT("br");
    GET("/buckets/b/keys/k", "Accept-Encoding: gzip\r\n");
    http_client_reply(&c, &s.reply);
    GOT("\r\nContent-Encoding: br\r\n");
    GOT("\r\n\r\nhello");
    CHECK(!http_client_has(&c, "Vary"));
    END();
}

static void reply_names(uint32_t count, bool last)
{
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b\""), BYTES_LIT("\xff")};

    reply_with(
        (struct reply){.kind = REPLY_NAMES, .names = names, .names_count = count, .done = last});
}

TEST(lists_in_one_piece)
{
    START();
    GET("/buckets/b/keys?keys=true&timeout=5", "");
    WORDS("keys default/b/(none)");
    CHECK_EQ(c.request.options.timeout_ms, 5);
    reply_names(2, false);
    WORDS("more");
    reply_names(0, false);
    WORDS("more");
    reply_names(3, true);
    WORDS("");
    GOT("\r\n\r\n{\"keys\":[\"a\",\"b\\\"\",\"a\",\"b\\\"\",\"\xef\xbf\xbd\"]}");
    GET("/buckets?buckets=true", "");
    WORDS("buckets default//(none)");
    reply_names(0, true);
    GOT("\r\n\r\n{\"buckets\":[]}");
    GET("/buckets/b/keys?keys=true", "");
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_TIMEOUT});
    GOT("HTTP/1.1 200 OK\r\n");
    GOT("\r\n\r\n{\"error\":\"timeout\"}");
    GET("/buckets/b/keys?keys=true", "");
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_OVERLOAD});
    GOT("HTTP/1.1 500 ");
    GET("/buckets/b/keys?keys=True", "");
    GOT("\r\n\r\n{}");
    GET("/types/nosuchtype/buckets/b/keys?keys=true", "");
    GOT("HTTP/1.1 404 ");
    GET("/buckets/b/keys?keys=true", "Accept: text/plain\r\n");
    GOT("HTTP/1.1 406 ");
    END();
}

TEST(lists_as_streams)
{
    START();
    GET("/buckets/b/keys?keys=stream", "");
    CHECK(c.request.u.list.stream);
    CHECK_EQ(c.bytes.len, 0);
    reply_names(1, false);
    GOT("\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"keys\":[\"a\"]}\r\n");
    http_client_forget(&c);
    reply_names(0, true);
    CHECK_STR(http_client_text(&c), "b\r\n{\"keys\":[]}\r\n0\r\n\r\n");
    GET("/buckets/b/keys?keys=stream", "");
    reply_names(1, false);
    http_client_forget(&c);
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_TIMEOUT});
    CHECK_STR(http_client_text(&c), "13\r\n{\"error\":\"timeout\"}\r\n0\r\n\r\n");
    GET("/buckets/b/keys?keys=stream", "");
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_OVERLOAD});
    GOT("HTTP/1.1 500 ");
    GET("/riak/b?keys=stream", "");
    reply_names(0, true);
    GOT("{\"props\":{");
    GOT("}}{\"keys\":[]}\r\n0\r\n\r\n");
    SAY("GET /buckets/b/keys?keys=stream HTTP/1.0\r\n\r\n");
    reply_names(1, true);
    GOT("\r\n\r\n{\"keys\":[\"a\"]}{\"keys\":[]}");
    CHECK(c.closed);
    END();
}

TEST(a_slow_reader_holds_the_stream_up)
{
    static uint8_t text[64 * 1024];
    struct bytes name = bytes_of(text, sizeof(text));
    const struct reply chunk = {.kind = REPLY_NAMES, .names = &name, .names_count = 1};
    unsigned chunks = 0;

    memset(text, 'x', sizeof(text));
    START();
    GET("/buckets/b/keys?keys=stream", "");
    WORDS("keys default/b/(none)");
    for (bool more = true; more && chunks < 100; chunks++) {
        http_client_reply(&c, &chunk);
        more = strcmp(http_client_words(&c), "more") == 0;
    }
    CHECK(chunks < 20);
    http_client_writable(&c, SESSION_OUTPUT_MAX);
    WORDS("more");
    http_client_writable(&c, SESSION_OUTPUT_MAX);
    WORDS("");
    http_client_event(&c, EV_CLOSED);
    WORDS("gone");
    END();
}

TEST(a_list_too_long_for_one_piece_ends)
{
    static uint8_t text[1024 * 1024];
    struct bytes name = bytes_of(text, sizeof(text));
    const struct reply chunk = {.kind = REPLY_NAMES, .names = &name, .names_count = 1};

    memset(text, 'x', sizeof(text));
    START();
    GET("/buckets/b/keys?keys=true", "");
    for (int i = 0; i < 33 && http_session_waiting(c.http) > 0; i++)
        http_client_reply(&c, &chunk);
    GOT("HTTP/1.1 500 ");
    GOT("as a stream");
    const char *words = http_client_words(&c);
    CHECK_STR(words + strlen(words) - 4, "gone");
    END();
}

TEST(properties_are_shown)
{
    START();
    GET("/buckets/b%201/props", "");
    GOT("\r\nVary: Accept-Encoding\r\n");
    GOT("{\"props\":{\"allow_mult\":false,");
    GOT("\"name\":\"b 1\"");
    GOT("\"r\":\"quorum\"");
    GOT("\"pr\":0");
    GOT("\"precommit\":[]");
    GOT("\"chash_keyfun\":{\"mod\":\"riak_core_util\",\"fun\":\"chash_std_keyfun\"}");
    GET("/types/plain/props", "");
    GOT("\"allow_mult\":true");
    GOT("\"claimant\":\"dassie@127.0.0.1\"");
    CHECK(!http_client_has(&c, "\"name\""));
    GET("/types/nosuchtype/buckets/b/props", "");
    GOT("HTTP/1.1 404 ");
    GET("/riak/b?keys=true", "");
    reply_names(1, true);
    GOT("{\"props\":{\"allow_mult\":false,");
    GOT("},\"keys\":[\"a\"]}");
    END();
}

static void put_props(const char *target, const char *type, const char *body)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_printf(&text, "PUT %s HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
               target, type, strlen(body), body);
    http_client_forget(&c);
    http_client_send(&c, buf_bytes(&text));
    buf_done(&text);
}

TEST(properties_are_changed)
{
    struct arena arena;
    const struct prop *props;
    uint32_t count;

    START();
    arena_init(&arena);
    put_props("/buckets/b/props", "application/json",
              "{\"props\":{\"n_val\":5,\"allow_mult\":\"TRUE\",\"w\":\"all\",\"own\":[1],"
              "\"precommit\":[{\"mod\":\"m\",\"fun\":\"f\"},{\"name\":\"js\"}]}}");
    WORDS("props default/b/(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_SET_BUCKET);
    CHECK_EQ_FATAL(overlay_decode(&arena, c.request.u.props.overlay, &props, &count), ERR_OK);
    CHECK_EQ_FATAL(count, 5);
    CHECK(props[0].id == PROP_ALLOW_MULT && props[0].kind == PROP_BOOL && props[0].boolean);
    CHECK(props[1].id == PROP_N_VAL && props[1].number == 5);
    CHECK(props[2].id == PROP_PRECOMMIT && props[2].hooks_count == 2);
    CHECK(props[3].id == PROP_W && props[3].number == QUORUM_ALL);
    CHECK(props[4].id == PROP_OTHER && bytes_eq(props[4].text, BYTES_LIT("[1]")));
    reply_with((struct reply){.kind = REPLY_DONE});
    GOT("HTTP/1.1 204 ");
    put_props("/types/plain/props", "application/json", "{\"props\":{\"n_val\":2}}");
    WORDS("props plain//(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_SET_TYPE);
    reply_with((struct reply){.kind = REPLY_ERROR, .err = ERR_TIMEOUT});
    GOT("HTTP/1.1 503 ");
    SAY("DELETE /buckets/b/props HTTP/1.1\r\n\r\n");
    WORDS("props default/b/(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_RESET_BUCKET);
    reply_with((struct reply){.kind = REPLY_DONE});
    GOT("HTTP/1.1 204 ");
    arena_done(&arena);
    END();
}

TEST(bad_properties_are_refused)
{
    static const struct {
        const char *target;
        const char *type;
        const char *body;
        const char *answer;
    } cases[] = {
        {"/buckets/b/props", "application/json", "{\"props\":{\"n_val\":0}}",
         "{\"n_val\":\"not_integer\"}"},
        {"/buckets/b/props", "application/json", "{\"props\":{\"n_val\":\"three\"}}",
         "{\"n_val\":\"not_integer\"}"},
        {"/buckets/b/props", "application/json", "{\"props\":{\"n_val\":-1}}",
         "{\"n_val\":\"not_integer\"}"},
        {"/buckets/b/props", "application/json", "{\"props\":{\"allow_mult\":\"yes\"}}",
         "{\"allow_mult\":\"not_boolean\"}"},
        {"/buckets/b/props", "application/json", "{\"props\":{\"r\":\"most\",\"dw\":-2}}",
         "\"not_valid_quorum\""},
        {"/buckets/b/props", "application/json", "not json",
         "bucket PUT must be a JSON object of the form:\n{\"props\":{...bucket properties...}}"},
        {"/buckets/b/props", "application/json", "{\"props\":[]}", "bucket PUT must be"},
        {"/types/plain/props", "application/json", "[]", "bucket type PUT must be"},
        {"/buckets/b/props", "text/plain", "{\"props\":{}}", "HTTP/1.1 415 "},
        {"/types/default/props", "application/json", "{\"props\":{}}", "\"no_default_update\""},
        {"/types/unready/props", "application/json", "{\"props\":{}}", "\"not_active\""},
        {"/types/none/buckets/b/props", "application/json", "{\"props\":{}}", "\"no_type\""},
    };

    START();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_props(cases[i].target, cases[i].type, cases[i].body);
        GOT(cases[i].answer);
        WORDS("");
    }
    END();
}

TEST(statistics)
{
    struct arena arena;
    const struct json *json;
    int64_t gets = 0;
    const struct trace trace = {.kind = TRACE_GET_DONE};

    START();
    stats_trace(c.stats, 1000, &trace);
    stats_add(c.stats, 1000, SERIES_GET_TIME, 250);
    arena_init(&arena);
    GET("/stats", "");
    GOT("\r\nVary: Accept, Accept-Encoding\r\n");
    const char *body = strstr(http_client_text(&c), "\r\n\r\n");
    CHECK_FATAL(body != NULL);
    CHECK_EQ_FATAL(json_read(&arena, bytes_str(body + 4), &json), ERR_OK);
    CHECK(json_integer(json_member(json, BYTES_LIT("node_gets_total")), &gets));
    CHECK_EQ(gets, 1);
    CHECK(json_integer(json_member(json, BYTES_LIT("node_get_fsm_time_100")), &gets));
    CHECK_EQ(gets, 250);
    CHECK(json_member(json, BYTES_LIT("worker_be_pool_worktime_mean")) != NULL);
    CHECK(json_member(json, BYTES_LIT("node_put_fsm_map_time_median")) != NULL);
    CHECK(json->count > 550);
    GET("/stats", "Accept: text/plain\r\n");
    GOT("\r\nContent-Type: text/plain\r\n");
    GOT(",\n  \"node_gets_total\":1,\n");
    GET("/stats", "Accept: application/xml\r\n");
    GOT("HTTP/1.1 406 ");
    GET("/metrics", "");
    GOT("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    GOT("\n# TYPE dassie_get_done counter\n# HELP dassie_get_done ");
    GOT("\ndassie_get_done_total 1\n");
    GOT("\ndassie_get_seconds{quantile=\"1\"} 0.000250\n");
    CHECK_STR(http_client_text(&c) + c.bytes.len - 7, "\n# EOF\n");
    arena_done(&arena);
    END();
}

TEST(resource_list)
{
    START();
    GET("/", "Accept: application/json\r\n");
    GOT("\"riak_kv_wm_object\":\"/buckets\"");
    GOT("\r\nLink: ");
    GOT("</buckets>; rel=\"riak_kv_wm_object\"");
    GET("/", "");
    GOT("\r\nContent-Type: text/html\r\n");
    GET("/", "Accept: text/plain\r\n");
    GOT("HTTP/1.1 406 ");
    END();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(get),
        T(tombstones),
        T(siblings),
        T(put),
        T(errors_of_puts),
        T(gzip_is_offered),
        T(lists_in_one_piece),
        T(lists_as_streams),
        T(a_slow_reader_holds_the_stream_up),
        T(a_list_too_long_for_one_piece_ends),
        T(properties_are_shown),
        T(properties_are_changed),
        T(bad_properties_are_refused),
        T(statistics),
        T(resource_list),
    };
    return tap_main(argc, argv, tests);
}

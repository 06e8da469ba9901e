/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP connection: bytes, order, time and end. */
#include "http_client.h"
#include "msg/limits.h"
#include "session/http_admin.h"
#include "session/limits.h"
#include "tap.h"

/* The administration of the cluster, as far as the seam goes. */
enum http_admin_outcome session_admin(struct http_admin_call *call, const struct session_env *env,
                                      struct arena *arena, struct buf *answer)
{
    (void)env;
    (void)arena;
    if (bytes_eq(call->path, BYTES_LIT("cluster/status")) && call->verb == VERB_GET) {
        call->form = 7;
        call->request = (struct request){.kind = REQUEST_ADMIN};
        return HTTP_ADMIN_ASKS;
    }
    if (bytes_eq(call->path, BYTES_LIT("cluster/status"))) {
        call->verbs = VERB_BIT(VERB_GET);
        return HTTP_ADMIN_NO_VERB;
    }
    if (!bytes_eq(call->path, BYTES_LIT("who")))
        return HTTP_ADMIN_NO_PATH;
    call->status = call->loopback && !call->has_origin ? 200 : 403;
    buf_put_str(answer, "{}");
    return HTTP_ADMIN_ANSWERED;
}

unsigned session_admin_reply(uint32_t form, const struct session_env *env,
                             const struct reply *reply, struct buf *answer)
{
    (void)env;
    buf_printf(answer, "{\"form\":%u}", form);
    return reply->kind == REPLY_ERROR ? 409 : 200;
}

static struct http_client c;

#define START(loopback) http_client_init(&c, (loopback))
#define END()           http_client_done(&c)
#define GOT(part)       CHECK(http_client_got(&c, (part)))
#define WORDS(want)     CHECK_STR(http_client_words(&c), (want))

static const struct reply done = {.kind = REPLY_DONE};

static void reply_error(enum err err)
{
    const struct reply reply = {.kind = REPLY_ERROR, .err = err};

    http_client_reply(&c, &reply);
}

TEST(ping_and_keep_alive)
{
    START(false);
    http_client_say(&c, "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_STR(http_client_text(&c),
              "HTTP/1.1 200 OK\r\nServer: dassie\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Content-Type: text/html\r\nContent-Length: 2\r\n\r\nOK");
    WORDS("");
    http_client_forget(&c);
    http_client_say(&c,
                    "HEAD /ping HTTP/1.1\r\nConnection: close\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    CHECK_STR(http_client_text(&c),
              "HTTP/1.1 200 OK\r\nServer: dassie\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Content-Type: text/html\r\nContent-Length: 2\r\n\r\n");
    WORDS("closed");
    http_client_event(&c, EV_CLOSED);
    WORDS("");
    END();
}

TEST(oldest_version_is_answered_and_closed)
{
    START(false);
    http_client_say(&c, "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    GOT("HTTP/1.0 200 OK\r\n");
    WORDS("closed");
    END();
}

TEST(one_request_at_a_time)
{
    START(false);
    http_client_say(&c, "PUT /buckets/b/keys/k HTTP/1.1\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 2\r\n\r\nv1GET /buckets/b/keys/k HTTP/1.1\r\n\r\n"
                        "GET /ping HTTP/1.1\r\n\r\n");
    WORDS("put default/b/k");
    CHECK_EQ(c.bytes.len, 0);
    CHECK_EQ(http_session_waiting(c.http), 1);
    http_client_reply(&c, &done);
    GOT("HTTP/1.1 204 No Content\r\n");
    WORDS("get default/b/k");
    http_client_forget(&c);
    reply_error(ERR_NOT_FOUND);
    GOT("HTTP/1.1 404 Not Found\r\n");
    GOT("\r\n\r\nnot found\nHTTP/1.1 200 OK\r\n");
    WORDS("");
    CHECK_EQ(http_session_waiting(c.http), 0);
    END();
}

TEST(the_last_answer_drops_what_waits)
{
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\nGET /ping HTTP/1.0\r\n\r\n"
                        "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    reply_error(ERR_NOT_FOUND);
    GOT("HTTP/1.0 200 OK\r\n");
    WORDS("get default/b/k closed");
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    WORDS("");
    END();
}

TEST(stale_replies_are_ignored)
{
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    c.seq--;
    reply_error(ERR_TIMEOUT);
    CHECK_EQ(c.bytes.len, 0);
    c.seq++;
    reply_error(ERR_TIMEOUT);
    GOT("503");
    http_client_forget(&c);
    reply_error(ERR_TIMEOUT);
    CHECK_EQ(c.bytes.len, 0);
    END();
}

/* Bytes for the cut test, and replies in the order of the requests in them. */
static const char script[] =
    "\r\nPUT /buckets/b/keys/k?returnbody=true HTTP/1.1\r\nContent-Type: text/plain\r\n"
    "Content-Length: 5\r\nX-Riak-Meta-A: b\r\n\r\nhelloGET /buckets/b/keys/k HTTP/1.1\r\n\r\n"
    "POST /buckets/b/keys HTTP/1.1\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0\r\n\r\nHEAD /ping HTTP/1.1\r\n\r\nGET /buckets/b/keys?keys=stream "
    "HTTP/1.1\r\n\r\nDELETE /buckets/b/keys/k HTTP/1.1\r\nConnection: close\r\n\r\n";

static void answer_request(void)
{
    const struct dot dot = {1, 1};
    const struct sibling sibling = {
        .dot = dot, .hlc_us = HTTP_CLIENT_WALL_US, .content = {.value = BYTES_LIT("hello")}};
    const struct object object = {
        .clock = {.entries = &dot, .count = 1}, .siblings = &sibling, .count = 1};
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b")};
    struct reply reply = {.kind = REPLY_OBJECT, .object = &object};

    if (c.request.kind == REQUEST_LIST_KEYS)
        reply = (struct reply){.kind = REPLY_NAMES, .names = names, .names_count = 2, .done = true};
    if (c.request.kind == REQUEST_DELETE)
        reply = done;
    if (c.request.kind == REQUEST_PUT && c.request.key.key.data == NULL)
        reply = (struct reply){.kind = REPLY_OBJECT, .made_key = BYTES_LIT("made")};
    http_client_reply(&c, &reply);
}

TEST(cuts_do_not_matter)
{
    struct buf first_bytes, first_said;

    buf_init(&first_bytes, 1 << 20);
    buf_init(&first_said, 1 << 20);
    for (size_t piece = sizeof(script); piece > 0; piece--) {
        struct bytes text = BYTES_LIT("");
        START(false);
        for (size_t at = 0; at < sizeof(script) - 1; at += piece) {
            text = bytes_sub(bytes_str(script), at, piece);
            http_client_send(&c, text);
            while (http_session_waiting(c.http) > 0)
                answer_request();
        }
        CHECK(c.closed);
        if (piece == sizeof(script)) {
            buf_put(&first_bytes, buf_bytes(&c.bytes));
            buf_put(&first_said, buf_bytes(&c.said));
            GOT("Location: /buckets/b/keys/made\r\n");
            GOT("\r\n\r\n1d\r\n{\"keys\":[\"a\",\"b\"]}{\"keys\":[]}\r\n0\r\n\r\nHTTP/1.1 204");
            WORDS("put default/b/k get default/b/k put default/b/(none) keys default/b/(none) "
                  "delete default/b/k closed");
        } else {
            CHECK_BYTES(c.bytes.data, c.bytes.len, first_bytes.data, first_bytes.len);
            CHECK_BYTES(c.said.data, c.said.len, first_said.data, first_said.len);
        }
        END();
    }
    buf_done(&first_bytes);
    buf_done(&first_said);
}

TEST(continue_is_said_in_its_place)
{
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n"
                        "PUT /buckets/b/keys/k HTTP/1.1\r\nContent-Type: a/b\r\n"
                        "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    CHECK_EQ(c.bytes.len, 0);
    reply_error(ERR_NOT_FOUND);
    GOT("not found\nHTTP/1.1 100 Continue\r\n\r\n");
    http_client_forget(&c);
    http_client_say(&c, "x");
    WORDS("put default/b/k");
    CHECK_EQ(c.bytes.len, 0);
    http_client_reply(&c, &done);
    GOT("HTTP/1.1 204 No Content\r\n");
    END();
}

TEST(what_is_no_request_is_refused_and_closed)
{
    START(false);
    http_client_say(&c, "GET /ping HTTP/1.1\r\nbad header\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 400 Bad Request\r\n");
    GOT("\r\nConnection: close\r\n");
    WORDS("closed");
    END();
    START(false);
    http_client_say(&c, "PUT /buckets/b/keys/k HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
    GOT("HTTP/1.1 413 Content Too Large\r\n");
    WORDS("closed");
    END();
}

TEST(slow_heads_and_bodies_end)
{
    START(false);
    CHECK_EQ(http_session_deadline_us(c.http), 0);
    http_client_say(&c, "\r\n");
    CHECK_EQ(http_session_deadline_us(c.http), 0);
    http_client_say(&c, "GET /pi");
    uint64_t deadline = http_session_deadline_us(c.http);
    CHECK(deadline > c.mono_us);
    c.mono_us += 1000000;
    http_client_say(&c, "ng HTTP");
    CHECK_EQ(http_session_deadline_us(c.http), deadline);
    http_client_event(&c, EV_DEADLINE);
    CHECK_EQ(c.bytes.len, 0);
    c.mono_us = deadline;
    http_client_event(&c, EV_DEADLINE);
    GOT("HTTP/1.1 408 Request Timeout\r\n");
    WORDS("closed");
    END();
    START(false);
    http_client_say(&c, "PUT /buckets/b/keys/k HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
    deadline = http_session_deadline_us(c.http);
    c.mono_us += 1000000;
    http_client_say(&c, "b");
    CHECK_EQ(http_session_deadline_us(c.http), deadline + 1000000);
    http_client_say(&c, "cGET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    CHECK_EQ(http_session_deadline_us(c.http), 0);
    END();
}

TEST(a_client_that_leaves_takes_its_request_along)
{
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    http_client_event(&c, EV_CLOSED);
    WORDS("get default/b/k gone");
    CHECK_EQ(http_session_waiting(c.http), 0);
    reply_error(ERR_NOT_FOUND);
    CHECK_EQ(c.bytes.len, 0);
    END();
}

TEST(stopping)
{
    START(false);
    http_client_event(&c, EV_STOP);
    WORDS("closed");
    END();
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    http_client_event(&c, EV_STOP);
    WORDS("get default/b/k");
    reply_error(ERR_NOT_FOUND);
    GOT("\r\nConnection: close\r\n");
    WORDS("closed");
    END();
    START(false);
    http_client_say(&c, "GET /buckets/b/key");
    c.env.stopping = true;
    http_client_event(&c, EV_STOP);
    WORDS("");
    http_client_say(&c, "s/k HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 503 Service Unavailable\r\n");
    GOT("\r\n\r\nthis node is stopping\n");
    WORDS("closed");
    END();
}

TEST(too_much_sent_ahead_cuts_off)
{
    static uint8_t piece[4 * 1024 * 1024];
    bool cut = false;

    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    for (size_t sent = 0; sent <= SESSION_INPUT_MAX && !cut; sent += sizeof(piece)) {
        http_client_send(&c, bytes_of(piece, sizeof(piece)));
        cut = c.closed;
    }
    CHECK(cut);
    WORDS("get default/b/k gone closed");
    END();
}

TEST(nothing_begins_while_too_much_is_unsent)
{
    struct bytes big;
    const struct dot dot = {1, 1};
    struct sibling sibling = {.dot = dot};
    const struct object object = {
        .clock = {.entries = &dot, .count = 1}, .siblings = &sibling, .count = 1};
    const struct reply reply = {.kind = REPLY_OBJECT, .object = &object};
    static uint8_t value[SESSION_OUTPUT_MAX];

    big = bytes_of(value, sizeof(value));
    sibling.content.value = big;
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\n\r\n");
    http_client_reply(&c, &reply);
    GOT("HTTP/1.1 200 OK\r\n");
    CHECK(c.bytes.len > SESSION_OUTPUT_MAX);
    http_client_forget(&c);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    WORDS("");
    CHECK_EQ(http_session_deadline_us(c.http), 0);
    http_client_writable(&c, SESSION_OUTPUT_MAX);
    GOT("\r\n\r\nOK");
    WORDS("get default/b/k");
    END();
}

TEST(resources_and_verbs)
{
    static const struct {
        const char *request;
        const char *status;
    } cases[] = {
        {"GET /nothing/here", "404"},
        {"GET /buckets/b", "404"},
        {"GET /stats/node_gets", "404"},
        {"OPTIONS /buckets/b/keys/k", "405"},
        {"TRACE /buckets/b/keys/k", "405"},
        {"PATCH /buckets/b/keys/k", "501"},
        {"PATCH /nothing", "404"},
        {"DELETE /buckets/b/keys", "405"},
        {"POST /buckets/b/props", "405"},
        {"HEAD /buckets/b/counters/c", "405"},
        {"GET /buckets/b/keys/a/b", "400"},
        {"GET /buckets/b/keys/a/_,_,_", "404"},
        {"GET /types/plain/buckets/b/keys/a/_,_,_", "403"},
        {"GET /types/nosuchtype/buckets/b/keys/k", "404"},
        {"GET /types/unready/buckets/b/keys/k", "404"},
        {"GET /types/unready/props", "404"},
        {"GET /buckets/b/keys/k?r=x", "400"},
        {"GET /buckets/b/keys/k?timeout=-1", "503"},
        {"GET /riak/b?props=false", "404"},
        {"GET /", "200"},
        {"GET /metrics", "200"},
        {"GET /buckets", "200"},
    };

    START(false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text;
        buf_init(&text, 1000);
        buf_put_str(&text, cases[i].request);
        buf_put_str(&text, " HTTP/1.1\r\nHost: h\r\n\r\n");
        http_client_send(&c, buf_bytes(&text));
        buf_put_u8(&text, 0);
        CHECK_BYTES(c.bytes.data + 9, 3, cases[i].status, 3);
        if (memcmp(c.bytes.data + 9, cases[i].status, 3) != 0)
            tap_note("%s", cases[i].request);
        WORDS("");
        http_client_forget(&c);
        buf_done(&text);
    }
    END();
}

TEST(verbs_are_told)
{
    START(false);
    http_client_say(&c, "OPTIONS /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    GOT("\r\nAllow: DELETE, GET, HEAD, POST, PUT\r\n");
    http_client_forget(&c);
    http_client_say(&c, "DELETE /riak/b HTTP/1.1\r\n\r\n");
    GOT("\r\nAllow: GET, HEAD, PUT\r\n");
    END();
}

TEST(foreign_pages_are_refused)
{
    START(false);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\nOrigin: null\r\n\r\n");
    GOT("HTTP/1.1 403 Forbidden\r\n");
    http_client_forget(&c);
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\nHost: h:1\r\n"
                        "Referer: http://other/x\r\n\r\n");
    GOT("HTTP/1.1 403 Forbidden\r\n");
    WORDS("");
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\nHost: h:1\r\n"
                        "Referer: http://h:1/x\r\n\r\n");
    WORDS("get default/b/k");
    END();
}

TEST(a_node_without_a_document_is_not_ready)
{
    START(false);
    c.view.document = NULL;
    c.env.ready = false;
    http_client_say(&c, "GET /buckets/b/keys/k HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 503 Service Unavailable\r\n");
    http_client_forget(&c);
    http_client_say(&c, "GET /dassie/v1/ready HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 503 Service Unavailable\r\n");
    GOT("{\"ready\":false}");
    http_client_forget(&c);
    http_client_say(&c, "GET /stats HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n");
    GOT("\"riak_kv_version\":\"3.2.3\"");
    GOT("\ndassie_ready 0\n");
    END();
}

TEST(administration)
{
    START(true);
    http_client_say(&c, "GET /dassie/v1/cluster/status HTTP/1.1\r\n\r\n");
    WORDS("admin //(none)");
    http_client_reply(&c, &done);
    GOT("HTTP/1.1 200 OK\r\n");
    GOT("{\"form\":7}");
    http_client_forget(&c);
    http_client_say(&c, "GET /dassie/v1/cluster/status HTTP/1.1\r\n\r\n");
    reply_error(ERR_STALE);
    GOT("HTTP/1.1 409 Conflict\r\n");
    http_client_forget(&c);
    http_client_say(&c, "PUT /dassie/v1/cluster/status HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    GOT("\r\nAllow: GET\r\n");
    http_client_forget(&c);
    http_client_say(&c, "GET /dassie/v1/who HTTP/1.1\r\nOrigin: http://x\r\n\r\n");
    GOT("HTTP/1.1 403 Forbidden\r\n");
    http_client_forget(&c);
    http_client_say(&c, "GET /dassie/v1/none HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 404 Not Found\r\n");
    END();
}

TEST(log_level)
{
    START(true);
    http_client_forget(&c);
    http_client_say(&c, "PUT /dassie/v1/log-level HTTP/1.1\r\nContent-Length: 5\r\n\r\ndebug");
    GOT("HTTP/1.1 204 No Content\r\n");
    WORDS("set log.level=debug");
    http_client_say(&c, "PUT /dassie/v1/log-level HTTP/1.1\r\nContent-Length: 16\r\n\r\n"
                        "{\"level\":\"warn\"}");
    WORDS("set log.level=warn");
    http_client_forget(&c);
    http_client_say(&c, "PUT /dassie/v1/log-level HTTP/1.1\r\nContent-Length: 4\r\n\r\nloud");
    GOT("HTTP/1.1 400 Bad Request\r\n");
    http_client_forget(&c);
    http_client_say(&c, "GET /dassie/v1/log-level HTTP/1.1\r\n\r\n");
    GOT("HTTP/1.1 405 Method Not Allowed\r\n");
    END();
    START(false);
    http_client_say(&c, "PUT /dassie/v1/log-level HTTP/1.1\r\nContent-Length: 5\r\n\r\ndebug");
    GOT("HTTP/1.1 403 Forbidden\r\n");
    WORDS("");
    END();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(ping_and_keep_alive),
        T(oldest_version_is_answered_and_closed),
        T(one_request_at_a_time),
        T(the_last_answer_drops_what_waits),
        T(stale_replies_are_ignored),
        T(cuts_do_not_matter),
        T(continue_is_said_in_its_place),
        T(what_is_no_request_is_refused_and_closed),
        T(slow_heads_and_bodies_end),
        T(a_client_that_leaves_takes_its_request_along),
        T(stopping),
        T(too_much_sent_ahead_cuts_off),
        T(nothing_begins_while_too_much_is_unsent),
        T(resources_and_verbs),
        T(verbs_are_told),
        T(foreign_pages_are_refused),
        T(a_node_without_a_document_is_not_ready),
        T(administration),
        T(log_level),
    };
    return tap_main(argc, argv, tests);
}

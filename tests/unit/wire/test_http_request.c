/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tap.h"
#include "wire/http_accept.h"
#include "wire/http_condition.h"
#include "wire/http_index.h"
#include "wire/http_link.h"
#include "wire/http_options.h"
#include "wire/http_path.h"
#include "wire/http_range.h"

static struct arena arena;

static struct http_request get(const char *path, const char *query)
{
    return (struct http_request){
        .verb = VERB_GET, .path = bytes_str(path), .query = bytes_str(query)};
}

static struct http_request with(const struct http_header *headers, uint32_t count)
{
    return (struct http_request){
        .path = BYTES_LIT("/"), .headers = headers, .headers_count = count};
}

/* What a path names, in one line. */
static void check_path(enum http_verb verb, const char *text, const char *want)
{
    struct http_request request = get(text, "");
    struct http_path path;
    struct buf line;

    request.verb = verb;
    buf_init(&line, 1 << 20);
    http_path_read(&request, &arena, true, &path);
    buf_printf(&line, "%d %d ", (int)path.resource, (int)path.form);
    buf_put(&line, path.type);
    buf_put_str(&line, " ");
    buf_put(&line, path.bucket);
    buf_put_str(&line, " ");
    buf_put(&line, path.key);
    buf_printf(&line, " %u", path.steps_count);
    CHECK_BYTES(line.data, line.len, want, strlen(want));
    buf_done(&line);
}

TEST(paths)
{
    check_path(VERB_GET, "/", "1 1 default   0");
    check_path(VERB_GET, "/ping", "2 1 default   0");
    check_path(VERB_GET, "/ping/more", "0 1 default   0");
    check_path(VERB_GET, "/buckets", "5 1 default   0");
    check_path(VERB_GET, "/riak", "5 0 default   0");
    check_path(VERB_GET, "/riak/b", "6 0 default b  0");
    check_path(VERB_POST, "/riak/b", "10 0 default b  0");
    check_path(VERB_GET, "/riak/b/k", "10 0 default b k 0");
    check_path(VERB_GET, "/buckets/b", "0 1 default b  0");
    check_path(VERB_GET, "/buckets/b/props", "7 1 default b  0");
    check_path(VERB_GET, "/types/t/props", "8 2 t   0");
    check_path(VERB_GET, "/buckets/b/keys", "9 1 default b  0");
    check_path(VERB_GET, "/buckets/b/keys/", "9 1 default b  0");
    check_path(VERB_POST, "/buckets/b/keys", "10 1 default b  0");
    check_path(VERB_GET, "/buckets/b/keys//k/", "10 1 default b k 0");
    check_path(VERB_GET, "/types/t/buckets", "5 2 t   0");
    check_path(VERB_GET, "/types/t/buckets/b/keys/k", "10 2 t b k 0");
    check_path(VERB_GET, "/types/t", "0 1 default   0");
    check_path(VERB_GET, "/buckets/b/keys/k/x,y,1/_,_,_", "11 1 default b k 2");
    check_path(VERB_GET, "/buckets/b/index/f_bin/a/b", "12 1 default b  0");
    check_path(VERB_GET, "/buckets/b/counters/c", "13 1 default b  0");
    check_path(VERB_GET, "/types/t/buckets/b/datatypes/k", "14 2 t b  0");
    check_path(VERB_GET, "/dassie/v1/cluster/plan", "16 1 default   0");
    check_path(VERB_GET, "*", "0 1 default   0");
    check_path(VERB_GET, "", "0 1 default   0");
}

TEST(names_are_decoded_and_words_are_not)
{
    check_path(VERB_GET, "/buckets/a%2Fb/keys/k+1%2b%zz%", "10 1 default a/b k 1+%zz% 0");
    check_path(VERB_GET, "/buckets/b/k%65ys/k", "0 1 default b  0");
    check_path(VERB_GET, "/buckets/b/keys/..", "10 1 default b .. 0");
}

TEST(decoding_can_be_off)
{
    const struct http_header on = {BYTES_LIT("X-Riak-URL-Encoding"), BYTES_LIT("on")};
    struct http_request request = get("/buckets/a%20b/keys/c+d", "");
    struct http_path path;

    http_path_read(&request, &arena, false, &path);
    CHECK(bytes_eq(path.bucket, BYTES_LIT("a%20b")) && bytes_eq(path.key, BYTES_LIT("c+d")));
    request.headers = &on;
    request.headers_count = 1;
    http_path_read(&request, &arena, false, &path);
    CHECK(bytes_eq(path.bucket, BYTES_LIT("a b")) && bytes_eq(path.key, BYTES_LIT("c d")));
}

TEST(too_many_steps_name_nothing)
{
    struct buf path;

    buf_init(&path, 1 << 20);
    buf_put_str(&path, "/buckets/b/keys/k");
    for (int i = 0; i < HTTP_STEPS_MAX; i++)
        buf_put_str(&path, "/_,_,_");
    struct http_request request = {.path = buf_bytes(&path)};
    struct http_path read;
    http_path_read(&request, &arena, true, &read);
    CHECK_EQ(read.resource, RESOURCE_LINKS);
    for (int i = 0; i < 100; i++) {
        buf_put_str(&path, "/_,_,_");
        request.path = buf_bytes(&path);
        http_path_read(&request, &arena, true, &read);
        CHECK_EQ(read.resource, RESOURCE_NONE);
    }
    buf_done(&path);
}

TEST(params)
{
    struct http_request request = get("/", "a=1&b&&c=x%3d+y&a=2&%64=e");
    struct bytes value;

    CHECK(http_param(&request, &arena, BYTES_LIT("a"), &value) && bytes_eq(value, BYTES_LIT("1")));
    CHECK(http_param(&request, &arena, BYTES_LIT("b"), &value) && value.len == 0);
    CHECK(http_param(&request, &arena, BYTES_LIT("c"), &value) &&
          bytes_eq(value, BYTES_LIT("x= y")));
    CHECK(http_param(&request, &arena, BYTES_LIT("d"), &value) && bytes_eq(value, BYTES_LIT("e")));
    CHECK(!http_param(&request, &arena, BYTES_LIT(""), &value));
    CHECK(!http_param(&request, &arena, BYTES_LIT("A"), &value));
}

static void check_problem(const char *query, const char *want)
{
    struct http_request request = get("/", query);
    struct http_options options;
    struct buf problem;

    buf_init(&problem, 1 << 20);
    enum err err = http_options_read(&request, &arena, &options, &problem);
    CHECK_EQ(err, want[0] == 0 ? ERR_OK : ERR_BAD_REQUEST);
    CHECK_BYTES(problem.data, problem.len, want, strlen(want));
    buf_done(&problem);
}

#define WORDS                                                                                      \
    " query parameter must be an integer or one of the following words: 'one', 'quorum' or "       \
    "'all'\n"

TEST(options_in_words)
{
    check_problem("", "");
    check_problem("r=1&r=x", "");
    check_problem("r=x", "r" WORDS);
    check_problem("r=", "r" WORDS);
    check_problem("w=1.5", "w" WORDS);
    check_problem("dw=ONE&pw=x", "dw" WORDS "pw" WORDS);
    check_problem("basic_quorum=TRUE&notfound_ok=default&asis=False", "");
    check_problem("basic_quorum=yes", "basic_quorum query parameter must be true or false\n");
    check_problem("timeout=soon&r=x", "Bad timeout value \"soon\"\n");
    check_problem("sync_on_write=never",
                  "sync_on_write query parameter must be one of the following words: "
                  "[default,backend,one,all]\n");
}

TEST(options_in_numbers)
{
    struct http_request request = get("/", "r=-1&w=all&dw=3&pw=one&pr=default&rw=quorum&timeout=-5"
                                           "&node_confirms=99999999999999999999&vtag=v&returnbody="
                                           "true&notfound_ok=FALSE");
    struct http_options options;
    struct buf problem;

    buf_init(&problem, 1000);
    CHECK_EQ_FATAL(http_options_read(&request, &arena, &options, &problem), ERR_OK);
    CHECK_EQ(options.quorums.r, 0);
    CHECK_EQ(options.quorums.w, QUORUM_ALL);
    CHECK_EQ(options.quorums.dw, 3);
    CHECK_EQ(options.quorums.pw, QUORUM_ONE);
    CHECK_EQ(options.quorums.pr, QUORUM_DEFAULT);
    CHECK_EQ(options.quorums.rw, QUORUM_QUORUM);
    CHECK_EQ(options.quorums.node_confirms, QUORUM_DEFAULT - 1);
    CHECK_EQ(options.quorums.notfound_ok, TRI_FALSE);
    CHECK_EQ(options.quorums.basic_quorum, TRI_DEFAULT);
    CHECK(options.expired);
    CHECK(options.return_body);
    CHECK(options.has_vtag && bytes_eq(options.vtag, BYTES_LIT("v")));
    buf_done(&problem);
}

static int choose(const char *accept, const char *first, const char *second)
{
    const struct bytes offered[] = {bytes_str(first), bytes_str(second)};

    return http_accept_choose(bytes_str(accept), offered, 2);
}

TEST(accept)
{
    CHECK_EQ(choose("*/*", "a/b", "c/d"), 0);
    CHECK_EQ(choose("c/d, a/b;q=0.5", "a/b", "c/d"), 1);
    CHECK_EQ(choose("a/b;q=0.5, c/d;q=0.6", "a/b", "c/d"), 1);
    CHECK_EQ(choose("c/*;q=0.4;x=y , a/b; q=0.3", "a/b", "c/d"), 1);
    CHECK_EQ(choose("a/b;q=0, */*;q=0.001", "a/b", "c/d"), 0);
    CHECK_EQ(choose("nonsense", "a/b", "c/d"), -1);
    CHECK_EQ(choose("a/b;q=0", "a/b", "c/d"), -1);
    CHECK_EQ(choose("TEXT/Plain", "a/b", "text/plain; charset=x"), 1);
    CHECK_EQ(choose(", ,", "a/b", "c/d"), -1);
}

static bool takes_gzip(const char *accept)
{
    const struct http_header header = {BYTES_LIT("Accept-Encoding"), bytes_str(accept)};
    struct http_request request = with(&header, 1);

    return http_accepts_gzip(&request, &arena);
}

TEST(accept_encoding)
{
    struct http_request none = with(NULL, 0);

    CHECK(!http_accepts_gzip(&none, &arena));
    CHECK(takes_gzip("gzip"));
    CHECK(takes_gzip("gzip, deflate, br"));
    CHECK(takes_gzip("deflate, gzip;q=0.5, *;q=0"));
    CHECK(!takes_gzip("gzip;q=0"));
    CHECK(!takes_gzip("identity"));
    CHECK(!takes_gzip("identity;q=1, gzip;q=0.5"));
    CHECK(!takes_gzip("*"));
    CHECK(!takes_gzip(""));
}

TEST(media_types)
{
    struct bytes type, charset;

    CHECK(http_media_type(BYTES_LIT("text/plain; format=x; Charset=utf-8"), &type, &charset));
    CHECK(bytes_eq(type, BYTES_LIT("text/plain")));
    CHECK(bytes_eq(charset, BYTES_LIT("utf-8")));
    CHECK(http_media_type(BYTES_LIT("a/b"), &type, &charset));
    CHECK(charset.data == NULL);
    CHECK(!http_media_type(BYTES_LIT("nonsense"), &type, &charset));
    CHECK(!http_media_type(BYTES_LIT("a/"), &type, &charset));
    CHECK(!http_media_type(BYTES_LIT("/b"), &type, &charset));
    CHECK(!http_media_type(BYTES_LIT("a/b/c"), &type, &charset));
    CHECK(!http_media_type(BYTES_LIT("; charset=a/b"), &type, &charset));
}

/* Reads a Link header and writes it again; "-" when it is refused. */
static void check_links(enum http_form form, const char *header, const char *want)
{
    const struct http_header link = {BYTES_LIT("link"), bytes_str(header)};
    struct http_request request = with(&link, 1);
    struct http_path path = {.form = form, .bucket = BYTES_LIT("b")};
    struct content content = {.links_count = 0};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (http_links_read(&request, &path, &arena, &content) == ERR_OK)
        http_links_put(&out, form, path.bucket, &content);
    else
        buf_put_str(&out, "-");
    CHECK_BYTES(out.data, out.len, want, strlen(want));
    buf_done(&out);
}

TEST(links)
{
    check_links(FORM_BUCKETS,
                "</buckets/x+1/keys/k%2F1>; riaktag=\"t+1\", </buckets/b>; rel=\"up\"",
                "</buckets/b>; rel=\"up\", </buckets/x+1/keys/k%2F1>; riaktag=\"t+1\"");
    check_links(FORM_RIAK, "</riak/x/y>;riaktag=\"\"",
                "</riak/b>; rel=\"up\", </riak/x/y>; riaktag=\"\"");
    check_links(FORM_TYPES, "</buckets/x/keys/y>;  riaktag=\"t\"",
                "</buckets/b>; rel=\"up\", </buckets/x/keys/y>; riaktag=\"t\"");
    check_links(FORM_BUCKETS, "", "</buckets/b>; rel=\"up\"");
    check_links(FORM_BUCKETS, "</riak/b/k3>; riaktag=\"old\"", "-");
    check_links(FORM_RIAK, "</buckets/b/keys/k>; riaktag=\"new\"", "-");
    check_links(FORM_BUCKETS, "</buckets/other>; rel=\"up\"", "-");
    check_links(FORM_BUCKETS, "nonsense", "-");
    check_links(FORM_BUCKETS, "</buckets/b/keys/k2>; title=\"x\"", "-");
    check_links(FORM_BUCKETS, "</buckets/b/keys/k2>; riaktag=\"x", "-");
    check_links(FORM_BUCKETS, "</buckets/b/keys/k2>; riaktag=\"x\" </buckets/b>; rel=\"up\"", "-");
    check_links(FORM_BUCKETS, "<", "-");
    check_links(FORM_BUCKETS, "</buckets//keys/k>; riaktag=\"x\"", "-");
}

/* Reads index headers and writes them again, or what is wrong with them. */
static void check_indexes(const struct http_header *headers, uint32_t count, const char *want)
{
    struct http_request request = with(headers, count);
    struct content content = {.indexes_count = 0};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (http_indexes_read(&request, &arena, &content, &out) == ERR_OK)
        http_indexes_put(&out, &content);
    CHECK_BYTES(out.data, out.len, want, strlen(want));
    buf_done(&out);
}

TEST(indexes)
{
    const struct http_header good[] = {
        {BYTES_LIT("X-Riak-Index-Name_bin"), BYTES_LIT("bob, alice,x, ")},
        {BYTES_LIT("x-riak-index-AGE_INT"), BYTES_LIT("007, -0, 10, -12, -3, +7")},
        {BYTES_LIT("X-Riak-Index-age_int"), BYTES_LIT("123456789012345678901234567890")},
    };
    const struct http_header bad[] = {
        {BYTES_LIT("X-Riak-Index-age"), BYTES_LIT("1")},
        {BYTES_LIT("X-Riak-Index-age_int"), BYTES_LIT("young, 1")},
        {BYTES_LIT("X-Riak-Index-_int"), BYTES_LIT("")},
    };

    check_indexes(good, 3,
                  "x-riak-index-age_int: -12, -3, 0, 7, 10, 123456789012345678901234567890\r\n"
                  "x-riak-index-name_bin: , alice,x, bob\r\n");
    check_indexes(bad, 3,
                  "Unknown field type for field: 'age'.\n"
                  "Could not parse field 'age_int', value 'young'.\n"
                  "Unknown field type for field: '_int'.\n");
    check_indexes(NULL, 0, "");
}

static unsigned judge(const char *name, const char *value)
{
    const struct http_header header = {bytes_str(name), bytes_str(value)};
    struct http_request request = with(&header, 1);
    struct http_condition condition;

    http_condition_read(&request, &arena, &condition);
    return http_condition_judge(&condition, BYTES_LIT("tag"), 784111777, 784111800);
}

TEST(conditions)
{
    CHECK_EQ(judge("if-none-match", "\"tag\""), 304);
    CHECK_EQ(judge("if-none-match", "\"other\", W/\"tag\""), 304);
    CHECK_EQ(judge("if-none-match", "tag"), 304);
    CHECK_EQ(judge("if-none-match", "*"), 304);
    CHECK_EQ(judge("if-none-match", "\"other\""), 200);
    CHECK_EQ(judge("if-match", "\"tag\""), 200);
    CHECK_EQ(judge("if-match", "*"), 200);
    CHECK_EQ(judge("if-match", "\"other\""), 412);
    CHECK_EQ(judge("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"), 304);
    CHECK_EQ(judge("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT"), 200);
    CHECK_EQ(judge("if-modified-since", "Sun, 06 Nov 2094 08:49:36 GMT"), 200);
    CHECK_EQ(judge("if-modified-since", "not a date"), 200);
    CHECK_EQ(judge("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT"), 412);
    CHECK_EQ(judge("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"), 200);
}

TEST(ranges)
{
    struct http_range r[RANGES_MAX];

    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=0-3"), 10, r), 1);
    CHECK(r[0].from == 0 && r[0].len == 4);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=-2"), 10, r), 1);
    CHECK(r[0].from == 8 && r[0].len == 2);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=8-"), 10, r), 1);
    CHECK(r[0].from == 8 && r[0].len == 2);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=5-100"), 10, r), 1);
    CHECK(r[0].from == 5 && r[0].len == 5);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=0-1, 4-5"), 10, r), 2);
    CHECK(r[1].from == 4 && r[1].len == 2);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=50-60"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=0-1,50-60"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=3-2"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=-0"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("lines=1-2"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=0-0"), 0, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes=0-9,0-9"), 10, r), 0);
    CHECK_EQ(http_ranges_read(BYTES_LIT("bytes="), 10, r), 0);
}

TEST(headers_of_one_name_are_joined)
{
    const struct http_header headers[] = {
        {BYTES_LIT("A"), BYTES_LIT("1")},
        {BYTES_LIT("b"), BYTES_LIT("x")},
        {BYTES_LIT("a"), BYTES_LIT("")},
        {BYTES_LIT("a"), BYTES_LIT("3")},
    };
    struct http_request request = with(headers, 4);
    struct bytes value;

    CHECK(http_header_joined(&request, &arena, BYTES_LIT("a"), &value));
    CHECK_BYTES(value.data, value.len, "1, , 3", 6);
    CHECK(http_header_joined(&request, &arena, BYTES_LIT("B"), &value));
    CHECK_BYTES(value.data, value.len, "x", 1);
    CHECK(!http_header_joined(&request, &arena, BYTES_LIT("c"), &value));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(paths),
        T(names_are_decoded_and_words_are_not),
        T(decoding_can_be_off),
        T(too_many_steps_name_nothing),
        T(params),
        T(options_in_words),
        T(options_in_numbers),
        T(accept),
        T(accept_encoding),
        T(media_types),
        T(links),
        T(indexes),
        T(conditions),
        T(ranges),
        T(headers_of_one_name_are_joined),
    };
    arena_init(&arena);
    int status = tap_main(argc, argv, tests);
    arena_done(&arena);
    return status;
}

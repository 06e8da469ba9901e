/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of clients into requests. */
#include "model/context.h"
#include "tap.h"
#include "wire/pb_decode.h"
#include "wire/pb_wire.h"

/* A message in the making. */
struct message {
    uint8_t bytes[4096];
    struct pb_writer w;
};

static void begin(struct message *m)
{
    m->w = (struct pb_writer){m->bytes, 0};
}

static void text(struct message *m, uint32_t field, const char *s)
{
    pb_put_bytes(&m->w, field, bytes_str(s));
}

static void number(struct message *m, uint32_t field, uint64_t value)
{
    pb_put_number(&m->w, field, value);
}

static void inner(struct message *m, uint32_t field, const struct message *in)
{
    pb_put_bytes(&m->w, field, bytes_of(in->bytes, in->w.len));
}

/* What a decoding came to. */
struct decoded {
    struct arena arena;
    struct pb_call call;
    struct buf problem;
    enum err err;
};

static void decode_bytes(struct decoded *d, uint8_t code, struct bytes body)
{
    arena_init(&d->arena);
    buf_init(&d->problem, 4096);
    d->call = (struct pb_call){.code = PB_PING_RESP};
    d->err = pb_decode(&d->arena, code, body, &d->call, &d->problem);
}

static void decode(struct decoded *d, uint8_t code, const struct message *m)
{
    decode_bytes(d, code, bytes_of(m->bytes, m->w.len));
}

static void done(struct decoded *d)
{
    arena_done(&d->arena);
    buf_done(&d->problem);
}

#define CHECK_TEXT(bytes, want) CHECK_BYTES((bytes).data, (bytes).len, want, sizeof(want) - 1)

static const struct dot dots[] = {{7, 3}, {9, 1}};
static const struct clock two_dots = {.entries = dots, .count = 2};

static void put_context(struct message *m, uint32_t field, struct clock clock)
{
    struct buf buf;

    buf_init(&buf, 1024);
    context_put(&buf, clock);
    pb_put_bytes(&m->w, field, buf_bytes(&buf));
    buf_done(&buf);
}

TEST(get_with_everything)
{
    struct message m;
    struct decoded d;

    begin(&m);
    text(&m, 1, "b");
    text(&m, 2, "k");
    number(&m, 3, QUORUM_ALL);
    number(&m, 4, 1);
    number(&m, 5, 1);
    number(&m, 6, 0);
    put_context(&m, 7, two_dots);
    number(&m, 8, 1);
    number(&m, 9, 1);
    number(&m, 10, 250);
    number(&m, 11, 0);
    number(&m, 12, 2);
    text(&m, 13, "t");
    number(&m, 14, 3);
    decode(&d, PB_GET_REQ, &m);
    const struct request *request = &d.call.request;
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK_EQ(d.call.code, PB_GET_REQ);
    CHECK_EQ(request->kind, REQUEST_GET);
    CHECK_TEXT(request->key.bucket, "b");
    CHECK_TEXT(request->key.key, "k");
    CHECK_TEXT(request->key.type, "t");
    CHECK_EQ(request->options.r, QUORUM_ALL);
    CHECK_EQ(request->options.pr, 1);
    CHECK_EQ(request->options.w, QUORUM_DEFAULT);
    CHECK_EQ(request->options.basic_quorum, TRI_TRUE);
    CHECK_EQ(request->options.notfound_ok, TRI_FALSE);
    CHECK_EQ(request->options.sloppy_quorum, TRI_FALSE);
    CHECK_EQ(request->options.timeout_ms, 250);
    CHECK_EQ(request->options.n_val, 2);
    CHECK_EQ(request->options.node_confirms, 3);
    CHECK(request->u.get.head);
    CHECK(d.call.deletedvclock);
    CHECK(request->u.get.has_if_modified);
    CHECK_EQ(clock_compare(request->u.get.if_modified, two_dots), CLOCK_EQUAL);
    done(&d);
}

TEST(get_with_nothing_more)
{
    struct message m;
    struct decoded d;

    begin(&m);
    text(&m, 1, "b");
    text(&m, 2, "k");
    decode(&d, PB_GET_REQ, &m);
    const struct request *request = &d.call.request;
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK_TEXT(request->key.type, "default");
    CHECK_EQ(request->options.r, QUORUM_DEFAULT);
    CHECK_EQ(request->options.node_confirms, QUORUM_DEFAULT);
    CHECK_EQ(request->options.notfound_ok, TRI_DEFAULT);
    CHECK_EQ(request->options.n_val, 0);
    CHECK_EQ(request->options.timeout_ms, 0);
    CHECK(!request->u.get.has_if_modified);
    CHECK(!request->u.get.head);
    CHECK(!d.call.deletedvclock);
    done(&d);
}

static void put_begin(struct message *m, const struct message *content)
{
    begin(m);
    text(m, 1, "b");
    text(m, 2, "k");
    inner(m, 4, content);
}

TEST(put_with_everything)
{
    struct message m, content, part;
    struct decoded d;

    begin(&content);
    text(&content, 1, "v");
    text(&content, 2, "text/html");
    text(&content, 3, "");
    text(&content, 5, "mine");
    begin(&part);
    text(&part, 1, "lb");
    text(&part, 2, "lk");
    text(&part, 3, "lt");
    inner(&content, 6, &part);
    number(&content, 7, 1);
    number(&content, 8, 2);
    begin(&part);
    text(&part, 1, "m1");
    text(&part, 2, "v1");
    inner(&content, 9, &part);
    begin(&part);
    text(&part, 1, "m2");
    inner(&content, 9, &part);

    put_begin(&m, &content);
    put_context(&m, 3, two_dots);
    number(&m, 5, 1);
    number(&m, 6, QUORUM_ONE);
    number(&m, 8, 0);
    number(&m, 9, 1);
    number(&m, 10, 0);
    number(&m, 11, 1);
    number(&m, 13, 1);
    number(&m, 17, QUORUM_QUORUM);
    decode(&d, PB_PUT_REQ, &m);
    const struct request *request = &d.call.request;
    const struct request_put *put = &request->u.put;
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK_EQ(request->kind, REQUEST_PUT);
    CHECK_EQ(request->options.w, 1);
    CHECK_EQ(request->options.dw, QUORUM_ONE);
    CHECK_EQ(request->options.pw, 0);
    CHECK_EQ(request->options.node_confirms, QUORUM_QUORUM);
    CHECK_EQ(clock_compare(put->context, two_dots), CLOCK_EQUAL);
    CHECK(put->condition.if_not_modified);
    CHECK(!put->condition.if_none_match_any);
    CHECK_EQ(clock_compare(put->condition.context, two_dots), CLOCK_EQUAL);
    CHECK(put->asis);
    CHECK(put->return_body);
    CHECK(d.call.return_head);
    CHECK_TEXT(put->content.value, "v");
    CHECK_TEXT(put->content.content_type, "text/html");
    CHECK(put->content.charset.data != NULL);
    CHECK(put->content.content_encoding.data == NULL);
    CHECK_EQ_FATAL(put->content.links_count, 1);
    CHECK_TEXT(put->content.links[0].bucket, "lb");
    CHECK_TEXT(put->content.links[0].key, "lk");
    CHECK_TEXT(put->content.links[0].tag, "lt");
    CHECK_EQ_FATAL(put->content.meta_count, 2);
    CHECK_TEXT(put->content.meta[0].value, "v1");
    CHECK_TEXT(put->content.meta[1].name, "m2");
    CHECK_TEXT(put->content.meta[1].value, "undefined");
    done(&d);
}

TEST(put_without_key)
{
    struct message m, content;
    struct decoded d;

    begin(&content);
    text(&content, 1, "");
    begin(&m);
    text(&m, 1, "b");
    inner(&m, 4, &content);
    decode(&d, PB_PUT_REQ, &m);
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK(d.call.request.key.key.data == NULL);
    CHECK(!d.call.request.u.put.return_body);
    done(&d);

    text(&m, 2, "");
    decode(&d, PB_PUT_REQ, &m);
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK(d.call.request.key.key.data != NULL);
    CHECK_EQ(d.call.request.key.key.len, 0);
    done(&d);
}

TEST(put_of_a_tombstone_has_no_content)
{
    struct message m, content;
    struct decoded d;

    begin(&content);
    text(&content, 1, "v");
    text(&content, 2, "text/plain");
    number(&content, 11, 1);
    put_begin(&m, &content);
    decode(&d, PB_PUT_REQ, &m);
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK(d.call.request.u.put.deleted);
    CHECK_EQ(d.call.request.u.put.content.value.len, 0);
    CHECK(d.call.request.u.put.content.content_type.data == NULL);
    done(&d);
}

static void index_entry(struct message *content, const char *name, const char *value)
{
    struct message pair;

    begin(&pair);
    text(&pair, 1, name);
    if (value != NULL)
        text(&pair, 2, value);
    inner(content, 10, &pair);
}

TEST(put_normalizes_indexes)
{
    struct message m, content;
    struct decoded d;

    begin(&content);
    text(&content, 1, "v");
    index_entry(&content, "b_bin", "y");
    index_entry(&content, "Age_INT", "007");
    index_entry(&content, "b_bin", "x");
    index_entry(&content, "b_bin", "y");
    put_begin(&m, &content);
    decode(&d, PB_PUT_REQ, &m);
    const struct content *got = &d.call.request.u.put.content;
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK_EQ_FATAL(got->indexes_count, 3);
    CHECK_TEXT(got->indexes[0].name, "age_int");
    CHECK_TEXT(got->indexes[0].value, "7");
    CHECK_TEXT(got->indexes[1].value, "x");
    CHECK_TEXT(got->indexes[2].value, "y");
    done(&d);
}

TEST(put_refuses_bad_indexes)
{
    struct message m, content;
    struct decoded d;

    begin(&content);
    text(&content, 1, "v");
    index_entry(&content, "age_int", "young");
    index_entry(&content, "fine_bin", "x");
    index_entry(&content, "age", "1");
    put_begin(&m, &content);
    decode(&d, PB_PUT_REQ, &m);
    CHECK_EQ(d.err, ERR_BAD_REQUEST);
    CHECK_TEXT(d.problem, "{precommit_fail,[{field_parsing_failed,{<<\"age_int\">>,<<\"young\">>}},"
                          "{unknown_field_type,<<\"age\">>}]}");
    CHECK_EQ(d.call.code, PB_PING_RESP); /* untouched */
    done(&d);

    index_entry(&content, "age_int", NULL);
    put_begin(&m, &content);
    decode(&d, PB_PUT_REQ, &m);
    CHECK_EQ(d.err, ERR_BAD_REQUEST);
    CHECK_TEXT(d.problem, "{precommit_fail,{hook_crashed,{riak_index,parse_object_hook,error,"
                          "function_clause}}}");
    done(&d);
}

TEST(too_many_links)
{
    static uint8_t bytes[64 * 1024];
    struct pb_writer content = {bytes, 0};
    static uint8_t whole[sizeof(bytes) + 64];
    struct pb_writer w = {whole, 0};
    struct decoded d;

    pb_put_bytes(&content, 1, BYTES_NONE);
    for (unsigned i = 0; i < 10001; i++)
        pb_put_message(&content, 6, 0);
    pb_put_bytes(&w, 1, BYTES_LIT("b"));
    pb_put_bytes(&w, 4, bytes_of(bytes, content.len));
    decode_bytes(&d, PB_PUT_REQ, bytes_of(whole, w.len));
    CHECK_EQ(d.err, ERR_BAD_REQUEST);
    CHECK_TEXT(d.problem, "Too many links");
    done(&d);
}

TEST(del_knows_its_context)
{
    struct message m;
    struct decoded d;

    begin(&m);
    text(&m, 1, "b");
    text(&m, 2, "k");
    number(&m, 3, 2);
    text(&m, 4, "");
    number(&m, 5, 1);
    number(&m, 6, 3);
    number(&m, 9, 0);
    decode(&d, PB_DEL_REQ, &m);
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK_EQ(d.call.request.kind, REQUEST_DELETE);
    CHECK_EQ(d.call.request.options.rw, 2);
    CHECK_EQ(d.call.request.options.r, 1);
    CHECK_EQ(d.call.request.options.w, 3);
    CHECK_EQ(d.call.request.options.dw, 0);
    CHECK(!d.call.request.u.del.has_context);
    done(&d);

    put_context(&m, 4, two_dots);
    decode(&d, PB_DEL_REQ, &m);
    CHECK_EQ_FATAL(d.err, ERR_OK);
    CHECK(d.call.request.u.del.has_context);
    CHECK_EQ(clock_compare(d.call.request.u.del.context, two_dots), CLOCK_EQUAL);
    done(&d);
}

TEST(damaged_contexts)
{
    static const uint8_t codes[] = {PB_GET_REQ, PB_PUT_REQ, PB_DEL_REQ};
    static const uint32_t fields[] = {7, 3, 4};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct message m, content;
        struct decoded d;
        begin(&content);
        text(&content, 1, "v");
        begin(&m);
        text(&m, 1, "b");
        text(&m, 2, "k");
        if (codes[i] == PB_PUT_REQ)
            inner(&m, 4, &content);
        text(&m, fields[i], "nonsense");
        decode(&d, codes[i], &m);
        CHECK_EQ(d.err, ERR_BAD_CONTEXT);
        done(&d);
    }
}

TEST(listings_and_properties)
{
    struct message m;
    struct decoded d;

    begin(&m);
    decode(&d, PB_LIST_BUCKETS_REQ, &m);
    CHECK_EQ(d.err, ERR_OK);
    CHECK_EQ(d.call.request.kind, REQUEST_LIST_BUCKETS);
    CHECK(!d.call.request.u.list.stream);
    done(&d);

    number(&m, 1, 100);
    number(&m, 2, 1);
    text(&m, 3, "t");
    decode(&d, PB_LIST_BUCKETS_REQ, &m);
    CHECK_EQ(d.err, ERR_OK);
    CHECK_EQ(d.call.request.options.timeout_ms, 100);
    CHECK(d.call.request.u.list.stream);
    CHECK_TEXT(d.call.request.key.type, "t");
    done(&d);

    begin(&m);
    text(&m, 1, "b");
    decode(&d, PB_LIST_KEYS_REQ, &m);
    CHECK_EQ(d.err, ERR_OK);
    CHECK_EQ(d.call.request.kind, REQUEST_LIST_KEYS);
    CHECK(d.call.request.u.list.stream);
    done(&d);

    decode(&d, PB_SET_BUCKET_REQ, &m);
    CHECK_EQ(d.err, ERR_MALFORMED);
    done(&d);

    text(&m, 2, "");
    decode(&d, PB_SET_BUCKET_REQ, &m);
    CHECK_EQ(d.err, ERR_OK);
    CHECK(d.call.props.data != NULL);
    done(&d);

    decode(&d, PB_RESET_BUCKET_REQ, &m);
    CHECK_EQ(d.err, ERR_OK);
    CHECK_EQ(d.call.request.key.type.len, 0);
    done(&d);
}

TEST(malformed)
{
    const struct {
        uint8_t code;
        struct bytes body;
    } bad[] = {
        {PB_PING_REQ, BYTES_LIT("\x0a\x01x")},
        {PB_SERVER_INFO_REQ, BYTES_LIT("\x08\x01")},
        {PB_SET_CLIENT_ID_REQ, BYTES_NONE},
        {PB_GET_REQ, BYTES_NONE},
        {PB_GET_REQ, BYTES_LIT("\x0a\x01"
                               "b")}, /* no key */
        {PB_GET_REQ, BYTES_LIT("\x12\x01k")},
        {PB_GET_REQ, BYTES_LIT("\x0a\x05"
                               "b")},
        {PB_PUT_REQ, BYTES_LIT("\x0a\x01"
                               "b")}, /* no content */
        {PB_PUT_REQ, BYTES_LIT("\x0a\x01"
                               "b\x22\x00")}, /* no value in it */
        {PB_PUT_REQ, BYTES_LIT("\x0a\x01"
                               "b\x22\x04\x0a\x00\x30\x01")}, /* a link that is a number */
        {PB_PUT_REQ, BYTES_LIT("\x0a\x01"
                               "b\x22\x04\x0a\x00\x4a\x00")}, /* metadata without name */
        {PB_DEL_REQ, BYTES_LIT("\x0a\x01"
                               "b")},
        {PB_LIST_KEYS_REQ, BYTES_NONE},
        {PB_GET_TYPE_REQ, BYTES_NONE},
        {PB_SET_TYPE_REQ, BYTES_LIT("\x0a\x01t")},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct decoded d;
        decode_bytes(&d, bad[i].code, bad[i].body);
        if (d.err != ERR_MALFORMED)
            tap_note("case %zu, code %u", i, bad[i].code);
        CHECK_EQ(d.err, ERR_MALFORMED);
        CHECK_EQ(d.problem.len, 0);
        done(&d);
    }
}

TEST(codes)
{
    unsigned known = 0;

    for (unsigned code = 0; code < 256; code++)
        known += pb_code_known((uint8_t)code);
    CHECK_EQ(known, 16);
    CHECK(pb_code_known(PB_PUT_REQ));
    CHECK(!pb_code_known(PB_PUT_RESP));
    CHECK(!pb_code_known(0));
    CHECK(!pb_code_known(27));
    CHECK(!pb_code_known(253));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(get_with_everything),
        T(get_with_nothing_more),
        T(put_with_everything),
        T(put_without_key),
        T(put_of_a_tombstone_has_no_content),
        T(put_normalizes_indexes),
        T(put_refuses_bad_indexes),
        T(too_many_links),
        T(del_knows_its_context),
        T(damaged_contexts),
        T(listings_and_properties),
        T(malformed),
        T(codes),
    };
    return tap_main(argc, argv, tests);
}

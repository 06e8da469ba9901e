/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket and type properties over Protocol Buffers. */
#include "model/overlay.h"
#include "pb_client.h"
#include "tap.h"

#define CHECK_SAID(c, want) CHECK_STR(client_said(c), want)

/* The fields of the RpbBucketProps that were sent last, as text: `1=3 2=0 8={...}`. */
static const char *shown_props(struct client *c, struct buf *text)
{
    struct reader outer = reader_of(bytes_sub(buf_bytes(&c->bytes), 5, c->bytes.len));
    struct pb_field field;

    buf_init(text, 4096);
    if (pb_next(&outer, &field)) {
        struct reader r = reader_of(field.bytes);
        while (pb_next(&r, &field)) {
            if (text->len > 0)
                buf_put_str(text, " ");
            buf_put_dec(text, field.number);
            buf_put_str(text, "=");
            if (field.type == PB_VARINT)
                buf_put_dec(text, field.value);
            else
                buf_put_dec(text, field.bytes.len);
        }
    }
    buf_put_u8(text, 0);
    return (const char *)text->data;
}

#define DEFAULTS(mult)                                                                             \
    "1=3 2=" mult " 3=0 5=1 7=1 8=34 9=43 10=86400 11=20 12=50 13=50 14=0 15=4294967293 "          \
    "16=4294967293 17=0 18=4294967293 19=4294967293 20=0 21=1"

TEST(get_bucket)
{
    struct client c;
    struct buf text;

    client_init(&c);
    client_frame(&c, 19, BYTES_LIT("\x0a\x01x"));
    CHECK_STR(shown_props(&c, &text), DEFAULTS("0") " 28=0");
    CHECK_SAID(&c, "[20]");
    buf_done(&text);
    client_frame(&c, 19, BYTES_LIT("\x0a\x01x\x12\x05plain"));
    CHECK_STR(shown_props(&c, &text), DEFAULTS("1"));
    CHECK_SAID(&c, "[20]");
    buf_done(&text);
    client_frame(&c, 31, BYTES_LIT("\x0a\x05plain"));
    CHECK_STR(shown_props(&c, &text), DEFAULTS("1"));
    CHECK_SAID(&c, "[20]");
    buf_done(&text);
    client_frame(&c, 19, BYTES_LIT("\x0a\0"));
    CHECK_SAID(&c, "[20]");
    client_done(&c);
}

TEST(no_such_type)
{
    struct client c;

    client_init(&c);
    client_frame(&c, 19, BYTES_LIT("\x0a\x01x\x12\x04none"));
    CHECK_SAID(&c, "[0 No bucket-type named 'none']");
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x02\x08\x02\x1a\x04none"));
    CHECK_SAID(&c, "[0 No bucket-type named 'none']");
    client_frame(&c, 31, BYTES_LIT("\x0a\x04none"));
    CHECK_SAID(&c, "[0 Invalid bucket type: <<\"none\">>]");
    client_frame(&c, 31, BYTES_LIT("\x0a\x07unready"));
    CHECK_SAID(&c, "[0 Invalid bucket type: <<\"unready\">>]");
    client_frame(&c, 32, BYTES_LIT("\x0a\x04none\x12\x02\x08\x02"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: not_active]");
    client_frame(&c, 32, BYTES_LIT("\x0a\x07unready\x12\x02\x08\x02"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: not_active]");
    client_frame(&c, 32,
                 BYTES_LIT("\x0a\x07"
                           "default\x12\x02\x08\x02"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: no_default_update]");
    client_frame(&c, 29, BYTES_LIT("\x0a\x01x\x12\x04none"));
    CHECK_SAID(&c, "[30]");
    client_done(&c);
}

TEST(set_and_reset)
{
    struct client c;
    const struct reply done = {.kind = REPLY_DONE};
    const struct prop *props;
    uint32_t count;
    struct arena arena;

    arena_init(&arena);
    client_init(&c);
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x04\x08\x04\x10\x01"));
    CHECK_SAID(&c, "props default/x/(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_SET_BUCKET);
    CHECK_EQ(overlay_decode(&arena, c.request.u.props.overlay, &props, &count), ERR_OK);
    CHECK_EQ_FATAL(count, 2);
    CHECK_EQ(props[0].id, PROP_ALLOW_MULT);
    CHECK(props[0].boolean);
    CHECK_EQ(props[1].id, PROP_N_VAL);
    CHECK_EQ(props[1].number, 4);
    client_reply(&c, &done);
    CHECK_SAID(&c, "[22]");

    client_frame(&c, 32, BYTES_LIT("\x0a\x05plain\x12\x02\x08\x02"));
    CHECK_SAID(&c, "props plain//(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_SET_TYPE);
    client_reply(&c, &done);
    CHECK_SAID(&c, "[22]");

    client_frame(&c, 29, BYTES_LIT("\x0a\x01x"));
    CHECK_SAID(&c, "props default/x/(none)");
    CHECK_EQ(c.request.u.props.verb, PROPS_RESET_BUCKET);
    client_reply(&c, &done);
    CHECK_SAID(&c, "[30]");

    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\0"));
    CHECK_SAID(&c, "[22]");
    client_done(&c);
    arena_done(&arena);
}

TEST(set_refused)
{
    struct client c;

    client_init(&c);
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x02\x08\0"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: [{n_val,not_integer}]]");
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x02\x78\0"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: [{r,not_valid_quorum}]]");
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x09\x80\x01\0\x90\x01\0\x98\x01\0"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: [{rw,not_valid_quorum},{w,not_valid_quorum}]]");
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x02\x18\x01\x1a\x05plain"));
    CHECK_SAID(&c, "[0 Invalid bucket properties: [{dvv_enabled,\"If last_write_wins is true, "
                   "dvv_enabled must be false\"}]]");
    client_frame(&c, 21, BYTES_LIT("\x0a\x01x\x12\x02\x18\x01"));
    CHECK_SAID(&c, "props default/x/(none)");
    client_done(&c);
}

TEST(malformed_props)
{
    static const char *const bad[] = {
        "\x0a\x01x\x12\x02\x0a\x01",         /* n_val that is text */
        "\x0a\x01x\x12\x02\x42\x01",         /* chash_keyfun cut short */
        "\x0a\x01x\x12\x04\x22\x02\x0a\x01", /* a hook cut short is not read: no list is meant */
        "\x0a\x01x\x12\x03\xc0\x01\x04",     /* repl above its values */
    };
    static const size_t len[] = {7, 7, 9, 8};
    static const bool crash[] = {true, true, false, true};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct client c;
        client_init(&c);
        client_frame(&c, 21, bytes_of(bad[i], len[i]));
        CHECK_EQ(c.closed, crash[i]);
        client_done(&c);
    }
}

/* What is set comes back: through the request into a bucket's overlay, and out again. */
TEST(hooks_come_back)
{
    struct client c;
    struct bucket_override over = {.type = TYPE_DEFAULT, .bucket = BYTES_LIT("x")};
    struct bytes hook = BYTES_LIT("\x22\x0a\x0a\x08\x0a\x02mm\x12\x02"
                                  "ff\x28\x01"
                                  "\x32\x04\x12\x02js\x38\x01");
    uint8_t body[128];
    struct pb_writer w = {body, 0};
    struct buf text;

    client_init(&c);
    pb_put_bytes(&w, 1, BYTES_LIT("x"));
    pb_put_bytes(&w, 2, hook);
    client_frame(&c, 21, bytes_of(body, w.len));
    CHECK_SAID(&c, "props default/x/(none)");
    over.overlay = c.request.u.props.overlay;
    c.document.buckets = &over;
    c.document.buckets_count = 1;
    client_reply(&c, &(struct reply){.kind = REPLY_DONE});
    CHECK_SAID(&c, "[22]");
    client_frame(&c, 19, BYTES_LIT("\x0a\x01x"));
    CHECK_STR(shown_props(&c, &text),
              "1=3 2=0 3=0 4=10 5=1 6=4 7=1 8=34 9=43 10=86400 11=20 12=50 13=50 14=0 "
              "15=4294967293 16=4294967293 17=0 18=4294967293 19=4294967293 20=0 21=1 28=0");
    CHECK(bytes_find(buf_bytes(&c.bytes), 'j', 0) < c.bytes.len);
    CHECK_SAID(&c, "[20]");
    buf_done(&text);
    client_done(&c);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(get_bucket),  T(no_such_type),    T(set_and_reset),
        T(set_refused), T(malformed_props), T(hooks_come_back),
    };
    return tap_main(argc, argv, tests);
}

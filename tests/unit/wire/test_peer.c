/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between nodes: what goes in comes out, field by field, for random messages; what is cut
 * or altered is never taken for a message that another one was. */
#include "tap.h"

#include "base/encode.h"
#include "base/random.h"
#include "model/context.h"
#include "msg/limits.h"
#include "wire/peer.h"

enum { BUF_MAX = 1 << 22, KINDS_HERE = PEER_DIGESTS, ROUNDS = 400 };

static struct random random;
static struct arena arena;

static uint64_t below(uint64_t bound)
{
    return random_below(&random, bound);
}

static bool coin(void)
{
    return below(2) == 1;
}

static struct bytes text_any(size_t max)
{
    size_t len = coin() ? below(8) : below(max + 1);
    uint8_t *data = arena_alloc(&arena, len + 1);

    random_bytes(&random, data, len);
    return bytes_of(data, len);
}

static struct bytes text_optional(void)
{
    return coin() ? BYTES_NONE : text_any(50);
}

static uint32_t number32(void)
{
    return (uint32_t)random_u64(&random) >> below(32);
}

static enum err err_any(void)
{
    static const enum err errs[] = {ERR_OK, ERR_NOT_FOUND, ERR_TIMEOUT, ERR_WRONG_OWNER, ERR_IO};

    return errs[below(ARRAY_LEN(errs))];
}

static struct key key_any(void)
{
    return (struct key){text_any(30), text_any(300), text_any(3000)};
}

static struct clock clock_any(void)
{
    uint32_t count = (uint32_t)below(6);
    struct dot *dots = arena_alloc_array(&arena, count, sizeof(*dots));
    uint64_t actor = 0;

    for (uint32_t i = 0; i < count; i++) {
        actor += 1 + below(UINT64_MAX / 8);
        dots[i] = (struct dot){actor, 1 + below(1000)};
    }
    return (struct clock){dots, count, count == 0 ? 0 : below(1000000), 0};
}

static void options_any(struct request_options *o)
{
    o->r = coin() ? QUORUM_DEFAULT : number32();
    o->w = coin() ? QUORUM_ALL : number32();
    o->pr = number32();
    o->pw = number32();
    o->dw = number32();
    o->rw = number32();
    o->node_confirms = number32();
    o->n_val = number32();
    o->timeout_ms = number32();
    o->basic_quorum = (enum tristate)below(3);
    o->notfound_ok = (enum tristate)below(3);
    o->sloppy_quorum = (enum tristate)below(3);
}

static const struct bytes *tags_any(uint32_t *ret_count)
{
    uint32_t count = (uint32_t)below(4);
    struct bytes *tags = arena_alloc_array(&arena, count, sizeof(*tags));

    for (uint32_t i = 0; i < count; i++)
        tags[i] = text_any(30);
    *ret_count = count;
    return tags;
}

static struct condition conditions_any(void)
{
    struct condition c = {.if_none_match_any = coin(),
                          .if_not_modified = coin(),
                          .if_match_any = coin(),
                          .context = clock_any(),
                          .if_unmodified_since_s = random_u64(&random)};

    c.if_match = tags_any(&c.if_match_count);
    c.if_none_match = tags_any(&c.if_none_match_count);
    return c;
}

static const struct pair *pairs_any(uint32_t *ret_count)
{
    uint32_t count = (uint32_t)below(4);
    struct pair *pairs = arena_alloc_array(&arena, count, sizeof(*pairs));

    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct pair){text_any(20), text_any(60)};
    *ret_count = count;
    return pairs;
}

static struct content content_any(void)
{
    struct content c = {.value = text_any(20000),
                        .content_type = text_optional(),
                        .charset = text_optional(),
                        .content_encoding = text_optional()};

    c.links_count = (uint32_t)below(4);
    struct link *links = arena_alloc_array(&arena, c.links_count, sizeof(*links));
    for (uint32_t i = 0; i < c.links_count; i++)
        links[i] = (struct link){text_any(20), text_any(20), text_any(20)};
    c.links = links;
    c.meta = pairs_any(&c.meta_count);
    c.indexes = pairs_any(&c.indexes_count);
    return c;
}

static struct request request_any(void)
{
    struct request q = {.kind = REQUEST_GET, .key = key_any()};

    options_any(&q.options);
    switch (below(3)) {
    case 0: q.u.get = (struct request_get){coin(), coin(), clock_any()}; break;
    case 1:
        q.kind = REQUEST_PUT;
        if (coin())
            q.key.key = BYTES_NONE;
        q.u.put = (struct request_put){.context = clock_any(),
                                       .content = content_any(),
                                       .deleted = coin(),
                                       .asis = coin(),
                                       .return_body = coin(),
                                       .has_ttl = coin(),
                                       .condition = conditions_any()};
        if (q.u.put.has_ttl)
            q.u.put.ttl_s = (uint32_t)below(TTL_S_MAX);
        break;
    case 2:
        q.kind = REQUEST_DELETE;
        q.u.del = (struct request_delete){coin(), clock_any(), conditions_any()};
        break;
    }
    return q;
}

static struct reply reply_any(void)
{
    struct reply reply = {.kind = REPLY_DONE, .made_key = text_any(30)};
    struct write write = {.context = CLOCK_NONE, .content = content_any(), .dot = {9, 4}};

    switch (below(3)) {
    case 0: break;
    case 1:
        reply.kind = REPLY_OBJECT;
        reply.object = coin() ? NULL : object_put(&arena, NULL, &write);
        break;
    case 2:
        reply.kind = REPLY_ERROR;
        reply.err = coin() ? ERR_NOT_FOUND : ERR_N_VAL_VIOLATION;
        reply.have = number32();
        reply.need = number32();
        reply.size = random_u64(&random);
        reply.text = text_any(100);
        break;
    }
    return reply;
}

static struct peer_msg message_any(uint64_t kind)
{
    struct peer_msg m;
    uint64_t token = random_u64(&random), epoch = random_u64(&random);

    memset(&m, 0, sizeof(m));
    m.kind = (enum peer_kind)kind;
    switch (kind) {
    case PEER_GET:
        m.u.get = (struct peer_get){token,      epoch,
                                    number32(), key_any(),
                                    coin(),     coin() ? random_u64(&random) : 0,
                                    coin(),     coin() ? random_u64(&random) : 0};
        break;
    case PEER_GOT:
        m.u.got = (struct peer_got){token, err_any(), coin(), coin() ? random_u64(&random) : 0,
                                    text_any(9000)};
        break;
    case PEER_PUT:
        m.u.put = (struct peer_put){token,
                                    epoch,
                                    number32(),
                                    key_any(),
                                    coin(),
                                    coin() ? random_u64(&random) : 0,
                                    coin() ? random_u64(&random) : 0,
                                    text_any(9000)};
        break;
    case PEER_PUT_ACK:
        m.u.put_ack =
            (struct peer_put_ack){token, err_any(), coin(), coin() ? random_u64(&random) : 0};
        break;
    case PEER_MOVE:
        m.u.move = (struct peer_move){token, epoch, number32(), (enum move_step)below(3),
                                      random_u64(&random)};
        break;
    case PEER_MOVED: m.u.moved = (struct peer_moved){token, err_any(), coin()}; break;
    case PEER_FORWARD: m.u.forward = (struct peer_forward){token, number32(), request_any()}; break;
    case PEER_FORWARDED: m.u.forwarded = (struct peer_forwarded){token, reply_any()}; break;
    case PEER_LIST:
        m.u.list = (struct peer_list){token,        epoch,         (enum list_what)below(2),
                                      text_any(20), text_any(200), number32(),
                                      text_any(500)};
        break;
    case PEER_LISTED:
        m.u.listed = (struct peer_listed){.token = token,
                                          .err = err_any(),
                                          .partition = number32(),
                                          .last_row = text_any(500),
                                          .done = coin()};
        m.u.listed.names = tags_any(&m.u.listed.names_count);
        break;
    }
    return m;
}

/* Two views of the same bytes, absent only where the other is absent too. */
static bool same_text(struct bytes a, struct bytes b)
{
    return bytes_eq(a, b) && (a.data == NULL) == (b.data == NULL);
}

static bool same_clock(struct clock a, struct clock b)
{
    return clock_compare(a, b) == CLOCK_EQUAL && a.hlc_us == b.hlc_us;
}

static bool same_options(const struct request_options *a, const struct request_options *b)
{
    return a->r == b->r && a->w == b->w && a->pr == b->pr && a->pw == b->pw && a->dw == b->dw &&
           a->rw == b->rw && a->node_confirms == b->node_confirms && a->n_val == b->n_val &&
           a->timeout_ms == b->timeout_ms && a->basic_quorum == b->basic_quorum &&
           a->notfound_ok == b->notfound_ok && a->sloppy_quorum == b->sloppy_quorum;
}

static bool same_tags(const struct bytes *a, uint32_t a_count, const struct bytes *b,
                      uint32_t b_count)
{
    bool same = a_count == b_count;

    for (uint32_t i = 0; same && i < a_count; i++)
        same = bytes_eq(a[i], b[i]);
    return same;
}

static bool same_pairs(const struct pair *a, uint32_t a_count, const struct pair *b,
                       uint32_t b_count)
{
    bool same = a_count == b_count;

    for (uint32_t i = 0; same && i < a_count; i++)
        same = bytes_eq(a[i].name, b[i].name) && bytes_eq(a[i].value, b[i].value);
    return same;
}

static bool same_condition(const struct condition *a, const struct condition *b)
{
    return a->if_none_match_any == b->if_none_match_any &&
           a->if_not_modified == b->if_not_modified && a->if_match_any == b->if_match_any &&
           same_clock(a->context, b->context) &&
           same_tags(a->if_match, a->if_match_count, b->if_match, b->if_match_count) &&
           same_tags(a->if_none_match, a->if_none_match_count, b->if_none_match,
                     b->if_none_match_count) &&
           a->if_unmodified_since_s == b->if_unmodified_since_s;
}

static bool same_content(const struct content *a, const struct content *b)
{
    bool same = bytes_eq(a->value, b->value) && same_text(a->content_type, b->content_type) &&
                same_text(a->charset, b->charset) &&
                same_text(a->content_encoding, b->content_encoding) &&
                same_pairs(a->meta, a->meta_count, b->meta, b->meta_count) &&
                same_pairs(a->indexes, a->indexes_count, b->indexes, b->indexes_count) &&
                a->links_count == b->links_count;

    for (uint32_t i = 0; same && i < a->links_count; i++)
        same = bytes_eq(a->links[i].bucket, b->links[i].bucket) &&
               bytes_eq(a->links[i].key, b->links[i].key) &&
               bytes_eq(a->links[i].tag, b->links[i].tag);
    return same;
}

static void check_request(const struct request *a, const struct request *b)
{
    CHECK_EQ(a->kind, b->kind);
    CHECK(bytes_eq(a->key.type, b->key.type));
    CHECK(bytes_eq(a->key.bucket, b->key.bucket));
    CHECK(same_text(a->key.key, b->key.key));
    CHECK(same_options(&a->options, &b->options));
    if (a->kind == REQUEST_GET) {
        CHECK_EQ(a->u.get.head, b->u.get.head);
        CHECK_EQ(a->u.get.has_if_modified, b->u.get.has_if_modified);
        CHECK(same_clock(a->u.get.if_modified, b->u.get.if_modified));
    } else if (a->kind == REQUEST_PUT) {
        CHECK(same_clock(a->u.put.context, b->u.put.context));
        CHECK(same_content(&a->u.put.content, &b->u.put.content));
        CHECK_EQ(a->u.put.deleted, b->u.put.deleted);
        CHECK_EQ(a->u.put.asis, b->u.put.asis);
        CHECK_EQ(a->u.put.return_body, b->u.put.return_body);
        CHECK_EQ(a->u.put.has_ttl, b->u.put.has_ttl);
        CHECK_EQ(a->u.put.ttl_s, b->u.put.ttl_s);
        CHECK(same_condition(&a->u.put.condition, &b->u.put.condition));
    } else {
        CHECK_EQ(a->u.del.has_context, b->u.del.has_context);
        CHECK(same_clock(a->u.del.context, b->u.del.context));
        CHECK(same_condition(&a->u.del.condition, &b->u.del.condition));
    }
}

static void check_reply(const struct reply *a, const struct reply *b)
{
    CHECK_EQ(a->kind, b->kind);
    CHECK_EQ(a->err, b->err);
    CHECK(bytes_eq(a->made_key, b->made_key));
    CHECK_EQ(a->have, b->have);
    CHECK_EQ(a->need, b->need);
    CHECK_EQ(a->size, b->size);
    CHECK(bytes_eq(a->text, b->text));
    CHECK_EQ(a->object == NULL, b->object == NULL);
    if (a->object != NULL && b->object != NULL) {
        CHECK(object_same(a->object, b->object));
        CHECK(same_content(&a->object->siblings[0].content, &b->object->siblings[0].content));
    }
}

static void check_same(const struct peer_msg *a, const struct peer_msg *b)
{
    CHECK_EQ(a->kind, b->kind);
    if (a->kind == PEER_GET) {
        CHECK_EQ(a->u.get.token, b->u.get.token);
        CHECK_EQ(a->u.get.epoch, b->u.get.epoch);
        CHECK_EQ(a->u.get.partition, b->u.get.partition);
        CHECK_EQ(a->u.get.full, b->u.get.full);
        CHECK_EQ(a->u.get.hint_for, b->u.get.hint_for);
        CHECK_EQ(a->u.get.any, b->u.get.any);
        CHECK(key_eq(&a->u.get.key, &b->u.get.key));
    } else if (a->kind == PEER_GOT) {
        CHECK_EQ(a->u.got.token, b->u.got.token);
        CHECK_EQ(a->u.got.err, b->u.got.err);
        CHECK_EQ(a->u.got.full, b->u.got.full);
        CHECK(bytes_eq(a->u.got.record, b->u.got.record));
    } else if (a->kind == PEER_PUT) {
        CHECK_EQ(a->u.put.token, b->u.put.token);
        CHECK_EQ(a->u.put.epoch, b->u.put.epoch);
        CHECK_EQ(a->u.put.partition, b->u.put.partition);
        CHECK_EQ(a->u.put.durable, b->u.put.durable);
        CHECK_EQ(a->u.put.hint_for, b->u.put.hint_for);
        CHECK(key_eq(&a->u.put.key, &b->u.put.key));
        CHECK(bytes_eq(a->u.put.record, b->u.put.record));
    } else if (a->kind == PEER_PUT_ACK) {
        CHECK_EQ(a->u.put_ack.token, b->u.put_ack.token);
        CHECK_EQ(a->u.put_ack.err, b->u.put_ack.err);
        CHECK_EQ(a->u.put_ack.durable, b->u.put_ack.durable);
    } else if (a->kind == PEER_FORWARD) {
        CHECK_EQ(a->u.forward.token, b->u.forward.token);
        CHECK_EQ(a->u.forward.budget_ms, b->u.forward.budget_ms);
        check_request(&a->u.forward.request, &b->u.forward.request);
    } else if (a->kind == PEER_FORWARDED) {
        CHECK_EQ(a->u.forwarded.token, b->u.forwarded.token);
        check_reply(&a->u.forwarded.reply, &b->u.forwarded.reply);
    } else if (a->kind == PEER_LIST) {
        CHECK_EQ(a->u.list.token, b->u.list.token);
        CHECK_EQ(a->u.list.epoch, b->u.list.epoch);
        CHECK_EQ(a->u.list.what, b->u.list.what);
        CHECK_EQ(a->u.list.partition, b->u.list.partition);
        CHECK(bytes_eq(a->u.list.type, b->u.list.type));
        CHECK(bytes_eq(a->u.list.bucket, b->u.list.bucket));
        CHECK(bytes_eq(a->u.list.after_row, b->u.list.after_row));
    } else {
        CHECK_EQ(a->u.listed.token, b->u.listed.token);
        CHECK_EQ(a->u.listed.err, b->u.listed.err);
        CHECK_EQ(a->u.listed.partition, b->u.listed.partition);
        CHECK_EQ(a->u.listed.done, b->u.listed.done);
        CHECK(bytes_eq(a->u.listed.last_row, b->u.listed.last_row));
        CHECK(same_tags(a->u.listed.names, a->u.listed.names_count, b->u.listed.names,
                        b->u.listed.names_count));
    }
}

static void begin(uint64_t number)
{
    struct seed seed = seed_of(number);

    random_init(&random, &seed, 0);
    arena_init(&arena);
}

TEST(messages_come_out_as_they_went_in)
{
    struct buf buf;

    begin(1);
    buf_init(&buf, BUF_MAX);
    for (uint64_t i = 0; i < KINDS_HERE * ROUNDS; i++) {
        struct peer_msg sent = message_any(i % KINDS_HERE), got;
        struct peer_frame frame;

        buf_reset(&buf);
        CHECK_EQ(peer_encode(&buf, 1, &sent), ERR_OK);
        CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), PEER_FRAME_BYTES_MAX, &frame),
                       FRAMING_READY);
        CHECK_EQ(frame.size, buf.len);
        CHECK_EQ_FATAL(peer_decode(&arena, &frame, &got), ERR_OK);
        check_same(&sent, &got);
        arena_reset(&arena);
    }
    buf_done(&buf);
    arena_done(&arena);
}

/* A payload cut short lacks a field; one byte more is a byte too many. */
TEST(cut_or_long_payloads_are_malformed)
{
    struct buf buf;

    begin(2);
    buf_init(&buf, BUF_MAX);
    for (uint64_t i = 0; i < KINDS_HERE * 20; i++) {
        struct peer_msg sent = message_any(i % KINDS_HERE), got;
        struct peer_frame frame;

        buf_reset(&buf);
        CHECK_EQ(peer_encode(&buf, 1, &sent), ERR_OK);
        CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), PEER_FRAME_BYTES_MAX, &frame),
                       FRAMING_READY);
        struct bytes whole = frame.payload;
        for (size_t len = 0; len < whole.len; len += 1 + whole.len / 200) {
            frame.payload = bytes_of(whole.data, len);
            CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_MALFORMED);
        }
        buf_put_u8(&buf, 0);
        frame.payload = bytes_of(buf.data + PEER_HEADER_BYTES, whole.len + 1);
        CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_MALFORMED);
        arena_reset(&arena);
    }
    buf_done(&buf);
    arena_done(&arena);
}

/* Behind a good checksum anything may stand: it is refused or read, within bounds. */
TEST(flipped_payloads_stay_within_bounds)
{
    struct buf buf;
    uint64_t refused = 0;

    begin(3);
    buf_init(&buf, BUF_MAX);
    for (uint64_t i = 0; i < KINDS_HERE * 100; i++) {
        struct peer_msg sent = message_any(i % KINDS_HERE), got;
        struct peer_frame frame;

        buf_reset(&buf);
        CHECK_EQ(peer_encode(&buf, 1, &sent), ERR_OK);
        CHECK_EQ_FATAL(peer_frame_next(buf_bytes(&buf), PEER_FRAME_BYTES_MAX, &frame),
                       FRAMING_READY);
        for (int flips = 0; flips < 10; flips++) {
            size_t at = PEER_HEADER_BYTES + below(frame.payload.len);
            buf.data[at] ^= (uint8_t)(1U << below(8));
            enum err err = peer_decode(&arena, &frame, &got);
            CHECK(err == ERR_OK || err == ERR_MALFORMED);
            refused += err != ERR_OK;
        }
        arena_reset(&arena);
    }
    CHECK(refused > 100);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(kinds_and_versions_of_the_future)
{
    struct peer_frame frame = {.kind = FRAME_MESSAGE, .message = 200, .version = 1};
    struct peer_msg got;

    begin(4);
    CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_VERSION);
    frame.message = 0;
    CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_VERSION);
    frame.message = 1;
    frame.version = PEER_VERSION_MAX + 1;
    CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_VERSION);
    frame.kind = FRAME_GREETING;
    CHECK_EQ(peer_decode(&arena, &frame, &got), ERR_MALFORMED);
    arena_done(&arena);
}

/* The frozen layouts of version 1. */
TEST(version_one_looks_like_this)
{
    static const struct {
        struct peer_msg msg;
        const char *hex;
    } golden[] = {
        {{PEER_GET,
          {.get =
               {0x0102,
                3,
                4,
                {{(const uint8_t *)"t", 1}, {(const uint8_t *)"b", 1}, {(const uint8_t *)"key", 3}},
                true,
                0,
                false,
                0}}},
         "d55e0105000000001d0000005dfabae5b525987a02010000000000000300000000000000"
         "040000000101740162036b6579"},
        {{PEER_PUT,
          {.put =
               {7,
                8,
                9,
                {{(const uint8_t *)"t", 1}, {(const uint8_t *)"b", 1}, {(const uint8_t *)"k", 1}},
                true,
                0,
                0,
                {(const uint8_t *)"record", 6}}}},
         "d55e010700000000220000007fa2cd5007b72c8f07000000000000000800000000000000"
         "090000000101740162016b067265636f7264"},
        {{PEER_PUT_ACK, {.put_ack = {5, ERR_WRONG_OWNER, false, 0}}},
         "d55e0108000000000a000000e964d09dde007ab005000000000000001b00"},
    };
    struct buf buf, hex;

    buf_init(&buf, BUF_MAX);
    buf_init(&hex, BUF_MAX);
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        buf_reset(&buf);
        buf_reset(&hex);
        CHECK_EQ(peer_encode(&buf, 1, &golden[i].msg), ERR_OK);
        hex_put(&hex, buf_bytes(&buf));
        CHECK_BYTES(hex.data, hex.len, golden[i].hex, strlen(golden[i].hex));
    }
    buf_done(&hex);
    buf_done(&buf);
}

TEST(a_full_buffer_takes_no_part_of_a_message)
{
    struct peer_msg msg = {PEER_PUT_ACK, {.put_ack = {5, ERR_OK, true, 0}}};
    struct buf buf;

    buf_init(&buf, 100);
    while (peer_encode(&buf, 1, &msg) == ERR_OK)
        CHECK(buf.len <= 100);
    size_t frame = PEER_HEADER_BYTES + 10;
    CHECK_EQ(buf.len, 100 / frame * frame);
    buf_done(&buf);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(messages_come_out_as_they_went_in),   T(cut_or_long_payloads_are_malformed),
        T(flipped_payloads_stay_within_bounds), T(kinds_and_versions_of_the_future),
        T(version_one_looks_like_this),         T(a_full_buffer_takes_no_part_of_a_message),
    };
    return tap_main(argc, argv, tests);
}

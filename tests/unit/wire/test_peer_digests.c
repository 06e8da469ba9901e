/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes say when they compare a partition: it comes out as it went in, and is small where both
 * have the same. */
#include "base/encode.h"
#include "base/random.h"
#include "msg/limits.h"
#include "tap.h"
#include "wire/peer.h"

enum { ROUNDS = 1000, ROWS = 6, TEXT_MOST = 300 };

static struct random random;
static struct arena arena;
static struct buf buf;

static void begin(uint64_t number)
{
    struct seed seed = seed_of(number);

    random_init(&random, &seed, 0);
    arena_init(&arena);
    buf_init(&buf, 1 << 20);
}

static void end(void)
{
    buf_done(&buf);
    arena_done(&arena);
}

static struct bytes text(void)
{
    size_t len = random_below(&random, TEXT_MOST);
    uint8_t *data = arena_alloc(&arena, len + 1);

    random_bytes(&random, data, len);
    return bytes_of(data, len);
}

static bool coin(void)
{
    return random_below(&random, 2) == 1;
}

static struct peer_msg question(void)
{
    struct peer_msg msg = {.kind = PEER_DIGESTS};

    msg.u.digests = (struct peer_digests){
        .token = random_u64(&random),
        .epoch = random_u64(&random),
        .partition = (uint32_t)random_u64(&random),
        .from = text(),
        .to = coin() ? BYTES_NONE : text(),
        .cutoff_us = random_u64(&random),
        .rows = random_u64(&random) >> random_below(&random, 64),
        .hash = random_u64(&random),
    };
    return msg;
}

static struct peer_msg answer(void)
{
    struct peer_msg msg = {.kind = PEER_DIGESTED};
    uint32_t count = (uint32_t)random_below(&random, ROWS);
    struct peer_row *rows = arena_alloc_array(&arena, ROWS, sizeof(*rows));

    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct peer_row){text(), coin() ? BYTES_NONE : text()};
    msg.u.digested = (struct peer_digested){
        .token = random_u64(&random),
        .err = coin() ? ERR_OK : ERR_OVERLOAD,
        .same = count == 0 && coin(),
        .done = coin(),
        .rows = rows,
        .rows_count = count,
        .last_row = text(),
    };
    return msg;
}

/* The message as a frame in the buffer; its size. */
static size_t frame(const struct peer_msg *msg, struct peer_frame *ret_frame)
{
    buf_reset(&buf);
    CHECK_EQ(peer_encode(&buf, 1, msg), ERR_OK);
    CHECK_EQ(peer_frame_next(buf_bytes(&buf), PEER_FRAME_BYTES_MAX, ret_frame), FRAMING_READY);
    CHECK_EQ(ret_frame->size, buf.len);
    return ret_frame->size;
}

static void check_same(const struct peer_msg *a, const struct peer_msg *b)
{
    const struct peer_digests *q = &a->u.digests, *q2 = &b->u.digests;
    const struct peer_digested *d = &a->u.digested, *d2 = &b->u.digested;

    CHECK_EQ_FATAL(a->kind, b->kind);
    if (a->kind == PEER_DIGESTS) {
        CHECK_EQ(q->token, q2->token);
        CHECK_EQ(q->epoch, q2->epoch);
        CHECK_EQ(q->partition, q2->partition);
        CHECK(bytes_eq(q->from, q2->from));
        CHECK(bytes_eq(q->to, q2->to));
        CHECK_EQ(q->cutoff_us, q2->cutoff_us);
        CHECK_EQ(q->rows, q2->rows);
        CHECK_EQ(q->hash, q2->hash);
        return;
    }
    CHECK_EQ(d->token, d2->token);
    CHECK_EQ(d->err, d2->err);
    CHECK_EQ(d->same, d2->same);
    CHECK_EQ(d->done, d2->done);
    CHECK(bytes_eq(d->last_row, d2->last_row));
    CHECK_EQ_FATAL(d->rows_count, d2->rows_count);
    for (uint32_t i = 0; i < d->rows_count; i++) {
        CHECK(bytes_eq(d->rows[i].key, d2->rows[i].key));
        CHECK(bytes_eq(d->rows[i].record, d2->rows[i].record));
    }
}

TEST(messages_come_out_as_they_went_in)
{
    struct peer_frame got;
    struct peer_msg back;

    begin(1);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct peer_msg msg = i % 2 == 0 ? question() : answer();
        frame(&msg, &got);
        CHECK_EQ_FATAL(peer_decode(&arena, &got, &back), ERR_OK);
        check_same(&msg, &back);
        arena_reset(&arena);
    }
    end();
}

/* Cut, or one byte too long: malformed. A flipped bit: refused or read, within bounds. */
TEST(what_is_altered_is_read_within_bounds)
{
    struct peer_frame got;
    struct peer_msg back;
    uint32_t refused = 0;

    begin(2);
    for (uint32_t i = 0; i < ROUNDS / 5; i++) {
        struct peer_msg msg = i % 2 == 0 ? question() : answer();
        frame(&msg, &got);
        struct bytes whole = got.payload;
        for (size_t len = 0; len < whole.len; len += 1 + whole.len / 50) {
            got.payload = bytes_of(whole.data, len);
            CHECK_EQ(peer_decode(&arena, &got, &back), ERR_MALFORMED);
        }
        for (uint32_t flip = 0; flip < 20; flip++) {
            buf.data[PEER_HEADER_BYTES + random_below(&random, whole.len)] ^=
                (uint8_t)(1U << random_below(&random, 8));
            got.payload = whole;
            enum err err = peer_decode(&arena, &got, &back);
            CHECK(err == ERR_OK || err == ERR_MALFORMED);
            refused += err != ERR_OK;
        }
        buf_put_u8(&buf, 0);
        arena_reset(&arena);
    }
    CHECK(refused > 100);
    end();
}

TEST(what_a_node_lacks)
{
    struct peer_msg lacks = {.kind = PEER_LACKS, .u.lacks = {.token = 0x0102}};
    struct peer_msg heard = {.kind = PEER_HEARD, .u.heard = {7, ERR_REFUSED}}, back;
    struct peer_frame got;

    begin(6);
    frame(&lacks, &got);
    CHECK_EQ(got.message, 12);
    CHECK_BYTES(got.payload.data, got.payload.len, "\2\1\0\0\0\0\0\0", 8);
    CHECK_EQ_FATAL(peer_decode(&arena, &got, &back), ERR_OK);
    CHECK_EQ(back.u.lacks.token, 0x0102);
    frame(&heard, &got);
    CHECK_EQ(got.message, 13);
    CHECK_BYTES(got.payload.data, got.payload.len, "\7\0\0\0\0\0\0\0\35", 9);
    CHECK_EQ_FATAL(peer_decode(&arena, &got, &back), ERR_OK);
    CHECK_EQ(back.kind, PEER_HEARD);
    CHECK_EQ(back.u.heard.token, 7);
    CHECK_EQ(back.u.heard.err, ERR_REFUSED);
    for (size_t len = 0; len < 9; len++) {
        got.payload.len = len;
        CHECK_EQ(peer_decode(&arena, &got, &back), ERR_MALFORMED);
    }
    end();
}

/* "The same" and rows beside it would be believed by nobody. */
TEST(the_same_has_no_rows)
{
    struct peer_row row = {BYTES_LIT("key"), BYTES_LIT("record")};
    struct peer_msg msg = {.kind = PEER_DIGESTED}, back;
    struct peer_frame got;

    begin(3);
    msg.u.digested = (struct peer_digested){.token = 1, .rows = &row, .rows_count = 1};
    frame(&msg, &got);
    CHECK_EQ(peer_decode(&arena, &got, &back), ERR_OK);
    buf.data[PEER_HEADER_BYTES + 9] |= 1;
    CHECK_EQ(peer_decode(&arena, &got, &back), ERR_MALFORMED);
    /* Nor does a flag exist beyond the two. */
    buf.data[PEER_HEADER_BYTES + 9] = 4;
    CHECK_EQ(peer_decode(&arena, &got, &back), ERR_MALFORMED);
    end();
}

/* What a page of 512 equal rows costs: a question and its answer. */
TEST(equal_pages_are_small)
{
    struct peer_msg ask = {.kind = PEER_DIGESTS}, same = {.kind = PEER_DIGESTED};
    struct bytes row = BYTES_LIT("..default\0\1bucket\0\1key number 17");
    struct peer_frame got;

    begin(4);
    ask.u.digests = (struct peer_digests){.token = 1,
                                          .from = row,
                                          .to = row,
                                          .cutoff_us = 1,
                                          .rows = DIGESTS_ROWS_MAX,
                                          .hash = UINT64_MAX};
    same.u.digested = (struct peer_digested){.token = 1, .same = true};
    size_t bytes = frame(&ask, &got) - 2 * row.len;
    bytes += frame(&same, &got);
    CHECK(bytes <= 100);
    tap_note("%u bytes and two row keys", (unsigned)bytes);
    end();
}

/* The frozen layouts of version 1. */
TEST(version_one_looks_like_this)
{
    struct peer_row row = {BYTES_LIT("k"), BYTES_LIT("rec")};
    struct peer_msg ask = {.kind = PEER_DIGESTS}, told = {.kind = PEER_DIGESTED};
    struct peer_frame got;
    struct buf hex;

    begin(5);
    buf_init(&hex, 4096);
    ask.u.digests = (struct peer_digests){0x0102, 3, 4, BYTES_LIT("f"), BYTES_LIT("to"), 6, 300, 5};
    frame(&ask, &got);
    CHECK_EQ(got.message, 10);
    hex_put(&hex, got.payload);
    CHECK_BYTES(hex.data, hex.len,
                "0201000000000000"
                "0300000000000000"
                "04000000"
                "0166"
                "02746f"
                "0600000000000000"
                "ac02"
                "0500000000000000",
                86);
    buf_reset(&hex);
    told.u.digested = (struct peer_digested){
        .token = 7, .done = true, .rows = &row, .rows_count = 1, .last_row = BYTES_LIT("l")};
    frame(&told, &got);
    CHECK_EQ(got.message, 11);
    hex_put(&hex, got.payload);
    CHECK_BYTES(hex.data, hex.len,
                "0700000000000000"
                "00"
                "02"
                "016c"
                "01"
                "016b"
                "03726563",
                38);
    buf_done(&hex);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(messages_come_out_as_they_went_in),
        T(what_is_altered_is_read_within_bounds),
        T(what_a_node_lacks),
        T(the_same_has_no_rows),
        T(equal_pages_are_small),
        T(version_one_looks_like_this),
    };
    return tap_main(argc, argv, tests);
}

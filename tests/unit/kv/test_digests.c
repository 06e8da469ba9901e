/* SPDX-License-Identifier: Apache-2.0 */
/* The answering side of an exchange, alone: node 1 is asked. */
#include "couple.h"
#include "kv/limits.h"
#include "msg/limits.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/meta.h"
#include "tap.h"

enum { PARTITION = 2 };

static struct couple couple;
static struct digests *digests;
static struct stage *stage;

/* The last step's scan, sync or answer; NULL when there was none. */
static struct output *found(enum output_kind kind)
{
    return stage_output(stage, kind, 0);
}

static void begin(void)
{
    couple_begin(&couple, 2, 2);
    digests = couple.nodes[1].digests;
    stage = &couple.nodes[1].stage;
}

static void ask(struct bytes from, struct bytes to, uint64_t rows, uint64_t hash)
{
    struct peer_digests msg = {.token = 7,
                               .epoch = 1,
                               .partition = PARTITION,
                               .from = from,
                               .to = to,
                               .rows = rows,
                               .hash = hash};

    stage_step(stage);
    digests_ask(digests, &stage->view, 1, &msg, &stage->out);
}

/* The operation that the last step began completes. */
static void stored(enum err err, const struct stored_row *rows, uint32_t count, bool more)
{
    struct output *output = found(OUT_STORE);
    struct event ev = stage_event(stage, EV_STORED);

    CHECK_FATAL(output != NULL);
    CHECK_EQ(token_owner(output->u.store.token), TOKEN_DIGESTS);
    ev.u.stored = (struct stored){.token = output->u.store.token,
                                  .err = err,
                                  .rows = rows,
                                  .rows_count = count,
                                  .more = more};
    stage_step(stage);
    digests_stored(digests, stage->vnodes, &ev, &stage->out);
}

static const struct peer_digested *answered(void)
{
    static const struct peer_digested none = {.err = ERR_BUSY};
    struct output *output = found(OUT_SEND);

    CHECK(output != NULL);
    if (output == NULL)
        return &none;
    CHECK_EQ(output->u.send.to, 1);
    CHECK_EQ(output->u.send.msg.kind, PEER_DIGESTED);
    CHECK_EQ(output->u.send.msg.u.digested.token, 7);
    return &output->u.send.msg.u.digested;
}

/* The n-th key's row as it is stored. */
static struct stored_row row_of(uint32_t n)
{
    struct key key = couple_key(&couple, PARTITION, n);
    struct object *object = stage_object(stage, 9, 1, 1000, "value");

    return (struct stored_row){stage_row_key(stage, &key), stage_digest(stage, &key, object)};
}

static struct row_range range(void)
{
    return digests_range(&stage->arena, &stage->view.ring, PARTITION);
}

TEST(equal_rows_are_the_same)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    ask(BYTES_NONE, BYTES_NONE, 2, digests_hash(rows, 2));
    const struct store_op *op = &found(OUT_STORE)->u.store;
    CHECK_EQ(op->verb, STORE_SCAN);
    CHECK_EQ(op->family, FAMILY_META);
    CHECK_EQ(op->rows_max, DIGESTS_ROWS_MAX);
    CHECK_EQ(op->bytes_max, DIGESTS_BYTES_MAX);
    CHECK(bytes_eq(op->key, range().from));
    CHECK(bytes_eq(op->end, range().end));
    stored(ERR_OK, rows, 2, false);
    /* It reaches the end of the partition: not before all is on stable storage. */
    CHECK(found(OUT_SEND) == NULL);
    op = &found(OUT_STORE)->u.store;
    CHECK_EQ(op->verb, STORE_COMMIT);
    CHECK(op->durable);
    CHECK_EQ(op->rows_count, 0);
    CHECK_EQ(digests_waiting(digests), 1);
    stored(ERR_OK, NULL, 0, false);
    CHECK(answered()->same);
    CHECK_EQ(answered()->rows_count, 0);
    CHECK_EQ(digests_waiting(digests), 0);
    couple_end(&couple);
}

TEST(number_and_hash_must_be_right)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    uint64_t hash = digests_hash(rows, 2);
    CHECK(hash != digests_hash(rows, 1));
    CHECK(hash != digests_hash(&rows[1], 1));
    for (unsigned i = 0; i < 2; i++) {
        ask(BYTES_NONE, BYTES_NONE, 2 + i, hash + (i == 0));
        stored(ERR_OK, rows, 2, false);
        stored(ERR_OK, NULL, 0, false);
        CHECK(!answered()->same);
        CHECK(answered()->done);
        CHECK_EQ_FATAL(answered()->rows_count, 2);
        CHECK(bytes_eq(answered()->rows[1].key, rows[1].key));
        CHECK(bytes_eq(answered()->rows[1].record, rows[1].value));
    }
    couple_end(&couple);
}

/* The hash tells where one thing ends and the next begins. */
TEST(what_is_hashed_keeps_its_borders)
{
    struct stored_row a = {BYTES_LIT("ab"), BYTES_LIT("c")}, b = {BYTES_LIT("a"), BYTES_LIT("bc")};
    struct stored_row two[] = {a, b}, swapped[] = {b, a};

    CHECK(digests_hash(&a, 1) != digests_hash(&b, 1));
    CHECK(digests_hash(two, 2) != digests_hash(swapped, 2));
    CHECK_EQ(digests_hash(NULL, 0), 0);
}

/* A page within the partition is answered at once, and says how far it goes. */
TEST(a_page_says_how_far_it_goes)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    ask(range().from, BYTES_NONE, 0, 0);
    stored(ERR_OK, rows, 2, true);
    CHECK(!answered()->done);
    CHECK(bytes_eq(answered()->last_row, rows[1].key));
    CHECK_EQ(answered()->rows_count, 2);
    /* A range that ends before the partition does needs no sync either. */
    ask(BYTES_NONE, rows[1].key, 2, digests_hash(rows, 2));
    CHECK(bytes_eq(found(OUT_STORE)->u.store.end, row_key_after(&stage->arena, rows[1].key)));
    stored(ERR_OK, rows, 2, false);
    CHECK(answered()->same);
    couple_end(&couple);
}

/* More rows than the asker counted, where its last row stands. */
/* What has expired altogether by the asker's cut-off is no row, wherever it is still stored. */
TEST(what_has_expired_is_left_out)
{
    begin();
    struct key key = couple_key(&couple, PARTITION, 1);
    struct write write = {.content = {.value = BYTES_LIT("v")}, .dot = {9, 1}, .expires_us = 500};
    struct object *object = object_put(&stage->arena, NULL, &write);
    struct stored_row rows[] = {{stage_row_key(stage, &key), stage_digest(stage, &key, object)},
                                row_of(2)};
    for (uint64_t cutoff_us = 499; cutoff_us <= 500; cutoff_us++) {
        struct peer_digests msg = {
            .token = 7, .partition = PARTITION, .to = rows[1].key, .cutoff_us = cutoff_us};
        msg.rows = 1;
        msg.hash = digests_hash(&rows[1], 1);
        stage_step(stage);
        digests_ask(digests, &stage->view, 1, &msg, &stage->out);
        stored(ERR_OK, rows, 2, false);
        CHECK_EQ(answered()->same, cutoff_us == 500);
        CHECK_EQ(answered()->rows_count, cutoff_us == 500 ? 0 : 2);
    }
    couple_end(&couple);
}

TEST(the_same_rows_and_more_are_not_the_same)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    ask(BYTES_NONE, BYTES_NONE, 2, digests_hash(rows, 2));
    stored(ERR_OK, rows, 2, true);
    CHECK(!answered()->same);
    CHECK(!answered()->done);
    CHECK_EQ(answered()->rows_count, 2);
    couple_end(&couple);
}

TEST(only_ranges_of_the_partition)
{
    begin();
    struct bytes from = range().from, to = range().end;
    struct key other = couple_key(&couple, PARTITION + 1, 1),
               before = couple_key(&couple, PARTITION - 1, 1);
    struct bytes beyond = stage_row_key(stage, &other);
    struct bytes under = stage_row_key(stage, &before);
    struct bytes bad[][2] = {
        {to, BYTES_NONE},    {beyond, BYTES_NONE}, {under, BYTES_NONE}, {BYTES_NONE, beyond},
        {BYTES_NONE, under}, {BYTES_NONE, to},     {from, under},       {bytes_sub(from, 0, 1), to},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ask(bad[i][0], bad[i][1], 0, 0);
        CHECK_EQ(answered()->err, ERR_MALFORMED);
        CHECK(found(OUT_STORE) == NULL);
    }
    CHECK_EQ(digests_waiting(digests), 0);
    couple_end(&couple);
}

TEST(a_partition_that_is_none)
{
    struct peer_digests msg = {.token = 7, .partition = 8};

    begin();
    stage_step(stage);
    digests_ask(digests, &stage->view, 1, &msg, &stage->out);
    CHECK_EQ(answered()->err, ERR_WRONG_OWNER);
    const struct document *document = stage->view.document;
    stage->view.document = NULL;
    ask(BYTES_NONE, BYTES_NONE, 0, 0);
    CHECK_EQ(answered()->err, ERR_WRONG_OWNER);
    stage->view.document = document;
    couple_end(&couple);
}

TEST(the_table_is_bounded)
{
    begin();
    for (uint32_t i = 0; i < DIGESTS_MAX; i++)
        ask(BYTES_NONE, BYTES_NONE, 0, 0);
    CHECK(found(OUT_SEND) == NULL);
    ask(BYTES_NONE, BYTES_NONE, 0, 0);
    CHECK_EQ(answered()->err, ERR_OVERLOAD);
    CHECK_EQ(digests_waiting(digests), DIGESTS_MAX);
    couple_end(&couple);
}

TEST(a_store_that_fails)
{
    begin();
    struct stored_row row = row_of(1);
    ask(BYTES_NONE, BYTES_NONE, 0, 0);
    stored(ERR_CORRUPT, NULL, 0, false);
    CHECK_EQ(answered()->err, ERR_CORRUPT);
    ask(BYTES_NONE, BYTES_NONE, 0, 0);
    stored(ERR_OK, &row, 1, false);
    stored(ERR_NO_SPACE, NULL, 0, false);
    CHECK_EQ(answered()->err, ERR_NO_SPACE);
    CHECK_EQ(answered()->rows_count, 0);
    CHECK_EQ(digests_waiting(digests), 0);
    couple_end(&couple);
}

/* A damaged record is not sent, but its row is told, and healed. */
TEST(damaged_records_are_not_sent)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    uint8_t *bad = arena_alloc(&stage->arena, rows[0].value.len);
    memcpy(bad, rows[0].value.data, rows[0].value.len);
    bad[3] ^= 1;
    rows[0].value.data = bad;
    ask(BYTES_NONE, rows[1].key, 0, 0);
    stored(ERR_OK, rows, 2, false);
    CHECK_EQ_FATAL(answered()->rows_count, 2);
    CHECK(bytes_eq(answered()->rows[0].key, rows[0].key));
    CHECK_EQ(answered()->rows[0].record.len, 0);
    CHECK(answered()->rows[1].record.len > 0);
    CHECK_EQ(stage_traced(stage, TRACE_CORRUPT_ROW), 1);
    CHECK_EQ(vnodes_waiting(stage->vnodes), 1);
    couple_end(&couple);
}

TEST(rows_under_no_key_are_passed_over)
{
    begin();
    struct stored_row rows[] = {row_of(1), row_of(2)};
    rows[0].key = bytes_sub(rows[0].key, 0, 4);
    ask(BYTES_NONE, rows[1].key, 0, 0);
    stored(ERR_OK, rows, 2, false);
    CHECK_EQ_FATAL(answered()->rows_count, 1);
    CHECK(bytes_eq(answered()->rows[0].key, rows[1].key));
    couple_end(&couple);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(equal_rows_are_the_same),
        T(number_and_hash_must_be_right),
        T(what_is_hashed_keeps_its_borders),
        T(a_page_says_how_far_it_goes),
        T(what_has_expired_is_left_out),
        T(the_same_rows_and_more_are_not_the_same),
        T(only_ranges_of_the_partition),
        T(a_partition_that_is_none),
        T(the_table_is_bounded),
        T(a_store_that_fails),
        T(damaged_records_are_not_sent),
        T(rows_under_no_key_are_passed_over),
    };
    return tap_main(argc, argv, tests);
}

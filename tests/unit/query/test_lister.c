/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's side of listings: what it refuses, and that a cursor is input. */
#include <string.h>

#include "base/random.h"
#include "field.h"
#include "query/limits.h"
#include "record/keys.h"
#include "tap.h"

static struct field field;

/* What the first node answers to a question at once; ERR_BUSY: nothing yet. */
static struct peer_listed ask(struct peer_list list)
{
    list.token = 9;
    outbox_reset(&field.out);
    listers_get(field.listers[0], &field.views[0], 2, &list, true, &field.out);
    for (size_t i = 0; i < field.out.count; i++) {
        if (field.out.items[i].kind == OUT_SEND)
            return field.out.items[i].u.send.msg.u.listed;
    }
    return (struct peer_listed){.err = ERR_BUSY};
}

/* A question that the first node can answer. */
static struct peer_list good(enum list_what what)
{
    return (struct peer_list){
        .what = what,
        .epoch = view_epoch(&field.views[0]),
        .type = TYPE_DEFAULT,
        .bucket = what == LIST_KEYS ? BYTES_LIT("b") : BYTES_NONE,
        .partition = 2,
    };
}

TEST(who_may_ask_what)
{
    struct peer_list list;

    field_begin(&field, 3, 2);
    list = good(LIST_KEYS);
    CHECK_EQ(ask(list).err, ERR_BUSY);
    CHECK_EQ(listers_waiting(field.listers[0]), 1);
    list.epoch++;
    CHECK_EQ(ask(list).err, ERR_WRONG_OWNER);
    list = good(LIST_KEYS);
    list.partition = 1; /* of the second and the third node */
    CHECK_EQ(ask(list).err, ERR_WRONG_OWNER);
    list.partition = FIELD_PARTITIONS;
    CHECK_EQ(ask(list).err, ERR_WRONG_OWNER);
    list.partition = UINT32_MAX;
    CHECK_EQ(ask(list).err, ERR_WRONG_OWNER);
    field.views[0].document = NULL;
    CHECK_EQ(ask(good(LIST_KEYS)).err, ERR_WRONG_OWNER);
    field_end(&field);
}

TEST(names_that_do_not_fit)
{
    struct peer_list list;

    field_begin(&field, 3, 2);
    list = good(LIST_BUCKETS);
    list.type = BYTES_NONE;
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list.type = bytes_of(arena_alloc(&field.arena, TYPE_BYTES_MAX + 1), TYPE_BYTES_MAX + 1);
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list = good(LIST_KEYS);
    list.bucket = bytes_of(arena_alloc(&field.arena, BUCKET_BYTES_MAX + 1), BUCKET_BYTES_MAX + 1);
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    CHECK_EQ(listers_waiting(field.listers[0]), 0);
    field_end(&field);
}

/* The row key of the question's bucket at a slot of the partition's, or beyond. */
static struct bytes row_at(uint32_t slot, const char *bucket, const char *name)
{
    struct key key = {TYPE_DEFAULT, bytes_str(bucket), bytes_str(name)};

    return row_key_make(&field.arena, slot, &key);
}

TEST(cursors_of_somewhere_else)
{
    struct peer_list list;

    field_begin(&field, 3, 2);
    list = good(LIST_KEYS);
    uint32_t first = ring_first_slot(&field.views[0].ring, 2);
    list.after_row = row_at(first, "b", "k");
    CHECK_EQ(ask(list).err, ERR_BUSY);
    list.after_row = row_at(first + 3, "b", "k");
    CHECK_EQ(ask(list).err, ERR_BUSY);
    list.after_row = row_at(first - 1, "b", "k");
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list.after_row = row_at(first + 4, "b", "k");
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list.after_row = row_at(first, "a", "k"); /* the keys of another bucket would come */
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list.after_row = row_at(first, "c", "k");
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    list.after_row = BYTES_LIT("\0");
    CHECK_EQ(ask(list).err, ERR_MALFORMED);
    CHECK_EQ(listers_waiting(field.listers[0]), 2);
    field_end(&field);
}

TEST(cursors_of_any_bytes)
{
    struct random random;
    struct seed seed = seed_of(11);
    uint32_t refused = 0;

    field_begin(&field, 3, 2);
    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 5000; round++) {
        uint8_t raw[24];
        size_t len = (size_t)random_range(&random, 1, sizeof(raw));
        struct peer_list list = good(random_below(&random, 2) == 0 ? LIST_KEYS : LIST_BUCKETS);
        struct bytes start = row_at(ring_first_slot(&field.views[0].ring, 2), "b", "k");
        random_bytes(&random, raw, sizeof(raw));
        if (random_below(&random, 2) == 0)
            memcpy(raw, start.data, start.len < len ? start.len : len);
        list.after_row = bytes_of(raw, len);
        struct peer_listed answer = ask(list);
        CHECK(answer.err == ERR_BUSY || answer.err == ERR_MALFORMED);
        refused += answer.err == ERR_MALFORMED;
    }
    CHECK(refused > 1000);
    CHECK(refused < 5000);
    field_end(&field);
}

TEST(too_many_at_once)
{
    field_begin(&field, 3, 2);
    for (uint32_t i = 0; i < LISTERS_MAX; i++) {
        if (ask(good(LIST_KEYS)).err != ERR_BUSY)
            break;
    }
    CHECK_EQ(listers_waiting(field.listers[0]), LISTERS_MAX);
    CHECK_EQ(ask(good(LIST_KEYS)).err, ERR_OVERLOAD);
    field_end(&field);
}

TEST(a_scan_that_fails)
{
    struct event ev = {.kind = EV_STORED};

    field_begin(&field, 3, 2);
    (void)ask(good(LIST_KEYS));
    ev.u.stored = (struct stored){.token = field.out.items[0].u.store.token, .err = ERR_IO};
    outbox_reset(&field.out);
    listers_stored(field.listers[0], &ev, &field.out);
    CHECK_EQ_FATAL(field.out.count, 1);
    CHECK_EQ(field.out.items[0].u.send.to, 2);
    CHECK_EQ(field.out.items[0].u.send.msg.u.listed.err, ERR_IO);
    CHECK(!field.out.items[0].u.send.msg.u.listed.done);
    CHECK_EQ(listers_waiting(field.listers[0]), 0);
    field_end(&field);
}

/* A digest that cannot be read still names its key: better one too many than one missing. */
TEST(a_damaged_digest)
{
    struct event ev = {.kind = EV_STORED};

    field_begin(&field, 3, 2);
    (void)ask(good(LIST_KEYS));
    uint32_t first = ring_first_slot(&field.views[0].ring, 2);
    struct stored_row rows[2] = {{row_at(first, "b", "bad"), BYTES_LIT("no digest")},
                                 {BYTES_LIT("no row key"), BYTES_NONE}};
    struct peer_listed listed = {.err = ERR_BUSY};
    while (listed.err == ERR_BUSY) {
        ev.u.stored = (struct stored){
            .token = field.out.items[0].u.store.token, .rows = rows, .rows_count = 2};
        outbox_reset(&field.out);
        listers_stored(field.listers[0], &ev, &field.out);
        if (field.out.items[0].kind == OUT_SEND)
            listed = field.out.items[0].u.send.msg.u.listed;
    }
    CHECK_EQ(listed.err, ERR_OK);
    CHECK(listed.done);
    CHECK_EQ_FATAL(listed.names_count, ring_slots_each(&field.views[0].ring));
    CHECK(bytes_eq(listed.names[0], BYTES_LIT("bad")));
    field_end(&field);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(who_may_ask_what),     T(names_that_do_not_fit), T(cursors_of_somewhere_else),
        T(cursors_of_any_bytes), T(too_many_at_once),      T(a_scan_that_fails),
        T(a_damaged_digest),
    };

    return tap_main(argc, argv, tests);
}

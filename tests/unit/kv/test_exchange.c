/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange finds and makes up, between two nodes and over a network that works. */
#include <stdio.h>
#include <string.h>

#include "couple.h"
#include "kv/limits.h"
#include "model/expiry.h"
#include "msg/limits.h"
#include "record/keys.h"
#include "record/meta.h"
#include "tap.h"

enum { PARTITION = 3, MANY = 2000 };

static struct couple couple;

static struct stage *stage(void)
{
    return &couple.nodes[0].stage;
}

static void begin(void)
{
    couple_begin(&couple, 3, 3);
}

static void end(void)
{
    CHECK(!couple.lax);
    CHECK(couple.flying_most <= EXCHANGE_ROWS);
    CHECK_EQ(digests_waiting(couple.nodes[1].digests), 0);
    couple_end(&couple);
}

static struct object *object(uint64_t actor, uint64_t counter, const char *value)
{
    return stage_object(stage(), actor, counter, 1000 + counter, value);
}

/* The n-th key, with one value, at these nodes. */
static struct key put(uint32_t n, bool here, bool there, const char *value)
{
    struct key key = couple_key(&couple, PARTITION, n);

    if (here)
        couple_store(&couple, 0, &key, object(9, 1, value));
    if (there)
        couple_store(&couple, 1, &key, object(9, 1, value));
    return key;
}

static void run(bool pull, bool push)
{
    couple_start(&couple, PARTITION, pull, push);
    couple_run(&couple);
    CHECK(couple.exchange->done);
}

static void came_to(uint64_t pulled, uint64_t pushed, uint64_t left)
{
    CHECK_EQ(couple.result.err, ERR_OK);
    CHECK_EQ(couple.result.pulled, pulled);
    CHECK_EQ(couple.result.pushed, pushed);
    CHECK_EQ(couple.result.left, left);
}

/* Two values that were written apart, or one. */
static uint32_t values(unsigned node, const struct key *key)
{
    struct object *at = couple_object(&couple, node, key);

    return at == NULL ? 0 : at->count;
}

TEST(equal_stores_cost_a_hash_a_page)
{
    begin();
    for (uint32_t i = 0; i < 600; i++)
        put(i, true, true, "value");
    run(true, true);
    came_to(0, 0, 0);
    CHECK_EQ(couple.result.rows, 600);
    CHECK_EQ(couple.result.bytes, 0);
    CHECK_EQ(couple.messages, 4);
    CHECK_EQ(couple.gets, 0);
    CHECK(couple.bytes < 2 * 180);
    tap_note("%u bytes for %u rows", (unsigned)couple.bytes, 600);
    end();
}

TEST(empty_stores_are_equal)
{
    begin();
    run(true, true);
    came_to(0, 0, 0);
    CHECK_EQ(couple.result.rows, 0);
    CHECK_EQ(couple.messages, 2);
    end();
}

TEST(what_is_missing_is_pulled_and_pushed)
{
    begin();
    put(1, true, true, "both");
    struct key here = put(2, true, false, "here");
    struct key there = put(3, false, true, "there");
    run(true, true);
    came_to(1, 1, 0);
    CHECK_EQ(couple.result.rows, 3);
    CHECK(couple.result.bytes > 0);
    CHECK_EQ(values(1, &here), 1);
    CHECK_EQ(values(0, &there), 1);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

TEST(only_what_is_wanted_moves)
{
    begin();
    struct key here = put(2, true, false, "here");
    struct key there = put(3, false, true, "there");
    run(true, false);
    came_to(1, 0, 0);
    CHECK_EQ(values(1, &here), 0);
    CHECK_EQ(values(0, &there), 1);
    couple_remove(&couple, 0, FAMILY_OBJECT, &there);
    couple_remove(&couple, 0, FAMILY_META, &there);
    run(false, true);
    came_to(0, 1, 0);
    CHECK_EQ(values(1, &here), 1);
    CHECK_EQ(values(0, &there), 0);
    end();
}

TEST(other_partitions_are_left_alone)
{
    begin();
    struct key other = couple_key(&couple, PARTITION + 1, 1),
               before = couple_key(&couple, PARTITION - 1, 1);
    couple_store(&couple, 1, &other, object(9, 1, "other"));
    couple_store(&couple, 0, &before, object(9, 1, "before"));
    run(true, true);
    came_to(0, 0, 0);
    CHECK_EQ(couple.result.rows, 0);
    CHECK(couple_row(&couple, 0, FAMILY_OBJECT, &other) == NULL);
    end();
}

TEST(the_newer_one_wins)
{
    begin();
    struct key a = put(1, true, true, "old"), b = put(2, true, true, "old");
    struct write write = {.content = {.value = BYTES_LIT("new")}, .dot = {9, 2}, .wall_us = 2000};
    struct object *old = couple_object(&couple, 0, &a);
    write.context = old->clock;
    couple_store(&couple, 0, &a, object_put(&stage()->arena, old, &write));
    old = couple_object(&couple, 1, &b);
    couple_store(&couple, 1, &b, object_put(&stage()->arena, old, &write));
    run(true, true);
    came_to(1, 1, 0);
    CHECK(couple_equal(&couple, PARTITION));
    CHECK_BYTES(couple_object(&couple, 1, &a)->siblings[0].content.value.data, 3, "new", 3);
    CHECK_EQ(values(0, &b), 1);
    end();
}

/* Values that nobody has seen together stay together, in a bucket that keeps siblings. */
TEST(siblings_of_both_sides_are_kept)
{
    struct key key = couple_key((begin(), &couple), PARTITION, 1);
    struct props props = stage()->document->types[0].props;

    props.allow_mult = true;
    stage_props(&couple.nodes[0].stage, props);
    stage_props(&couple.nodes[1].stage, props);
    couple_store(&couple, 0, &key, object(7, 1, "one"));
    couple_store(&couple, 1, &key, object(8, 1, "two"));
    run(true, true);
    came_to(1, 1, 0);
    CHECK_EQ(values(0, &key), 2);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

TEST(tombstones_travel)
{
    begin();
    struct key key = put(1, true, true, "value");
    struct object *old = couple_object(&couple, 1, &key);
    struct write write = {.context = old->clock, .deleted = true, .dot = {9, 2}, .wall_us = 5000};
    couple_store(&couple, 1, &key, object_put(&stage()->arena, old, &write));
    run(true, true);
    came_to(1, 0, 0);
    CHECK(couple_object(&couple, 0, &key)->siblings[0].deleted);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* Nor is it made up what has expired altogether. */
TEST(what_has_expired_does_not_travel)
{
    begin();
    uint64_t now_us = expiry_cutoff_us(stage()->wall_us, stage()->config.expiry_skew_ms);
    struct write write = {.content = {.value = BYTES_LIT("v")}, .dot = {9, 1}};
    for (uint32_t i = 0; i < 8; i++) {
        struct key key = couple_key(&couple, PARTITION, i);
        write.expires_us = i < 4 ? now_us : now_us + 1;
        couple_store(&couple, i % 2, &key, object_put(&stage()->arena, NULL, &write));
    }
    run(true, true);
    came_to(2, 2, 0);
    CHECK_EQ(couple.result.rows, 4);
    end();
}

/* A node that has nothing gets all, a page at a time. */
TEST(an_empty_node_is_filled)
{
    begin();
    for (uint32_t i = 0; i < MANY; i++)
        put(i, false, true, "value");
    run(true, false);
    came_to(MANY, 0, 0);
    CHECK_EQ(couple.result.rows, MANY);
    CHECK(couple_equal(&couple, PARTITION));
    CHECK_EQ(couple.flying_most, EXCHANGE_ROWS);
    /* Four pages, a get and its answer for each row. */
    CHECK_EQ(couple.messages, 2 * ((MANY + DIGESTS_ROWS_MAX - 1) / DIGESTS_ROWS_MAX) + 2 * MANY);
    end();
}

TEST(an_empty_peer_is_filled)
{
    begin();
    for (uint32_t i = 0; i < MANY; i++)
        put(i, true, false, "value");
    run(false, true);
    came_to(0, MANY, 0);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* Whatever is where: rows between ours, before the first, after the last, at borders of pages. */
TEST(any_two_stores_become_equal)
{
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct seed number = seed_of(seed);
        struct random random;
        uint64_t pulls = 0, pushes = 0;

        random_init(&random, &number, 1);
        begin();
        uint32_t rows = (uint32_t)random_below(&random, 2500);
        uint64_t here = random_below(&random, 5), there = random_below(&random, 5);
        for (uint32_t i = 0; i < rows; i++) {
            bool a = random_below(&random, 4) < here, b = random_below(&random, 4) < there;
            put(i, a, b, "v");
            pulls += b && !a;
            pushes += a && !b;
        }
        run(true, true);
        came_to(pulls, pushes, 0);
        CHECK(couple_equal(&couple, PARTITION));
        run(true, true);
        came_to(0, 0, 0);
        end();
    }
}

/* Our page ends at its last row; what the peer has after it belongs to the next page. */
TEST(rows_of_the_peer_between_two_pages)
{
    static struct bytes keys[MANY];
    uint32_t least = 0;

    begin();
    for (uint32_t i = 0; i < DIGESTS_ROWS_MAX + 2; i++) {
        struct key key = couple_key(&couple, PARTITION, i);
        keys[i] = stage_row_key(stage(), &key);
    }
    /* Where the page would end if we had them all. */
    for (uint32_t i = 0; i < DIGESTS_ROWS_MAX + 2; i++) {
        uint32_t before = 0;
        for (uint32_t j = 0; j < DIGESTS_ROWS_MAX + 2; j++)
            before += bytes_cmp(keys[j], keys[i]) < 0;
        put(i, before != DIGESTS_ROWS_MAX, true, "v");
        least += before == DIGESTS_ROWS_MAX;
    }
    CHECK_EQ(least, 1);
    run(true, true);
    came_to(1, 0, 0);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* ---- what is damaged ---- */

TEST(a_damaged_digest_of_ours_is_healed)
{
    begin();
    struct key key = put(1, true, true, "value");
    couple_damage(&couple, 0, FAMILY_META, &key);
    run(true, false);
    came_to(1, 0, 0);
    CHECK(couple_equal(&couple, PARTITION));
    run(true, true);
    came_to(0, 0, 0);
    end();
}

TEST(a_damaged_digest_of_the_peer_is_healed)
{
    begin();
    struct key key = put(1, true, true, "value");
    couple_damage(&couple, 1, FAMILY_META, &key);
    run(false, true);
    came_to(0, 1, 0);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* What a damaged digest stands for is not known: it may be newer. */
TEST(what_a_damaged_digest_hides_is_found)
{
    begin();
    struct key key = put(1, true, true, "old");
    struct object *old = couple_object(&couple, 1, &key);
    struct write write = {
        .content = {.value = BYTES_LIT("new")}, .context = old->clock, .dot = {9, 2}, .wall_us = 9};
    couple_store(&couple, 1, &key, object_put(&stage()->arena, old, &write));
    couple_damage(&couple, 1, FAMILY_META, &key);
    run(true, false);
    came_to(1, 0, 0);
    CHECK_EQ(couple_object(&couple, 0, &key)->siblings[0].content.value.len, 3);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

TEST(a_damaged_object_of_the_peer_is_left)
{
    begin();
    struct key key = put(1, false, true, "value");
    put(2, false, true, "sound");
    couple_damage(&couple, 1, FAMILY_OBJECT, &key);
    run(true, false);
    came_to(1, 0, 1);
    CHECK_EQ(values(0, &key), 0);
    end();
}

TEST(a_digest_without_an_object_is_left)
{
    begin();
    struct key key = put(1, false, true, "value"), ours = put(2, true, false, "value");
    couple_remove(&couple, 1, FAMILY_OBJECT, &key);
    couple_remove(&couple, 0, FAMILY_OBJECT, &ours);
    run(true, true);
    came_to(0, 0, 2);
    end();
}

/* A row under a key that is none: nothing can be asked for, nothing said of it. */
TEST(a_row_under_no_key)
{
    begin();
    put(1, true, true, "value");
    struct key key = put(2, true, false, "value");
    struct stage_row *row = couple_row(&couple, 0, FAMILY_META, &key);
    row->key = bytes_sub(row->key, 0, 4);
    run(true, false);
    came_to(0, 0, 0);
    run(false, true);
    came_to(0, 0, 1);
    end();
}

/* ---- who is to have what ---- */

static void n_val(uint32_t n)
{
    struct props props = stage()->document->types[0].props;

    props.n_val = n;
    stage_props(&couple.nodes[0].stage, props);
    stage_props(&couple.nodes[1].stage, props);
}

TEST(a_place_beyond_n_val_gets_nothing)
{
    begin();
    n_val(1);
    put(1, true, false, "value");
    put(2, false, true, "value");
    run(true, true);
    /* Node 0 is the first of each list, node 1 the second. */
    came_to(1, 0, 0);
    CHECK_EQ(couple.result.rows, 2);
    n_val(2);
    run(true, true);
    came_to(0, 1, 0);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* Who has no replica now is asked all the same, and who will have one gets all. */
TEST(who_is_no_owner_takes_part)
{
    couple_begin(&couple, 3, 1);
    n_val(1);
    put(1, true, false, "value");
    struct key key = put(2, false, true, "value");
    run(true, true);
    came_to(1, 1, 0);
    CHECK_EQ(values(0, &key), 1);
    CHECK(couple_equal(&couple, PARTITION));
    end();
}

/* ---- limits ---- */

/* Several large objects are not on their way at once. */
TEST(large_objects_go_one_by_one)
{
    static char value[600001];

    begin();
    memset(value, 'x', sizeof(value) - 1);
    for (uint32_t i = 0; i < 4; i++)
        put(i, i % 2 == 0, i % 2 == 1, value);
    run(true, true);
    came_to(2, 2, 0);
    CHECK_EQ(couple.flying_most, 1);
    CHECK(couple.result.bytes > 4 * 600000);
    end();
}

TEST(pages_wait_for_the_rate)
{
    begin();
    for (uint32_t i = 0; i < 600; i++)
        put(i, true, true, "value");
    couple.nodes[0].stage.config.transfers_rate = 1024;
    uint64_t before = stage()->now_us;
    couple_start(&couple, PARTITION, true, true);
    couple_run(&couple);
    CHECK(!couple.exchange->done);
    uint64_t pause = couple.exchange->deadline_us - before;
    CHECK(pause > UINT64_C(512) * 20 * 1000000 / 1024);
    couple_deadline(&couple);
    couple_run(&couple);
    CHECK(couple.exchange->done);
    came_to(0, 0, 0);
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(equal_stores_cost_a_hash_a_page),
        T(empty_stores_are_equal),
        T(what_is_missing_is_pulled_and_pushed),
        T(only_what_is_wanted_moves),
        T(other_partitions_are_left_alone),
        T(the_newer_one_wins),
        T(siblings_of_both_sides_are_kept),
        T(tombstones_travel),
        T(what_has_expired_does_not_travel),
        T(an_empty_node_is_filled),
        T(an_empty_peer_is_filled),
        T(any_two_stores_become_equal),
        T(rows_of_the_peer_between_two_pages),
        T(a_damaged_digest_of_ours_is_healed),
        T(a_damaged_digest_of_the_peer_is_healed),
        T(what_a_damaged_digest_hides_is_found),
        T(a_damaged_object_of_the_peer_is_left),
        T(a_digest_without_an_object_is_left),
        T(a_row_under_no_key),
        T(a_place_beyond_n_val_gets_nothing),
        T(who_is_no_owner_takes_part),
        T(large_objects_go_one_by_one),
        T(pages_wait_for_the_rate),
    };
    return tap_main(argc, argv, tests);
}

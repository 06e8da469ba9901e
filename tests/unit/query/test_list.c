/* SPDX-License-Identifier: Apache-2.0 */
/* Listings: everything once, from one live replica each; never a silent subset. */
#include <string.h>

#include "base/random.h"
#include "field.h"
#include "msg/limits.h"
#include "query/limits.h"
#include "tap.h"

static struct field field;

/* The name of a number, at least `len` bytes long; in the field's arena. */
static struct bytes name_of(uint32_t number, uint32_t len)
{
    uint8_t *text = arena_alloc(&field.arena, len + 10);
    size_t at = len + 10;

    memset(text, 'x', len + 10);
    do {
        text[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return bytes_of(text, len + 10);
}

static void add_keys(const char *bucket, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        field_add(&field, TYPE_DEFAULT, bytes_str(bucket), name_of(i, 0), false);
}

static void list_keys(const char *bucket)
{
    field_list(&field, REQUEST_LIST_KEYS, TYPE_DEFAULT, bytes_str(bucket));
}

static void list_buckets(void)
{
    field_list(&field, REQUEST_LIST_BUCKETS, TYPE_DEFAULT, BYTES_NONE);
}

/* Questions and scans that are under way, of this partition or (-1) of all. */
static uint32_t asks(int partition)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < field.pending_count; i++)
        count += field.pending[i].kind == PENDING_ASK &&
                 (partition < 0 || field.pending[i].ask.partition == (uint32_t)partition);
    return count;
}

TEST(all_keys_of_a_bucket_once)
{
    field_begin(&field, 5, 3);
    add_keys("b", 3000);
    add_keys("a", 50);
    add_keys("bb", 50);
    field_add(&field, BYTES_LIT("other"), BYTES_LIT("b"), BYTES_LIT("typed"), false);
    list_keys("b");
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 3000));
    CHECK(!field_got(&field, BYTES_LIT("typed")));
    field_end(&field);
}

TEST(a_bucket_of_nothing)
{
    field_begin(&field, 3, 3);
    add_keys("a", 50);
    list_keys("b");
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK_EQ(field.names_count, 0);
    CHECK_EQ(field.replies, 1);
    field_end(&field);
}

TEST(tombstones_are_no_keys)
{
    field_begin(&field, 3, 3);
    add_keys("b", 20);
    for (uint32_t i = 100; i < 2000; i++)
        field_add(&field, TYPE_DEFAULT, BYTES_LIT("b"), name_of(i, 0), true);
    list_keys("b");
    field_run(&field);
    CHECK(field_got_each_once(&field, 20));
    field_end(&field);
}

TEST(what_has_expired_is_no_key)
{
    field_begin(&field, 3, 3);
    field.config.expiry_skew_ms = 0;
    field.expires_us = field.now_us + 1000000000;
    add_keys("b", 20);
    field.expires_us = 1;
    for (uint32_t i = 100; i < 2000; i++)
        field_add(&field, TYPE_DEFAULT, BYTES_LIT("b"), name_of(i, 0), false);
    list_keys("b");
    field_run(&field);
    CHECK(field_got_each_once(&field, 20));
    field_end(&field);
}

/* A bucket is there as long as one of its keys is, or was deleted, wherever that stands. */
TEST(buckets_of_nothing_but_what_has_expired)
{
    field_begin(&field, 3, 3);
    field.config.expiry_skew_ms = 0;
    for (uint32_t b = 0; b < 50; b++) {
        field.expires_us = 1;
        for (uint32_t k = 0; k < 50; k++)
            field_add(&field, TYPE_DEFAULT, name_of(b, 0), name_of(k, 0), false);
    }
    field.expires_us = 0;
    for (uint32_t b = 0; b < 10; b++)
        field_add(&field, TYPE_DEFAULT, name_of(b, 0), name_of(1000 + b, 0), b % 2 == 0);
    list_buckets();
    field_run(&field);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 10));
    field_end(&field);
}

TEST(names_of_any_bytes)
{
    static const struct {
        const char *name;
        size_t len;
    } odd[] = {{"", 0},     {"\0", 1},       {"\0\1", 2}, {"\0\xff", 2},
               {"a\0b", 3}, {"\xff\xff", 2}, {"a", 1},    {"a\0", 2}};

    field_begin(&field, 3, 3);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        field_add(&field, TYPE_DEFAULT, BYTES_LIT("b\0c"), bytes_of(odd[i].name, odd[i].len),
                  false);
    field_list(&field, REQUEST_LIST_KEYS, TYPE_DEFAULT, BYTES_LIT("b\0c"));
    field_run(&field);
    CHECK(field_got_each_once(&field, ARRAY_LEN(odd)));
    field_end(&field);

    field_begin(&field, 3, 3);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        field_add(&field, TYPE_DEFAULT, bytes_of(odd[i].name, odd[i].len), BYTES_LIT("k"), false);
    list_buckets();
    field_run(&field);
    CHECK(field_got_each_once(&field, ARRAY_LEN(odd)));
    field_end(&field);
}

TEST(a_few_partitions_at_a_time)
{
    field_begin(&field, 5, 3);
    add_keys("b", 100);
    list_keys("b");
    CHECK_EQ(field.pending_count, LIST_LANES_MAX);
    for (uint32_t p = 0; p < LIST_LANES_MAX; p++)
        CHECK_EQ(asks((int)p), 1);
    uint32_t most = 0;
    while (!field.list->done && (field.wants || field.pending_count > 0)) {
        if (field.wants)
            field_more(&field);
        else
            field_happen(&field, 0);
        most = field.pending_count > most ? field.pending_count : most;
    }
    CHECK(most <= LIST_LANES_MAX);
    CHECK(field_got_each_once(&field, 100));
    field_end(&field);
}

TEST(chunks_come_when_they_are_wanted)
{
    field_begin(&field, 3, 3);
    add_keys("b", 1000);
    list_keys("b");
    while (field.pending_count > 0)
        field_happen(&field, 0);
    /* The first counts as asked for; the others wait in their lanes and nothing is under way. */
    CHECK_EQ(field.replies, 1);
    uint32_t got = field.names_count;
    field_more(&field);
    CHECK_EQ(field.replies, 2);
    CHECK(field.names_count > got);
    field_run(&field);
    CHECK(field_got_each_once(&field, 1000));
    field_end(&field);
}

TEST(more_keys_than_a_chunk_has)
{
    field_begin(&field, 3, 3);
    add_keys("b", 20000); /* 1,250 a partition */
    list_keys("b");
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 20000));
    CHECK(field.replies > FIELD_PARTITIONS + 1);
    field_end(&field);
}

TEST(more_bytes_than_a_chunk_has)
{
    field_begin(&field, 3, 3);
    for (uint32_t i = 0; i < 2000; i++)
        field_add(&field, TYPE_DEFAULT, BYTES_LIT("b"), name_of(i, 1000), false);
    list_keys("b");
    field_run(&field);
    CHECK(field_got_each_once(&field, 2000));
    CHECK(field.replies > 2 * FIELD_PARTITIONS);
    field_end(&field);
}

TEST(buckets)
{
    field_begin(&field, 5, 3);
    for (uint32_t b = 0; b < 200; b++) {
        for (uint32_t k = 0; k < 20; k++)
            field_add(&field, TYPE_DEFAULT, name_of(b, 0), name_of(k, 0), false);
    }
    field_add(&field, BYTES_LIT("other"), BYTES_LIT("typed"), BYTES_LIT("k"), false);
    list_buckets();
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 200));
    field_end(&field);
}

TEST(more_buckets_than_a_chunk_has)
{
    field_begin(&field, 3, 3);
    for (uint32_t b = 0; b < 20000; b++)
        field_add(&field, TYPE_DEFAULT, name_of(b, 0), BYTES_LIT("k"), false);
    list_buckets();
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 20000));
    field_end(&field);
}

TEST(more_bytes_of_buckets_than_a_chunk_has)
{
    field_begin(&field, 3, 3);
    for (uint32_t b = 0; b < 2000; b++)
        field_add(&field, TYPE_DEFAULT, name_of(b, 1000), BYTES_LIT("k"), false);
    list_buckets();
    field_run(&field);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 2000));
    field_end(&field);
}

TEST(buckets_are_found_without_a_node)
{
    field_begin(&field, 4, 3);
    for (uint32_t b = 0; b < 100; b++)
        field_add(&field, TYPE_DEFAULT, name_of(b, 0), BYTES_LIT("k"), false);
    field.members[2].up = false;
    list_buckets();
    field_run(&field);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 100));
    field_end(&field);
}

TEST(a_bucket_with_fewer_replicas_is_looked_for_where_it_is)
{
    static struct bucket_override thin;

    field_begin(&field, 4, 3);
    thin = (struct bucket_override){
        .type = TYPE_DEFAULT, .bucket = BYTES_LIT("thin"), .props = props_default(false)};
    thin.props.n_val = 1;
    field.document->buckets = &thin;
    field.document->buckets_count = 1;
    list_buckets();
    for (uint32_t i = 0; i < field.pending_count; i++)
        CHECK_EQ(field.pending[i].node, field.pending[i].ask.partition % 4 + 1);
    field_run(&field);
    CHECK_EQ(field.err, ERR_OK);
    field_end(&field);
}

TEST(a_lost_replica_is_replaced_where_it_stopped)
{
    field_begin(&field, 4, 3);
    add_keys("b", 20000);
    list_keys("b");
    /* Let the first chunks come, so that there are cursors, then lose a node. */
    for (uint32_t i = 0; i < 60; i++) {
        if (field.wants)
            field_more(&field);
        else
            field_happen(&field, 0);
    }
    CHECK(field.names_count > 0);
    field_down(&field, 2);
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 20000));
    field_end(&field);
}

TEST(a_replica_that_refuses)
{
    field_begin(&field, 3, 3);
    add_keys("b", 500);
    list_keys("b");
    uint64_t refused = field.pending[0].node;
    uint32_t partition = field.pending[0].ask.partition;
    field_refuse(&field, 0, ERR_WRONG_OWNER);
    CHECK_EQ(asks((int)partition), 1);
    for (uint32_t i = 0; i < field.pending_count; i++)
        CHECK(field.pending[i].ask.partition != partition || field.pending[i].node != refused);
    field_run(&field);
    CHECK_EQ(field.err, ERR_OK);
    CHECK(field_got_each_once(&field, 500));
    field_end(&field);
}

TEST(all_replicas_refuse)
{
    field_begin(&field, 3, 3);
    add_keys("b", 500);
    list_keys("b");
    for (uint32_t i = 0; i < 100 && !field.list->done; i++)
        field_refuse(&field, field.pending_count - 1, ERR_OVERLOAD);
    CHECK(field.list->done);
    CHECK_EQ(field.err, ERR_INSUFFICIENT_VNODES);
    field_end(&field);
}

TEST(a_partition_without_a_live_replica)
{
    field_begin(&field, 6, 2);
    add_keys("b", 500);
    field.members[3].up = false;
    field.members[4].up = false;
    list_keys("b");
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_INSUFFICIENT_VNODES);
    field_end(&field);
}

TEST(a_partition_is_lost_on_the_way)
{
    field_begin(&field, 2, 2);
    add_keys("b", 20000);
    list_keys("b");
    for (uint32_t i = 0; i < 30; i++) {
        if (field.wants)
            field_more(&field);
        else
            field_happen(&field, 0);
    }
    field_down(&field, 2);
    field.members[0].up = false;
    field_run(&field);
    CHECK(field.ended);
    CHECK_EQ(field.err, ERR_INSUFFICIENT_VNODES);
    CHECK(field.names_count < 20000);
    field_end(&field);
}

TEST(time_is_over)
{
    field_begin(&field, 3, 3);
    add_keys("b", 500);
    list_keys("b");
    CHECK_EQ(field.list->deadline_us, field.now_us + LIST_TIMEOUT_MS * UINT64_C(1000));
    field_event(&field, EV_DEADLINE);
    CHECK(field.list->done);
    CHECK_EQ(field.err, ERR_TIMEOUT);
    field_end(&field);
}

TEST(the_asker_is_gone)
{
    field_begin(&field, 3, 3);
    add_keys("b", 500);
    list_keys("b");
    field_event(&field, EV_GONE);
    CHECK(field.list->done);
    CHECK_EQ(field.replies, 0);
    field_end(&field);
}

TEST(late_answers_do_not_count)
{
    field_begin(&field, 3, 3);
    add_keys("b", 500);
    list_keys("b");
    /* The first asked answers twice, and once more after another one was asked in its place. */
    struct pending first = field.pending[0];
    field_happen(&field, 0);
    while (field.pending[field.pending_count - 1].kind != PENDING_ANSWER)
        field_happen(&field, field.pending_count - 1);
    struct pending answer = field.pending[field.pending_count - 1];
    CHECK_EQ(answer.answer.token, first.ask.token);
    field.pending[field.pending_count++] = answer;
    struct pending forged = answer;
    forged.node = answer.node % 3 + 1; /* not who was asked */
    field.pending[field.pending_count++] = forged;
    field_happen(&field, field.pending_count - 1);
    CHECK_EQ(field.names_count, 0);
    field_happen(&field, field.pending_count - 1);
    uint32_t got = field.names_count;
    CHECK(got > 0);
    field_happen(&field, field.pending_count - 1);
    field_run(&field);
    CHECK(field_got_each_once(&field, 500));
    field_end(&field);
}

TEST(what_cannot_be_listed)
{
    field_begin(&field, 3, 3);
    field_list(&field, REQUEST_LIST_KEYS, BYTES_LIT("nosuch"), BYTES_LIT("b"));
    CHECK(field.list->done);
    CHECK_EQ(field.err, ERR_NO_TYPE);
    field_end(&field);

    field_begin(&field, 3, 3);
    field.views[0].document = NULL;
    list_keys("b");
    CHECK(field.list->done);
    CHECK_EQ(field.err, ERR_ALL_NODES_DOWN);
    field_end(&field);
}

/* One listing by chance; false when it said that it is complete and was not, or was not right. */
static bool by_chance(uint64_t number, uint32_t *complete)
{
    struct random random;
    struct seed seed = seed_of(number);

    random_init(&random, &seed, 1);
    uint32_t keys = (uint32_t)random_below(&random, 4000);
    uint32_t nodes = (uint32_t)random_range(&random, 1, 6);
    field_begin(&field, nodes, (uint32_t)random_range(&random, 1, nodes));
    add_keys("b", keys);
    list_keys("b");
    for (uint32_t turn = 0; turn < 100000 && !field.list->done; turn++) {
        uint64_t dice = random_below(&random, 1000);
        uint32_t at =
            field.pending_count == 0 ? 0 : (uint32_t)random_below(&random, field.pending_count);
        if (field.pending_count == 0 && !field.wants)
            field_event(&field, EV_DEADLINE);
        else if (dice < 2)
            field_down(&field, 1 + random_below(&random, nodes));
        else if (dice < 4)
            field.members[random_below(&random, nodes)].up = true;
        else if (dice < 5 && field.pending_count > 0)
            field_lose(&field, at);
        else if (dice < 15 && field.pending_count > 0 && field.pending[at].kind == PENDING_ASK)
            field_refuse(&field, at, ERR_OVERLOAD);
        else if (field.wants && (field.pending_count == 0 || dice % 2 == 0))
            field_more(&field);
        else if (field.pending_count > 0)
            field_happen(&field, at);
    }
    bool right = field.ended;
    if (field.err == ERR_OK)
        right = right && field_got_each_once(&field, keys);
    else
        right = right && field_got_each_once(&field, field.names_count);
    if (!right)
        tap_note("number %llu: %u keys, %u names, err %d", (unsigned long long)number, keys,
                 field.names_count, (int)field.err);
    *complete += field.err == ERR_OK;
    field_end(&field);
    return right;
}

TEST(whatever_happens)
{
    uint32_t complete = 0;
    bool right = true;

    for (uint64_t number = 1; number <= 200 && right; number++)
        right = by_chance(number, &complete);
    CHECK(right);
    CHECK(complete > 30);
    CHECK(complete < 190);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_keys_of_a_bucket_once),
        T(a_bucket_of_nothing),
        T(tombstones_are_no_keys),
        T(what_has_expired_is_no_key),
        T(buckets_of_nothing_but_what_has_expired),
        T(names_of_any_bytes),
        T(a_few_partitions_at_a_time),
        T(chunks_come_when_they_are_wanted),
        T(more_keys_than_a_chunk_has),
        T(more_bytes_than_a_chunk_has),
        T(buckets),
        T(more_buckets_than_a_chunk_has),
        T(more_bytes_of_buckets_than_a_chunk_has),
        T(buckets_are_found_without_a_node),
        T(a_bucket_with_fewer_replicas_is_looked_for_where_it_is),
        T(a_lost_replica_is_replaced_where_it_stopped),
        T(a_replica_that_refuses),
        T(all_replicas_refuse),
        T(a_partition_without_a_live_replica),
        T(a_partition_is_lost_on_the_way),
        T(time_is_over),
        T(the_asker_is_gone),
        T(late_answers_do_not_count),
        T(what_cannot_be_listed),
        T(whatever_happens),
    };

    return tap_main(argc, argv, tests);
}

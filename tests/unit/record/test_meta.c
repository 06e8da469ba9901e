/* SPDX-License-Identifier: Apache-2.0 */
/* Digest records: they come back, damage is found, and they tell what a merge would do. */
#include "base/mem.h"
#include "record/meta.h"
#include "record/seal.h"
#include "sample.h"
#include "tap.h"

enum { ROUNDS = 5000, SIBLINGS = 6, ACTORS = 3 };

static const struct bytes row = {(const uint8_t *)"a row key", 9};

static bool equal(const struct meta *a, const struct meta *b)
{
    if (!meta_same(a, b) || a->bytes != b->bytes || a->clock.hlc_us != b->clock.hlc_us ||
        a->clock.ends_us != b->clock.ends_us)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->siblings[i].hlc_us != b->siblings[i].hlc_us ||
            a->siblings[i].deleted != b->siblings[i].deleted ||
            a->siblings[i].expires_us != b->siblings[i].expires_us)
            return false;
    }
    return true;
}

TEST(digests_of_objects_come_back)
{
    struct seed seed = seed_of(31);
    struct random random;
    struct arena arena;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_reset(&arena);
        struct object *object = sample_object(&random, &arena, SIBLINGS);
        struct meta *meta = meta_of(&arena, object);
        struct meta *back = NULL;
        struct blob *blob = record_meta_blob(row, meta);
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < object->count; i++)
            bytes += object->siblings[i].content.value.len;
        enum err err = record_meta_decode(&arena, row, blob_bytes(blob), &back);
        broken += err != ERR_OK || !equal(meta, back) || back->bytes != bytes;
        broken += err == ERR_OK && meta_hidden(back, 0) != object_deleted(object);
        blob_unref(blob);
    }
    CHECK_EQ(broken, 0);
    arena_done(&arena);
}

TEST(every_truncation_and_bit_flip_is_found)
{
    struct seed seed = seed_of(32);
    struct random random;
    struct arena arena;
    unsigned unseen = 0;
    unsigned tried = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 100; round++) {
        struct meta *meta = meta_of(&arena, sample_object(&random, &arena, SIBLINGS));
        struct blob *blob = record_meta_blob(row, meta);
        uint8_t *copy = mem_new(blob->len);
        struct meta *back = NULL;
        for (size_t len = 0; len < blob->len; len++) {
            struct bytes part = bytes_of(blob->data, len);
            unseen += record_meta_decode(&arena, row, part, &back) != ERR_CORRUPT;
        }
        for (size_t bit = 0; bit < blob->len * 8; bit++) {
            memcpy(copy, blob->data, blob->len);
            copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            struct bytes flipped = bytes_of(copy, blob->len);
            unseen += record_meta_decode(&arena, row, flipped, &back) != ERR_CORRUPT;
            tried++;
        }
        unseen += record_meta_decode(&arena, BYTES_LIT("b row key"), blob_bytes(blob), &back) !=
                  ERR_CORRUPT;
        seal_close(blob->data, blob->len, 3, row);
        unseen += record_meta_decode(&arena, row, blob_bytes(blob), &back) != ERR_VERSION;
        CHECK(back == NULL);
        mem_free(copy);
        blob_unref(blob);
        arena_reset(&arena);
    }
    CHECK_EQ(unseen, 0);
    CHECK(tried > 10000);
    arena_done(&arena);
}

TEST(sealed_damage_never_decodes_to_something_else)
{
    struct seed seed = seed_of(33);
    struct random random;
    struct arena arena;
    unsigned broken = 0;
    unsigned refused = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 20000; round++) {
        arena_reset(&arena);
        struct meta *meta = meta_of(&arena, sample_object(&random, &arena, 3));
        struct blob *blob = record_meta_blob(row, meta);
        size_t at = SEAL_BYTES + (size_t)random_below(&random, blob->len - SEAL_BYTES);
        blob->data[at] = (uint8_t)random_below(&random, 256);
        seal_close(blob->data, blob->len, blob->data[0], row);
        struct meta *back = NULL;
        enum err err = record_meta_decode(&arena, row, blob_bytes(blob), &back);
        refused += err == ERR_CORRUPT;
        if (err == ERR_OK) {
            struct blob *again = record_meta_blob(row, back);
            broken += !bytes_eq(blob_bytes(blob), blob_bytes(again));
            blob_unref(again);
        }
        blob_unref(blob);
    }
    CHECK_EQ(broken, 0);
    CHECK(refused > 1000);
    arena_done(&arena);
}

/* Two replicas that exchange writes now and then; returns one of them as it was at some time. */
static struct object *some_history(struct random *random, struct arena *arena,
                                   struct object **ret_other)
{
    struct object *replicas[ACTORS] = {NULL};
    struct object *kept = NULL;
    uint64_t counter = 0;

    for (uint64_t steps = random_range(random, 3, 12); steps > 0; steps--) {
        size_t at = (size_t)random_below(random, ACTORS);
        size_t from = (size_t)random_below(random, ACTORS);
        struct object *read = replicas[from];
        if (random_chance(random, 1, 2)) {
            struct clock context = random_chance(random, 1, 2) && read ? read->clock : CLOCK_NONE;
            counter++;
            struct write write = {.context = context,
                                  .content = {.value = BYTES_LIT("v")},
                                  .dot = {at + 1, counter},
                                  .wall_us = counter};
            replicas[at] = object_put(arena, replicas[at], &write);
        } else {
            replicas[at] = object_merge(arena, replicas[at], read);
        }
        if (kept == NULL || random_chance(random, 1, 3))
            kept = replicas[at];
    }
    *ret_other = object_merge(arena, replicas[random_below(random, ACTORS)], NULL);
    return kept == NULL ? object_merge(arena, NULL, NULL) : kept;
}

TEST(covers_means_that_a_merge_changes_nothing)
{
    struct seed seed = seed_of(34);
    struct random random;
    struct arena arena;
    unsigned broken = 0;
    unsigned covers = 0;
    unsigned same = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 30000; round++) {
        arena_reset(&arena);
        struct object *b = NULL;
        struct object *a = some_history(&random, &arena, &b);
        struct meta *meta_a = meta_of(&arena, a);
        struct meta *meta_b = meta_of(&arena, b);
        bool unchanged = object_same(object_merge(&arena, a, b), a);
        broken += meta_covers(meta_a, meta_b) != unchanged;
        broken += meta_same(meta_a, meta_b) != object_same(a, b);
        covers += unchanged;
        same += object_same(a, b);
    }
    CHECK_EQ(broken, 0);
    CHECK(covers > 1000 && covers < 29000);
    CHECK(same > 100 && same < covers);
    arena_done(&arena);
}

/* A resolved object has the clock of the unresolved one, but not its siblings. */
TEST(covers_sees_siblings_behind_equal_clocks)
{
    const struct dot entries[] = {{1, 1}, {2, 1}};
    struct sibling siblings[] = {{.dot = {1, 1}, .hlc_us = 1}, {.dot = {2, 1}, .hlc_us = 2}};
    struct object both = {{entries, 2, 2, 0}, siblings, 2};
    struct object one = both;
    struct arena arena;

    arena_init(&arena);
    object_resolve(&one);
    struct meta *meta_both = meta_of(&arena, &both);
    struct meta *meta_one = meta_of(&arena, &one);
    CHECK(meta_covers(meta_one, meta_both));
    CHECK(!meta_covers(meta_both, meta_one));
    CHECK(!meta_same(meta_one, meta_both));
    arena_done(&arena);
}

/* What is hidden is compared and repaired, until nothing of its history can be seen again. */
TEST(hidden_is_not_expired)
{
    const struct dot entries[] = {{1, 1}, {2, 1}, {3, 1}};
    struct sibling siblings[] = {{.dot = {1, 1}, .expires_us = 10},
                                 {.dot = {2, 1}, .expires_us = 20},
                                 {.dot = {3, 1}, .deleted = true}};
    struct object object = {{entries, 3, 0, 30}, siblings, 3};
    struct arena arena;

    for (unsigned i = 0; i < 3; i++)
        siblings[i].hlc_us = object.clock.hlc_us = i;
    arena_init(&arena);
    struct meta *meta = meta_of(&arena, &object);
    CHECK(!meta_hidden(meta, 19));
    CHECK(meta_hidden(meta, 20));
    CHECK(!meta_expired(meta, 29));
    CHECK(meta_expired(meta, 30));
    object.clock.ends_us = 0;
    meta = meta_of(&arena, &object);
    CHECK(meta_hidden(meta, 20));
    CHECK(!meta_expired(meta, UINT64_MAX));
    siblings[0].expires_us = 0;
    meta = meta_of(&arena, &object);
    CHECK(!meta_hidden(meta, UINT64_MAX));
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(digests_of_objects_come_back),
        T(every_truncation_and_bit_flip_is_found),
        T(sealed_damage_never_decodes_to_something_else),
        T(covers_means_that_a_merge_changes_nothing),
        T(covers_sees_siblings_behind_equal_clocks),
        T(hidden_is_not_expired),
    };
    return tap_main(argc, argv, tests);
}

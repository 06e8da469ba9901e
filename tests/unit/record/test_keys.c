/* SPDX-License-Identifier: Apache-2.0 */
/* Row keys: they come back, and they sort as (slot, type, bucket, key) do. */
#include "base/random.h"
#include "model/limits.h"
#include "record/keys.h"
#include "sample.h"
#include "tap.h"

enum { ROUNDS = 30000 };

/* Names over few letters, the awkward ones among them: often one is the prefix of another. */
static struct bytes awkward(struct random *random, struct arena *arena, size_t min)
{
    static const uint8_t letters[] = {0x00, 0x01, 0xff, 'a'};
    size_t len = (size_t)random_range(random, min, 4);
    uint8_t *name = arena_alloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        name[i] = letters[random_below(random, sizeof(letters))];
    return bytes_of(name, len);
}

static struct key awkward_key(struct random *random, struct arena *arena)
{
    struct key key;

    key.type = awkward(random, arena, 1);
    key.bucket = awkward(random, arena, 0);
    key.key = awkward(random, arena, 0);
    return key;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static int key_order(uint32_t slot_a, const struct key *a, uint32_t slot_b, const struct key *b)
{
    if (slot_a != slot_b)
        return slot_a < slot_b ? -1 : 1;
    int order = bytes_cmp(a->type, b->type);
    if (order == 0)
        order = bytes_cmp(a->bucket, b->bucket);
    if (order == 0)
        order = bytes_cmp(a->key, b->key);
    return sign(order);
}

TEST(rows_come_back_and_sort_like_names)
{
    struct seed seed = seed_of(21);
    struct random random;
    struct arena arena;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_reset(&arena);
        struct key a = awkward_key(&random, &arena);
        struct key b = awkward_key(&random, &arena);
        uint32_t slot_a = (uint32_t)random_range(&random, 254, 256);
        uint32_t slot_b = (uint32_t)random_range(&random, 254, 256);
        struct bytes row_a = row_key_make(&arena, slot_a, &a);
        struct bytes row_b = row_key_make(&arena, slot_b, &b);
        broken += sign(bytes_cmp(row_a, row_b)) != key_order(slot_a, &a, slot_b, &b);
        struct key back = {BYTES_NONE, BYTES_NONE, BYTES_NONE};
        uint32_t slot = 0;
        broken += row_key_decode(&arena, row_a, &slot, &back) != ERR_OK || slot != slot_a ||
                  !key_eq(&a, &back);
    }
    CHECK_EQ(broken, 0);
    arena_done(&arena);
}

TEST(prefixes_hold_exactly_their_rows)
{
    struct seed seed = seed_of(22);
    struct random random;
    struct arena arena;
    unsigned broken = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_reset(&arena);
        struct key a = awkward_key(&random, &arena);
        struct key b = awkward_key(&random, &arena);
        uint32_t slot = (uint32_t)random_below(&random, 2) + 255;
        struct bytes row = row_key_make(&arena, slot, &a);
        bool in[] = {slot == 255, slot == 255 && bytes_eq(a.type, b.type),
                     slot == 255 && bytes_eq(a.type, b.type) && bytes_eq(a.bucket, b.bucket)};
        struct bytes prefixes[] = {row_prefix_slot(&arena, 255),
                                   row_prefix_type(&arena, 255, b.type),
                                   row_prefix_bucket(&arena, 255, b.type, b.bucket)};
        for (unsigned i = 0; i < 3; i++) {
            struct bytes end = row_prefix_end(&arena, prefixes[i]);
            bool between = bytes_cmp(row, prefixes[i]) >= 0 && bytes_cmp(row, end) < 0;
            broken += bytes_starts(row, prefixes[i]) != in[i] || between != in[i];
        }
    }
    CHECK_EQ(broken, 0);
    arena_done(&arena);
}

TEST(ends_of_prefixes)
{
    struct arena arena;

    arena_init(&arena);
    struct bytes end = row_prefix_end(&arena, BYTES_LIT("a\xff\xff"));
    CHECK_BYTES(end.data, end.len, "b", 1);
    end = row_prefix_end(&arena, BYTES_LIT("\x01\xff"));
    CHECK_BYTES(end.data, end.len, "\x02", 1);
    CHECK_EQ(row_prefix_end(&arena, BYTES_LIT("\xff\xff")).len, 0);
    CHECK_EQ(row_prefix_end(&arena, BYTES_NONE).len, 0);
    end = row_prefix_end(&arena, row_prefix_slot(&arena, SLOTS_MAX - 1));
    CHECK_BYTES(end.data, end.len, "\x10", 1);
    arena_done(&arena);
}

TEST(the_documented_example)
{
    static const uint8_t want[] = {0x01, 0x02, 't',  0x00, 0x01, 'b',
                                   0x00, 0xff, 0x00, 0x01, 'k',  0x00};
    struct key key = {BYTES_LIT("t"), BYTES_LIT("b\0"), BYTES_LIT("k\0")};
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, ROW_KEY_BYTES_MAX);
    struct bytes row = row_key_make(&arena, 0x102, &key);
    CHECK_BYTES(row.data, row.len, want, sizeof(want));
    buf_put_str(&buf, "before");
    row_key_put(&buf, 0x102, &key);
    CHECK_BYTES(buf.data + 6, buf.len - 6, want, sizeof(want));
    CHECK(!buf.overflow);
    buf_done(&buf);
    buf_init(&buf, sizeof(want) - 1);
    row_key_put(&buf, 0x102, &key);
    CHECK(buf.overflow);
    CHECK_EQ(buf.len, 0);
    buf_done(&buf);
    arena_done(&arena);
}

TEST(foreign_bytes_are_refused)
{
    static const struct bytes rows[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"\0\0", 2},
        {(const uint8_t *)"\0\0t", 3},
        {(const uint8_t *)"\0\0t\0", 4},
        {(const uint8_t *)"\0\0t\0\x01", 5},
        {(const uint8_t *)"\0\0t\0\x01"
                          "b\0\xff",
         8},
        {(const uint8_t *)"\0\0t\0\x02"
                          "b\0\x01"
                          "k",
         9},
        {(const uint8_t *)"\0\0\0\x01"
                          "b\0\x01"
                          "k",
         8},
        {(const uint8_t *)"\x10\0t\0\x01"
                          "b\0\x01"
                          "k",
         9},
    };
    struct key key = {BYTES_NONE, BYTES_NONE, BYTES_NONE};
    struct arena arena;
    uint32_t slot = 77;

    arena_init(&arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_EQ(row_key_decode(&arena, rows[i], &slot, &key), ERR_CORRUPT);
    CHECK_EQ(slot, 77);
    CHECK(key.key.data == NULL);
    CHECK_EQ(row_key_decode(&arena, BYTES_LIT("\0\0t\0\x01\0\x01"), &slot, &key), ERR_OK);
    CHECK_EQ(slot, 0);
    CHECK_EQ(key.bucket.len, 0);
    CHECK_EQ(key.key.len, 0);
    arena_done(&arena);
}

TEST(names_of_the_longest_length)
{
    struct arena arena;

    arena_init(&arena);
    uint8_t *zeros = arena_alloc(&arena, BUCKET_BYTES_MAX + 1);
    struct key key = {bytes_of(zeros, TYPE_BYTES_MAX), bytes_of(zeros, BUCKET_BYTES_MAX),
                      bytes_of(zeros, KEY_BYTES_MAX)};
    struct key back = {BYTES_NONE, BYTES_NONE, BYTES_NONE};
    uint32_t slot = 0;
    struct bytes row = row_key_make(&arena, 9, &key);
    CHECK_EQ(row.len, ROW_KEY_BYTES_MAX);
    CHECK_EQ(row_key_decode(&arena, row, &slot, &back), ERR_OK);
    CHECK(key_eq(&key, &back));
    uint8_t *longer = arena_alloc(&arena, row.len + 1);
    memcpy(longer, row.data, row.len);
    CHECK_EQ(row_key_decode(&arena, bytes_of(longer, row.len + 1), &slot, &back), ERR_CORRUPT);
    key.bucket.len++;
    CHECK(!key_fits(&key));
    key.bucket.len--;
    key.type.len = 0;
    CHECK(!key_fits(&key));
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(rows_come_back_and_sort_like_names),
        T(prefixes_hold_exactly_their_rows),
        T(ends_of_prefixes),
        T(the_documented_example),
        T(foreign_bytes_are_refused),
        T(names_of_the_longest_length),
    };
    return tap_main(argc, argv, tests);
}

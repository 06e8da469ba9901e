/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to its slot, partition and replicas. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/random.h"
#include "ring/ring.h"
#include "tap.h"

static const struct ring ring = {
    .key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)},
    .slots = 1024,
    .partitions = 64,
    .n_max = 3};

static uint32_t slot_of(const char *type, const char *bucket, const char *key)
{
    return ring_slot(&ring, bytes_str(type), bytes_str(bucket), bytes_str(key));
}

/* Rows are stored by slot, so this function can never change. The figures are those of another
 * implementation of SipHash. */
TEST(slots_are_for_ever)
{
    CHECK_EQ(slot_of("default", "users", "alice"), 977);
    CHECK_EQ(slot_of("default", "", ""), 19);
    CHECK_EQ(slot_of("maps", "b", "k"), 712);
}

TEST(the_parts_of_a_name_are_apart)
{
    CHECK_NE(slot_of("default", "ab", "c"), slot_of("default", "a", "bc"));
    CHECK_NE(slot_of("a", "b", "c"), slot_of("", "ab", "c"));
    CHECK_NE(slot_of("a", "b", ""), slot_of("a", "", "b"));
}

/* The slot as the contract says it: three parts, each with its length before it. */
static uint32_t slot_in_one(struct bytes type, struct bytes bucket, struct bytes key)
{
    const struct bytes parts[] = {type, bucket, key};
    size_t total = type.len + bucket.len + key.len + 12, at = 0;
    uint8_t *all = malloc(total);
    struct siphash s;

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned b = 0; b < 4; b++)
            all[at++] = (uint8_t)(parts[i].len >> (8 * b));
        if (parts[i].len > 0)
            memcpy(all + at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    siphash_init(&s, ring.key);
    siphash_add(&s, bytes_of(all, total));
    free(all);
    return (uint32_t)(siphash_end(&s) >> 54);
}

TEST(long_names_are_hashed_like_short_ones)
{
    static uint8_t names[3][400];
    struct seed seed = seed_of(7);
    struct random random;

    random_init(&random, &seed, 0);
    random_bytes(&random, names, sizeof(names));
    for (unsigned i = 0; i < 2000; i++) {
        struct bytes part[3];
        for (unsigned j = 0; j < 3; j++)
            part[j] = bytes_of(names[j], random_below(&random, i % 2 == 0 ? 100 : 400));
        CHECK_EQ(ring_slot(&ring, part[0], part[1], part[2]),
                 slot_in_one(part[0], part[1], part[2]));
    }
}

TEST(keys_spread_evenly)
{
    uint32_t counts[64] = {0};
    uint32_t least = UINT32_MAX, most = 0;

    for (uint32_t i = 0; i < 64000; i++) {
        uint8_t key[4] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 0};
        uint32_t slot =
            ring_slot(&ring, BYTES_LIT("default"), BYTES_LIT("b"), bytes_of(key, sizeof(key)));
        counts[ring_partition(&ring, slot)]++;
    }
    for (unsigned i = 0; i < 64; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    /* Five standard deviations of 1000 are 158. */
    CHECK(least > 1000 - 158);
    CHECK(most < 1000 + 158);
}

TEST(partitions_are_ranges_of_slots)
{
    struct ring of = ring;

    for (of.partitions = 8; of.partitions <= of.slots; of.partitions *= 2) {
        uint32_t expected = 0;
        CHECK_EQ(ring_slots_each(&of), of.slots / of.partitions);
        for (uint32_t p = 0; p < of.partitions; p++) {
            CHECK_EQ(ring_first_slot(&of, p), expected);
            CHECK_EQ(ring_partition(&of, expected), p);
            expected += ring_slots_each(&of);
            CHECK_EQ(ring_partition(&of, expected - 1), p);
        }
        CHECK_EQ(expected, of.slots);
    }
}

/* Splitting moves no bytes: a slot goes to one of the halves of the partition that it was in. With
 * more slots a key's slot is one of those that its old slot is cut into. */
TEST(splitting_stays_inside)
{
    struct ring whole = ring, halves = ring, finer = ring;
    struct seed seed = seed_of(3);
    struct random random;

    halves.partitions = 2 * whole.partitions;
    finer.slots = 4 * whole.slots;
    random_init(&random, &seed, 0);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t name[8];
        random_bytes(&random, name, sizeof(name));
        struct bytes key = bytes_of(name, sizeof(name));
        uint32_t slot = ring_slot(&whole, BYTES_LIT("t"), BYTES_LIT("b"), key);
        CHECK_EQ(ring_partition(&halves, slot) / 2, ring_partition(&whole, slot));
        CHECK_EQ(ring_slot(&finer, BYTES_LIT("t"), BYTES_LIT("b"), key) / 4, slot);
    }
}

TEST(replicas_are_the_first_n)
{
    static uint16_t place[64 * 3];
    struct ring of = ring;
    uint16_t nodes[RING_REPLICAS_MAX];

    for (unsigned i = 0; i < ARRAY_LEN(place); i++)
        place[i] = RING_NOBODY;
    place[0] = 4, place[1] = 2, place[2] = 9;
    place[3] = 1;
    of.place = place;
    CHECK_EQ(ring_replicas(&of, 0, 2, nodes), 2);
    CHECK_EQ(nodes[0], 4);
    CHECK_EQ(nodes[1], 2);
    CHECK_EQ(ring_replicas(&of, 0, 3, nodes), 3);
    CHECK_EQ(nodes[2], 9);
    CHECK_EQ(ring_replicas(&of, 0, 16, nodes), 3);
    CHECK_EQ(ring_replicas(&of, 0, 0, nodes), 0);
    CHECK_EQ(ring_replicas(&of, 1, 3, nodes), 1);
    CHECK_EQ(nodes[0], 1);
    CHECK_EQ(ring_replicas(&of, 63, 3, nodes), 0);
    CHECK(ring_owns(&of, 0, 2, 2));
    CHECK(!ring_owns(&of, 0, 2, 9));
    CHECK(ring_owns(&of, 0, 3, 9));
    CHECK(!ring_owns(&of, 0, 3, 1));
    CHECK(!ring_owns(&of, 63, 3, RING_NOBODY));
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(slots_are_for_ever),
        T(the_parts_of_a_name_are_apart),
        T(long_names_are_hashed_like_short_ones),
        T(keys_spread_evenly),
        T(partitions_are_ranges_of_slots),
        T(splitting_stays_inside),
        T(replicas_are_the_first_n),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, partitions, replicas and fallbacks. */
#include "ring/ring.h"

#include <string.h>

#include "base/random.h"
#include "tap.h"

enum { NODES_MAX = 24, N_MAX = 5, PARTITIONS = 32 };

static struct random chance;
static uint16_t place[PARTITIONS * N_MAX];
static struct ring_node nodes[NODES_MAX];

static void begin(uint64_t number)
{
    struct seed seed = seed_of(number);

    random_init(&chance, &seed, 1);
}

static struct ring ring_of(uint32_t slots, uint32_t partitions)
{
    return (struct ring){
        .key = {7, 9}, .slots = slots, .partitions = partitions, .n_max = N_MAX, .place = place};
}

static struct bytes number_text(uint32_t number, char *text)
{
    size_t len = 0;

    do
        text[len++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return bytes_of(text, len);
}

TEST(slots_are_in_range_and_even)
{
    static uint32_t counts[64];
    struct ring ring = ring_of(64, 8);
    char text[16];
    uint32_t least = UINT32_MAX, most = 0;

    memset(counts, 0, sizeof(counts));
    for (uint32_t i = 0; i < 64000; i++) {
        uint32_t slot =
            ring_slot(&ring, BYTES_LIT("default"), BYTES_LIT("b"), number_text(i, text));
        CHECK(slot < 64);
        counts[slot & 63]++;
    }
    for (uint32_t i = 0; i < 64; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    /* Six deviations of a thousand expected ones. */
    CHECK(least > 810);
    CHECK(most < 1190);
}

TEST(every_part_of_a_name_counts)
{
    struct ring ring = ring_of(4096, 8);
    uint32_t same = 0;
    char text[16];

    for (uint32_t i = 0; i < 200; i++) {
        struct bytes name = number_text(i, text);
        uint32_t slot = ring_slot(&ring, BYTES_LIT("t"), BYTES_LIT("b"), name);
        same += ring_slot(&ring, BYTES_LIT("t"), name, BYTES_LIT("b")) == slot;
        same += ring_slot(&ring, name, BYTES_LIT("b"), BYTES_LIT("t")) == slot;
        CHECK_EQ(ring_slot(&ring, BYTES_LIT("t"), BYTES_LIT("b"), name), slot);
    }
    CHECK(same < 5);
    /* Where one ends and the next begins. */
    CHECK_NE(ring_slot(&ring, BYTES_LIT("t"), BYTES_LIT("ab"), BYTES_LIT("c")),
             ring_slot(&ring, BYTES_LIT("t"), BYTES_LIT("a"), BYTES_LIT("bc")));
    struct ring other = ring;
    other.key.k1++;
    CHECK_NE(ring_slot(&ring, BYTES_LIT("t"), BYTES_LIT("a"), BYTES_LIT("b")),
             ring_slot(&other, BYTES_LIT("t"), BYTES_LIT("a"), BYTES_LIT("b")));
}

/* A key's slot is the top bits, so another number of slots refines it and moves nothing. */
TEST(more_slots_refine)
{
    char text[16];

    for (uint32_t i = 0; i < 500; i++) {
        struct ring coarse = ring_of(64, 8), fine = ring_of(4096, 8);
        struct bytes name = number_text(i, text);
        uint32_t slot = ring_slot(&fine, BYTES_LIT("t"), BYTES_LIT("b"), name);
        CHECK_EQ(ring_slot(&coarse, BYTES_LIT("t"), BYTES_LIT("b"), name), slot / 64);
    }
}

TEST(partitions_cut_the_circle)
{
    for (uint32_t partitions = 8; partitions <= 32; partitions *= 2) {
        struct ring ring = ring_of(64, partitions);
        uint32_t seen = 0;
        CHECK_EQ(ring_slots_each(&ring) * partitions, 64);
        for (uint32_t p = 0; p < partitions; p++) {
            uint32_t first = ring_first_slot(&ring, p);
            CHECK_EQ(first, seen);
            for (uint32_t i = 0; i < ring_slots_each(&ring); i++, seen++)
                CHECK_EQ(ring_partition(&ring, first + i), p);
        }
        CHECK_EQ(seen, 64);
    }
}

TEST(a_split_partition_stays_where_it_was)
{
    struct ring coarse = ring_of(64, 8), fine = ring_of(64, 16);

    for (uint32_t slot = 0; slot < 64; slot++)
        CHECK_EQ(ring_partition(&fine, slot) / 2, ring_partition(&coarse, slot));
}

TEST(replicas_are_the_first_that_are_there)
{
    static const uint16_t row[N_MAX] = {4, RING_NOBODY, 2, 7, RING_NOBODY};
    struct ring ring = ring_of(64, 8);
    uint16_t got[RING_REPLICAS_MAX];

    for (uint32_t p = 0; p < 8; p++)
        memcpy(&place[p * N_MAX], row, sizeof(row));
    CHECK_EQ(ring_replicas(&ring, 7, N_MAX, got), 3);
    CHECK_EQ(got[0], 4);
    CHECK_EQ(got[1], 2);
    CHECK_EQ(got[2], 7);
    CHECK_EQ(ring_replicas(&ring, 0, 2, got), 2);
    CHECK_EQ(ring_replicas(&ring, 0, 0, got), 0);
    CHECK_EQ(ring_replicas(&ring, 0, 16, got), 3);
    CHECK(ring_owns(&ring, 3, 2, 2));
    CHECK(!ring_owns(&ring, 3, 2, 7));
    CHECK(ring_owns(&ring, 3, 3, 7));
    CHECK(!ring_owns(&ring, 3, 3, 5));
    CHECK(!ring_owns(&ring, 3, 5, RING_NOBODY));
}

/* A table of nodes by chance and a replica list of some of them. */
static uint16_t make_nodes(struct ring *ring)
{
    uint16_t count = (uint16_t)random_range(&chance, 1, NODES_MAX);
    uint32_t locations = (uint32_t)random_range(&chance, 1, 6);

    for (uint16_t i = 0; i < count; i++)
        nodes[i] = (struct ring_node){.id = random_u64(&chance),
                                      .location = (uint32_t)random_below(&chance, locations),
                                      .live = random_below(&chance, 4) > 0};
    *ring = ring_of(64, 8);
    for (uint32_t p = 0; p < 8; p++) {
        for (uint32_t i = 0; i < N_MAX; i++)
            place[p * N_MAX + i] = (uint16_t)(i < count ? (p + i) % count : RING_NOBODY);
    }
    return count;
}

static bool among(const uint16_t *list, uint32_t count, uint16_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == node)
            return true;
    }
    return false;
}

/* Whether a node's location is that of one in the list. */
static bool used(const uint16_t *list, uint32_t count, uint16_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[list[i]].location == nodes[node].location)
            return true;
    }
    return false;
}

TEST(fallbacks)
{
    bool right = true;

    begin(21);
    for (uint32_t round = 0; round < 2000 && right; round++) {
        struct ring ring;
        uint16_t count = make_nodes(&ring);
        uint32_t p = (uint32_t)random_below(&chance, 8);
        uint32_t n = (uint32_t)random_range(&chance, 1, N_MAX);
        uint32_t max = (uint32_t)random_range(&chance, 0, 10);
        uint16_t got[NODES_MAX], taken[NODES_MAX + RING_REPLICAS_MAX];
        uint32_t taken_count = ring_replicas(&ring, p, n, taken);
        uint32_t got_count = ring_fallbacks(&ring, p, n, nodes, count, got, max);
        uint32_t candidates = 0;
        for (uint16_t i = 0; i < count; i++)
            candidates += nodes[i].live && !among(taken, taken_count, i);
        right = got_count == (candidates < max ? candidates : max);
        for (uint32_t k = 0; k < got_count && right; k++) {
            bool fresh = false;
            for (uint16_t i = 0; i < count; i++)
                fresh = fresh || (nodes[i].live && !among(taken, taken_count, i) &&
                                  !used(taken, taken_count, i));
            right = nodes[got[k]].live && !among(taken, taken_count, got[k]) &&
                    (!fresh || !used(taken, taken_count, got[k]));
            taken[taken_count++] = got[k];
        }
    }
    CHECK(right);
}

/* Rendezvous: who goes away leaves the order of the others as it was, and so does the order of the
 * table. */
TEST(fallbacks_are_steady)
{
    bool right = true;

    begin(22);
    for (uint32_t round = 0; round < 500 && right; round++) {
        struct ring ring;
        uint16_t count = make_nodes(&ring);
        uint16_t before[NODES_MAX], after[NODES_MAX];
        for (uint16_t i = 0; i < count; i++)
            nodes[i].location = i; /* so that only the weights decide */
        uint32_t first = ring_fallbacks(&ring, 3, 1, nodes, count, before, 12);
        if (first == 0)
            continue;
        uint32_t gone = (uint32_t)random_below(&chance, first);
        nodes[before[gone]].live = false;
        uint32_t then = ring_fallbacks(&ring, 3, 1, nodes, count, after, 12);
        for (uint32_t i = 0, k = 0; i < first && k < then; i++) {
            if (i == gone)
                continue;
            right = right && before[i] == after[k++];
        }
    }
    CHECK(right);
}

TEST(fallbacks_differ_between_partitions)
{
    struct ring ring;
    uint16_t got[8];
    uint32_t seen = 0;

    begin(23);
    for (uint16_t i = 0; i < 8; i++)
        nodes[i] = (struct ring_node){.id = i + 1, .location = 0, .live = true};
    ring = ring_of(64, PARTITIONS);
    for (uint32_t i = 0; i < PARTITIONS * N_MAX; i++)
        place[i] = i % N_MAX == 0 ? 0 : RING_NOBODY;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        CHECK_EQ(ring_fallbacks(&ring, p, 1, nodes, 8, got, 1), 1);
        seen |= 1u << got[0];
    }
    /* The load of a lost node is spread over the others. */
    CHECK_EQ(seen, 0xfe);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(slots_are_in_range_and_even),
        T(every_part_of_a_name_counts),
        T(more_slots_refine),
        T(partitions_cut_the_circle),
        T(a_split_partition_stays_where_it_was),
        T(replicas_are_the_first_that_are_there),
        T(fallbacks),
        T(fallbacks_are_steady),
        T(fallbacks_differ_between_partitions),
    };

    return tap_main(argc, argv, tests);
}

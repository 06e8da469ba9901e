/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands in for a primary that is down. */
#include "ring/ring.h"
#include "tap.h"

enum { NODES = 12, PARTITIONS = 64 };

static uint16_t place[PARTITIONS * 3];
static const struct ring ring = {.slots = 64, .partitions = PARTITIONS, .n_max = 3, .place = place};

/* Partition p is on nodes p, p + 1, p + 2; node i stands in location i % locations. */
static void build(struct ring_node nodes[NODES], uint32_t locations)
{
    for (uint16_t i = 0; i < NODES; i++)
        nodes[i] = (struct ring_node){.id = 100u + i, .location = i % locations, .live = true};
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        for (uint32_t i = 0; i < 3; i++)
            place[p * 3 + i] = (uint16_t)((p + i) % NODES);
    }
}

static bool in(const uint16_t *nodes, uint32_t count, uint16_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i] == node)
            return true;
    }
    return false;
}

TEST(all_live_nodes_outside_the_list_each_once)
{
    struct ring_node nodes[NODES];
    uint16_t found[NODES];

    build(nodes, NODES);
    nodes[7].live = false;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint32_t count = ring_fallbacks(&ring, p, 3, nodes, NODES, found, NODES);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(nodes[found[i]].live);
            CHECK(!ring_owns(&ring, p, 3, found[i]));
            CHECK(!in(found, i, found[i]));
        }
        CHECK_EQ(count, NODES - 3 - (ring_owns(&ring, p, 3, 7) ? 0 : 1));
    }
}

TEST(no_more_than_asked_for_and_always_the_same)
{
    struct ring_node nodes[NODES];
    uint16_t few[2], many[NODES];

    build(nodes, 4);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        CHECK_EQ(ring_fallbacks(&ring, p, 3, nodes, NODES, few, 2), 2);
        CHECK(ring_fallbacks(&ring, p, 3, nodes, NODES, many, NODES) > 2);
        CHECK_EQ(few[0], many[0]);
        CHECK_EQ(few[1], many[1]);
    }
    CHECK_EQ(ring_fallbacks(&ring, 0, 3, nodes, NODES, many, 0), 0);
}

TEST(locations_not_in_use_come_first)
{
    struct ring_node nodes[NODES];
    uint16_t found[NODES];

    build(nodes, 5);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        bool used[5] = {false};
        for (uint32_t i = 0; i < 3; i++)
            used[nodes[place[p * 3 + i]].location] = true;
        unsigned free = 0;
        for (unsigned i = 0; i < 5; i++)
            free += !used[i];
        CHECK(ring_fallbacks(&ring, p, 3, nodes, NODES, found, NODES) >= free);
        for (unsigned i = 0; i < free; i++) {
            CHECK(!used[nodes[found[i]].location]);
            used[nodes[found[i]].location] = true;
        }
    }
}

/* What one node's absence does must not depend on the others: rendezvous. */
TEST(a_loss_changes_no_other_choice)
{
    struct ring_node nodes[NODES];
    uint16_t before[NODES], after[NODES];

    build(nodes, NODES);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint32_t count = ring_fallbacks(&ring, p, 3, nodes, NODES, before, NODES);
        uint16_t lost = before[p % count];
        nodes[lost].live = false;
        CHECK_EQ(ring_fallbacks(&ring, p, 3, nodes, NODES, after, NODES), count - 1);
        nodes[lost].live = true;
        for (uint32_t i = 0, j = 0; i < count; i++) {
            if (before[i] != lost)
                CHECK_EQ(before[i], after[j++]);
        }
    }
}

TEST(every_node_stands_in_for_some_partition)
{
    struct ring_node nodes[NODES];
    uint16_t found[NODES];
    uint32_t first[NODES] = {0};

    build(nodes, NODES);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        CHECK(ring_fallbacks(&ring, p, 3, nodes, NODES, found, 1) == 1);
        first[found[0]]++;
    }
    for (unsigned i = 0; i < NODES; i++)
        CHECK(first[i] > 0 && first[i] < PARTITIONS / 4);
}

TEST(nobody_left)
{
    struct ring_node nodes[NODES];
    uint16_t found[NODES];

    build(nodes, NODES);
    for (unsigned i = 0; i < NODES; i++)
        nodes[i].live = i < 3;
    CHECK_EQ(ring_fallbacks(&ring, 0, 3, nodes, NODES, found, NODES), 0);
    CHECK_EQ(ring_fallbacks(&ring, 6, 3, nodes, NODES, found, NODES), 3);
    CHECK_EQ(ring_fallbacks(&ring, 0, 1, nodes, NODES, found, NODES), 2);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_live_nodes_outside_the_list_each_once), T(no_more_than_asked_for_and_always_the_same),
        T(locations_not_in_use_come_first),           T(a_loss_changes_no_other_choice),
        T(every_node_stands_in_for_some_partition),   T(nobody_left),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a placement is besides legal: the same each time, still where nothing changed, even. */
#include <stdlib.h>

#include "base/attr.h"
#include "ring/checker.h"
#include "ring/solver.h"
#include "tap.h"

enum { NODES_MOST = 1000, PLACES_MOST = 4096 * 5 };

struct cluster {
    struct solver_node nodes[NODES_MOST];
    uint16_t place[PLACES_MOST];
    struct solver_input input;
    struct solver_result result; /* of the last step; its arrays are gone */
};

static struct cluster *cluster_new(uint32_t partitions, uint32_t n)
{
    struct cluster *c = calloc(1, sizeof(*c));

    c->input = (struct solver_input){c->nodes, 0, partitions, n, c->place, 0};
    return c;
}

static void add(struct cluster *c, uint32_t count, uint32_t weight, uint32_t locations)
{
    for (; count > 0; count--) {
        uint16_t i = c->input.nodes_count++;
        c->nodes[i] = (struct solver_node){i + 1u, weight, i % locations, false};
    }
}

/* The next map takes the place of the present one. */
static void step(struct cluster *c)
{
    struct arena arena;

    arena_init(&arena);
    if (solver_run(&arena, &c->input, &c->result) != ERR_OK)
        abort();
    memcpy(c->place, c->result.place,
           (size_t)c->input.partitions * c->input.n * sizeof(c->place[0]));
    c->input.old_n = c->input.n;
    arena_done(&arena);
}

static uint16_t at(const struct cluster *c, uint32_t partition, uint32_t position)
{
    return c->place[partition * c->input.n + position];
}

TEST(the_same_map_each_time)
{
    struct cluster *a = cluster_new(256, 3), *b = cluster_new(256, 3);

    for (unsigned i = 0; i < 6; i++) {
        add(a, 2, 100 + i, 3);
        add(b, 2, 100 + i, 3);
        a->nodes[i].leaving = b->nodes[i].leaving = i > 3;
        step(a);
        step(b);
        CHECK_BYTES(a->place, 256 * 3 * 2, b->place, 256 * 3 * 2);
    }
    free(a);
    free(b);
}

TEST(nothing_to_do_changes_nothing)
{
    struct cluster *c = cluster_new(512, 3);
    uint16_t before[512 * 3];

    add(c, 7, 100, 4);
    step(c);
    memcpy(before, c->place, sizeof(before));
    step(c);
    CHECK_EQ(c->result.moved, 0);
    CHECK_BYTES(c->place, sizeof(before), before, sizeof(before));
    free(c);
}

/* A bucket with n_val = k has its data on the first k: they change only where a replica moves. */
static void check_first(const struct cluster *c, const uint16_t *before, uint32_t k)
{
    uint32_t fresh = 0, moved = 0;

    for (uint32_t p = 0; p < c->input.partitions; p++) {
        for (uint32_t i = 0; i < c->input.n; i++) {
            const uint16_t *old = before + p * c->input.n;
            bool stood = false, stood_first = false;
            for (uint32_t j = 0; j < c->input.n; j++) {
                stood = stood || old[j] == at(c, p, i);
                stood_first = stood_first || (j < k && old[j] == at(c, p, i));
            }
            fresh += i < k && !stood_first;
            moved += i < k && !stood;
        }
    }
    CHECK_EQ(fresh, moved);
}

TEST(who_stays_keeps_its_position)
{
    struct cluster *c = cluster_new(512, 3);
    uint16_t before[512 * 3];

    add(c, 5, 100, 5);
    step(c);
    for (unsigned i = 0; i < 12; i++) {
        memcpy(before, c->place, sizeof(before));
        if (i % 3 == 2)
            c->nodes[i].leaving = true;
        else
            add(c, 1, 100 + 10 * i, 5);
        step(c);
        CHECK(c->result.moved > 0);
        for (uint32_t k = 1; k <= 3; k++)
            check_first(c, before, k);
    }
    free(c);
}

TEST(every_position_falls_to_every_node)
{
    struct cluster *c = cluster_new(1024, 3);

    add(c, 6, 100, NODES_MOST);
    for (unsigned i = 0; i < 12; i++) {
        uint32_t counts[NODES_MOST][3] = {{0}};
        uint32_t worst = 0;
        step(c);
        for (uint32_t place = 0; place < 1024 * 3; place++)
            counts[c->place[place]][place % 3]++;
        for (uint32_t node = 0; node < c->input.nodes_count; node++) {
            uint32_t load = counts[node][0] + counts[node][1] + counts[node][2];
            for (uint32_t j = 0; j < 3; j++) {
                uint32_t even = load / 3, got = counts[node][j];
                uint32_t off = got > even ? got - even : even - got;
                worst = off > worst ? off : worst;
                CHECK(off <= 2 + load / 16);
            }
        }
        tap_note("%u nodes that were %u: %u off an even share of positions",
                 c->input.nodes_count - (i > 6 ? i - 6 : 0), c->input.nodes_count, worst);
        if (i < 6)
            add(c, 1, 100, NODES_MOST);
        else
            c->nodes[2 * (i - 6)].leaving = true;
    }
    free(c);
}

/* The load of a node that dies goes to those that share partitions with it. */
TEST(every_node_has_many_partners)
{
    static uint16_t shared[32][32];
    struct cluster *c = cluster_new(1024, 3);

    add(c, 20, 100, NODES_MOST);
    step(c);
    add(c, 4, 100, NODES_MOST);
    step(c);
    for (uint32_t p = 0; p < 1024; p++) {
        for (uint32_t i = 0; i < 3; i++) {
            for (uint32_t j = 0; j < 3; j++)
                shared[at(c, p, i)][at(c, p, j)]++;
        }
    }
    uint32_t most = 0;
    for (uint32_t a = 0; a < 24; a++) {
        for (uint32_t b = 0; b < 24; b++) {
            CHECK(shared[a][b] > 0);
            if (a != b && shared[a][b] > most)
                most = shared[a][b];
        }
    }
    /* An even share of a node's 128 partitions is 11. */
    tap_note("24 nodes: at most %u of a node's 128 partitions are shared with one other", most);
    CHECK(most < 33);
    free(c);
}

TEST(few_nodes_fill_what_they_can)
{
    struct cluster *c = cluster_new(64, 3);

    for (uint32_t nodes = 1; nodes <= 4; nodes++) {
        add(c, 1, 100, NODES_MOST);
        step(c);
        for (uint32_t p = 0; p < 64; p++) {
            for (uint32_t i = 0; i < 3; i++)
                CHECK_EQ(at(c, p, i) != RING_NOBODY, i < nodes);
            if (nodes < 4)
                CHECK_EQ(at(c, p, 0), 0);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        c->nodes[i].leaving = true;
        step(c);
    }
    for (uint32_t p = 0; p < 64; p++) {
        CHECK_EQ(at(c, p, 0), 3);
        CHECK_EQ(at(c, p, 1), RING_NOBODY);
    }
    free(c);
}

TEST(lists_become_longer_and_shorter)
{
    struct cluster *c = cluster_new(256, 2);
    uint16_t before[256 * 2];

    add(c, 6, 100, 6);
    step(c);
    memcpy(before, c->place, sizeof(before));
    c->input.n = 4;
    step(c);
    CHECK_EQ(c->result.moved, 256 * 2);
    for (uint32_t p = 0; p < 256; p++) {
        CHECK_EQ(at(c, p, 0), before[2 * p]);
        CHECK_EQ(at(c, p, 1), before[2 * p + 1]);
    }
    c->input.n = 2;
    step(c);
    CHECK_EQ(c->result.moved, 0);
    CHECK_BYTES(c->place, sizeof(before), before, sizeof(before));
    free(c);
}

TEST(locations_with_few_nodes_lose_no_replica)
{
    struct cluster *c = cluster_new(64, 5);

    add(c, 2, 100, 2);
    for (unsigned i = 0; i < 3; i++) {
        add(c, 1, 100, 2);
        c->nodes[c->input.nodes_count - 1].location = 1;
    }
    step(c);
    for (uint32_t i = 0; i < 64 * 5; i++)
        CHECK_NE(c->place[i], RING_NOBODY);
    free(c);
}

TEST(who_shall_hold_nothing_holds_nothing)
{
    struct cluster *c = cluster_new(64, 3);
    struct solver_result result;
    struct arena arena;

    arena_init(&arena);
    add(c, 5, 100, NODES_MOST);
    c->nodes[1].weight = 0;
    step(c);
    for (uint32_t i = 0; i < 64 * 3; i++)
        CHECK_NE(c->place[i], 1);
    for (unsigned i = 0; i < 5; i++)
        c->nodes[i].leaving = true;
    CHECK_EQ(solver_run(&arena, &c->input, &result), ERR_BAD_REQUEST);
    c->nodes[1].leaving = false;
    CHECK_EQ(solver_run(&arena, &c->input, &result), ERR_BAD_REQUEST);
    arena_done(&arena);
    free(c);
}

TEST(the_largest_clusters)
{
    struct cluster *c = cluster_new(4096, 5);

    add(c, NODES_MOST - 1, 100, 20);
    step(c);
    add(c, 1, 100, 20);
    c->nodes[17].leaving = true;
    step(c);
    tap_note("1000 nodes, 4096 lists of 5: moved %u, lower bound %u", c->result.moved,
             c->result.bound);
    CHECK(c->result.moved <= 2 * c->result.bound);
    free(c);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_same_map_each_time),
        T(nothing_to_do_changes_nothing),
        T(who_stays_keeps_its_position),
        T(every_position_falls_to_every_node),
        T(every_node_has_many_partners),
        T(few_nodes_fill_what_they_can),
        T(lists_become_longer_and_shorter),
        T(locations_with_few_nodes_lose_no_replica),
        T(who_shall_hold_nothing_holds_nothing),
        T(the_largest_clusters),
    };

    return tap_main(argc, argv, tests);
}

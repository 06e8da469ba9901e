/* SPDX-License-Identifier: Apache-2.0 */
/* Placement on the table of known hard changes and on thousands of random clusters. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/random.h"
#include "ring/checker.h"
#include "ring/solver.h"
#include "tap.h"

enum { NODES_MOST = 110, PARTITIONS_MOST = 1024 };

struct cluster {
    struct solver_node nodes[NODES_MOST];
    uint16_t count;
    uint32_t partitions;
    uint32_t n;
    uint16_t place[PARTITIONS_MOST * RING_REPLICAS_MAX];
    bool placed;
};

struct outcome {
    struct solver_result result;
    struct checker_report report;
};

static struct outcome solve(struct arena *arena, struct cluster *c)
{
    struct solver_input input = {
        .nodes = c->nodes,
        .nodes_count = c->count,
        .partitions = c->partitions,
        .n = c->n,
        .old = c->place,
        .old_n = c->placed ? c->n : 0,
    };
    struct outcome outcome;

    if (solver_run(arena, &input, &outcome.result) != ERR_OK)
        abort();
    outcome.report = checker_run(&input, outcome.result.place, outcome.result.targets);
    memcpy(c->place, outcome.result.place,
           (size_t)c->partitions * c->n * sizeof(outcome.result.place[0]));
    c->placed = true;
    return outcome;
}

static void add_node(struct cluster *c, uint32_t weight, uint32_t location)
{
    c->nodes[c->count] = (struct solver_node){(uint64_t)c->count + 1, weight, location, false};
    c->count++;
}

struct change {
    const char *name;
    uint16_t before;    /* nodes */
    uint16_t locations; /* spread over so many; 0: each its own */
    int join_location;  /* where the new nodes stand; -1: in turn */
    uint16_t joins;
    uint16_t leaves;
    bool weights; /* 1, 2, 3 in turn, the new one 3 */
    uint32_t moved_most;
    uint32_t bound;
};

static void run_change(const struct change *change)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct arena arena;

    arena_init(&arena);
    c->partitions = 1024;
    c->n = 3;
    for (uint16_t i = 0; i < change->before; i++)
        add_node(c, change->weights ? 100u * (i % 3 + 1u) : 100,
                 change->locations == 0 ? i : (uint32_t)i % change->locations);
    struct outcome first = solve(&arena, c);
    CHECK(checker_clean(&first.report));
    for (uint16_t i = 0; i < change->joins; i++) {
        uint32_t at = change->join_location >= 0 ? (uint32_t)change->join_location
                      : change->locations == 0   ? (uint32_t)c->count
                                                 : (uint32_t)(c->count % change->locations);
        add_node(c, change->weights ? 300 : 100, at);
    }
    for (uint16_t i = 0; i < change->leaves; i++)
        c->nodes[i].leaving = true;
    struct outcome second = solve(&arena, c);
    CHECK(checker_clean(&second.report));
    tap_note("%s: moved %u, lower bound %u, furthest from target %u", change->name,
             second.result.moved, second.result.bound, second.report.worst_load);
    CHECK(second.result.moved >= second.result.bound);
    CHECK(second.result.moved <= change->moved_most);
    CHECK_EQ(second.result.bound, change->bound);
    arena_done(&arena);
    free(c);
}

TEST(known_changes)
{
    static const struct change changes[] = {
        {"5 to 6 nodes", 5, 0, -1, 1, 0, false, 512, 512},
        {"10 to 11, 5 locations", 10, 5, -1, 1, 0, false, 279, 279},
        {"12 to 11, 4 locations", 12, 4, -1, 0, 1, false, 285, 256},
        {"9 to 10, 3 locations", 9, 3, -1, 1, 0, false, 256, 256},
        {"3,3,3,3 to 4,3,3,3", 12, 4, 0, 1, 0, false, 236, 236},
        {"12 of weights 1,2,3 and one more of 3", 12, 0, -1, 1, 0, true, 345, 341},
        {"50 to 55, 10 locations", 50, 10, -1, 5, 0, false, 275, 275},
        {"100 to 101, 10 locations", 100, 10, -1, 1, 0, false, 30, 30},
    };

    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        run_change(&changes[i]);
}

static uint32_t usable(const struct cluster *c)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < c->count; i++)
        count += !c->nodes[i].leaving && c->nodes[i].weight > 0;
    return count;
}

static uint32_t random_weight(struct random *random, bool weights)
{
    if (!weights)
        return 100;
    return random_chance(random, 1, 20) ? 0 : (uint32_t)random_range(random, 50, 300);
}

/* A node comes or goes, or two do, or one has another weight or location now. */
static void change_something(struct cluster *c, struct random *random, bool weights,
                             uint32_t locations)
{
    uint64_t node = random_below(random, c->count);

    switch (random_below(random, 5)) {
    case 0: c->nodes[node].weight = random_weight(random, weights); break;
    case 1: c->nodes[node].location = (uint32_t)random_below(random, locations); break;
    case 2: c->nodes[node].leaving = true; break;
    case 3: c->nodes[random_below(random, c->count)].leaving = true; /* fall through */
    case 4:
        if (c->count < NODES_MOST)
            add_node(c, random_weight(random, weights), (uint32_t)random_below(random, locations));
        break;
    }
    if (usable(c) == 0) {
        c->nodes[node].leaving = false;
        c->nodes[node].weight = 100;
    }
}

static void say_fault(uint64_t seed, unsigned step, const struct checker_report *r)
{
    tap_note(
        "seed %llu step %u: holes %u gaps %u doubles %u strays %u crowded %u shuffled %u load %u",
        (unsigned long long)seed, step, r->holes, r->gaps, r->doubles, r->strays, r->crowded,
        r->shuffled, r->worst_load);
}

/* One random cluster through a few changes. */
static void run_random(uint64_t seed, uint64_t *moved, uint64_t *bound)
{
    struct cluster *c = calloc(1, sizeof(*c));
    struct seed number = seed_of(seed);
    struct random random;
    struct arena arena;

    arena_init(&arena);
    random_init(&random, &number, 0);
    uint32_t size = (uint32_t)random_range(&random, 1, random_chance(&random, 1, 8) ? 100 : 16);
    uint32_t locations = (uint32_t)random_range(&random, 1, 12);
    bool weights = random_chance(&random, 1, 3);
    c->partitions = 8u << random_below(&random, size > 30 ? 8 : 6);
    c->n = (uint32_t)random_range(&random, 1, random_chance(&random, 1, 4) ? 16 : 3);
    for (uint32_t i = 0; i < size; i++)
        add_node(c, weights && i > 0 ? random_weight(&random, weights) : 100,
                 (uint32_t)random_below(&random, locations));
    for (unsigned step = 0; step < 4; step++) {
        struct outcome outcome = solve(&arena, c);
        CHECK(checker_clean(&outcome.report));
        CHECK_EQ(outcome.report.worst_load, 0);
        if (!checker_clean(&outcome.report))
            say_fault(seed, step, &outcome.report);
        CHECK(outcome.result.moved >= outcome.result.bound);
        *moved += step > 0 ? outcome.result.moved : 0;
        *bound += step > 0 ? outcome.result.bound : 0;
        change_something(c, &random, weights, locations);
    }
    arena_done(&arena);
    free(c);
}

TEST(random_clusters)
{
    uint64_t moved = 0, bound = 0;

    for (uint64_t seed = 1; seed <= 4000; seed++)
        run_random(seed, &moved, &bound);
    tap_note("4000 clusters: moved %llu replicas, lower bound %llu", (unsigned long long)moved,
             (unsigned long long)bound);
    /* The bound knows nothing of locations; test_least.c knows the least that can be moved. */
    CHECK(moved <= bound + bound / 20);
}

enum { SMALL = 8 };

static const struct solver_node small_nodes[] = {
    {1, 100, 1, false}, {2, 100, 1, false}, {3, 100, 2, false}, {4, 100, 3, true}};

/* Eight partitions on the first three nodes. */
static void small_place(uint16_t place[SMALL][3])
{
    for (unsigned p = 0; p < SMALL; p++) {
        for (unsigned i = 0; i < 3; i++)
            place[p][i] = (uint16_t)i;
    }
}

TEST(checker_sees_damage)
{
    struct solver_node nodes[ARRAY_LEN(small_nodes)];
    uint16_t place[SMALL][3];
    uint32_t targets[] = {8, 8, 8, 0};
    struct solver_input input = {nodes, 4, SMALL, 3, NULL, 0};

    memcpy(nodes, small_nodes, sizeof(nodes));
    small_place(place);
    struct checker_report report = checker_run(&input, &place[0][0], targets);
    CHECK(checker_clean(&report));
    place[0][2] = 0;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.doubles, 1);
    CHECK_EQ(report.worst_load, 1);
    place[0][2] = 3;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.strays, 1);
    place[0][2] = 4;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.strays, 1);
    place[0][2] = RING_NOBODY;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.holes, 1);
    CHECK_EQ(report.gaps, 0);
    place[0][2] = 2;
    place[0][1] = RING_NOBODY;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.gaps, 1);
    place[0][1] = 1;
    nodes[3].leaving = false;
    nodes[2].location = 1;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.crowded, SMALL);
    targets[0] = 6;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.worst_load, 2);
}

TEST(checker_sees_lost_order)
{
    uint16_t old[SMALL][3], place[SMALL][3];
    uint32_t targets[] = {8, 8, 8, 0};
    struct solver_input input = {small_nodes, 4, SMALL, 3, &old[0][0], 3};

    small_place(old);
    small_place(place);
    struct checker_report report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.shuffled, 0);
    place[5][0] = 1;
    place[5][1] = 0;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.shuffled, 2);
    CHECK(!checker_clean(&report));
    /* A list that is not full may close up, but keeps its order. */
    place[5][0] = 1;
    place[5][1] = 2;
    place[5][2] = RING_NOBODY;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.shuffled, 0);
    place[5][0] = 2;
    place[5][1] = 1;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.shuffled, 1);
    /* Who was there before may not make way for who was not. */
    old[6][0] = 3;
    place[6][0] = 1;
    place[6][1] = 0;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.shuffled, 2);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(known_changes),
        T(random_clusters),
        T(checker_sees_damage),
        T(checker_sees_lost_order),
    };

    return tap_main(argc, argv, tests);
}

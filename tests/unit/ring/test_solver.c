/* SPDX-License-Identifier: Apache-2.0 */
/* Placement on the table of known hard changes and on thousands of random clusters. */
#include <stdio.h>
#include <stdlib.h>

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
    uint16_t place[PARTITIONS_MOST * 3];
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
    bool weights;        /* 1, 2, 3 in turn, the new one 3 */
    uint32_t moved_most; /* the figure of the reference */
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
                      : change->locations == 0   ? c->count
                                                 : c->count % change->locations;
        add_node(c, change->weights ? 300 : 100, at);
    }
    for (uint16_t i = 0; i < change->leaves; i++)
        c->nodes[i].leaving = true;
    struct outcome second = solve(&arena, c);
    CHECK(checker_clean(&second.report));
    printf("# %s: moved %u, lower bound %u, furthest from target %u\n", change->name,
           second.result.moved, second.result.bound, second.report.worst_load);
    CHECK(second.result.moved >= second.result.bound);
    CHECK(second.result.moved <= change->moved_most);
    arena_done(&arena);
    free(c);
}

TEST(known_changes)
{
    static const struct change changes[] = {
        {"5 to 6 nodes", 5, 0, -1, 1, 0, false, 512},
        {"10 to 11, 5 locations", 10, 5, -1, 1, 0, false, 279},
        {"12 to 11, 4 locations", 12, 4, -1, 0, 1, false, 285},
        {"9 to 10, 3 locations", 9, 3, -1, 1, 0, false, 256},
        {"3,3,3,3 to 4,3,3,3", 12, 4, 0, 1, 0, false, 236},
        {"weights 1,2,3 and a new one of 3", 6, 0, -1, 1, 0, true, 700},
        {"50 to 55, 10 locations", 50, 10, -1, 5, 0, false, 275},
        {"100 to 101, 10 locations", 100, 10, -1, 1, 0, false, 30},
    };

    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        run_change(&changes[i]);
}

static uint16_t usable(const struct cluster *c)
{
    uint16_t count = 0;

    for (uint16_t i = 0; i < c->count; i++)
        count = (uint16_t)(count + !c->nodes[i].leaving);
    return count;
}

/* One random cluster through a few joins and leaves. */
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
    c->n = (uint32_t)random_range(&random, 1, 3);
    for (uint32_t i = 0; i < size; i++)
        add_node(c, weights ? (uint32_t)random_range(&random, 50, 300) : 100,
                 (uint32_t)random_below(&random, locations));
    for (unsigned step = 0; step < 3; step++) {
        struct outcome outcome = solve(&arena, c);
        if (!checker_clean(&outcome.report))
            printf("# seed %llu step %u: holes %u doubles %u strays %u crowded %u load %u\n",
                   (unsigned long long)seed, step, outcome.report.holes, outcome.report.doubles,
                   outcome.report.strays, outcome.report.crowded, outcome.report.worst_load);
        CHECK(checker_clean(&outcome.report));
        *moved += step > 0 ? outcome.result.moved : 0;
        *bound += step > 0 ? outcome.result.bound : 0;
        if (random_chance(&random, 1, 2) && c->count < NODES_MOST)
            add_node(c, weights ? (uint32_t)random_range(&random, 50, 300) : 100,
                     (uint32_t)random_below(&random, locations));
        else if (usable(c) > 1)
            c->nodes[random_below(&random, c->count)].leaving = usable(c) > 1;
        if (usable(c) == 0)
            c->nodes[0].leaving = false;
    }
    arena_done(&arena);
    free(c);
}

TEST(random_clusters)
{
    uint64_t moved = 0, bound = 0;

    for (uint64_t seed = 1; seed <= 2000; seed++)
        run_random(seed, &moved, &bound);
    printf("# 2000 clusters: moved %llu replicas, lower bound %llu\n", (unsigned long long)moved,
           (unsigned long long)bound);
    CHECK(moved >= bound);
}

TEST(checker_sees_damage)
{
    struct solver_node nodes[] = {
        {1, 100, 1, false}, {2, 100, 1, false}, {3, 100, 2, false}, {4, 100, 3, true}};
    uint16_t place[8][3];
    uint32_t targets[] = {8, 8, 8, 0};
    struct solver_input input = {nodes, 4, 8, 3, NULL, 0};

    for (unsigned p = 0; p < 8; p++) {
        place[p][0] = 0;
        place[p][1] = 1;
        place[p][2] = 2;
    }
    struct checker_report report = checker_run(&input, &place[0][0], targets);
    CHECK(checker_clean(&report));
    place[0][2] = 0;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.doubles, 1);
    place[0][2] = 3;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.strays, 1);
    place[0][2] = RING_NOBODY;
    report = checker_run(&input, &place[0][0], targets);
    CHECK_EQ(report.holes, 1);
    nodes[2].location = 1;
    nodes[3].leaving = false;
    report = checker_run(&input, &place[0][0], targets);
    CHECK(report.crowded > 0);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(known_changes),
        T(random_clusters),
        T(checker_sees_damage),
    };

    return tap_main(argc, argv, tests);
}

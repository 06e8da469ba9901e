/* SPDX-License-Identifier: Apache-2.0 */
/* The solver moves as little as can be. What can be is found in another way: as the cheapest flow
 *
 *     source -> partition -> (partition, location) -> node -> sink
 *
 * in which a replica on a node that has none of that partition now costs one. Paths of least cost
 * are added one by one, which is slow and plain. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/random.h"
#include "ring/solver.h"
#include "tap.h"

enum { NODES_MOST = 16, PARTITIONS_MOST = 64, N_MOST = 4, LOCATIONS_MOST = 6 };
enum {
    VERTICES = 2 + PARTITIONS_MOST * (1 + LOCATIONS_MOST) + NODES_MOST,
    EDGES = 2 * PARTITIONS_MOST * (1 + LOCATIONS_MOST + NODES_MOST) + 2 * NODES_MOST,
};

struct edge {
    uint32_t to, next; /* next: of the same vertex; 0: none */
    uint32_t room;
    int32_t cost;
};

struct flow {
    struct edge edges[EDGES + 2]; /* from 2 on, in pairs: an edge and its way back */
    uint32_t edges_count;
    uint32_t first[VERTICES];
    uint32_t vertices;
    int32_t cost[VERTICES];
    uint32_t by[VERTICES]; /* the edge on the cheapest path */
};

static void join(struct flow *f, uint32_t from, uint32_t to, uint32_t room, int32_t cost)
{
    const uint32_t at = f->edges_count;

    f->edges[at] = (struct edge){to, f->first[from], room, cost};
    f->edges[at + 1] = (struct edge){from, f->first[to], 0, -cost};
    f->first[from] = at;
    f->first[to] = at + 1;
    f->edges_count += 2;
}

/* The cheapest path from vertex 0 to 1, by Bellman and Ford; false when there is none. */
static bool cheapest(struct flow *f)
{
    const int32_t far = 1 << 20;
    bool shorter = true;

    for (uint32_t v = 0; v < f->vertices; v++)
        f->cost[v] = v == 0 ? 0 : far;
    while (shorter) {
        shorter = false;
        for (uint32_t v = 0; v < f->vertices; v++) {
            for (uint32_t e = f->cost[v] == far ? 0 : f->first[v]; e != 0; e = f->edges[e].next) {
                const struct edge *edge = &f->edges[e];
                if (edge->room == 0 || f->cost[v] + edge->cost >= f->cost[edge->to])
                    continue;
                f->cost[edge->to] = f->cost[v] + edge->cost;
                f->by[edge->to] = e;
                shorter = true;
            }
        }
    }
    return f->cost[1] != far;
}

/* Fills the flow; returns its cost, and how much flows. */
static uint32_t run_flow(struct flow *f, uint32_t *ret_amount)
{
    int32_t cost = 0;
    uint32_t amount = 0;

    for (; cheapest(f); amount++) {
        cost += f->cost[1];
        for (uint32_t v = 1; v != 0; v = f->edges[f->by[v] ^ 1].to) {
            f->edges[f->by[v]].room--;
            f->edges[f->by[v] ^ 1].room++;
        }
    }
    *ret_amount = amount;
    return (uint32_t)cost;
}

struct cluster {
    struct solver_node nodes[NODES_MOST];
    struct solver_input input;
    uint16_t place[PARTITIONS_MOST * N_MOST];
};

static bool usable(const struct cluster *c, uint32_t node)
{
    return c->nodes[node].weight > 0 && !c->nodes[node].leaving;
}

/* How many nodes could hold replicas of one partition with so many to a location. */
static uint32_t fits(const struct cluster *c, uint32_t each)
{
    uint32_t count = 0;

    for (uint32_t l = 0; l < LOCATIONS_MOST; l++) {
        uint32_t here = 0;
        for (uint32_t i = 0; i < c->input.nodes_count; i++)
            here += usable(c, i) && c->nodes[i].location == l;
        count += here < each ? here : each;
    }
    return count;
}

static bool has(const struct cluster *c, uint32_t partition, uint32_t node)
{
    for (uint32_t i = 0; i < c->input.old_n; i++) {
        if (c->place[partition * c->input.old_n + i] == node)
            return true;
    }
    return false;
}

/* The least number of moves for these targets. */
static uint32_t least(const struct cluster *c, const uint32_t *targets)
{
    struct flow *f = calloc(1, sizeof(*f));
    const uint32_t partitions = c->input.partitions, nodes = 2 + partitions * (1 + LOCATIONS_MOST);
    uint32_t copies = fits(c, NODES_MOST), each = 1, amount;

    copies = copies < c->input.n ? copies : c->input.n;
    while (fits(c, each) < copies)
        each++;
    f->edges_count = 2;
    f->vertices = nodes + c->input.nodes_count;
    for (uint32_t p = 0; p < partitions; p++) {
        uint32_t locations = 2 + partitions + p * LOCATIONS_MOST;
        join(f, 0, 2 + p, copies, 0);
        for (uint32_t l = 0; l < LOCATIONS_MOST; l++)
            join(f, 2 + p, locations + l, each, 0);
        for (uint32_t i = 0; i < c->input.nodes_count; i++)
            join(f, locations + c->nodes[i].location, nodes + i, 1, has(c, p, i) ? 0 : 1);
    }
    for (uint32_t i = 0; i < c->input.nodes_count; i++)
        join(f, nodes + i, 1, targets[i], 0);
    uint32_t cost = run_flow(f, &amount);
    CHECK_EQ(amount, copies * partitions);
    free(f);
    return cost;
}

static void add_node(struct cluster *c, struct random *random)
{
    uint16_t i = c->input.nodes_count++;

    c->nodes[i] = (struct solver_node){
        .id = i + 1u,
        .weight = random_chance(random, 1, 2) ? 100 : (uint32_t)random_range(random, 50, 300),
        .location = (uint32_t)random_below(random, LOCATIONS_MOST),
    };
}

static void change(struct cluster *c, struct random *random)
{
    for (uint64_t times = random_range(random, 1, 3); times > 0; times--) {
        uint64_t node = random_below(random, c->input.nodes_count);
        switch (random_below(random, 4)) {
        case 0: c->nodes[node].location = (uint32_t)random_below(random, LOCATIONS_MOST); break;
        case 1: c->nodes[node].weight = (uint32_t)random_range(random, 50, 300); break;
        case 2: c->nodes[node].leaving = node > 0; break;
        case 3:
            if (c->input.nodes_count < NODES_MOST)
                add_node(c, random);
            break;
        }
    }
}

static void run_random(uint64_t number, uint32_t *moved, uint32_t *bound)
{
    struct cluster c = {.input = {.nodes = c.nodes, .old = c.place}};
    struct solver_result result;
    struct seed seed = seed_of(number);
    struct random random;
    struct arena arena;

    arena_init(&arena);
    random_init(&random, &seed, 0);
    c.input.partitions = 8u << random_below(&random, 4);
    c.input.n = (uint32_t)random_range(&random, 1, N_MOST);
    for (uint64_t count = random_range(&random, 2, 10); count > 0; count--)
        add_node(&c, &random);
    for (unsigned step = 0; step < 3; step++) {
        CHECK_EQ_FATAL(solver_run(&arena, &c.input, &result), ERR_OK);
        if (step > 0) {
            uint32_t wanted = least(&c, result.targets);
            CHECK_EQ(result.moved, wanted);
            if (result.moved != wanted)
                tap_note("seed %llu step %u", (unsigned long long)number, step);
            *moved += result.moved;
            *bound += result.bound;
        }
        memcpy(c.place, result.place, c.input.partitions * c.input.n * sizeof(c.place[0]));
        c.input.old_n = c.input.n;
        change(&c, &random);
    }
    arena_done(&arena);
}

TEST(no_map_moves_less)
{
    uint32_t moved = 0, bound = 0;

    for (uint64_t seed = 1; seed <= 400; seed++)
        run_random(seed, &moved, &bound);
    tap_note("800 changes: moved %u, the least; the targets alone would need %u", moved, bound);
    CHECK(moved > bound);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(no_map_moves_less),
    };

    return tap_main(argc, argv, tests);
}

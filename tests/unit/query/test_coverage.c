/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage plans: every partition from a live replica, from few nodes. */
#include "query/coverage.h"

#include <string.h>

#include "base/random.h"
#include "tap.h"

enum { MEMBERS = 7, PARTITIONS = 32, N_MAX = 3 };

static struct document document; /* only its epoch is looked at */
static struct view view;
static struct view_member members[MEMBERS];
static uint16_t place[PARTITIONS * N_MAX];

/* A cluster with replicas where chance wants them, some members down. */
static void make(struct random *random, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        members[i] = (struct view_member){.id = 100 + i, .up = random_below(random, 5) > 0};
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint16_t *row = &place[p * N_MAX];
        for (uint32_t i = 0; i < N_MAX; i++) {
            bool again;
            row[i] = RING_NOBODY;
            if (i >= count)
                continue;
            do {
                row[i] = (uint16_t)random_below(random, count);
                again = false;
                for (uint32_t k = 0; k < i; k++)
                    again = again || row[k] == row[i];
            } while (again);
        }
    }
    view = (struct view){
        .document = &document,
        .ring = {.slots = 64, .partitions = PARTITIONS, .n_max = N_MAX, .place = place},
        .members = members,
        .members_count = (uint16_t)count,
    };
}

/* Whether a live member of the set is a replica of every partition that has a live one. */
static bool covers(uint32_t set, uint32_t n)
{
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        uint16_t nodes[RING_REPLICAS_MAX];
        uint32_t count = ring_replicas(&view.ring, p, n, nodes);
        bool live = false, in = false;
        for (uint32_t i = 0; i < count; i++) {
            live = live || members[nodes[i]].up;
            in = in || (members[nodes[i]].up && (set >> nodes[i] & 1) != 0);
        }
        if (live && !in)
            return false;
    }
    return true;
}

static uint16_t index_of(uint64_t id)
{
    for (uint16_t i = 0; i < view.members_count; i++) {
        if (members[i].id == id)
            return i;
    }
    return RING_NOBODY;
}

static uint32_t bits(uint32_t set)
{
    uint32_t count = 0;

    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

/* The least number of members that cover all, by trying all sets. */
static uint32_t least(uint32_t n, uint32_t count)
{
    uint32_t best = count;

    for (uint32_t set = 0; set < 1u << count; set++) {
        if (bits(set) < best && covers(set, n))
            best = bits(set);
    }
    return best;
}

TEST(complete_and_small)
{
    struct random random;
    struct seed seed = seed_of(3);
    uint32_t planned = 0, possible = 0;
    bool complete = true, near = true, live = true;

    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 300; round++) {
        static struct coverage plan;
        uint32_t count = (uint32_t)random_range(&random, 1, MEMBERS);
        uint32_t n = (uint32_t)random_range(&random, 1, N_MAX);
        uint32_t set = 0;
        make(&random, count);
        coverage_plan(&plan, &view, n, round);
        for (uint32_t i = 0; i < plan.count; i++) {
            live = live && members[plan.nodes[i]].up && (set >> plan.nodes[i] & 1) == 0;
            set |= 1u << plan.nodes[i];
        }
        complete = complete && covers(set, n);
        uint32_t best = least(n, count);
        /* A greedy cover of a universe of 32 is within 1 + ln 32 of the best; in practice near. */
        near = near && plan.count <= best + 1;
        planned += plan.count;
        possible += best;
    }
    CHECK(complete);
    CHECK(live);
    CHECK(near);
    CHECK(planned * 100 <= possible * 105);
}

TEST(every_partition_from_one_live_replica)
{
    struct random random;
    struct seed seed = seed_of(4);
    bool right = true;

    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 200; round++) {
        static struct coverage plan;
        uint32_t count = (uint32_t)random_range(&random, 1, MEMBERS);
        uint32_t n = (uint32_t)random_range(&random, 1, N_MAX);
        make(&random, count);
        coverage_plan(&plan, &view, n, round);
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            uint16_t nodes[RING_REPLICAS_MAX];
            uint32_t replicas = ring_replicas(&view.ring, p, n, nodes);
            uint32_t live = 0, seen = 0;
            bool planned = false;
            for (uint32_t i = 0; i < replicas; i++)
                live += members[nodes[i]].up;
            /* As many attempts as there are live replicas go to each of them once. */
            for (uint32_t attempt = 0; attempt < live; attempt++) {
                uint64_t node = coverage_node(&plan, &view, p, n, attempt);
                uint16_t at = index_of(node);
                right = right && at != RING_NOBODY;
                if (!right)
                    break;
                right = members[at].up && ring_owns(&view.ring, p, n, at) && (seen >> at & 1) == 0;
                seen |= 1u << at;
                for (uint32_t i = 0; i < plan.count && attempt == 0; i++)
                    planned = planned || plan.nodes[i] == at;
            }
            right = right && (live == 0 || planned);
            right = right && (coverage_node(&plan, &view, p, n, 0) == 0) == (live == 0);
            if (live > 0)
                right = right && coverage_node(&plan, &view, p, n, live) ==
                                     coverage_node(&plan, &view, p, n, 0);
        }
    }
    CHECK(right);
}

TEST(the_load_goes_round)
{
    static struct coverage plan;
    struct random random;
    struct seed seed = seed_of(5);
    uint32_t asked = 0;

    random_init(&random, &seed, 1);
    make(&random, 3);
    for (uint32_t i = 0; i < 3; i++)
        members[i].up = true;
    /* All three have everything: one is enough, and it is another one each time. */
    for (uint64_t salt = 0; salt < 3; salt++) {
        coverage_plan(&plan, &view, 3, salt);
        CHECK_EQ(plan.count, 1);
        asked |= 1u << plan.nodes[0];
    }
    CHECK_EQ(asked, 7);
}

TEST(a_node_that_went_down_after_the_plan)
{
    static struct coverage plan;
    struct random random;
    struct seed seed = seed_of(6);

    random_init(&random, &seed, 1);
    make(&random, 3);
    for (uint32_t i = 0; i < 3; i++)
        members[i].up = true;
    coverage_plan(&plan, &view, 3, 0);
    uint16_t planned = plan.nodes[0];
    CHECK_EQ(coverage_node(&plan, &view, 0, 3, 0), members[planned].id);
    members[planned].up = false;
    uint64_t other = coverage_node(&plan, &view, 0, 3, 0);
    CHECK_NE(other, members[planned].id);
    CHECK_NE(other, 0);
}

TEST(a_plan_of_another_epoch_is_no_plan)
{
    static struct coverage plan;
    struct random random;
    struct seed seed = seed_of(7);

    random_init(&random, &seed, 1);
    make(&random, 3);
    for (uint32_t i = 0; i < 3; i++)
        members[i].up = true;
    document.epoch = 1;
    coverage_plan(&plan, &view, 3, 2);
    document.epoch = 2;
    uint16_t nodes[RING_REPLICAS_MAX];
    (void)ring_replicas(&view.ring, 0, 3, nodes);
    CHECK_EQ(coverage_node(&plan, &view, 0, 3, 0), members[nodes[0]].id);
    document.epoch = 0;
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(complete_and_small),
        T(every_partition_from_one_live_replica),
        T(the_load_goes_round),
        T(a_node_that_went_down_after_the_plan),
        T(a_plan_of_another_epoch_is_no_plan),
    };

    return tap_main(argc, argv, tests);
}

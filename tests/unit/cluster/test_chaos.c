/* SPDX-License-Identifier: Apache-2.0 */
/* Crashes in the middle of everything, and networks that do everything wrong: one document for each
 * epoch all the same, every request answered once, and agreement after the healing. */
#include "town.h"

#include "base/check.h"
#include "tap.h"

enum { SECOND = 1000000 };

static bool settled(struct town *town)
{
    if (!town_all_reach(town))
        return false;
    for (unsigned i = 0; i < town->houses_count; i++) {
        if (town_document(town, i)->preparing != 0 ||
            cluster_freezing(town->houses[i].cluster, town->now_us))
            return false;
    }
    return true;
}

static void heal(struct town *town)
{
    town->lose = town->repeat = town->reorder = 0;
    town->crash_step = 0;
    town_cut(town, 0);
    for (unsigned i = 0; i < town->houses_count; i++) {
        if (town->houses[i].cluster == NULL)
            town_start(town, i);
    }
}

/* Of five houses the first `old` are a cluster, the next two join. House `victim` crashes at step
 * number `at` from the first join on, and is started again. Returns false when the whole went by
 * before the crash came. */
static bool crash_while_joining(unsigned old, unsigned victim, uint32_t at)
{
    struct town town;
    unsigned all = old + 2;

    town_init(&town, 1000 + at * 5 + victim, all);
    town_run(&town, SECOND);
    if (old > 1)
        CHECK(town_join_all(&town, 1, old - 1));
    town_run(&town, SECOND);
    town.crash_step = at;
    town.crash_house = victim;
    uint32_t a = town_ask(&town, old, ADMIN_JOIN, "host0:1", NULL);
    uint32_t b = town_ask(&town, old + 1, ADMIN_JOIN, "host0:1", NULL);
    (void)town_answer(&town, old, a);
    (void)town_answer(&town, old + 1, b);
    if (town.houses[0].cluster != NULL) {
        (void)town_do(&town, 0, ADMIN_PLAN, NULL, NULL);
        (void)town_do(&town, 0, ADMIN_COMMIT, NULL, NULL);
    }
    bool crashed = town.crash_step == 0;
    heal(&town);
    town_run(&town, 5 * SECOND);
    /* Whatever was done is done once; what was not is asked for again. */
    for (int round = 0; round < 6 && !settled(&town); round++) {
        for (unsigned i = old; i < all; i++) {
            if (town_document(&town, i)->members_count == 1)
                (void)town_do(&town, i, ADMIN_JOIN, "host0:1", NULL);
        }
        town_run(&town, 50 * SECOND);
        (void)town_do(&town, 0, ADMIN_PLAN, NULL, NULL);
        (void)town_do(&town, 0, ADMIN_COMMIT, NULL, NULL);
        town_run(&town, 5 * SECOND);
    }
    bool good =
        town.wrong == NULL && settled(&town) && town_document(&town, all - 1)->members_count == all;
    if (!good)
        tap_note("%u members, victim %u, step %u: %s", old, victim, at,
                 town.wrong == NULL ? "not joined" : town.wrong);
    CHECK(good);
    town_done(&town);
    return crashed;
}

static void crash_at_every_step(unsigned old, unsigned victim)
{
    uint32_t at = 1;

    while (crash_while_joining(old, victim, at) && at < 2000)
        at++;
    tap_note("%u places to crash", at - 1);
    CHECK(at > 30);
}

TEST(the_node_that_is_joined_crashes_anywhere)
{
    crash_at_every_step(1, 0);
    crash_at_every_step(3, 0);
}

TEST(a_member_crashes_anywhere)
{
    crash_at_every_step(3, 1);
}

TEST(a_node_that_joins_crashes_anywhere)
{
    crash_at_every_step(1, 1);
    crash_at_every_step(3, 4);
}

/* ---- random histories ---- */

static void random_request(struct town *town, unsigned house)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4"};
    static const char *const addresses[] = {"host0:1", "host0:1", "host1:1", "host2:1"};
    static const char *const buckets[] = {"a", "b", "c"};
    struct random *random = &town->random;
    const char *name = names[random_below(random, 5)];

    switch (random_below(random, 9)) {
    case 0:
    case 1:
    case 2:
        (void)town_set_n_val(town, house, PROPS_SET_BUCKET, "default",
                             buckets[random_below(random, 3)],
                             (uint32_t)random_range(random, 1, 3));
        return;
    case 3:
        (void)town_ask(town, house, ADMIN_JOIN, addresses[random_below(random, 4)], NULL);
        return;
    case 4: (void)town_ask(town, house, ADMIN_LEAVE, name, NULL); return;
    case 5: (void)town_ask(town, house, ADMIN_SET_WEIGHT, name, "70"); return;
    case 6:
    case 7:
        (void)town_ask(town, house, ADMIN_PLAN, NULL, NULL);
        if (town->houses[house].cluster != NULL)
            (void)town_ask(town, house, ADMIN_COMMIT, NULL, NULL);
        return;
    case 8: (void)town_ask(town, house, ADMIN_CLEAR, NULL, NULL); return;
    }
    UNREACHABLE();
}

static void disturb(struct town *town, bool writes)
{
    struct random *random = &town->random;
    unsigned house = (unsigned)random_below(random, town->houses_count);

    if (random_chance(random, 1, 8)) {
        town_cut(town, (unsigned)random_below(random, 32));
    } else if (random_chance(random, 1, 4)) {
        town_cut(town, 0);
    } else if (random_chance(random, 1, 6)) {
        if (town->houses[house].cluster != NULL)
            town_crash(town, house);
        else
            town_start(town, house);
    } else if (town->houses[house].cluster != NULL && writes && random_chance(random, 1, 10)) {
        town_write(town, house, (uint32_t)random_below(random, 16));
    } else if (town->houses[house].cluster != NULL) {
        random_request(town, house);
    }
}

/* All members of a document that a member has are in that cluster, with the same document. */
static bool parts_agree(struct town *town)
{
    for (unsigned i = 0; i < town->houses_count; i++) {
        const struct document *a = town_document(town, i);
        if (a == NULL)
            return false;
        if (document_member(a, town->houses[i].id) < 0)
            continue;
        if (a->preparing != 0)
            return false;
        for (unsigned j = 0; j < town->houses_count; j++) {
            const struct document *b = town_document(town, j);
            if (document_member(a, town->houses[j].id) >= 0 && (b == NULL || b->hash != a->hash))
                return false;
        }
    }
    return true;
}

/* Every member can change the document again. */
static void check_works(struct town *town, uint64_t seed)
{
    for (unsigned i = 0; i < town->houses_count; i++) {
        uint32_t number = town_set_n_val(town, i, PROPS_SET_BUCKET, "default", "z", 1 + i % 3);
        bool member = document_member(town_document(town, i), town->houses[i].id) >= 0;
        bool waits = cluster_freezing(town->houses[i].cluster, town->now_us);
        const struct answer *answer = town_answer(town, i, number);
        member = member && document_member(town_document(town, i), town->houses[i].id) >= 0;
        bool good = answer->err == ERR_OK || !member || waits;
        CHECK(good);
        if (!good)
            tap_note("seed %u, node %u: %s", (unsigned)seed, i, answer->text);
    }
}

static void random_history(uint64_t seed, uint64_t traces[64])
{
    struct town town;

    town_init(&town, seed, 5);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, (unsigned)(seed % 4)) || seed % 4 == 0);
    town.lose = (uint32_t)random_below(&town.random, 300);
    town.repeat = (uint32_t)random_below(&town.random, 200);
    town.reorder = (uint32_t)random_below(&town.random, 300);
    for (int i = 0; i < 150 && town.wrong == NULL; i++) {
        disturb(&town, seed % 2 == 0);
        town_run(&town, random_below(&town.random, 700000));
    }
    heal(&town);
    bool agreed = town_until(&town, parts_agree, 180 * SECOND);
    if (town.wrong == NULL && agreed)
        check_works(&town, seed);
    if (town.wrong != NULL || !agreed)
        tap_note("seed %u: %s", (unsigned)seed,
                 town.wrong == NULL ? "parts do not agree" : town.wrong);
    CHECK(town.wrong == NULL);
    CHECK(agreed);
    for (int i = 0; i < 64; i++)
        traces[i] += town.traces[i];
    town_done(&town);
}

TEST(random_histories)
{
    uint64_t traces[64] = {0};

    for (uint64_t seed = 1; seed <= 500; seed++)
        random_history(seed, traces);
    /* The histories went through what they are meant to. */
    static const enum trace_kind kinds[] = {TRACE_BALLOT_CONFLICT, TRACE_JOINED,
                                            TRACE_PLAN_COMMITTED,  TRACE_PLAN_REFUSED,
                                            TRACE_NODE_DOWN,       TRACE_NODE_UP};
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        tap_note("%s: %u", trace_info(kinds[i])->name, (unsigned)traces[kinds[i]]);
        CHECK(traces[kinds[i]] > 0);
    }
    CHECK_EQ(traces[TRACE_CLUSTER_FORK], 0);
    CHECK_EQ(traces[TRACE_BAD_PEER_MESSAGE], 0);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_node_that_is_joined_crashes_anywhere),
        T(a_member_crashes_anywhere),
        T(a_node_that_joins_crashes_anywhere),
        T(random_histories),
    };
    return tap_main(argc, argv, tests);
}

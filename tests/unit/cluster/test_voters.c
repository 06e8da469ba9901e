/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of more members than vote. */
#include <stdlib.h>

#include "base/check.h"
#include "tap.h"
#include "town.h"

enum { SECOND = 1000000 };

static void end(struct town *town)
{
    CHECK_STR(town->wrong == NULL ? "" : town->wrong, "");
    town_done(town);
}

/* Whether a house has a vote, by the document of another. */
static bool votes(const struct town *town, unsigned by, unsigned house)
{
    const struct document *d = town_document(town, by);
    int at = document_member(d, town->houses[house].id);

    return at >= 0 && d->members[at].votes;
}

static uint64_t voters(const struct town *town, unsigned by)
{
    uint64_t set = 0;

    for (unsigned i = 0; i < town->houses_count; i++)
        set |= (uint64_t)votes(town, by, i) << i;
    return set;
}

static enum err set_n_val(struct town *town, unsigned house, uint32_t n_val)
{
    return town_answer(town, house,
                       town_set_n_val(town, house, PROPS_SET_BUCKET, "default", "b", n_val))
        ->err;
}

static bool reach(struct town *town, uint64_t us)
{
    for (uint64_t past = 0; past < us && !town_all_reach(town); past += 100000)
        town_run(town, 100000);
    return town_all_reach(town);
}

static unsigned nth(uint64_t set, unsigned n)
{
    unsigned house = 0;

    for (;; house++) {
        if ((set >> house & 1) != 0 && n-- == 0)
            return house;
    }
}

TEST(twenty_nodes_join_and_seven_vote)
{
    struct town town;

    town_init(&town, 1, 20);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 19));
    CHECK(reach(&town, 20 * SECOND));
    CHECK_EQ(town_document(&town, 11)->members_count, 20);
    uint64_t set = voters(&town, 0);
    CHECK_EQ(__builtin_popcountll(set), VOTERS_MAX);
    CHECK(votes(&town, 0, 0));
    CHECK_EQ(voters(&town, 19), set);

    /* A member without a vote changes something. */
    unsigned silent = nth(~set, 0);
    CHECK_EQ(town_do(&town, silent, ADMIN_SET_WEIGHT, "n3", "50")->err, ERR_OK);
    CHECK(town_do(&town, silent, ADMIN_PLAN, NULL, NULL)->plan != 0);
    const struct answer *commit = town_do(&town, silent, ADMIN_COMMIT, NULL, NULL);
    CHECK_STR(commit->text, "");
    CHECK_EQ(commit->err, ERR_OK);
    CHECK(reach(&town, 5 * SECOND));
    int at = document_member_named(town_document(&town, 5), BYTES_LIT("n3"));
    CHECK_EQ(town_document(&town, 5)->members[at].weight, 50);
    CHECK_EQ(voters(&town, 5), set);
    end(&town);
}

TEST(a_majority_of_voters_decides_and_a_minority_does_not)
{
    struct town town;

    town_init_given(&town, 2, 20, 0);
    CHECK(reach(&town, 10 * SECOND));
    uint64_t set = voters(&town, 0);
    unsigned asked = nth(~set, 3);
    for (unsigned i = 0; i < 3; i++)
        town_crash(&town, nth(set, i));
    town_run(&town, 10 * SECOND);
    CHECK_EQ(set_n_val(&town, asked, 2), ERR_OK);
    town_crash(&town, nth(set, 3));
    town_run(&town, 10 * SECOND);
    uint64_t epoch = town_document(&town, asked)->epoch;
    uint32_t number = town_set_n_val(&town, asked, PROPS_SET_BUCKET, "default", "b", 1);
    const struct answer *a = town_answer(&town, asked, number);
    CHECK_EQ(a->err, ERR_UNREACHABLE);
    CHECK(strstr(a->text, "a majority of the voters cannot be reached; nothing was changed "
                          "(no answer from n") != NULL);
    CHECK(strstr(a->text, town.houses[nth(set, 3)].name) != NULL);
    CHECK_EQ(town_document(&town, asked)->epoch, epoch);
    /* Data can be read and written all the same: sixteen serve, and know each other. */
    uint32_t up = 0;
    const struct view *view = cluster_view(town.houses[asked].cluster);
    for (uint32_t i = 0; i < view->members_count; i++)
        up += view->members[i].up;
    CHECK_EQ(up, 16);
    CHECK(cluster_ready(town.houses[asked].cluster));
    CHECK(!cluster_freezing(town.houses[asked].cluster, town.now_us));
    town_start(&town, nth(set, 3));
    town_run(&town, 5 * SECOND);
    CHECK_EQ(set_n_val(&town, asked, 1), ERR_OK);
    for (unsigned i = 0; i < 3; i++)
        town_start(&town, nth(set, i));
    CHECK(reach(&town, 20 * SECOND));
    end(&town);
}

/* Everybody who votes leaves in one plan: other seven vote after it. */
static bool all_voters_leave(struct town *town, unsigned asked)
{
    uint64_t set = voters(town, asked);

    for (unsigned i = 0; i < VOTERS_MAX; i++) {
        const char *name = town->houses[nth(set, i)].name;
        if (town_do(town, asked, ADMIN_LEAVE, name, NULL)->err != ERR_OK)
            return false;
    }
    if (town_do(town, asked, ADMIN_PLAN, NULL, NULL)->plan == 0)
        return false;
    const struct answer *a = town_do(town, asked, ADMIN_COMMIT, NULL, NULL);
    if (a->came && a->err != ERR_OK)
        tap_note("%s", a->text);
    return a->came && a->err == ERR_OK;
}

TEST(all_voters_leave_at_once_and_are_thrown_away)
{
    struct town town;

    town_init_given(&town, 3, 20, 0);
    CHECK(reach(&town, 10 * SECOND));
    uint64_t old = voters(&town, 0);
    unsigned asked = nth(~old, 0);
    CHECK(all_voters_leave(&town, asked));
    /* It was said that it is done: the old voters are needed no more. */
    for (unsigned i = 0; i < VOTERS_MAX; i++)
        town_crash(&town, nth(old, i));
    uint64_t new = voters(&town, asked);
    CHECK_EQ(new &old, 0);
    CHECK_EQ(__builtin_popcountll(new), VOTERS_MAX);
    town_run(&town, 10 * SECOND);
    CHECK(reach(&town, 10 * SECOND));
    CHECK_EQ(town_document(&town, asked)->members_count, 13);
    CHECK_EQ(set_n_val(&town, nth(~(old | new), 0), 2), ERR_OK);
    end(&town);
}

/* The node that commits such a plan crashes after so many steps, and does not come back. The others
 * come to agree; whoever is no member then is told that it can be spared. */
static bool crash_while_all_leave(uint32_t at, uint32_t *changed)
{
    struct town town;

    town_init_given(&town, 4, 15, 0);
    CHECK(reach(&town, 10 * SECOND));
    uint64_t old = voters(&town, 0);
    unsigned asked = nth(~old, 0), other = nth(~old, 1);
    for (unsigned i = 0; i < VOTERS_MAX; i++)
        CHECK_EQ(town_do(&town, asked, ADMIN_LEAVE, town.houses[nth(old, i)].name, NULL)->err,
                 ERR_OK);
    CHECK(town_do(&town, asked, ADMIN_PLAN, NULL, NULL)->plan != 0);
    town.crash_step = at;
    town.crash_house = asked;
    uint32_t number = town_ask(&town, asked, ADMIN_COMMIT, NULL, NULL);
    for (int i = 0; i < 200 && town.crash_step > 0 && !town.houses[asked].answers[number].came; i++)
        town_run(&town, 10000);
    bool crashed = town.crash_step == 0;
    town.crash_step = 0;
    town_run(&town, 60 * SECOND);
    CHECK(town_agrees(&town));
    CHECK_EQ(town_document(&town, other)->preparing, 0);
    CHECK_EQ(set_n_val(&town, other, 2), ERR_OK);
    if ((voters(&town, other) & old) == 0) {
        ++*changed;
        unsigned left = nth(old, 2);
        town.houses[left].holds_any = false;
        const struct answer *a = town_do(&town, left, ADMIN_JOIN, town.houses[other].address, NULL);
        CHECK_STR(a->text, "");
    }
    if (town.wrong != NULL)
        tap_note("step %u: %s", at, town.wrong);
    end(&town);
    return crashed;
}

TEST(who_commits_crashes_while_all_voters_leave)
{
    uint32_t places = 0, changed = 0;

    while (places < 4000 && crash_while_all_leave(1 + 2 * places, &changed))
        places++;
    tap_note("%u places to crash, in %u of them the voters are others then", places, changed);
    CHECK(places > 80);
    CHECK(changed > 20);
    CHECK(changed < places - 20);
}

TEST(a_town_of_128)
{
    struct town town;

    town_init_given(&town, 6, TOWN_NODES, 0);
    CHECK(reach(&town, 30 * SECOND));
    uint64_t sent = town.steps;
    CHECK_EQ(town_do(&town, 100, ADMIN_SET_WEIGHT, "n3", "50")->err, ERR_OK);
    CHECK(town_do(&town, 100, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 100, ADMIN_COMMIT, NULL, NULL)->err, ERR_OK);
    CHECK(reach(&town, 10 * SECOND));
    for (unsigned i = 0; i < 10; i++)
        town_crash(&town, 20 + i);
    town_run(&town, 10 * SECOND);
    const struct view *view = cluster_view(town.houses[127].cluster);
    uint32_t up = 0;
    for (uint32_t i = 0; i < view->members_count; i++)
        up += view->members[i].up;
    CHECK_EQ(up, 118);
    CHECK_EQ(set_n_val(&town, 127, 2), ERR_OK);
    for (unsigned i = 0; i < 10; i++)
        town_start(&town, 20 + i);
    CHECK(reach(&town, 20 * SECOND));
    tap_note("%llu steps", (unsigned long long)(town.steps - sent));
    end(&town);
}

TEST(who_was_removed_is_told_and_refused)
{
    struct town town;

    town_init_given(&town, 5, 10, 2);
    town_run(&town, 10 * SECOND);
    CHECK(town_agrees(&town));
    CHECK_EQ(town_document(&town, 9)->members_count, 10);
    CHECK_EQ(__builtin_popcountll(voters(&town, 0)), VOTERS_MAX);
    CHECK_EQ(voters(&town, 0) >> 8, 0);
    for (unsigned i = 0; i < 10; i++) {
        bool serves = i < 8;
        const struct view *view = cluster_view(town.houses[i].cluster);
        CHECK_EQ(cluster_ready(town.houses[i].cluster), serves);
        CHECK_EQ(cluster_admits(town.houses[0].cluster, town.houses[i].id), serves);
        for (uint32_t j = 0; j < view->members_count && serves; j++) {
            unsigned house = town_house(&town, view->members[j].id);
            CHECK_EQ(view->members[j].up, house < 8);
        }
    }
    uint32_t number = town_set_n_val(&town, 9, PROPS_SET_BUCKET, "default", "b", 2);
    CHECK_EQ(town_answer(&town, 9, number)->err, ERR_REFUSED);
    CHECK_EQ(set_n_val(&town, 0, 2), ERR_OK);
    /* Nobody wants a link to it any more, and it wants none. */
    CHECK_EQ(town.houses[0].wants[9][0], 0);
    const struct answer *a = town_do(&town, 9, ADMIN_JOIN, "host0:1", NULL);
    CHECK_EQ(a->err, ERR_REFUSED);
    CHECK(strstr(a->text, "--discard-data") != NULL);
    end(&town);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(twenty_nodes_join_and_seven_vote),
        T(a_majority_of_voters_decides_and_a_minority_does_not),
        T(all_voters_leave_at_once_and_are_thrown_away),
        T(who_commits_crashes_while_all_voters_leave),
        T(a_town_of_128),
        T(who_was_removed_is_told_and_refused),
    };
    return tap_main(argc, argv, tests);
}

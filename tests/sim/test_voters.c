/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of more members than vote, and voters that die. */
#include <stdio.h>
#include <string.h>

#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/scenario.h"
#include "tap.h"

#define KEY BYTES_LIT("k")

enum { NODES = 12, DEATHS = 5, MINUTE_MS = 60000 };

static const struct question change = {
    .ask = ASK_SET_PROPS, .bucket = {(const uint8_t *)"any", 3}, .allow_mult = true};
static const struct question read_key = {
    .ask = ASK_GET, .bucket = {(const uint8_t *)"twins", 5}, .key = {(const uint8_t *)"k", 1}};

/* Who votes, as a node knows it, a bit for each; and how many members serve. */
static uint32_t voters(struct world *w, unsigned by, uint32_t *ret_members)
{
    const struct document *d = shard_view(w->nodes[by]->shard)->document;
    uint32_t set = 0;

    *ret_members = 0;
    for (uint32_t i = 0; i < d->members_count; i++) {
        set |= (uint32_t)d->members[i].votes << node_by_id(w, d->members[i].id)->index;
        *ret_members += member_serves(&d->members[i]);
    }
    return set;
}

static unsigned first_of(uint32_t set)
{
    unsigned node = 0;

    while ((set >> node & 1) == 0)
        node++;
    return node;
}

static bool is_done(const struct answer *answer)
{
    return answer != NULL && !answer->failed;
}

TEST(a_minority_of_voters_changes_nothing_and_serves)
{
    struct world *w = scenario_new(9);
    uint32_t members, set = voters(w, 0, &members);
    unsigned dead[4], asked = first_of(~set);

    CHECK_EQ(members, 9);
    CHECK_EQ(__builtin_popcount(set), VOTERS_MAX);
    CHECK(scenario_put(w, asked, BUCKET_TWINS, KEY, "before"));
    for (unsigned i = 0, rest = set; i < 4; i++, rest &= rest - 1)
        dead[i] = first_of(rest);
    CHECK(scenario_kill(w, dead, 4));
    CHECK(scenario_put(w, asked, BUCKET_TWINS, KEY, "meanwhile"));
    const struct answer *answer = scenario_ask(w, asked, &read_key);
    CHECK(is_done(answer));
    CHECK(answer->count >= 1);
    answer = scenario_ask(w, asked, &change);
    CHECK(answer != NULL && answer->failed);
    tap_note("%.*s", (int)answer->error.len, (const char *)answer->error.data);
    CHECK(bytes_starts(answer->error, BYTES_LIT("a majority of the voters cannot be reached; "
                                                "nothing was changed (no answer from ")));
    CHECK(scenario_put(w, asked, BUCKET_TWINS, KEY, "and still"));
    CHECK(scenario_revive(w));
    CHECK(is_done(scenario_ask(w, asked, &change)));
    CHECK(scenario_ends_well(w));
    CHECK_EQ(scenario_read_all(w, asked, BUCKET_TWINS, KEY), 3);
    scenario_free(w);
}

/* Twelve become seven. Each dead voter is declared gone for good; who had no vote gets its. */
TEST(voters_die_one_after_the_other_and_others_vote)
{
    struct world *w = scenario_new(NODES);
    uint32_t members, set = voters(w, 0, &members);
    unsigned asked = first_of(~set);
    char body[100];

    CHECK(scenario_put(w, asked, BUCKET_TWINS, KEY, "kept"));
    for (unsigned i = 1; i <= DEATHS; i++) {
        uint32_t mine = set & ~(1u << asked);
        unsigned dead = first_of(mine);
        CHECK(scenario_kill(w, &dead, 1));
        snprintf(body, sizeof(body), "{\"name\":\"%s\"}", w->nodes[dead]->name);
        CHECK(scenario_admin(w, asked, "cluster/force-remove", body));
        CHECK(scenario_commit(w, asked));
        for (unsigned ms = 0; ms < MINUTE_MS && members > NODES - i; ms += 1000) {
            scenario_run_ms(w, 1000);
            set = voters(w, asked, &members);
        }
        CHECK_EQ(members, NODES - i);
        CHECK_EQ(set >> dead & 1, 0);
        CHECK_EQ(__builtin_popcount(set), VOTERS_MAX);
        CHECK(is_done(scenario_ask(w, asked, &change)));
    }
    /* Of the seven that voted at first two are left. What they kept was made anew each time. */
    scenario_run_ms(w, MINUTE_MS);
    CHECK_EQ(scenario_read_all(w, asked, BUCKET_TWINS, KEY), 1);
    CHECK(!w->failed);
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_minority_of_voters_changes_nothing_and_serves),
        T(voters_die_one_after_the_other_and_others_vote),
    };
    return tap_main(argc, argv, tests);
}

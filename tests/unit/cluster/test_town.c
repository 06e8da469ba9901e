/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters from the first start on: founding, joining, leaving, properties, restarts,
 * partitions. */
#include "town.h"

#include "base/check.h"
#include "model/draft.h"
#include "ring/ring.h"
#include "tap.h"

enum { SECOND = 1000000 };

static uint32_t members(const struct town *town, unsigned house)
{
    const struct document *d = town_document(town, house);

    return d == NULL ? 0 : d->members_count;
}

static void end(struct town *town)
{
    CHECK_STR(town->wrong == NULL ? "" : town->wrong, "");
    town_done(town);
}

/* Lists hold as many members as there are, at most n. */
static void check_lists(const struct town *town, unsigned house, uint32_t n)
{
    const struct document *d = town_document(town, house);
    uint32_t bad = 0;

    for (uint32_t p = 0; p < d->partitions; p++) {
        uint32_t len = 0;
        for (uint32_t i = 0; i < d->n_max; i++)
            len += d->place[p * d->n_max + i] != RING_NOBODY;
        bad += len != (n < d->members_count ? n : d->members_count);
    }
    CHECK_EQ(bad, 0);
}

TEST(a_new_store_becomes_a_cluster_of_one)
{
    struct town town;

    town_init(&town, 1, 1);
    CHECK(!cluster_ready(town.houses[0].cluster));
    CHECK(town_document(&town, 0) == NULL);
    town_run(&town, SECOND);
    CHECK(cluster_ready(town.houses[0].cluster));
    const struct document *d = town_document(&town, 0);
    CHECK_EQ(d->epoch, 1);
    CHECK_EQ(d->members_count, 1);
    CHECK_EQ(d->n_max, 3);
    CHECK_EQ(d->partitions, 16);
    CHECK(cluster_admits(town.houses[0].cluster, town.houses[0].id));
    CHECK(!cluster_admits(town.houses[0].cluster, town.houses[0].id + 1));
    CHECK(!cluster_freezing(town.houses[0].cluster, town.now_us));
    check_lists(&town, 0, 3);
    const struct answer *status = town_do(&town, 0, ADMIN_STATUS, NULL, NULL);
    CHECK(status->has_status);
    CHECK_EQ(status->members, 1);
    end(&town);
}

TEST(a_restart_finds_what_was_decided)
{
    struct town town;

    town_init(&town, 2, 1);
    town_run(&town, SECOND);
    uint64_t id = town.houses[0].id;
    uint32_t number = town_set_n_val(&town, 0, PROPS_SET_BUCKET, "default", "b", 2);
    CHECK_EQ(town_answer(&town, 0, number)->err, ERR_OK);
    uint64_t hash = town_document(&town, 0)->hash;
    town_crash(&town, 0);
    town_start(&town, 0);
    town_run(&town, SECOND);
    CHECK_EQ(town.houses[0].id, id);
    CHECK_EQ(town_document(&town, 0)->hash, hash);
    CHECK_EQ(town_document(&town, 0)->epoch, 2);
    CHECK_EQ(document_props(town_document(&town, 0), BYTES_LIT("default"), BYTES_LIT("b"))->n_val,
             2);
    end(&town);
}

TEST(one_becomes_three_becomes_seven)
{
    struct town town;

    town_init(&town, 3, 7);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 2));
    town_run(&town, SECOND);
    CHECK_EQ(members(&town, 0), 3);
    CHECK_EQ(members(&town, 1), 3);
    CHECK_EQ(members(&town, 2), 3);
    CHECK_EQ(members(&town, 3), 1);
    check_lists(&town, 1, 3);
    CHECK(town_join_all(&town, 3, 6));
    CHECK(town_until(&town, town_all_reach, 10 * SECOND));
    for (unsigned i = 0; i < 7; i++)
        CHECK_EQ(members(&town, i), 7);
    CHECK(!cluster_freezing(town.houses[6].cluster, town.now_us));
    check_lists(&town, 6, 3);
    end(&town);
}

TEST(a_commit_at_the_node_that_joins)
{
    struct town town;

    town_init(&town, 4, 2);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 1, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    CHECK(cluster_freezing(town.houses[1].cluster, town.now_us));
    const struct answer *status = town_do(&town, 1, ADMIN_STATUS, NULL, NULL);
    CHECK_EQ(status->members, 2);
    CHECK_EQ(status->staged, 1);
    const struct answer *plan = town_do(&town, 1, ADMIN_PLAN, NULL, NULL);
    CHECK(plan->plan != 0);
    CHECK(!plan->refused);
    const struct answer *commit = town_do(&town, 1, ADMIN_COMMIT, NULL, NULL);
    CHECK_STR(commit->text, "");
    CHECK_EQ(commit->err, ERR_OK);
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    CHECK_EQ(members(&town, 1), 2);
    end(&town);
}

TEST(joins_that_cannot_be)
{
    struct town town;

    town_init(&town, 5, 3);
    town_run(&town, SECOND);
    const struct answer *a = town_do(&town, 1, ADMIN_JOIN, "host9:1", NULL);
    CHECK_EQ(a->err, ERR_UNREACHABLE);
    CHECK_STR(a->text, "Node host9:1 is not reachable!");
    a = town_do(&town, 1, ADMIN_JOIN, "host1:1", NULL);
    CHECK_EQ(a->err, ERR_REFUSED);
    CHECK_STR(a->text, "This node cannot join itself in a cluster");
    town.houses[1].holds[0] = 1;
    town.houses[1].holds_any = true;
    a = town_do(&town, 1, ADMIN_JOIN, "host0:1", NULL);
    CHECK_EQ(a->err, ERR_REFUSED);
    CHECK(strstr(a->text, "--discard-data") != NULL);
    town.houses[1].holds_any = false;
    town.houses[1].holds[0] = 0;
    CHECK(town_join_all(&town, 1, 1));
    a = town_do(&town, 1, ADMIN_JOIN, "host2:1", NULL);
    CHECK_EQ(a->err, ERR_REFUSED);
    CHECK_STR(a->text, "This node is already a member of a cluster");
    end(&town);
}

TEST(a_join_can_be_taken_back)
{
    struct town town;

    town_init(&town, 6, 2);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 1, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    CHECK_EQ(town_do(&town, 1, ADMIN_CLEAR, NULL, NULL)->err, ERR_OK);
    town_run(&town, 3 * SECOND);
    CHECK(!cluster_freezing(town.houses[1].cluster, town.now_us));
    CHECK_EQ(town_do(&town, 0, ADMIN_STATUS, NULL, NULL)->staged, 0);
    /* And the other way: cleared where it was staged. */
    CHECK_EQ(town_do(&town, 1, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    CHECK_EQ(town_do(&town, 0, ADMIN_STATUS, NULL, NULL)->staged, 1);
    CHECK_EQ(town_do(&town, 0, ADMIN_CLEAR, NULL, NULL)->err, ERR_OK);
    town_run(&town, 5 * SECOND);
    CHECK(!cluster_freezing(town.houses[1].cluster, town.now_us));
    CHECK_EQ(town_do(&town, 1, ADMIN_STATUS, NULL, NULL)->members, 1);
    end(&town);
}

TEST(a_node_leaves_and_comes_back)
{
    struct town town;

    town_init(&town, 7, 3);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 2));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    /* Two members are fewer than three copies: only who means it. */
    CHECK_EQ(town_do(&town, 1, ADMIN_LEAVE, "n2", NULL)->err, ERR_OK);
    CHECK(town_do(&town, 1, ADMIN_PLAN, NULL, NULL)->refused);
    CHECK_EQ(town_do(&town, 1, ADMIN_LEAVE, "n2", "true")->err, ERR_OK);
    CHECK(town_do(&town, 1, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 1, ADMIN_COMMIT, NULL, NULL)->err, ERR_OK);
    town_run(&town, 2 * SECOND);
    CHECK_EQ(members(&town, 0), 2);
    CHECK(!cluster_ready(town.houses[2].cluster));
    CHECK(cluster_ready(town.houses[1].cluster));
    check_lists(&town, 0, 3);
    CHECK(town_join_all(&town, 2, 2));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    CHECK_EQ(members(&town, 2), 3);
    end(&town);
}

TEST(the_last_member_does_not_leave)
{
    struct town town;

    town_init(&town, 8, 1);
    town_run(&town, SECOND);
    const struct answer *a = town_do(&town, 0, ADMIN_LEAVE, NULL, NULL);
    CHECK_EQ(a->err, ERR_REFUSED);
    CHECK_STR(a->text, "it is the only member of the cluster");
    CHECK_EQ(town_do(&town, 0, ADMIN_LEAVE, "nobody", NULL)->err, ERR_NOT_FOUND);
    end(&town);
}

TEST(replicas_that_hold_data_move)
{
    struct town town;

    town_init(&town, 9, 5);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 3));
    town_run(&town, 3 * SECOND);
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t p = 0; p < town.config.ring_size; p++)
            town_write(&town, i, p);
    }
    CHECK_EQ(town_do(&town, 4, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 0, ADMIN_LEAVE, "n1", NULL)->err, ERR_OK);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, NULL, NULL)->err, ERR_OK);
    CHECK_EQ(members(&town, 0), 5);
    CHECK(town_until(&town, town_moved, 60 * SECOND));
    CHECK_EQ(members(&town, 0), 4);
    CHECK(!cluster_ready(town.houses[1].cluster));
    check_lists(&town, 0, 3);
    end(&town);
}

/* In how many partitions a member has a replica. */
static uint32_t share_of(const struct document *d, struct bytes name)
{
    int at = document_member_named(d, name);
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->partitions * d->n_max; i++)
        count += d->place[i] == at;
    return count;
}

/* Who is gone for good is replaced by copies of the others, and refused when it is back. */
TEST(a_dead_node_is_replaced)
{
    struct town town;

    town_init(&town, 19, 5);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 3));
    town_run(&town, 3 * SECOND);
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t p = 0; p < town.config.ring_size; p++)
            town_write(&town, i, p);
    }
    uint32_t share = share_of(town_document(&town, 0), BYTES_LIT("n3"));
    town_cut(&town, 8);
    town_run(&town, 10 * SECOND);
    CHECK_EQ(town_do(&town, 4, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 0, ADMIN_FORCE_REPLACE, "n0", "n4")->err, ERR_REFUSED);
    CHECK_EQ(town_do(&town, 0, ADMIN_FORCE_REPLACE, "n3", "n3")->err, ERR_REFUSED);
    CHECK_EQ(town_do(&town, 0, ADMIN_FORCE_REPLACE, "n3", "n4")->err, ERR_OK);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, NULL, NULL)->err, ERR_OK);
    CHECK(town_until(&town, town_moved, 60 * SECOND));
    const struct document *d = town_document(&town, 0);
    CHECK_EQ(d->members_count, 4);
    CHECK_EQ(document_member_named(d, BYTES_LIT("n3")), -1);
    CHECK_EQ(share_of(d, BYTES_LIT("n4")), share);
    town_cut(&town, 0);
    town_run(&town, 10 * SECOND);
    CHECK(!cluster_ready(town.houses[3].cluster));
    end(&town);
}

TEST(the_fence_stands_until_the_plan_is_decided)
{
    struct town town;

    town_init(&town, 10, 2);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 1, ADMIN_JOIN, "host0:1", NULL)->err, ERR_OK);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan != 0);
    uint32_t number = town_ask(&town, 0, ADMIN_COMMIT, NULL, NULL);
    for (int i = 0; i < 1000 && town_document(&town, 0)->preparing == 0; i++)
        town_run(&town, 100);
    CHECK(town_document(&town, 0)->preparing != 0);
    /* The node that joins cannot answer: the fence is up, and stays. */
    town_cut(&town, 1);
    town_run(&town, 50000);
    CHECK(cluster_frozen(town.houses[0].cluster, 3, town.now_us));
    town.houses[0].holds[0] = 8;
    CHECK(!cluster_frozen(town.houses[0].cluster, 3, town.now_us));
    town.houses[0].holds[0] = 0;
    /* Nor does it fall when the node that commits dies: others cancel the plan, here itself
     * again. */
    town_crash(&town, 0);
    town_start(&town, 0);
    CHECK(cluster_frozen(town.houses[0].cluster, 3, town.now_us));
    town_run(&town, 60 * SECOND);
    CHECK_EQ(town_document(&town, 0)->preparing, 0);
    CHECK(!cluster_frozen(town.houses[0].cluster, 3, town.now_us));
    CHECK(!town.houses[0].answers[number].came);
    end(&town);
}

TEST(of_two_commits_one_wins)
{
    struct town town;

    town_init(&town, 11, 3);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 2));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    uint64_t before = town_document(&town, 0)->epoch;
    CHECK_EQ(town_do(&town, 0, ADMIN_SET_WEIGHT, "n1", "50")->err, ERR_OK);
    town_run(&town, SECOND);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan ==
          town_do(&town, 2, ADMIN_PLAN, NULL, NULL)->plan);
    uint32_t a = town_ask(&town, 0, ADMIN_COMMIT, NULL, NULL);
    uint32_t b = town_ask(&town, 2, ADMIN_COMMIT, NULL, NULL);
    enum err first = town_answer(&town, 0, a)->err, second = town_answer(&town, 2, b)->err;
    CHECK((first == ERR_OK) != (second == ERR_OK));
    town_run(&town, 2 * SECOND);
    CHECK(town_agrees(&town));
    CHECK(town_document(&town, 1)->epoch > before);
    int at = document_member_named(town_document(&town, 1), BYTES_LIT("n1"));
    CHECK_EQ(town_document(&town, 1)->members[at].weight, 50);
    end(&town);
}

TEST(a_stale_plan_is_refused)
{
    struct town town;

    town_init(&town, 12, 2);
    town_run(&town, SECOND);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, NULL, NULL)->err, ERR_STALE);
    CHECK(strstr(town.houses[0].answers[0].text, "verify the plan") != NULL);
    CHECK_EQ(town_do(&town, 0, ADMIN_SET_LOCATION, "n0", "rack1")->err, ERR_OK);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 0, ADMIN_SET_LOCATION, "n0", "rack2")->err, ERR_OK);
    const struct answer *a = town_do(&town, 0, ADMIN_COMMIT, NULL, NULL);
    CHECK_EQ(a->err, ERR_STALE);
    CHECK(strstr(a->text, "The plan has changed") != NULL);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, "00000000deadbeef", NULL)->err, ERR_STALE);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, "no plan", NULL)->err, ERR_BAD_REQUEST);
    CHECK(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan != 0);
    CHECK_EQ(town_do(&town, 0, ADMIN_COMMIT, NULL, NULL)->err, ERR_OK);
    CHECK(bytes_eq(town_document(&town, 0)->members[0].location, BYTES_LIT("rack2")));
    CHECK_EQ(town_do(&town, 0, ADMIN_PLAN, NULL, NULL)->plan, 0);
    end(&town);
}

TEST(a_minority_changes_nothing)
{
    struct town town;

    town_init(&town, 13, 3);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 2));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    uint64_t before = town_document(&town, 0)->epoch;
    town_cut(&town, 1);
    town_run(&town, 10 * SECOND);
    uint32_t number = town_set_n_val(&town, 0, PROPS_SET_BUCKET, "default", "b", 2);
    const struct answer *a = town_answer(&town, 0, number);
    CHECK_EQ(a->err, ERR_UNREACHABLE);
    CHECK(strstr(a->text, "n1") != NULL && strstr(a->text, "n2") != NULL);
    CHECK_EQ(town_document(&town, 0)->epoch, before);
    number = town_set_n_val(&town, 1, PROPS_SET_BUCKET, "default", "b", 1);
    CHECK_EQ(town_answer(&town, 1, number)->err, ERR_OK);
    town_cut(&town, 0);
    CHECK(town_until(&town, town_all_reach, 20 * SECOND));
    CHECK_EQ(town_document(&town, 0)->epoch, before + 1);
    CHECK_EQ(document_props(town_document(&town, 0), BYTES_LIT("default"), BYTES_LIT("b"))->n_val,
             1);
    end(&town);
}

TEST(properties_and_types)
{
    struct town town;

    town_init(&town, 14, 3);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 2));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    struct {
        enum props_verb verb;
        const char *type, *bucket;
        uint32_t n_val;
        enum err err;
    } steps[] = {
        {PROPS_ACTIVATE_TYPE, "t", "", 0, ERR_NO_TYPE},
        {PROPS_SET_BUCKET, "t", "b", 2, ERR_NO_TYPE},
        {PROPS_CREATE_TYPE, "t", "", 2, ERR_OK},
        {PROPS_SET_TYPE, "t", "", 1, ERR_NOT_ACTIVE},
        {PROPS_SET_BUCKET, "t", "b", 2, ERR_NO_TYPE},
        {PROPS_ACTIVATE_TYPE, "t", "", 0, ERR_OK},
        {PROPS_ACTIVATE_TYPE, "t", "", 0, ERR_OK},
        {PROPS_CREATE_TYPE, "t", "", 2, ERR_REFUSED},
        {PROPS_SET_TYPE, "t", "", 1, ERR_OK},
        {PROPS_SET_BUCKET, "t", "b", 5, ERR_OK},
        {PROPS_RESET_BUCKET, "t", "c", 0, ERR_OK},
    };
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        unsigned house = i % 3;
        uint32_t number = town_set_n_val(&town, house, steps[i].verb, steps[i].type,
                                         steps[i].bucket, steps[i].n_val);
        CHECK_EQ(town_answer(&town, house, number)->err, steps[i].err);
    }
    CHECK(town_until(&town, town_agrees, 5 * SECOND));
    const struct document *d = town_document(&town, 2);
    CHECK_EQ(document_props(d, BYTES_LIT("t"), BYTES_LIT("b"))->n_val, 5);
    CHECK_EQ(document_props(d, BYTES_LIT("t"), BYTES_LIT("c"))->n_val, 1);
    CHECK_EQ(d->n_max, 5);
    check_lists(&town, 2, 5);
    end(&town);
}

TEST(a_longer_list_keeps_who_is_in_it)
{
    struct town town;
    uint16_t before[64 * 3];

    town_init(&town, 15, 5);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 4));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    const struct document *d = town_document(&town, 0);
    memcpy(before, d->place, (size_t)d->partitions * 3 * sizeof(before[0]));
    for (unsigned i = 0; i < 5; i++)
        town.houses[i].holds_any = true;
    uint32_t number = town_set_n_val(&town, 0, PROPS_SET_BUCKET, "default", "b", 4);
    CHECK_EQ(town_answer(&town, 0, number)->err, ERR_OK);
    CHECK_EQ(town_document(&town, 0)->n_max, 4);
    CHECK(town_until(&town, town_moved, 60 * SECOND));
    d = town_document(&town, 0);
    uint32_t moved = 0, loads[5] = {0};
    for (uint32_t p = 0; p < d->partitions; p++) {
        for (uint32_t i = 0; i < 3; i++)
            moved += d->place[p * 4 + i] != before[p * 3 + i];
        for (uint32_t i = 0; i < 4; i++)
            loads[d->place[p * 4 + i]]++;
    }
    CHECK_EQ(moved, 0);
    for (int i = 0; i < 5; i++)
        CHECK(loads[i] >= 11 && loads[i] <= 15);
    end(&town);
}

TEST(another_address_is_told)
{
    struct town town;

    town_init(&town, 16, 2);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 1));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    town_crash(&town, 1);
    strcpy(town.houses[1].address, "moved1:1");
    town_start(&town, 1);
    town_run(&town, 10 * SECOND);
    int at = document_member_named(town_document(&town, 0), BYTES_LIT("n1"));
    CHECK(bytes_eq(town_document(&town, 0)->members[at].address, BYTES_LIT("moved1:1")));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    end(&town);
}

/* Whether the first house would rather ask others than some member. */
static bool someone_is_grey(struct town *town)
{
    const struct view *view = cluster_view(town->houses[0].cluster);
    bool grey = false;

    for (uint32_t i = 0; i < view->members_count; i++)
        grey = grey || view->members[i].grey;
    return grey;
}

static bool nobody_is_grey(struct town *town)
{
    return !someone_is_grey(town);
}

TEST(nodes_that_are_cut_off_are_found_out_and_come_back)
{
    struct town town;

    town_init(&town, 17, 5);
    town_run(&town, SECOND);
    CHECK(town_join_all(&town, 1, 4));
    CHECK(town_until(&town, town_all_reach, 5 * SECOND));
    CHECK(!someone_is_grey(&town));
    town_cut(&town, 1 << 3 | 1 << 4);
    CHECK(town_until(&town, someone_is_grey, 10 * SECOND));
    CHECK_EQ(town.traces[TRACE_NODE_DOWN], 0);
    town_run(&town, 15 * SECOND);
    const struct view *view = cluster_view(town.houses[0].cluster);
    uint32_t up = 0;
    for (uint32_t i = 0; i < view->members_count; i++)
        up += view->members[i].up;
    CHECK_EQ(up, 3);
    CHECK(town.traces[TRACE_NODE_DOWN] > 0);
    town_cut(&town, 0);
    CHECK(town_until(&town, town_all_reach, 10 * SECOND));
    CHECK(town.traces[TRACE_NODE_UP] > 0);
    CHECK(town_until(&town, nobody_is_grey, 60 * SECOND));
    end(&town);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_new_store_becomes_a_cluster_of_one),
        T(a_restart_finds_what_was_decided),
        T(one_becomes_three_becomes_seven),
        T(a_commit_at_the_node_that_joins),
        T(joins_that_cannot_be),
        T(a_join_can_be_taken_back),
        T(a_node_leaves_and_comes_back),
        T(the_last_member_does_not_leave),
        T(replicas_that_hold_data_move),
        T(a_dead_node_is_replaced),
        T(the_fence_stands_until_the_plan_is_decided),
        T(of_two_commits_one_wins),
        T(a_stale_plan_is_refused),
        T(a_minority_changes_nothing),
        T(properties_and_types),
        T(a_longer_list_keeps_who_is_in_it),
        T(another_address_is_told),
        T(nodes_that_are_cut_off_are_found_out_and_come_back),
    };
    return tap_main(argc, argv, tests);
}

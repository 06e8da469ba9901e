/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be moved, and the choice of voters. */
#include "base/random.h"
#include "model/draft.h"
#include "model/moves.h"
#include "tap.h"

enum { PARTITIONS = 8, N = 3, MEMBERS = 9, NOBODY = MOVE_NOBODY };

static struct member members[MEMBERS];

/* Members 0..count-1 with ids in their order; location i % locations. */
static void people(uint32_t count, uint32_t locations)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

    for (uint32_t i = 0; i < count; i++)
        members[i] = (struct member){.id = 10 + i,
                                     .name = bytes_str(names[i]),
                                     .address = bytes_str(names[i]),
                                     .location = bytes_str(names[i % locations]),
                                     .weight = 100};
}

/* All partitions have the same two lists. */
static struct document *doc(uint32_t count, const uint16_t place[N], const uint16_t goal[N])
{
    const uint64_t cluster[2] = {1, 2}, key[2] = {3, 4};
    struct document *first = draft_first(cluster, key, &members[0], 64, PARTITIONS, N);
    uint16_t places[PARTITIONS * N], goals[PARTITIONS * N];

    for (uint32_t i = 0; i < PARTITIONS * N; i++) {
        places[i] = place[i % N];
        goals[i] = goal[i % N];
    }
    draft_set_members(first, members, count, N, places, goals);
    return first;
}

static void check_move(struct move m, enum move_kind kind, uint32_t place, uint16_t from,
                       uint16_t to)
{
    CHECK_EQ(m.kind, kind);
    if (kind != MOVE_ONE)
        return;
    CHECK_EQ(m.place, place);
    CHECK_EQ(m.from, from);
    CHECK_EQ(m.to, to);
}

TEST(one_place_at_a_time)
{
    people(6, 6);
    struct document *d = doc(6, (uint16_t[]){0, 1, 2}, (uint16_t[]){3, 1, 4});

    CHECK_EQ(moves_count(d), PARTITIONS);
    struct move m = move_next(d, 5);
    check_move(m, MOVE_ONE, 0, 0, 3);
    CHECK(!moves_done(d, 5, &(struct move){MOVE_ONE, 2, 2, 4}));
    CHECK(!moves_done(d, 5, &(struct move){MOVE_ONE, 0, 0, 4}));
    CHECK(moves_done(d, 5, &m));
    CHECK(!moves_done(d, 5, &m));
    check_move(move_next(d, 5), MOVE_ONE, 2, 2, 4);
    check_move(move_next(d, 4), MOVE_ONE, 0, 0, 3);
    m = move_next(d, 5);
    CHECK(moves_done(d, 5, &m));
    check_move(move_next(d, 5), MOVE_NONE, 0, 0, 0);
    CHECK_EQ(moves_count(d), PARTITIONS - 1);
    document_free(d);
}

TEST(a_list_grows_from_its_end)
{
    people(4, 4);
    struct document *d = doc(4, (uint16_t[]){0, NOBODY, NOBODY}, (uint16_t[]){0, 2, 3});

    check_move(move_next(d, 0), MOVE_ONE, 1, NOBODY, 2);
    document_free(d);
}

TEST(a_list_shrinks_and_is_put_in_order_as_a_whole)
{
    people(4, 4);
    struct document *d = doc(4, (uint16_t[]){0, 1, 2}, (uint16_t[]){2, 1, NOBODY});

    check_move(move_next(d, 0), MOVE_LIST, 0, 0, 0);
    moves_settle(d);
    CHECK_EQ(moves_count(d), 0);
    CHECK_EQ(d->place[0], 2);
    CHECK_EQ(d->place[2], NOBODY);
    CHECK_EQ(d->members_count, 4);
    document_free(d);
}

/* Who is gone for good lacks a copy: that comes first, and is made from the others. */
TEST(what_lacks_a_copy_comes_first)
{
    people(6, 6);
    members[2].state = MEMBER_REMOVED;
    struct document *d = doc(6, (uint16_t[]){0, 1, 2}, (uint16_t[]){3, 1, 4});
    struct move m = move_next(d, 0);

    check_move(m, MOVE_ONE, 2, NOBODY, 4);
    moves_settle(d);
    CHECK_EQ(d->members_count, 6);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        CHECK(moves_done(d, p, &m));
    moves_settle(d);
    CHECK_EQ(d->members_count, 5);
    CHECK_EQ(document_member(d, 12), -1);
    CHECK_EQ(d->members[d->place[2]].id, 14);
    CHECK_EQ(d->members[d->goal[0]].id, 13);
    document_free(d);
}

TEST(locations_stay_apart_on_the_way)
{
    people(6, 3); /* 0 and 3, 1 and 4, 2 and 5 share one */
    struct document *d = doc(6, (uint16_t[]){0, 1, 2}, (uint16_t[]){4, 3, 2});

    /* 4 beside 1 would share a location, and so would 3 beside 0: then the first. */
    check_move(move_next(d, 0), MOVE_ONE, 0, 0, 4);
    document_free(d);
    d = doc(6, (uint16_t[]){0, 1, 2}, (uint16_t[]){4, 1, 5});
    check_move(move_next(d, 0), MOVE_ONE, 2, 2, 5);
    document_free(d);
}

static uint32_t strangers(const uint16_t *a, const uint16_t *b)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < N; i++) {
        bool found = a[i] == NOBODY;
        for (uint32_t j = 0; j < N; j++)
            found = found || a[i] == b[j];
        count += !found;
    }
    return count;
}

static void draw_list(struct random *random, uint16_t *list)
{
    uint32_t len = 1 + (uint32_t)random_below(random, N);

    for (uint32_t i = 0; i < N; i++) {
        bool again = true;
        list[i] = NOBODY;
        while (i < len && again) {
            list[i] = (uint16_t)random_below(random, MEMBERS);
            again = false;
            for (uint32_t j = 0; j < i; j++)
                again = again || list[j] == list[i];
        }
    }
}

/* Whatever the lists: each step brings one newcomer, nobody is twice in a list, and the end is the
 * goal. */
TEST(any_list_becomes_any_other)
{
    struct seed seed = {{7}};
    struct random random;
    uint16_t place[N], goal[N];

    random_init(&random, &seed, 1);
    people(MEMBERS, 4);
    for (unsigned round = 0; round < 5000; round++) {
        draw_list(&random, place);
        draw_list(&random, goal);
        for (uint32_t i = 0; i < MEMBERS; i++)
            members[i].state = random_below(&random, 5) == 0 ? MEMBER_REMOVED : MEMBER_VALID;
        struct document *d = doc(MEMBERS, place, goal);
        uint32_t left = strangers(goal, place);
        for (struct move m = move_next(d, 0); m.kind == MOVE_ONE; m = move_next(d, 0)) {
            CHECK_EQ(strangers(d->goal, d->place), left);
            CHECK(m.from == NOBODY || member_serves(&d->members[m.from]));
            CHECK(moves_done(d, 0, &m));
            left--;
            CHECK_EQ(strangers(d->goal, d->place), left);
            for (uint32_t i = 1; i < N; i++) {
                CHECK(d->place[i] == NOBODY || d->place[i] != d->place[i - 1]);
                CHECK(i < 2 || d->place[i] == NOBODY || d->place[i] != d->place[i - 2]);
                CHECK(d->place[i] == NOBODY || d->place[i - 1] != NOBODY);
            }
        }
        CHECK_EQ(left, 0);
        moves_settle(d);
        CHECK(memcmp(d->place, d->goal, N * sizeof(place[0])) == 0);
        document_free(d);
    }
}

static uint32_t votes(const struct document *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->members_count; i++)
        count += d->members[i].votes;
    return count;
}

TEST(voters_are_seven_over_locations_and_stay)
{
    const uint16_t place[N] = {0, 1, 2};

    people(MEMBERS, 9);
    for (uint32_t i = 0; i < MEMBERS; i++)
        members[i].location = i < 4 ? BYTES_LIT("one") : i < 7 ? BYTES_LIT("two") : BYTES_LIT("3");
    struct document *d = doc(MEMBERS, place, place);
    CHECK_EQ(votes(d), VOTERS_MAX);
    CHECK(d->members[7].votes);
    CHECK(d->members[8].votes);
    CHECK(!d->members[3].votes);
    memcpy(members, d->members, sizeof(members));
    members[8].state = MEMBER_REMOVED;
    struct document *next = doc(MEMBERS, place, place);
    CHECK_EQ(votes(next), VOTERS_MAX);
    CHECK(!next->members[8].votes);
    for (uint32_t i = 0; i < 8; i++)
        CHECK(next->members[i].votes || !d->members[i].votes);
    document_free(next);
    document_free(d);
}

TEST(who_leaves_gets_no_vote_unless_all_leave)
{
    const uint16_t place[N] = {0, 1, 2};

    people(3, 3);
    members[1].state = MEMBER_LEAVING;
    struct document *d = doc(3, place, place);
    CHECK_EQ(votes(d), 2);
    document_free(d);
    for (uint32_t i = 0; i < 3; i++)
        members[i].state = MEMBER_LEAVING;
    d = doc(3, place, place);
    CHECK_EQ(votes(d), 3);
    document_free(d);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(one_place_at_a_time),
        T(a_list_grows_from_its_end),
        T(a_list_shrinks_and_is_put_in_order_as_a_whole),
        T(what_lacks_a_copy_comes_first),
        T(locations_stay_apart_on_the_way),
        T(any_list_becomes_any_other),
        T(voters_are_seven_over_locations_and_stay),
        T(who_leaves_gets_no_vote_unless_all_leave),
    };

    return tap_main(argc, argv, tests);
}

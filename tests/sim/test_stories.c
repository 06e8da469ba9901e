/* SPDX-License-Identifier: Apache-2.0 */
/* What seeds have found, and what others have had to learn, told again without chance. */
#include <string.h>

#include "story.h"
#include "tap.h"

#define CHECK_READ(node, key, r, values)                                                           \
    do {                                                                                           \
        const char *read_ = get_through(node, key, r);                                             \
        CHECK(strcmp(read_, values) == 0);                                                         \
        if (strcmp(read_, values) != 0)                                                            \
            tap_note("read: %s", read_);                                                           \
    } while (0)

/* The first thing that hints are for. */
TEST(a_node_gets_what_it_missed_without_a_read)
{
    story_begin(5);
    unsigned away = node_of("k", 1), stand_in = node_of("k", 3), other = node_of("k", 4);
    kill(away);
    wait_known();
    CHECK(put_through(node_of("k", 0), "k", "one", 3));
    CHECK_EQ(kept_by(stand_in) + kept_by(other), 1);
    revive(away);
    wait_ms(3000);
    CHECK_EQ(kept_by(stand_in) + kept_by(other), 0);
    story_end();
}

/* riak_core issue 154: after a restart of the fallback nobody remembered that it had something. */
TEST(a_fallback_that_restarts_still_hands_over)
{
    story_begin(5);
    unsigned away = node_of("k", 1), stand_in = node_of("k", 3), other = node_of("k", 4);
    kill(away);
    wait_known();
    CHECK(put_through(node_of("k", 0), "k", "one", 3));
    kill(stand_in);
    kill(other);
    wait_known();
    revive(stand_in);
    revive(other);
    CHECK_EQ(kept_by(stand_in) + kept_by(other), 1);
    revive(away);
    wait_ms(3000);
    CHECK_EQ(kept_by(stand_in) + kept_by(other), 0);
    story_end();
}

/* The node dies again while it gets what was kept: nothing is forgotten. */
TEST(a_node_that_flaps_gets_everything)
{
    char key[8];

    story_begin(5);
    unsigned away = node_of("k", 1);
    kill(away);
    wait_known();
    for (unsigned i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        CHECK(put_through((away + 1) % 5, key, "one", 2));
    }
    for (unsigned i = 0; i < 6; i++) {
        revive(away);
        wait_ms(1 + 2 * i);
        kill(away);
        wait_known();
    }
    revive(away);
    story_end();
}

/* A fallback wrote, handed it over and kept nothing; the next dot of the same actor would cover the
 * first one, and the merge at the replica drop it. */
TEST(what_a_fallback_wrote_and_handed_over_survives_its_next_write)
{
    story_begin(6);
    unsigned a = node_of("k", 0), b = node_of("k", 1), c = node_of("k", 2);
    kill(a);
    kill(b);
    kill(c);
    wait_known();
    CHECK(put_through(node_of("k", 3), "k", "one", 2));
    CHECK(put_through(node_of("k", 3), "k", "two", 2));
    revive(a);
    revive(b);
    revive(c);
    wait_ms(4000);
    CHECK_READ(a, "k", 3, "one,two");
    kill(a);
    kill(b);
    kill(c);
    wait_known();
    CHECK(put_through(node_of("k", 3), "k", "three", 2));
    revive(a);
    revive(b);
    revive(c);
    wait_ms(4000);
    CHECK_READ(b, "k", 3, "one,three,two");
    story_end();
}

/* A key that was written while its replicas were away is read from who keeps it, and a context of
 * before still counts. */
TEST(a_key_is_read_and_replaced_while_its_replicas_are_away)
{
    story_begin(6);
    CHECK(put_through(node_of("k", 0), "k", "old", 3));
    CHECK_READ(node_of("k", 4), "k", 2, "old");
    unsigned a = node_of("k", 0), b = node_of("k", 1), c = node_of("k", 2);
    kill(a);
    kill(b);
    kill(c);
    wait_known();
    CHECK_READ(node_of("k", 4), "k", 2, "error");
    CHECK(put_again(node_of("k", 4), "k", "new", 2));
    CHECK_READ(node_of("k", 5), "k", 2, "new");
    revive(a);
    revive(b);
    revive(c);
    wait_ms(4000);
    CHECK_READ(a, "k", 3, "new");
    story_end();
}

/* What two absent replicas may have is not "not found". */
TEST(an_empty_fallback_says_nothing)
{
    story_begin(5);
    unsigned a = node_of("k", 0), b = node_of("k", 1), c = node_of("k", 2);
    kill(c);
    wait_known();
    CHECK(put_through(a, "k", "one", 2));
    kill(a);
    kill(b);
    revive(c);
    CHECK(strcmp(get_through(c, "k", 2), "none") != 0);
    CHECK_READ(c, "nothing was ever written here", 3, "error");
    revive(a);
    revive(b);
    CHECK_READ(c, "k", 3, "one");
    story_end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_node_gets_what_it_missed_without_a_read),
        T(a_fallback_that_restarts_still_hands_over),
        T(a_node_that_flaps_gets_everything),
        T(what_a_fallback_wrote_and_handed_over_survives_its_next_write),
        T(a_key_is_read_and_replaced_while_its_replicas_are_away),
        T(an_empty_fallback_says_nothing),
    };

    return tap_main(argc, argv, tests);
}

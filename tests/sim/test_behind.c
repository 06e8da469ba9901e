/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket begins to keep siblings, and one node does not hear of it: it only gets the data of
 * those who did. */
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/scenario.h"
#include "tap.h"

enum { BEHIND = 2 };

#define KEY BYTES_LIT("k")

/* All but one node know that BUCKET_LATE keeps siblings. */
static struct world *begin(void)
{
    const struct question opens = {.ask = ASK_SET_PROPS, .bucket = BUCKET_LATE, .allow_mult = true};
    struct world *w = scenario_new(3);

    scenario_deafen(w, BEHIND, true);
    const struct answer *answer = scenario_ask(w, 0, &opens);
    CHECK(answer != NULL && !answer->failed);
    scenario_run_ms(w, 500);
    CHECK(key_late_known(w->nodes[0]));
    CHECK(key_late_known(w->nodes[1]));
    CHECK(!key_late_known(w->nodes[BEHIND]));
    return w;
}

static void hear_and_compare(struct world *w)
{
    scenario_deafen(w, BEHIND, false);
    scenario_run_ms(w, 1000);
    CHECK(key_late_known(w->nodes[BEHIND]));
    CHECK_EQ(scenario_read_all(w, 0, BUCKET_LATE, KEY), 2);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

TEST(copies_are_kept_beside_each_other)
{
    struct world *w = begin();

    CHECK(scenario_put(w, 0, BUCKET_LATE, KEY, "one"));
    CHECK(scenario_put(w, 1, BUCKET_LATE, KEY, "two"));
    hear_and_compare(w);
}

/* The node shows one value, by the rule that it knows, and repairs with both. */
TEST(a_read_repairs_with_all_that_it_found)
{
    struct world *w = begin();

    CHECK(scenario_put(w, 0, BUCKET_LATE, KEY, "one"));
    CHECK(scenario_put(w, 1, BUCKET_LATE, KEY, "two"));
    node_crash(w, w->nodes[BEHIND]);
    node_start(w, w->nodes[BEHIND]);
    scenario_run_ms(w, 1000);
    CHECK(!key_late_known(w->nodes[BEHIND]));
    CHECK_EQ(scenario_read_all(w, BEHIND, BUCKET_LATE, KEY), 1);
    scenario_run_ms(w, 1000);
    hear_and_compare(w);
}

/* The copies come while the node is behind; their turn comes when it is not any more. */
TEST(what_came_before_the_news_is_kept_after_them)
{
    struct world *w = begin();

    w->nodes[BEHIND]->disk.reads_stalled_until_us = w->now_us + 1000000;
    CHECK(scenario_put(w, 0, BUCKET_LATE, KEY, "one"));
    CHECK(scenario_put(w, 1, BUCKET_LATE, KEY, "two"));
    scenario_run_ms(w, 10);
    scenario_deafen(w, BEHIND, false);
    scenario_run_ms(w, 800);
    CHECK(key_late_known(w->nodes[BEHIND]));
    CHECK(w->now_us < w->nodes[BEHIND]->disk.reads_stalled_until_us);
    hear_and_compare(w);
}

/* Who is behind keeps all; a client of a bucket that keeps one is told one, by a write, too. */
TEST(a_writer_is_told_the_winner)
{
    const struct question again = {.ask = ASK_PUT,
                                   .bucket = BUCKET_SINGLE,
                                   .key = KEY,
                                   .value = BYTES_LIT("two"),
                                   .return_body = true};
    struct world *w = begin();

    CHECK(scenario_put(w, 0, BUCKET_SINGLE, BYTES_LIT("other"), "tells the epoch"));
    CHECK(scenario_put(w, BEHIND, BUCKET_SINGLE, KEY, "one"));
    const struct answer *answer = scenario_ask(w, BEHIND, &again);
    CHECK(answer != NULL && !answer->failed);
    CHECK_EQ(answer == NULL ? 0 : answer->count, 1);
    scenario_deafen(w, BEHIND, false);
    scenario_run_ms(w, 1000);
    CHECK_EQ(scenario_read_all(w, BEHIND, BUCKET_SINGLE, KEY), 1);
    scenario_run_ms(w, 1000);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(copies_are_kept_beside_each_other),
        T(a_read_repairs_with_all_that_it_found),
        T(what_came_before_the_news_is_kept_after_them),
        T(a_writer_is_told_the_winner),
    };
    return tap_main(argc, argv, tests);
}

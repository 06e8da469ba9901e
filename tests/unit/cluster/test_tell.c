/* SPDX-License-Identifier: Apache-2.0 */
/* What failure detectors tell: to whom, how much, how often. */
#include "crowd.h"

#include "cluster/detector_pace.h"
#include "tap.h"

static const struct gossip_record *find(const struct gossip_record *records, uint32_t count,
                                        uint64_t node)
{
    for (uint32_t i = 0; i < count; i++) {
        if (records[i].node == node)
            return &records[i];
    }
    return NULL;
}

static void hear(struct crowd *crowd, uint64_t from, uint64_t node, enum liveness state,
                 uint64_t accuser)
{
    struct gossip_record record = {.node = node, .state = state, .accuser = accuser};
    struct detector_news news = {.say_count = 0};

    detector_hear(&crowd->fellows[0].detector, from, &record, crowd->now_us, &news);
}

TEST(a_rumour_is_told_a_bounded_number_of_times)
{
    struct crowd crowd;
    struct gossip_record records[GOSSIP_RECORDS];
    uint32_t told = 0, accusers[3] = {0};

    crowd_init(&crowd, 1, 100);
    struct detector *d = &crowd.fellows[0].detector;
    CHECK_EQ(detector_tell(d, 5, records), 1);
    CHECK_EQ(records[0].node, 1);
    hear(&crowd, 9, 7, LIVE_SUSPECT, 20);
    hear(&crowd, 9, 7, LIVE_SUSPECT, 21);
    for (int i = 0; i < 200; i++) {
        uint32_t count = detector_tell(d, 5, records);
        const struct gossip_record *of = find(records, count, 7);
        CHECK_EQ(records[0].node, 1);
        if (of == NULL)
            continue;
        told++;
        CHECK_EQ(of->state, LIVE_SUSPECT);
        CHECK(of->accuser == 20 || of->accuser == 21);
        accusers[of->accuser - 20]++;
    }
    CHECK_EQ(told, pace_tells(100));
    /* Each accuser has its turn. */
    CHECK(accusers[0] >= told / 2 && accusers[1] >= told / 2);
    /* Another accuser makes it news again. */
    hear(&crowd, 9, 7, LIVE_SUSPECT, 22);
    CHECK(find(records, detector_tell(d, 5, records), 7) != NULL);
    crowd_done(&crowd);
}

TEST(a_message_brings_a_bounded_number_of_rumours)
{
    struct crowd crowd;
    struct gossip_record records[GOSSIP_RECORDS];
    uint32_t times[CROWD_MAX + 1] = {0};

    crowd_init(&crowd, 1, 100);
    struct detector *d = &crowd.fellows[0].detector;
    for (uint64_t node = 2; node <= 100; node++)
        hear(&crowd, 9, node, LIVE_SUSPECT, 2);
    for (int i = 0; i < 14; i++) {
        uint32_t count = detector_tell(d, 50, records);
        CHECK_EQ(count, GOSSIP_RECORDS);
        CHECK_EQ(records[0].node, 1);
        for (uint32_t j = 0; j < count; j++)
            times[records[j].node]++;
    }
    /* What was told least goes first, and nothing is told twice before all was told once; but the
     * receiver hears of itself each time. */
    for (uint64_t node = 2; node <= 100; node++)
        CHECK(node == 50 ? times[node] == 14 : times[node] >= 1 && times[node] <= 2);
    crowd_done(&crowd);
}

TEST(a_suspect_hears_of_it_first_and_always)
{
    struct crowd crowd;
    struct gossip_record records[GOSSIP_RECORDS];

    crowd_init(&crowd, 1, 20);
    struct detector *d = &crowd.fellows[0].detector;
    for (uint64_t node = 2; node <= 20; node++)
        hear(&crowd, 9, node, LIVE_SUSPECT, 2);
    for (int i = 0; i < 100; i++) {
        CHECK(detector_tell(d, 20, records) >= 2);
        CHECK_EQ(records[1].node, 20);
        CHECK_EQ(records[1].state, LIVE_SUSPECT);
    }
    crowd_done(&crowd);
}

/* It tells of itself what was true before; others would not believe a word until it knows. */
TEST(a_node_that_was_started_anew_hears_who_it_was)
{
    struct crowd crowd;
    struct gossip_record records[GOSSIP_RECORDS];
    struct gossip_record before = {.node = 3, .incarnation = 4, .version = 9, .epoch = 5};
    struct detector_news news = {.say_count = 0};

    crowd_init(&crowd, 1, 20);
    struct detector *d = &crowd.fellows[0].detector;
    detector_hear(d, 3, &before, crowd.now_us, &news);
    CHECK(!news.answer);
    CHECK_EQ(detector_tell(d, 3, records), 1);
    hear(&crowd, 8, 3, LIVE_UP, 0);
    CHECK_EQ(detector_tell(d, 3, records), 1);
    before.incarnation = 0;
    detector_hear(d, 3, &before, crowd.now_us, &news);
    CHECK(news.answer);
    CHECK_EQ(detector_tell(d, 3, records), 2);
    CHECK_EQ(records[1].node, 3);
    CHECK_EQ(records[1].incarnation, 4);
    before.incarnation = 5;
    detector_hear(d, 3, &before, crowd.now_us, &news);
    CHECK_EQ(detector_tell(d, 3, records), 1);
    crowd_done(&crowd);
}

TEST(news_go_to_three_at_once_and_to_one_when_there_are_none)
{
    struct crowd crowd;
    struct detector_news news = {.say_count = 0};
    uint64_t at;

    crowd_init(&crowd, 1, 50);
    crowd_run(&crowd, 31 * SECOND);
    struct detector *d = &crowd.fellows[0].detector;
    at = d->gossip_us < d->next_us ? d->gossip_us : d->gossip_us + 200 * MS;
    detector_tick(d, at, &crowd.random, &news);
    CHECK_EQ(news.tell_count, 1);
    CHECK_EQ(news.tell[0].step, GOSSIP_NEWS);
    news = (struct detector_news){.say_count = 0};
    detector_hurry(d);
    detector_tick(d, at + MS, &crowd.random, &news);
    CHECK_EQ(news.tell_count, 3);
    CHECK(news.tell[0].to != news.tell[1].to && news.tell[1].to != news.tell[2].to &&
          news.tell[0].to != news.tell[2].to);
    /* A burst of them goes together, a little later. */
    news = (struct detector_news){.say_count = 0};
    detector_hurry(d);
    detector_tick(d, at + 2 * MS, &crowd.random, &news);
    CHECK_EQ(news.tell_count, 0);
    CHECK_EQ(detector_deadline_us(d), at + MS + 50 * MS);
    crowd_done(&crowd);
}

TEST(who_believes_the_same_says_so_in_eight_bytes)
{
    struct crowd crowd;

    crowd_init(&crowd, 1, 30);
    crowd_run(&crowd, SECOND);
    uint64_t before = detector_digest(&crowd.fellows[0].detector);
    for (uint32_t i = 1; i < 30; i++)
        CHECK_EQ(detector_digest(&crowd.fellows[i].detector), before);
    detector_facts(&crowd.fellows[3].detector, 1, false);
    CHECK(detector_digest(&crowd.fellows[3].detector) != before);
    CHECK(crowd_settles(&crowd, 5 * SECOND) != UINT64_MAX);
    uint64_t after = detector_digest(&crowd.fellows[0].detector);
    CHECK(after != before);
    hear(&crowd, 9, 7, LIVE_SUSPECT, 20);
    CHECK(detector_digest(&crowd.fellows[0].detector) != after);
    crowd_done(&crowd);
}

/* What no rumour brings any more a comparison brings. */
/* How many of the others find a node slow; to all of them it is up. */
static uint32_t found_grey(const struct crowd *crowd, uint64_t node, uint32_t count)
{
    uint32_t grey = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct detector *d = &crowd->fellows[i].detector;
        if (d->own.node == node)
            continue;
        CHECK(detector_reaches(d, node));
        CHECK_EQ(detector_record(d, node)->state, LIVE_UP);
        grey += detector_grey(d, node);
    }
    return grey;
}

/* A node whose disk is slow says so itself; its answers to probes are as quick as ever. */
TEST(who_says_that_it_is_slow_is_grey)
{
    struct crowd crowd;

    crowd_init(&crowd, 1, 10);
    crowd_run(&crowd, 5 * SECOND);
    CHECK_EQ(found_grey(&crowd, 4, 10), 0);
    uint64_t version = crowd.fellows[3].detector.own.version;
    detector_pace(&crowd.fellows[3].detector, true);
    detector_pace(&crowd.fellows[3].detector, true);
    CHECK_EQ(crowd.fellows[3].detector.own.version, version + 1);
    crowd_run(&crowd, 5 * SECOND);
    CHECK_EQ(found_grey(&crowd, 4, 10), 9);
    detector_pace(&crowd.fellows[3].detector, false);
    crowd_run(&crowd, 5 * SECOND);
    CHECK_EQ(found_grey(&crowd, 4, 10), 0);
    crowd_done(&crowd);
}

TEST(all_is_compared_now_and_then)
{
    struct crowd crowd;

    crowd_init(&crowd, 1, 30);
    crowd_run(&crowd, 10 * SECOND);
    crowd.lose = 1000;
    detector_facts(&crowd.fellows[3].detector, 8, true);
    crowd_run(&crowd, 3 * SECOND);
    crowd.lose = 0;
    /* Its own record is in all that it says; so another one is asked of. */
    crowd.fellows[3].dead = true;
    struct gossip_record of = {.node = 4, .version = 1, .epoch = 8, .holds = true};
    struct detector_news news = {.say_count = 0};
    detector_hear(&crowd.fellows[9].detector, 4, &of, crowd.now_us, &news);
    CHECK_EQ(crowd.fellows[9].detector.peers[3].record.node, 4);
    crowd.fellows[9].detector.peers[3].tells = 0;
    crowd_run(&crowd, 100 * SECOND);
    for (uint32_t i = 0; i < 30; i++)
        CHECK_EQ(detector_record(&crowd.fellows[i].detector, 4)->epoch, 8);
    crowd_done(&crowd);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_rumour_is_told_a_bounded_number_of_times),
        T(a_message_brings_a_bounded_number_of_rumours),
        T(a_suspect_hears_of_it_first_and_always),
        T(a_node_that_was_started_anew_hears_who_it_was),
        T(news_go_to_three_at_once_and_to_one_when_there_are_none),
        T(who_believes_the_same_says_so_in_eight_bytes),
        T(who_says_that_it_is_slow_is_grey),
        T(all_is_compared_now_and_then),
    };
    return tap_main(argc, argv, tests);
}

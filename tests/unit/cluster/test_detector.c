/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the failure detector, one by one: a single one, told by hand what it hears. */
#include "cluster/detector.h"

#include "base/check.h"
#include "cluster/detector_pace.h"
#include "tap.h"

enum { MS = 1000, SECOND = 1000000, TIMEOUT = 500 * MS };

/* The detector of node 1, in a cluster of nodes 1 to `members`. */
struct stage {
    struct config config;
    struct random random;
    struct detector d;
    struct detector_news news; /* of the last call */
    uint64_t now_us;
    uint32_t members;
};

static void set_members(struct stage *s, uint32_t members)
{
    uint64_t nodes[NODES_MAX];

    s->members = members;
    for (uint32_t i = 0; i < members; i++)
        nodes[i] = i + 1;
    detector_members(&s->d, nodes, members, s->now_us, &s->random);
    for (uint32_t i = 0; i < members; i++)
        detector_link(&s->d, nodes[i], true, s->now_us);
}

static void begin(struct stage *s, uint32_t members)
{
    struct seed seed = seed_of(5);

    memset(s, 0, sizeof(*s));
    config_init(&s->config);
    random_init(&s->random, &seed, 0);
    s->now_us = 10 * SECOND;
    detector_init(&s->d, &s->config, 1);
    set_members(s, members);
}

static void end(struct stage *s)
{
    detector_done(&s->d);
}

static void fresh(struct stage *s)
{
    s->news = (struct detector_news){.say_count = 0};
}

static void tick(struct stage *s)
{
    fresh(s);
    detector_tick(&s->d, s->now_us, &s->random, &s->news);
}

/* Lets time pass until then, as a host does; what is said meanwhile is lost. */
static void pass(struct stage *s, uint64_t us)
{
    uint64_t until = s->now_us + us;

    while (detector_deadline_us(&s->d) <= until) {
        s->now_us = detector_deadline_us(&s->d);
        tick(s);
    }
    if (s->now_us == until)
        return;
    s->now_us = until;
    tick(s);
}

/* Until the next probe in turn; its target. */
static uint64_t next_probe(struct stage *s, uint64_t *ret_seq)
{
    for (int ticks = 0;; ticks++) {
        ASSERT(ticks < 10000);
        s->now_us = detector_deadline_us(&s->d);
        tick(s);
        for (uint32_t i = 0; i < s->news.say_count; i++) {
            if (s->news.say[i].kind != TALK_PING)
                continue;
            *ret_seq = s->news.say[i].seq;
            return s->news.say[i].to;
        }
    }
}

static void acked(struct stage *s, uint64_t from, uint64_t seq)
{
    fresh(s);
    detector_acked(&s->d, from, seq, s->now_us, &s->news);
}

static void hear_of(struct stage *s, uint64_t from, uint64_t node, uint64_t incarnation,
                    enum liveness state, uint64_t accuser)
{
    struct gossip_record record = {
        .node = node, .incarnation = incarnation, .state = state, .accuser = accuser};

    fresh(s);
    detector_hear(&s->d, from, &record, s->now_us, &s->news);
}

static enum liveness state(const struct stage *s, uint64_t node)
{
    return detector_record(&s->d, node)->state;
}

static uint32_t said(const struct stage *s, enum cluster_talk kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->news.say_count; i++)
        count += s->news.say[i].kind == kind;
    return count;
}

/* ---- whom it probes ---- */

TEST(every_peer_is_probed_before_any_again)
{
    struct stage s;
    uint32_t probed[31] = {0}, same = 0;
    uint64_t before[31] = {0}, seq;

    begin(&s, 30);
    for (uint32_t round = 0; round < 10; round++) {
        for (int i = 0; i < 29; i++) {
            uint64_t node = next_probe(&s, &seq);
            acked(&s, node, seq);
            probed[node]++;
            same += before[i] == node;
            before[i] = node;
        }
        for (int i = 2; i <= 30; i++)
            CHECK_EQ(probed[i], round + 1);
    }
    /* Each round in another order. */
    CHECK(same < 30);
    end(&s);
}

/* A member that comes gets a turn in this round, and nobody loses his. */
TEST(turns_survive_a_change_of_members)
{
    struct stage s;
    uint32_t probed[41] = {0};
    uint64_t seq;

    begin(&s, 20);
    for (int i = 0; i < 12; i++) {
        uint64_t node = next_probe(&s, &seq);
        acked(&s, node, seq);
        probed[node]++;
    }
    set_members(&s, 40);
    for (int i = 0; i < 27; i++) {
        uint64_t node = next_probe(&s, &seq);
        acked(&s, node, seq);
        probed[node]++;
    }
    for (int i = 2; i <= 40; i++)
        CHECK_EQ(probed[i], 1);
    set_members(&s, 3);
    CHECK(detector_record(&s.d, 4) == NULL);
    CHECK(detector_record(&s.d, 3) != NULL);
    end(&s);
}

TEST(three_others_are_asked_for_who_is_silent)
{
    struct stage s;
    uint64_t seq, target, helper = 0;

    begin(&s, 10);
    target = next_probe(&s, &seq);
    pass(&s, TIMEOUT);
    CHECK_EQ(said(&s, TALK_PING_FOR), 3);
    for (uint32_t i = 0; i < s.news.say_count; i++) {
        if (s.news.say[i].kind != TALK_PING_FOR)
            continue;
        helper = s.news.say[i].to;
        CHECK(helper != target && helper != 1);
        CHECK_EQ(s.news.say[i].node, target);
        CHECK_EQ(s.news.say[i].seq, seq);
    }
    acked(&s, helper, seq);
    pass(&s, SECOND);
    CHECK_EQ(state(&s, target), LIVE_UP);
    end(&s);
}

TEST(who_is_silent_to_all_is_suspected)
{
    struct stage s;
    uint64_t seq, target;

    begin(&s, 10);
    target = next_probe(&s, &seq);
    pass(&s, 2 * TIMEOUT - 1);
    CHECK_EQ(state(&s, target), LIVE_UP);
    pass(&s, 1);
    CHECK_EQ(state(&s, target), LIVE_SUSPECT);
    CHECK(detector_grey(&s.d, target));
    CHECK(detector_reaches(&s.d, target));
    end(&s);
}

/* ---- helpers ---- */

TEST(a_helper_says_that_it_heard_nothing)
{
    struct stage s;

    begin(&s, 10);
    fresh(&s);
    detector_ping_for(&s.d, 2, 77, 3, s.now_us, &s.news);
    CHECK_EQ(said(&s, TALK_PING), 1);
    uint64_t seq = s.news.say[0].seq;
    pass(&s, TIMEOUT * 4 / 5 - 1);
    CHECK_EQ(said(&s, TALK_NACK), 0);
    pass(&s, 1);
    CHECK_EQ_FATAL(said(&s, TALK_NACK), 1);
    for (uint32_t i = 0; i < s.news.say_count; i++) {
        if (s.news.say[i].kind == TALK_NACK)
            CHECK(s.news.say[i].to == 2 && s.news.say[i].seq == 77 && s.news.say[i].node == 3);
    }
    /* An answer that comes late is handed on all the same, but only one of the target. */
    acked(&s, 5, seq);
    CHECK_EQ(said(&s, TALK_ACK), 0);
    acked(&s, 3, seq);
    CHECK_EQ(said(&s, TALK_ACK), 1);
    CHECK(s.news.say[0].to == 2 && s.news.say[0].seq == 77);
    CHECK_EQ(s.d.score, 0);
    end(&s);
}

TEST(a_helper_without_a_link_says_so_at_once)
{
    struct stage s;

    begin(&s, 10);
    detector_link(&s.d, 3, false, s.now_us);
    fresh(&s);
    detector_ping_for(&s.d, 2, 77, 3, s.now_us, &s.news);
    CHECK_EQ(said(&s, TALK_NACK), 1);
    detector_ping_for(&s.d, 2, 78, 999, s.now_us, &s.news);
    CHECK_EQ(said(&s, TALK_NACK), 2);
    detector_ping_for(&s.d, 2, 79, 1, s.now_us, &s.news);
    CHECK_EQ(said(&s, TALK_ACK), 1);
    CHECK_EQ(said(&s, TALK_PING), 0);
    end(&s);
}

/* ---- the own health ---- */

/* One probe in turn that fails, with so many helpers that say no. The next one is far away. */
static void fail_a_probe(struct stage *s, uint32_t nacks)
{
    uint64_t seq;

    s->config.probe_interval_ms = 10000;
    (void)next_probe(s, &seq);
    for (int ticks = 0; said(s, TALK_PING_FOR) == 0; ticks++) {
        ASSERT(ticks < 10000);
        s->now_us = detector_deadline_us(&s->d);
        tick(s);
    }
    struct detector_news asked = s->news;
    for (uint32_t i = 0; i < asked.say_count; i++) {
        if (asked.say[i].kind != TALK_PING_FOR || nacks == 0)
            continue;
        detector_nacked(&s->d, asked.say[i].to, seq);
        detector_nacked(&s->d, asked.say[i].to, seq);
        nacks--;
    }
    pass(s, (uint64_t)TIMEOUT * (1 + s->d.score));
}

TEST(a_failed_probe_and_silent_helpers_make_it_doubt_itself)
{
    struct stage s;
    uint64_t seq, node;

    begin(&s, 20);
    fail_a_probe(&s, 3);
    CHECK_EQ(s.d.score, 1);
    node = next_probe(&s, &seq);
    acked(&s, node, seq);
    CHECK_EQ(s.d.score, 0);
    fail_a_probe(&s, 1);
    CHECK_EQ(s.d.score, 3);
    fail_a_probe(&s, 0);
    fail_a_probe(&s, 0);
    CHECK_EQ(s.d.score, 8);
    for (uint32_t i = 0; i < 9; i++) {
        node = next_probe(&s, &seq);
        acked(&s, node, seq);
        CHECK_EQ(s.d.score, i < 8 ? 7 - i : 0);
    }
    end(&s);
}

TEST(who_doubts_itself_waits_longer_and_probes_less)
{
    struct stage s;
    uint64_t seq, target, before;

    begin(&s, 20);
    s.d.score = 3;
    target = next_probe(&s, &seq);
    before = s.now_us;
    pass(&s, 4 * TIMEOUT - 1);
    CHECK_EQ(said(&s, TALK_PING_FOR), 0);
    pass(&s, 1);
    CHECK_EQ(said(&s, TALK_PING_FOR), 3);
    acked(&s, target, seq);
    s.d.score = 3;
    (void)next_probe(&s, &seq);
    CHECK_EQ(s.now_us - before, 4 * SECOND);
    end(&s);
}

/* That it does not answer is known, and says nothing of this node. */
TEST(a_suspect_that_is_silent_is_no_reason_for_doubt)
{
    struct stage s;
    uint64_t seq;

    begin(&s, 2);
    hear_of(&s, 2, 2, 0, LIVE_SUSPECT, 9);
    CHECK_EQ(next_probe(&s, &seq), 2);
    pass(&s, 2 * TIMEOUT);
    CHECK_EQ(s.d.peers[0].accusers_count, 2);
    CHECK_EQ(s.d.score, 0);
    end(&s);
}

/* ---- suspicion ---- */

/* How long node 2 is suspected when these say so, one after the other. */
static uint64_t suspected_for(const uint64_t *accusers, uint32_t count)
{
    struct stage s;
    uint64_t since;

    begin(&s, 100);
    since = s.now_us;
    for (uint32_t i = 0; i < count; i++)
        hear_of(&s, 50, 2, 0, LIVE_SUSPECT, accusers[i]);
    uint64_t down_us = s.d.peers[0].down_us;
    CHECK_EQ(s.d.peers[0].record.node, 2);
    end(&s);
    return down_us - since;
}

TEST(who_confirms_a_suspicion_shortens_it)
{
    static const uint64_t same[] = {7, 7, 7, 7, 2, 0}, two[] = {7, 8}, three[] = {7, 8, 9, 10};
    struct config config;

    config_init(&config);
    CHECK_EQ(suspected_for(same, 1), pace_suspicion_us(&config, 100, 0));
    CHECK_EQ(suspected_for(same, 6), pace_suspicion_us(&config, 100, 0));
    CHECK_EQ(suspected_for(two, 2), pace_suspicion_us(&config, 100, 1));
    CHECK_EQ(suspected_for(three, 3), pace_suspicion_min_us(&config, 100));
    CHECK_EQ(suspected_for(three, 4), pace_suspicion_min_us(&config, 100));
}

TEST(the_own_finding_confirms_as_well)
{
    struct stage s;
    uint64_t since;

    begin(&s, 3);
    since = s.now_us;
    hear_of(&s, 3, 2, 0, LIVE_SUSPECT, 3);
    CHECK_EQ(s.d.peers[0].down_us - since, 24 * SECOND);
    pass(&s, 3 * SECOND);
    CHECK_EQ(s.d.peers[0].accusers_count, 2);
    CHECK_EQ(s.d.peers[0].down_us - since, 4 * SECOND);
    pass(&s, SECOND);
    CHECK_EQ(state(&s, 2), LIVE_DOWN);
    CHECK(!detector_reaches(&s.d, 2));
    end(&s);
}

TEST(hearsay_alone_kills_nobody)
{
    struct stage s;

    begin(&s, 100);
    detector_link(&s.d, 4, false, s.now_us);
    hear_of(&s, 9, 3, 0, LIVE_DOWN, 9);
    hear_of(&s, 9, 4, 0, LIVE_DOWN, 9);
    CHECK_EQ(state(&s, 3), LIVE_SUSPECT);
    CHECK_EQ(state(&s, 4), LIVE_DOWN);
    /* It needs no more confirmation, but gives the time to refute it. */
    CHECK_EQ(s.d.peers[1].down_us - s.now_us, pace_suspicion_min_us(&s.config, 100));
    hear_of(&s, 3, 3, 1, LIVE_UP, 0);
    CHECK_EQ(state(&s, 3), LIVE_UP);
    end(&s);
}

TEST(a_lost_link_is_looked_into_at_once)
{
    struct stage s;

    begin(&s, 5);
    pass(&s, 10 * MS);
    detector_link(&s.d, 3, false, s.now_us);
    CHECK(!detector_reaches(&s.d, 3));
    tick(&s);
    CHECK_EQ(said(&s, TALK_PING_FOR), 3);
    pass(&s, TIMEOUT);
    CHECK_EQ(state(&s, 3), LIVE_SUSPECT);
    pass(&s, 2 * SECOND);
    CHECK_EQ(state(&s, 3), LIVE_DOWN);
    /* Of a suspect it means that it has not long to wait. */
    hear_of(&s, 2, 4, 0, LIVE_SUSPECT, 2);
    detector_link(&s.d, 4, false, s.now_us);
    CHECK_EQ(s.d.peers[2].down_us, s.now_us + 2 * SECOND);
    /* And a new link that it lives, if not well. */
    pass(&s, SECOND);
    detector_link(&s.d, 4, true, s.now_us);
    CHECK_EQ(state(&s, 4), LIVE_SUSPECT);
    CHECK_EQ(s.d.peers[2].down_us, s.now_us + pace_suspicion_us(&s.config, 5, 0));
    end(&s);
}

TEST(time_in_which_it_was_not_awake_does_not_count)
{
    struct stage s;
    uint64_t seq, target;

    begin(&s, 10);
    hear_of(&s, 5, 2, 0, LIVE_SUSPECT, 5);
    target = next_probe(&s, &seq);
    s.now_us += 500 * (uint64_t)SECOND;
    tick(&s);
    CHECK_EQ(state(&s, target), target == 2 ? LIVE_SUSPECT : LIVE_UP);
    CHECK_EQ(state(&s, 2), LIVE_SUSPECT);
    /* The refutation had been waiting. */
    hear_of(&s, 2, 2, 1, LIVE_UP, 0);
    acked(&s, target, seq);
    CHECK_EQ(state(&s, 2), LIVE_UP);
    CHECK(!detector_grey(&s.d, target));
    end(&s);
}

/* ---- what is believed ---- */

TEST(what_is_believed)
{
    struct stage s;
    struct detector *d = &s.d;

    begin(&s, 5);
    hear_of(&s, 3, 2, 0, LIVE_SUSPECT, 3);
    CHECK_EQ(state(&s, 2), LIVE_SUSPECT);
    CHECK(s.news.any_changed);
    fresh(&s);
    detector_hear(d, 2, &(struct gossip_record){2, 0, LIVE_UP, 3, 7, true, false, 0}, s.now_us,
                  &s.news);
    CHECK_EQ(state(&s, 2), LIVE_SUSPECT);
    CHECK_EQ(detector_record(d, 2)->epoch, 7);
    CHECK(detector_record(d, 2)->holds);
    hear_of(&s, 2, 2, 1, LIVE_UP, 0);
    CHECK_EQ(state(&s, 2), LIVE_UP);
    hear_of(&s, 3, 2, 0, LIVE_DOWN, 3);
    CHECK_EQ(state(&s, 2), LIVE_UP);
    CHECK(!detector_record(d, 2)->holds);
    hear_of(&s, 3, 2, 9, LIVE_SUSPECT, 3);
    CHECK_EQ(state(&s, 2), LIVE_SUSPECT);
    CHECK_EQ(s.d.peers[0].accusers_count, 1);
    hear_of(&s, 3, 77, 5, LIVE_UP, 0);
    CHECK(detector_record(d, 77) == NULL);
    CHECK_EQ(detector_record(d, 1)->state, LIVE_UP);
    end(&s);
}

TEST(it_refutes_what_is_said_of_it)
{
    struct stage s;

    begin(&s, 5);
    hear_of(&s, 2, 1, 4, LIVE_SUSPECT, 2);
    CHECK(s.news.refuted && s.news.answer);
    CHECK_EQ(s.d.own.incarnation, 5);
    CHECK_EQ(s.d.score, 1);
    /* What is over needs an answer, not another incarnation. */
    hear_of(&s, 2, 1, 4, LIVE_DOWN, 2);
    CHECK(!s.news.refuted && s.news.answer);
    CHECK_EQ(s.d.own.incarnation, 5);
    /* Facts of before a restart are refuted too, or they would win; nobody was ill. */
    fresh(&s);
    detector_hear(&s.d, 2, &(struct gossip_record){1, 5, LIVE_UP, 99, 9, true, false, 0}, s.now_us,
                  &s.news);
    CHECK(s.news.refuted);
    CHECK_EQ(s.d.own.incarnation, 6);
    CHECK_EQ(s.d.score, 1);
    /* No incarnation is above the last one. */
    hear_of(&s, 2, 1, UINT64_MAX, LIVE_DOWN, 0);
    CHECK_EQ(s.d.own.incarnation, 6);
    end(&s);
}

/* ---- slow, not dead ---- */

TEST(who_is_slow_stays_grey_for_a_while)
{
    struct stage s;
    uint64_t seq, since;

    begin(&s, 2);
    CHECK_EQ(next_probe(&s, &seq), 2);
    pass(&s, TIMEOUT / 2);
    acked(&s, 2, seq);
    CHECK(!detector_grey(&s.d, 2));
    CHECK_EQ(next_probe(&s, &seq), 2);
    pass(&s, TIMEOUT / 2 + 1);
    acked(&s, 2, seq);
    CHECK(detector_grey(&s.d, 2));
    CHECK(s.news.regrade && !s.news.any_changed);
    CHECK_EQ(state(&s, 2), LIVE_UP);
    CHECK(detector_reaches(&s.d, 2));
    since = s.now_us;
    for (int i = 0; i < 40; i++) {
        bool before = detector_grey(&s.d, 2);
        CHECK_EQ(next_probe(&s, &seq), 2);
        acked(&s, 2, seq);
        CHECK_EQ(detector_grey(&s.d, 2), s.now_us - since < GREY_MS * (uint64_t)MS);
        CHECK_EQ(s.news.regrade, before != detector_grey(&s.d, 2));
    }
    CHECK(!detector_grey(&s.d, 2));
    /* Who does not answer at all is slow, before it is anything else. */
    CHECK_EQ(next_probe(&s, &seq), 2);
    pass(&s, TIMEOUT);
    CHECK(detector_grey(&s.d, 2));
    CHECK_EQ(state(&s, 2), LIVE_UP);
    end(&s);
}

/* Whoever doubts itself does not call others slow for its own slowness. */
TEST(slow_is_by_the_own_measure)
{
    struct stage s;
    uint64_t seq;

    begin(&s, 2);
    s.d.score = 4;
    CHECK_EQ(next_probe(&s, &seq), 2);
    pass(&s, TIMEOUT);
    acked(&s, 2, seq);
    CHECK(!detector_grey(&s.d, 2));
    end(&s);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(every_peer_is_probed_before_any_again),
        T(turns_survive_a_change_of_members),
        T(three_others_are_asked_for_who_is_silent),
        T(who_is_silent_to_all_is_suspected),
        T(a_helper_says_that_it_heard_nothing),
        T(a_helper_without_a_link_says_so_at_once),
        T(a_failed_probe_and_silent_helpers_make_it_doubt_itself),
        T(who_doubts_itself_waits_longer_and_probes_less),
        T(a_suspect_that_is_silent_is_no_reason_for_doubt),
        T(who_confirms_a_suspicion_shortens_it),
        T(the_own_finding_confirms_as_well),
        T(hearsay_alone_kills_nobody),
        T(a_lost_link_is_looked_into_at_once),
        T(time_in_which_it_was_not_awake_does_not_count),
        T(what_is_believed),
        T(it_refutes_what_is_said_of_it),
        T(who_is_slow_stays_grey_for_a_while),
        T(slow_is_by_the_own_measure),
    };
    return tap_main(argc, argv, tests);
}

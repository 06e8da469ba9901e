/* SPDX-License-Identifier: Apache-2.0 */
/* The failure detector alone: a few of them in one table, probes carried by hand. */
#include "cluster/detector.h"

#include "base/check.h"
#include "tap.h"

enum { NODES = 5, MS = 1000 };

struct crowd {
    struct config config;
    struct random random;
    struct detector detectors[NODES];
    bool dead[NODES];
    bool deaf[NODES][NODES]; /* messages from the first to the second are lost */
    uint64_t now_us;
    uint32_t said;
};

static void carry(struct crowd *crowd, unsigned from, const struct detector_news *news)
{
    for (uint32_t i = 0; i < news->say_count; i++) {
        unsigned to = (unsigned)news->say[i].to - 1;
        struct detector *d = &crowd->detectors[to];
        struct detector_news answer = {.say_count = 0};
        crowd->said++;
        if (crowd->dead[to] || crowd->dead[from] || crowd->deaf[from][to])
            continue;
        if (news->say[i].kind == TALK_PING)
            detector_pinged(from + 1, news->say[i].probe.seq, &answer);
        else if (news->say[i].kind == TALK_PING_FOR)
            detector_ping_for(d, from + 1, news->say[i].probe.seq, news->say[i].probe.node,
                              crowd->now_us, &answer);
        else
            detector_acked(d, from + 1, news->say[i].probe.seq, &answer);
        carry(crowd, to, &answer);
    }
}

/* Everybody hears what everybody believes. */
static void gossip(struct crowd *crowd)
{
    for (unsigned a = 0; a < NODES; a++) {
        for (unsigned b = 0; b < NODES; b++) {
            struct detector_news news = {.say_count = 0};
            if (a == b || crowd->dead[a] || crowd->dead[b] || crowd->deaf[a][b])
                continue;
            detector_hear(&crowd->detectors[b], &crowd->detectors[a].own, crowd->now_us, &news);
            for (uint32_t i = 0; i < crowd->detectors[a].count; i++)
                detector_hear(&crowd->detectors[b], &crowd->detectors[a].peers[i].record,
                              crowd->now_us, &news);
        }
    }
}

static void run(struct crowd *crowd, uint32_t ms)
{
    for (uint32_t i = 0; i < ms / 10; i++) {
        crowd->now_us += 10 * MS;
        for (unsigned a = 0; a < NODES; a++) {
            struct detector_news news = {.say_count = 0};
            if (crowd->dead[a])
                continue;
            detector_tick(&crowd->detectors[a], crowd->now_us, &crowd->random, &news);
            carry(crowd, a, &news);
        }
        gossip(crowd);
    }
}

static void crowd_init(struct crowd *crowd)
{
    struct seed seed = seed_of(5);
    uint64_t nodes[NODES] = {1, 2, 3, 4, 5};

    memset(crowd, 0, sizeof(*crowd));
    config_init(&crowd->config);
    random_init(&crowd->random, &seed, 0);
    for (unsigned a = 0; a < NODES; a++) {
        detector_init(&crowd->detectors[a], &crowd->config, a + 1);
        detector_members(&crowd->detectors[a], nodes, NODES);
        for (unsigned b = 0; b < NODES; b++)
            detector_link(&crowd->detectors[a], b + 1, true, 0);
    }
}

static enum liveness believes(const struct crowd *crowd, unsigned who, unsigned of)
{
    return detector_record(&crowd->detectors[who], of + 1)->state;
}

TEST(all_is_well)
{
    struct crowd crowd;

    crowd_init(&crowd);
    run(&crowd, 20000);
    for (unsigned a = 0; a < NODES; a++) {
        for (unsigned b = 0; b < NODES; b++)
            CHECK_EQ(believes(&crowd, a, b), LIVE_UP);
        CHECK(detector_reaches(&crowd.detectors[a], a + 1));
        CHECK(!detector_reaches(&crowd.detectors[a], 99));
    }
    /* One ping and one answer a second each. */
    CHECK(crowd.said < 2 * NODES * 25);
}

TEST(a_dead_node_is_suspected_and_then_down)
{
    struct crowd crowd;

    crowd_init(&crowd);
    run(&crowd, 3000);
    crowd.dead[2] = true;
    run(&crowd, 6000);
    CHECK(believes(&crowd, 0, 2) != LIVE_UP);
    run(&crowd, 6000);
    for (unsigned a = 0; a < NODES; a++) {
        if (a != 2)
            CHECK_EQ(believes(&crowd, a, 2), LIVE_DOWN);
    }
    CHECK(!detector_reaches(&crowd.detectors[0], 3));
    /* It comes back, hears of itself and refutes. */
    crowd.dead[2] = false;
    run(&crowd, 100);
    for (unsigned a = 0; a < NODES; a++)
        CHECK_EQ(believes(&crowd, a, 2), LIVE_UP);
    CHECK(crowd.detectors[2].own.incarnation > 0);
}

TEST(a_bad_link_between_two_is_no_death)
{
    struct crowd crowd;

    crowd_init(&crowd);
    crowd.deaf[0][1] = crowd.deaf[1][0] = true;
    run(&crowd, 30000);
    for (unsigned a = 0; a < NODES; a++)
        CHECK(believes(&crowd, a, 1) != LIVE_DOWN);
    CHECK_EQ(believes(&crowd, 0, 1), LIVE_UP);
}

TEST(a_lost_link_is_looked_into_at_once)
{
    struct crowd crowd;

    crowd_init(&crowd);
    run(&crowd, 100);
    crowd.dead[4] = true;
    for (unsigned a = 0; a < 4; a++)
        detector_link(&crowd.detectors[a], 5, false, crowd.now_us);
    CHECK(!detector_reaches(&crowd.detectors[0], 5));
    run(&crowd, 700);
    CHECK_EQ(believes(&crowd, 0, 4), LIVE_SUSPECT);
    run(&crowd, 2100);
    CHECK_EQ(believes(&crowd, 0, 4), LIVE_DOWN);
}

TEST(what_is_believed)
{
    struct crowd crowd;
    struct detector *d = &crowd.detectors[0];
    struct detector_news news = {.say_count = 0};

    crowd_init(&crowd);
    detector_hear(d, &(struct gossip_record){2, 0, LIVE_DOWN, 0, 0, false}, 1, &news);
    CHECK_EQ(believes(&crowd, 0, 1), LIVE_DOWN);
    CHECK_EQ(news.changed_count, 1);
    detector_hear(d, &(struct gossip_record){2, 0, LIVE_UP, 3, 7, true}, 1, &news);
    CHECK_EQ(believes(&crowd, 0, 1), LIVE_DOWN);
    CHECK_EQ(detector_record(d, 2)->epoch, 7);
    CHECK(detector_record(d, 2)->holds);
    detector_hear(d, &(struct gossip_record){2, 1, LIVE_UP, 0, 0, false}, 1, &news);
    CHECK_EQ(believes(&crowd, 0, 1), LIVE_UP);
    detector_hear(d, &(struct gossip_record){2, 0, LIVE_DOWN, 9, 9, true}, 1, &news);
    CHECK_EQ(believes(&crowd, 0, 1), LIVE_UP);
    CHECK(!detector_record(d, 2)->holds);
    CHECK(!news.refuted);
    detector_hear(d, &(struct gossip_record){1, 4, LIVE_SUSPECT, 0, 0, false}, 1, &news);
    CHECK(news.refuted);
    CHECK_EQ(d->own.incarnation, 5);
    /* Facts of before a restart are refuted too, or they would win. */
    news.refuted = false;
    detector_hear(d, &(struct gossip_record){1, 5, LIVE_UP, 99, 9, true}, 1, &news);
    CHECK(news.refuted);
    detector_hear(d, &(struct gossip_record){77, 5, LIVE_UP, 99, 9, true}, 1, &news);
    CHECK(detector_record(d, 77) == NULL);
    /* No incarnation is above the last one. */
    detector_hear(d, &(struct gossip_record){1, UINT64_MAX, LIVE_DOWN, 0, 0, false}, 1, &news);
    CHECK_EQ(d->own.incarnation, 6);
}

TEST(every_peer_is_probed_before_any_again)
{
    struct crowd crowd;
    uint32_t probed[NODES] = {0};

    crowd_init(&crowd);
    struct detector *d = &crowd.detectors[0];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < NODES - 1; i++) {
            struct detector_news news = {.say_count = 0};
            crowd.now_us = d->next_us;
            detector_tick(d, crowd.now_us, &crowd.random, &news);
            for (uint32_t j = 0; j < news.say_count; j++) {
                if (news.say[j].kind != TALK_PING)
                    continue;
                struct detector_news acked = {.say_count = 0};
                probed[news.say[j].to - 1]++;
                detector_acked(d, news.say[j].to, news.say[j].probe.seq, &acked);
            }
        }
        for (int i = 1; i < NODES; i++)
            CHECK_EQ(probed[i], round + 1);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_is_well),
        T(a_dead_node_is_suspected_and_then_down),
        T(a_bad_link_between_two_is_no_death),
        T(a_lost_link_is_looked_into_at_once),
        T(what_is_believed),
        T(every_peer_is_probed_before_any_again),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* When replicas are compared: of five nodes, 1, 2 and 3 are the replicas of all eight
 * partitions. */
#include "kv/limits.h"
#include "kv/sweep.h"
#include "stage.h"
#include "tap.h"

enum { PARTITIONS = 8, PEERS = 2, ALL = PARTITIONS * PEERS, SECOND = 1000000 };

static struct stage stage;
static struct sweep *sweep;

/* What has begun and not ended. */
static struct exchange_order begun[64];
static uint32_t begun_count;
static uint64_t moves; /* what is made up in each of them */

static void begin(uint16_t self)
{
    struct seed seed = seed_of(9);

    stage_begin(&stage, 5, 3);
    stage.view.self = self + 1U;
    stage.view.self_index = self;
    begun_count = 0;
    moves = 0;
    sweep = sweep_new(&stage.config, &seed);
    sweep_look(sweep, &stage.view, stage.now_us);
}

static void end(void)
{
    sweep_free(sweep);
    stage_end(&stage);
}

/* Begins what is due now; how many. */
static uint32_t due(uint64_t requests)
{
    uint32_t before = begun_count;

    while (begun_count < ARRAY_LEN(begun) &&
           sweep_due(sweep, &stage.view, requests, stage.now_us, &begun[begun_count]))
        begun_count++;
    return begun_count - before;
}

/* The oldest one ends. */
static void ended(enum err err, uint64_t left)
{
    struct exchange_result result = {
        .order = begun[0], .rows = 10, .pulled = moves, .left = left, .err = err};
    struct event ev = stage_event(&stage, EV_PEER);

    CHECK_FATAL(begun_count > 0);
    CHECK_EQ(begun[0].tag, SWEEP_TAG);
    CHECK(begun[0].pull && begun[0].push);
    begun_count--;
    memmove(&begun[0], &begun[1], begun_count * sizeof(begun[0]));
    sweep_exchanged(sweep, &result, &ev);
}

/* Time passes until something is due; false when that is never. */
static bool wait(void)
{
    uint64_t at = sweep_deadline_us(sweep);

    if (at == UINT64_MAX)
        return false;
    stage.now_us = at > stage.now_us ? at : stage.now_us;
    return true;
}

/* Compares everything that is due within the time, one by one; how often. */
static uint32_t run(uint64_t us)
{
    uint64_t until = stage.now_us + us;
    uint32_t count = 0;

    while (sweep_deadline_us(sweep) <= until && wait()) {
        count += due(0);
        while (begun_count > 0)
            ended(ERR_OK, 0);
    }
    stage.now_us = until;
    return count;
}

static uint32_t repair(uint32_t partition)
{
    sweep_repair(sweep, partition);
    return sweep_pairs(sweep, partition);
}

static uint64_t soon_us(void)
{
    return (uint64_t)(SWEEP_SOON_MS + SWEEP_SPREAD_MS) * 1000;
}

TEST(all_pairs_are_compared_soon_after_the_start)
{
    uint32_t seen[PARTITIONS] = {0};

    begin(0);
    uint64_t start_us = stage.now_us;
    CHECK(!sweep_clean_since(sweep, start_us));
    CHECK_EQ(due(0), 0);
    for (uint32_t i = 0; i < ALL; i++) {
        CHECK_FATAL(wait());
        CHECK_EQ_FATAL(due(0), 1);
        CHECK(begun[0].peer == 2 || begun[0].peer == 3);
        CHECK_FATAL(begun[0].partition < PARTITIONS);
        seen[begun[0].partition] |= 1u << begun[0].peer;
        ended(ERR_OK, 0);
    }
    CHECK(stage.now_us >= start_us + (uint64_t)SWEEP_SOON_MS * 1000);
    CHECK(stage.now_us <= start_us + soon_us());
    for (uint32_t p = 0; p < PARTITIONS; p++)
        CHECK_EQ(seen[p], 1u << 2 | 1u << 3);
    CHECK(sweep_clean_since(sweep, start_us));
    end();
}

/* Of a pair the one with the lower id begins. */
TEST(one_of_a_pair_begins)
{
    static const uint32_t begins[] = {2 * PARTITIONS, PARTITIONS, 0, 0, 0};

    for (uint16_t self = 0; self < ARRAY_LEN(begins); self++) {
        begin(self);
        CHECK_EQ(run(10 * SECOND), begins[self]);
        end();
    }
}

TEST(then_now_and_then)
{
    begin(0);
    uint64_t interval_us = (uint64_t)stage.config.anti_entropy_interval_ms * 1000;
    CHECK_EQ(run(10 * SECOND), ALL);
    CHECK_EQ(run(interval_us * 3 / 4 - 11 * SECOND), 0);
    CHECK_EQ(run(interval_us / 2 + 20 * SECOND), ALL);
    /* By and by the times drift apart. */
    uint32_t count = run(100 * interval_us);
    CHECK(count > 95 * ALL && count < 105 * ALL);
    end();
}

TEST(few_are_under_way_at_once)
{
    begin(0);
    stage.config.anti_entropy_concurrency = 3;
    stage.now_us += soon_us();
    CHECK_EQ(due(0), 3);
    CHECK_EQ(sweep_deadline_us(sweep), UINT64_MAX);
    ended(ERR_OK, 0);
    CHECK_EQ(due(0), 1);
    end();
}

TEST(clients_come_first)
{
    begin(0);
    stage.now_us += soon_us();
    CHECK_EQ(due(stage.config.requests_max / SWEEP_SHARE + 1), 0);
    CHECK_EQ(sweep_deadline_us(sweep), stage.now_us + (uint64_t)SWEEP_LOOK_MS * 1000);
    CHECK_EQ(due(0), 0);
    CHECK(wait());
    CHECK(due(stage.config.requests_max / SWEEP_SHARE) > 0);
    end();
}

/* A peer that is down is left alone until it is back. */
TEST(a_peer_that_is_down)
{
    begin(1);
    stage.members[2].up = false;
    CHECK_EQ(run(10 * SECOND), 0);
    CHECK_EQ(sweep_deadline_us(sweep), UINT64_MAX);
    CHECK(!sweep_clean_since(sweep, 1));
    stage.members[2].up = true;
    sweep_back(sweep, 3, stage.now_us);
    sweep_back(sweep, 1, stage.now_us);
    CHECK_EQ(run(soon_us()), PARTITIONS);
    CHECK(sweep_clean_since(sweep, 1));
    end();
}

/* Each time that a peer is back is an occasion, but one that comes and goes is not compared all the
 * time. */
TEST(a_peer_that_flaps)
{
    begin(1);
    CHECK_EQ(run(20 * SECOND), PARTITIONS);
    uint64_t since_us = stage.now_us;
    sweep_back(sweep, 3, stage.now_us);
    CHECK(!sweep_clean_since(sweep, since_us));
    CHECK_EQ(run(soon_us()), PARTITIONS);
    CHECK(sweep_clean_since(sweep, since_us));
    uint32_t count = 0;
    for (uint32_t i = 0; i < 40; i++) {
        sweep_back(sweep, 3, stage.now_us);
        count += run(SECOND / 2);
    }
    CHECK(count >= 3 * PARTITIONS);
    CHECK(count <= 5 * PARTITIONS);
    end();
}

/* An occasion while it runs: what it has seen already may have changed. */
TEST(an_occasion_meanwhile)
{
    begin(1);
    CHECK(wait());
    CHECK_EQ(due(0), 1);
    struct exchange_order order = begun[0];
    sweep_back(sweep, 3, stage.now_us);
    ended(ERR_OK, 0);
    uint32_t count = 0;
    for (uint64_t until = stage.now_us + soon_us() + SWEEP_GAP_MS * 1000;
         sweep_deadline_us(sweep) < until && wait();) {
        (void)due(0);
        while (begun_count > 0) {
            count += begun[0].partition == order.partition;
            ended(ERR_OK, 0);
        }
    }
    CHECK_EQ(count, 1);
    end();
}

/* What failed, or left something, is tried again, less and less often. */
TEST(what_failed_is_tried_again)
{
    begin(1);
    stage.config.anti_entropy_interval_ms = 60000;
    uint64_t last_us = 0, gap_us = 0;
    for (uint32_t i = 0; i < 12; i++) {
        CHECK_FATAL(wait());
        while (due(0) > 0) {
            while (begun_count > 0) {
                bool watched = begun[0].partition == 4;
                if (watched && last_us > 0)
                    CHECK(stage.now_us - last_us >= gap_us);
                if (watched)
                    gap_us = last_us == 0 ? 1 : stage.now_us - last_us;
                last_us = watched ? stage.now_us : last_us;
                ended(watched && i % 2 == 0 ? ERR_TIMEOUT : ERR_OK, watched ? 1 : 0);
            }
        }
    }
    CHECK(!sweep_clean_since(sweep, 1));
    CHECK(gap_us >= (uint64_t)SWEEP_GAP_MS * 1000);
    CHECK(gap_us <= UINT64_C(60000000));
    end();
}

/* What has moved something is looked at again, less and less soon: a receiver may know more then
 * than the sender. */
TEST(what_moved_something_is_followed)
{
    begin(1);
    moves = 1;
    CHECK_EQ(run(soon_us()), PARTITIONS);
    CHECK(!sweep_clean_since(sweep, 1));
    CHECK_EQ(run(SWEEP_GAP_MS * UINT64_C(1000)), PARTITIONS);
    CHECK_EQ(run(SWEEP_GAP_MS * UINT64_C(1000) - SECOND), 0);
    moves = 0;
    CHECK_EQ(run(2 * SWEEP_GAP_MS * UINT64_C(1000)), PARTITIONS);
    CHECK(sweep_clean_since(sweep, 1));
    CHECK_EQ(run(100 * SECOND), 0);
    /* A repair is done all the same. */
    moves = 1;
    CHECK_EQ(repair(3), PEERS);
    CHECK_EQ(run(SECOND), PEERS);
    CHECK_EQ(run(SECOND), 0);
    end();
}

TEST(off_is_off)
{
    begin(0);
    stage.config.anti_entropy = false;
    CHECK_EQ(run(100 * SECOND), 0);
    CHECK_EQ(sweep_deadline_us(sweep), UINT64_MAX);
    /* But what is asked for is done, whatever else would be due, and once. */
    CHECK_EQ(repair(3), PEERS);
    CHECK_EQ(run(100 * SECOND), PEERS);
    /* What has failed is tried until it is done. */
    CHECK_EQ(repair(3), PEERS);
    CHECK(wait());
    CHECK_EQ(due(stage.config.requests_max), PEERS);
    ended(ERR_TIMEOUT, 0);
    ended(ERR_OK, 0);
    CHECK_EQ(due(0), 0);
    CHECK_EQ(run(100 * SECOND), 1);
    CHECK_EQ(run(100 * SECOND), 0);
    stage.config.anti_entropy = true;
    CHECK(run(SECOND) > 0);
    end();
}

TEST(whoever_is_asked_repairs)
{
    begin(2);
    CHECK_EQ(run(100 * SECOND), 0);
    CHECK_EQ(repair(SWEEP_ALL), ALL);
    CHECK(!sweep_clean_since(sweep, 1));
    CHECK_EQ(run(SECOND), ALL);
    CHECK(sweep_clean_since(sweep, 1));
    CHECK_EQ(run(5000 * (uint64_t)SECOND), 0);
    CHECK_EQ(repair(PARTITIONS), 0);
    end();
    begin(3);
    CHECK_EQ(repair(SWEEP_ALL), 0);
    end();
}

/* Asked for while one runs: another one follows. */
TEST(a_repair_meanwhile)
{
    begin(2);
    CHECK_EQ(repair(1), PEERS);
    CHECK_EQ(due(0), PEERS);
    CHECK_EQ(repair(1), PEERS);
    ended(ERR_OK, 0);
    ended(ERR_OK, 0);
    CHECK_EQ(run(SECOND), PEERS);
    CHECK_EQ(run(SECOND), 0);
    end();
}

/* A peer that is asked for and is down is not forgotten. */
TEST(a_repair_waits_for_the_peer)
{
    begin(2);
    stage.members[0].up = false;
    CHECK_EQ(repair(1), PEERS);
    CHECK_EQ(run(SECOND), 1);
    stage.members[0].up = true;
    sweep_back(sweep, 1, stage.now_us);
    CHECK_EQ(run(SECOND), 1);
    end();
}

/* Owners change: what is no pair any more goes, also when it is under way; a new one is compared
 * soon. */
TEST(owners_change)
{
    uint16_t place[PARTITIONS * 3];
    struct document *document = stage.document;

    begin(0);
    document = stage.document;
    CHECK_EQ(run(10 * SECOND), ALL);
    CHECK_EQ(repair(5), PEERS);
    CHECK_EQ(due(0), PEERS);
    memcpy(place, document->place, sizeof(place));
    place[5 * 3 + 1] = 4;
    place[5 * 3 + 2] = 3;
    place[6 * 3 + 1] = 4;
    const uint16_t *before = document->place;
    document->place = place;
    stage.view.ring.place = place;
    document->epoch++;
    sweep_look(sweep, &stage.view, stage.now_us);
    ended(ERR_OK, 0);
    ended(ERR_UNREACHABLE, 0);
    CHECK_EQ(run(soon_us()), 3);
    document->place = before;
    end();
}

TEST(a_status_tells)
{
    begin(1);
    CHECK_EQ(run(10 * SECOND), PARTITIONS);
    stage.now_us += 3 * SECOND;
    const struct sweep_status *status =
        sweep_status(sweep, &stage.view, &stage.arena, stage.now_us);
    CHECK(status->on);
    CHECK_EQ(status->interval_ms, 600000);
    CHECK_EQ(status->passes, PARTITIONS);
    CHECK_EQ(status->failed, 0);
    CHECK_EQ(status->rows, 10 * PARTITIONS);
    CHECK_EQ(status->pulled, 0);
    CHECK_EQ_FATAL(status->pairings_count, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        const struct sweep_pairing *p = &status->pairings[i];
        CHECK_EQ(p->partition, i / 2);
        CHECK_EQ(p->begins, p->peer == 3);
        CHECK_EQ(p->ever, p->begins);
        CHECK_EQ(p->whole, p->begins);
        CHECK(!p->begins || (p->age_ms >= 3000 && p->age_ms < 15000));
        CHECK(p->peer_name.len > 0);
    }
    end();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(all_pairs_are_compared_soon_after_the_start),
        T(one_of_a_pair_begins),
        T(then_now_and_then),
        T(few_are_under_way_at_once),
        T(clients_come_first),
        T(a_peer_that_is_down),
        T(a_peer_that_flaps),
        T(an_occasion_meanwhile),
        T(what_failed_is_tried_again),
        T(what_moved_something_is_followed),
        T(off_is_off),
        T(whoever_is_asked_repairs),
        T(a_repair_meanwhile),
        T(a_repair_waits_for_the_peer),
        T(owners_change),
        T(a_status_tells),
    };
    return tap_main(argc, argv, tests);
}

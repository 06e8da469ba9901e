/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange over a network that loses, repeats and reorders, with peers that refuse, are silent
 * or say nonsense, and stores that take their time. */
#include "couple.h"
#include "kv/limits.h"
#include "record/keys.h"
#include "tap.h"

enum { PARTITION = 5, ROWS = 40, ACTS_MAX = 2000 };

static struct couple couple;

static void put(uint32_t n, bool here, bool there)
{
    struct key key = couple_key(&couple, PARTITION, n);
    struct stage *s = &couple.nodes[0].stage;
    struct object *object = stage_object(s, 9, 1, 1000, "value");

    if (here)
        couple_store(&couple, 0, &key, object);
    if (there)
        couple_store(&couple, 1, &key, object);
}

/* Some rows at both, some at one only. */
static void begin(uint32_t rows)
{
    couple_begin(&couple, 3, 3);
    for (uint32_t i = 0; i < rows; i++)
        put(i, i % 3 != 0, i % 3 != 1);
}

static void ended(enum err err)
{
    CHECK(couple.exchange->done);
    CHECK_EQ(couple.ends, 1);
    CHECK_EQ(couple.result.err, err);
}

TEST(a_peer_that_is_down_is_not_asked)
{
    begin(4);
    couple.nodes[0].stage.members[1].up = false;
    couple_start(&couple, PARTITION, true, true);
    ended(ERR_UNREACHABLE);
    CHECK_EQ(couple.queued, 0);
    couple_end(&couple);
}

/* In whatever state the peer goes, or the node stops: the pass ends once, and what comes later does
 * no harm. */
static void broken_after_each_act(enum event_kind kind, enum err err, bool pull, bool push)
{
    uint32_t early = 0;

    for (uint32_t acts = 0; acts < ACTS_MAX; acts++) {
        begin(ROWS);
        couple_start(&couple, PARTITION, pull, push);
        for (uint32_t i = 0; i < acts; i++) {
            if (!couple_act(&couple) && !couple.exchange->done)
                couple_deadline(&couple);
        }
        bool over = couple.exchange->done;
        if (!over)
            couple_tell(&couple, kind);
        ended(over ? ERR_OK : err);
        while (couple_act(&couple))
            ;
        CHECK_EQ(couple.ends, 1);
        early += !over;
        couple_end(&couple);
        if (over)
            break;
    }
    CHECK(early > 5);
    CHECK(early < ACTS_MAX);
}

TEST(the_link_breaks_in_every_state)
{
    broken_after_each_act(EV_LINK_DOWN, ERR_UNREACHABLE, true, true);
    broken_after_each_act(EV_LINK_DOWN, ERR_UNREACHABLE, false, true);
}

TEST(the_node_stops_in_every_state)
{
    broken_after_each_act(EV_STOP, ERR_STOPPING, true, false);
}

/* Between two pages too. */
TEST(the_link_breaks_while_it_rests)
{
    begin(1200);
    couple_start(&couple, PARTITION, true, true);
    while (couple_act(&couple))
        ;
    CHECK(!couple.exchange->done);
    couple_tell(&couple, EV_LINK_DOWN);
    ended(ERR_UNREACHABLE);
    couple_end(&couple);
}

/* Interrupted passes come to the same end as one. */
TEST(it_begins_again_until_it_is_through)
{
    uint32_t passes = 0;

    begin(ROWS);
    do {
        couple.ends = 0;
        couple_start(&couple, PARTITION, true, true);
        for (uint32_t i = 0; i < 80 && !couple.exchange->done; i++) {
            if (!couple_act(&couple))
                couple_deadline(&couple);
        }
        if (!couple.exchange->done)
            couple_tell(&couple, EV_LINK_DOWN);
        while (couple_act(&couple))
            ;
    } while (++passes < 100 && couple.result.err != ERR_OK);
    CHECK_EQ(couple.result.err, ERR_OK);
    CHECK_EQ(couple.result.left, 0);
    CHECK(passes > 1);
    CHECK(couple_equal(&couple, PARTITION));
    couple_end(&couple);
}

TEST(a_silent_peer)
{
    begin(ROWS);
    couple.silent = true;
    couple_start(&couple, PARTITION, true, true);
    while (couple_act(&couple))
        ;
    CHECK_EQ(couple.exchange->deadline_us,
             couple.nodes[0].stage.now_us + (uint64_t)EXCHANGE_WAIT_MS * 1000);
    couple_deadline(&couple);
    ended(ERR_TIMEOUT);
    couple_end(&couple);
}

/* It falls silent in the middle of the rows. */
TEST(a_peer_that_falls_silent)
{
    begin(ROWS);
    couple_start(&couple, PARTITION, true, true);
    while (couple.puts < 6)
        CHECK(couple_act(&couple));
    couple.silent = true;
    while (couple_act(&couple))
        ;
    CHECK(!couple.exchange->done);
    couple_deadline(&couple);
    ended(ERR_TIMEOUT);
    CHECK(couple.result.pulled + couple.result.pushed > 0);
    couple_end(&couple);
}

TEST(refused_objects_are_left)
{
    begin(9);
    couple.refuse = ERR_OVERLOAD;
    couple_start(&couple, PARTITION, true, true);
    couple_run(&couple);
    ended(ERR_OK);
    CHECK_EQ(couple.result.left, 6);
    CHECK_EQ(couple.result.pulled + couple.result.pushed, 0);
    couple_end(&couple);
}

TEST(what_is_not_durable_is_left)
{
    begin(9);
    couple.forget = true;
    couple_start(&couple, PARTITION, true, false);
    couple_run(&couple);
    ended(ERR_OK);
    CHECK_EQ(couple.result.left, 3);
    CHECK_EQ(couple.result.pulled, 0);
    couple_end(&couple);
}

/* Nothing is said before it is on stable storage: not that an object is here, ... */
TEST(a_pull_waits_for_the_store)
{
    begin(9);
    couple.held = true;
    couple_start(&couple, PARTITION, true, false);
    couple_run(&couple);
    CHECK(!couple.exchange->done);
    CHECK(!couple.lax);
    CHECK_EQ(couple.puts, 0); /* the peer's answer waits, too */
    couple.held = false;
    while (couple.puts < 3)
        CHECK(couple_act(&couple));
    couple.held = true;
    couple_run(&couple);
    CHECK(!couple.exchange->done);
    couple.held = false;
    couple_run(&couple);
    ended(ERR_OK);
    CHECK_EQ(couple.result.pulled, 3);
    couple_end(&couple);
}

/* ... nor that what both have will stay. */
TEST(equal_stores_are_made_durable)
{
    couple_begin(&couple, 3, 3);
    for (uint32_t i = 0; i < 1100; i++)
        put(i, true, true);
    couple_start(&couple, PARTITION, true, false);
    couple_run(&couple);
    ended(ERR_OK);
    CHECK_EQ(couple.syncs[0], 1);
    CHECK_EQ(couple.syncs[1], 1);
    couple_start(&couple, PARTITION, false, true);
    couple.held = true;
    couple_run(&couple);
    CHECK(!couple.exchange->done);
    CHECK_EQ(couple.syncs[1], 2);
    couple.held = false;
    couple_run(&couple);
    CHECK(couple.exchange->done);
    CHECK_EQ(couple.syncs[0], 1);
    couple_end(&couple);
}

/* Messages come in any order, and again, also for rows and pages that are over. */
TEST(late_and_repeated_answers_count_once)
{
    uint32_t stale = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct seed number = seed_of(seed);
        struct random chaos;
        uint64_t pulls = 0, pushes = 0;

        random_init(&chaos, &number, 3);
        couple_begin(&couple, 3, 3);
        uint32_t rows = 300 + (uint32_t)random_below(&chaos, 1000);
        for (uint32_t i = 0; i < rows; i++) {
            uint64_t what = random_below(&chaos, 20);
            put(i, what != 0, what != 1);
            pulls += what == 0;
            pushes += what == 1;
        }
        couple.chaos = &chaos;
        couple_start(&couple, PARTITION, true, true);
        couple_run(&couple);
        ended(ERR_OK);
        CHECK_EQ(couple.result.pulled, pulls);
        CHECK_EQ(couple.result.pushed, pushes);
        CHECK_EQ(couple.result.left, 0);
        CHECK(couple_equal(&couple, PARTITION));
        stale += couple.stale;
        couple_end(&couple);
    }
    CHECK(stale > 100);
}

/* An acknowledgement of the page before is for no row of this one. */
TEST(an_answer_of_another_page_finds_nobody)
{
    struct peer_msg msg = {.kind = PEER_PUT_ACK};

    couple_begin(&couple, 3, 3);
    for (uint32_t i = 0; i < 1100; i++)
        put(i, true, i % 100 != 0);
    couple_start(&couple, PARTITION, false, true);
    uint64_t id = couple.exchange->id;
    while (couple_act(&couple))
        ;
    CHECK(couple.exchange->id != id);
    struct machine old = {.id = id};
    msg.u.put_ack = (struct peer_put_ack){machine_token(&old, 0), ERR_OK, true, 0};
    CHECK(machine_of_token(msg.u.put_ack.token) != couple.exchange->id);
    couple_run(&couple);
    ended(ERR_OK);
    CHECK_EQ(couple.result.pushed, 11);
    couple_end(&couple);
}

TEST(a_peer_that_refuses_to_be_compared)
{
    struct peer_digested no = {.err = ERR_OVERLOAD};

    begin(9);
    couple.instead = &no;
    couple_start(&couple, PARTITION, true, true);
    couple_run(&couple);
    ended(ERR_OVERLOAD);
    couple_end(&couple);
}

/* ---- answers that are none ---- */

static void told(const struct peer_digested *digested, enum err err)
{
    struct peer_digested copy = *digested;

    couple.ends = 0;
    couple.instead = &copy;
    couple_start(&couple, PARTITION, true, true);
    couple_run(&couple);
    ended(err);
}

static struct bytes row_key(uint32_t partition, uint32_t n)
{
    struct key key = couple_key(&couple, partition, n);

    return stage_row_key(&couple.nodes[0].stage, &key);
}

TEST(nonsense_ends_the_pass)
{
    struct peer_row rows[600] = {{.key = BYTES_NONE}};
    struct peer_digested digested = {.rows = rows, .rows_count = 1, .done = true};

    begin(6);
    rows[0].key = BYTES_LIT("no row key at all");
    told(&digested, ERR_MALFORMED);
    rows[0].key = row_key(PARTITION + 1, 1);
    told(&digested, ERR_MALFORMED);
    rows[0].key = row_key(PARTITION - 1, 1);
    told(&digested, ERR_MALFORMED);
    /* Out of order, or twice. */
    struct bytes a = row_key(PARTITION, 1), b = row_key(PARTITION, 2);
    rows[0].key = bytes_cmp(a, b) < 0 ? b : a;
    rows[1].key = bytes_cmp(a, b) < 0 ? a : b;
    digested.rows_count = 2;
    told(&digested, ERR_MALFORMED);
    rows[1].key = rows[0].key;
    told(&digested, ERR_MALFORMED);
    /* More than there may be in a page. */
    digested.rows_count = ARRAY_LEN(rows);
    told(&digested, ERR_MALFORMED);
    couple_end(&couple);
}

/* How far a page goes decides where the next one begins: it must be after this one's begin and
 * within what was asked for. */
TEST(pages_that_do_not_get_on)
{
    struct peer_row row = {.key = BYTES_NONE};
    struct peer_digested digested = {.rows = &row, .rows_count = 0};
    struct row_range range;

    couple_begin(&couple, 3, 3);
    range = digests_range(&couple.arena, &couple.nodes[0].stage.view.ring, PARTITION);
    told(&digested, ERR_MALFORMED);
    digested.last_row = BYTES_LIT("");
    told(&digested, ERR_MALFORMED);
    digested.last_row = bytes_sub(range.from, 0, 1);
    told(&digested, ERR_MALFORMED);
    digested.last_row = range.end;
    told(&digested, ERR_MALFORMED);
    digested.last_row = row_key(PARTITION + 1, 3);
    told(&digested, ERR_MALFORMED);
    /* Behind the page's own rows. */
    row.key = row_key(PARTITION, 3);
    digested.rows_count = 1;
    digested.last_row = range.from;
    told(&digested, ERR_MALFORMED);
    couple_end(&couple);
}

/* Rows beyond what was asked for. */
TEST(rows_beyond_the_range)
{
    struct peer_row row;
    struct bytes last = BYTES_NONE;
    struct peer_digested digested = {.rows = &row, .rows_count = 1, .done = true};

    couple_begin(&couple, 3, 3);
    for (uint32_t i = 0; i < 1100; i++) {
        put(i, true, true);
        struct bytes key = row_key(PARTITION, i);
        last = bytes_cmp(key, last) > 0 ? key : last;
    }
    row = (struct peer_row){.key = last};
    told(&digested, ERR_MALFORMED);
    digested.done = false;
    digested.rows_count = 0;
    digested.last_row = last;
    told(&digested, ERR_MALFORMED);
    couple_end(&couple);
}

/* A page that goes less far than it could is one. */
TEST(a_short_page_is_taken)
{
    struct peer_digested digested = {.done = false};

    couple_begin(&couple, 3, 3);
    for (uint32_t i = 0; i < 6; i++)
        put(i, true, false);
    digested.last_row = row_key(PARTITION, 4);
    told(&digested, ERR_OK);
    CHECK_EQ(couple.result.left, 0);
    CHECK_EQ(couple.result.pushed, 6);
    CHECK(couple_equal(&couple, PARTITION));
    couple_end(&couple);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_peer_that_is_down_is_not_asked),
        T(the_link_breaks_in_every_state),
        T(the_node_stops_in_every_state),
        T(the_link_breaks_while_it_rests),
        T(it_begins_again_until_it_is_through),
        T(a_silent_peer),
        T(a_peer_that_falls_silent),
        T(refused_objects_are_left),
        T(what_is_not_durable_is_left),
        T(a_pull_waits_for_the_store),
        T(equal_stores_are_made_durable),
        T(late_and_repeated_answers_count_once),
        T(an_answer_of_another_page_finds_nobody),
        T(a_peer_that_refuses_to_be_compared),
        T(nonsense_ends_the_pass),
        T(pages_that_do_not_get_on),
        T(rows_beyond_the_range),
        T(a_short_page_is_taken),
    };
    return tap_main(argc, argv, tests);
}

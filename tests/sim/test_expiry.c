/* SPDX-License-Identifier: Apache-2.0 */
/* Values that expire while nodes are away: nothing comes back, and rows go. */
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/meet.h"
#include "sim/scenario.h"
#include "tap.h"

enum { SECONDS_MS = 10000, FIRST_MS = 61000 };

static const struct bytes key = {(const uint8_t *)"k", 1};

static struct world *begin(uint32_t nodes)
{
    struct world *w = scenario_new(nodes);

    w->config.expiry_skew_ms = 100;
    w->config.expiry_grace_ms = 300;
    w->config.expiry_interval_ms = 100;
    /* The nodes' first look was set when they began, by the interval of then. */
    scenario_run_ms(w, FIRST_MS);
    return w;
}

/* A write of a value that lives for a second, with what was read there before. */
static void put_brief(struct world *w, unsigned node, bool with_context)
{
    struct question question = {
        .ask = ASK_PUT, .bucket = BUCKET_TWINS, .key = key, .value = BYTES_LIT("brief")};
    const struct question read = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = key};
    uint8_t context[200];

    question.ttl_s = 1;
    if (with_context) {
        const struct answer *answer = scenario_ask(w, node, &read);
        CHECK_FATAL(answer != NULL && answer->count > 0);
        CHECK_FATAL(answer->vclock.len <= sizeof(context));
        memcpy(context, answer->vclock.data, answer->vclock.len);
        question.vclock = bytes_of(context, answer->vclock.len);
    }
    const struct answer *answer = direct_ask(w, w->judge, node, CONN_HTTP, &question);
    CHECK(answer != NULL && !answer->failed);
}

/* The values that one replica alone tells: the node's own. */
static uint32_t read_one(struct world *w, unsigned node)
{
    const struct question question = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = key, .r = 1};
    const struct answer *answer = scenario_ask(w, node, &question);

    CHECK(answer != NULL && !answer->failed);
    return answer == NULL ? 0 : answer->count;
}

struct row {
    uint8_t key[100], value[300];
    size_t key_len, value_len;
    uint32_t count;
};

static bool take_row(void *context, struct bytes row_key, struct bytes value)
{
    struct row *row = context;

    CHECK(row_key.len <= sizeof(row->key) && value.len <= sizeof(row->value));
    memcpy(row->key, row_key.data, row_key.len);
    memcpy(row->value, value.data, value.len);
    row->key_len = row_key.len;
    row->value_len = value.len;
    row->count++;
    return true;
}

static struct row row_of(struct world *w, unsigned node, enum store_family family)
{
    struct row row = {.count = 0};

    disk_each(&w->nodes[node]->disk, family, take_row, &row);
    return row;
}

static uint32_t rows(struct world *w, unsigned node)
{
    uint32_t count = row_of(w, node, FAMILY_OBJECT).count;

    CHECK_EQ(row_of(w, node, FAMILY_META).count, count);
    return count;
}

TEST(rows_go_at_every_replica)
{
    struct world *w = begin(3);

    put_brief(w, 0, false);
    CHECK_EQ(scenario_read_all(w, 1, BUCKET_TWINS, key), 1);
    CHECK_EQ(rows(w, 2), 1);
    scenario_run_ms(w, SECONDS_MS);
    CHECK_EQ(scenario_read_all(w, 1, BUCKET_TWINS, key), 0);
    for (unsigned node = 0; node < 3; node++)
        CHECK_EQ(rows(w, node), 0);
    CHECK_EQ(w->tally.traces[TRACE_EXPIRED_REMOVED], 3);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* The node was away when a value without expiry was replaced by one that has expired since. What
 * the others keep of that is what keeps the old one from being all there is. */
TEST(what_was_replaced_does_not_come_back)
{
    static const unsigned away = 2;
    struct world *w = begin(3);

    CHECK(scenario_put(w, 0, BUCKET_TWINS, key, "old"));
    scenario_run_ms(w, 1000);
    CHECK(scenario_kill(w, &away, 1));
    put_brief(w, 0, true);
    scenario_run_ms(w, SECONDS_MS);
    CHECK_EQ(rows(w, 0), 1);
    CHECK_EQ(rows(w, 1), 1);
    CHECK(scenario_revive(w));
    CHECK_EQ(scenario_read_all(w, 1, BUCKET_TWINS, key), 0);
    scenario_run_ms(w, 1000);
    CHECK_EQ(read_one(w, away), 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* The same, and nobody reads: the exchange of replicas brings it. */
TEST(what_was_replaced_is_told_without_a_read)
{
    static const unsigned away = 2;
    struct world *w = begin(3);

    CHECK(scenario_put(w, 0, BUCKET_TWINS, key, "old"));
    scenario_run_ms(w, 1000);
    CHECK(scenario_kill(w, &away, 1));
    put_brief(w, 0, true);
    scenario_run_ms(w, SECONDS_MS);
    meet_switch(w, true);
    CHECK(scenario_revive(w));
    scenario_run_ms(w, SECONDS_MS);
    meet_switch(w, false);
    CHECK_EQ(read_one(w, away), 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* What was kept for a node that is away has ended before it is back: it goes nowhere. */
TEST(a_hint_that_ended_is_not_handed_over)
{
    struct world *w = begin(5);
    unsigned replica = scenario_replica(w, BUCKET_TWINS, key, 0);
    unsigned other = scenario_replica(w, BUCKET_TWINS, key, 1);

    CHECK(scenario_kill(w, &replica, 1));
    put_brief(w, other, false);
    CHECK_EQ(scenario_hints(w), 1);
    scenario_run_ms(w, SECONDS_MS);
    CHECK(scenario_revive(w));
    scenario_run_ms(w, SECONDS_MS);
    CHECK_EQ(scenario_hints(w), 0);
    for (unsigned node = 0; node < 5; node++)
        CHECK_EQ(rows(w, node), 0);
    CHECK_EQ(w->tally.traces[TRACE_READ_REPAIR], 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* A copy turns up when everybody has forgotten: it says itself that it is over, is given to nobody,
 * and goes. */
TEST(a_late_copy_is_nothing)
{
    struct world *w = begin(3);

    put_brief(w, 0, false);
    scenario_run_ms(w, 100);
    struct row object = row_of(w, 2, FAMILY_OBJECT), digest = row_of(w, 2, FAMILY_META);
    scenario_run_ms(w, SECONDS_MS);
    CHECK_EQ(rows(w, 2), 0);
    node_crash(w, w->nodes[2]);
    struct engine_batch *batch = engine_batch_new(w->nodes[2]->disk.engine);
    engine_batch_put(batch, FAMILY_OBJECT, bytes_of(object.key, object.key_len),
                     bytes_of(object.value, object.value_len));
    engine_batch_put(batch, FAMILY_META, bytes_of(digest.key, digest.key_len),
                     bytes_of(digest.value, digest.value_len));
    CHECK_EQ(engine_commit(w->nodes[2]->disk.engine, batch, true), ERR_OK);
    engine_batch_free(batch);
    CHECK(scenario_revive(w));
    CHECK_EQ(scenario_read_all(w, 2, BUCKET_TWINS, key), 0);
    scenario_run_ms(w, SECONDS_MS);
    for (unsigned node = 0; node < 3; node++)
        CHECK_EQ(rows(w, node), 0);
    CHECK_EQ(w->tally.traces[TRACE_READ_REPAIR], 0);
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(rows_go_at_every_replica),
        T(what_was_replaced_does_not_come_back),
        T(what_was_replaced_is_told_without_a_read),
        T(a_hint_that_ended_is_not_handed_over),
        T(a_late_copy_is_nothing),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Those who judge a run must be able to fail: each gets a world in which what it looks for was
 * planted. */
#include <string.h>

#include "sim/compare.h"
#include "sim/direct.h"
#include "sim/judge.h"
#include "sim/keys.h"
#include "sim/net.h"
#include "sim/rest.h"
#include "sim/scenario.h"
#include "sim/settings.h"
#include "tap.h"

enum { NODES = 3, KEY = 1, VALUE_BYTES = 40, TEXT_BYTES = VALUE_BYTES + 1 };

static struct bytes name_of(uint32_t key)
{
    static char name[KEY_NAME_BYTES];

    return key_name(key, name);
}

/* A write as a client makes it, acknowledged, and known to the history; its number. */
static uint32_t write_key(struct world *w)
{
    uint32_t id = history_invoke(&w->history, KEY, false, NULL, 0);
    char text[TEXT_BYTES] = {0};

    value_make(id, KEY, (uint8_t *)text, VALUE_BYTES);
    CHECK(scenario_put(w, 0, key_bucket(w, KEY), name_of(KEY), text));
    history_answer(&w->history, id, OUTCOME_DONE, NODES);
    return id;
}

static bool says(const struct world *w, const char *text)
{
    if (!w->failed || strstr(w->failure, text) == NULL)
        tap_note("said: %s", w->failed ? w->failure : "nothing");
    return w->failed && strstr(w->failure, text) != NULL;
}

/* The only row of a family at a node. */
struct only {
    uint8_t key[100], value[300];
    size_t key_len, value_len;
};

static bool take_row(void *context, struct bytes key, struct bytes value)
{
    struct only *only = context;

    CHECK(only->key_len == 0 && key.len <= sizeof(only->key) && value.len <= sizeof(only->value));
    memcpy(only->key, key.data, key.len);
    memcpy(only->value, value.data, value.len);
    only->key_len = key.len;
    only->value_len = value.len;
    return true;
}

static struct only row_of(struct sim_node *node, enum store_family family)
{
    struct only only = {.key_len = 0};

    disk_each(&node->disk, family, take_row, &only);
    CHECK(only.key_len > 0);
    return only;
}

/* Behind the back of the node. No value: the row is taken away. */
static void plant(struct sim_node *node, enum store_family family, const struct only *row,
                  bool delete)
{
    struct engine_batch *batch = engine_batch_new(node->disk.engine);
    struct bytes key = bytes_of(row->key, row->key_len);

    if (delete)
        engine_batch_delete(batch, family, key);
    else
        engine_batch_put(batch, family, key, bytes_of(row->value, row->value_len));
    CHECK_EQ(engine_commit(node->disk.engine, batch, true), ERR_OK);
    engine_batch_free(batch);
}

TEST(a_sound_world_is_found_sound)
{
    struct world *w = scenario_new(NODES);

    (void)write_key(w);
    (void)write_key(w);
    judge(w);
    CHECK(!w->failed);
    scenario_free(w);
}

TEST(a_lost_write_is_found)
{
    struct world *w = scenario_new(NODES);

    (void)write_key(w);
    struct only object = row_of(w->nodes[0], FAMILY_OBJECT);
    for (unsigned i = 0; i < NODES; i++) {
        plant(w->nodes[i], FAMILY_OBJECT, &object, true);
        plant(w->nodes[i], FAMILY_META, &object, true);
    }
    judge(w);
    CHECK(says(w, "acknowledged write lost"));
    scenario_free(w);
}

TEST(an_invented_value_is_found)
{
    struct world *w = scenario_new(NODES);
    char text[TEXT_BYTES] = {0};

    uint32_t id = write_key(w);
    value_make(id + 1, KEY, (uint8_t *)text, VALUE_BYTES);
    CHECK(scenario_put(w, 0, key_bucket(w, KEY), name_of(KEY), text));
    judge(w);
    CHECK(says(w, "value returned that nobody wrote there"));
    scenario_free(w);
}

TEST(a_damaged_value_is_found)
{
    struct world *w = scenario_new(NODES);

    (void)write_key(w);
    CHECK(scenario_put(w, 0, key_bucket(w, KEY), name_of(KEY), "not one of ours"));
    judge(w);
    CHECK(says(w, "that nobody wrote"));
    scenario_free(w);
}

TEST(a_value_that_had_expired_is_found)
{
    struct world *w = scenario_new(NODES);

    uint32_t id = write_key(w);
    history_expires(&w->history, id, w->now_us, w->now_us);
    scenario_run_ms(w, 1);
    judge(w);
    CHECK(says(w, "value returned that had expired"));
    scenario_free(w);
}

/* The first look for what may go is a minute away. */
TEST(a_row_that_should_be_gone_is_found)
{
    struct world *w = scenario_new(NODES);
    const struct question brief = {.ask = ASK_PUT,
                                   .bucket = BUCKET_TWINS,
                                   .key = BYTES_LIT("k"),
                                   .value = BYTES_LIT("v"),
                                   .ttl_s = 1};

    w->config.expiry_skew_ms = 100;
    w->config.expiry_grace_ms = 200;
    w->config.expiry_interval_ms = 100;
    const struct answer *answer = direct_ask(w, w->judge, 0, CONN_HTTP, &brief);
    CHECK(answer != NULL && !answer->failed);
    compare_replicas(w);
    CHECK(!w->failed);
    scenario_run_ms(w, 30000);
    compare_replicas(w);
    CHECK(says(w, "still holds what has expired"));
    scenario_free(w);
}

TEST(unequal_replicas_are_found)
{
    struct world *w = scenario_new(NODES);

    (void)write_key(w);
    scenario_run_ms(w, 100);
    struct only object = row_of(w->nodes[2], FAMILY_OBJECT);
    struct only digest = row_of(w->nodes[2], FAMILY_META);
    (void)write_key(w);
    scenario_run_ms(w, 100);
    compare_replicas(w);
    CHECK(!w->failed);
    plant(w->nodes[2], FAMILY_OBJECT, &object, false);
    plant(w->nodes[2], FAMILY_META, &digest, false);
    compare_replicas(w);
    CHECK(says(w, "differ in key"));
    scenario_free(w);
}

TEST(a_digest_of_another_object_is_found)
{
    struct world *w = scenario_new(NODES);

    (void)write_key(w);
    scenario_run_ms(w, 100);
    struct only digest = row_of(w->nodes[1], FAMILY_META);
    (void)write_key(w);
    scenario_run_ms(w, 100);
    plant(w->nodes[1], FAMILY_META, &digest, false);
    compare_replicas(w);
    CHECK(says(w, "a digest does not tell of its object"));
    scenario_free(w);
}

TEST(a_copy_at_a_stranger_is_found)
{
    struct world *w = scenario_new(NODES + 1);

    (void)write_key(w);
    scenario_run_ms(w, 100);
    unsigned owner = scenario_replica(w, key_bucket(w, KEY), name_of(KEY), 0);
    unsigned stranger = scenario_stranger(w, key_bucket(w, KEY), name_of(KEY), 0);
    struct only object = row_of(w->nodes[owner], FAMILY_OBJECT);
    struct only digest = row_of(w->nodes[owner], FAMILY_META);
    plant(w->nodes[stranger], FAMILY_OBJECT, &object, false);
    plant(w->nodes[stranger], FAMILY_META, &digest, false);
    compare_replicas(w);
    CHECK(says(w, "holds a key that is not its own"));
    scenario_free(w);
}

/* Another document of the next epoch was seen, by whomever. */
TEST(two_documents_of_an_epoch_are_found)
{
    const struct question opens = {.ask = ASK_SET_PROPS, .bucket = BUCKET_LATE, .allow_mult = true};
    struct world *w = scenario_new(NODES);
    const struct document *document = shard_view(w->nodes[0]->shard)->document;

    w->epochs[w->epochs_count++] = (struct epoch_seen){
        .cluster = {document->cluster[0], document->cluster[1]},
        .epoch = document->epoch + 1,
        .hash = 42,
        .previous = document->hash,
    };
    (void)scenario_ask(w, 0, &opens);
    CHECK(says(w, "exists twice"));
    scenario_free(w);
}

TEST(an_epoch_with_another_past_is_found)
{
    const struct question opens = {.ask = ASK_SET_PROPS, .bucket = BUCKET_LATE, .allow_mult = true};
    struct world *w = scenario_new(NODES);

    CHECK_EQ(w->epochs_count, 1);
    w->epochs[0].hash++;
    (void)scenario_ask(w, 0, &opens);
    CHECK(says(w, "does not follow the one before"));
    scenario_free(w);
}

TEST(a_world_that_does_not_come_to_rest_is_found)
{
    struct world *w = scenario_new(NODES);

    for (unsigned i = 1; i < NODES; i++) {
        net_cut(w, 0, i, true);
        net_cut(w, i, 0, true);
    }
    scenario_run_ms(w, 8000);
    rest_reach(w);
    CHECK(says(w, "does not come to rest"));
    scenario_free(w);
}

TEST(a_node_that_stays_behind_is_found)
{
    const struct question opens = {.ask = ASK_SET_PROPS, .bucket = BUCKET_LATE, .allow_mult = true};
    struct world *w = scenario_new(NODES);

    scenario_deafen(w, 2, true);
    (void)scenario_ask(w, 0, &opens);
    /* All the time deaf: the world never hears that faults have ended. */
    rest_reach(w);
    CHECK(says(w, "a node is behind"));
    scenario_free(w);
}

TEST(a_lost_setting_is_found)
{
    struct world *w = scenario_new(NODES);
    uint32_t first = settings_invoke(w);

    settings_over(w, first, OUTCOME_DONE);
    settings_judge(w, 0, settings_value(first));
    CHECK(!w->failed);
    uint32_t second = settings_invoke(w);
    settings_over(w, second, OUTCOME_DONE);
    w->settings_told = 0;
    settings_judge(w, 0, settings_value(first));
    CHECK(says(w, "which a later one replaced"));
    scenario_free(w);
}

TEST(nobody_answers_in_peace)
{
    const struct question read = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = BYTES_LIT("k")};
    struct world *w = scenario_new(NODES);

    w->healed_us = w->now_us;
    scenario_run_ms(w, 1);
    node_pause(w, w->nodes[0], w->now_us + 20000000);
    (void)scenario_ask(w, 0, &read);
    CHECK(says(w, "is not answered"));
    scenario_free(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_sound_world_is_found_sound),
        T(a_lost_write_is_found),
        T(an_invented_value_is_found),
        T(a_damaged_value_is_found),
        T(a_value_that_had_expired_is_found),
        T(a_row_that_should_be_gone_is_found),
        T(unequal_replicas_are_found),
        T(a_digest_of_another_object_is_found),
        T(a_copy_at_a_stranger_is_found),
        T(two_documents_of_an_epoch_are_found),
        T(an_epoch_with_another_past_is_found),
        T(a_world_that_does_not_come_to_rest_is_found),
        T(a_node_that_stays_behind_is_found),
        T(a_lost_setting_is_found),
        T(nobody_answers_in_peace),
    };
    return tap_main(argc, argv, tests);
}

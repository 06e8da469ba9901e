/* SPDX-License-Identifier: Apache-2.0 */
/* What is written while replicas are away: what seeds have found, and what others had to learn. */
#include <stdlib.h>
#include <string.h>

#include "sim/keys.h"
#include "sim/scenario.h"
#include "tap.h"

enum { DRAIN_MS = 4000, TEXT_BYTES = 400, VCLOCK_BYTES_MAX = 200 };

#define KEY   BYTES_LIT("k")
#define OTHER BYTES_LIT("nothing was ever written here")

/* The context of the last read. */
static uint8_t context_bytes[VCLOCK_BYTES_MAX];
static struct bytes context;

static int by_value(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* The values of a key, sorted, with commas between, or "none", or "error". */
static const char *read_key(struct world *w, unsigned node, struct bytes key, uint32_t r)
{
    static char text[TEXT_BYTES];
    struct bytes values[ANSWER_VALUES_MAX];
    const struct question question = {.ask = ASK_GET, .bucket = BUCKET_TWINS, .key = key, .r = r};
    const struct answer *answer = scenario_ask(w, node, &question);
    size_t at = 0;

    if (answer == NULL || answer->failed)
        return "error";
    if (answer->count == 0)
        return "none";
    CHECK(answer->vclock.len <= VCLOCK_BYTES_MAX);
    context = bytes_of(context_bytes, answer->vclock.len % (VCLOCK_BYTES_MAX + 1));
    memcpy(context_bytes, answer->vclock.data, context.len);
    memcpy(values, answer->values, answer->count * sizeof(values[0]));
    qsort(values, answer->count, sizeof(values[0]), by_value);
    for (uint32_t i = 0; i < answer->count; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i == 0 ? "" : ",",
                               (int)values[i].len, (const char *)values[i].data);
    return text;
}

/* A write that `copies` nodes must have; whether it was acknowledged. */
static bool write_key(struct world *w, unsigned node, const char *value, uint32_t copies,
                      struct bytes vclock)
{
    const struct question question = {.ask = ASK_PUT,
                                      .bucket = BUCKET_TWINS,
                                      .key = KEY,
                                      .value = bytes_str(value),
                                      .vclock = vclock,
                                      .w = copies,
                                      .dw = copies};
    const struct answer *answer = scenario_ask(w, node, &question);

    return answer != NULL && !answer->failed;
}

/* The replicas of the key, first to last. */
static void replicas(struct world *w, unsigned ret_nodes[SIM_N_VAL])
{
    for (uint32_t i = 0; i < SIM_N_VAL; i++)
        ret_nodes[i] = scenario_replica(w, BUCKET_TWINS, KEY, i);
}

static void end(struct world *w)
{
    CHECK(scenario_ends_well(w));
    scenario_free(w);
}

/* One replica of the key is dead, and what it misses is kept elsewhere. */
static struct world *begin_owing(unsigned *ret_away)
{
    struct world *w = scenario_new(5);

    *ret_away = scenario_replica(w, BUCKET_TWINS, KEY, 1);
    CHECK(scenario_kill(w, ret_away, 1));
    CHECK(write_key(w, scenario_replica(w, BUCKET_TWINS, KEY, 0), "one", 3, BYTES_NONE));
    CHECK_EQ(scenario_hints(w), 1);
    return w;
}

/* What hints are for: no read is needed. */
TEST(a_node_gets_what_it_missed)
{
    unsigned away;
    struct world *w = begin_owing(&away);

    CHECK(scenario_revive(w));
    scenario_run_ms(w, DRAIN_MS);
    CHECK_EQ(scenario_hints(w), 0);
    end(w);
}

/* riak_core issue 154: after a restart of the fallback nobody remembered that it had something. */
TEST(a_fallback_that_restarts_still_hands_over)
{
    unsigned away;
    struct world *w = begin_owing(&away);

    for (uint32_t i = 0; i < 2; i++) {
        struct sim_node *node = w->nodes[scenario_stranger(w, BUCKET_TWINS, KEY, i)];
        node_crash(w, node);
        node_start(w, node);
    }
    scenario_run_ms(w, DRAIN_MS);
    CHECK_EQ(scenario_hints(w), 1);
    CHECK(scenario_revive(w));
    scenario_run_ms(w, DRAIN_MS);
    CHECK_EQ(scenario_hints(w), 0);
    end(w);
}

/* The node dies again while it gets what was kept: nothing is forgotten. */
TEST(a_node_that_flaps_gets_everything)
{
    char key[8];
    unsigned away;
    struct world *w = begin_owing(&away);

    for (unsigned i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        CHECK(scenario_put(w, (away + 1) % 5, BUCKET_TWINS, bytes_str(key), "one"));
    }
    for (unsigned i = 0; i < 6; i++) {
        CHECK(scenario_revive(w));
        scenario_run_ms(w, 1 + 2 * i);
        CHECK(scenario_kill(w, &away, 1));
    }
    CHECK(scenario_revive(w));
    end(w);
}

/* A fallback wrote, handed it over and kept nothing; the next dot of the same actor would cover the
 * first one, and the merge at the replica drop it. */
TEST(what_a_fallback_wrote_and_handed_over_survives_its_next_write)
{
    struct world *w = scenario_new(6);
    unsigned nodes[SIM_N_VAL], fallback = scenario_stranger(w, BUCKET_TWINS, KEY, 0);

    replicas(w, nodes);
    CHECK(scenario_kill(w, nodes, SIM_N_VAL));
    CHECK(write_key(w, fallback, "one", 2, BYTES_NONE));
    CHECK(write_key(w, fallback, "two", 2, BYTES_NONE));
    CHECK(scenario_revive(w));
    scenario_run_ms(w, DRAIN_MS);
    CHECK_STR(read_key(w, nodes[0], KEY, 3), "one,two");
    CHECK(scenario_kill(w, nodes, SIM_N_VAL));
    CHECK(write_key(w, fallback, "three", 2, BYTES_NONE));
    CHECK(scenario_revive(w));
    scenario_run_ms(w, DRAIN_MS);
    CHECK_STR(read_key(w, nodes[1], KEY, 3), "one,three,two");
    end(w);
}

/* A key that was written while its replicas were away is read from who keeps it, and a context of
 * before still counts. */
TEST(a_key_is_read_and_replaced_while_its_replicas_are_away)
{
    struct world *w = scenario_new(6);
    unsigned nodes[SIM_N_VAL], one = scenario_stranger(w, BUCKET_TWINS, KEY, 1);

    replicas(w, nodes);
    CHECK(write_key(w, nodes[0], "old", 3, BYTES_NONE));
    CHECK_STR(read_key(w, one, KEY, 2), "old");
    CHECK(scenario_kill(w, nodes, SIM_N_VAL));
    CHECK_STR(read_key(w, one, KEY, 2), "error");
    CHECK(write_key(w, one, "new", 2, context));
    CHECK_STR(read_key(w, scenario_stranger(w, BUCKET_TWINS, KEY, 2), KEY, 2), "new");
    CHECK(scenario_revive(w));
    scenario_run_ms(w, DRAIN_MS);
    CHECK_STR(read_key(w, nodes[0], KEY, 3), "new");
    end(w);
}

/* What two absent replicas may have is not "not found". */
TEST(an_empty_fallback_says_nothing)
{
    struct world *w = scenario_new(5);
    unsigned nodes[SIM_N_VAL];

    replicas(w, nodes);
    CHECK(scenario_kill(w, &nodes[2], 1));
    CHECK(write_key(w, nodes[0], "one", 2, BYTES_NONE));
    /* All three are away for a moment, then the one that knows nothing is back. */
    CHECK(scenario_kill(w, nodes, 2));
    node_start(w, w->nodes[nodes[2]]);
    scenario_run_ms(w, 3000);
    CHECK(strcmp(read_key(w, nodes[2], KEY, 2), "none") != 0);
    CHECK_STR(read_key(w, nodes[2], OTHER, 3), "error");
    CHECK(scenario_revive(w));
    CHECK_STR(read_key(w, nodes[2], KEY, 3), "one");
    end(w);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_node_gets_what_it_missed),
        T(a_fallback_that_restarts_still_hands_over),
        T(a_node_that_flaps_gets_everything),
        T(what_a_fallback_wrote_and_handed_over_survives_its_next_write),
        T(a_key_is_read_and_replaced_while_its_replicas_are_away),
        T(an_empty_fallback_says_nothing),
    };
    return tap_main(argc, argv, tests);
}

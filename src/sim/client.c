/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include "base/check.h"
#include "base/mem.h"
#include "sim/caller.h"
#include "sim/epochs.h"
#include "sim/keys.h"
#include "sim/lives.h"
#include "sim/node.h"
#include "sim/operator.h"
#include "sim/outcome.h"
#include "sim/settings.h"

enum { THINK_US = 20000, VALUE_BYTES_LEAST = 32, QUORUM = SIM_N_VAL / 2 + 1 };

/* What a client knows of a key. */
struct memory {
    struct bytes vclock; /* in own memory */
    uint32_t seen[ANSWER_VALUES_MAX];
    uint32_t seen_count;
};

struct sim_client {
    unsigned index;
    struct caller caller;
    struct timer next; /* asks the next question */
    struct timer vanish;
    uint32_t key; /* of the last question */
    struct memory memory[SIM_KEYS_MAX];
};

/* What is remembered of a question until its answer. */
struct note {
    enum ask ask;
    uint32_t key;
    bool writes;
    bool part; /* it was never sent whole */
    uint32_t write_id;
    uint32_t need;    /* primaries at least: of a read, or that sync a write */
    uint64_t answers; /* how many writes had been answered when it was asked */
    uint64_t asked_us;
    uint64_t life_us;    /* of the value written; 0: it does not expire */
    struct bytes bucket; /* ASK_KEYS */
    bool listed[SIM_KEYS_MAX];
};

bool client_busy(const struct sim_client *client)
{
    return caller_busy(&client->caller);
}

static void think(struct world *w, struct sim_client *client)
{
    if (!caller_busy(&client->caller))
        world_after(w, &client->next, 1 + random_below(&w->random, 2 * w->params.think_us));
}

/* ---- what it hears ---- */

static const char *outcome_name(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_OPEN: return "open";
    case OUTCOME_DONE: return "done";
    case OUTCOME_NOT_DONE: return "not done";
    case OUTCOME_UNKNOWN: return "unknown";
    }
    UNREACHABLE();
}

static void write_over(struct world *w, struct sim_client *client, const struct note *note,
                       enum outcome outcome)
{
    uint32_t copies = note->need;

    if (outcome == OUTCOME_DONE) {
        uint32_t n = key_replicas(w, w->nodes[client->caller.node], note->key);
        copies = copies < n ? copies : n;
    }
    history_answer(&w->history, note->write_id, outcome, copies);
    if (outcome == OUTCOME_DONE)
        lives_done(w, note->write_id, note->life_us);
    w->tally.acknowledged += outcome == OUTCOME_DONE;
    w->tally.unknown += outcome == OUTCOME_UNKNOWN;
    w->tally.refused += outcome == OUTCOME_NOT_DONE;
    world_trace(w, "client", client->index, "write %u of key %u: %s", note->write_id, note->key,
                outcome_name(outcome));
}

static void judge_read(struct world *w, struct sim_client *client, const struct note *note,
                       const struct sight *sight)
{
    struct verdict verdict = check_read(&w->history, sight);
    const struct sim_node *node = w->nodes[client->caller.node];

    if (verdict.kind == FAULT_NONE && note->ask == ASK_GET && note->need > 0)
        verdict = check_quorum_read(&w->history, sight, note->answers, note->need,
                                    key_replicas(w, node, note->key));
    if (verdict.kind != FAULT_NONE)
        world_fail(w, "client %u, node %u, key %u: %s: write %u, by %u", client->index,
                   client->caller.node, note->key, fault_name(verdict.kind), verdict.write,
                   verdict.by);
}

static void remember(struct world *w, struct sim_client *client, const struct note *note,
                     const struct answer *answer)
{
    struct memory *memory = &client->memory[note->key];
    struct sight sight;

    if (!key_sight(w, note->key, note->asked_us, answer, memory->seen, &sight))
        return;
    judge_read(w, client, note, &sight);
    mem_free((void *)(uintptr_t)memory->vclock.data);
    uint8_t *copy = mem_new(answer->vclock.len);
    if (answer->vclock.len > 0)
        memcpy(copy, answer->vclock.data, answer->vclock.len);
    memory->vclock = bytes_of(copy, answer->vclock.len);
    memory->seen_count = sight.count;
    world_trace(w, "client", client->index, "key %u has %u values: %d %d %d", note->key,
                sight.count, sight.count > 0 ? (int)sight.ids[0] : -1,
                sight.count > 1 ? (int)sight.ids[1] : -1, sight.count > 2 ? (int)sight.ids[2] : -1);
    w->tally.reads++;
}

/* A listing that ended well has each name once, no other ones, and all that every replica had
 * acknowledged before it began. */
static void judge_listing(struct world *w, struct sim_client *client, struct note *note,
                          const struct answer *answer)
{
    struct bytes bucket = note->bucket;
    uint32_t key;

    for (uint32_t i = 0; i < answer->names_count; i++) {
        struct bytes name = answer->names[i];
        if (!key_of_name(w, bucket, name, &key) || key >= w->history.keys_count) {
            world_fail(w, "client %u was told of a key that nobody wrote: %.*s", client->index,
                       (int)name.len, (const char *)name.data);
            return;
        }
        if (note->listed[key])
            world_fail(w, "client %u was told of key %u twice", client->index, key);
        note->listed[key] = true;
    }
    if (answer->more)
        return;
    w->tally.listings++;
    const struct sim_node *node = w->nodes[client->caller.node];
    /* One that is behind may list what has moved elsewhere since: alone, it cannot know. */
    if (epochs_has(w, view_epoch(shard_view(node->shard)) + 1))
        return;
    for (key = 0; key < w->params.keys; key++) {
        if (!bytes_eq(key_bucket(w, key), note->bucket))
            continue;
        /* A digest that cannot be read names its key. */
        if (note->listed[key] && w->params.corrupt_ppm == 0 &&
            check_may_not_be_listed(&w->history, key, note->asked_us))
            world_fail(w, "client %u was told of key %u, which had expired", client->index, key);
        if (!note->listed[key] && check_must_be_listed(&w->history, key, note->answers,
                                                       key_replicas(w, node, key), w->now_us))
            world_fail(w, "client %u was not told of key %u", client->index, key);
    }
}

static void judge_buckets(struct world *w, struct sim_client *client, const struct answer *answer)
{
    for (uint32_t i = 0; i < answer->names_count; i++) {
        if (!bytes_eq(answer->names[i], BUCKET_TWINS) &&
            !bytes_eq(answer->names[i], BUCKET_SINGLE) &&
            !bytes_eq(answer->names[i], BUCKET_LATE) && !bytes_eq(answer->names[i], BUCKET_BRIEF))
            world_fail(w, "client %u was told of a bucket that nobody wrote", client->index);
    }
}

static void on_error(struct world *w, struct sim_client *client, const struct note *note,
                     const struct answer *answer)
{
    bool expected;
    enum outcome outcome = outcome_of_error(w, answer->error, &expected);

    world_trace(w, "client", client->index, "error: %.*s", (int)answer->error.len,
                (const char *)answer->error.data);
    if (note->ask == ASK_SET_PROPS) {
        settings_over(w, note->write_id, OUTCOME_UNKNOWN);
        return;
    }
    if (!expected)
        world_fail(w, "client %u was told what nothing explains: %.*s", client->index,
                   (int)answer->error.len, (const char *)answer->error.data);
    if (note->writes)
        write_over(w, client, note, outcome);
}

static void on_answer(struct world *w, struct sim_client *client, struct note *note,
                      const struct answer *answer)
{
    switch (note->ask) {
    case ASK_GET: remember(w, client, note, answer); break;
    case ASK_PUT:
        write_over(w, client, note, OUTCOME_DONE);
        if (answer->vclock.len > 0)
            remember(w, client, note, answer);
        break;
    case ASK_DELETE:
        write_over(w, client, note, answer->not_found ? OUTCOME_NOT_DONE : OUTCOME_DONE);
        break;
    case ASK_KEYS: judge_listing(w, client, note, answer); break;
    case ASK_BUCKETS: judge_buckets(w, client, answer); break;
    case ASK_SET_PROPS: settings_over(w, note->write_id, OUTCOME_DONE); break;
    case ASK_GET_PROPS:
    case ASK_ADMIN: UNREACHABLE();
    }
}

static void on_lost(struct world *w, struct sim_client *client, const struct note *note)
{
    if (note->ask == ASK_SET_PROPS)
        settings_over(w, note->write_id, OUTCOME_UNKNOWN);
    else if (note->writes)
        write_over(w, client, note, note->part ? OUTCOME_NOT_DONE : OUTCOME_UNKNOWN);
}

static void heard(struct world *w, struct caller *caller, void *context,
                  const struct answer *answer)
{
    struct sim_client *client = CONTAINER_OF(caller, struct sim_client, caller);
    struct note *note = context;

    if (answer == NULL)
        on_lost(w, client, note);
    else if (note->part)
        world_fail(w, "client %u was answered before it had asked", client->index);
    else if (answer->failed)
        on_error(w, client, note, answer);
    else
        on_answer(w, client, note, answer);
    if (answer == NULL || !answer->more)
        mem_free(note);
    think(w, client);
}

/* ---- what it asks ---- */

/* Fallbacks keep what is written while replicas are away, and a read may not meet them. Who must
 * read what was written asks for primaries: by number, or by wanting no fallbacks. */
static void draw_strictness(struct world *w, const struct sim_client *client, struct question *q)
{
    if (!world_chance(w, w->params.strict_permille * 1000))
        return;
    q->no_fallbacks = client->caller.kind == CONN_PB;
    q->pr = client->caller.kind == CONN_PB ? 0 : QUORUM;
    q->pw = q->pr;
}

static uint32_t promised(uint32_t number)
{
    return number == 0 ? QUORUM : number;
}

/* Some requests carry quorums of their own. */
static void draw_quorums(struct world *w, const struct sim_client *client, struct question *q)
{
    draw_strictness(w, client, q);
    if (!world_chance(w, 200000))
        return;
    q->r = (uint32_t)random_range(&w->random, 1, 3);
    /* Where a disk may rot, one copy is no promise. */
    q->w = (uint32_t)random_range(&w->random, w->params.corrupt_ppm > 0 ? 2 : 1, 3);
    q->dw = (uint32_t)random_range(&w->random, w->params.corrupt_ppm > 0 ? 2 : 1, 3);
    q->pw = (uint32_t)random_below(&w->random, 3);
    q->pr = (uint32_t)random_below(&w->random, 3);
}

static uint32_t draw_key(struct world *w, struct sim_client *client)
{
    uint32_t met = w->params.keys;

    if (w->params.grows)
        met = 1 + (met - 1) * (w->params.ops - w->ops_left) / w->params.ops;
    uint32_t key = (uint32_t)random_below(&w->random, met);
    if (met < w->params.keys && world_chance(w, w->params.fresh_permille * 1000) &&
        operators_commit(w))
        key = (uint32_t)random_range(&w->random, met, w->params.keys - 1);
    else if (world_chance(w, w->params.again_permille * 1000))
        key = client->key;
    else if (world_chance(w, w->params.hot_permille * 1000))
        key %= w->params.hot_keys;
    if (key_late(w, key) && !(w->late_open && key_late_known(w->nodes[client->caller.node])))
        key--;
    client->key = key;
    return key;
}

static bool draw_part(struct world *w, struct sim_client *client)
{
    bool part = world_chance(w, w->params.vanish_ppm / 4);

    if (part || world_chance(w, w->params.vanish_ppm))
        world_after(w, &client->vanish, random_below(&w->random, w->params.net_mean_us * 4 + 1000));
    return part;
}

static void say_write(struct world *w, struct sim_client *client, const struct question *q,
                      const struct note *note, bool with_context)
{
    world_trace(w, "client", client->index, "asks node %u: write %u of key %u, %s%s%s%s",
                client->caller.node, note->write_id, note->key,
                q->ask == ASK_DELETE ? "delete"
                : with_context       ? "with context"
                                     : "blind",
                q->if_none_match ? ", if none is there" : "",
                q->if_not_modified ? ", if not modified" : "", note->part ? ", half of it" : "");
}

static void ask_write(struct world *w, struct sim_client *client, struct question *q,
                      struct note *note)
{
    const struct memory *memory = &client->memory[note->key];
    bool blind = memory->vclock.len == 0 || world_chance(w, w->params.blind_permille * 1000);
    bool deletes = !blind && world_chance(w, w->params.delete_permille * 1000);
    size_t len = random_range(&w->random, VALUE_BYTES_LEAST, w->params.value_bytes_max);
    uint8_t *text = mem_new(len);

    q->ask = deletes ? ASK_DELETE : ASK_PUT;
    if (!blind)
        q->vclock = memory->vclock;
    note->ask = q->ask;
    note->writes = true;
    note->need = q->no_fallbacks ? promised(q->dw) : q->pw;
    note->write_id = history_invoke(&w->history, note->key, deletes, memory->seen,
                                    blind ? 0 : memory->seen_count);
    value_make(note->write_id, note->key, text, len);
    if (!deletes) {
        note->life_us = lives_draw(w, note->key, client->caller.kind == CONN_HTTP, q);
        lives_asked(w, note->write_id, note->life_us);
        q->value = bytes_of(text, len);
        q->return_body = world_chance(w, 300000);
        q->if_none_match = blind && world_chance(w, w->params.once_permille * 1000);
        q->if_not_modified = !blind && client->caller.kind == CONN_PB && world_chance(w, 100000);
    }
    say_write(w, client, q, note, !blind);
    caller_ask(w, &client->caller, q, note, note->part);
    mem_free(text);
}

static void ask_read(struct world *w, struct sim_client *client, struct question *q,
                     struct note *note)
{
    q->ask = ASK_GET;
    note->ask = ASK_GET;
    note->need = q->no_fallbacks ? promised(q->r) : q->pr;
    if (q->pr > note->need)
        note->need = q->pr;
    world_trace(w, "client", client->index, "asks node %u: read key %u", client->caller.node,
                note->key);
    caller_ask(w, &client->caller, q, note, note->part);
}

static void ask_object(struct world *w, struct sim_client *client, bool part)
{
    struct note *note = mem_new(sizeof(*note));
    char name[KEY_NAME_BYTES];

    note->key = draw_key(w, client);
    note->answers = w->history.answers;
    note->asked_us = w->now_us;
    note->part = part;
    struct question q = {.bucket = key_bucket(w, note->key), .key = key_name(note->key, name)};
    draw_quorums(w, client, &q);
    if (world_chance(w, w->params.read_permille * 1000))
        ask_read(w, client, &q, note);
    else
        ask_write(w, client, &q, note);
}

static void ask_listing(struct world *w, struct sim_client *client)
{
    struct note *note = mem_new(sizeof(*note));

    note->ask = world_chance(w, 200000) ? ASK_BUCKETS : ASK_KEYS;
    note->bucket = key_bucket(w, (uint32_t)random_below(&w->random, w->params.keys));
    note->answers = w->history.answers;
    note->asked_us = w->now_us;
    struct question q = {.ask = note->ask};
    if (note->ask == ASK_KEYS)
        q.bucket = note->bucket;
    world_trace(w, "client", client->index, "asks node %u: list %s", client->caller.node,
                note->ask == ASK_KEYS ? "keys" : "buckets");
    caller_ask(w, &client->caller, &q, note, false);
}

static void ask_setting(struct world *w, struct sim_client *client)
{
    struct note *note = mem_new(sizeof(*note));

    note->ask = ASK_SET_PROPS;
    note->write_id = settings_invoke(w);
    struct question q = {
        .ask = ASK_SET_PROPS, .bucket = BUCKET_TWINS, .big_vclock = settings_value(note->write_id)};
    world_trace(w, "client", client->index, "asks node %u: setting %u", client->caller.node,
                note->write_id);
    caller_ask(w, &client->caller, &q, note, false);
}

/* To a node of the cluster that is up, or to the one that it had; false when that is none. */
static bool connect(struct world *w, struct sim_client *client)
{
    unsigned node = (unsigned)random_below(&w->random, w->params.nodes);
    enum conn_kind kind = world_chance(w, w->params.http_ppm) ? CONN_HTTP : CONN_PB;

    for (unsigned i = 0; i < w->params.nodes && !node_serves(w, w->nodes[node]); i++)
        node = (node + 1) % w->params.nodes;
    if (world_chance(w, w->params.loyal_permille * 1000))
        node = client->caller.node;
    return node_serves(w, w->nodes[node]) && caller_connect(w, &client->caller, node, kind);
}

static void ask_some(struct world *w, struct sim_client *client)
{
    uint32_t many = 1;

    if (world_chance(w, w->params.pipeline_ppm))
        many = (uint32_t)random_range(&w->random, 2, CALLER_QUESTIONS_MAX);
    for (; many > 0 && w->ops_left > 0; many--) {
        bool part = many == 1 && draw_part(w, client);
        w->ops_left--;
        ask_object(w, client, part);
    }
}

static void next(struct world *w, struct timer *timer)
{
    struct sim_client *client = CONTAINER_OF(timer, struct sim_client, next);

    if (w->ending || w->ops_left == 0)
        return;
    ASSERT(!caller_busy(&client->caller));
    if (world_chance(w, 20000))
        caller_drop(w, &client->caller, false);
    if (client->caller.socket == NULL && !connect(w, client))
        think(w, client);
    else if (world_chance(w, w->params.list_ppm))
        ask_listing(w, client);
    else if (client->caller.kind == CONN_PB && world_chance(w, w->params.props_ppm))
        ask_setting(w, client);
    else
        ask_some(w, client);
}

static void vanish(struct world *w, struct timer *timer)
{
    struct sim_client *client = CONTAINER_OF(timer, struct sim_client, vanish);

    if (w->ending || !caller_busy(&client->caller))
        return;
    world_trace(w, "client", client->index, "vanishes");
    w->tally.vanished++;
    caller_drop(w, &client->caller, world_chance(w, 500000));
}

struct sim_client *client_new(struct world *w, unsigned index)
{
    struct sim_client *client = mem_new(sizeof(*client));

    client->index = index;
    client->next.run = next;
    client->vanish.run = vanish;
    caller_init(&client->caller, "client", index, heard);
    client->caller.node = (unsigned)random_below(&w->random, w->params.nodes);
    world_after(w, &client->next, 1 + random_below(&w->random, THINK_US));
    return client;
}

void client_free(struct world *w, struct sim_client *client)
{
    if (client == NULL)
        return;
    caller_drop(w, &client->caller, false);
    world_cancel(w, &client->next);
    world_cancel(w, &client->vanish);
    caller_done(w, &client->caller);
    for (unsigned i = 0; i < SIM_KEYS_MAX; i++)
        mem_free((void *)(uintptr_t)client->memory[i].vclock.data);
    mem_free(client);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads by chance: replicas with any of a few related histories, answers lost, late, failed, twice
 * and in any order. What holds whatever happens is checked. */
#include <string.h>

#include "base/check.h"
#include "stage.h"
#include "tap.h"

enum {
    GET_ID = 5,
    NODES = 5,
    VERSIONS = 4,
    QUESTIONS_MAX = 64,
    ROUNDS = 20000,
    PATIENCE_US = 200000
};

struct question {
    uint64_t node;
    uint64_t token;
    bool full;
};

struct read {
    struct random random;
    struct machine *get;
    struct key key;
    struct object *versions[VERSIONS];
    int has[NODES + 1]; /* the version of a node, -1: none */
    struct question open[QUESTIONS_MAX];
    uint32_t open_count;
    bool absent[NODES + 1];       /* said not found */
    int said[NODES + 1];          /* the version that its answer told; -1: none that counts */
    bool gave[NODES + 1];         /* it sent its object */
    bool lost[NODES + 1];         /* its link broke before that: its digest need not count */
    uint64_t asked_us[NODES + 1]; /* when it was asked for its object; 0: it has answered */
    uint32_t quorum;
    bool notfound_ok;
    uint32_t replies;
    bool wrong;
};

/* How often things happened in all rounds. */
static uint32_t objects, not_founds, failures, repairs, overdues;

static struct stage stage;

static uint64_t below(struct read *r, uint64_t bound)
{
    return random_below(&r->random, bound);
}

/* Each version is a write on one that came before, or on nothing. */
static void make_versions(struct read *r)
{
    for (uint32_t i = 0; i < VERSIONS; i++) {
        uint32_t on = (uint32_t)below(r, i + 1);
        struct object *old = on == i ? NULL : r->versions[on];
        struct write write = {
            .content = {.value = bytes_of(&"abcdefgh"[i], 1)},
            .dot = {20 + i, 1},
            .wall_us = 100 + i,
        };
        if (old != NULL && below(r, 3) > 0)
            write.context = old->clock;
        r->versions[i] = object_put(&stage.arena, old, &write);
    }
    for (uint32_t node = 1; node <= NODES; node++)
        r->has[node] = (int)below(r, VERSIONS + 1) - 1;
}

static void fail(struct read *r, const char *what)
{
    if (!r->wrong)
        tap_note("%s", what);
    r->wrong = true;
}

/* Whether the clock knows what a node told, if that counts. */
static bool knows(const struct read *r, uint32_t node, struct clock clock)
{
    return r->said[node] < 0 || r->lost[node] ||
           clock_descends(clock, r->versions[r->said[node]]->clock);
}

/* Whether the object of some node is overdue: the machine is patient with all of them together. */
static bool is_overdue(const struct read *r)
{
    for (uint32_t node = 1; node <= NODES; node++) {
        if (r->asked_us[node] != 0 && stage.now_us - r->asked_us[node] >= PATIENCE_US)
            return true;
    }
    return false;
}

/* Whether the clock knows all that was told by the answers that count; if not so, r of others have
 * to be there. */
static bool answers_all(const struct read *r, struct clock clock)
{
    uint32_t left = 0, overdue = 0;

    for (uint32_t node = 1; node <= NODES; node++) {
        if (knows(r, node, clock)) {
            left += !r->lost[node] && (r->said[node] >= 0 || (r->absent[node] && r->notfound_ok));
        } else if (r->asked_us[node] != 0 && is_overdue(r)) {
            overdue++;
        } else {
            return false;
        }
    }
    overdues += overdue > 0;
    return overdue == 0 || left >= r->quorum;
}

static void check_reply(struct read *r, const struct reply *reply)
{
    uint32_t told = 0, absent = 0;

    for (uint32_t node = 1; node <= NODES; node++) {
        told += r->said[node] >= 0 && !r->lost[node];
        absent += r->absent[node];
    }
    if (++r->replies > 1)
        fail(r, "two answers");
    objects += reply->kind == REPLY_OBJECT;
    not_founds += reply->err == ERR_NOT_FOUND;
    failures += reply->kind == REPLY_ERROR && reply->err != ERR_NOT_FOUND;
    if (reply->kind == REPLY_OBJECT) {
        if (told == 0)
            fail(r, "an object that nobody sent");
        if (!answers_all(r, reply->object->clock))
            fail(r, "an answer that does not cover what was told");
    } else if (reply->err == ERR_NOT_FOUND) {
        if (told > 0 && !answers_all(r, CLOCK_NONE))
            fail(r, "not found, although it was");
        if (absent == 0)
            fail(r, "not found, which nobody said");
    }
}

/* A repair goes to who answered and lacks something; what it brings knows all that was there. */
static void check_repair(struct read *r, uint64_t node, struct bytes record)
{
    struct object *object = stage_decode(&stage, &r->key, record);

    repairs++;
    if (object == NULL) {
        fail(r, "a repair that cannot be read");
        return;
    }
    if (r->said[node] < 0 && !r->absent[node])
        fail(r, "a repair of who said nothing");
    else if (r->said[node] >= 0 && object_same(object, r->versions[r->said[node]]))
        fail(r, "a repair of who lacks nothing");
    for (uint32_t i = 1; i <= NODES; i++) {
        if (!knows(r, i, object->clock))
            fail(r, "a repair with less than what was told");
    }
}

static void look(struct read *r)
{
    for (size_t i = 0; i < stage.out.count; i++) {
        struct output *output = &stage.out.items[i];
        if (output->kind == OUT_REPLY) {
            check_reply(r, &output->u.reply.reply);
        } else if (output->kind == OUT_SEND && output->u.send.msg.kind == PEER_PUT) {
            check_repair(r, output->u.send.to, output->u.send.msg.u.put.record);
        } else if (output->kind == OUT_SEND) {
            ASSERT(r->open_count < QUESTIONS_MAX);
            r->open[r->open_count++] = (struct question){
                output->u.send.to, output->u.send.msg.u.get.token, output->u.send.msg.u.get.full};
            if (output->u.send.msg.u.get.full)
                r->asked_us[output->u.send.to] = stage.now_us;
        }
    }
}

static void step(struct read *r, const struct event *ev)
{
    struct kv_env env = stage_env(&stage);

    if (r->get->done)
        return;
    stage_step(&stage);
    get_step(r->get, &env, ev, &stage.out);
    look(r);
}

/* A replica answers the question as it can; a failed one takes back what its digest told. */
static void answer(struct read *r, const struct question *q, bool well)
{
    struct peer_msg msg = {.kind = PEER_GOT};
    struct event ev = stage_event(&stage, EV_PEER);
    int has = r->has[q->node];

    msg.u.got = (struct peer_got){.token = q->token, .err = ERR_CORRUPT, .full = q->full};
    if (well && has < 0) {
        msg.u.got.err = ERR_NOT_FOUND;
        r->absent[q->node] = true;
    } else if (well) {
        msg.u.got.err = ERR_OK;
        msg.u.got.record = q->full ? stage_record(&stage, &r->key, r->versions[has])
                                   : stage_digest(&stage, &r->key, r->versions[has]);
        r->said[q->node] = has;
    } else {
        r->said[q->node] = -1;
    }
    if (q->full) {
        r->asked_us[q->node] = 0;
        r->gave[q->node] = r->gave[q->node] || msg.u.got.err == ERR_OK;
    }
    ev.u.peer.from = q->node;
    ev.u.peer.msg = &msg;
    step(r, &ev);
}

static void link_down(struct read *r, uint64_t node)
{
    struct event ev = stage_event(&stage, EV_LINK_DOWN);
    bool open = false;

    for (uint32_t i = 0; i < r->open_count; i++) {
        if (r->open[i].node != node)
            continue;
        open = true;
        r->open[i--] = r->open[--r->open_count];
    }
    if (open)
        r->said[node] = -1;
    r->lost[node] = r->said[node] >= 0 && !r->gave[node];
    ev.u.link.node = node;
    step(r, &ev);
}

static void deadline(struct read *r)
{
    stage.now_us = r->get->deadline_us;
    struct event ev = stage_event(&stage, EV_DEADLINE);
    step(r, &ev);
}

static void begin(struct read *r, uint64_t number)
{
    struct seed seed = seed_of(number);
    struct request request = {.kind = REQUEST_GET};
    struct props props = props_default(true);
    struct kv_env env = stage_env(&stage);
    struct event ev = stage_event(&stage, EV_BYTES);

    memset(r, 0, sizeof(*r));
    random_init(&r->random, &seed, 1);
    make_versions(r);
    for (uint32_t node = 1; node <= NODES; node++)
        r->said[node] = -1;
    props.n_val = (uint32_t)random_range(&r->random, 1, NODES);
    stage_props(&stage, props);
    r->key = stage_key("k");
    request.key = r->key;
    request_options_init(&request.options);
    request.options.r = (uint32_t)random_range(&r->random, 1, props.n_val);
    r->quorum = request.options.r;
    request.options.pr = (uint32_t)below(r, props.n_val + 1);
    request.options.basic_quorum = below(r, 2) == 0 ? TRI_TRUE : TRI_FALSE;
    r->notfound_ok = below(r, 2) == 0;
    request.options.notfound_ok = r->notfound_ok ? TRI_TRUE : TRI_FALSE;
    stage_step(&stage);
    r->get = get_new(&env, GET_ID, (struct asker){ASKER_SESSION, 1, 2}, &request, &ev, &stage.out);
    look(r);
}

static bool run(uint64_t number)
{
    static struct read read;
    struct read *r = &read;

    begin(r, number);
    for (uint32_t turn = 0; turn < 200 && !r->get->done; turn++) {
        uint64_t dice = below(r, 100);
        if (dice < 4 || r->open_count == 0) {
            deadline(r);
        } else if (dice < 8) {
            link_down(r, 1 + below(r, NODES));
        } else {
            uint32_t at = (uint32_t)below(r, r->open_count);
            struct question q = r->open[at];
            r->open[at] = r->open[--r->open_count];
            if (dice < 12)
                continue; /* lost */
            answer(r, &q, dice >= 20);
            if (dice >= 90)
                answer(r, &q, true); /* the same once more */
        }
    }
    if (!r->get->done)
        fail(r, "it never ends");
    if (r->replies != 1)
        fail(r, "no answer");
    if (r->wrong)
        tap_note("number %llu", (unsigned long long)number);
    get_free(r->get);
    arena_reset(&stage.arena);
    return !r->wrong;
}

TEST(whatever_happens)
{
    bool right = true;

    stage_begin(&stage, NODES, NODES);
    for (uint64_t number = 1; number <= ROUNDS && right; number++)
        right = run(number);
    CHECK(right);
    CHECK(objects > ROUNDS / 10);
    CHECK(not_founds > ROUNDS / 50);
    CHECK(failures > ROUNDS / 10);
    CHECK(repairs > ROUNDS / 10);
    CHECK(overdues > 0);
    tap_note("%u answers without what was overdue", overdues);
    stage_end(&stage);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(whatever_happens),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/operator.h"

#include "base/check.h"
#include "base/mem.h"
#include "sim/caller.h"
#include "sim/keys.h"
#include "sim/node.h"
#include "wire/json.h"

enum {
    THINK_US = 300000,
    LEISURE_US = 3000000,
    ADMIN_PATIENCE_US = 20000000,
    BODY_BYTES_MAX = 512,
    PATIENT_ACTS_MAX = 50 /* how many acts a meddler may wait for an answer */
};

enum act { ACT_JOIN, ACT_PLAN, ACT_COMMIT, ACT_CLEAR, ACT_CHANGE, ACT_OPEN };

struct sim_operator {
    unsigned index;
    struct caller caller;
    struct timer next;
    uint64_t meddle_us; /* between two acts, of one who does not think; 0: he does */
    enum act act;
    char plan[32];                  /* the one last shown; empty: none */
    bool refused;                   /* what was asked last */
    bool joins[SIM_NODES_MAX];      /* who joins by it */
    bool committing[SIM_NODES_MAX]; /* the same, of the plan that is being committed */
};

static struct sim_operator *operator_of(struct caller *caller)
{
    return CONTAINER_OF(caller, struct sim_operator, caller);
}

bool operator_busy(const struct sim_operator *op)
{
    return caller_busy(&op->caller);
}

bool operators_commit(const struct world *w)
{
    for (uint32_t i = 0; i < w->operators_count; i++) {
        const struct sim_operator *op = w->operators[i];
        if (op->act == ACT_COMMIT && operator_busy(op))
            return true;
    }
    return false;
}

static bool is_member(const struct view *view, const char *name)
{
    for (uint32_t i = 0; i < view->document->members_count; i++) {
        if (bytes_eq(view->document->members[i].name, bytes_str(name)))
            return true;
    }
    return false;
}

bool operator_done(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (!node_serves(w, w->nodes[i]) || !shard_ready(w->nodes[i]->shard))
            return false;
        const struct view *view = shard_view(w->nodes[i]->shard);
        if (view->document->members_count != w->params.nodes || view->document->preparing != 0)
            return false;
    }
    return true;
}

static void think(struct world *w, struct sim_operator *op)
{
    if (op->meddle_us > 0) {
        world_after(w, &op->next, 1 + random_below(&w->random, 2 * op->meddle_us));
        return;
    }
    uint64_t most = operator_done(w) ? LEISURE_US : THINK_US;
    world_after(w, &op->next, 1000 + random_below(&w->random, most));
}

/* ---- what he hears ---- */

static void note_staged(struct world *w, struct sim_operator *op, const struct json *staged)
{
    memset(op->joins, 0, sizeof(op->joins));
    for (const struct json *at = staged == NULL ? NULL : staged->first; at != NULL; at = at->next) {
        const struct json *change = json_member(at, BYTES_LIT("change"));
        const struct json *name = json_member(at, BYTES_LIT("name"));
        if (change == NULL || name == NULL || !bytes_eq(change->text, BYTES_LIT("join")))
            continue;
        for (unsigned i = 0; i < w->params.nodes; i++)
            op->joins[i] = op->joins[i] || bytes_eq(name->text, bytes_str(w->nodes[i]->name));
    }
}

static void on_plan(struct world *w, struct sim_operator *op, const struct answer *answer)
{
    const struct json *json;
    struct arena arena;

    arena_init(&arena);
    op->plan[0] = 0;
    if (json_read(&arena, answer->body, &json) != ERR_OK) {
        world_fail(w, "operator %u was shown a plan that is no JSON", op->index);
    } else {
        const struct json *plan = json_member(json, BYTES_LIT("plan"));
        const struct json *empty = json_member(json, BYTES_LIT("empty"));
        if (plan == NULL || empty == NULL)
            world_fail(w, "operator %u was shown no plan", op->index);
        else if (!empty->truth)
            snprintf(op->plan, sizeof(op->plan), "%.*s", (int)plan->text.len,
                     (const char *)plan->text.data);
        note_staged(w, op, json_member(json, BYTES_LIT("staged")));
    }
    arena_done(&arena);
}

/* A commit that is acknowledged is in the newest document of those who are up: a majority of them
 * has it. */
static void on_committed(struct world *w, struct sim_operator *op)
{
    const struct view *newest = NULL;

    w->tally.committed++;
    for (unsigned i = 0; i < w->params.nodes; i++) {
        if (!node_up(w->nodes[i]))
            return;
        if (!node_serves(w, w->nodes[i]))
            continue;
        const struct view *view = shard_view(w->nodes[i]->shard);
        if (newest == NULL || view_epoch(view) > view_epoch(newest))
            newest = view;
    }
    for (unsigned i = 0; i < w->params.nodes && newest != NULL; i++) {
        if (op->committing[i] && !is_member(newest, w->nodes[i]->name))
            world_fail(w, "operator %u was told that node %u has joined, and it has not", op->index,
                       i);
    }
}

static void heard(struct world *w, struct caller *caller, void *note, const struct answer *answer)
{
    struct sim_operator *op = operator_of(caller);

    (void)note;
    if (answer != NULL && answer->failed)
        world_trace(w, "oper", op->index, "is told: %.*s", (int)answer->error.len,
                    (const char *)answer->error.data);
    else if (answer != NULL)
        world_trace(w, "oper", op->index, "is told that it is done");
    op->refused = answer != NULL && answer->failed;
    if (answer != NULL && answer->failed) {
        w->tally.commits_refused += op->act == ACT_COMMIT;
    } else if (answer != NULL) {
        switch (op->act) {
        case ACT_JOIN: w->tally.joined++; break;
        case ACT_PLAN: on_plan(w, op, answer); break;
        case ACT_COMMIT: on_committed(w, op); break;
        case ACT_OPEN: w->tally.opened++; break;
        case ACT_CLEAR:
        case ACT_CHANGE: break;
        }
    }
    think(w, op);
}

/* ---- what he asks ---- */

static void post(struct world *w, struct sim_operator *op, unsigned node, enum act act,
                 const char *path, struct bytes body)
{
    const struct question question = {.ask = ASK_ADMIN, .path = path, .value = body};

    if (!caller_connect(w, &op->caller, node, CONN_HTTP)) {
        think(w, op);
        return;
    }
    op->act = act;
    world_trace(w, "oper", op->index, "asks node %u: %s %.*s", node, path, (int)body.len,
                (const char *)body.data);
    caller_ask(w, &op->caller, &question, NULL, false);
}

/* Some node that is up and in the cluster, or that is not; -1: there is none. */
static int some_node(struct world *w, bool serves)
{
    unsigned first = (unsigned)random_below(&w->random, w->params.nodes);

    for (unsigned i = 0; i < w->params.nodes; i++) {
        unsigned at = (first + i) % w->params.nodes;
        const struct sim_node *node = w->nodes[at];
        if (node_up(node) && !node->stopping && node_serves(w, node) == serves)
            return (int)at;
    }
    return -1;
}

static void join(struct world *w, struct sim_operator *op, unsigned joiner, unsigned member)
{
    char body[BODY_BYTES_MAX];

    snprintf(body, sizeof(body), "{\"address\":\"%s\"}", w->nodes[member]->address);
    post(w, op, joiner, ACT_JOIN, "cluster/join", bytes_str(body));
}

static void change(struct world *w, struct sim_operator *op, unsigned node)
{
    const char *name = w->nodes[random_below(&w->random, w->params.nodes)]->name;
    char body[BODY_BYTES_MAX];
    unsigned number = (unsigned)random_below(&w->random, 200);
    bool little = op->meddle_us > 0 && world_chance(w, 950000);

    if (world_chance(w, op->meddle_us > 0 ? 900000 : 500000)) {
        snprintf(body, sizeof(body), "{\"name\":\"%s\",\"weight\":\"%u\"}", name,
                 little ? 90 + number / 10 : 50 + number);
        post(w, op, node, ACT_CHANGE, "cluster/set-weight", bytes_str(body));
    } else {
        snprintf(body, sizeof(body), "{\"name\":\"%s\",\"location\":\"rack%u\"}", name, number % 4);
        post(w, op, node, ACT_CHANGE, "cluster/set-location", bytes_str(body));
    }
}

static void commit(struct world *w, struct sim_operator *op, unsigned node)
{
    char body[BODY_BYTES_MAX];

    memcpy(op->committing, op->joins, sizeof(op->committing));
    snprintf(body, sizeof(body), "{\"plan\":\"%s\"}", op->plan);
    op->plan[0] = 0;
    post(w, op, node, ACT_COMMIT, "cluster/commit", bytes_str(body));
}

static void open_late(struct world *w, struct sim_operator *op, unsigned node)
{
    const struct question question = {
        .ask = ASK_SET_PROPS, .bucket = BUCKET_LATE, .allow_mult = true};

    if (!caller_connect(w, &op->caller, node, CONN_PB)) {
        think(w, op);
        return;
    }
    op->act = ACT_OPEN;
    world_trace(w, "oper", op->index, "asks node %u: late keeps siblings", node);
    caller_ask(w, &op->caller, &question, NULL, false);
}

/* Clients may write late twins once most members know that they are some: from then on nothing may
 * forget it. */
static void look_late(struct world *w)
{
    uint32_t know = 0, members = 0;

    for (unsigned i = 0; i < w->params.nodes && !w->late_open; i++) {
        if (!node_serves(w, w->nodes[i]))
            continue;
        const struct view *view = shard_view(w->nodes[i]->shard);
        if (view->document->members_count > members)
            members = view->document->members_count;
        know += key_late_known(w->nodes[i]);
    }
    if (know == 0 || know <= members / 2)
        return;
    w->late_open = true;
    world_trace(w, "world", 0, "late is open");
}

static void meddle(struct world *w, struct sim_operator *op, unsigned member, int joiner)
{
    const struct sim_node *before = w->nodes[op->caller.node];
    uint64_t choice = random_below(&w->random, 100);

    w->tally.meddled++;
    look_late(w);
    /* A plan is what the staged changes come to where it was shown. What was refused is so again,
     * as long as it is staged. */
    if (joiner >= 0 && choice < 20)
        join(w, op, (unsigned)joiner, member);
    else if (op->plan[0] != 0 && choice < 90)
        commit(w, op, node_serves(w, before) ? before->index : member);
    else if (choice < (op->act == ACT_COMMIT && op->refused ? 90u : 5u))
        post(w, op, member, ACT_CLEAR, "cluster/clear", BYTES_LIT("{}"));
    else if (choice < (op->act == ACT_CHANGE ? 80u : 20u))
        post(w, op, op->act == ACT_CHANGE && node_serves(w, before) ? before->index : member,
             ACT_PLAN, "cluster/plan", BYTES_LIT("{}"));
    else if (choice < 30 && w->params.opens && !w->late_open)
        open_late(w, op, member);
    else
        change(w, op, member);
}

static void next(struct world *w, struct timer *timer)
{
    struct sim_operator *op = CONTAINER_OF(timer, struct sim_operator, next);
    int member = some_node(w, true);
    int joiner = some_node(w, false);
    uint64_t choice = random_below(&w->random, 100);

    if (w->ending || !w->operating)
        return;
    if (member < 0)
        think(w, op);
    else if (op->meddle_us > 0)
        meddle(w, op, (unsigned)member, joiner);
    else if (joiner >= 0 && choice < 40)
        join(w, op, (unsigned)joiner, (unsigned)member);
    else if (op->plan[0] != 0 && choice < 90)
        commit(w, op, (unsigned)member);
    else if (choice < 92)
        post(w, op, (unsigned)member, ACT_PLAN, "cluster/plan", BYTES_LIT("{}"));
    else if (choice < 95)
        post(w, op, (unsigned)member, ACT_CLEAR, "cluster/clear", BYTES_LIT("{}"));
    else
        change(w, op, (unsigned)member);
}

void operator_add(struct world *w, uint64_t meddle_us)
{
    struct sim_operator *op = mem_new(sizeof(*op));

    ASSERT(w->operators_count < ARRAY_LEN(w->operators));
    op->index = w->operators_count;
    op->meddle_us = meddle_us;
    op->next.run = next;
    caller_init(&op->caller, "oper", op->index, heard);
    op->caller.patience_us = ADMIN_PATIENCE_US;
    if (meddle_us > 0 && world_chance(w, 500000))
        op->caller.patience_us = meddle_us * random_range(&w->random, 1, PATIENT_ACTS_MAX);
    w->operators[w->operators_count++] = op;
    think(w, op);
}

void operator_free(struct world *w, struct sim_operator *op)
{
    if (op == NULL)
        return;
    caller_drop(w, &op->caller, false);
    world_cancel(w, &op->next);
    caller_done(w, &op->caller);
    mem_free(op);
}

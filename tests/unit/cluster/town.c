/* SPDX-License-Identifier: Apache-2.0 */
#include "town.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "message.h"
#include "model/overlay.h"

enum item_kind { ITEM_MESSAGE, ITEM_STORED, ITEM_LINK, ITEM_DIAL_FAILED };

/* Something that will happen. */
struct item {
    struct heap_node node;
    enum item_kind kind;
    unsigned to, from;
    unsigned life;       /* STORED, LINK, DIAL: of `to`; of another one it is forgotten */
    uint32_t generation; /* MESSAGE: of the link */
    uint64_t token;
    char address[16];
    struct arena arena;
    struct peer_msg msg;
};

static void step(struct house *house, const struct event *ev);

static struct item *item_new(struct town *town, enum item_kind kind, unsigned to, uint64_t in_us)
{
    struct item *item = mem_new(sizeof(*item));

    item->kind = kind;
    item->to = to;
    item->life = town->houses[to].life;
    arena_init(&item->arena);
    heap_set(&town->queue, &item->node, town->now_us + in_us);
    return item;
}

static void item_free(struct item *item)
{
    arena_done(&item->arena);
    mem_free(item);
}

static void row_set(struct row *row, const char *key, struct blob *value)
{
    snprintf(row->key, sizeof(row->key), "%s", key);
    row->value = blob_ref(value);
}

void town_prepare(struct town *town, uint64_t seed, uint32_t houses)
{
    struct seed root = seed_of(seed);

    memset(town, 0, sizeof(*town));
    config_init(&town->config);
    town->config.ring_size = 16;
    town->config.slots = 64;
    random_init(&town->random, &root, 0);
    heap_init(&town->queue);
    town->now_us = 1000;
    town->houses_count = houses;
    ASSERT(houses <= TOWN_NODES);
    town->houses = mem_new_array(houses, sizeof(town->houses[0]));
    for (unsigned i = 0; i < houses; i++) {
        struct house *house = &town->houses[i];
        house->town = town;
        house->seed = seed * 100 + i;
        snprintf(house->name, sizeof(house->name), "n%u", i);
        snprintf(house->address, sizeof(house->address), "host%u:1", i);
    }
}

void town_init(struct town *town, uint64_t seed, uint32_t houses)
{
    town_prepare(town, seed, houses);
    for (unsigned i = 0; i < houses; i++)
        town_start(town, i);
}

static void commits_drop(struct house *house)
{
    while (house->commits != NULL) {
        struct pending *first = house->commits;
        house->commits = first->next;
        for (uint32_t i = 0; i < first->count; i++)
            blob_unref(first->rows[i].value);
        mem_free(first);
    }
}

void town_done(struct town *town)
{
    struct heap_node *node;

    for (unsigned i = 0; i < town->houses_count; i++) {
        struct house *house = &town->houses[i];
        cluster_free(house->cluster);
        commits_drop(house);
        for (uint32_t j = 0; j < house->disk_count; j++)
            blob_unref(house->disk[j].value);
    }
    while ((node = heap_peek(&town->queue)) != NULL) {
        heap_remove(&town->queue, node);
        item_free(CONTAINER_OF(node, struct item, node));
    }
    heap_done(&town->queue);
    for (uint32_t i = 0; i < town->seen_count; i++)
        mem_free(town->seen[i].lists);
    mem_free(town->houses);
}

/* ---- the disk ---- */

static void disk_apply(struct house *house, const struct pending *commit)
{
    for (uint32_t i = 0; i < commit->count; i++) {
        const struct row *row = &commit->rows[i];
        uint32_t at = 0;
        while (at < house->disk_count && strcmp(house->disk[at].key, row->key) != 0)
            at++;
        if (at < house->disk_count) {
            blob_unref(house->disk[at].value);
            house->disk[at] = house->disk[--house->disk_count];
        }
        if (row->value != NULL)
            row_set(&house->disk[house->disk_count++], row->key, row->value);
    }
}

static void commit_first(struct house *house)
{
    struct pending *first = house->commits;

    disk_apply(house, first);
    house->commits = first->next;
    for (uint32_t i = 0; i < first->count; i++)
        blob_unref(first->rows[i].value);
    mem_free(first);
}

static void on_store(struct house *house, const struct store_op *op)
{
    struct pending *commit = mem_new(sizeof(*commit));
    struct pending **last = &house->commits;
    char key[16];

    ASSERT(op->verb == STORE_COMMIT && op->durable && op->rows_count <= TOWN_ROWS);
    commit->token = op->token;
    commit->count = op->rows_count;
    for (uint32_t i = 0; i < op->rows_count; i++) {
        ASSERT(op->rows[i].family == FAMILY_SYS);
        snprintf(key, sizeof(key), "%.*s", (int)op->rows[i].key.len,
                 (const char *)op->rows[i].key.data);
        row_set(&commit->rows[i], key, op->rows[i].value);
    }
    while (*last != NULL)
        last = &(*last)->next;
    *last = commit;
    struct item *item = item_new(house->town, ITEM_STORED, (unsigned)(house - house->town->houses),
                                 100 + random_below(&house->town->random, 2000));
    item->token = op->token;
}

/* ---- the network ---- */

static unsigned house_at(const struct town *town, struct bytes address)
{
    for (unsigned i = 0; i < town->houses_count; i++) {
        if (bytes_eq(bytes_str(town->houses[i].address), address))
            return i;
    }
    return TOWN_NODES;
}

static void on_send(struct house *house, uint64_t to, const struct peer_msg *msg)
{
    struct town *town = house->town;
    unsigned from = (unsigned)(house - town->houses), at = town_house(town, to);

    if (at == TOWN_NODES || !town->up[from][at])
        return;
    uint32_t copies = random_below(&town->random, 1000) < town->lose ? 0 : 1;
    copies += random_below(&town->random, 1000) < town->repeat ? 1 : 0;
    for (uint32_t i = 0; i < copies; i++) {
        bool late = random_below(&town->random, 1000) < town->reorder;
        uint64_t in_us = late ? random_below(&town->random, 800000) : 200;
        struct item *item =
            item_new(town, ITEM_MESSAGE, at, in_us + random_below(&town->random, 200));
        item->from = from;
        item->generation = town->generation[from][at];
        item->msg.kind = PEER_CLUSTER;
        item->msg.u.cluster = message_copy(&item->arena, &msg->u.cluster);
    }
}

static bool can_meet(const struct town *town, unsigned a, unsigned b)
{
    return town->houses[a].cluster != NULL && town->houses[b].cluster != NULL && !town->cut[a][b] &&
           !town->cut[b][a];
}

static void say_link(struct town *town, unsigned at, unsigned other, bool up, const char *dialed)
{
    struct event ev = {.kind = up ? EV_LINK_UP : EV_LINK_DOWN};

    ev.u.link.node = town->houses[other].id;
    ev.u.link.dialed = bytes_str(dialed);
    if (up)
        cluster_hello(town->houses[other].cluster, &ev.u.link.hello);
    if (town->houses[at].cluster != NULL)
        step(&town->houses[at], &ev);
}

static void link_up(struct town *town, unsigned a, unsigned b, const char *dialed)
{
    bool fresh = !town->up[a][b];

    town->up[a][b] = town->up[b][a] = true;
    say_link(town, a, b, true, dialed);
    if (fresh && town->up[a][b] && town->houses[a].cluster != NULL)
        say_link(town, b, a, true, "");
}

static void link_down(struct town *town, unsigned a, unsigned b)
{
    if (!town->up[a][b])
        return;
    town->up[a][b] = town->up[b][a] = false;
    town->generation[a][b]++;
    town->generation[b][a]++;
    say_link(town, a, b, false, "");
    say_link(town, b, a, false, "");
}

static void beat(struct town *town)
{
    for (unsigned a = 0; a < town->houses_count; a++) {
        for (unsigned b = a + 1; b < town->houses_count; b++) {
            bool wanted = town->houses[a].wants[b][0] != 0 || town->houses[b].wants[a][0] != 0;
            if (town->up[a][b] && !can_meet(town, a, b))
                link_down(town, a, b);
            else if (!town->up[a][b] && wanted && can_meet(town, a, b))
                link_up(town, a, b, "");
        }
    }
    town->beat_us = town->now_us + 50000;
}

static bool is_in(uint64_t set, unsigned house)
{
    return house < 64 && (set >> house & 1) != 0;
}

void town_cut(struct town *town, uint64_t set)
{
    for (unsigned a = 0; a < town->houses_count; a++) {
        for (unsigned b = 0; b < town->houses_count; b++)
            town->cut[a][b] = set != 0 && is_in(set, a) != is_in(set, b);
    }
    beat(town);
}

static void on_dial(struct house *house, struct bytes address)
{
    struct town *town = house->town;
    unsigned from = (unsigned)(house - town->houses), at = house_at(town, address);
    bool there = at != TOWN_NODES && at != from && can_meet(town, from, at);
    struct item *item = item_new(town, there ? ITEM_LINK : ITEM_DIAL_FAILED, from, 1000);

    item->from = at;
    snprintf(item->address, sizeof(item->address), "%.*s", (int)address.len,
             (const char *)address.data);
}

static void on_peer_wish(struct house *house, uint64_t node, struct bytes address)
{
    unsigned at = address.len > 0 ? house_at(house->town, address) : town_house(house->town, node);

    if (at != TOWN_NODES)
        snprintf(house->wants[at], sizeof(house->wants[at]), "%.*s", (int)address.len,
                 (const char *)address.data);
}

/* ---- outputs ---- */

static void text_copy(char *to, size_t size, struct bytes text)
{
    snprintf(to, size, "%.*s", (int)text.len, (const char *)text.data);
}

static void on_reply(struct house *house, const struct asker *to, const struct reply *reply)
{
    struct answer *answer = &house->answers[to->seq % TOWN_ANSWERS];

    ASSERT(to->kind == ASKER_SESSION);
    if (answer->came)
        town_wrong(house->town, "a request was answered twice");
    answer->came = true;
    answer->err = reply->err;
    text_copy(answer->text, sizeof(answer->text), reply->text);
    if (reply->kind == REPLY_ERROR && reply->err == ERR_OK)
        town_wrong(house->town, "an error without an error");
    if (reply->kind != REPLY_ADMIN)
        return;
    const struct cluster_status *s = reply->status;
    answer->has_status = true;
    answer->epoch = s->epoch;
    answer->plan = s->plan.id;
    answer->members = s->members_count;
    answer->staged = s->staged_count;
    answer->refused = s->plan.refused;
    text_copy(answer->verdict, sizeof(answer->verdict), s->plan.verdict);
    text_copy(answer->joining, sizeof(answer->joining), s->joining);
}

static void execute(struct house *house, const struct event *ev, struct outbox *out)
{
    for (size_t i = 0; i < out->count && house->cluster != NULL; i++) {
        struct output output = out->items[i];
        if (output.kind == OUT_SEND && output.u.send.to == house->id) {
            struct event own = {.kind = EV_PEER, .mono_us = ev->mono_us};
            own.u.peer.from = house->id;
            own.u.peer.msg = &output.u.send.msg;
            cluster_step(house->cluster, &own, out);
        } else if (output.kind == OUT_SEND) {
            on_send(house, output.u.send.to, &output.u.send.msg);
        } else if (output.kind == OUT_STORE) {
            on_store(house, &output.u.store);
        } else if (output.kind == OUT_REPLY) {
            on_reply(house, &output.u.reply.to, &output.u.reply.reply);
        } else if (output.kind == OUT_PEER) {
            on_peer_wish(house, output.u.peer.node, output.u.peer.address);
        } else if (output.kind == OUT_DIAL) {
            on_dial(house, output.u.peer.address);
        } else if (output.kind == OUT_TRACE) {
            ASSERT((unsigned)output.u.trace.kind < 64);
            house->town->traces[output.u.trace.kind]++;
        } else {
            ASSERT(output.kind == OUT_NONE);
        }
    }
}

static void facts(struct house *house)
{
    town_move(house);
    cluster_set_facts(house->cluster, &(struct cluster_facts){.holds = house->holds,
                                                              .holds_any = house->holds_any,
                                                              .moved = house->moved,
                                                              .moved_count = house->moved_count});
}

static void after(struct house *house, const struct event *ev, struct outbox *out)
{
    struct town *town = house->town;

    execute(house, ev, out);
    outbox_done(out);
    town->steps++;
    town_check(town, house);
    if (town->crash_step > 0 && --town->crash_step == 0 &&
        town->houses[town->crash_house].cluster != NULL)
        town_crash(town, town->crash_house);
}

static void step(struct house *house, const struct event *ev)
{
    struct event timed = *ev;
    struct outbox out;

    timed.mono_us = house->town->now_us;
    outbox_init(&out);
    facts(house);
    cluster_step(house->cluster, &timed, &out);
    after(house, &timed, &out);
}

void town_start(struct town *town, unsigned at)
{
    struct house *house = &town->houses[at];
    struct seed seed = seed_of(house->seed * 1000 + house->life);
    struct event ev = {.kind = EV_START, .mono_us = town->now_us};
    struct stored_row rows[TOWN_ROWS];
    struct peer_hello hello;
    struct outbox out;

    ASSERT(house->cluster == NULL);
    house->life++;
    memset(house->wants, 0, sizeof(house->wants));
    for (uint32_t i = 0; i < house->disk_count; i++)
        rows[i] =
            (struct stored_row){bytes_str(house->disk[i].key), blob_bytes(house->disk[i].value)};
    house->cluster = cluster_new(&(struct cluster_options){
        &town->config, seed, bytes_str(house->name), bytes_str(house->address)});
    outbox_init(&out);
    facts(house);
    if (cluster_start(house->cluster, rows, house->disk_count, &ev, &out) != ERR_OK)
        town_wrong(town, "a node could not start from its own rows");
    cluster_hello(house->cluster, &hello);
    house->id = hello.node;
    after(house, &ev, &out);
}

void town_crash(struct town *town, unsigned at)
{
    struct house *house = &town->houses[at];

    ASSERT(house->cluster != NULL);
    cluster_free(house->cluster);
    house->cluster = NULL;
    while (house->commits != NULL && random_below(&town->random, 2) == 0)
        commit_first(house);
    commits_drop(house);
    for (unsigned other = 0; other < town->houses_count; other++)
        link_down(town, at, other);
}

/* ---- time ---- */

static void happen(struct town *town, struct item *item)
{
    struct house *house = &town->houses[item->to];
    struct event ev = {.kind = EV_PEER};

    if (house->cluster == NULL || (item->kind != ITEM_MESSAGE && item->life != house->life))
        return;
    switch (item->kind) {
    case ITEM_MESSAGE:
        if (!town->up[item->from][item->to] ||
            town->generation[item->from][item->to] != item->generation ||
            town->cut[item->from][item->to])
            return;
        ev.u.peer.from = town->houses[item->from].id;
        ev.u.peer.msg = &item->msg;
        break;
    case ITEM_STORED:
        if (house->commits == NULL)
            return;
        ev.kind = EV_STORED;
        ev.u.stored.token = house->commits->token;
        ASSERT(house->commits->token == item->token);
        commit_first(house);
        break;
    case ITEM_LINK:
        if (can_meet(town, item->to, item->from))
            link_up(town, item->to, item->from, item->address);
        return;
    case ITEM_DIAL_FAILED:
        ev.kind = EV_DIAL_FAILED;
        ev.u.dial_failed = bytes_str(item->address);
        break;
    }
    step(house, &ev);
}

/* The house that wants EV_TIME first. */
static struct house *next_timer(struct town *town, uint64_t *ret_us)
{
    struct house *first = NULL;
    uint64_t at = UINT64_MAX;

    for (unsigned i = 0; i < town->houses_count; i++) {
        struct house *house = &town->houses[i];
        uint64_t own = house->cluster == NULL ? UINT64_MAX : cluster_deadline_us(house->cluster);
        if (own < at) {
            at = own;
            first = house;
        }
    }
    *ret_us = at;
    return first;
}

static void pass(struct town *town, uint64_t until_us)
{
    struct heap_node *node = heap_peek(&town->queue);
    uint64_t timer_us;
    struct house *timer = next_timer(town, &timer_us);
    uint64_t item_us = node == NULL ? UINT64_MAX : node->at;
    uint64_t first = timer_us < item_us ? timer_us : item_us;

    first = first < town->beat_us ? first : town->beat_us;
    if (first > until_us) {
        town->now_us = until_us;
        return;
    }
    if (first > town->now_us)
        town->now_us = first;
    if (town->beat_us <= town->now_us) {
        beat(town);
    } else if (node != NULL && item_us <= town->now_us) {
        struct item *item = CONTAINER_OF(node, struct item, node);
        heap_remove(&town->queue, node);
        happen(town, item);
        item_free(item);
    } else {
        struct event ev = {.kind = EV_TIME};
        step(timer, &ev);
        if (timer->cluster != NULL && cluster_deadline_us(timer->cluster) <= town->now_us)
            town->now_us++;
    }
}

void town_run(struct town *town, uint64_t us)
{
    uint64_t until_us = town->now_us + us;

    while (town->now_us < until_us && town->wrong == NULL)
        pass(town, until_us);
}

bool town_until(struct town *town, bool (*holds)(struct town *), uint64_t us)
{
    uint64_t until_us = town->now_us + us;

    while (town->now_us < until_us && town->wrong == NULL) {
        if (holds(town))
            return true;
        pass(town, until_us);
    }
    return holds(town);
}

/* ---- requests ---- */

static uint32_t ask(struct town *town, unsigned at, const struct request *request)
{
    struct house *house = &town->houses[at];
    struct event ev = {.kind = EV_TIME, .mono_us = town->now_us};
    struct outbox out;

    uint32_t number = house->asked++;
    memset(&house->answers[number % TOWN_ANSWERS], 0, sizeof(struct answer));
    if (house->cluster == NULL)
        return number;
    outbox_init(&out);
    facts(house);
    cluster_request(house->cluster, (struct asker){ASKER_SESSION, 1, number}, request, &ev, &out);
    after(house, &ev, &out);
    return number;
}

uint32_t town_ask(struct town *town, unsigned house, enum admin_verb verb, const char *target,
                  const char *value)
{
    struct request request = {.kind = REQUEST_ADMIN};

    request.u.admin.verb = verb;
    request.u.admin.target = target == NULL ? BYTES_NONE : bytes_str(target);
    request.u.admin.value = value == NULL ? BYTES_NONE : bytes_str(value);
    return ask(town, house, &request);
}

uint32_t town_set_n_val(struct town *town, unsigned house, enum props_verb verb, const char *type,
                        const char *bucket, uint32_t n_val)
{
    struct prop prop = {.id = PROP_N_VAL, .kind = PROP_NUMBER, .number = n_val};
    struct request request = {.kind = REQUEST_SET_PROPS};
    struct arena arena;

    arena_init(&arena);
    request.key.type = bytes_str(type);
    request.key.bucket = bytes_str(bucket);
    request.u.props.verb = verb;
    enum err err = overlay_encode(&arena, &prop, n_val == 0 ? 0 : 1, &request.u.props.overlay);
    ASSERT(err == ERR_OK);
    uint32_t number = ask(town, house, &request);
    arena_done(&arena);
    return number;
}

const struct answer *town_answer(struct town *town, unsigned house, uint32_t number)
{
    struct answer *answer = &town->houses[house].answers[number % TOWN_ANSWERS];

    for (unsigned i = 0; i < 1200 && !answer->came && town->houses[house].cluster != NULL; i++)
        town_run(town, 50000);
    if (!answer->came && town->houses[house].cluster != NULL)
        town_wrong(town, "a request was never answered");
    return answer;
}

const struct answer *town_do(struct town *town, unsigned house, enum admin_verb verb,
                             const char *target, const char *value)
{
    return town_answer(town, house, town_ask(town, house, verb, target, value));
}

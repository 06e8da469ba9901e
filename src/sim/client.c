/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include "base/check.h"
#include "base/mem.h"
#include "history/checker.h"
#include "sim/node.h"
#include "sim/talk.h"

enum {
    SEEN_MAX = 64,
    STREAM_BYTES_MAX = 8 * 1024 * 1024,
    GIVE_UP_US = 8000000,
    THINK_US = 20000,
    VALUE_BYTES_LEAST = 32,
};

/* What a client knows of a key. */
struct memory {
    struct bytes vclock; /* malloc'd */
    uint32_t seen[SEEN_MAX];
    uint32_t seen_count;
};

struct sim_client {
    unsigned index;
    struct timer next;    /* asks the next question */
    struct timer give_up; /* no answer in time */
    unsigned node;
    uint64_t conn;    /* 0: not connected */
    uint32_t life;    /* of the node at the other end */
    uint64_t last_us; /* bytes of a direction arrive in order */
    struct buf stream;
    bool busy;
    enum pb_code asked;
    uint32_t key;
    bool writes;
    uint32_t write_id;
    uint32_t seen[SEEN_MAX]; /* what the write's context covers */
    uint32_t seen_count;
    struct memory memory[SIM_KEYS_MAX];
    struct final_read *final;
};

/* Bytes on their way between a client and a node. */
struct parcel {
    struct timer timer;
    struct sim_client *client;
    uint64_t conn;
    unsigned node;
    uint32_t life;
    bool to_node;
    bool opens, closes;
    struct blob *bytes;
};

uint32_t client_sibling_keys(const struct world *w)
{
    return w->params.keys - w->params.keys / 4;
}

struct bytes client_bucket(const struct world *w, uint32_t key)
{
    return key < client_sibling_keys(w) ? BYTES_LIT("twins") : BYTES_LIT("single");
}

bool client_busy(const struct sim_client *client)
{
    return client->busy;
}

static void to_client(struct world *w, struct sim_client *client, struct bytes bytes, bool closes);

static void deliver(struct world *w, struct timer *timer)
{
    struct parcel *p = CONTAINER_OF(timer, struct parcel, timer);
    struct sim_node *node = w->nodes[p->node];

    if (!w->ending && p->to_node) {
        if (node_up(node) && node->lives == p->life) {
            struct event ev = {.conn = p->conn};
            if (node->paused) {
                world_at(w, timer, node->paused_until_us);
                return;
            }
            ev.kind = p->opens ? EV_OPENED : p->closes ? EV_CLOSED : EV_BYTES;
            if (p->opens)
                ev.u.opened = (struct event_opened){CONN_PB, true};
            else if (!p->closes)
                ev.u.bytes = blob_bytes(p->bytes);
            node_step(w, node, &ev);
        }
    } else if (!w->ending && p->client->conn == p->conn) {
        to_client(w, p->client, blob_bytes(p->bytes), p->closes);
    }
    blob_unref(p->bytes);
    mem_free(p);
}

static struct parcel *send(struct world *w, struct sim_client *client, struct bytes bytes)
{
    struct parcel *p = mem_new(sizeof(*p));
    uint64_t at = w->now_us + 10 + random_below(&w->random, 500);

    p->timer.run = deliver;
    p->client = client;
    p->conn = client->conn;
    p->node = client->node;
    p->life = client->life;
    p->bytes = blob_copy(bytes);
    if (at <= client->last_us)
        at = client->last_us + 1;
    client->last_us = at;
    world_at(w, &p->timer, at);
    return p;
}

static void connect(struct world *w, struct sim_client *client)
{
    unsigned node = (unsigned)random_below(&w->random, w->params.nodes);

    for (unsigned i = 0; i < w->params.nodes && !node_up(w->nodes[node]); i++)
        node = (node + 1) % w->params.nodes;
    if (!node_up(w->nodes[node]))
        return;
    client->node = node;
    client->conn = w->next_conn++;
    client->life = w->nodes[node]->lives;
    buf_reset(&client->stream);
    struct parcel *p = send(w, client, BYTES_NONE);
    p->to_node = true;
    p->opens = true;
}

static void disconnect(struct world *w, struct sim_client *client)
{
    if (client->conn == 0)
        return;
    struct parcel *p = send(w, client, BYTES_NONE);
    p->to_node = true;
    p->closes = true;
    client->conn = 0;
}

static struct sim_client *client_of(struct world *w, uint64_t conn)
{
    for (unsigned i = 0; i < w->params.clients; i++) {
        if (w->clients[i] != NULL && w->clients[i]->conn == conn)
            return w->clients[i];
    }
    return NULL;
}

void client_bytes(struct world *w, uint64_t conn, struct bytes bytes)
{
    struct sim_client *client = client_of(w, conn);

    if (client != NULL)
        send(w, client, bytes);
}

void client_closed(struct world *w, uint64_t conn)
{
    struct sim_client *client = client_of(w, conn);

    if (client != NULL)
        send(w, client, BYTES_NONE)->closes = true;
}

static void think(struct world *w, struct sim_client *client)
{
    world_after(w, &client->next, 1 + random_below(&w->random, 2 * THINK_US));
}

/* The question is over, however it went. */
static void over(struct world *w, struct sim_client *client, enum outcome outcome)
{
    ASSERT(client->busy);
    client->busy = false;
    world_cancel(w, &client->give_up);
    if (client->writes) {
        history_answer(&w->history, client->write_id, outcome);
        w->tally.acknowledged += outcome == OUTCOME_DONE;
        w->tally.unknown += outcome == OUTCOME_UNKNOWN;
        w->tally.refused += outcome == OUTCOME_NOT_DONE;
        world_trace(w, "client", client->index, "write %u of key %u: %s", client->write_id,
                    client->key,
                    outcome == OUTCOME_DONE      ? "done"
                    : outcome == OUTCOME_UNKNOWN ? "unknown"
                                                 : "not done");
    }
    think(w, client);
}

static void lost_contact(struct world *w, struct sim_client *client)
{
    client->conn = 0;
    if (client->busy)
        over(w, client, OUTCOME_UNKNOWN);
}

void clients_node_gone(struct world *w, unsigned index)
{
    for (unsigned i = 0; i < w->params.clients; i++) {
        struct sim_client *client = w->clients[i];
        if (client != NULL && client->conn != 0 && client->node == index)
            lost_contact(w, client);
    }
}

static void give_up(struct world *w, struct timer *timer)
{
    struct sim_client *client = CONTAINER_OF(timer, struct sim_client, give_up);

    if (w->ending)
        return;
    world_trace(w, "client", client->index, "gives up on node %u", client->node);
    disconnect(w, client);
    over(w, client, OUTCOME_UNKNOWN);
}

/* The values of an answer as numbers of writes. */
static uint32_t read_ids(struct world *w, struct sim_client *client,
                         const struct talk_answer *answer, uint32_t ids[SEEN_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < answer->count; i++) {
        uint32_t id, key;
        if (answer->deleted[i])
            continue;
        if (!value_read(answer->values[i], &id, &key) || key != client->key) {
            world_fail(w, "client %u read a value of key %u that nobody wrote", client->index,
                       client->key);
            return 0;
        }
        ASSERT(count < SEEN_MAX);
        ids[count++] = id;
    }
    struct verdict verdict = check_read(&w->history, client->key, ids, count);
    if (verdict.kind != FAULT_NONE)
        world_fail(w, "client %u, key %u, write %u: %s", client->index, client->key, verdict.write,
                   fault_name(verdict.kind));
    return count;
}

static void remember(struct world *w, struct sim_client *client, const struct talk_answer *answer)
{
    struct memory *memory = &client->memory[client->key];

    mem_free((void *)(uintptr_t)memory->vclock.data);
    uint8_t *copy = mem_new(answer->vclock.len);
    if (answer->vclock.len > 0)
        memcpy(copy, answer->vclock.data, answer->vclock.len);
    memory->vclock = bytes_of(copy, answer->vclock.len);
    memory->seen_count = read_ids(w, client, answer, memory->seen);
    world_trace(w, "client", client->index, "key %u has %u values: %d %d %d", client->key,
                memory->seen_count, memory->seen_count > 0 ? (int)memory->seen[0] : -1,
                memory->seen_count > 1 ? (int)memory->seen[1] : -1,
                memory->seen_count > 2 ? (int)memory->seen[2] : -1);
    w->tally.reads++;
}

/* What an error says of a write: refused before anything happened, or nobody knows. */
static enum outcome outcome_of(struct bytes error)
{
    static const char *const refusals[] = {
        "overload", "{insufficient_vnodes", "{insufficient_nodes", "match_found", "modified",
        "notfound", "{n_val_violation",     "all_nodes_down"};

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (bytes_starts(error, bytes_str(refusals[i])))
            return OUTCOME_NOT_DONE;
    }
    return OUTCOME_UNKNOWN;
}

static void answered(struct world *w, struct sim_client *client, const struct talk_answer *answer)
{
    if (!client->busy) {
        world_fail(w, "client %u got an answer that it did not ask for", client->index);
        return;
    }
    if (answer->code == PB_ERROR_RESP) {
        world_trace(w, "client", client->index, "error: %.*s", (int)answer->error.len,
                    (const char *)answer->error.data);
        over(w, client, outcome_of(answer->error));
        return;
    }
    if (client->final != NULL && answer->code == PB_GET_RESP) {
        client->final->count = read_ids(w, client, answer, client->final->ids);
        client->final->answered = true;
        client->final = NULL;
    } else if (answer->code == PB_GET_RESP) {
        remember(w, client, answer);
    } else if (answer->code == PB_PUT_RESP && answer->vclock.len > 0) {
        over(w, client, OUTCOME_DONE);
        remember(w, client, answer);
        return;
    }
    over(w, client, OUTCOME_DONE);
}

static void to_client(struct world *w, struct sim_client *client, struct bytes bytes, bool closes)
{
    struct talk_answer answer;
    bool malformed;
    size_t size;

    buf_put(&client->stream, bytes);
    ASSERT(!client->stream.overflow);
    while (!w->failed && (size = talk_take(buf_bytes(&client->stream), &answer, &malformed)) > 0) {
        if (malformed)
            world_fail(w, "client %u got an answer that is none", client->index);
        else
            answered(w, client, &answer);
        buf_consume(&client->stream, size);
    }
    if (closes)
        lost_contact(w, client);
}

static void ask(struct world *w, struct sim_client *client, const struct talk *talk)
{
    struct buf buf;

    buf_init(&buf, STREAM_BYTES_MAX);
    talk_put(&buf, talk);
    send(w, client, buf_bytes(&buf))->to_node = true;
    buf_done(&buf);
    client->busy = true;
    client->asked = talk->code;
    world_after(w, &client->give_up, GIVE_UP_US);
}

/* Some requests carry quorums of their own. */
static void draw_quorums(struct world *w, struct talk *talk)
{
    if (!world_chance(w, 200000))
        return;
    talk->r = (uint32_t)random_range(&w->random, 1, 3);
    /* Where a disk may rot, one copy is no promise. */
    talk->w = (uint32_t)random_range(&w->random, w->params.corrupt_ppm > 0 ? 2 : 1, 3);
    talk->dw = (uint32_t)random_range(&w->random, w->params.corrupt_ppm > 0 ? 2 : 1, 3);
    talk->pw = (uint32_t)random_below(&w->random, 3);
}

static void ask_write(struct world *w, struct sim_client *client, struct talk *talk)
{
    struct memory *memory = &client->memory[client->key];
    uint8_t text[4096];
    bool blind = world_chance(w, w->params.blind_permille * 1000);
    bool deletes =
        !blind && memory->vclock.len > 0 && world_chance(w, w->params.delete_permille * 1000);

    client->seen_count = 0;
    if (!blind && memory->vclock.len > 0) {
        talk->vclock = memory->vclock;
        client->seen_count = memory->seen_count;
        memcpy(client->seen, memory->seen, sizeof(client->seen));
    }
    client->writes = true;
    client->write_id =
        history_invoke(&w->history, client->key, deletes, client->seen, client->seen_count);
    talk->code = deletes ? PB_DEL_REQ : PB_PUT_REQ;
    size_t len = random_range(&w->random, VALUE_BYTES_LEAST, w->params.value_bytes_max);
    value_make(client->write_id, client->key, text, len);
    talk->value = bytes_of(text, len);
    talk->return_body = world_chance(w, 300000);
    talk->if_none_match = blind && world_chance(w, 100000);
    world_trace(w, "client", client->index, "asks node %u: write %u of key %u, %s, %u seen",
                client->node, client->write_id, client->key,
                deletes ? "delete"
                : blind ? "blind"
                        : "with context",
                client->seen_count);
    ask(w, client, talk);
}

static void next(struct world *w, struct timer *timer)
{
    struct sim_client *client = CONTAINER_OF(timer, struct sim_client, next);
    char name[16];

    if (w->ending || w->ops_left == 0)
        return;
    ASSERT(!client->busy);
    if (client->conn != 0 && world_chance(w, 20000))
        disconnect(w, client);
    if (client->conn == 0)
        connect(w, client);
    if (client->conn == 0) {
        think(w, client);
        return;
    }
    w->ops_left--;
    client->key = (uint32_t)random_below(&w->random, w->params.keys);
    if (world_chance(w, 500000))
        client->key %= 4;
    snprintf(name, sizeof(name), "k%u", client->key);
    struct talk talk = {.bucket = client_bucket(w, client->key), .key = bytes_str(name)};
    draw_quorums(w, &talk);
    if (!world_chance(w, w->params.read_permille * 1000)) {
        ask_write(w, client, &talk);
        return;
    }
    client->writes = false;
    talk.code = PB_GET_REQ;
    world_trace(w, "client", client->index, "asks node %u: read key %u", client->node, client->key);
    ask(w, client, &talk);
}

struct sim_client *client_new(struct world *w, unsigned index)
{
    struct sim_client *client = mem_new(sizeof(*client));

    client->index = index;
    client->next.run = next;
    client->give_up.run = give_up;
    buf_init(&client->stream, STREAM_BYTES_MAX);
    world_after(w, &client->next, 1 + random_below(&w->random, THINK_US));
    return client;
}

void client_free(struct world *w, struct sim_client *client)
{
    if (client == NULL)
        return;
    world_cancel(w, &client->next);
    world_cancel(w, &client->give_up);
    for (unsigned i = 0; i < SIM_KEYS_MAX; i++)
        mem_free((void *)(uintptr_t)client->memory[i].vclock.data);
    buf_done(&client->stream);
    mem_free(client);
}

void client_final_read(struct world *w, struct sim_client *client, unsigned node, uint32_t key,
                       struct final_read *ret_read)
{
    char name[16];

    memset(ret_read, 0, sizeof(*ret_read));
    ASSERT(!client->busy);
    world_cancel(w, &client->next);
    if (client->conn == 0 || client->node != node) {
        disconnect(w, client);
        client->node = node;
        client->conn = w->next_conn++;
        client->life = w->nodes[node]->lives;
        buf_reset(&client->stream);
        struct parcel *p = send(w, client, BYTES_NONE);
        p->to_node = true;
        p->opens = true;
    }
    snprintf(name, sizeof(name), "k%u", key);
    struct talk talk = {.code = PB_GET_REQ,
                        .bucket = client_bucket(w, key),
                        .key = bytes_str(name),
                        .r = UINT32_C(0xfffffffc)};
    client->key = key;
    client->writes = false;
    client->final = ret_read;
    ask(w, client, &talk);
    while (client->busy && !w->failed)
        world_run(w, w->now_us + 1000);
    client->final = NULL;
    world_cancel(w, &client->next);
}

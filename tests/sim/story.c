/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/compare.h"
#include "sim/direct.h"
#include "sim/draw.h"
#include "sim/form.h"
#include "sim/keys.h"
#include "sim/net.h"
#include "sim/rest.h"
#include "sim/socket.h"
#include "tap.h"

enum { MEET_MS = 3000, KNOWN_MS = 20000, TEXT_BYTES = 400 };

struct world *world;
static struct bytes context; /* of the last read, in `memory` */
static struct arena memory;

void wait_ms(unsigned ms)
{
    world_run(world, world->now_us + (uint64_t)ms * 1000);
}

void story_begin(unsigned nodes)
{
    world = mem_new(sizeof(*world));
    world_init(world, 1, NULL);
    draw_nothing(world);
    world->params.nodes = nodes;
    arena_init(&memory);
    context = BYTES_NONE;
    world->network = net_new(world);
    world->judge = direct_new(world);
    form_given(world);
    wait_ms(MEET_MS);
    wait_known();
}

void story_end(void)
{
    for (unsigned i = 0; i < world->params.nodes; i++) {
        if (!node_up(world->nodes[i]))
            node_start(world, world->nodes[i]);
    }
    wait_known();
    rest_reach(world);
    if (!world->failed)
        compare_replicas(world);
    CHECK(!world->failed);
    if (world->failed)
        tap_note("%s", world->failure);
    world_drain(world);
    direct_free(world, world->judge);
    sockets_free(world);
    for (unsigned i = 0; i < world->params.nodes; i++)
        node_free(world, world->nodes[i]);
    net_free(world->network);
    world_done(world);
    mem_free(world);
    arena_done(&memory);
}

void kill(unsigned node)
{
    CHECK(node_up(world->nodes[node]));
    node_crash(world, world->nodes[node]);
}

void revive(unsigned node)
{
    node_start(world, world->nodes[node]);
    wait_known();
}

static bool known(void)
{
    for (unsigned i = 0; i < world->params.nodes; i++) {
        if (!node_up(world->nodes[i]))
            continue;
        const struct view *view = shard_view(world->nodes[i]->shard);
        if (view->document == NULL || view->members_count != world->params.nodes)
            return false;
        for (unsigned j = 0; j < view->members_count; j++) {
            if (view->members[j].up != node_up(node_by_id(world, view->members[j].id)))
                return false;
        }
    }
    return true;
}

void wait_known(void)
{
    for (unsigned ms = 0; ms < KNOWN_MS && !known(); ms += 10)
        wait_ms(10);
    CHECK(known());
}

unsigned node_of(const char *key, unsigned nth)
{
    uint16_t replicas[RING_REPLICAS_MAX];
    unsigned found = 0;

    while (!node_up(world->nodes[found]))
        found++;
    const struct view *view = shard_view(world->nodes[found]->shard);
    uint32_t slot = ring_slot(&view->ring, TYPE_DEFAULT, BUCKET_TWINS, bytes_str(key));
    uint32_t partition = ring_partition(&view->ring, slot);
    uint32_t n = ring_replicas(&view->ring, partition, 3, replicas);
    if (nth < n)
        return node_by_id(world, view->members[replicas[nth]].id)->index;
    nth -= n;
    for (uint16_t i = 0; i < view->members_count; i++) {
        if (!ring_owns(&view->ring, partition, 3, i) && nth-- == 0)
            return node_by_id(world, view->members[i].id)->index;
    }
    UNREACHABLE();
}

static bool put(unsigned node, const char *key, const char *value, unsigned n, struct bytes vclock)
{
    struct question question = {.ask = ASK_PUT,
                                .bucket = BUCKET_TWINS,
                                .key = bytes_str(key),
                                .value = bytes_str(value),
                                .vclock = vclock,
                                .w = n,
                                .dw = n};
    const struct answer *answer = direct_ask(world, world->judge, node, CONN_PB, &question);

    return answer != NULL && !answer->failed;
}

bool put_through(unsigned node, const char *key, const char *value, unsigned n)
{
    return put(node, key, value, n, BYTES_NONE);
}

bool put_again(unsigned node, const char *key, const char *value, unsigned n)
{
    CHECK(context.len > 0);
    return put(node, key, value, n, context);
}

static int by_value(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

const char *get_through(unsigned node, const char *key, unsigned r)
{
    static char text[TEXT_BYTES];
    struct bytes values[ANSWER_VALUES_MAX];
    struct question question = {
        .ask = ASK_GET, .bucket = BUCKET_TWINS, .key = bytes_str(key), .r = r};
    const struct answer *answer = direct_ask(world, world->judge, node, CONN_PB, &question);
    size_t at = 0;

    if (answer == NULL || answer->failed)
        return "error";
    if (answer->count == 0)
        return "none";
    context = arena_copy(&memory, answer->vclock);
    memcpy(values, answer->values, answer->count * sizeof(values[0]));
    qsort(values, answer->count, sizeof(values[0]), by_value);
    for (uint32_t i = 0; i < answer->count; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i == 0 ? "" : ",",
                               (int)values[i].len, (const char *)values[i].data);
    return text;
}

static bool count_row(void *counter, struct bytes key, struct bytes value)
{
    unsigned *count = counter;

    (void)key;
    (void)value;
    ++*count;
    return true;
}

unsigned kept_by(unsigned node)
{
    unsigned count = 0;

    disk_each(&world->nodes[node]->disk, FAMILY_HINT, count_row, &count);
    return count;
}

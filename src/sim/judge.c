/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/judge.h"

#include <string.h>

#include "base/check.h"
#include "history/checker.h"
#include "sim/compare.h"
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/node.h"
#include "sim/rest.h"
#include "sim/settings.h"

enum { TRIES = 60, AGAIN_US = 300000, SETTLE_US = 3000000 };

#define READ_ALL UINT32_C(0xfffffffc)

/* The values of a key as one node tells them. */
struct final {
    uint32_t ids[ANSWER_VALUES_MAX];
    struct sight sight;
};

/* Asks until it is answered without an error. */
static const struct answer *insist(struct world *w, unsigned node, const struct question *question)
{
    for (unsigned try = 0; try < TRIES && !w->failed; try++) {
        bool http = question->ask != ASK_GET_PROPS && (node + try) % 4 == 3;
        enum conn_kind kind = http ? CONN_HTTP : CONN_PB;
        const struct answer *answer = direct_ask(w, w->judge, node, kind, question);
        if (answer != NULL && !answer->failed)
            return answer;
        world_run(w, w->now_us + AGAIN_US);
    }
    return NULL;
}

static bool read_key(struct world *w, unsigned node, uint32_t key, struct final *ret_final)
{
    char name[KEY_NAME_BYTES];
    const struct question question = {
        .ask = ASK_GET, .bucket = key_bucket(w, key), .key = key_name(key, name), .r = READ_ALL};
    uint64_t asked_us = w->now_us;
    const struct answer *answer = insist(w, node, &question);

    if (answer == NULL) {
        world_fail(w, "key %u cannot be read from all its replicas through node %u", key, node);
        return false;
    }
    return key_sight(w, key, asked_us, answer, ret_final->ids, &ret_final->sight);
}

/* Through every node, for each reads the whole object from one disk and digests from the others: so
 * every row is looked at. All must tell the same. */
static void judge_key(struct world *w, uint32_t key, bool *ret_there)
{
    struct final first, next;
    bool any = false;

    for (unsigned node = 0; node < w->params.nodes && !w->failed; node++) {
        if (!node_serves(w, w->nodes[node]) || !read_key(w, node, key, any ? &next : &first))
            continue;
        if (!any) {
            struct verdict verdict = check_final(&w->history, &first.sight);
            if (verdict.kind != FAULT_NONE)
                world_fail(w, "key %u: %s: write %u, by %u", key, fault_name(verdict.kind),
                           verdict.write, verdict.by);
        } else if (first.sight.count != next.sight.count ||
                   memcmp(first.ids, next.ids, first.sight.count * sizeof(first.ids[0])) != 0) {
            world_fail(w, "key %u: read through node %u it differs", key, node);
        }
        any = true;
    }
    *ret_there = any && first.sight.count > 0;
}

/* A listing through a node: each key that is there, once, and no other. */
static void judge_listing(struct world *w, unsigned node, struct bytes bucket, const bool *there)
{
    const struct question question = {.ask = ASK_KEYS, .bucket = bucket};
    const struct answer *answer = insist(w, node, &question);
    bool listed[SIM_KEYS_MAX] = {false};
    uint32_t key;

    if (answer == NULL) {
        world_fail(w, "node %u does not list keys", node);
        return;
    }
    for (uint32_t i = 0; i < answer->names_count; i++) {
        struct bytes name = answer->names[i];
        if (!key_of_name(w, bucket, name, &key) || !there[key] || listed[key]) {
            world_fail(w, "node %u lists %.*s of %.*s, which is not there or was listed", node,
                       (int)name.len, (const char *)name.data, (int)bucket.len,
                       (const char *)bucket.data);
            return;
        }
        listed[key] = true;
    }
    for (key = 0; key < w->params.keys; key++) {
        if (there[key] && !listed[key] && bytes_eq(key_bucket(w, key), bucket))
            world_fail(w, "node %u does not list key %u", node, key);
    }
}

static void judge_node(struct world *w, unsigned node, const bool *there)
{
    const struct question props = {.ask = ASK_GET_PROPS, .bucket = BUCKET_TWINS};

    judge_listing(w, node, BUCKET_TWINS, there);
    if (!w->failed)
        judge_listing(w, node, BUCKET_SINGLE, there);
    if (!w->failed)
        judge_listing(w, node, BUCKET_LATE, there);
    if (!w->failed)
        judge_listing(w, node, BUCKET_BRIEF, there);
    if (w->failed)
        return;
    const struct answer *answer = insist(w, node, &props);
    if (answer == NULL)
        world_fail(w, "node %u does not tell the properties of a bucket", node);
    else
        settings_judge(w, node, answer->big_vclock);
}

static void judge_epochs(struct world *w)
{
    const struct view *first = NULL;

    for (unsigned i = 0; i < w->params.nodes && !w->failed; i++) {
        if (!node_serves(w, w->nodes[i]))
            continue;
        const struct view *view = shard_view(w->nodes[i]->shard);
        if (first == NULL)
            first = view;
        if (view_epoch(view) != view_epoch(first) || view->document->hash != first->document->hash)
            world_fail(w, "node %u is at another epoch than others", i);
        if (view->document->preparing != 0)
            world_fail(w, "node %u: a plan is being prepared and nobody ends it", i);
        if (w->late_open && !key_late_known(w->nodes[i]))
            world_fail(w, "node %u has forgotten what a majority knew of a bucket", i);
    }
    if (first == NULL)
        world_fail(w, "no node serves");
}

/* A replica that was behind may hold siblings of a bucket that keeps one. The first reads give them
 * to the others, which keep the winner; only the next ones find that, and bring it back. */
static void read_again(struct world *w)
{
    bool there;

    world_run(w, w->now_us + SETTLE_US);
    for (uint32_t key = 0; key < w->params.keys && !w->failed; key++) {
        if (key_one_value(w, key))
            judge_key(w, key, &there);
    }
}

void judge(struct world *w)
{
    bool there[SIM_KEYS_MAX] = {false};

    judge_epochs(w);
    for (uint32_t key = 0; key < w->params.keys && !w->failed; key++)
        judge_key(w, key, &there[key]);
    if (!w->failed)
        read_again(w);
    for (unsigned node = 0; node < w->params.nodes && !w->failed; node++) {
        if (node_serves(w, w->nodes[node]))
            judge_node(w, node, there);
    }
    if (w->failed)
        return;
    world_run(w, w->now_us + SETTLE_US);
    rest_reach(w);
    if (!w->failed)
        compare_replicas(w);
}

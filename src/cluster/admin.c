/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask. Anything may be asked of any member; a node that waits to join hands on what
 * is about the cluster that it waits for. */
#include "base/check.h"
#include "base/encode.h"
#include "cluster/cluster_int.h"

void admin_refuse(struct cluster *c, struct asker asker, enum err err, struct bytes text,
                  struct outbox *out)
{
    struct bytes copy = arena_copy(&out->arena, text);

    if (err == ERR_OK)
        return;
    if (asker.kind == ASKER_NODE) {
        struct peer_cluster *msg = cluster_say(c, asker.id, TALK_ADMIN_ANSWER, out);
        msg->u.admin_answer = (struct talk_admin_answer){asker.seq, err, copy, NULL};
        return;
    }
    outbox_error(out, asker, err, 0, 0);
    out->items[out->count - 1].u.reply.reply.text = copy;
}

void admin_answer(struct cluster *c, struct asker asker, struct outbox *out)
{
    const struct cluster_status *status = status_make(c, out);

    if (asker.kind == ASKER_NODE) {
        struct peer_cluster *msg = cluster_say(c, asker.id, TALK_ADMIN_ANSWER, out);
        msg->u.admin_answer = (struct talk_admin_answer){asker.seq, ERR_OK, BYTES_NONE, status};
        return;
    }
    outbox_reply(out, asker, REPLY_ADMIN)->status = status;
}

/* ---- staging ---- */

/* A rehearsal stages, shows what would be, and forgets. */
static void stage(struct cluster *c, struct asker asker, struct intent intent, bool dry_run,
                  struct outbox *out)
{
    struct staging before = c->staging;

    intent.tag = random_u64(&c->random) | 1;
    if (staging_add(&c->staging, intent) != ERR_OK) {
        admin_refuse(c, asker, ERR_FULL,
                     BYTES_LIT("too many changes are staged: commit or clear them"), out);
        return;
    }
    admin_answer(c, asker, out);
    if (dry_run)
        staging_restore(&c->staging, &before);
    else
        c->news = true;
}

/* The member or, when `waiting`, also the node that waits to join, of this name; 0 after it was
 * refused. */
static uint64_t find(struct cluster *c, struct asker asker, struct bytes name, bool waiting,
                     struct outbox *out)
{
    const struct document *d = cluster_document(c);
    int at = document_member_named(d, name);
    struct buf why;

    if (at >= 0)
        return d->members[at].id;
    for (uint32_t i = 0; waiting && i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (intent->kind == INTENT_JOIN && staging_counts(&c->staging, i) &&
            bytes_eq(intent->name, name))
            return intent->node;
    }
    buf_init(&why, REASON_BYTES_MAX);
    buf_put_str(&why, "'");
    buf_put(&why, name);
    buf_put_str(&why, "' is not a member of the cluster");
    admin_refuse(c, asker, ERR_NOT_FOUND, buf_bytes(&why), out);
    buf_done(&why);
    return 0;
}

static void leave(struct cluster *c, struct asker asker, const struct admin_request *request,
                  struct outbox *out)
{
    uint64_t node =
        request->target.len == 0 ? c->self : find(c, asker, request->target, false, out);

    if (node == 0)
        return;
    if (cluster_document(c)->members_count == 1) {
        admin_refuse(c, asker, ERR_REFUSED, BYTES_LIT("it is the only member of the cluster"), out);
        return;
    }
    struct intent intent = {
        .kind = INTENT_LEAVE,
        .node = node,
        .force = bytes_eq(request->value, BYTES_LIT("true")),
    };
    stage(c, asker, intent, request->dry_run, out);
}

/* Another takes over what a member has, who leaves or is gone for good. */
static void replace(struct cluster *c, struct asker asker, const struct admin_request *request,
                    enum intent_kind kind, struct outbox *out)
{
    struct intent intent = {.kind = kind, .node = find(c, asker, request->target, false, out)};

    if (intent.node == 0)
        return;
    if (kind != INTENT_FORCE_REMOVE) {
        intent.other = find(c, asker, request->value, true, out);
        if (intent.other == 0)
            return;
    }
    if (intent.other == intent.node) {
        admin_refuse(c, asker, ERR_REFUSED, BYTES_LIT("a node cannot replace itself"), out);
        return;
    }
    if (kind != INTENT_REPLACE && intent.node == c->self) {
        admin_refuse(c, asker, ERR_REFUSED,
                     BYTES_LIT("this node is not gone: ask another one, or let it leave"), out);
        return;
    }
    stage(c, asker, intent, request->dry_run, out);
}

static void set_location(struct cluster *c, struct asker asker, const struct admin_request *request,
                         struct outbox *out)
{
    struct intent intent = {.kind = INTENT_LOCATION, .location = request->value};

    if (request->value.len > NAME_BYTES_MAX) {
        admin_refuse(c, asker, ERR_BAD_REQUEST, BYTES_LIT("a location has at most 255 bytes"), out);
        return;
    }
    intent.node = find(c, asker, request->target, true, out);
    if (intent.node != 0)
        stage(c, asker, intent, request->dry_run, out);
}

static void set_weight(struct cluster *c, struct asker asker, const struct admin_request *request,
                       struct outbox *out)
{
    struct intent intent = {.kind = INTENT_WEIGHT};
    uint64_t weight = 0;

    if (!bytes_to_u64(request->value, &weight) || weight > STAGED_WEIGHT_MAX) {
        admin_refuse(c, asker, ERR_BAD_REQUEST,
                     BYTES_LIT("a weight is a number from 0 to 1000000; 100 is ordinary"), out);
        return;
    }
    intent.weight = (uint32_t)weight;
    intent.node = find(c, asker, request->target, true, out);
    if (intent.node != 0)
        stage(c, asker, intent, request->dry_run, out);
}

/* ---- plans ---- */

static void plan(struct cluster *c, struct asker asker, struct outbox *out)
{
    admin_answer(c, asker, out);
    struct output *output = &out->items[out->count - 1];
    const struct cluster_status *status = asker.kind == ASKER_NODE
                                              ? output->u.send.msg.u.cluster.u.admin_answer.status
                                              : output->u.reply.reply.status;
    c->shown_plan = status->plan.id;
}

static bool plan_number(struct bytes text, uint64_t *ret_id)
{
    uint8_t raw[8];
    uint64_t id = 0;

    if (text.len != 2 * sizeof(raw) || hex_decode(text, raw, sizeof(raw)) != ERR_OK)
        return false;
    for (unsigned i = 0; i < sizeof(raw); i++)
        id = id << 8 | raw[i];
    *ret_id = id;
    return true;
}

static void commit(struct cluster *c, struct asker asker, const struct admin_request *request,
                   const struct event *ev, struct outbox *out)
{
    uint64_t id = c->shown_plan;

    if (request->target.len > 0 && !plan_number(request->target, &id)) {
        admin_refuse(c, asker, ERR_BAD_REQUEST,
                     BYTES_LIT("a plan is named by the 16 hexadecimal digits that 'plan' prints"),
                     out);
        return;
    }
    if (id == 0) {
        admin_refuse(c, asker, ERR_STALE,
                     BYTES_LIT("You must verify the plan with 'dassie cluster plan' before "
                               "committing"),
                     out);
        return;
    }
    if (request->dry_run)
        plan(c, asker, out);
    else
        commit_start(c, asker, id, ev, out);
}

static void clear(struct cluster *c, struct asker asker, bool dry_run, struct outbox *out)
{
    if (!dry_run) {
        staging_clear(&c->staging);
        c->news = true;
        c->shown_plan = 0;
        contacts_wish(c, out);
    }
    admin_answer(c, asker, out);
}

/* ---- routing ---- */

/* A request at a node that waits to join: about the other cluster, unless it is its own wish. */
static void request_waiting(struct cluster *c, struct asker asker,
                            const struct admin_request *request, const struct event *ev,
                            struct outbox *out)
{
    switch (request->verb) {
    case ADMIN_JOIN: join_start(c, asker, request, ev, out); return;
    case ADMIN_CLEAR:
        if (request->dry_run)
            admin_answer(c, asker, out);
        else
            join_withdraw(c, asker, ev, out);
        return;
    case ADMIN_STATUS:
        if (join_whom(c) == 0) {
            admin_answer(c, asker, out);
            return;
        }
        relay_ask(c, asker, request, ev, out);
        return;
    case ADMIN_LEAVE:
    case ADMIN_PLAN:
    case ADMIN_COMMIT:
    case ADMIN_SET_LOCATION:
    case ADMIN_SET_WEIGHT:
    case ADMIN_REPLACE:
    case ADMIN_FORCE_REMOVE:
    case ADMIN_FORCE_REPLACE: relay_ask(c, asker, request, ev, out); return;
    }
    UNREACHABLE();
}

void admin_request(struct cluster *c, struct asker asker, const struct admin_request *request,
                   const struct event *ev, struct outbox *out)
{
    bool member = cluster_is_member(c, c->self);

    if (c->joiner.state == JOINER_WAIT && asker.kind != ASKER_NODE) {
        request_waiting(c, asker, request, ev, out);
        return;
    }
    if (!member && request->verb != ADMIN_STATUS && request->verb != ADMIN_JOIN) {
        admin_refuse(c, asker, ERR_REFUSED, BYTES_LIT("this node is not a member of its cluster"),
                     out);
        return;
    }
    switch (request->verb) {
    case ADMIN_STATUS: admin_answer(c, asker, out); return;
    case ADMIN_JOIN:
        if (asker.kind == ASKER_NODE)
            admin_refuse(c, asker, ERR_BAD_REQUEST, BYTES_LIT("ask the node that joins"), out);
        else
            join_start(c, asker, request, ev, out);
        return;
    case ADMIN_LEAVE: leave(c, asker, request, out); return;
    case ADMIN_PLAN: plan(c, asker, out); return;
    case ADMIN_COMMIT: commit(c, asker, request, ev, out); return;
    case ADMIN_CLEAR: clear(c, asker, request->dry_run, out); return;
    case ADMIN_SET_LOCATION: set_location(c, asker, request, out); return;
    case ADMIN_SET_WEIGHT: set_weight(c, asker, request, out); return;
    case ADMIN_REPLACE: replace(c, asker, request, INTENT_REPLACE, out); return;
    case ADMIN_FORCE_REMOVE: replace(c, asker, request, INTENT_FORCE_REMOVE, out); return;
    case ADMIN_FORCE_REPLACE: replace(c, asker, request, INTENT_FORCE_REPLACE, out); return;
    }
    UNREACHABLE();
}

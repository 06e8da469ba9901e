/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of one write.
 *
 *   NEW --primary, condition--> READ --holds--> LOAD
 *    |                           '--no primary any more--> FORWARD
 *    |--primary--> LOAD --local object known: commit + sends--> WAIT --tally decided--> SETTLE
 *    |              '--the replica was given away meanwhile--> FORWARD                  --> DONE
 *    '--not a primary--> FORWARD --peer answered--> DONE
 *
 * While no primary is up a fallback coordinates as one does: its own copy is a hint. A place whose
 * holder goes away before it answered is given to a fallback, which gets the copy as a hint.
 *
 *   any --refused, or failed before anything was sent--> DONE      any --deadline--> DONE (unknown)
 *
 * Invariants:
 *  1. The asker hears exactly one answer.
 *  2. A yes is counted for this node only when its own commit completed, durably.
 *  3. Nothing is sent to a replica before the dot was issued, and what is sent is what was
 *     committed.
 *  4. After the answer nothing is decided: SETTLE only waits for late votes.
 *  5. When the value expires is fixed here, where the write gets its dot, and nowhere else. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/handover.h"
#include "kv/limits.h"
#include "kv/machines.h"
#include "kv/preflist.h"
#include "model/expiry.h"
#include "msg/limits.h"
#include "record/keys.h"
#include "record/object.h"

enum put_state { PUT_NEW, PUT_READ, PUT_FORWARD, PUT_LOAD, PUT_WAIT, PUT_SETTLE, PUT_DONE };

struct put {
    struct machine m;
    enum put_state state;
    struct request request; /* in the machine's arena */
    struct preflist list;   /* props: not valid after the first step */
    struct put_needs needs;
    struct put_tally tally;
    bool one_value;
    bool made_key;
    bool kept; /* the request is whole in the machine's arena */
    bool replied;
    bool full;          /* this node could coordinate, but takes no new data */
    uint32_t ttl_s;     /* as the request or else the bucket says */
    uint64_t cutoff_us; /* in this step: what expired by then is hidden */
    uint32_t tried;     /* FORWARD: places asked */
    uint32_t tries;
    uint32_t asked; /* FORWARD: the place whose answer is open */
    struct bytes row_key;
    struct blob *record; /* from LOAD on */
};

static struct put *put_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_PUT);
    return CONTAINER_OF(machine, struct put, m);
}

static bool put_may(enum put_state from, enum put_state to)
{
    static const uint8_t may[] = {
        [PUT_NEW] = 1 << PUT_READ | 1 << PUT_FORWARD | 1 << PUT_LOAD | 1 << PUT_DONE,
        [PUT_READ] = 1 << PUT_LOAD | 1 << PUT_FORWARD | 1 << PUT_DONE,
        [PUT_FORWARD] = 1 << PUT_DONE,
        [PUT_LOAD] = 1 << PUT_WAIT | 1 << PUT_FORWARD | 1 << PUT_DONE,
        [PUT_WAIT] = 1 << PUT_SETTLE | 1 << PUT_DONE,
        [PUT_SETTLE] = 1 << PUT_DONE,
        [PUT_DONE] = 0,
    };

    return (may[from] >> to & 1) != 0;
}

static void put_check(const struct put *p)
{
    ASSERT(p->state != PUT_DONE || p->replied);
    ASSERT(p->state != PUT_SETTLE || p->replied);
    ASSERT((p->state != PUT_WAIT && p->state != PUT_SETTLE) || p->record != NULL);
    ASSERT((p->state != PUT_WAIT && p->state != PUT_SETTLE) || p->list.self >= 0);
}

static void put_enter(struct put *p, enum put_state state)
{
    ASSERT(put_may(p->state, state));
    p->state = state;
    p->m.done = state == PUT_DONE;
}

static void put_end(struct put *p, enum err err, const struct event *ev, struct outbox *out)
{
    ASSERT(!p->replied);
    p->replied = true;
    outbox_trace(out, TRACE_PUT_DONE, ev->mono_us - p->m.started_us, (uint64_t)err,
                 p->record == NULL ? 0 : p->record->len);
}

static void put_fail(struct put *p, struct tally_loss loss, const struct event *ev,
                     struct outbox *out)
{
    outbox_error(out, p->m.asker, loss.err, loss.have, loss.need);
    put_end(p, loss.err, ev, out);
}

/* What the client is shown of an object. Another node is told all: it shows its client what is left
 * by then. */
static const struct object *put_shown(const struct put *p, const struct object *object,
                                      struct outbox *out)
{
    return p->m.asker.kind == ASKER_NODE ? object : object_shown(&out->arena, object, p->cutoff_us);
}

/* The answer of success: the object when it was asked for, the key when we made it. A vnode that is
 * behind keeps siblings in every bucket; the client of one that keeps one value is told the winner,
 * as by a read. */
static void put_reply(struct put *p, const struct event *ev, struct outbox *out)
{
    struct object *object = NULL;

    if (p->request.u.put.return_body) {
        enum err err =
            record_object_decode(&out->arena, p->row_key, blob_bytes(p->record), &object);
        ASSERT(err == ERR_OK);
        if (p->one_value && object->count > 1)
            object = object_resolved(&out->arena, object);
    }
    struct reply *reply = outbox_reply(out, p->m.asker, REPLY_OBJECT);
    reply->object = put_shown(p, object, out);
    reply->made_key = p->made_key ? p->request.key.key : BYTES_NONE;
    put_end(p, ERR_OK, ev, out);
}

static void put_forward(struct put *p, const struct event *ev, struct outbox *out)
{
    int at = preflist_best(&p->list, p->m.id, p->tried);

    if (at < 0 || p->tries >= FORWARD_TRIES_MAX) {
        enum err err = p->full ? ERR_DISK_FULL : ERR_INSUFFICIENT_VNODES;
        put_fail(p, (struct tally_loss){err, 0, 1}, ev, out);
        put_enter(p, PUT_DONE);
        return;
    }
    p->tried |= 1u << at;
    p->tries++;
    p->asked = (uint32_t)at;
    struct peer_msg *msg = outbox_send(out, p->list.nodes[at], PEER_FORWARD);
    uint64_t left_us = p->m.deadline_us > ev->mono_us ? p->m.deadline_us - ev->mono_us : 0;
    msg->u.forward.token = machine_token(&p->m, (unsigned)at);
    msg->u.forward.budget_ms = (uint32_t)(left_us / 1000);
    msg->u.forward.request = p->request;
    outbox_trace(out, TRACE_FORWARD, p->list.nodes[at], 0, 0);
}

/* Hands the write to the vnode: its news bring the machine on. */
static void put_load(struct put *p, const struct kv_env *env, const struct event *ev,
                     struct outbox *out)
{
    const struct request_put *put = &p->request.u.put;
    struct vnode_write write = {
        .token = p->m.id,
        .partition = p->list.partition,
        .slot = p->list.slot,
        .key = p->request.key,
        .context = &put->context,
        .content = &put->content,
        .condition = &put->condition,
        .deleted = put->deleted,
        .expires_us = expiry_of(ev->wall_us, p->ttl_s),
        .one_value = p->one_value,
        .hint_for = p->list.hint_for[p->list.self],
    };

    if (write.hint_for != 0)
        outbox_trace(out, TRACE_FALLBACK_WRITE, p->list.partition, 0, 0);
    put_enter(p, PUT_LOAD);
    vnodes_write(env->vnodes, &write, ev, out);
}

static void put_read(struct put *p, struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_REQUEST);

    output->u.request.machine = p->m.id;
    output->u.request.request.kind = REQUEST_GET;
    output->u.request.request.key = p->request.key;
    request_options_init(&output->u.request.request.options);
    output->u.request.request.options.n_val = p->request.options.n_val;
    output->u.request.request.options.sloppy_quorum = p->request.options.sloppy_quorum;
    put_enter(p, PUT_READ);
}

/* Copies what is needed in a later step. A write that goes straight to the vnode needs no copy
 * here: the vnode makes its own. */
static void put_keep(struct put *p)
{
    struct request_put *put = &p->request.u.put;

    if (p->kept)
        return;
    p->kept = true;
    put->context = clock_copy(&p->m.arena, put->context);
    put->content = content_copy(&p->m.arena, &put->content);
    put->condition = condition_copy(&p->m.arena, &put->condition);
}

/* A replica that was given away, or is to be taken back first, coordinates nothing. */
static void put_stand_back(struct put *p, const struct kv_env *env)
{
    if (p->list.self < 0 || p->list.hint_for[p->list.self] != 0 ||
        handover_serves(env->vnodes, p->list.partition))
        return;
    p->tried |= 1u << p->list.self;
    p->list.self = -1;
}

/* Who holds the key, what its bucket keeps and what the write needs, as this node knows it now.
 * What was forwarded is not forwarded again. */
static enum err put_look(struct put *p, const struct kv_env *env, bool forwarded,
                         struct tally_loss *ret_loss)
{
    TRY(preflist_find(env->view, &p->request.key, &p->request.options, &p->list, ret_loss));
    p->one_value = preflist_one_value(&p->list);
    p->ttl_s = p->request.u.put.has_ttl ? p->request.u.put.ttl_s : p->list.props->ttl_s;
    TRY(preflist_put_needs(&p->list, &p->request.options, &p->needs, ret_loss));
    put_stand_back(p, env);
    if (p->list.self >= 0 || !forwarded)
        return ERR_OK;
    *ret_loss = (struct tally_loss){ERR_WRONG_OWNER, 0, 0};
    return ERR_WRONG_OWNER;
}

/* There is no room for new data here. Another replica may have some; if it comes to that, the vote
 * of this one is a no. */
static void put_pass_on(struct put *p, const struct kv_env *env, const struct event *ev,
                        struct outbox *out)
{
    ASSERT(p->list.self >= 0);
    outbox_trace(out, TRACE_DISK_REFUSED, p->list.partition, 0, 0);
    if (env->forwarded) {
        put_fail(p, (struct tally_loss){ERR_DISK_FULL, 0, 0}, ev, out);
        put_enter(p, PUT_DONE);
        return;
    }
    p->full = true;
    p->tried |= 1u << p->list.self;
    put_keep(p);
    put_enter(p, PUT_FORWARD);
    put_forward(p, ev, out);
}

static void put_admit(struct put *p, const struct kv_env *env, const struct event *ev,
                      struct outbox *out)
{
    struct tally_loss loss;

    if (put_look(p, env, env->forwarded, &loss) != ERR_OK) {
        put_fail(p, loss, ev, out);
        put_enter(p, PUT_DONE);
    } else if (p->list.self < 0) {
        put_keep(p);
        put_enter(p, PUT_FORWARD);
        put_forward(p, ev, out);
    } else if (vnodes_full(env->vnodes) && !p->request.u.put.deleted) {
        put_pass_on(p, env, ev, out);
    } else if (condition_any(&p->request.u.put.condition)) {
        put_keep(p);
        put_read(p, out);
    } else {
        if (handover_any(env->vnodes, p->list.partition))
            put_keep(p);
        put_load(p, env, ev, out);
    }
}

/* The quorum read of a conditional write has come back. What it found is merged into the replica
 * here before the write, which asks the condition once more in its turn on the key: so two writers
 * at this coordinator cannot both pass. Meanwhile the partition may have moved away, for nothing of
 * the write was held here while it read: then its present replicas read and write. */
static void put_on_read(struct put *p, const struct kv_env *env, const struct event *ev,
                        struct outbox *out)
{
    const struct reply *reply = ev->u.reply.reply;
    const struct condition *condition = &p->request.u.put.condition;
    struct tally_loss loss;

    if (put_look(p, env, p->m.asker.kind == ASKER_NODE, &loss) != ERR_OK) {
        put_fail(p, loss, ev, out);
        put_enter(p, PUT_DONE);
        return;
    }
    if (p->list.self < 0) {
        put_enter(p, PUT_FORWARD);
        put_forward(p, ev, out);
        return;
    }
    const struct object *object = reply->kind == REPLY_OBJECT ? reply->object : NULL;
    if (object != NULL && clock_ended(object->clock, p->cutoff_us))
        object = NULL;
    const struct object *shown =
        object != NULL && p->one_value ? object_resolved(&out->arena, object) : object;
    shown = object_shown(&out->arena, shown, p->cutoff_us);
    bool failed = reply->kind == REPLY_ERROR && reply->err != ERR_NOT_FOUND;
    enum err err =
        failed && !condition->if_none_match_any ? reply->err : condition_holds(condition, shown);

    if (err != ERR_OK) {
        put_fail(p, (struct tally_loss){err, reply->have, reply->need}, ev, out);
        put_enter(p, PUT_DONE);
        return;
    }
    if (object != NULL) {
        struct bytes row_key = row_key_make(&out->arena, p->list.slot, &p->request.key);
        struct blob *record = record_object_blob(row_key, object);
        struct vnode_merge merge = {
            .partition = p->list.partition,
            .slot = p->list.slot,
            .key = p->request.key,
            .record = blob_bytes(record),
            .one_value = p->one_value,
            .hint_for = p->list.hint_for[p->list.self],
        };
        vnodes_merge(env->vnodes, &merge, ev, out);
        blob_unref(record);
    }
    put_load(p, env, ev, out);
}

static void put_on_peer(struct put *p, const struct event *ev, struct outbox *out)
{
    const struct reply *theirs = &ev->u.peer.msg->u.forwarded.reply;
    bool not_done =
        theirs->kind == REPLY_ERROR &&
        (theirs->err == ERR_WRONG_OWNER || theirs->err == ERR_STOPPING ||
         theirs->err == ERR_OVERLOAD || theirs->err == ERR_CORRUPT || theirs->err == ERR_DISK_FULL);

    if (not_done && p->tries < FORWARD_TRIES_MAX &&
        preflist_best(&p->list, p->m.id, p->tried) >= 0) {
        put_forward(p, ev, out);
        return;
    }
    /* Nodes differ for a moment in who holds a key: to the client nobody does. */
    if (theirs->kind == REPLY_ERROR && theirs->err == ERR_WRONG_OWNER) {
        put_fail(p, (struct tally_loss){ERR_INSUFFICIENT_VNODES, 0, 1}, ev, out);
        put_enter(p, PUT_DONE);
        return;
    }
    struct reply *reply = outbox_reply(out, p->m.asker, theirs->kind);
    *reply = *theirs;
    reply->object = put_shown(p, theirs->object, out);
    reply->made_key = p->made_key ? p->request.key.key : BYTES_NONE;
    put_end(p, theirs->err, ev, out);
    put_enter(p, PUT_DONE);
}

static void put_decide(struct put *p, const struct kv_env *env, const struct event *ev,
                       struct outbox *out)
{
    bool open = false;

    for (uint32_t i = 0; i < p->tally.n; i++)
        open = open || p->tally.votes[i] == VOTE_OPEN;
    if (p->state == PUT_WAIT) {
        switch (put_tally_verdict(&p->tally)) {
        case TALLY_OPEN: return;
        case TALLY_MET: put_reply(p, ev, out); break;
        case TALLY_LOST: put_fail(p, put_tally_loss(&p->tally), ev, out); break;
        }
        put_enter(p, open ? PUT_SETTLE : PUT_DONE);
        uint64_t settle_us = ev->mono_us + (uint64_t)env->config->repair_wait_ms * 1000;
        if (settle_us < p->m.deadline_us)
            p->m.deadline_us = settle_us;
    } else if (!open) {
        put_enter(p, PUT_DONE);
    }
}

/* The copy for one place. What is sent is what was committed. */
static void put_send(struct put *p, const struct kv_env *env, uint32_t place, struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_SEND);

    ASSERT(p->list.up[place]);
    output->u.send.to = p->list.nodes[place];
    output->u.send.holds = blob_ref(p->record);
    output->u.send.msg.kind = PEER_PUT;
    output->u.send.msg.u.put = (struct peer_put){
        .token = machine_token(&p->m, place),
        .epoch = view_epoch(env->view),
        .partition = p->list.partition,
        .key = p->request.key,
        .durable = true,
        .hint_for = p->list.hint_for[place],
        .record = blob_bytes(p->record),
    };
}

/* The vnode made the object: the copies for the other replicas leave in this step, beside the local
 * commit. */
static void put_on_applied(struct put *p, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct event_vnode *news = &ev->u.vnode;

    p->record = blob_ref(news->record);
    p->row_key = arena_copy(&p->m.arena, news->row_key);
    put_tally_init(&p->tally, p->list.n, p->needs);
    put_enter(p, PUT_WAIT);
    for (uint32_t i = 0; i < p->list.n; i++) {
        if ((int)i != p->list.self && !p->list.up[i])
            (void)preflist_replace(&p->list, env->view, i);
        p->tally.primary[i] = p->list.hint_for[i] == 0;
        if ((int)i == p->list.self)
            continue;
        if (p->list.up[i])
            put_send(p, env, i, out);
        else
            put_tally_add(&p->tally, i, false, false);
    }
    put_decide(p, env, ev, out);
}

static void put_vote(struct put *p, const struct kv_env *env, uint32_t place, bool yes,
                     bool durable, const struct event *ev, struct outbox *out)
{
    if (place >= p->tally.n || p->tally.votes[place] != VOTE_OPEN) {
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
        return;
    }
    put_tally_add(&p->tally, place, yes, yes && durable);
    put_decide(p, env, ev, out);
}

/* LOAD: the vnode refused or failed before anything left this node. */
static void put_on_refused(struct put *p, const struct event *ev, struct outbox *out)
{
    const struct event_vnode *news = &ev->u.vnode;

    ASSERT(news->err != ERR_OK);
    if (news->err == ERR_WRONG_OWNER && p->kept && p->m.asker.kind != ASKER_NODE) {
        p->tried |= 1u << p->list.self;
        p->list.self = -1;
        put_enter(p, PUT_FORWARD);
        put_forward(p, ev, out);
        return;
    }
    outbox_error(out, p->m.asker, news->err, news->have, 0);
    out->items[out->count - 1].u.reply.reply.size = news->size;
    put_end(p, news->err, ev, out);
    put_enter(p, PUT_DONE);
}

static void put_expire(struct put *p, const struct event *ev, struct outbox *out)
{
    if (!p->replied)
        put_fail(p, (struct tally_loss){ERR_TIMEOUT, 0, 0}, ev, out);
    if (p->state == PUT_WAIT)
        put_enter(p, PUT_SETTLE);
    put_enter(p, PUT_DONE);
}

/* A node is gone. What it was sent may have arrived: a copy too many does no harm. */
static void put_on_link_down(struct put *p, const struct kv_env *env, const struct event *ev,
                             struct outbox *out)
{
    int place = preflist_place(&p->list, ev->u.link.node);

    if (place < 0)
        return;
    p->list.up[place] = false;
    if (p->state == PUT_WAIT || p->state == PUT_SETTLE) {
        if (p->tally.votes[place] != VOTE_OPEN || place == p->list.self)
            return;
        if (preflist_replace(&p->list, env->view, (uint32_t)place)) {
            p->tally.primary[place] = false;
            put_send(p, env, (uint32_t)place, out);
            put_decide(p, env, ev, out);
        } else {
            put_vote(p, env, (uint32_t)place, false, false, ev, out);
        }
    } else if (p->state == PUT_FORWARD && p->asked == (uint32_t)place) {
        /* It may have done it, or may yet. */
        put_fail(p, (struct tally_loss){ERR_UNKNOWN, 0, 0}, ev, out);
        put_enter(p, PUT_DONE);
    }
}

/* Whether a peer's answer comes from the place that its token names. This node's own vote is the
 * vnode's news. */
static bool put_knows(const struct put *p, uint64_t token, uint64_t from)
{
    unsigned place = machine_number(token);

    return place < p->list.n && (int)place != p->list.self && p->list.nodes[place] == from;
}

/* What is legal but not for this state: late, duplicate, or of another token. An answer to a
 * forward counts only if it is of the place asked last: else a write could be begun at two. */
static bool put_ignores(const struct put *p, const struct event *ev)
{
    if (ev->kind == EV_PEER && ev->u.peer.msg->kind == PEER_FORWARDED) {
        uint64_t token = ev->u.peer.msg->u.forwarded.token;
        return p->state != PUT_FORWARD || machine_number(token) != p->asked ||
               !put_knows(p, token, ev->u.peer.from);
    }
    if (ev->kind == EV_PEER && ev->u.peer.msg->kind == PEER_PUT_ACK)
        return (p->state != PUT_WAIT && p->state != PUT_SETTLE) ||
               !put_knows(p, ev->u.peer.msg->u.put_ack.token, ev->u.peer.from);
    if (ev->kind == EV_REPLY)
        return p->state != PUT_READ;
    if (ev->kind == EV_APPLIED)
        return p->state != PUT_LOAD;
    if (ev->kind == EV_COMMITTED)
        return p->state != PUT_LOAD && p->state != PUT_WAIT && p->state != PUT_SETTLE;
    return ev->kind != EV_DEADLINE && ev->kind != EV_LINK_DOWN;
}

static void put_wait_step(struct put *p, const struct kv_env *env, const struct event *ev,
                          struct outbox *out)
{
    if (ev->kind == EV_COMMITTED) {
        put_vote(p, env, (uint32_t)p->list.self, ev->u.vnode.err == ERR_OK, true, ev, out);
        return;
    }
    const struct peer_put_ack *ack = &ev->u.peer.msg->u.put_ack;
    put_vote(p, env, machine_number(ack->token), ack->err == ERR_OK, ack->durable, ev, out);
}

void put_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
              struct outbox *out)
{
    struct put *p = put_of(machine);

    if (put_ignores(p, ev))
        return;
    p->cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    if (ev->kind == EV_DEADLINE) {
        put_expire(p, ev, out);
        return;
    }
    if (ev->kind == EV_LINK_DOWN) {
        put_on_link_down(p, env, ev, out);
        return;
    }
    switch (p->state) {
    case PUT_READ: put_on_read(p, env, ev, out); break;
    case PUT_FORWARD: put_on_peer(p, ev, out); break;
    case PUT_LOAD:
        if (ev->kind == EV_APPLIED)
            put_on_applied(p, env, ev, out);
        else
            put_on_refused(p, ev, out);
        break;
    case PUT_WAIT:
    case PUT_SETTLE: put_wait_step(p, env, ev, out); break;
    case PUT_NEW:
    case PUT_DONE: UNREACHABLE();
    }
    put_check(p);
}

struct machine *put_new(const struct kv_env *env, uint64_t id, struct asker asker,
                        const struct request *request, const struct event *ev, struct outbox *out)
{
    struct put *p = mem_new(sizeof(*p));

    ASSERT(request->kind == REQUEST_PUT);
    machine_begin(&p->m, MACHINE_PUT, id, asker, request->options.timeout_ms, ev);
    p->made_key = env->made_key;
    p->cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    p->request = *request;
    p->request.key = key_copy(&p->m.arena, &request->key);
    put_admit(p, env, ev, out);
    put_check(p);
    return &p->m;
}

void put_free(struct machine *machine)
{
    struct put *p = put_of(machine);

    blob_unref(p->record);
    arena_done(&p->m.arena);
    mem_free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator of one read: the whole object from one replica, digests from the others, so that
 * answers do not pile up at this node (TCP incast); further objects only where digests differ.
 *
 *   NEW --> WAIT --r answered, one object covers all--> SETTLE --all in, or waited--> DONE
 *            | '--digests that the object does not cover--> FETCH --objects came--> WAIT
 *            '--cannot be met--> SETTLE             FETCH --overdue, others do--> SETTLE
 *                                                              any --deadline--> DONE
 *
 * A replica may fall silent between its digest and its object. FETCH waits a moment for an object,
 * then asks whoever else has it, and at last does without those that do not come, if the others are
 * a quorum: what they do not cover was acknowledged to nobody who asked for one.
 *
 * After the answer SETTLE waits for the late ones, fetches what is newer among them, and sends the
 * merged object to the replicas that lack it (read repair; never when the digests are equal).
 *
 * Invariants:
 *  1. The asker hears exactly one answer.
 *  2. The answer covers every digest that had come when it was given, but for those whose object
 *     is overdue; then the quorum is of others.
 *  3. Not-found is said only of primaries that answered not-found, never of silent or failed ones,
 *     nor of fallbacks, which are asked for what they keep for a primary that is away.
 *  4. `merged` is NULL or the merge of all objects that came.
 *  5. A client is shown nothing that has expired; what is merged, and what machines get, keeps it.
 *     A history that has ended is not repaired. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/machines.h"
#include "kv/preflist.h"
#include "model/expiry.h"
#include "msg/limits.h"
#include "record/keys.h"
#include "record/meta.h"
#include "record/object.h"

enum get_state { GET_NEW, GET_WAIT, GET_FETCH, GET_SETTLE, GET_DONE };

enum {
    GET_HEDGE_MS = 20,     /* how long a quorum of digests waits for an object */
    GET_PATIENCE_MS = 200, /* and then for whoever has it, before it does without */
};

struct get {
    struct machine m;
    enum get_state state;
    struct key key;
    bool has_if_modified;
    struct clock if_modified;
    struct preflist list; /* props: not valid after the first step */
    bool one_value;
    struct get_tally tally;
    const struct meta *metas[RING_REPLICAS_MAX]; /* of the replicas that have the key */
    struct object *merged;
    const struct meta *merged_meta;
    uint32_t full; /* places asked for the object whose answer is open */
    bool replied;
    bool hedged;         /* FETCH: all who have an object that is missing were asked for it */
    bool overdue;        /* FETCH: and long enough ago */
    bool refetched;      /* SETTLE fetches once */
    uint64_t timeout_us; /* the request's own; deadline_us may be nearer */
    uint64_t cutoff_us;  /* in this step: what expired by then is hidden */
};

static struct get *get_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_GET);
    return CONTAINER_OF(machine, struct get, m);
}

static void get_check(const struct get *g)
{
    ASSERT((g->merged == NULL) == (g->merged_meta == NULL));
    ASSERT((g->state != GET_SETTLE && g->state != GET_DONE) || g->replied);
    ASSERT((g->state != GET_WAIT && g->state != GET_FETCH) || !g->replied);
    ASSERT(!g->overdue || g->hedged);
    ASSERT(g->m.deadline_us <= g->timeout_us || g->refetched);
}

static void get_enter(struct get *g, enum get_state state)
{
    static const uint8_t may[] = {
        [GET_NEW] = 1 << GET_WAIT | 1 << GET_DONE,
        [GET_WAIT] = 1 << GET_FETCH | 1 << GET_SETTLE | 1 << GET_DONE,
        [GET_FETCH] = 1 << GET_WAIT | 1 << GET_SETTLE | 1 << GET_DONE,
        [GET_SETTLE] = 1 << GET_DONE,
        [GET_DONE] = 0,
    };

    ASSERT((may[g->state] >> state & 1) != 0);
    g->state = state;
    g->m.done = state == GET_DONE;
}

static void get_ask(struct get *g, const struct kv_env *env, uint32_t place, bool full,
                    struct outbox *out)
{
    struct peer_msg *msg = outbox_send(out, g->list.nodes[place], PEER_GET);

    msg->u.get = (struct peer_get){
        .token = machine_token(&g->m, place),
        .epoch = view_epoch(env->view),
        .partition = g->list.partition,
        .key = g->key,
        .full = full,
        .hint_for = g->list.hint_for[place],
    };
    if (full)
        g->full |= 1u << place;
}

static void get_end(struct get *g, enum err err, const struct event *ev, struct outbox *out)
{
    ASSERT(!g->replied);
    g->replied = true;
    outbox_trace(out, TRACE_GET_DONE, ev->mono_us - g->m.started_us, (uint64_t)err,
                 g->merged == NULL ? 0 : g->merged->count);
}

static void get_fail(struct get *g, struct tally_loss loss, const struct event *ev,
                     struct outbox *out)
{
    outbox_error(out, g->m.asker, loss.err, loss.have, loss.need);
    get_end(g, loss.err, ev, out);
}

/* A client is told the winner when the bucket keeps one value, and of that nothing that has
 * expired: a value that lost against one which is hidden now does not come back. What is merged,
 * and what replicas and other machines get, keeps all: this node may not know yet that the bucket
 * keeps them now, and a clock without its siblings would delete them elsewhere. */
static void get_show(struct get *g, struct outbox *out)
{
    const struct object *shown = g->merged;
    uint64_t bytes = 0;

    if (g->one_value && shown->count > 1 && g->m.asker.kind != ASKER_MACHINE)
        shown = object_resolved(&g->m.arena, shown);
    if (g->m.asker.kind == ASKER_SESSION) {
        uint32_t expired = object_expired(shown, g->cutoff_us);
        if (expired > 0)
            outbox_trace(out, TRACE_EXPIRED_HIDDEN, expired, 0, 0);
        shown = object_shown(&g->m.arena, shown, g->cutoff_us);
    }
    for (uint32_t i = 0; i < shown->count; i++)
        bytes += shown->siblings[i].content.value.len;
    outbox_reply(out, g->m.asker, REPLY_OBJECT)->object = shown;
    outbox_trace(out, TRACE_GET_OBJECT, bytes, shown->count, 0);
}

static void get_reply(struct get *g, const struct event *ev, struct outbox *out)
{
    if (g->merged == NULL) {
        get_fail(g, (struct tally_loss){ERR_NOT_FOUND, 0, 0}, ev, out);
    } else if (g->has_if_modified && object_expired(g->merged, g->cutoff_us) == 0 &&
               clock_compare(g->if_modified, g->merged->clock) == CLOCK_EQUAL) {
        get_fail(g, (struct tally_loss){ERR_UNCHANGED, 0, 0}, ev, out);
    } else {
        get_show(g, out);
        get_end(g, ERR_OK, ev, out);
    }
}

/* A digest that the merged object does not cover. */
static bool uncovered(const struct get *g, uint32_t place)
{
    const struct meta *meta = g->metas[place];

    return meta != NULL && (g->merged_meta == NULL || !meta_covers(g->merged_meta, meta));
}

static bool any_uncovered(const struct get *g)
{
    for (uint32_t i = 0; i < g->list.n; i++) {
        if (uncovered(g, i))
            return true;
    }
    return false;
}

/* Whether another replica's digest says that its object would do for this one too. Of equal ones
 * one is left: that which was asked for, or the first. */
static bool superseded(const struct get *g, uint32_t place)
{
    for (uint32_t i = 0; i < g->list.n; i++) {
        if (i == place || !uncovered(g, i) || !meta_covers(g->metas[i], g->metas[place]))
            continue;
        if (i < place || (g->full & 1u << i) != 0 || !meta_covers(g->metas[place], g->metas[i]))
            return true;
    }
    return false;
}

/* Asks for the objects behind the digests that nothing covers: all, or as few as will do. */
static void get_fetch(struct get *g, const struct kv_env *env, bool all, struct outbox *out)
{
    for (uint32_t i = 0; i < g->list.n; i++) {
        if (uncovered(g, i) && (g->full & 1u << i) == 0 && (all || !superseded(g, i)))
            get_ask(g, env, i, true, out);
    }
}

/* Whether the replica that was asked for the object first has not answered at all yet. */
static bool object_on_its_way(const struct get *g)
{
    for (uint32_t i = 0; i < g->list.n; i++) {
        if ((g->full & 1u << i) != 0 && g->tally.votes[i] == VOTE_OPEN)
            return true;
    }
    return false;
}

/* Sets the deadline, but not beyond the request's own. */
static void get_wait(struct get *g, const struct event *ev, uint32_t wait_ms)
{
    uint64_t until_us = ev->mono_us + (uint64_t)wait_ms * 1000;

    g->m.deadline_us = until_us < g->timeout_us ? until_us : g->timeout_us;
}

static void get_settle(struct get *g, const struct kv_env *env, const struct event *ev)
{
    ASSERT(g->replied);
    get_enter(g, GET_SETTLE);
    get_wait(g, ev, env->config->repair_wait_ms);
}

static void get_begin_fetch(struct get *g, const struct kv_env *env, const struct event *ev,
                            struct outbox *out)
{
    ASSERT(g->state == GET_WAIT);
    get_fetch(g, env, false, out);
    g->hedged = false;
    g->overdue = false;
    get_wait(g, ev, GET_HEDGE_MS);
    get_enter(g, GET_FETCH);
}

/* Sends the merged object to every replica that answered and lacks some of it. Fallbacks keep what
 * was written while a primary was away, and no more. */
static void get_repair(struct get *g, const struct kv_env *env, struct outbox *out)
{
    struct blob *record = NULL;

    if (g->merged == NULL || any_uncovered(g) || meta_expired(g->merged_meta, g->cutoff_us))
        return;
    struct bytes row_key = row_key_make(&out->arena, g->list.slot, &g->key);
    for (uint32_t i = 0; i < g->list.n; i++) {
        if (g->list.hint_for[i] != 0)
            continue;
        bool lacks = g->tally.votes[i] == VOTE_NOT_FOUND ||
                     (g->metas[i] != NULL && !meta_same(g->metas[i], g->merged_meta));
        if (!lacks)
            continue;
        if (record == NULL)
            record = record_object_blob(row_key, g->merged);
        struct output *output = outbox_add(out, OUT_SEND);
        output->u.send.to = g->list.nodes[i];
        output->u.send.holds = blob_ref(record);
        output->u.send.msg.kind = PEER_PUT;
        output->u.send.msg.u.put = (struct peer_put){
            .token = machine_token(&g->m, i),
            .epoch = view_epoch(env->view),
            .partition = g->list.partition,
            .key = g->key,
            .durable = false,
            .record = blob_bytes(record),
        };
        outbox_trace(out, TRACE_READ_REPAIR, g->list.partition, g->list.nodes[i], 0);
    }
    blob_unref(record);
}

/* SETTLE, once all answers are in or the wait is over. */
static void get_close(struct get *g, const struct kv_env *env, const struct event *ev,
                      struct outbox *out)
{
    if (any_uncovered(g) && !g->refetched && ev->mono_us < g->timeout_us) {
        g->refetched = true;
        g->full = 0;
        get_fetch(g, env, false, out);
        if (g->full != 0) {
            g->m.deadline_us = ev->mono_us + (uint64_t)env->config->repair_wait_ms * 1000;
            return;
        }
    }
    get_repair(g, env, out);
    get_enter(g, GET_DONE);
}

/* WAIT: is there an answer to give? */
static void get_decide(struct get *g, const struct kv_env *env, const struct event *ev,
                       struct outbox *out)
{
    switch (get_tally_verdict(&g->tally)) {
    case TALLY_OPEN: return;
    case TALLY_LOST: get_fail(g, get_tally_loss(&g->tally), ev, out); break;
    case TALLY_MET:
        if (any_uncovered(g)) {
            if (!object_on_its_way(g))
                get_begin_fetch(g, env, ev, out);
            else if (g->m.deadline_us == g->timeout_us)
                get_wait(g, ev, GET_HEDGE_MS);
            return;
        }
        get_reply(g, ev, out);
        break;
    }
    get_settle(g, env, ev);
    if (get_tally_open(&g->tally) == 0)
        get_close(g, env, ev, out);
}

/* FETCH: answers without the objects that do not come, if the replicas that are left suffice. */
static void get_do_without(struct get *g, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    struct get_tally rest = g->tally;

    ASSERT(g->overdue);
    for (uint32_t i = 0; i < g->list.n; i++) {
        if (uncovered(g, i))
            rest.votes[i] = VOTE_NO;
    }
    if (get_tally_verdict(&rest) != TALLY_MET)
        return;
    get_reply(g, ev, out);
    get_settle(g, env, ev);
}

/* FETCH, when something came: perhaps what was missing, perhaps who else has it. */
static void get_go_on(struct get *g, const struct kv_env *env, const struct event *ev,
                      struct outbox *out)
{
    ASSERT(g->state == GET_FETCH);
    if (g->full == 0 || !any_uncovered(g)) {
        g->m.deadline_us = g->timeout_us;
        get_enter(g, GET_WAIT);
        get_decide(g, env, ev, out);
        return;
    }
    if (g->hedged)
        get_fetch(g, env, true, out);
    if (g->overdue)
        get_do_without(g, env, ev, out);
}

/* FETCH: an object is late. */
static void get_on_late(struct get *g, const struct kv_env *env, const struct event *ev,
                        struct outbox *out)
{
    ASSERT(g->state == GET_FETCH);
    if (!g->hedged) {
        g->hedged = true;
        get_wait(g, ev, GET_PATIENCE_MS);
        get_fetch(g, env, true, out);
        return;
    }
    g->overdue = true;
    g->m.deadline_us = g->timeout_us;
    get_do_without(g, env, ev, out);
}

/* Adds an object that came to the merged one. */
static void get_merge(struct get *g, const struct object *object)
{
    struct arena *arena = &g->m.arena;

    g->merged = g->merged == NULL ? object_merge(arena, NULL, object)
                                  : object_merge(arena, g->merged, object);
    g->merged_meta = meta_of(arena, g->merged);
}

/* Reads an answer: what it says of the place, ERR_OK when an object or a digest is there. */
static enum err get_take(struct get *g, uint32_t place, const struct peer_got *got,
                         struct outbox *out)
{
    struct arena *arena = &g->m.arena;
    struct bytes row_key = row_key_make(&out->arena, g->list.slot, &g->key);
    struct object *object;
    struct meta *meta;

    TRY(got->err);
    if (!got->full) {
        TRY(record_meta_decode(arena, row_key, got->record, &meta));
        g->metas[place] = meta;
        return ERR_OK;
    }
    TRY(record_object_decode(arena, row_key, arena_copy(arena, got->record), &object));
    g->metas[place] = meta_of(arena, object);
    get_merge(g, object);
    return ERR_OK;
}

static enum vote vote_of(enum err err)
{
    return err == ERR_OK ? VOTE_YES : err == ERR_NOT_FOUND ? VOTE_NOT_FOUND : VOTE_NO;
}

/* FETCH, and SETTLE's own fetch: an object that was asked for because of its digest. When it does
 * not come, the digest counts for nothing. */
static void get_on_fetched(struct get *g, const struct kv_env *env, uint32_t place, enum err err,
                           const struct event *ev, struct outbox *out)
{
    g->full &= ~(1u << place);
    if (err != ERR_OK) {
        g->metas[place] = NULL;
        g->tally.votes[place] = VOTE_NO;
    }
    if (g->state == GET_SETTLE) {
        if (g->full == 0 && get_tally_open(&g->tally) == 0)
            get_close(g, env, ev, out);
        return;
    }
    if (g->state == GET_FETCH)
        get_go_on(g, env, ev, out);
    else if (g->full == 0 || !any_uncovered(g))
        get_decide(g, env, ev, out);
}

static void get_on_got(struct get *g, const struct kv_env *env, uint32_t place,
                       const struct peer_got *got, const struct event *ev, struct outbox *out)
{
    bool first = g->tally.votes[place] == VOTE_OPEN;
    bool fetched = !first && (g->full & 1u << place) != 0 && (got->full || got->err != ERR_OK);

    if (!first && !fetched) {
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
        return;
    }
    enum err err = get_take(g, place, got, out);
    if (fetched) {
        get_on_fetched(g, env, place, err, ev, out);
        return;
    }
    get_tally_add(&g->tally, place, vote_of(err));
    g->full &= ~(1u << place);
    switch (g->state) {
    case GET_WAIT: get_decide(g, env, ev, out); break;
    case GET_FETCH: get_go_on(g, env, ev, out); break;
    case GET_SETTLE:
        if (get_tally_open(&g->tally) == 0 && g->full == 0)
            get_close(g, env, ev, out);
        break;
    case GET_NEW:
    case GET_DONE: UNREACHABLE();
    }
}

static void get_expire(struct get *g, const struct kv_env *env, const struct event *ev,
                       struct outbox *out)
{
    if (g->state == GET_SETTLE) {
        get_close(g, env, ev, out);
    } else if (ev->mono_us >= g->timeout_us) {
        get_fail(g, (struct tally_loss){ERR_TIMEOUT, 0, 0}, ev, out);
        get_enter(g, GET_DONE);
    } else if (g->state == GET_WAIT) {
        /* The object is late: fetch it where a digest says it is. */
        get_begin_fetch(g, env, ev, out);
    } else {
        get_on_late(g, env, ev, out);
    }
}

static void get_on_link_down(struct get *g, const struct kv_env *env, const struct event *ev,
                             struct outbox *out)
{
    int place = preflist_place(&g->list, ev->u.link.node);
    struct peer_got none = {.err = ERR_UNREACHABLE};

    if (place < 0)
        return;
    if (g->tally.votes[place] == VOTE_OPEN || (g->full & 1u << place) != 0)
        get_on_got(g, env, (uint32_t)place, &none, ev, out);
    else if (g->state != GET_SETTLE && uncovered(g, (uint32_t)place))
        /* Its object cannot be asked for any more, and nobody will say so again. */
        get_on_fetched(g, env, (uint32_t)place, none.err, ev, out);
}

void get_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
              struct outbox *out)
{
    struct get *g = get_of(machine);

    g->cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    if (ev->kind == EV_DEADLINE) {
        get_expire(g, env, ev, out);
    } else if (ev->kind == EV_LINK_DOWN) {
        get_on_link_down(g, env, ev, out);
    } else if (ev->kind == EV_PEER && ev->u.peer.msg->kind == PEER_GOT) {
        const struct peer_got *got = &ev->u.peer.msg->u.got;
        unsigned place = machine_number(got->token);
        if (place < g->list.n && ev->u.peer.from == g->list.nodes[place])
            get_on_got(g, env, place, got, ev, out);
    }
    get_check(g);
}

static void get_admit(struct get *g, const struct kv_env *env, const struct request *request,
                      const struct event *ev, struct outbox *out)
{
    struct get_needs needs;
    struct tally_loss loss;
    enum err err = preflist_find(env->view, &g->key, &request->options, &g->list, &loss);

    if (err == ERR_OK)
        err = preflist_get_needs(&g->list, &request->options, &needs, &loss);
    if (err != ERR_OK) {
        get_fail(g, loss, ev, out);
        get_enter(g, GET_DONE);
        return;
    }
    g->one_value = preflist_one_value(&g->list);
    get_tally_init(&g->tally, g->list.n, needs);
    int best = preflist_best(&g->list, g->m.id, 0);
    ASSERT(best >= 0);
    get_enter(g, GET_WAIT);
    for (uint32_t i = 0; i < g->list.n; i++) {
        bool hint = g->list.hint_for[i] != 0;
        g->tally.primary[i] = !hint;
        if (g->list.up[i])
            get_ask(g, env, i, (int)i == best || hint, out);
        else
            get_tally_add(&g->tally, i, VOTE_NO);
    }
    get_decide(g, env, ev, out);
}

struct machine *get_new(const struct kv_env *env, uint64_t id, struct asker asker,
                        const struct request *request, const struct event *ev, struct outbox *out)
{
    struct get *g = mem_new(sizeof(*g));

    ASSERT(request->kind == REQUEST_GET);
    machine_begin(&g->m, MACHINE_GET, id, asker, request->options.timeout_ms, ev);
    g->timeout_us = g->m.deadline_us;
    g->cutoff_us = expiry_cutoff_us(ev->wall_us, env->config->expiry_skew_ms);
    g->key = key_copy(&g->m.arena, &request->key);
    g->has_if_modified = request->u.get.has_if_modified;
    g->if_modified = clock_copy(&g->m.arena, request->u.get.if_modified);
    get_admit(g, env, request, ev, out);
    get_check(g);
    return &g->m;
}

void get_free(struct machine *machine)
{
    struct get *g = get_of(machine);

    arena_done(&g->m.arena);
    mem_free(g);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/commit.h"

#include "base/check.h"
#include "cluster/cluster_int.h"
#include "model/moves.h"

void commit_init(struct commit *m)
{
    memset(m, 0, sizeof(*m));
    arena_init(&m->arena);
    buf_init(&m->why, REASON_BYTES_MAX);
}

void commit_done(struct commit *m)
{
    arena_done(&m->arena);
    buf_done(&m->why);
}

static void commit_check(const struct commit *m)
{
    ASSERT(m->state == COMMIT_IDLE || m->plan != 0);
    ASSERT(m->state == COMMIT_IDLE || m->base != 0);
    ASSERT(m->state != COMMIT_FENCE || m->asked_count > 0);
    ASSERT(m->state != COMMIT_CANCEL || m->err != ERR_OK);
}

static void enter(struct commit *m, enum commit_state state)
{
    static const uint8_t moves[] = {
        [COMMIT_IDLE] = 1 << COMMIT_PREPARE | 1 << COMMIT_SWITCH,
        [COMMIT_PREPARE] = 1 << COMMIT_FENCE | 1 << COMMIT_IDLE | 1 << COMMIT_CANCEL,
        [COMMIT_FENCE] = 1 << COMMIT_SWITCH | 1 << COMMIT_CANCEL,
        [COMMIT_SWITCH] = 1 << COMMIT_IDLE | 1 << COMMIT_CANCEL,
        [COMMIT_CANCEL] = 1 << COMMIT_IDLE,
    };

    ASSERT((moves[m->state] >> state & 1) != 0);
    m->state = state;
    commit_check(m);
}

/* ---- the end ---- */

static void end(struct cluster *c, enum err err, struct bytes why, struct outbox *out)
{
    struct commit *m = &c->commit;

    enter(m, COMMIT_IDLE);
    if (err == ERR_OK) {
        outbox_trace(out, TRACE_PLAN_COMMITTED, m->plan, cluster_document(c)->epoch, 0);
        admin_answer(c, m->asker, out);
    } else {
        outbox_trace(out, TRACE_PLAN_REFUSED, m->plan, (uint64_t)err, 0);
        admin_refuse(c, m->asker, err, why, out);
    }
    m->plan = 0;
    buf_reset(&m->why);
    arena_reset(&m->arena);
}

static void submit(struct cluster *c, enum edit_kind kind, const struct event *ev,
                   struct outbox *out)
{
    const struct commit *m = &c->commit;
    struct edit edit = {
        .kind = kind,
        .plan = m->plan,
        .base = m->base,
        .intents = m->intents,
        .intents_count = kind == EDIT_SWITCH ? m->intents_count : 0,
        .at_once = kind == EDIT_SWITCH && m->at_once,
    };
    struct asker nobody = {ASKER_NOBODY, 0, 0};

    proposer_submit(c, &edit, OWNER_COMMIT, nobody, ev, out);
}

/* The reason stands in `why`; the asker hears it when the fence is down again. */
static void cancel(struct cluster *c, enum err err, const struct event *ev, struct outbox *out)
{
    c->commit.err = err;
    enter(&c->commit, COMMIT_CANCEL);
    submit(c, EDIT_CANCEL, ev, out);
}

/* ---- the start ---- */

static void keep_intents(struct cluster *c)
{
    struct commit *m = &c->commit;
    const struct staging *staging = &c->staging;
    struct intent *intents = arena_alloc_array(&m->arena, staging->count, sizeof(*intents));

    m->intents_count = 0;
    for (uint32_t i = 0; i < staging->count; i++) {
        struct intent *own = &intents[m->intents_count];
        if (!staging_counts(staging, i))
            continue;
        *own = staging->intents[i];
        own->name = arena_copy(&m->arena, own->name);
        own->address = arena_copy(&m->arena, own->address);
        own->location = arena_copy(&m->arena, own->location);
        m->intents_count++;
    }
    m->intents = intents;
}

static void add_asked(struct commit *m, uint64_t node, bool joins)
{
    for (uint32_t i = 0; i < m->asked_count; i++) {
        if (m->asked[i].node == node)
            return;
    }
    ASSERT(m->asked_count < ARRAY_LEN(m->asked));
    m->asked[m->asked_count++] = (struct fence_asked){.node = node, .joins = joins};
}

/* Whether, as far as gossip tells, no replica concerned holds anything, and all can say so. */
static bool may_be_empty(const struct cluster *c, const struct plan *plan)
{
    const struct document *d = cluster_document(c);

    if (moves_count(d) > 0 || (plan->moved == 0 && plan->joiners_count == 0 && !plan->goes))
        return false;
    for (uint32_t i = 0; i < d->members_count; i++) {
        uint64_t id = d->members[i].id;
        const struct gossip_record *record = detector_record(&c->detector, id);
        bool holds = id == c->self ? c->facts.holds_any : record != NULL && record->holds;
        if (holds || d->members[i].state != MEMBER_VALID || !detector_reaches(&c->detector, id))
            return false;
    }
    return true;
}

/* Who must answer the fence: all that join and, where nothing may have to move, all that are. */
static void find_asked(struct cluster *c, const struct plan *plan)
{
    struct commit *m = &c->commit;
    const struct document *d = cluster_document(c);

    m->asked_count = 0;
    m->at_once = may_be_empty(c, plan);
    for (uint32_t i = 0; i < plan->joiners_count; i++)
        add_asked(m, plan->joiners[i], true);
    for (uint32_t i = 0; m->at_once && i < d->members_count; i++)
        add_asked(m, d->members[i].id, false);
}

/* Whether all that join can be reached; else names one in `why`. */
static bool all_reachable(const struct cluster *c, struct buf *why)
{
    const struct commit *m = &c->commit;

    for (uint32_t i = 0; i < m->asked_count; i++) {
        if (!m->asked[i].joins || contacts_is_up(&c->contacts, m->asked[i].node))
            continue;
        cluster_put_name(c, m->asked[i].node, why);
        buf_put_str(why, " cannot be reached, and must say that it is empty and waits to join");
        return false;
    }
    return true;
}

static enum err check(struct cluster *c, const struct plan *plan, uint64_t wanted, struct buf *why)
{
    if (c->chain.forked) {
        buf_put_str(why, "two documents of one epoch exist: nothing can be changed");
        return ERR_REFUSED;
    }
    if (c->commit.state != COMMIT_IDLE || cluster_document(c)->preparing != 0) {
        buf_put_str(why, "another plan is being committed");
        return ERR_BUSY;
    }
    if (plan->err != ERR_OK) {
        buf_put(why, plan->why);
        return plan->err;
    }
    if (plan->id == 0) {
        buf_put_str(why, "There are no staged changes");
        return ERR_NOT_FOUND;
    }
    if (plan->id != wanted) {
        buf_put_str(why,
                    "The plan has changed. Verify with 'dassie cluster plan' before committing");
        return ERR_STALE;
    }
    return ERR_OK;
}

void commit_start(struct cluster *c, struct asker asker, uint64_t wanted, const struct event *ev,
                  struct outbox *out)
{
    struct commit *m = &c->commit;
    struct plan plan;
    struct buf why;

    buf_init(&why, REASON_BYTES_MAX);
    plan_make(&out->arena, cluster_document(c), c->staging.intents, c->staging.count, &plan);
    enum err err = check(c, &plan, wanted, &why);
    if (err == ERR_OK) {
        find_asked(c, &plan);
        if (!all_reachable(c, &why))
            err = ERR_UNREACHABLE;
    }
    if (err != ERR_OK) {
        admin_refuse(c, asker, err, buf_bytes(&why), out);
    } else {
        keep_intents(c);
        m->asker = asker;
        m->plan = plan.id;
        m->base = plan.base;
        m->affected =
            arena_copy(&m->arena, bytes_of(plan.affected, cluster_document(c)->partitions / 8))
                .data;
        bool fences = m->asked_count > 0;
        enter(m, fences ? COMMIT_PREPARE : COMMIT_SWITCH);
        submit(c, fences ? EDIT_PREPARE : EDIT_SWITCH, ev, out);
    }
    plan_done(&plan);
    buf_done(&why);
}

/* ---- the fence ---- */

static void ask(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;

    m->again_us = ev->mono_us + cluster_wait_us(c, 1);
    for (uint32_t i = 0; i < m->asked_count; i++) {
        if (m->asked[i].answered)
            continue;
        struct peer_cluster *msg = cluster_say(c, m->asked[i].node, TALK_FENCE, out);
        msg->u.fence = (struct talk_fence){m->plan, m->epoch};
    }
}

static void fence(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;

    ASSERT(cluster_document(c)->preparing == m->plan);
    enter(m, COMMIT_FENCE);
    m->epoch = cluster_document(c)->epoch;
    m->deadline_us = ev->mono_us + cluster_wait_us(c, FENCE_WAITS);
    ask(c, ev, out);
}

void commit_on_edit(struct cluster *c, enum edit_kind kind, enum err err, struct bytes why,
                    const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;

    ASSERT(m->state != COMMIT_IDLE && m->state != COMMIT_FENCE);
    ASSERT(kind == EDIT_PREPARE || kind == EDIT_SWITCH || kind == EDIT_CANCEL);
    if (m->state == COMMIT_CANCEL) {
        /* Not taken down here, it is taken down later: by who watches it. */
        end(c, m->err, buf_bytes(&m->why), out);
        commit_on_epoch(c, ev);
        return;
    }
    if (err == ERR_OK && kind == EDIT_SWITCH) {
        end(c, ERR_OK, BYTES_NONE, out);
        return;
    }
    if (err == ERR_OK && cluster_document(c)->preparing == m->plan) {
        fence(c, ev, out);
        return;
    }
    /* Decided, and cancelled by somebody else before this node came to its turn. */
    if (err == ERR_OK)
        err = ERR_STALE;
    buf_reset(&m->why);
    buf_put(&m->why, why);
    if (err == ERR_STALE)
        buf_put_str(&m->why, "the cluster has changed since the plan was made");
    /* A switch whose end is not known must not be followed by a cancellation that seems to undo it;
     * one of them will be decided, and the asker is told that it is not known which. */
    if (cluster_document(c)->preparing == m->plan && err != ERR_TIMEOUT) {
        cancel(c, err, ev, out);
    } else {
        end(c, err, buf_bytes(&m->why), out);
        commit_on_epoch(c, ev);
    }
}

/* Whether the node holds data of a partition whose list changes. */
static bool conflicts(const struct commit *m, struct bytes holds)
{
    for (size_t i = 0; i < holds.len; i++) {
        if ((holds.data[i] & m->affected[i]) != 0)
            return true;
    }
    return false;
}

static struct fence_asked *asked_of(struct commit *m, uint64_t node)
{
    for (uint32_t i = 0; i < m->asked_count; i++) {
        if (m->asked[i].node == node)
            return &m->asked[i];
    }
    return NULL;
}

/* All have answered that must. */
static void fence_through(struct cluster *c, const struct event *ev, struct outbox *out)
{
    enter(&c->commit, COMMIT_SWITCH);
    submit(c, EDIT_SWITCH, ev, out);
}

static bool fence_waits(const struct commit *m)
{
    bool open = false;

    for (uint32_t i = 0; i < m->asked_count; i++)
        open = open || (!m->asked[i].answered && (m->at_once || m->asked[i].joins));
    return open;
}

void commit_on_fenced(struct cluster *c, uint64_t from, const struct talk_fenced *f,
                      const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;
    struct fence_asked *asked = asked_of(m, from);

    if (m->state != COMMIT_FENCE || f->plan != m->plan || f->epoch != m->epoch || asked == NULL ||
        f->holds.len > cluster_document(c)->partitions / 8)
        return;
    if (asked->joins && (f->err != ERR_OK || conflicts(m, f->holds))) {
        cluster_put_name(c, from, &m->why);
        buf_put_str(&m->why, " holds objects, or does not want to join any more");
        cancel(c, ERR_REFUSED, ev, out);
        return;
    }
    if (f->err != ERR_OK) {
        cluster_put_name(c, from, &m->why);
        buf_put_str(&m->why, " knows of another plan");
        cancel(c, ERR_REFUSED, ev, out);
        return;
    }
    /* Then it is moved. */
    if (!asked->joins && (conflicts(m, f->holds) || f->hints))
        m->at_once = false;
    asked->answered = true;
    if (!fence_waits(m))
        fence_through(c, ev, out);
}

void commit_on_fence(struct cluster *c, uint64_t from, const struct talk_fence *f,
                     struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct peer_cluster msg = {
        .kind = TALK_FENCED, .cluster = {d->cluster[0], d->cluster[1]}, .lineage = d->lineage};
    struct blob *holds = NULL;

    /* The fence is not here yet: it will be asked again. */
    if (d->epoch < f->epoch)
        return;
    msg.u.fenced =
        (struct talk_fenced){.plan = f->plan, .epoch = f->epoch, .hints = c->facts.hints.any};
    if (d->preparing != f->plan)
        msg.u.fenced.err = ERR_STALE;
    else if (c->facts.holds != NULL)
        holds = blob_copy(bytes_of(c->facts.holds, d->partitions / 8));
    msg.u.fenced.holds = blob_bytes(holds);
    vault_defer(c, from, &msg, holds, out);
    blob_unref(holds);
}

/* ---- time ---- */

/* Who is no newcomer need not answer: what it may hold is moved. */
static void fence_expire(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;

    m->at_once = false;
    if (!fence_waits(m)) {
        fence_through(c, ev, out);
        return;
    }
    for (uint32_t i = 0; i < m->asked_count; i++) {
        if (m->asked[i].answered || !m->asked[i].joins)
            continue;
        cluster_put_name(c, m->asked[i].node, &m->why);
        buf_put_str(&m->why, " did not answer, and must say that it is empty and waits to join");
        break;
    }
    cancel(c, ERR_UNREACHABLE, ev, out);
}

void commit_on_epoch(struct cluster *c, const struct event *ev)
{
    struct commit *m = &c->commit;
    uint64_t plan = cluster_document(c)->preparing;

    if (plan == 0 || plan == m->plan) {
        m->watch_us = 0;
    } else if (m->watch_us == 0) {
        uint64_t wait_us = cluster_wait_us(c, PREPARING_WAITS);
        m->watch_us = ev->mono_us + wait_us + random_below(&c->random, wait_us);
    }
}

void commit_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct commit *m = &c->commit;
    struct edit edit = {.kind = EDIT_CANCEL, .plan = cluster_document(c)->preparing};
    struct asker nobody = {ASKER_NOBODY, 0, 0};

    if (m->state == COMMIT_FENCE && m->deadline_us <= ev->mono_us)
        fence_expire(c, ev, out);
    else if (m->state == COMMIT_FENCE && m->again_us <= ev->mono_us)
        ask(c, ev, out);
    if (m->watch_us == 0 || m->watch_us > ev->mono_us)
        return;
    m->watch_us = 0;
    commit_on_epoch(c, ev);
    if (m->watch_us != 0 && cluster_is_member(c, c->self))
        proposer_submit(c, &edit, OWNER_NOBODY, nobody, ev, out);
}

uint64_t commit_deadline_us(const struct commit *m)
{
    uint64_t at = m->watch_us != 0 ? m->watch_us : UINT64_MAX;

    if (m->state == COMMIT_FENCE && m->deadline_us < at)
        at = m->deadline_us;
    if (m->state == COMMIT_FENCE && m->again_us < at)
        at = m->again_us;
    return at;
}

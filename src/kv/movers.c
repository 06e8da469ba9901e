/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/movers.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/handover.h"
#include "kv/limits.h"
#include "kv/transfers.h"
#include "model/moves.h"

enum mover_kind { MOVER_TAKES, MOVER_FILLS, MOVER_BACK };

enum mover_state {
    MOVER_WAIT,
    MOVER_START,
    MOVER_LOOK,
    MOVER_COPY,
    MOVER_TAKE,
    MOVER_READY,
    MOVER_RETURN,
};

struct mover {
    uint32_t partition;
    enum mover_kind kind;
    enum mover_state state;
    struct moved move;
    uint64_t session;  /* names the attempt; of all messages of it */
    uint64_t peer;     /* whom the attempt is with */
    bool copying;      /* COPY: the exchange has begun */
    bool asked;        /* TAKE: and not answered yet */
    uint64_t until_us; /* START, LOOK, TAKE: an answer must have come. WAIT: not before */
    uint32_t tries;    /* that failed, in a row */
    uint32_t busy;     /* TAKE: how often it was not the time */
    uint64_t copied[REPLICAS_MAX]; /* FILLS: with whom a pass was clean */
    uint32_t copied_count;
};

struct movers {
    const struct config *config;
    struct mover *at[SLOTS_MAX];
    uint32_t count;
    uint32_t active;
    uint64_t next_session;
    bool look;         /* something may be due at once */
    uint64_t wait_us;  /* else: when the first in WAIT is due, ... */
    uint64_t asked_us; /* ... and the first of those that wait for anything else */
    struct moved done[SLOTS_MAX];
    uint32_t done_count;
};

struct movers *movers_new(const struct config *config, uint64_t first_session)
{
    struct movers *ms = mem_new(sizeof(*ms));

    ms->config = config;
    ASSERT(first_session > 0);
    ASSERT(first_session >> 45 == 0);
    ms->next_session = first_session;
    return ms;
}

void movers_free(struct movers *ms)
{
    if (ms == NULL)
        return;
    for (uint32_t p = 0; p < SLOTS_MAX; p++)
        mem_free(ms->at[p]);
    mem_free(ms);
}

static void mover_check(const struct mover *m)
{
    ASSERT(m->state != MOVER_TAKE || m->kind == MOVER_TAKES);
    ASSERT(m->state != MOVER_START || m->kind == MOVER_TAKES);
    ASSERT(m->state != MOVER_LOOK || m->kind == MOVER_FILLS);
    ASSERT(m->state != MOVER_RETURN || m->kind == MOVER_BACK);
    ASSERT(!m->copying || m->state == MOVER_COPY);
}

static bool mover_active(const struct mover *m)
{
    return m->state == MOVER_START || m->state == MOVER_LOOK || m->state == MOVER_COPY ||
           m->state == MOVER_TAKE;
}

static void mover_enter(struct movers *ms, struct mover *m, enum mover_state state)
{
    static const uint8_t may[] = {
        [MOVER_WAIT] = 1 << MOVER_START | 1 << MOVER_LOOK | 1 << MOVER_COPY | 1 << MOVER_READY |
                       1 << MOVER_RETURN,
        [MOVER_START] = 1 << MOVER_COPY | 1 << MOVER_READY | 1 << MOVER_WAIT,
        [MOVER_LOOK] = 1 << MOVER_COPY | 1 << MOVER_WAIT,
        [MOVER_COPY] = 1 << MOVER_TAKE | 1 << MOVER_WAIT | 1 << MOVER_RETURN,
        [MOVER_TAKE] = 1 << MOVER_READY | 1 << MOVER_WAIT,
        [MOVER_READY] = 0,
        [MOVER_RETURN] = 0,
    };

    ASSERT((may[m->state] >> state & 1) != 0);
    ms->active -= mover_active(m);
    m->state = state;
    ms->active += mover_active(m);
    m->copying = false;
    m->asked = false;
    mover_check(m);
}

/* Not now: again after a while, which grows with attempts that failed. */
static void mover_rest(struct movers *ms, struct mover *m, const struct event *ev)
{
    uint32_t shift = m->tries < MOVER_SHIFT_MAX ? m->tries : MOVER_SHIFT_MAX;

    mover_enter(ms, m, MOVER_WAIT);
    m->session = ms->next_session++;
    m->busy = 0;
    m->until_us = ev->mono_us + ((uint64_t)MOVER_REST_MS * 1000 << shift);
    ms->look = true;
}

static void mover_fail(struct movers *ms, struct mover *m, const struct event *ev)
{
    m->tries++;
    mover_rest(ms, m, ev);
}

static void mover_ready(struct movers *ms, struct mover *m, struct outbox *out)
{
    mover_enter(ms, m, MOVER_READY);
    outbox_trace(out, TRACE_MOVE_READY, m->partition, m->move.from, m->move.place);
    ms->done[ms->done_count++] = m->move;
}

/* ---- what the document wants ---- */

/* What this node is to do with the partition; false: nothing. */
static bool task(const struct vnodes *vs, const struct view *view, uint32_t partition,
                 struct mover *ret_mover)
{
    const struct document *d = view->document;
    struct move move = move_next(d, partition);
    bool mine = move.kind == MOVE_ONE && move.to == view->self_index;

    *ret_mover = (struct mover){.partition = partition};
    if (mine) {
        ret_mover->kind = move.from == MOVE_NOBODY ? MOVER_FILLS : MOVER_TAKES;
        ret_mover->move = (struct moved){
            .partition = partition,
            .place = move.place,
            .from = move.from == MOVE_NOBODY ? 0 : d->members[move.from].id,
            .to = view->self,
        };
        return true;
    }
    ret_mover->kind = MOVER_BACK;
    return handover_back(vs, partition);
}

static void drop_task(struct movers *ms, uint32_t partition)
{
    struct mover *m = ms->at[partition];

    if (m == NULL)
        return;
    ms->count--;
    ms->active -= mover_active(m);
    mem_free(m);
    ms->at[partition] = NULL;
}

static void set_task(struct movers *ms, const struct mover *task)
{
    struct mover *m = ms->at[task->partition];

    if (m != NULL && m->kind == task->kind && m->move.place == task->move.place &&
        m->move.from == task->move.from)
        return;
    drop_task(ms, task->partition);
    ms->count++;
    m = mem_new(sizeof(*m));
    *m = *task;
    m->session = ms->next_session++;
    ms->at[task->partition] = m;
}

void movers_epoch(struct movers *ms, struct vnodes *vs, const struct view *view, struct outbox *out)
{
    uint32_t partitions = view->document == NULL ? 0 : view->ring.partitions;

    ms->done_count = 0;
    for (uint32_t p = 0; p < SLOTS_MAX; p++) {
        struct mover task_now;
        if (p < partitions && task(vs, view, p, &task_now)) {
            /* It was given away once, and shall come back: the row of then goes first. */
            if (task_now.kind != MOVER_BACK)
                handover_end(vs, p, out);
            set_task(ms, &task_now);
            if (ms->at[p]->state == MOVER_READY)
                ms->done[ms->done_count++] = ms->at[p]->move;
        } else {
            drop_task(ms, p);
        }
    }
    ms->look = ms->count > 0;
}

/* ---- one attempt ---- */

static void ask(struct movers *ms, struct mover *m, enum mover_state state, enum move_step step,
                const struct view *view, const struct event *ev, struct outbox *out)
{
    if (state != m->state)
        mover_enter(ms, m, state);
    m->asked = true;
    m->until_us = ev->mono_us + (uint64_t)MOVER_ANSWER_MS * 1000;
    struct peer_msg *msg = outbox_send(out, m->peer, PEER_MOVE);
    msg->u.move = (struct peer_move){
        .token = m->session << 16 | m->partition,
        .epoch = view_epoch(view),
        .partition = m->partition,
        .step = step,
        .session = m->session,
    };
}

/* FILLS: an owner with which no clean pass was made yet. False: there is none left; *ret_node is 0
 * when one is left that cannot be reached. */
static bool next_source(const struct mover *m, const struct view *view, uint64_t *ret_node)
{
    const struct document *d = view->document;
    const uint16_t *list = d->place + (size_t)m->partition * d->n_max;
    bool left = false;

    *ret_node = 0;
    for (uint32_t i = 0; i < d->n_max && list[i] != MOVE_NOBODY; i++) {
        const struct view_member *member = &view->members[list[i]];
        bool copied = !member_serves(&d->members[list[i]]) || member->id == view->self;
        for (uint32_t k = 0; k < m->copied_count; k++)
            copied = copied || m->copied[k] == member->id;
        if (copied)
            continue;
        left = true;
        if (member->up && *ret_node == 0)
            *ret_node = member->id;
    }
    return left;
}

/* BACK: who has what is to be taken back: the one that it was given to; if that one is gone for
 * good, all the others. */
static uint64_t back_source(const struct mover *m, const struct vnodes *vs, const struct view *view)
{
    uint64_t peer = handover_peer(vs, m->partition);
    uint16_t at = view_index(view, peer);
    uint64_t node = 0;

    if (at != RING_NOBODY && member_serves(&view->document->members[at]))
        return view->members[at].up && m->copied_count == 0 ? peer : 0;
    (void)next_source(m, view, &node);
    return node;
}

static bool back_is_done(const struct mover *m, const struct vnodes *vs, const struct view *view)
{
    uint64_t peer = handover_peer(vs, m->partition);
    uint16_t at = view_index(view, peer);
    uint64_t node;

    if (at != RING_NOBODY && member_serves(&view->document->members[at]))
        return m->copied_count > 0;
    return !next_source(m, view, &node);
}

/* Begins an attempt, if there is something to begin it with. */
static void mover_begin(struct movers *ms, struct mover *m, struct vnodes *vs,
                        const struct view *view, const struct event *ev, struct outbox *out)
{
    m->until_us = ev->mono_us + (uint64_t)MOVER_REST_MS * 1000;
    if (m->kind != MOVER_BACK && handover_any(vs, m->partition)) {
        handover_end(vs, m->partition, out);
        return;
    }
    switch (m->kind) {
    case MOVER_TAKES: {
        uint16_t at = view_index(view, m->move.from);
        m->peer = m->move.from;
        if (at != RING_NOBODY && view->members[at].up)
            ask(ms, m, MOVER_START, MOVE_START, view, ev, out);
        return;
    }
    case MOVER_FILLS:
        if (!next_source(m, view, &m->peer))
            mover_ready(ms, m, out);
        else if (m->peer != 0)
            ask(ms, m, MOVER_LOOK, MOVE_LOOK, view, ev, out);
        return;
    case MOVER_BACK:
        if (!handover_back(vs, m->partition) || back_is_done(m, vs, view)) {
            mover_enter(ms, m, MOVER_RETURN);
            handover_end(vs, m->partition, out);
            return;
        }
        m->peer = back_source(m, vs, view);
        if (m->peer != 0)
            mover_enter(ms, m, MOVER_COPY);
        return;
    }
    UNREACHABLE();
}

static bool mover_copies(struct mover *m, struct exchange_order *ret_order)
{
    if (m->state != MOVER_COPY || m->copying)
        return false;
    m->copying = true;
    *ret_order = (struct exchange_order){
        .partition = m->partition,
        .peer = m->peer,
        .pull = true,
        .tag = transfers_tag(TRANSFER_MOVER, m->session),
    };
    return true;
}

/* What is due of one. */
static void mover_time(struct movers *ms, struct mover *m, struct vnodes *vs,
                       const struct view *view, const struct event *ev, struct outbox *out)
{
    bool late = m->until_us <= ev->mono_us;

    switch (m->state) {
    case MOVER_WAIT:
        if (late && ms->active < ms->config->transfers_max)
            mover_begin(ms, m, vs, view, ev, out);
        return;
    case MOVER_START:
    case MOVER_LOOK:
        if (late)
            mover_fail(ms, m, ev);
        return;
    case MOVER_TAKE:
        if (m->asked && late)
            mover_fail(ms, m, ev);
        else if (!m->asked)
            ask(ms, m, MOVER_TAKE, MOVE_TAKE, view, ev, out);
        return;
    case MOVER_RETURN:
        m->until_us = ev->mono_us + (uint64_t)MOVER_REST_MS * 1000;
        handover_end(vs, m->partition, out);
        if (!handover_back(vs, m->partition))
            drop_task(ms, m->partition);
        return;
    case MOVER_COPY:
    case MOVER_READY: return;
    }
    UNREACHABLE();
}

/* Until something changes. */
static void note_deadlines(struct movers *ms)
{
    ms->look = false;
    ms->wait_us = UINT64_MAX;
    ms->asked_us = UINT64_MAX;
    for (uint32_t p = 0; p < SLOTS_MAX; p++) {
        const struct mover *m = ms->at[p];
        if (m == NULL || m->state == MOVER_READY || m->state == MOVER_COPY)
            continue;
        uint64_t *at_us = m->state == MOVER_WAIT ? &ms->wait_us : &ms->asked_us;
        *at_us = m->until_us < *at_us ? m->until_us : *at_us;
    }
}

bool movers_due(struct movers *ms, struct vnodes *vs, const struct view *view,
                const struct event *ev, struct outbox *out, struct exchange_order *ret_order)
{
    if (movers_deadline_us(ms) > ev->mono_us)
        return false;
    ms->look = true;
    /* What lacks a copy comes first. */
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t p = 0; p < SLOTS_MAX; p++) {
            struct mover *m = ms->at[p];
            if (m == NULL || (m->kind == MOVER_TAKES) != (pass == 1))
                continue;
            mover_time(ms, m, vs, view, ev, out);
            if (ms->at[p] != NULL && mover_copies(m, ret_order))
                return true;
        }
    }
    note_deadlines(ms);
    return false;
}

uint64_t movers_deadline_us(const struct movers *ms)
{
    bool full = ms->active >= ms->config->transfers_max;

    if (ms->count == 0)
        return UINT64_MAX;
    if (ms->look)
        return 0;
    return full || ms->asked_us < ms->wait_us ? ms->asked_us : ms->wait_us;
}

/* ---- answers ---- */

static struct mover *mover_of(const struct movers *ms, uint64_t session)
{
    for (uint32_t p = 0; p < SLOTS_MAX && ms->count > 0; p++) {
        if (ms->at[p] != NULL && ms->at[p]->session == session)
            return ms->at[p];
    }
    return NULL;
}

void movers_exchanged(struct movers *ms, const struct exchange_result *result,
                      const struct event *ev)
{
    struct mover *m = mover_of(ms, transfers_number(result->order.tag));

    if (m == NULL || m->state != MOVER_COPY || !m->copying)
        return;
    if (result->err != ERR_OK || result->left > 0) {
        mover_fail(ms, m, ev);
        return;
    }
    m->tries = 0;
    ms->look = true;
    if (m->kind == MOVER_TAKES) {
        mover_enter(ms, m, MOVER_TAKE);
        return;
    }
    ASSERT(m->copied_count < REPLICAS_MAX);
    m->copied[m->copied_count++] = m->peer;
    mover_enter(ms, m, MOVER_WAIT);
    m->session = ms->next_session++;
    m->until_us = 0;
}

void movers_answered(struct movers *ms, uint64_t from, const struct peer_moved *moved,
                     const struct event *ev, struct outbox *out)
{
    uint32_t partition = (uint32_t)(moved->token & 0xffff);
    struct mover *m = partition < SLOTS_MAX ? ms->at[partition] : NULL;

    if (m == NULL || moved->token >> 16 != m->session || from != m->peer)
        return;
    if (m->state != MOVER_START && m->state != MOVER_LOOK && m->state != MOVER_TAKE)
        return;
    ms->look = true;
    if (moved->err == ERR_OK && moved->forwards && m->state != MOVER_LOOK) {
        mover_ready(ms, m, out);
        return;
    }
    if (moved->err == ERR_OK && m->state != MOVER_TAKE) {
        mover_enter(ms, m, MOVER_COPY);
        return;
    }
    if (moved->err == ERR_BUSY && m->state == MOVER_TAKE && m->busy++ < MOVER_BUSY_MAX) {
        m->asked = false;
        return;
    }
    /* One that gives as many as it may away already is no failure. */
    if (moved->err == ERR_BUSY && m->state == MOVER_START)
        mover_rest(ms, m, ev);
    else
        mover_fail(ms, m, ev);
}

void movers_link_down(struct movers *ms, uint64_t node, const struct event *ev)
{
    for (uint32_t p = 0; p < SLOTS_MAX && ms->count > 0; p++) {
        struct mover *m = ms->at[p];
        if (m != NULL && m->peer == node && mover_active(m) && !m->copying)
            mover_fail(ms, m, ev);
    }
}

/* ---- looks ---- */

bool movers_ready(const struct movers *ms, uint32_t partition)
{
    ASSERT(partition < SLOTS_MAX);
    return ms->at[partition] != NULL && ms->at[partition]->state == MOVER_READY;
}

const struct moved *movers_done(const struct movers *ms, uint32_t *ret_count)
{
    *ret_count = ms->done_count;
    return ms->done;
}

struct movers_totals movers_totals(const struct movers *ms)
{
    ASSERT(ms->active + ms->done_count <= ms->count);
    return (struct movers_totals){
        .active = ms->active,
        .waiting = ms->count - ms->active - ms->done_count,
        .ready = ms->done_count,
    };
}

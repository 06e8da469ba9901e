/* SPDX-License-Identifier: Apache-2.0 */
/* Gossip: which epoch this node has, what it believes of the others, what is staged. To whom and
 * when is the detector's to say. Who is behind is sent the document. */
#include "base/check.h"
#include "cluster/cluster_int.h"

/* ---- saying ---- */

static bool is_whole(enum gossip_step step)
{
    switch (step) {
    case GOSSIP_NEWS:
    case GOSSIP_ANSWER: return false;
    case GOSSIP_COMPARE:
    case GOSSIP_WHOLE: return true;
    }
    UNREACHABLE();
}

/* In an ordinary message some of the intents, in turn. */
static void put_intents(struct cluster *c, bool whole, struct talk_gossip *m, struct arena *arena)
{
    uint32_t all = c->staging.count;
    uint32_t count = whole || all < GOSSIP_INTENTS ? all : GOSSIP_INTENTS;
    struct intent *intents = arena_alloc_array(arena, count, sizeof(*intents));

    for (uint32_t i = 0; i < count; i++) {
        intents[i] = c->staging.intents[(c->intents_at + i) % all];
        intents[i].name = arena_copy(arena, intents[i].name);
        intents[i].address = arena_copy(arena, intents[i].address);
        intents[i].location = arena_copy(arena, intents[i].location);
    }
    if (all > 0)
        c->intents_at = (c->intents_at + count) % all;
    m->intents = intents;
    m->intents_count = count;
}

static void say_gossip(struct cluster *c, uint64_t to, enum gossip_step step,
                       const struct gossip_record *records, uint32_t records_count,
                       struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct talk_gossip m = {
        .step = step,
        .epoch = d->epoch,
        .hash = d->hash,
        .active = c->active,
        .digest = detector_digest(&c->detector),
        .records = records,
        .records_count = records_count,
    };

    ASSERT(to != c->self);
    ASSERT(records_count > 0);
    put_intents(c, is_whole(step), &m, &out->arena);
    cluster_say(c, to, TALK_GOSSIP, out)->u.gossip = m;
}

void gossip_to(struct cluster *c, uint64_t to, enum gossip_step step, struct outbox *out)
{
    struct gossip_record *records =
        arena_alloc_array(&out->arena, GOSSIP_RECORDS, sizeof(*records));
    uint32_t count = detector_tell(&c->detector, to, records);

    say_gossip(c, to, step, records, count, out);
}

static void gossip_all_to(struct cluster *c, uint64_t to, enum gossip_step step, struct outbox *out)
{
    struct gossip_record *records =
        arena_alloc_array(&out->arena, (size_t)c->detector.count + 1, sizeof(*records));
    uint32_t count = detector_tell_all(&c->detector, records);

    say_gossip(c, to, step, records, count, out);
}

/* Whatever a detector says brings what it believes. */
static void say_probe(struct cluster *c, uint64_t to, enum cluster_talk kind, uint64_t seq,
                      uint64_t node, struct outbox *out)
{
    struct gossip_record *records =
        arena_alloc_array(&out->arena, GOSSIP_RECORDS, sizeof(*records));
    uint32_t count = detector_tell(&c->detector, to, records);
    struct peer_cluster *msg = cluster_say(c, to, kind, out);

    msg->u.probe = (struct talk_probe){seq, node, records, count};
}

static void trace_change(const struct gossip_record *record, struct outbox *out)
{
    switch (record->state) {
    case LIVE_UP: outbox_trace(out, TRACE_NODE_UP, record->node, 0, 0); return;
    case LIVE_SUSPECT: outbox_trace(out, TRACE_NODE_SUSPECT, record->node, 0, 0); return;
    case LIVE_DOWN: outbox_trace(out, TRACE_NODE_DOWN, record->node, 0, 0); return;
    }
    UNREACHABLE();
}

void gossip_news(struct cluster *c, const struct detector_news *news, struct outbox *out)
{
    for (uint32_t i = 0; i < news->say_count; i++)
        say_probe(c, news->say[i].to, news->say[i].kind, news->say[i].seq, news->say[i].node, out);
    for (uint32_t i = 0; i < news->tell_count; i++)
        gossip_to(c, news->tell[i].to, news->tell[i].step, out);
    for (uint32_t i = 0; news->any_changed && i < c->detector.count; i++) {
        if ((news->changed[i / 64] >> i % 64 & 1) != 0)
            trace_change(&c->detector.peers[i].record, out);
    }
    if (news->any_changed || news->refuted || news->regrade)
        view_build(c);
}

/* The worst is told, and that it is over. */
static void trace_health(struct cluster *c, struct outbox *out)
{
    uint32_t score = c->detector.score;

    if (score != (c->doubts ? 0 : HEALTH_SCORE_MAX))
        return;
    c->doubts = !c->doubts;
    outbox_trace(out, c->doubts ? TRACE_NODE_DOUBTS : TRACE_NODE_TRUSTS, score, 0, 0);
}

void gossip_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct detector_news news = {.say_count = 0};
    bool stable = c->vault.stable >= c->vault.generation;

    staging_tidy(&c->staging);
    if (stable)
        detector_facts(&c->detector, cluster_document(c)->epoch, c->facts.holds_any);
    detector_pace(&c->detector, c->facts.slow);
    if (c->news)
        detector_hurry(&c->detector);
    c->news = false;
    detector_tick(&c->detector, ev->mono_us, &c->random, &news);
    gossip_news(c, &news, out);
    trace_health(c, out);
}

/* ---- hearing ---- */

/* Who is behind is told, who is ahead asked; with the same epoch the documents must be the same. */
static void compare(struct cluster *c, uint64_t from, const struct talk_gossip *m,
                    struct outbox *out)
{
    const struct document *d = cluster_document(c);

    if (m->epoch > d->epoch) {
        struct peer_cluster *msg = cluster_say(c, from, TALK_PULL, out);
        msg->u.document = (struct talk_document){.epoch = d->epoch, .hash = d->hash};
    } else if (m->epoch < d->epoch) {
        learn_tell(c, from, m->epoch, m->hash, out);
    } else if (m->hash != d->hash && !c->chain.forked) {
        c->chain.forked = true;
        outbox_trace(out, TRACE_CLUSTER_FORK, d->epoch, from, 0);
    }
}

static void take_intents(struct cluster *c, const struct talk_gossip *m, struct outbox *out)
{
    bool fresh = false;

    for (uint32_t i = 0; i < m->intents_count; i++)
        fresh = staging_merge(&c->staging, &m->intents[i]) || fresh;
    if (!fresh)
        return;
    c->news = true;
    contacts_wish(c, out);
}

/* What a member believes. */
static void hear(struct cluster *c, uint64_t from, const struct gossip_record *records,
                 uint32_t count, const struct event *ev, struct detector_news *news)
{
    if (!cluster_is_member(c, from))
        return;
    for (uint32_t i = 0; i < count; i++)
        detector_hear(&c->detector, from, &records[i], ev->mono_us, news);
}

/* What the step of a message asks for; else who is in error is set right. */
static void answer(struct cluster *c, uint64_t from, const struct talk_gossip *m, bool wrong,
                   struct outbox *out)
{
    const struct document *d = cluster_document(c);
    bool same = m->epoch == d->epoch && m->hash == d->hash;

    switch (m->step) {
    case GOSSIP_ANSWER: return;
    case GOSSIP_WHOLE: gossip_all_to(c, from, GOSSIP_ANSWER, out); return;
    case GOSSIP_COMPARE:
        if (same && m->digest != detector_digest(&c->detector)) {
            gossip_all_to(c, from, GOSSIP_WHOLE, out);
            return;
        }
        break;
    case GOSSIP_NEWS: break;
    }
    if (wrong)
        gossip_to(c, from, GOSSIP_ANSWER, out);
}

void gossip_on(struct cluster *c, uint64_t from, const struct talk_gossip *m,
               const struct event *ev, struct outbox *out)
{
    struct detector_news news = {.say_count = 0};

    compare(c, from, m, out);
    if (!cluster_is_member(c, from))
        return;
    hear(c, from, m->records, m->records_count, ev, &news);
    for (uint32_t i = 0; i < m->records_count; i++) {
        if (m->records[i].node == from && m->epoch == m->records[i].epoch)
            cluster_note_stored(c, from, m->epoch, m->hash);
    }
    gossip_news(c, &news, out);
    answer(c, from, m, news.answer, out);
    if (m->epoch == cluster_document(c)->epoch && m->hash == cluster_document(c)->hash) {
        cluster_note_active(c, m->active);
        take_intents(c, m, out);
    }
}

void gossip_on_probe(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                     const struct event *ev, struct outbox *out)
{
    struct detector_news news = {.say_count = 0};
    const struct talk_probe *m = &msg->u.probe;
    bool asks = msg->kind == TALK_PING || msg->kind == TALK_PING_FOR;

    /* First: the answer to a ping that brings a suspicion brings its refutation. */
    hear(c, from, m->records, m->records_count, ev, &news);
    if (msg->kind == TALK_PING)
        detector_pinged(from, m->seq, &news);
    else if (msg->kind == TALK_PING_FOR)
        detector_ping_for(&c->detector, from, m->seq, m->node, ev->mono_us, &news);
    else if (msg->kind == TALK_ACK)
        detector_acked(&c->detector, from, m->seq, ev->mono_us, &news);
    else
        detector_nacked(&c->detector, from, m->seq);
    gossip_news(c, &news, out);
    if (news.answer && !asks)
        gossip_to(c, from, GOSSIP_ANSWER, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Gossip: which epoch this node has, what it believes of the others, what is staged. One member at
 * random in each interval, all at once when there is news. Who is behind is sent the document. */
#include "base/check.h"
#include "cluster/cluster_int.h"

void gossip_to(struct cluster *c, uint64_t to, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct gossip_record *records =
        arena_alloc_array(&out->arena, (size_t)c->detector.count + 1, sizeof(*records));
    struct intent *intents = arena_alloc_array(&out->arena, c->staging.count, sizeof(*intents));

    records[0] = c->detector.own;
    for (uint32_t i = 0; i < c->detector.count; i++)
        records[i + 1] = c->detector.peers[i].record;
    for (uint32_t i = 0; i < c->staging.count; i++) {
        intents[i] = c->staging.intents[i];
        intents[i].name = arena_copy(&out->arena, intents[i].name);
        intents[i].address = arena_copy(&out->arena, intents[i].address);
        intents[i].location = arena_copy(&out->arena, intents[i].location);
    }
    ASSERT(to != c->self);
    struct peer_cluster *msg = cluster_say(c, to, TALK_GOSSIP, out);
    msg->u.gossip = (struct talk_gossip){
        .epoch = d->epoch,
        .hash = d->hash,
        .active = c->active,
        .records = records,
        .records_count = c->detector.count + 1,
        .intents = intents,
        .intents_count = c->staging.count,
    };
}

void gossip_news(struct cluster *c, const struct detector_news *news, struct outbox *out)
{
    for (uint32_t i = 0; i < news->say_count; i++) {
        struct peer_cluster *msg = cluster_say(c, news->say[i].to, news->say[i].kind, out);
        msg->u.probe = news->say[i].probe;
    }
    for (uint32_t i = 0; i < news->changed_count; i++) {
        uint64_t node = news->changed[i].node;
        switch (news->changed[i].state) {
        case LIVE_UP: outbox_trace(out, TRACE_NODE_UP, node, 0, 0); break;
        case LIVE_SUSPECT: outbox_trace(out, TRACE_NODE_SUSPECT, node, 0, 0); break;
        case LIVE_DOWN: outbox_trace(out, TRACE_NODE_DOWN, node, 0, 0); break;
        }
    }
    if (news->changed_count > 0 || news->refuted) {
        c->news = true;
        view_build(c);
    }
}

static void to_all(struct cluster *c, struct outbox *out)
{
    for (uint32_t i = 0; i < c->detector.count; i++) {
        if (c->detector.peers[i].linked)
            gossip_to(c, c->detector.peers[i].record.node, out);
    }
}

/* One that is linked, also if it is taken for down: so it hears of it and can refute it. */
static void to_one(struct cluster *c, struct outbox *out)
{
    uint64_t linked[NODES_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->detector.count; i++) {
        if (c->detector.peers[i].linked)
            linked[count++] = c->detector.peers[i].record.node;
    }
    if (count > 0)
        gossip_to(c, linked[random_below(&c->random, count)], out);
}

/* News go to all at once, but a burst of them goes together: what each of seven nodes answers with
 * news of its own would grow without bounds if each piece went out by itself. */
void gossip_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct detector_news news = {.say_count = 0};
    bool stable = c->vault.stable >= c->vault.generation;

    staging_tidy(&c->staging);
    if (stable)
        detector_facts(&c->detector, cluster_document(c)->epoch, c->facts.holds_any);
    detector_tick(&c->detector, ev->mono_us, &c->random, &news);
    gossip_news(c, &news, out);
    if (c->news && c->news_us <= ev->mono_us) {
        to_all(c, out);
        c->news = false;
        c->news_us = ev->mono_us + (uint64_t)c->config->gossip_interval_ms * 1000 / NEWS_PARTS;
    } else if (c->gossip_us <= ev->mono_us) {
        to_one(c, out);
    } else {
        return;
    }
    c->gossip_us = ev->mono_us + (uint64_t)c->config->gossip_interval_ms * 1000;
}

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

void gossip_on(struct cluster *c, uint64_t from, const struct talk_gossip *m,
               const struct event *ev, struct outbox *out)
{
    struct detector_news news = {.say_count = 0};

    compare(c, from, m, out);
    if (!cluster_is_member(c, from))
        return;
    for (uint32_t i = 0; i < m->records_count; i++) {
        const struct gossip_record *record = &m->records[i];
        detector_hear(&c->detector, record, ev->mono_us, &news);
        if (record->node == from && m->epoch == record->epoch)
            cluster_note_stored(c, from, m->epoch, m->hash);
    }
    gossip_news(c, &news, out);
    if (m->epoch == cluster_document(c)->epoch && m->hash == cluster_document(c)->hash) {
        cluster_note_active(c, m->active);
        take_intents(c, m, out);
    }
}

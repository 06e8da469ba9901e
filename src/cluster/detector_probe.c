/* SPDX-License-Identifier: Apache-2.0 */
/* Probes, and what they tell: of the other node, that it is silent or slow, and of this one, that
 * it does not hear well. */
#include "base/check.h"
#include "cluster/detector_int.h"

/* A helper says that it heard nothing a little before the asker gives up. */
enum { HELPER_FIFTHS = 4 };

static uint64_t timeout_us(const struct detector *d)
{
    return (uint64_t)d->config->probe_timeout_ms * 1000;
}

/* How long this node waits, who may be slow itself. */
static uint64_t patience_us(const struct detector *d)
{
    return timeout_us(d) * (1 + d->score);
}

/* Beyond the maximum it is as if the network had lost it: false. */
static bool say(struct detector_news *news, uint64_t to, enum cluster_talk kind, uint64_t seq,
                uint64_t node)
{
    if (news->say_count == PROBES_MAX)
        return false;
    news->say[news->say_count].to = to;
    news->say[news->say_count].kind = kind;
    news->say[news->say_count].seq = seq;
    news->say[news->say_count].node = node;
    news->say_count++;
    return true;
}

/* ---- the own health ---- */

void probe_doubt(struct detector *d, uint32_t doubts)
{
    uint32_t score = d->score + doubts;

    ASSERT(d->score <= HEALTH_SCORE_MAX);
    d->score = score < HEALTH_SCORE_MAX ? score : HEALTH_SCORE_MAX;
}

void probe_trust(struct detector *d)
{
    if (d->score > 0)
        d->score--;
}

/* ---- the speed of others ---- */

/* Slow at once, quick again only when it was quick after a while: replicas are not reordered with
 * every answer. */
static void grade(struct detector_peer *peer, bool slow, uint64_t now_us,
                  struct detector_news *news)
{
    bool before = peer->grey_us != 0;

    if (slow)
        peer->grey_us = now_us + (uint64_t)GREY_MS * 1000;
    else if (peer->grey_us <= now_us)
        peer->grey_us = 0;
    if (before != (peer->grey_us != 0))
        news->regrade = true;
}

/* ---- probes ---- */

static struct detector_probe *probe_add(struct detector *d, uint64_t target, uint64_t now_us)
{
    const struct detector_peer *peer = detector_find(d, target);

    ASSERT(peer != NULL);
    if (d->probes_count == PROBES_MAX)
        return NULL;
    struct detector_probe *probe = &d->probes[d->probes_count++];
    *probe = (struct detector_probe){
        .seq = ++d->seq,
        .target = target,
        .direct_us = now_us,
        .end_us = now_us + patience_us(d),
        .doubtful = peer->record.state != LIVE_UP,
    };
    return probe;
}

static void probe_drop(struct detector *d, uint32_t at)
{
    ASSERT(at < d->probes_count);
    d->probes[at] = d->probes[--d->probes_count];
}

/* Asks a few others, chosen at random among those that can be reached. */
static void ask_others(struct detector *d, struct detector_probe *probe, struct random *random,
                       struct detector_news *news)
{
    uint32_t able[NODES_MAX], count = 0;

    ASSERT(probe->for_node == 0 && probe->silent_count == 0);
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.node != probe->target && d->peers[i].linked &&
            d->peers[i].record.state == LIVE_UP)
            able[count++] = i;
    }
    for (uint32_t asked = 0; asked < PROBE_HELPERS && count > 0; asked++) {
        uint32_t pick = (uint32_t)random_below(random, count);
        uint64_t helper = d->peers[able[pick]].record.node;
        if (say(news, helper, TALK_PING_FOR, probe->seq, probe->target))
            probe->silent[probe->silent_count++] = helper;
        able[pick] = able[--count];
    }
}

static void probe_failed(struct detector *d, const struct detector_probe *probe, uint64_t now_us,
                         struct detector_news *news)
{
    if (detector_find(d, probe->target) == NULL)
        return;
    if (!probe->doubtful)
        probe_doubt(d, 1 + probe->silent_count);
    detector_accuse(d, probe->target, now_us, news);
}

/* The target has not answered directly. */
static void probe_direct_over(struct detector *d, struct detector_probe *probe, uint64_t now_us,
                              struct random *random, struct detector_news *news)
{
    struct detector_peer *peer = detector_find(d, probe->target);

    probe->direct_us = 0;
    if (probe->for_node != 0) {
        (void)say(news, probe->for_node, TALK_NACK, probe->for_seq, probe->target);
        return;
    }
    if (peer != NULL && peer->linked && probe->sent_us != 0)
        grade(peer, true, now_us, news);
    ask_others(d, probe, random, news);
}

static void probe_in_turn(struct detector *d, uint64_t now_us, struct random *random,
                          struct detector_news *news);

void probe_tick(struct detector *d, uint64_t now_us, struct random *random,
                struct detector_news *news)
{
    if (d->next_us <= now_us)
        probe_in_turn(d, now_us, random, news);
    for (uint32_t i = 0; i < d->probes_count;) {
        if (d->probes[i].end_us <= now_us) {
            struct detector_probe probe = d->probes[i];
            probe_drop(d, i);
            if (probe.for_node == 0)
                probe_failed(d, &probe, now_us, news);
            continue;
        }
        if (d->probes[i].direct_us != 0 && d->probes[i].direct_us <= now_us)
            probe_direct_over(d, &d->probes[i], now_us, random, news);
        i++;
    }
}

/* The next peer in turn; after a round the order is drawn anew. */
static uint32_t next_peer(struct detector *d, struct random *random)
{
    ASSERT(d->count > 0);
    if (d->at >= d->count) {
        d->at = 0;
        for (uint32_t i = d->count - 1; i > 0; i--) {
            uint32_t j = (uint32_t)random_below(random, i + 1);
            uint32_t other = d->order[j];
            d->order[j] = d->order[i];
            d->order[i] = other;
        }
    }
    return d->order[d->at++];
}

static void probe_in_turn(struct detector *d, uint64_t now_us, struct random *random,
                          struct detector_news *news)
{
    const struct detector_peer *peer = &d->peers[next_peer(d, random)];
    struct detector_probe *probe = probe_add(d, peer->record.node, now_us);

    d->next_us = now_us + (uint64_t)d->config->probe_interval_ms * 1000 * (1 + d->score);
    if (probe == NULL)
        return;
    probe->end_us = now_us + 2 * patience_us(d);
    if (!peer->linked)
        return;
    probe->sent_us = now_us;
    probe->direct_us = now_us + patience_us(d);
    (void)say(news, probe->target, TALK_PING, probe->seq, 0);
}

void probe_others(struct detector *d, uint64_t node, uint64_t now_us)
{
    (void)probe_add(d, node, now_us);
}

uint64_t probe_deadline_us(const struct detector *d)
{
    uint64_t at = d->next_us;

    for (uint32_t i = 0; i < d->probes_count; i++) {
        const struct detector_probe *probe = &d->probes[i];
        at = sooner(at, probe->end_us);
        if (probe->direct_us != 0)
            at = sooner(at, probe->direct_us);
    }
    return at;
}

void probe_shift(struct detector *d, uint64_t us)
{
    for (uint32_t i = 0; i < d->probes_count; i++) {
        struct detector_probe *probe = &d->probes[i];
        probe->end_us += us;
        if (probe->direct_us != 0)
            probe->direct_us += us;
        if (probe->sent_us != 0)
            probe->sent_us += us;
    }
}

/* ---- messages ---- */

void detector_pinged(uint64_t from, uint64_t seq, struct detector_news *news)
{
    (void)say(news, from, TALK_ACK, seq, 0);
}

void detector_ping_for(struct detector *d, uint64_t from, uint64_t seq, uint64_t target,
                       uint64_t now_us, struct detector_news *news)
{
    const struct detector_peer *peer = detector_find(d, target);

    if (target == d->own.node) {
        (void)say(news, from, TALK_ACK, seq, 0);
        return;
    }
    if (peer == NULL || !peer->linked) {
        (void)say(news, from, TALK_NACK, seq, target);
        return;
    }
    struct detector_probe *probe = probe_add(d, target, now_us);
    if (probe == NULL)
        return;
    probe->for_node = from;
    probe->for_seq = seq;
    probe->direct_us = now_us + timeout_us(d) * HELPER_FIFTHS / 5;
    probe->end_us = now_us + 2 * timeout_us(d);
    (void)say(news, target, TALK_PING, probe->seq, 0);
}

/* What the answer to an own probe says of the target's speed. */
static void grade_answer(struct detector *d, const struct detector_probe *probe, uint64_t from,
                         uint64_t now_us, struct detector_news *news)
{
    struct detector_peer *peer = detector_find(d, probe->target);

    if (peer == NULL || from != probe->target || probe->sent_us == 0 || probe->sent_us > now_us)
        return;
    grade(peer, now_us - probe->sent_us > patience_us(d) / 2, now_us, news);
}

void detector_acked(struct detector *d, uint64_t from, uint64_t seq, uint64_t now_us,
                    struct detector_news *news)
{
    for (uint32_t i = 0; i < d->probes_count; i++) {
        struct detector_probe probe = d->probes[i];
        if (probe.seq != seq)
            continue;
        /* For a probe on behalf of another only the target itself can answer. */
        if (probe.for_node != 0 && from != probe.target)
            return;
        probe_drop(d, i);
        if (probe.for_node != 0) {
            (void)say(news, probe.for_node, TALK_ACK, probe.for_seq, 0);
            return;
        }
        grade_answer(d, &probe, from, now_us, news);
        probe_trust(d);
        return;
    }
}

void detector_nacked(struct detector *d, uint64_t from, uint64_t seq)
{
    for (uint32_t i = 0; i < d->probes_count; i++) {
        struct detector_probe *probe = &d->probes[i];
        if (probe->seq != seq || probe->for_node != 0)
            continue;
        for (uint32_t j = 0; j < probe->silent_count; j++) {
            if (probe->silent[j] != from)
                continue;
            probe->silent[j] = probe->silent[--probe->silent_count];
            return;
        }
    }
}

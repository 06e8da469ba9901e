/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/detector.h"

#include "base/check.h"

void detector_init(struct detector *d, const struct config *config, uint64_t self)
{
    ASSERT(self != 0);
    *d = (struct detector){.config = config, .own = {.node = self, .state = LIVE_UP}};
}

static void detector_check(const struct detector *d)
{
    uint64_t sum = 0;

    ASSERT(d->count <= NODES_MAX);
    ASSERT(d->probes_count <= PROBES_MAX);
    ASSERT(d->own.state == LIVE_UP);
    for (uint32_t i = 0; i < d->count; i++) {
        ASSERT(d->peers[i].record.node != d->own.node);
        ASSERT(d->order[i] < d->count);
        sum += d->order[i];
    }
    ASSERT(2 * sum == (uint64_t)d->count * d->count - d->count);
}

static uint64_t timeout_us(const struct detector *d)
{
    return (uint64_t)d->config->probe_timeout_ms * 1000;
}

static struct detector_peer *find(struct detector *d, uint64_t node)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.node == node)
            return &d->peers[i];
    }
    return NULL;
}

static const struct detector_peer *find_const(const struct detector *d, uint64_t node)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.node == node)
            return &d->peers[i];
    }
    return NULL;
}

void detector_members(struct detector *d, const uint64_t *nodes, uint32_t count)
{
    struct detector_peer peers[NODES_MAX];
    uint32_t kept = 0;

    ASSERT(count <= NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct detector_peer *old = find_const(d, nodes[i]);
        if (nodes[i] == d->own.node)
            continue;
        peers[kept] = old != NULL ? *old : (struct detector_peer){.record = {.node = nodes[i]}};
        kept++;
    }
    memcpy(d->peers, peers, kept * sizeof(peers[0]));
    d->count = kept;
    d->at = 0;
    for (uint32_t i = 0; i < kept; i++)
        d->order[i] = i;
    detector_check(d);
}

void detector_facts(struct detector *d, uint64_t epoch, bool holds)
{
    if (d->own.epoch == epoch && d->own.holds == holds)
        return;
    d->own.epoch = epoch;
    d->own.holds = holds;
    d->own.version++;
}

/* ---- what is said ---- */

static void say(struct detector_news *news, uint64_t to, enum cluster_talk kind, uint64_t seq,
                uint64_t node)
{
    /* Beyond the maximum it is as if the network had lost it. */
    if (news->say_count == PROBES_MAX)
        return;
    news->say[news->say_count].to = to;
    news->say[news->say_count].kind = kind;
    news->say[news->say_count].probe = (struct talk_probe){seq, node};
    news->say_count++;
}

static void changed(struct detector_news *news, const struct gossip_record *record)
{
    for (uint32_t i = 0; i < news->changed_count; i++) {
        if (news->changed[i].node == record->node) {
            news->changed[i].state = record->state;
            return;
        }
    }
    ASSERT(news->changed_count < NODES_MAX);
    news->changed[news->changed_count].node = record->node;
    news->changed[news->changed_count].state = record->state;
    news->changed_count++;
}

/* ---- probes ---- */

static struct detector_probe *probe_add(struct detector *d, uint64_t target, uint64_t now_us)
{
    if (d->probes_count == PROBES_MAX)
        return NULL;
    struct detector_probe *probe = &d->probes[d->probes_count++];
    *probe = (struct detector_probe){
        .seq = ++d->seq,
        .target = target,
        .direct_us = now_us + timeout_us(d),
        .end_us = now_us + 2 * timeout_us(d),
    };
    return probe;
}

static void probe_drop(struct detector *d, uint32_t at)
{
    ASSERT(at < d->probes_count);
    d->probes[at] = d->probes[--d->probes_count];
}

/* Asks a few others, chosen at random among those that can be reached. */
static void ask_others(struct detector *d, const struct detector_probe *probe,
                       struct random *random, struct detector_news *news)
{
    uint32_t able[NODES_MAX], count = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.node != probe->target && d->peers[i].linked &&
            d->peers[i].record.state == LIVE_UP)
            able[count++] = i;
    }
    for (uint32_t asked = 0; asked < PROBE_HELPERS && count > 0; asked++) {
        uint32_t pick = (uint32_t)random_below(random, count);
        say(news, d->peers[able[pick]].record.node, TALK_PING_FOR, probe->seq, probe->target);
        able[pick] = able[--count];
    }
}

static void suspect(struct detector *d, struct detector_peer *peer, uint64_t now_us)
{
    uint64_t wait_us = (uint64_t)d->config->suspicion_ms * 1000;

    ASSERT(peer->record.node != d->own.node);
    peer->record.state = LIVE_SUSPECT;
    peer->down_us = now_us + (peer->linked ? wait_us : wait_us / 2);
}

static void probe_failed(struct detector *d, uint64_t target, uint64_t now_us,
                         struct detector_news *news)
{
    struct detector_peer *peer = find(d, target);

    if (peer == NULL || peer->record.state != LIVE_UP)
        return;
    suspect(d, peer, now_us);
    changed(news, &peer->record);
}

static void probes_tick(struct detector *d, uint64_t now_us, struct random *random,
                        struct detector_news *news)
{
    for (uint32_t i = 0; i < d->probes_count;) {
        struct detector_probe probe = d->probes[i];
        if (probe.end_us <= now_us) {
            probe_drop(d, i);
            if (probe.for_node == 0)
                probe_failed(d, probe.target, now_us, news);
            continue;
        }
        if (probe.direct_us != 0 && probe.direct_us <= now_us && probe.for_node == 0) {
            d->probes[i].direct_us = 0;
            ask_others(d, &probe, random, news);
        }
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

    d->next_us = now_us + (uint64_t)d->config->probe_interval_ms * 1000;
    if (probe == NULL)
        return;
    if (peer->linked)
        say(news, probe->target, TALK_PING, probe->seq, 0);
    else
        probe->direct_us = now_us;
}

void detector_tick(struct detector *d, uint64_t now_us, struct random *random,
                   struct detector_news *news)
{
    if (d->count > 0 && d->next_us <= now_us)
        probe_in_turn(d, now_us, random, news);
    probes_tick(d, now_us, random, news);
    for (uint32_t i = 0; i < d->count; i++) {
        struct detector_peer *peer = &d->peers[i];
        if (peer->record.state != LIVE_SUSPECT || peer->down_us > now_us)
            continue;
        peer->record.state = LIVE_DOWN;
        changed(news, &peer->record);
    }
    detector_check(d);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t detector_deadline_us(const struct detector *d)
{
    uint64_t at = d->count > 0 ? d->next_us : UINT64_MAX;

    for (uint32_t i = 0; i < d->probes_count; i++) {
        const struct detector_probe *probe = &d->probes[i];
        at = sooner(at, probe->end_us);
        if (probe->direct_us != 0 && probe->for_node == 0)
            at = sooner(at, probe->direct_us);
    }
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.state == LIVE_SUSPECT)
            at = sooner(at, d->peers[i].down_us);
    }
    return at;
}

void detector_link(struct detector *d, uint64_t node, bool up, uint64_t now_us)
{
    struct detector_peer *peer = find(d, node);

    if (peer == NULL || peer->linked == up)
        return;
    peer->linked = up;
    if (up || peer->record.state != LIVE_UP)
        return;
    /* It may be the link only: others are asked at once. */
    struct detector_probe *probe = probe_add(d, node, now_us);
    if (probe != NULL) {
        probe->direct_us = now_us;
        probe->end_us = now_us + timeout_us(d);
    }
}

void detector_pinged(uint64_t from, uint64_t seq, struct detector_news *news)
{
    say(news, from, TALK_ACK, seq, 0);
}

void detector_ping_for(struct detector *d, uint64_t from, uint64_t seq, uint64_t target,
                       uint64_t now_us, struct detector_news *news)
{
    const struct detector_peer *peer = find(d, target);

    if (target == d->own.node) {
        say(news, from, TALK_ACK, seq, 0);
        return;
    }
    if (peer == NULL || !peer->linked)
        return;
    struct detector_probe *probe = probe_add(d, target, now_us);
    if (probe == NULL)
        return;
    probe->for_node = from;
    probe->for_seq = seq;
    say(news, target, TALK_PING, probe->seq, 0);
}

void detector_acked(struct detector *d, uint64_t from, uint64_t seq, struct detector_news *news)
{
    for (uint32_t i = 0; i < d->probes_count; i++) {
        struct detector_probe probe = d->probes[i];
        if (probe.seq != seq)
            continue;
        /* For a probe on behalf of another only the target itself can answer. */
        if (probe.for_node != 0 && from != probe.target)
            return;
        probe_drop(d, i);
        if (probe.for_node != 0)
            say(news, probe.for_node, TALK_ACK, probe.for_seq, 0);
        return;
    }
}

/* ---- what is believed ---- */

/* Somebody believes of this node what is not so: it takes an incarnation that nobody has heard. */
static void refute(struct detector *d, const struct gossip_record *record,
                   struct detector_news *news)
{
    bool wrong = record->incarnation > d->own.incarnation ||
                 (record->incarnation == d->own.incarnation &&
                  (record->state != LIVE_UP || record->version > d->own.version));

    if (!wrong || record->incarnation == UINT64_MAX)
        return;
    d->own.incarnation = record->incarnation + 1;
    news->refuted = true;
}

void detector_hear(struct detector *d, const struct gossip_record *record, uint64_t now_us,
                   struct detector_news *news)
{
    struct detector_peer *peer = find(d, record->node);

    if (record->node == d->own.node) {
        refute(d, record, news);
        return;
    }
    if (peer == NULL || record->incarnation < peer->record.incarnation)
        return;
    struct gossip_record before = peer->record;
    if (record->incarnation > before.incarnation) {
        peer->record = *record;
    } else {
        if (record->version > before.version) {
            peer->record.version = record->version;
            peer->record.epoch = record->epoch;
            peer->record.holds = record->holds;
        }
        if (record->state > before.state)
            peer->record.state = record->state;
    }
    ASSERT(peer->record.incarnation >= before.incarnation);
    if (peer->record.state == before.state)
        return;
    if (peer->record.state == LIVE_SUSPECT)
        suspect(d, peer, now_us);
    changed(news, &peer->record);
}

const struct gossip_record *detector_record(const struct detector *d, uint64_t node)
{
    const struct detector_peer *peer = find_const(d, node);

    if (node == d->own.node)
        return &d->own;
    return peer == NULL ? NULL : &peer->record;
}

bool detector_reaches(const struct detector *d, uint64_t node)
{
    const struct detector_peer *peer = find_const(d, node);

    if (node == d->own.node)
        return true;
    return peer != NULL && peer->linked && peer->record.state != LIVE_DOWN;
}

bool detector_suspects(const struct detector *d, uint64_t node)
{
    const struct detector_peer *peer = find_const(d, node);

    ASSERT(d->own.state == LIVE_UP);
    return peer != NULL && peer->record.state == LIVE_SUSPECT;
}

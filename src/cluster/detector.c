/* SPDX-License-Identifier: Apache-2.0 */
/* Who the members are and what is believed of them. */
#include "base/check.h"
#include "base/mem.h"
#include "cluster/detector_int.h"
#include "cluster/detector_pace.h"

void detector_init(struct detector *d, const struct config *config, uint64_t self)
{
    ASSERT(self != 0);
    *d = (struct detector){.config = config, .own = {.node = self, .state = LIVE_UP}};
}

void detector_done(struct detector *d)
{
    mem_free(d->peers);
    mem_free(d->order);
    d->peers = NULL;
    d->order = NULL;
    d->count = 0;
}

struct detector_peer *detector_find(struct detector *d, uint64_t node)
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

uint32_t detector_tells(const struct detector *d)
{
    return pace_tells(d->count + 1);
}

static uint64_t suspicion_min_us(const struct detector *d)
{
    return pace_suspicion_min_us(d->config, d->count + 1);
}

/* ---- members ---- */

static void check_order(const struct detector *d)
{
    uint64_t seen[NODES_MAX / 64] = {0};

    ASSERT(d->at <= d->count);
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t peer = d->order[i];
        ASSERT(peer < d->count);
        ASSERT((seen[peer / 64] >> peer % 64 & 1) == 0);
        seen[peer / 64] |= UINT64_C(1) << peer % 64;
        ASSERT(d->peers[i].record.node != d->own.node);
    }
}

/* Those that stay keep their order; each new one comes at a random place of what is left of the
 * round. `places` has the new index of each old peer. */
static void reorder(struct detector *d, uint32_t *order, uint32_t count, const uint32_t *places,
                    struct random *random)
{
    bool placed[NODES_MAX] = {false};
    uint32_t filled = 0, at = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t place = places[d->order[i]];
        if (place == UINT32_MAX)
            continue;
        order[filled++] = place;
        placed[place] = true;
        at += i < d->at;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (placed[i])
            continue;
        uint32_t turn = at + (uint32_t)random_below(random, filled - at + 1);
        order[filled++] = order[turn];
        order[turn] = i;
    }
    ASSERT(filled == count);
    d->at = at;
}

void detector_members(struct detector *d, const uint64_t *nodes, uint32_t count, uint64_t now_us,
                      struct random *random)
{
    struct detector_peer *peers = mem_new_array((size_t)count + 1, sizeof(*peers));
    uint32_t *order = mem_new_array((size_t)count + 1, sizeof(*order));
    uint32_t places[NODES_MAX], kept = 0;
    bool alone = d->count == 0;

    ASSERT(count <= NODES_MAX);
    memset(places, 0xff, sizeof(places));
    for (uint32_t i = 0; i < count; i++) {
        const struct detector_peer *old = find_const(d, nodes[i]);
        if (nodes[i] == d->own.node)
            continue;
        if (old != NULL)
            places[old - d->peers] = kept;
        peers[kept++] = old != NULL ? *old : (struct detector_peer){.record = {.node = nodes[i]}};
    }
    reorder(d, order, kept, places, random);
    mem_free(d->peers);
    mem_free(d->order);
    d->peers = peers;
    d->order = order;
    d->count = kept;
    if (alone && kept > 0) {
        d->due_us = now_us;
        d->next_us = now_us + random_below(random, (uint64_t)d->config->probe_interval_ms * 1000);
        tell_start(d, now_us);
    }
    check_order(d);
}

void detector_facts(struct detector *d, uint64_t epoch, bool holds)
{
    if (d->own.epoch == epoch && d->own.holds == holds)
        return;
    d->own.epoch = epoch;
    d->own.holds = holds;
    d->own.version++;
    d->own_tells = detector_tells(d);
}

void detector_pace(struct detector *d, bool slow)
{
    if (d->own.slow == slow)
        return;
    d->own.slow = slow;
    d->own.version++;
    d->own_tells = detector_tells(d);
}

/* ---- the life of a suspicion ---- */

/* It is to be told, to the owner and to other nodes. */
static void changed(struct detector *d, struct detector_peer *peer, struct detector_news *news)
{
    size_t at = (size_t)(peer - d->peers);

    ASSERT(at < d->count);
    peer->tells = detector_tells(d);
    news->changed[at / 64] |= UINT64_C(1) << at % 64;
    news->any_changed = true;
}

/* When the suspect is taken for down: sooner with each who accuses it, and without a link soon. */
static void set_end(struct detector *d, struct detector_peer *peer, uint64_t now_us)
{
    uint32_t confirmed = peer->accusers_count > 0 ? peer->accusers_count - 1 : 0;
    uint64_t wait_us = pace_suspicion_us(d->config, d->count + 1, confirmed);

    ASSERT(peer->record.state == LIVE_SUSPECT);
    peer->down_us = sooner(peer->down_us, peer->suspected_us + wait_us);
    if (!peer->linked)
        peer->down_us = sooner(peer->down_us, now_us + suspicion_min_us(d) / 2);
}

static void add_accuser(struct detector *d, struct detector_peer *peer, uint64_t accuser)
{
    if (accuser == 0 || accuser == peer->record.node ||
        peer->accusers_count == ARRAY_LEN(peer->accusers))
        return;
    for (uint32_t i = 0; i < peer->accusers_count; i++) {
        if (peer->accusers[i] == accuser)
            return;
    }
    peer->accusers[peer->accusers_count++] = accuser;
    peer->tells = detector_tells(d);
}

static void suspect(struct detector *d, struct detector_peer *peer, uint64_t accuser,
                    uint64_t now_us, struct detector_news *news)
{
    ASSERT(peer->record.node != d->own.node);
    if (peer->record.state == LIVE_DOWN)
        return;
    if (peer->record.state == LIVE_UP) {
        peer->record.state = LIVE_SUSPECT;
        peer->suspected_us = now_us;
        peer->down_us = UINT64_MAX;
        changed(d, peer, news);
    }
    add_accuser(d, peer, accuser);
    set_end(d, peer, now_us);
}

static void fall(struct detector *d, struct detector_peer *peer, struct detector_news *news)
{
    ASSERT(peer->record.state == LIVE_SUSPECT);
    peer->record.state = LIVE_DOWN;
    changed(d, peer, news);
}

/* Another node takes it for down: a suspicion that needs no more confirmation. Where there is no
 * link to it either that is enough. */
static void condemn(struct detector *d, struct detector_peer *peer, uint64_t accuser,
                    uint64_t now_us, struct detector_news *news)
{
    suspect(d, peer, accuser, now_us, news);
    if (peer->record.state == LIVE_DOWN)
        return;
    if (peer->linked)
        peer->down_us = sooner(peer->down_us, peer->suspected_us + suspicion_min_us(d));
    else
        fall(d, peer, news);
}

void detector_accuse(struct detector *d, uint64_t node, uint64_t now_us, struct detector_news *news)
{
    struct detector_peer *peer = detector_find(d, node);

    if (peer != NULL)
        suspect(d, peer, d->own.node, now_us, news);
}

/* ---- time and links ---- */

/* The host did not call when it should have: what came meanwhile was not looked at yet. So nobody
 * is silent for that time. */
static void wake(struct detector *d, uint64_t now_us)
{
    uint64_t late_us = now_us > d->due_us ? now_us - d->due_us : 0;

    if (late_us <= (uint64_t)d->config->probe_timeout_ms * 1000)
        return;
    probe_shift(d, late_us);
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.state != LIVE_SUSPECT)
            continue;
        d->peers[i].suspected_us += late_us;
        d->peers[i].down_us += late_us;
    }
}

void detector_tick(struct detector *d, uint64_t now_us, struct random *random,
                   struct detector_news *news)
{
    ASSERT(d->own.state == LIVE_UP);
    ASSERT(d->score <= HEALTH_SCORE_MAX);
    if (d->count == 0)
        return;
    wake(d, now_us);
    probe_tick(d, now_us, random, news);
    for (uint32_t i = 0; i < d->count; i++) {
        struct detector_peer *peer = &d->peers[i];
        if (peer->record.state == LIVE_SUSPECT && peer->down_us <= now_us)
            fall(d, peer, news);
    }
    d->fresh = d->fresh || news->any_changed || news->refuted;
    tell_tick(d, now_us, random, news);
    d->due_us = detector_deadline_us(d);
    ASSERT(d->due_us > now_us);
}

uint64_t detector_deadline_us(const struct detector *d)
{
    uint64_t at = UINT64_MAX;

    if (d->count == 0)
        return UINT64_MAX;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].record.state == LIVE_SUSPECT)
            at = sooner(at, d->peers[i].down_us);
    }
    return sooner(at, sooner(probe_deadline_us(d), tell_deadline_us(d)));
}

void detector_hurry(struct detector *d)
{
    d->fresh = true;
}

void detector_link(struct detector *d, uint64_t node, bool up, uint64_t now_us)
{
    struct detector_peer *peer = detector_find(d, node);

    if (peer == NULL || peer->linked == up)
        return;
    peer->linked = up;
    if (peer->record.state == LIVE_SUSPECT) {
        /* A new link is a sign of life, though not that all is well. */
        peer->suspected_us = up ? now_us : peer->suspected_us;
        peer->down_us = up ? UINT64_MAX : peer->down_us;
        set_end(d, peer, now_us);
    }
    /* It may be the link only: others are asked at once. */
    if (!up && peer->record.state == LIVE_UP)
        probe_others(d, node, now_us);
}

/* ---- what is heard ---- */

/* Somebody believes of this node what is not so: it takes an incarnation that nobody has heard. */
static void refute(struct detector *d, const struct gossip_record *record,
                   struct detector_news *news)
{
    bool ill = record->state != LIVE_UP;
    bool wrong =
        record->incarnation > d->own.incarnation ||
        (record->incarnation == d->own.incarnation && (ill || record->version > d->own.version));

    news->answer = news->answer || ill || wrong;
    if (!wrong || record->incarnation == UINT64_MAX)
        return;
    d->own.incarnation = record->incarnation + 1;
    d->own_tells = detector_tells(d);
    d->fresh = true;
    news->refuted = true;
    if (ill)
        probe_doubt(d, 1);
}

/* A higher incarnation, or newer facts of the same. */
static void take_facts(struct detector *d, struct detector_peer *peer,
                       const struct gossip_record *record, struct detector_news *news)
{
    enum liveness before = peer->record.state;
    bool slow = peer->record.slow;

    if (record->incarnation > peer->record.incarnation) {
        peer->record = *record;
        peer->record.state = LIVE_UP;
        peer->accusers_count = 0;
        peer->tells = detector_tells(d);
        if (before != LIVE_UP)
            changed(d, peer, news);
    } else if (record->version > peer->record.version) {
        peer->record.version = record->version;
        peer->record.epoch = record->epoch;
        peer->record.holds = record->holds;
        peer->record.slow = record->slow;
        peer->tells = detector_tells(d);
    }
    if (slow != peer->record.slow)
        news->regrade = true;
}

void detector_hear(struct detector *d, uint64_t from, const struct gossip_record *record,
                   uint64_t now_us, struct detector_news *news)
{
    struct detector_peer *peer = detector_find(d, record->node);

    if (record->node == d->own.node) {
        refute(d, record, news);
        return;
    }
    if (peer == NULL)
        return;
    bool older =
        record->incarnation < peer->record.incarnation ||
        (record->incarnation == peer->record.incarnation && record->version < peer->record.version);
    if (from == record->node) {
        peer->behind = older;
        news->answer = news->answer || older;
    }
    if (record->incarnation < peer->record.incarnation)
        return;
    take_facts(d, peer, record, news);
    switch (record->state) {
    case LIVE_UP: break;
    case LIVE_SUSPECT: suspect(d, peer, record->accuser, now_us, news); break;
    case LIVE_DOWN: condemn(d, peer, record->accuser, now_us, news); break;
    }
    /* The others believe what this node told them of it, until it knows. */
    if (from == record->node && peer->record.state != LIVE_UP)
        news->answer = true;
    d->fresh = d->fresh || news->any_changed;
    ASSERT(peer->record.incarnation >= record->incarnation);
}

/* ---- what is known ---- */

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

bool detector_grey(const struct detector *d, uint64_t node)
{
    const struct detector_peer *peer = find_const(d, node);

    ASSERT(d->own.state == LIVE_UP);
    return peer != NULL &&
           (peer->record.state == LIVE_SUSPECT || peer->record.slow || peer->grey_us != 0);
}

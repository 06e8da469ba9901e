/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of what is believed: to whom, when, and how often. */
#include "base/check.h"
#include "base/hash.h"
#include "cluster/detector_int.h"

/* ---- what ---- */

/* With one of those that accuse it; each has its turn. */
static struct gossip_record shown(const struct detector_peer *peer)
{
    struct gossip_record record = peer->record;

    record.accuser = 0;
    if (record.state != LIVE_UP && peer->accusers_count > 0)
        record.accuser = peer->accusers[peer->tells % peer->accusers_count];
    return record;
}

static struct gossip_record tell_peer(struct detector_peer *peer)
{
    struct gossip_record record = shown(peer);

    if (peer->tells > 0)
        peer->tells--;
    return record;
}

static uint32_t tells_most(const struct detector *d)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < d->count; i++)
        most = d->peers[i].tells > most ? d->peers[i].tells : most;
    return most;
}

/* The peers that were told least often, but for the receiver. */
static uint32_t pick_rumours(const struct detector *d, uint64_t to, uint32_t room, uint32_t *picked)
{
    uint32_t count = 0;

    for (uint32_t tells = tells_most(d); tells > 0 && count < room; tells--) {
        for (uint32_t i = 0; i < d->count && count < room; i++) {
            if (d->peers[i].tells == tells && d->peers[i].record.node != to)
                picked[count++] = i;
        }
    }
    ASSERT(count <= room);
    return count;
}

uint32_t detector_tell(struct detector *d, uint64_t to, struct gossip_record *ret_records)
{
    struct detector_peer *about = detector_find(d, to);
    uint32_t picked[GOSSIP_RECORDS], count = 0;

    ret_records[count++] = d->own;
    if (d->own_tells > 0)
        d->own_tells--;
    if (about != NULL && (about->behind || about->record.state != LIVE_UP))
        ret_records[count++] = tell_peer(about);
    uint32_t rumours = pick_rumours(d, to, GOSSIP_RECORDS - count, picked);
    for (uint32_t i = 0; i < rumours; i++)
        ret_records[count++] = tell_peer(&d->peers[picked[i]]);
    ASSERT(count <= GOSSIP_RECORDS);
    return count;
}

uint32_t detector_tell_all(const struct detector *d, struct gossip_record *ret_records)
{
    ret_records[0] = d->own;
    for (uint32_t i = 0; i < d->count; i++)
        ret_records[i + 1] = shown(&d->peers[i]);
    return d->count + 1;
}

static uint64_t digest_of(const struct gossip_record *record)
{
    uint64_t hash = hash_mix(record->node, record->incarnation);

    return hash_mix(hash_mix(hash, record->version), (uint64_t)record->state);
}

/* A sum, for everybody has another order and another hole in its table. */
uint64_t detector_digest(const struct detector *d)
{
    uint64_t digest = digest_of(&d->own);

    for (uint32_t i = 0; i < d->count; i++)
        digest += digest_of(&d->peers[i].record);
    return digest;
}

/* ---- to whom and when ---- */

static uint64_t interval_us(const struct detector *d)
{
    return (uint64_t)d->config->gossip_interval_ms * 1000;
}

void tell_start(struct detector *d, uint64_t now_us)
{
    d->gossip_us = now_us;
    d->compare_us = now_us;
}

static bool hurries(const struct detector *d, uint64_t now_us)
{
    return d->fresh && d->news_us <= now_us;
}

/* Some of those that are linked, drawn at random; also of those that are taken for down: so they
 * hear of it and can refute it. */
static void tell_some(struct detector *d, uint32_t most, enum gossip_step step,
                      struct random *random, struct detector_news *news)
{
    uint32_t linked[NODES_MAX], count = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        if (d->peers[i].linked)
            linked[count++] = i;
    }
    for (uint32_t told = 0; told < most && count > 0; told++) {
        uint32_t pick = (uint32_t)random_below(random, count);
        ASSERT(news->tell_count < ARRAY_LEN(news->tell));
        news->tell[news->tell_count].to = d->peers[linked[pick]].record.node;
        news->tell[news->tell_count++].step = step;
        linked[pick] = linked[--count];
    }
}

/* News go out at once, but a burst of them goes together: what each node answers with news of its
 * own would grow without bounds if each piece went out by itself. */
void tell_tick(struct detector *d, uint64_t now_us, struct random *random,
               struct detector_news *news)
{
    bool hurry = hurries(d, now_us);

    if (d->compare_us <= now_us) {
        tell_some(d, 1, GOSSIP_COMPARE, random, news);
        d->compare_us =
            now_us + (news->tell_count > 0 ? (uint64_t)d->config->compare_interval_ms * 1000
                                           : interval_us(d));
    }
    if (!hurry && d->gossip_us > now_us)
        return;
    bool much = hurry || d->own_tells > 0 || tells_most(d) > 0;
    tell_some(d, much ? GOSSIP_FANOUT : 1, GOSSIP_NEWS, random, news);
    d->gossip_us = now_us + interval_us(d);
    if (!hurry)
        return;
    d->fresh = false;
    d->news_us = now_us + interval_us(d) / NEWS_PARTS;
}

uint64_t tell_deadline_us(const struct detector *d)
{
    uint64_t at = sooner(d->gossip_us, d->compare_us);

    return d->fresh ? sooner(at, d->news_us) : at;
}

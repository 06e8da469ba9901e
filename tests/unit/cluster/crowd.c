/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include "base/check.h"
#include "base/mem.h"

/* Of docs/formats: the frame, what every message of the cluster begins with, and the parts. */
enum { FRAME = 20, HEAD = 25, GOSSIP = 33 + 1 + 1, PROBE = 16 + 1, RECORD = 42 };

struct letter {
    struct heap_node node;
    uint32_t from, to;
    enum cluster_talk kind;
    enum gossip_step step;
    uint64_t seq, about, digest;
    uint32_t count;
    struct gossip_record records[];
};

static bool is_alive(const struct crowd *crowd, uint32_t fellow)
{
    return !crowd->fellows[fellow].dead;
}

static void set_timer(struct crowd *crowd, struct fellow *fellow)
{
    uint64_t at = detector_deadline_us(&fellow->detector);

    heap_set(&crowd->timers, &fellow->timer, at < fellow->stalled_us ? fellow->stalled_us : at);
}

void crowd_init(struct crowd *crowd, uint64_t seed, uint32_t count)
{
    struct seed root = seed_of(seed);
    uint64_t ids[CROWD_MAX];

    ASSERT(count <= CROWD_MAX);
    *crowd = (struct crowd){.count = count, .now_us = SECOND, .healthy = is_alive};
    config_init(&crowd->config);
    random_init(&crowd->random, &root, 0);
    heap_init(&crowd->queue);
    heap_init(&crowd->timers);
    crowd->fellows = mem_new_array(count, sizeof(*crowd->fellows));
    for (uint32_t i = 0; i < count; i++)
        ids[i] = crowd->fellows[i].id = i + 1;
    for (uint32_t i = 0; i < count; i++) {
        struct detector *d = &crowd->fellows[i].detector;
        detector_init(d, &crowd->config, ids[i]);
        detector_members(d, ids, count, crowd->now_us, &crowd->random);
        for (uint32_t j = 0; j < count; j++)
            detector_link(d, ids[j], true, crowd->now_us);
        set_timer(crowd, &crowd->fellows[i]);
    }
}

void crowd_done(struct crowd *crowd)
{
    struct heap_node *node;

    while ((node = heap_peek(&crowd->queue)) != NULL) {
        heap_remove(&crowd->queue, node);
        mem_free(CONTAINER_OF(node, struct letter, node));
    }
    for (uint32_t i = 0; i < crowd->count; i++)
        detector_done(&crowd->fellows[i].detector);
    heap_done(&crowd->queue);
    heap_done(&crowd->timers);
    mem_free(crowd->fellows);
}

/* ---- what is said ---- */

static bool linked(const struct crowd *crowd, uint32_t a, uint32_t b)
{
    const struct detector_peer *peer = &crowd->fellows[a].detector.peers[b < a ? b : b - 1];

    ASSERT(peer->record.node == crowd->fellows[b].id);
    return peer->linked;
}

static struct letter *letter_new(uint32_t from, uint64_t to, enum cluster_talk kind, uint32_t room)
{
    struct letter *letter = mem_new(sizeof(*letter) + room * sizeof(struct gossip_record));

    letter->from = from;
    letter->to = (uint32_t)to - 1;
    letter->kind = kind;
    return letter;
}

static void post(struct crowd *crowd, struct letter *letter)
{
    struct fellow *from = &crowd->fellows[letter->from], *to = &crowd->fellows[letter->to];
    uint32_t body = letter->kind == TALK_GOSSIP ? GOSSIP : PROBE;
    uint64_t slow_us = (uint64_t)(from->slow_ms + to->slow_ms) * MS;

    from->bytes += FRAME + HEAD + body + letter->count * RECORD;
    from->said++;
    if (letter->kind != TALK_GOSSIP || letter->count <= GOSSIP_RECORDS)
        crowd->most_records =
            letter->count > crowd->most_records ? letter->count : crowd->most_records;
    if (!linked(crowd, letter->from, letter->to) ||
        random_below(&crowd->random, 1000) < crowd->lose) {
        mem_free(letter);
        return;
    }
    heap_set(&crowd->queue, &letter->node,
             crowd->now_us + slow_us + random_range(&crowd->random, 500, 5000));
}

static void gossip(struct crowd *crowd, uint32_t from, uint64_t to, enum gossip_step step, bool all)
{
    struct detector *d = &crowd->fellows[from].detector;
    struct letter *letter = letter_new(from, to, TALK_GOSSIP, all ? CROWD_MAX : GOSSIP_RECORDS);

    letter->step = step;
    letter->digest = detector_digest(d);
    letter->count =
        all ? detector_tell_all(d, letter->records) : detector_tell(d, to, letter->records);
    post(crowd, letter);
}

/* A mistake is one about somebody healthy, of somebody healthy or not. */
static void note_changes(struct crowd *crowd, uint32_t who, const struct detector_news *news)
{
    struct fellow *fellow = &crowd->fellows[who];

    for (uint32_t i = 0; i < fellow->detector.count; i++) {
        const struct gossip_record *record = &fellow->detector.peers[i].record;
        if ((news->changed[i / 64] >> i % 64 & 1) == 0 ||
            !crowd->healthy(crowd, (uint32_t)record->node - 1))
            continue;
        fellow->suspected += record->state == LIVE_SUSPECT;
        fellow->condemned += record->state == LIVE_DOWN;
    }
}

static void carry_out(struct crowd *crowd, uint32_t who, const struct detector_news *news)
{
    struct detector *d = &crowd->fellows[who].detector;

    note_changes(crowd, who, news);
    for (uint32_t i = 0; i < news->say_count; i++) {
        struct letter *letter = letter_new(who, news->say[i].to, news->say[i].kind, GOSSIP_RECORDS);
        letter->seq = news->say[i].seq;
        letter->about = news->say[i].node;
        letter->count = detector_tell(d, news->say[i].to, letter->records);
        post(crowd, letter);
    }
    for (uint32_t i = 0; i < news->tell_count; i++)
        gossip(crowd, who, news->tell[i].to, news->tell[i].step, false);
}

/* ---- what is heard: as cluster/gossip.c does it ---- */

static void answer_gossip(struct crowd *crowd, const struct letter *letter, bool wrong)
{
    struct detector *d = &crowd->fellows[letter->to].detector;
    uint64_t from = crowd->fellows[letter->from].id;

    if (letter->step == GOSSIP_WHOLE)
        gossip(crowd, letter->to, from, GOSSIP_ANSWER, true);
    else if (letter->step == GOSSIP_COMPARE && letter->digest != detector_digest(d))
        gossip(crowd, letter->to, from, GOSSIP_WHOLE, true);
    else if (letter->step != GOSSIP_ANSWER && wrong)
        gossip(crowd, letter->to, from, GOSSIP_ANSWER, false);
}

static void hear(struct crowd *crowd, const struct letter *letter)
{
    struct detector *d = &crowd->fellows[letter->to].detector;
    uint64_t from = crowd->fellows[letter->from].id;
    struct detector_news news = {.say_count = 0};

    for (uint32_t i = 0; i < letter->count; i++)
        detector_hear(d, from, &letter->records[i], crowd->now_us, &news);
    if (letter->kind == TALK_PING)
        detector_pinged(from, letter->seq, &news);
    else if (letter->kind == TALK_PING_FOR)
        detector_ping_for(d, from, letter->seq, letter->about, crowd->now_us, &news);
    else if (letter->kind == TALK_ACK)
        detector_acked(d, from, letter->seq, crowd->now_us, &news);
    else if (letter->kind == TALK_NACK)
        detector_nacked(d, from, letter->seq);
    carry_out(crowd, letter->to, &news);
    if (letter->kind == TALK_GOSSIP)
        answer_gossip(crowd, letter, news.answer);
    else if (news.answer && (letter->kind == TALK_ACK || letter->kind == TALK_NACK))
        gossip(crowd, letter->to, from, GOSSIP_ANSWER, false);
}

static void tick(struct crowd *crowd, uint32_t who)
{
    struct detector_news news = {.say_count = 0};

    detector_tick(&crowd->fellows[who].detector, crowd->now_us, &crowd->random, &news);
    carry_out(crowd, who, &news);
    set_timer(crowd, &crowd->fellows[who]);
}

static void deliver(struct crowd *crowd, struct letter *letter)
{
    struct fellow *to = &crowd->fellows[letter->to];

    heap_remove(&crowd->queue, &letter->node);
    if (to->stalled_us > crowd->now_us) {
        heap_set(&crowd->queue, &letter->node, to->stalled_us + 1);
        return;
    }
    if (!to->dead && linked(crowd, letter->to, letter->from)) {
        hear(crowd, letter);
        tick(crowd, letter->to);
    }
    mem_free(letter);
}

/* A dead one's time goes by without it. */
static void ring(struct crowd *crowd, struct fellow *fellow)
{
    if (fellow->dead)
        heap_set(&crowd->timers, &fellow->timer, crowd->now_us + 100 * MS);
    else
        tick(crowd, (uint32_t)(fellow - crowd->fellows));
}

void crowd_run(struct crowd *crowd, uint64_t us)
{
    uint64_t until = crowd->now_us + us;

    for (;;) {
        struct heap_node *mail = heap_peek(&crowd->queue), *timer = heap_peek(&crowd->timers);
        bool letters = mail != NULL && (timer == NULL || mail->at <= timer->at);
        struct heap_node *next = letters ? mail : timer;
        if (next == NULL || next->at > until)
            break;
        crowd->now_us = next->at > crowd->now_us ? next->at : crowd->now_us;
        if (letters)
            deliver(crowd, CONTAINER_OF(next, struct letter, node));
        else
            ring(crowd, CONTAINER_OF(next, struct fellow, timer));
    }
    crowd->now_us = until;
}

/* ---- trouble ---- */

void crowd_restart(struct crowd *crowd, uint32_t fellow)
{
    struct detector *d = &crowd->fellows[fellow].detector;
    uint64_t ids[CROWD_MAX];

    for (uint32_t i = 0; i < crowd->count; i++)
        ids[i] = crowd->fellows[i].id;
    detector_done(d);
    detector_init(d, &crowd->config, ids[fellow]);
    detector_members(d, ids, crowd->count, crowd->now_us, &crowd->random);
    for (uint32_t i = 0; i < crowd->count; i++)
        detector_link(d, ids[i], true, crowd->now_us);
    crowd->fellows[fellow].dead = false;
    set_timer(crowd, &crowd->fellows[fellow]);
}

void crowd_link(struct crowd *crowd, uint32_t a, uint32_t b, bool up)
{
    struct fellow *one = &crowd->fellows[a], *other = &crowd->fellows[b];

    detector_link(&one->detector, other->id, up, crowd->now_us);
    detector_link(&other->detector, one->id, up, crowd->now_us);
    if (up) {
        gossip(crowd, a, other->id, GOSSIP_COMPARE, false);
        gossip(crowd, b, one->id, GOSSIP_COMPARE, false);
    }
    if (!one->dead)
        tick(crowd, a);
    if (!other->dead)
        tick(crowd, b);
}

/* ---- what came of it ---- */

enum liveness crowd_believes(const struct crowd *crowd, uint32_t who, uint32_t of)
{
    return detector_record(&crowd->fellows[who].detector, crowd->fellows[of].id)->state;
}

uint32_t crowd_believers(const struct crowd *crowd, uint32_t of, enum liveness state)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < crowd->count; i++) {
        if (i != of && !crowd->fellows[i].dead && crowd->fellows[i].slow_ms == 0)
            count += crowd_believes(crowd, i, of) == state;
    }
    return count;
}

bool crowd_agrees(const struct crowd *crowd)
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < crowd->count; i++) {
        if (crowd->fellows[i].dead)
            continue;
        uint64_t own = detector_digest(&crowd->fellows[i].detector);
        if (digest != 0 && own != digest)
            return false;
        digest = own;
        for (uint32_t j = 0; j < crowd->count; j++) {
            if (!crowd->fellows[j].dead && crowd_believes(crowd, i, j) != LIVE_UP)
                return false;
        }
    }
    return true;
}

uint64_t crowd_settles(struct crowd *crowd, uint64_t most_us)
{
    uint64_t since = crowd->now_us;

    while (crowd->now_us - since < most_us) {
        if (crowd_agrees(crowd))
            return crowd->now_us - since;
        crowd_run(crowd, 50 * MS);
    }
    return UINT64_MAX;
}

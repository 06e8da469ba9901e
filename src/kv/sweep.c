/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/sweep.h"

#include "base/check.h"
#include "base/heap.h"
#include "base/mem.h"
#include "kv/limits.h"

/* A partition and another owner of it. */
struct pairing {
    struct map_node node;   /* by partition and peer */
    struct heap_node timer; /* while it waits; in one of two heaps, by `asked` */
    uint32_t partition;
    uint64_t peer;
    bool begins; /* this node has the lower id */
    bool owned;  /* by both, in the document that was looked at last */
    bool running;
    bool asleep;                 /* it was due, and its peer was down */
    bool asked;                  /* somebody wants it now */
    bool again;                  /* there was an occasion, or it was asked for, while it ran */
    uint32_t unclean;            /* how often in a row something was moved or left */
    uint64_t begun_us, ended_us; /* the last one; 0: none */
    uint64_t clean_us;           /* when the last one began that found nothing; 0: none */
    struct exchange_result last;
};

struct sweep {
    const struct config *config;
    struct random random;
    struct map pairings;
    struct heap timers;
    struct heap asked;
    uint64_t epoch;
    uint64_t cluster;
    uint32_t running;
    uint64_t rest_until_us; /* clients left no room */
    struct sweep_status totals;
};

struct sweep *sweep_new(const struct config *config, const struct seed *seed)
{
    struct sweep *s = mem_new(sizeof(*s));

    s->config = config;
    random_init(&s->random, seed, 4);
    map_init(&s->pairings);
    heap_init(&s->timers);
    heap_init(&s->asked);
    return s;
}

void sweep_free(struct sweep *s)
{
    if (s == NULL)
        return;
    MAP_EACH(node, &s->pairings)
        mem_free(CONTAINER_OF(node, struct pairing, node));
    map_done(&s->pairings);
    heap_done(&s->timers);
    heap_done(&s->asked);
    mem_free(s);
}

static void pairing_check(const struct pairing *p)
{
    ASSERT(p->running + p->asleep + heap_has(&p->timer) <= 1);
    ASSERT(!p->again || p->running);
    ASSERT(p->running || p->asleep || heap_has(&p->timer) || !p->owned || !p->begins);
    ASSERT(!p->asked || p->running || p->asleep || heap_has(&p->timer));
}

static uint64_t pairing_hash(uint32_t partition, uint64_t peer)
{
    return hash_mix(hash_mix(0, partition), peer);
}

static struct pairing *pairing_find(const struct sweep *s, uint32_t partition, uint64_t peer)
{
    struct map_node *node = map_find(&s->pairings, pairing_hash(partition, peer));

    for (; node != NULL; node = map_next(node)) {
        struct pairing *p = CONTAINER_OF(node, struct pairing, node);
        if (p->partition == partition && p->peer == peer)
            return p;
    }
    return NULL;
}

static struct heap *heap_of(struct sweep *s, const struct pairing *p)
{
    return p->asked ? &s->asked : &s->timers;
}

static void pairing_free(struct sweep *s, struct pairing *p)
{
    ASSERT(!p->running);
    heap_remove(heap_of(s, p), &p->timer);
    map_remove(&s->pairings, &p->node);
    mem_free(p);
}

/* It is to be compared then, or sooner if it was to be already. */
static void pairing_wait(struct sweep *s, struct pairing *p, uint64_t at_us)
{
    ASSERT(!p->running);
    p->asleep = false;
    if (!heap_has(&p->timer) || p->timer.at > at_us)
        heap_set(heap_of(s, p), &p->timer, at_us);
}

/* There is an occasion. */
static void pairing_soon(struct sweep *s, struct pairing *p, uint64_t now_us)
{
    uint64_t wait_ms = SWEEP_SOON_MS + random_below(&s->random, SWEEP_SPREAD_MS);
    uint64_t at_us = now_us + wait_ms * 1000;
    uint64_t least_us = p->ended_us == 0 ? 0 : p->ended_us + (uint64_t)SWEEP_GAP_MS * 1000;

    if (p->running)
        p->again = true;
    else if (p->begins)
        pairing_wait(s, p, at_us > least_us ? at_us : least_us);
    else if (p->asked)
        pairing_wait(s, p, 0);
    pairing_check(p);
}

static void pairing_own(struct sweep *s, const struct view *view, uint32_t partition, uint64_t peer,
                        uint64_t now_us)
{
    struct pairing *p = pairing_find(s, partition, peer);

    ASSERT(peer != view->self);
    if (p != NULL) {
        p->owned = true;
        return;
    }
    p = mem_new(sizeof(*p));
    p->partition = partition;
    p->peer = peer;
    p->begins = view->self < peer;
    p->owned = true;
    map_add(&s->pairings, &p->node, pairing_hash(partition, peer));
    if (p->begins)
        pairing_soon(s, p, now_us);
    pairing_check(p);
}

void sweep_look(struct sweep *s, const struct view *view, uint64_t now_us)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    bool known = view->document != NULL;
    uint64_t cluster = known ? view->document->cluster[0] : 0;

    if (s->epoch == view_epoch(view) && s->cluster == cluster)
        return;
    s->epoch = view_epoch(view);
    s->cluster = cluster;
    MAP_EACH(node, &s->pairings)
        CONTAINER_OF(node, struct pairing, node)->owned = false;
    for (uint32_t at = 0; known && at < view->ring.partitions; at++) {
        if (!view_owns(view, at))
            continue;
        uint32_t n = ring_replicas(&view->ring, at, view->ring.n_max, nodes);
        for (uint32_t i = 0; i < n; i++) {
            if (nodes[i] != view->self_index)
                pairing_own(s, view, at, view->members[nodes[i]].id, now_us);
        }
    }
    MAP_EACH(node, &s->pairings) {
        struct pairing *p = CONTAINER_OF(node, struct pairing, node);
        if (!p->owned && !p->running)
            pairing_free(s, p);
    }
}

void sweep_back(struct sweep *s, uint64_t node, uint64_t now_us)
{
    MAP_EACH(at, &s->pairings) {
        struct pairing *p = CONTAINER_OF(at, struct pairing, node);
        if (p->peer == node && p->owned)
            pairing_soon(s, p, now_us);
    }
}

static bool is_of(const struct pairing *p, uint32_t partition)
{
    return p->owned && (partition == SWEEP_ALL || p->partition == partition);
}

uint32_t sweep_pairs(const struct sweep *s, uint32_t partition)
{
    uint32_t count = 0;

    MAP_EACH(node, &s->pairings)
        count += is_of(CONTAINER_OF(node, struct pairing, node), partition);
    return count;
}

void sweep_repair(struct sweep *s, uint32_t partition)
{
    MAP_EACH(node, &s->pairings) {
        struct pairing *p = CONTAINER_OF(node, struct pairing, node);
        if (!is_of(p, partition))
            continue;
        heap_remove(heap_of(s, p), &p->timer);
        p->asked = true;
        p->unclean = 0;
        if (p->running)
            p->again = true;
        else
            pairing_wait(s, p, 0);
        pairing_check(p);
    }
}

static bool peer_up(const struct view *view, uint64_t peer)
{
    uint16_t at = view_index(view, peer);

    return at != RING_NOBODY && view->members[at].up;
}

static struct pairing *first_of(const struct heap *heap)
{
    struct heap_node *first = heap_peek(heap);

    return first == NULL ? NULL : CONTAINER_OF(first, struct pairing, timer);
}

/* Whether the first of a heap is to begin now; what is due and cannot falls asleep. */
static struct pairing *next_of(struct heap *heap, const struct view *view, uint64_t now_us)
{
    for (;;) {
        struct pairing *p = first_of(heap);
        if (p == NULL || p->timer.at > now_us)
            return NULL;
        heap_remove(heap, &p->timer);
        p->asleep = !peer_up(view, p->peer);
        if (!p->asleep)
            return p;
    }
}

bool sweep_due(struct sweep *s, const struct view *view, uint64_t requests, uint64_t now_us,
               struct exchange_order *ret_order)
{
    if (s->running >= s->config->anti_entropy_concurrency)
        return false;
    struct pairing *p = next_of(&s->asked, view, now_us);
    if (p == NULL && s->config->anti_entropy && s->rest_until_us <= now_us) {
        if (requests <= s->config->requests_max / SWEEP_SHARE)
            p = next_of(&s->timers, view, now_us);
        else
            s->rest_until_us = now_us + (uint64_t)SWEEP_LOOK_MS * 1000;
    }
    if (p == NULL)
        return false;
    ASSERT(p->owned);
    p->running = true;
    p->begun_us = now_us;
    s->running++;
    pairing_check(p);
    *ret_order = (struct exchange_order){
        .partition = p->partition, .peer = p->peer, .pull = true, .push = true, .tag = SWEEP_TAG};
    return true;
}

uint64_t sweep_deadline_us(const struct sweep *s)
{
    const struct pairing *asked = first_of(&s->asked), *first = first_of(&s->timers);
    uint64_t at_us = UINT64_MAX;

    if (s->running >= s->config->anti_entropy_concurrency)
        return UINT64_MAX;
    if (first != NULL && s->config->anti_entropy)
        at_us = first->timer.at > s->rest_until_us ? first->timer.at : s->rest_until_us;
    return asked != NULL && asked->timer.at < at_us ? asked->timer.at : at_us;
}

/* When a pairing that has just ended is compared again. */
static uint64_t next_us(struct sweep *s, const struct pairing *p)
{
    uint64_t interval_us = (uint64_t)s->config->anti_entropy_interval_ms * 1000;
    uint64_t gap_us = (uint64_t)SWEEP_GAP_MS * 1000;

    if (p->unclean > 0) {
        uint32_t doublings =
            p->unclean < SWEEP_DOUBLINGS_MAX ? p->unclean - 1 : SWEEP_DOUBLINGS_MAX;
        uint64_t wait_us = gap_us << doublings;
        return p->ended_us + (wait_us < interval_us ? wait_us : interval_us);
    }
    return p->ended_us + interval_us - interval_us / 4 +
           random_below(&s->random, interval_us / 2 + 1);
}

static void count(struct sweep *s, const struct exchange_result *result)
{
    s->totals.passes++;
    s->totals.failed += result->err != ERR_OK;
    s->totals.rows += result->rows;
    s->totals.pulled += result->pulled;
    s->totals.pushed += result->pushed;
    s->totals.left += result->left;
}

void sweep_exchanged(struct sweep *s, const struct exchange_result *result, const struct event *ev)
{
    struct pairing *p = pairing_find(s, result->order.partition, result->order.peer);

    ASSERT(p != NULL && p->running);
    ASSERT(s->running > 0);
    s->running--;
    p->running = false;
    p->ended_us = ev->mono_us;
    p->last = *result;
    count(s, result);
    if (!p->owned) {
        pairing_free(s, p);
        return;
    }
    bool again = p->again;
    bool whole = result->err == ERR_OK && result->left == 0;
    bool clean = whole && result->pulled + result->pushed == 0;
    p->again = false;
    p->unclean = clean ? 0 : p->unclean + 1;
    if (clean)
        p->clean_us = p->begun_us;
    if (whole && !again)
        p->asked = false;
    if (p->asked && again)
        pairing_wait(s, p, 0);
    else if (p->begins || p->asked)
        pairing_wait(s, p, next_us(s, p));
    if (again && !p->asked)
        pairing_soon(s, p, ev->mono_us);
    pairing_check(p);
}

bool sweep_clean_since(const struct sweep *s, uint64_t mono_us)
{
    MAP_EACH(node, &s->pairings) {
        const struct pairing *p = CONTAINER_OF(node, struct pairing, node);
        if (p->owned && (p->begins || p->asked) && p->clean_us < mono_us)
            return false;
    }
    return true;
}

static struct sweep_pairing told_of(const struct pairing *p, const struct view *view,
                                    uint64_t now_us)
{
    uint16_t at = view_index(view, p->peer);

    return (struct sweep_pairing){
        .partition = p->partition,
        .peer = p->peer,
        .peer_name = at == RING_NOBODY ? BYTES_NONE : view->document->members[at].name,
        .begins = p->begins,
        .running = p->running,
        .ever = p->ended_us > 0,
        .whole = p->ended_us > 0 && p->last.err == ERR_OK,
        .err = p->last.err,
        .age_ms = p->ended_us > 0 ? (now_us - p->ended_us) / 1000 : 0,
        .rows = p->last.rows,
        .pulled = p->last.pulled,
        .pushed = p->last.pushed,
        .left = p->last.left,
    };
}

const struct sweep_status *sweep_status(const struct sweep *s, const struct view *view,
                                        struct arena *arena, uint64_t now_us)
{
    struct sweep_status *status = ARENA_NEW(arena, struct sweep_status);
    struct sweep_pairing *told = arena_alloc_array(arena, s->pairings.count, sizeof(*told));
    uint32_t told_count = 0;

    *status = s->totals;
    status->on = s->config->anti_entropy;
    status->interval_ms = s->config->anti_entropy_interval_ms;
    status->running = s->running;
    /* They stand in the order in which they came to be. */
    for (uint32_t at = 0; view->document != NULL && at < view->ring.partitions; at++) {
        uint16_t nodes[RING_REPLICAS_MAX];
        uint32_t n = ring_replicas(&view->ring, at, view->ring.n_max, nodes);
        for (uint32_t i = 0; i < n; i++) {
            const struct pairing *p = pairing_find(s, at, view->members[nodes[i]].id);
            if (p != NULL && told_count < s->pairings.count)
                told[told_count++] = told_of(p, view, now_us);
        }
    }
    status->pairings = told;
    status->pairings_count = told_count;
    return status;
}

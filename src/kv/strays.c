/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/strays.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/handover.h"
#include "kv/limits.h"
#include "kv/transfers.h"

enum stray_state { STRAY_NONE, STRAY_HOLD, STRAY_PROVE, STRAY_PROVEN, STRAY_DROP };

struct stray {
    enum stray_state state;
    uint64_t epoch;    /* by which it belongs elsewhere */
    uint64_t until_us; /* HOLD: not before */
};

struct strays {
    const struct config *config;
    uint32_t count;
    uint32_t busy;   /* in PROVE and DROP */
    uint64_t due_us; /* when the first in HOLD is due; 0: something may be at once */
    struct stray at[SLOTS_MAX];
};

struct strays *strays_new(const struct config *config)
{
    struct strays *ss = mem_new(sizeof(*ss));

    ss->config = config;
    return ss;
}

void strays_free(struct strays *ss)
{
    mem_free(ss);
}

static bool stray_busy(const struct stray *s)
{
    return s->state == STRAY_PROVE || s->state == STRAY_DROP;
}

static void stray_enter(struct strays *ss, struct stray *s, enum stray_state state)
{
    static const uint8_t may[] = {
        [STRAY_NONE] = 1 << STRAY_HOLD,
        [STRAY_HOLD] = 1 << STRAY_PROVE | 1 << STRAY_NONE,
        [STRAY_PROVE] = 1 << STRAY_PROVEN | 1 << STRAY_HOLD | 1 << STRAY_NONE,
        [STRAY_PROVEN] = 1 << STRAY_DROP | 1 << STRAY_NONE,
        [STRAY_DROP] = 1 << STRAY_HOLD | 1 << STRAY_NONE,
    };

    ASSERT((may[s->state] >> state & 1) != 0);
    ss->count += s->state == STRAY_NONE;
    ss->count -= state == STRAY_NONE;
    ss->busy -= stray_busy(s);
    s->state = state;
    ss->busy += stray_busy(s);
    ss->due_us = 0;
}

static bool belongs(const struct view *view, uint32_t partition)
{
    return view_owns(view, partition) || view_shall_own(view, partition);
}

bool strays_may_drop(const struct vnodes *vs, const struct view *view, uint32_t partition)
{
    return view->document != NULL && view->self_index != RING_NOBODY &&
           partition < view->ring.partitions && !belongs(view, partition) &&
           vnodes_quiet(vs, partition);
}

void strays_epoch(struct strays *ss, const struct vnodes *vs, const struct view *view,
                  const struct event *ev)
{
    bool any;
    const uint8_t *holds = vnodes_holds(vs, &any);
    bool member = view->document != NULL && view->self_index != RING_NOBODY;

    for (uint32_t p = 0; p < SLOTS_MAX && (any || ss->count > 0); p++) {
        struct stray *s = &ss->at[p];
        bool held = (holds[p / 8] >> p % 8 & 1) != 0 || handover_any(vs, p);
        bool strays = member && held && p < view->ring.partitions && !belongs(view, p);
        if (strays && s->state == STRAY_NONE) {
            stray_enter(ss, s, STRAY_HOLD);
            s->epoch = view_epoch(view);
            s->until_us = ev->mono_us + (uint64_t)ss->config->hold_time_ms * 1000;
        } else if (!strays && s->state != STRAY_NONE) {
            stray_enter(ss, s, STRAY_NONE);
        }
    }
}

/* An owner that can be asked; who was given the replica is the first choice. 0: none. */
static uint64_t witness(const struct vnodes *vs, const struct view *view, uint32_t partition)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    uint32_t n = ring_replicas(&view->ring, partition, view->ring.n_max, nodes);
    uint64_t given = handover_peer(vs, partition), best = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct view_member *member = &view->members[nodes[i]];
        if (member->up && (best == 0 || member->id == given))
            best = member->id;
    }
    return best;
}

static void rest(struct strays *ss, struct stray *s, const struct event *ev)
{
    if (s->state != STRAY_HOLD)
        stray_enter(ss, s, STRAY_HOLD);
    s->until_us = ev->mono_us + (uint64_t)STRAY_REST_MS * 1000;
}

/* Until something changes. */
static void note_deadline(struct strays *ss)
{
    ss->due_us = UINT64_MAX;
    for (uint32_t p = 0; p < SLOTS_MAX; p++) {
        const struct stray *s = &ss->at[p];
        if (s->state == STRAY_HOLD && s->until_us < ss->due_us)
            ss->due_us = s->until_us;
    }
}

enum strays_wish strays_due(struct strays *ss, const struct vnodes *vs, const struct view *view,
                            uint64_t known_epoch, const struct event *ev,
                            struct exchange_order *ret_order, uint32_t *ret_partition)
{
    if (strays_deadline_us(ss) > ev->mono_us)
        return STRAYS_NOTHING;
    for (uint32_t p = 0; p < SLOTS_MAX; p++) {
        struct stray *s = &ss->at[p];
        if (s->state == STRAY_PROVEN) {
            stray_enter(ss, s, STRAY_DROP);
            *ret_partition = p;
            return STRAYS_DROP;
        }
        if (s->state != STRAY_HOLD || s->until_us > ev->mono_us ||
            ss->busy >= ss->config->transfers_max)
            continue;
        uint64_t peer = witness(vs, view, p);
        if (known_epoch < s->epoch || peer == 0 || !strays_may_drop(vs, view, p)) {
            rest(ss, s, ev);
            continue;
        }
        stray_enter(ss, s, STRAY_PROVE);
        *ret_order = (struct exchange_order){
            .partition = p,
            .peer = peer,
            .push = true,
            .tag = transfers_tag(TRANSFER_STRAY, p),
        };
        return STRAYS_EXCHANGE;
    }
    note_deadline(ss);
    return STRAYS_NOTHING;
}

uint64_t strays_deadline_us(const struct strays *ss)
{
    if (ss->count == 0)
        return UINT64_MAX;
    if (ss->due_us == 0)
        return 0;
    return ss->busy >= ss->config->transfers_max ? UINT64_MAX : ss->due_us;
}

void strays_exchanged(struct strays *ss, const struct exchange_result *result,
                      const struct event *ev)
{
    uint32_t partition = (uint32_t)transfers_number(result->order.tag);
    struct stray *s = &ss->at[partition];

    ASSERT(partition < SLOTS_MAX);
    if (s->state != STRAY_PROVE)
        return;
    /* What the owner lacked it was given, and has it on stable storage. */
    if (result->err == ERR_OK && result->left == 0)
        stray_enter(ss, s, STRAY_PROVEN);
    else
        rest(ss, s, ev);
}

void strays_dropped(struct strays *ss, uint32_t partition, bool whole, const struct event *ev)
{
    struct stray *s = &ss->at[partition];

    ASSERT(partition < SLOTS_MAX);
    if (s->state != STRAY_DROP)
        return;
    if (whole)
        stray_enter(ss, s, STRAY_NONE);
    else
        rest(ss, s, ev);
}

uint32_t strays_count(const struct strays *ss)
{
    return ss->count;
}

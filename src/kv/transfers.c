/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/transfers.h"

#include "base/check.h"
#include "base/mem.h"

enum { OWNER_SHIFT = 56 };

struct transfers {
    struct sweep *sweep;
    struct transfers_totals totals;
    struct movers *movers;
    struct strays *strays;
};

struct transfers *transfers_new(const struct config *config, uint64_t first_session,
                                struct sweep *sweep)
{
    struct transfers *t = mem_new(sizeof(*t));

    t->movers = movers_new(config, first_session);
    t->strays = strays_new(config);
    t->sweep = sweep;
    return t;
}

void transfers_free(struct transfers *t)
{
    if (t == NULL)
        return;
    strays_free(t->strays);
    movers_free(t->movers);
    mem_free(t);
}

uint64_t transfers_tag(enum transfer_owner owner, uint64_t number)
{
    ASSERT(number >> OWNER_SHIFT == 0);
    return (uint64_t)owner << OWNER_SHIFT | number;
}

uint64_t transfers_number(uint64_t tag)
{
    return tag & ((UINT64_C(1) << OWNER_SHIFT) - 1);
}

static void sum_up(struct transfers *t, const struct exchange_result *result,
                   const struct event *ev, struct outbox *out)
{
    struct transfers_totals *totals = &t->totals;
    uint64_t moved = result->pulled + result->pushed;

    ASSERT(result->order.pull || result->order.push);
    ASSERT(ev->mono_us >= totals->last_us);
    totals->exchanges++;
    totals->failed += result->err != ERR_OK;
    totals->rows += result->rows;
    totals->pulled += result->pulled;
    totals->pushed += result->pushed;
    totals->bytes += result->bytes;
    totals->left += result->left;
    totals->last_us = ev->mono_us;
    if (moved > 0)
        outbox_trace(out, TRACE_EXCHANGE_MOVED, result->order.partition, result->order.peer, moved);
    if (result->left > 0)
        outbox_trace(out, TRACE_EXCHANGE_LEFT, result->order.partition, result->order.peer,
                     result->left);
}

void transfers_exchanged(struct transfers *t, const struct exchange_result *result,
                         const struct event *ev, struct outbox *out)
{
    sum_up(t, result, ev, out);
    if (result->order.tag == SWEEP_TAG) {
        sweep_exchanged(t->sweep, result, ev);
        return;
    }
    switch ((enum transfer_owner)(result->order.tag >> OWNER_SHIFT)) {
    case TRANSFER_MOVER: movers_exchanged(t->movers, result, ev); return;
    case TRANSFER_STRAY: strays_exchanged(t->strays, result, ev); return;
    }
}

void transfers_dropped(struct transfers *t, uint32_t partition, bool whole, const struct event *ev)
{
    strays_dropped(t->strays, partition, whole, ev);
}

void transfers_epoch(struct transfers *t, const struct kv_env *env, const struct event *ev,
                     struct outbox *out)
{
    movers_epoch(t->movers, env->vnodes, env->view, out);
    strays_epoch(t->strays, env->vnodes, env->view, ev);
}

struct machine *transfers_begin(struct transfers *t, const struct kv_env *env, uint64_t id,
                                uint64_t known_epoch, const struct event *ev, struct outbox *out)
{
    struct exchange_order order;
    uint32_t partition;

    if (movers_due(t->movers, env->vnodes, env->view, ev, out, &order))
        return exchange_new(env, id, &order, ev, out);
    switch (strays_due(t->strays, env->vnodes, env->view, known_epoch, ev, &order, &partition)) {
    case STRAYS_NOTHING: return NULL;
    case STRAYS_EXCHANGE: return exchange_new(env, id, &order, ev, out);
    case STRAYS_DROP: return drop_new(env, id, partition, ev, out);
    }
    UNREACHABLE();
}

uint64_t transfers_deadline_us(const struct transfers *t)
{
    uint64_t movers = movers_deadline_us(t->movers), strays = strays_deadline_us(t->strays);

    return movers < strays ? movers : strays;
}

struct movers *transfers_movers(struct transfers *t)
{
    return t->movers;
}

struct transfers_totals transfers_totals(const struct transfers *t)
{
    struct transfers_totals totals = t->totals;

    ASSERT(totals.failed <= totals.exchanges);
    totals.movers = movers_totals(t->movers);
    totals.strays = strays_count(t->strays);
    return totals;
}

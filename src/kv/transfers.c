/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/transfers.h"

#include "base/check.h"
#include "base/mem.h"

struct transfers {
    struct sweep *sweep;
    struct transfers_totals totals;
};

struct transfers *transfers_new(struct sweep *sweep)
{
    struct transfers *transfers = mem_new(sizeof(*transfers));

    transfers->sweep = sweep;
    return transfers;
}

void transfers_free(struct transfers *transfers)
{
    mem_free(transfers);
}

void transfers_exchanged(struct transfers *transfers, const struct exchange_result *result,
                         const struct event *ev, struct outbox *out)
{
    struct transfers_totals *totals = &transfers->totals;
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
    if (result->order.tag == SWEEP_TAG)
        sweep_exchanged(transfers->sweep, result, ev);
    if (moved > 0)
        outbox_trace(out, TRACE_EXCHANGE_MOVED, result->order.partition, result->order.peer, moved);
    if (result->left > 0)
        outbox_trace(out, TRACE_EXCHANGE_LEFT, result->order.partition, result->order.peer,
                     result->left);
}

struct transfers_totals transfers_totals(const struct transfers *transfers)
{
    ASSERT(transfers->totals.failed <= transfers->totals.exchanges);
    return transfers->totals;
}

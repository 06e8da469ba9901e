/* SPDX-License-Identifier: Apache-2.0 */
/* What the exchanges of this node have come to. */
#ifndef KV_TRANSFERS_H
#define KV_TRANSFERS_H

#include "kv/exchange.h"
#include "kv/sweep.h"

struct transfers;

/* The sweep hears of its own; it outlives this. NULL: there is none. */
struct transfers *transfers_new(struct sweep *sweep);
void transfers_free(struct transfers *transfers);

/* An exchange has ended. */
void transfers_exchanged(struct transfers *transfers, const struct exchange_result *result,
                         const struct event *ev, struct outbox *out);

/* Since the start of the process. */
struct transfers_totals {
    uint64_t exchanges;      /* that ended ... */
    uint64_t failed;         /* ... and of these, early */
    uint64_t rows;           /* compared */
    uint64_t pulled, pushed; /* objects */
    uint64_t bytes;          /* of these */
    uint64_t left;           /* rows that were to be moved and were not */
    uint64_t last_us;        /* monotonic: when one last ended; 0: none has */
};

struct transfers_totals transfers_totals(const struct transfers *transfers);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* All that moves data between this node and others by itself: replicas that are taken over
 * (kv/movers.h), those that are stored here and belong elsewhere (kv/strays.h). It says what is to
 * be begun, is told what it came to, and sums it up. */
#ifndef KV_TRANSFERS_H
#define KV_TRANSFERS_H

#include "kv/exchange.h"
#include "kv/movers.h"
#include "kv/strays.h"
#include "kv/sweep.h"

struct transfers;

/* The sweep hears of its own; it outlives this. NULL: there is none. */
struct transfers *transfers_new(const struct config *config, uint64_t first_session,
                                struct sweep *sweep);
void transfers_free(struct transfers *transfers);

/* Who wanted an exchange, and the number by which it knows it, in one tag. */
enum transfer_owner { TRANSFER_MOVER = 1, TRANSFER_STRAY };

uint64_t transfers_tag(enum transfer_owner owner, uint64_t number);
uint64_t transfers_number(uint64_t tag);

/* An exchange has ended. */
void transfers_exchanged(struct transfers *transfers, const struct exchange_result *result,
                         const struct event *ev, struct outbox *out);

/* A deletion has ended. */
void transfers_dropped(struct transfers *transfers, uint32_t partition, bool whole,
                       const struct event *ev);

/* The document is another one, or something of what it wants has changed. */
void transfers_epoch(struct transfers *transfers, const struct kv_env *env, const struct event *ev,
                     struct outbox *out);

/* The machine that is to be begun now; NULL: none. Call again until then. `id` is the machine's.
 * `known_epoch`: see strays_due. */
struct machine *transfers_begin(struct transfers *transfers, const struct kv_env *env, uint64_t id,
                                uint64_t known_epoch, const struct event *ev, struct outbox *out);
uint64_t transfers_deadline_us(const struct transfers *transfers);

struct movers *transfers_movers(struct transfers *transfers);

/* Since the start of the process, and now. */
struct transfers_totals {
    uint64_t exchanges;      /* that ended ... */
    uint64_t failed;         /* ... and of these, early */
    uint64_t rows;           /* compared */
    uint64_t pulled, pushed; /* objects */
    uint64_t bytes;          /* of these */
    uint64_t left;           /* rows that were to be moved and were not */
    uint64_t last_us;        /* monotonic: when one last ended; 0: none has */
    struct movers_totals movers;
    uint32_t strays;
};

struct transfers_totals transfers_totals(const struct transfers *transfers);

#endif

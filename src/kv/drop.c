/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes what is stored of a partition that belongs elsewhere (kv/strays.h), a batch at a time.
 *
 *   SCAN --rows--> DELETE --done--> SCAN (the digests, then objects that have none)
 *   SCAN --no rows are left--> LAST --done--> DONE
 *   SCAN, DELETE --it belongs here again, the store failed--> DONE
 *
 * Invariant: before each batch the partition is one whose data may go. Batches and commits of the
 * partition are made visible in the order in which they were sent, so what comes to be stored later
 * is not deleted by an earlier batch. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "kv/machines.h"
#include "kv/strays.h"
#include "kv/transfers.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/sys.h"

enum drop_state { DROP_SCAN, DROP_DELETE, DROP_LAST, DROP_DONE };

struct drop {
    struct machine m;
    enum drop_state state;
    uint32_t partition;
    enum store_family family; /* that is scanned */
};

static struct drop *drop_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_DROP);
    return CONTAINER_OF(machine, struct drop, m);
}

static void drop_enter(struct drop *d, enum drop_state state)
{
    static const uint8_t may[] = {
        [DROP_SCAN] = 1 << DROP_SCAN | 1 << DROP_DELETE | 1 << DROP_LAST | 1 << DROP_DONE,
        [DROP_DELETE] = 1 << DROP_SCAN | 1 << DROP_DONE,
        [DROP_LAST] = 1 << DROP_DONE,
        [DROP_DONE] = 0,
    };

    ASSERT((may[d->state] >> state & 1) != 0);
    d->state = state;
    d->m.done = state == DROP_DONE;
}

static void drop_end(struct drop *d, const struct kv_env *env, bool whole, const struct event *ev,
                     struct outbox *out)
{
    if (whole)
        outbox_trace(out, TRACE_PARTITION_DROPPED, d->partition, 0, 0);
    drop_enter(d, DROP_DONE);
    transfers_dropped(env->transfers, d->partition, whole, ev);
}

static struct store_op *store(struct drop *d, enum store_verb verb, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = verb;
    op->token = token_of(TOKEN_MACHINE, d->m.id);
    return op;
}

static void drop_scan(struct drop *d, const struct kv_env *env, struct outbox *out)
{
    const struct ring *ring = &env->view->ring;
    uint32_t first = ring_first_slot(ring, d->partition);
    struct store_op *op = store(d, STORE_SCAN, out);
    struct bytes last = row_prefix_slot(&out->arena, first + ring_slots_each(ring) - 1);

    op->family = d->family;
    op->key = row_prefix_slot(&out->arena, first);
    op->end = row_prefix_end(&out->arena, last);
    op->rows_max = DROP_ROWS_MAX;
    op->bytes_max = DROP_BYTES_MAX;
    op->keys_only = true;
    drop_enter(d, DROP_SCAN);
}

/* Whatever is stored of the partition from now on says so itself, behind this batch. */
static void drop_last(struct drop *d, const struct kv_env *env, struct outbox *out)
{
    struct store_row *rows = arena_alloc_array(&out->arena, 2, sizeof(*rows));
    struct store_op *op = store(d, STORE_COMMIT, out);

    rows[0] = (struct store_row){FAMILY_SYS, sys_incarnation_key(&out->arena, d->partition), NULL};
    rows[1] = (struct store_row){FAMILY_SYS, sys_move_key(&out->arena, d->partition), NULL};
    op->rows = rows;
    op->rows_count = 2;
    op->durable = true;
    vnodes_dropped(env->vnodes, d->partition);
    drop_enter(d, DROP_LAST);
}

static void drop_delete(struct drop *d, const struct stored *stored, struct outbox *out)
{
    struct store_row *rows =
        arena_alloc_array(&out->arena, 2 * (size_t)stored->rows_count, sizeof(*rows));
    struct store_op *op = store(d, STORE_COMMIT, out);

    for (uint32_t i = 0; i < stored->rows_count; i++) {
        struct bytes key = arena_copy(&out->arena, stored->rows[i].key);
        rows[2 * i] = (struct store_row){FAMILY_META, key, NULL};
        rows[2 * i + 1] = (struct store_row){FAMILY_OBJECT, key, NULL};
    }
    op->rows = rows;
    op->rows_count = 2 * stored->rows_count;
    op->durable = false;
    drop_enter(d, DROP_DELETE);
}

void drop_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
               struct outbox *out)
{
    struct drop *d = drop_of(machine);
    const struct stored *stored = &ev->u.stored;

    if (ev->kind != EV_STORED)
        return;
    if (stored->err != ERR_OK || d->state == DROP_LAST) {
        drop_end(d, env, d->state == DROP_LAST && stored->err == ERR_OK, ev, out);
        return;
    }
    if (!strays_may_drop(env->vnodes, env->view, d->partition)) {
        drop_end(d, env, false, ev, out);
        return;
    }
    if (d->state == DROP_DELETE) {
        drop_scan(d, env, out);
    } else if (stored->rows_count > 0) {
        drop_delete(d, stored, out);
    } else if (d->family == FAMILY_META) {
        d->family = FAMILY_OBJECT;
        drop_scan(d, env, out);
    } else {
        drop_last(d, env, out);
    }
}

struct machine *drop_new(const struct kv_env *env, uint64_t id, uint32_t partition,
                         const struct event *ev, struct outbox *out)
{
    struct drop *d = mem_new(sizeof(*d));

    machine_begin(&d->m, MACHINE_DROP, id, (struct asker){ASKER_NOBODY, 0, 0}, 0, ev);
    d->m.deadline_us = 0;
    d->partition = partition;
    d->family = FAMILY_META;
    if (strays_may_drop(env->vnodes, env->view, partition))
        drop_scan(d, env, out);
    else
        drop_end(d, env, false, ev, out);
    return &d->m;
}

void drop_free(struct machine *machine)
{
    struct drop *d = drop_of(machine);

    arena_done(&d->m.arena);
    mem_free(d);
}

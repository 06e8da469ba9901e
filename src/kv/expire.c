/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/expire.h"

#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "msg/limits.h"
#include "msg/token.h"
#include "record/keys.h"
#include "record/meta.h"

enum expire_state { EXPIRE_SCAN, EXPIRE_REMOVE, EXPIRE_REST, EXPIRE_DONE };

struct expire {
    struct machine m; /* its arena: `from` */
    enum expire_state state;
    struct bytes from; /* the row at which the next page begins; empty: the first */
    uint64_t bytes;    /* of the page */
    bool more;         /* rows follow the page */
    uint32_t open;     /* removals whose news are awaited */
    uint64_t rows, removed;
};

static struct expire *expire_of(struct machine *machine)
{
    ASSERT(machine->kind == MACHINE_EXPIRE);
    return CONTAINER_OF(machine, struct expire, m);
}

static void expire_check(const struct expire *x)
{
    ASSERT(x->open <= EXPIRE_ROWS);
    ASSERT((x->state == EXPIRE_REMOVE) == (x->open > 0) || x->state == EXPIRE_DONE);
    ASSERT((x->state == EXPIRE_REST) == (x->m.deadline_us != 0));
    ASSERT(x->removed <= x->rows);
}

static void expire_enter(struct expire *x, enum expire_state state)
{
    static const uint8_t may[] = {
        [EXPIRE_SCAN] = 1 << EXPIRE_REMOVE | 1 << EXPIRE_REST | 1 << EXPIRE_DONE,
        [EXPIRE_REMOVE] = 1 << EXPIRE_REST | 1 << EXPIRE_DONE,
        [EXPIRE_REST] = 1 << EXPIRE_SCAN | 1 << EXPIRE_DONE,
        [EXPIRE_DONE] = 0,
    };

    ASSERT((may[x->state] >> state & 1) != 0);
    x->state = state;
    x->m.done = state == EXPIRE_DONE;
    x->m.deadline_us = 0;
}

static void expire_scan(struct expire *x, struct outbox *out)
{
    struct store_op *op = &outbox_add(out, OUT_STORE)->u.store;

    op->verb = STORE_SCAN;
    op->token = token_of(TOKEN_MACHINE, x->m.id);
    op->family = FAMILY_META;
    op->key = arena_copy(&out->arena, x->from);
    op->rows_max = SCAN_ROWS_MAX;
    op->bytes_max = SCAN_BYTES_MAX;
    x->bytes = 0;
}

static void expire_end(struct expire *x, const struct kv_env *env, bool whole,
                       const struct event *ev, struct outbox *out)
{
    vnodes_expire_end(env->vnodes, whole, ev);
    if (x->removed > 0)
        outbox_trace(out, TRACE_EXPIRE_OVER, x->removed, x->rows, 0);
    expire_enter(x, EXPIRE_DONE);
}

/* The page is through. */
static void expire_rest(struct expire *x, const struct kv_env *env, const struct event *ev,
                        struct outbox *out)
{
    ASSERT(x->open == 0);
    if (!x->more) {
        expire_end(x, env, true, ev, out);
        return;
    }
    expire_enter(x, EXPIRE_REST);
    x->m.deadline_us = ev->mono_us + 1 + x->bytes * UINT64_C(1000000) / env->config->expiry_rate;
}

/* A row whose history ended before the cut-off sets out to go. One that cannot be read is left to
 * who reads it. */
static void expire_take(struct expire *x, const struct kv_env *env, const struct stored_row *row,
                        const struct event *ev, struct outbox *out)
{
    uint64_t cutoff_us = vnodes_removal_us(env->vnodes, ev);
    struct meta *meta;
    struct key key;
    uint32_t slot;

    x->rows++;
    x->bytes += row->key.len + row->value.len;
    if (record_meta_decode(&out->arena, row->key, row->value, &meta) != ERR_OK ||
        row_key_decode(&out->arena, row->key, &slot, &key) != ERR_OK ||
        slot >= env->view->ring.slots)
        return;
    if (!meta_expired(meta, cutoff_us)) {
        vnodes_expire_met(env->vnodes, meta->clock.ends_us);
        return;
    }
    struct vnode_remove remove = {
        .token = x->m.id,
        .partition = ring_partition(&env->view->ring, slot),
        .row_key = row->key,
        .digest = row->value,
        .cutoff_us = cutoff_us,
    };
    x->open++;
    vnodes_remove(env->vnodes, &remove, ev, out);
}

/* The row key just after `row` in byte order, in the machine's arena, which holds nothing else. */
static void expire_go_on_after(struct expire *x, struct bytes row)
{
    arena_reset(&x->m.arena);
    uint8_t *next = arena_alloc(&x->m.arena, row.len + 1);
    memcpy(next, row.data, row.len);
    next[row.len] = 0;
    x->from = bytes_of(next, row.len + 1);
}

static void expire_on_rows(struct expire *x, const struct kv_env *env, const struct event *ev,
                           struct outbox *out)
{
    const struct stored *stored = &ev->u.stored;
    uint32_t taken = 0;

    if (stored->err != ERR_OK || env->view->document == NULL) {
        expire_end(x, env, false, ev, out);
        return;
    }
    while (taken < stored->rows_count && x->open < EXPIRE_ROWS)
        expire_take(x, env, &stored->rows[taken++], ev, out);
    x->more = stored->more || taken < stored->rows_count;
    if (x->more)
        expire_go_on_after(x, stored->rows[taken - 1].key);
    if (x->open > 0)
        expire_enter(x, EXPIRE_REMOVE);
    else
        expire_rest(x, env, ev, out);
}

/* What became of a removal. Whatever it was, a later pass looks again where a row may be left. */
static void expire_on_removed(struct expire *x, const struct kv_env *env, const struct event *ev,
                              struct outbox *out)
{
    enum err err = ev->u.vnode.err;

    ASSERT(x->open > 0);
    x->open--;
    if (err == ERR_OK) {
        x->removed++;
        outbox_trace(out, TRACE_EXPIRED_REMOVED, 0, 0, 0);
    } else if (err != ERR_MODIFIED) {
        vnodes_expire_met(env->vnodes, 1);
    }
    if (x->open == 0)
        expire_rest(x, env, ev, out);
}

void expire_step(struct machine *machine, const struct kv_env *env, const struct event *ev,
                 struct outbox *out)
{
    struct expire *x = expire_of(machine);

    if (ev->kind == EV_STOP) {
        expire_end(x, env, false, ev, out);
    } else if (ev->kind == EV_STORED && x->state == EXPIRE_SCAN) {
        expire_on_rows(x, env, ev, out);
    } else if (ev->kind == EV_COMMITTED && x->state == EXPIRE_REMOVE) {
        expire_on_removed(x, env, ev, out);
    } else if (ev->kind == EV_DEADLINE && x->state == EXPIRE_REST) {
        expire_enter(x, EXPIRE_SCAN);
        expire_scan(x, out);
    }
    expire_check(x);
}

struct machine *expire_new(const struct kv_env *env, uint64_t id, const struct event *ev,
                           struct outbox *out)
{
    struct expire *x = mem_new(sizeof(*x));

    machine_begin(&x->m, MACHINE_EXPIRE, id, (struct asker){ASKER_NOBODY, 0, 0}, 0, ev);
    x->m.deadline_us = 0;
    vnodes_expire_begin(env->vnodes);
    expire_scan(x, out);
    expire_check(x);
    return &x->m;
}

void expire_free(struct machine *machine)
{
    struct expire *x = expire_of(machine);

    arena_done(&x->m.arena);
    mem_free(x);
}

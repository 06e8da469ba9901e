/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept for nodes that are away: one sum for each, in memory and, in the batch of every
 * change, in the store. So after a crash it is known at once for whom there is something, and how
 * much. */
#include "base/check.h"
#include "base/mem.h"
#include "kv/limits.h"
#include "kv/vnode_int.h"

static struct hints *find(const struct vnodes *vs, uint64_t target)
{
    struct map_node *node = map_find(&vs->hints, target);

    return node == NULL ? NULL : CONTAINER_OF(node, struct hints, node);
}

struct hints *hints_of(struct vnodes *vs, uint64_t target)
{
    struct hints *h = find(vs, target);

    ASSERT(target != 0);
    if (h == NULL) {
        h = mem_new(sizeof(*h));
        h->target = target;
        map_add(&vs->hints, &h->node, target);
    }
    return h;
}

/* The pass goes on after this row; empty: it is over. */
static void set_cursor(struct hints *h, struct bytes last)
{
    uint8_t *next = NULL;

    if (last.len > 0) {
        next = mem_new(last.len + 1);
        memcpy(next, last.data, last.len);
    }
    mem_free((void *)(uintptr_t)h->cursor.data);
    h->cursor = bytes_of(next, last.len == 0 ? 0 : last.len + 1);
}

void hints_done(struct vnodes *vs)
{
    MAP_EACH(node, &vs->hints) {
        struct hints *h = CONTAINER_OF(node, struct hints, node);
        set_cursor(h, BYTES_NONE);
        mem_free(h);
    }
    map_done(&vs->hints);
}

enum err hints_start(struct vnodes *vs, const struct stored_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t target;
        struct hint_sum sum;
        if (!hint_sum_row(rows[i].key, &target))
            continue;
        TRY(hint_sum_decode(rows[i].key, rows[i].value, &sum));
        hints_of(vs, target)->sum = sum;
        vs->hints_bytes += sum.bytes;
    }
    return ERR_OK;
}

void hints_begin(struct vnodes *vs, const struct hot *hot)
{
    hints_of(vs, hot->hint_for)->flying++;
}

void hints_end(struct vnodes *vs, const struct hot *hot)
{
    struct hints *h = hints_of(vs, hot->hint_for);

    ASSERT(h->flying > 0);
    h->flying--;
}

/* The sum as a row for a batch; one that says nothing goes. */
static struct store_row sum_row(const struct hints *h, struct outbox *out)
{
    struct bytes key = hint_sum_key(&out->arena, h->target);
    bool nothing = h->sum.rows == 0 && h->sum.bytes == 0 && !h->sum.lacking;

    return (struct store_row){FAMILY_SYS, key, nothing ? NULL : hint_sum_blob(key, &h->sum)};
}

void hints_store_sum(const struct hints *h, struct outbox *out)
{
    struct store_row *row = ARENA_NEW(&out->arena, struct store_row);

    *row = sum_row(h, out);
    commit_rows(NUMBER_SUM, 0, row, 1, out)->durable = false;
}

/* Also when it lacks something already: what it has been told is not about this. */
static void lack(struct hints *h, struct outbox *out)
{
    h->lack = 0;
    h->tell_us = 0;
    if (h->sum.lacking)
        return;
    h->sum.lacking = true;
    hints_store_sum(h, out);
}

bool hints_room(struct vnodes *vs, uint64_t target, size_t more, struct outbox *out)
{
    if (vs->hints_bytes + more <= vs->config->hints_bytes_max)
        return true;
    outbox_trace(out, TRACE_HINTS_FULL, target, vs->hints_bytes, 0);
    lack(hints_of(vs, target), out);
    return false;
}

void hints_lost(struct vnodes *vs, uint64_t target, struct outbox *out)
{
    outbox_trace(out, TRACE_HINT_LOST, target, 0, 0);
    lack(hints_of(vs, target), out);
}

/* A sum that a crash left too small stays at zero. */
static uint64_t changed(uint64_t sum, int64_t by)
{
    return by < 0 && sum < (uint64_t)-by ? 0 : sum + (uint64_t)by;
}

static void change(struct vnodes *vs, struct hints *h, int64_t rows, int64_t bytes)
{
    uint64_t before = h->sum.bytes;

    h->sum.rows = changed(h->sum.rows, rows);
    h->sum.bytes = changed(h->sum.bytes, bytes);
    ASSERT(vs->hints_bytes >= before);
    vs->hints_bytes += h->sum.bytes - before;
}

void hints_rows(struct vnodes *vs, struct op *op, struct blob *record, struct store_row *ret_rows,
                struct outbox *out)
{
    struct hot *hot = op->hot;
    struct hints *h = hints_of(vs, hot->hint_for);
    int64_t before = hot->record == NULL ? 0 : (int64_t)hot->record->len;
    int64_t after = record == NULL ? 0 : (int64_t)record->len;

    op->rows = (record != NULL) - (hot->record != NULL);
    op->bytes = after - before;
    change(vs, h, op->rows, op->bytes);
    ret_rows[0] =
        (struct store_row){FAMILY_HINT, hint_key_make(&out->arena, h->target, hot->key), record};
    ret_rows[1] = sum_row(h, out);
    if (record != NULL)
        outbox_trace(out, TRACE_HINT_KEPT, h->target, hot->partition, 0);
}

void hints_undo(struct vnodes *vs, const struct op *op)
{
    if (op->hot->hint_for != 0)
        change(vs, hints_of(vs, op->hot->hint_for), -op->rows, -op->bytes);
}

bool vnodes_hints(const struct vnodes *vs, uint32_t n, struct hints_kept *ret_kept)
{
    MAP_EACH(node, &vs->hints) {
        const struct hints *h = CONTAINER_OF(node, struct hints, node);
        if (h->sum.rows == 0 && !h->sum.lacking)
            continue;
        if (n-- > 0)
            continue;
        *ret_kept = (struct hints_kept){h->target, h->sum};
        return true;
    }
    return false;
}

void vnodes_hints_sum(const struct vnodes *vs, struct hints_total *ret_total)
{
    struct hints_total total = {.bytes = vs->hints_bytes};

    MAP_EACH(node, &vs->hints) {
        const struct hints *h = CONTAINER_OF(node, struct hints, node);
        total.any = total.any || h->sum.rows > 0 || h->flying > 0;
        total.rows += h->sum.rows;
        total.nodes += h->sum.rows > 0 || h->draining;
        total.drains += h->draining;
    }
    *ret_total = total;
}

bool vnodes_hints_any(const struct vnodes *vs)
{
    struct hints_total total;

    vnodes_hints_sum(vs, &total);
    return total.any;
}

static bool may_drain(const struct hints *h)
{
    return h->sum.rows > 0 && !h->draining;
}

uint64_t vnodes_hints_due(struct vnodes *vs, const struct view *view, uint64_t now_us)
{
    MAP_EACH(node, &vs->hints) {
        struct hints *h = CONTAINER_OF(node, struct hints, node);
        if (!may_drain(h) || h->rest_until_us > now_us)
            continue;
        uint16_t at = view_index(view, h->target);
        bool back = at == RING_NOBODY || view->members[at].up;
        if (h->cursor.len > 0 || back || h->epoch != view_epoch(view) || now_us >= h->look_us) {
            h->epoch = view_epoch(view);
            h->look_us = now_us + (uint64_t)vs->config->hints_age_max_ms * 1000 / HINTS_LOOKS;
            return h->target;
        }
        h->rest_until_us = now_us + (uint64_t)HINTS_LOOK_MS * 1000;
    }
    return 0;
}

uint64_t vnodes_hints_deadline_us(const struct vnodes *vs)
{
    uint64_t at = UINT64_MAX;

    MAP_EACH(node, &vs->hints) {
        const struct hints *h = CONTAINER_OF(node, struct hints, node);
        if (may_drain(h) && h->rest_until_us < at)
            at = h->rest_until_us;
    }
    return at;
}

void vnodes_hints_wake(struct vnodes *vs, uint64_t target)
{
    struct hints *h = find(vs, target);

    if (h == NULL)
        return;
    h->rest_until_us = 0;
    if (h->tell_us == UINT64_MAX)
        h->tell_us = 0;
}

struct bytes vnodes_hints_drain(struct vnodes *vs, uint64_t target)
{
    struct hints *h = hints_of(vs, target);

    ASSERT(!h->draining);
    h->draining = true;
    return h->cursor;
}

/* A whole pass that met no row: a failed commit has left the sum too great. */
static void correct_sum(struct vnodes *vs, struct hints *h, struct outbox *out)
{
    if (h->seen > 0 || h->flying > 0 || h->sum.rows == 0)
        return;
    change(vs, h, -(int64_t)h->sum.rows, -(int64_t)h->sum.bytes);
    hints_store_sum(h, out);
}

void vnodes_hints_drained(struct vnodes *vs, const struct hints_chunk *chunk,
                          const struct event *ev, struct outbox *out)
{
    struct hints *h = hints_of(vs, chunk->target);
    bool ends = chunk->broken || !chunk->more;

    ASSERT(h->draining);
    ASSERT(ends || chunk->rows > 0);
    h->draining = false;
    h->seen += chunk->rows;
    h->given += chunk->given;
    h->rest_until_us = ev->mono_us + chunk->pause_us;
    set_cursor(h, ends ? BYTES_NONE : chunk->last);
    if (!ends)
        return;
    if (h->given > 0)
        outbox_trace(out, TRACE_HINTS_OVER, h->target, h->given, h->seen - h->given);
    if (chunk->broken || h->given < h->seen)
        h->rest_until_us = ev->mono_us + (uint64_t)DRAIN_REST_MS * 1000;
    if (!chunk->broken)
        correct_sum(vs, h, out);
    h->seen = 0;
    h->given = 0;
}

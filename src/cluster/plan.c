/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "cluster/limits.h"
#include "model/draft.h"
#include "record/document.h"
#include "ring/solver.h"

enum { REPLICAS_WANTED_MIN = 3, MEMBERS_TOP = NODES_MAX + INTENTS_MAX };

/* Members while a plan is made: those of the document first, in its order, then those that join. */
struct table {
    struct member members[MEMBERS_TOP];
    bool leaving[MEMBERS_TOP];
    uint32_t count;
};

uint64_t plan_base(const struct document *document)
{
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    for (uint32_t i = 0; i < document->members_count; i++) {
        const struct member *m = &document->members[i];
        buf_put_le64(&buf, m->id);
        buf_put_lenbytes(&buf, m->location);
        buf_put_varint(&buf, m->weight);
        buf_put_u8(&buf, (uint8_t)m->state);
    }
    buf_put_varint(&buf, document->slots);
    buf_put_varint(&buf, document->partitions);
    buf_put_varint(&buf, document->n_max);
    for (size_t i = 0; i < (size_t)document->partitions * document->n_max; i++)
        buf_put_le16(&buf, document->place[i]);
    uint64_t hash = hash_xx(buf_bytes(&buf));
    buf_done(&buf);
    return hash == 0 ? 1 : hash;
}

uint32_t plan_replicas(const struct document *document)
{
    uint32_t n = document_n_val_max(document);

    if (n < REPLICAS_WANTED_MIN)
        n = REPLICAS_WANTED_MIN;
    if (n < document->n_max)
        n = document->n_max;
    ASSERT(n <= REPLICAS_MAX);
    return n;
}

uint32_t plan_share(const struct document *document, uint32_t index)
{
    uint32_t count = 0;

    ASSERT(index < document->members_count);
    for (size_t i = 0; i < (size_t)document->partitions * document->n_max; i++)
        count += document->place[i] == index;
    return count;
}

uint32_t plan_location(const struct member *members, uint32_t count, uint32_t index)
{
    ASSERT(index < count);
    for (uint32_t i = 0; i < index; i++) {
        if (bytes_eq(members[i].location, members[index].location))
            return i;
    }
    return index;
}

/* ---- what the intents make of the members ---- */

static int table_find(const struct table *table, uint64_t node)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->members[i].id == node)
            return (int)i;
    }
    return -1;
}

static bool superseded(const struct intent *intents, uint32_t count, uint32_t at, uint64_t base)
{
    const struct intent *a = &intents[at];

    if (a->withdrawn || a->base != base)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        const struct intent *b = &intents[i];
        bool rival =
            i != at && !b->withdrawn && b->base == base && b->kind == a->kind && b->node == a->node;
        if (rival && (b->order > a->order || (b->order == a->order && b->tag > a->tag)))
            return true;
    }
    return false;
}

static void table_join(struct table *table, const struct intent *intent)
{
    if (table_find(table, intent->node) >= 0 || table->count == MEMBERS_TOP)
        return;
    table->members[table->count++] = (struct member){
        .id = intent->node,
        .name = intent->name,
        .address = intent->address,
        .location = intent->location,
        .weight = intent->weight,
        .state = MEMBER_VALID,
    };
}

static void table_change(struct table *table, const struct intent *intent)
{
    int at = table_find(table, intent->node);

    if (at < 0)
        return;
    switch (intent->kind) {
    case INTENT_JOIN: break;
    case INTENT_LEAVE: table->leaving[at] = true; break;
    case INTENT_LOCATION: table->members[at].location = intent->location; break;
    case INTENT_WEIGHT: table->members[at].weight = intent->weight; break;
    }
}

/* Joins first, and by id: the outcome must not depend on the order in which intents came. */
static void table_fill(struct table *table, const struct document *document,
                       const struct intent *intents, uint32_t count, uint64_t base)
{
    uint64_t last = 0;

    table->count = document->members_count;
    memcpy(table->members, document->members, table->count * sizeof(table->members[0]));
    memset(table->leaving, 0, sizeof(table->leaving));
    for (;;) {
        const struct intent *next = NULL;
        for (uint32_t i = 0; i < count; i++) {
            if (intents[i].kind == INTENT_JOIN && intents[i].node > last &&
                !superseded(intents, count, i, base) &&
                (next == NULL || intents[i].node < next->node))
                next = &intents[i];
        }
        if (next == NULL)
            break;
        last = next->node;
        table_join(table, next);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!superseded(intents, count, i, base))
            table_change(table, &intents[i]);
    }
}

/* ---- placement ---- */

static enum err solve(struct arena *arena, const struct document *document,
                      const struct table *table, uint32_t n, struct solver_result *ret_result)
{
    struct solver_node *nodes = arena_alloc_array(arena, table->count, sizeof(*nodes));

    for (uint32_t i = 0; i < table->count; i++) {
        nodes[i] = (struct solver_node){
            .id = table->members[i].id,
            .weight = table->members[i].weight,
            .location = plan_location(table->members, table->count, i),
            .leaving = table->leaving[i],
        };
    }
    struct solver_input input = {
        .nodes = nodes,
        .nodes_count = (uint16_t)table->count,
        .partitions = document->partitions,
        .n = n,
        .old = document->place,
        .old_n = document->n_max,
    };
    return solver_run(arena, &input, ret_result);
}

/* The members that stay, and the placement by their indexes. */
static void settle(struct arena *arena, struct document *draft, const struct table *table,
                   uint32_t n, const uint16_t *place)
{
    struct member *members = arena_alloc_array(arena, table->count, sizeof(*members));
    uint16_t *index = arena_alloc_array(arena, table->count, sizeof(*index));
    uint32_t count = 0;
    size_t total = (size_t)draft->partitions * n;
    uint16_t *renamed = arena_alloc_array(arena, total, sizeof(*renamed));

    for (uint32_t i = 0; i < table->count; i++) {
        index[i] = RING_NOBODY;
        if (table->leaving[i])
            continue;
        index[i] = (uint16_t)count;
        members[count++] = table->members[i];
    }
    for (size_t i = 0; i < total; i++) {
        renamed[i] = place[i] == RING_NOBODY ? RING_NOBODY : index[place[i]];
        ASSERT(place[i] == RING_NOBODY || renamed[i] != RING_NOBODY);
    }
    draft_set_members(draft, members, count, n, renamed, NULL);
}

static bool list_has(const struct document *d, uint32_t partition, uint64_t node)
{
    const uint16_t *list = d->place + (size_t)partition * d->n_max;

    for (uint32_t i = 0; i < d->n_max; i++) {
        if (list[i] != RING_NOBODY && d->members[list[i]].id == node)
            return true;
    }
    return false;
}

/* Nodes in the partition's list of `a` that are not in that of `b`. */
static uint32_t strangers(const struct document *a, const struct document *b, uint32_t partition)
{
    const uint16_t *list = a->place + (size_t)partition * a->n_max;
    uint32_t count = 0;

    for (uint32_t i = 0; i < a->n_max; i++)
        count += list[i] != RING_NOBODY && !list_has(b, partition, a->members[list[i]].id);
    return count;
}

static void compare(struct arena *arena, const struct document *now, struct plan *plan)
{
    plan->affected = arena_alloc(arena, (size_t)now->partitions / 8 + 1);
    for (uint32_t p = 0; p < now->partitions; p++) {
        uint32_t fresh = strangers(plan->next, now, p);
        plan->moved += fresh;
        if (fresh > 0 || strangers(now, plan->next, p) > 0) {
            plan->affected[p / 8] |= (uint8_t)(1u << p % 8);
            plan->fences = true;
        }
    }
    plan->fences = plan->fences || plan->joiners_count > 0 || plan->leavers_count > 0;
}

/* ---- the plan ---- */

static void refuse(struct arena *arena, struct plan *plan, const char *why)
{
    plan->err = ERR_REFUSED;
    plan->why = arena_copy(arena, bytes_str(why));
}

/* Names and addresses of members are unique. */
static bool clashes(const struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (bytes_eq(table->members[i].name, table->members[j].name) ||
                bytes_eq(table->members[i].address, table->members[j].address))
                return true;
        }
    }
    return false;
}

static bool check(struct arena *arena, const struct document *document, const struct table *table,
                  struct plan *plan)
{
    uint32_t staying = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        staying += !table->leaving[i];
        if (table->leaving[i] && plan->leavers_count < INTENTS_MAX)
            plan->leavers[plan->leavers_count++] = table->members[i].id;
        if (i < document->members_count)
            continue;
        if (plan->joiners_count < INTENTS_MAX)
            plan->joiners[plan->joiners_count++] = table->members[i].id;
    }
    if (staying == 0)
        refuse(arena, plan, "the last member of a cluster cannot leave it");
    else if (table->count > NODES_MAX)
        refuse(arena, plan, "a cluster has at most 1024 members, those that leave included");
    else if (clashes(table))
        refuse(arena, plan, "two members would have the same name or address");
    return plan->err == ERR_OK;
}

static uint64_t plan_id(const struct plan *plan)
{
    uint64_t id = hash_mix(plan->base, plan_base(plan->next));

    for (uint32_t i = 0; i < plan->joiners_count; i++) {
        int at = document_member(plan->next, plan->joiners[i]);
        if (at < 0)
            continue;
        id = hash_mix(id, hash_xx(plan->next->members[at].name));
        id = hash_mix(id, hash_xx(plan->next->members[at].address));
    }
    return id == 0 ? 1 : id;
}

void plan_make(struct arena *arena, const struct document *document, const struct intent *intents,
               uint32_t count, struct plan *ret_plan)
{
    struct table *table = ARENA_NEW(arena, struct table);
    struct solver_result solved;
    uint32_t n = plan_replicas(document);

    *ret_plan = (struct plan){.base = plan_base(document)};
    table_fill(table, document, intents, count, ret_plan->base);
    if (!check(arena, document, table, ret_plan))
        return;
    bool same = true;
    for (uint32_t i = 0; i < count; i++)
        same = same && superseded(intents, count, i, ret_plan->base);
    if (same)
        return;
    if (solve(arena, document, table, n, &solved) != ERR_OK) {
        refuse(arena, ret_plan, "no member would have a weight above zero");
        return;
    }
    ret_plan->next = draft_next(document);
    settle(arena, ret_plan->next, table, n, solved.place);
    ret_plan->next->preparing = 0;
    if (plan_base(ret_plan->next) == ret_plan->base) {
        plan_done(ret_plan);
        return;
    }
    compare(arena, document, ret_plan);
    ret_plan->id = plan_id(ret_plan);
    ASSERT(ret_plan->next->members_count <= NODES_MAX);
    ASSERT(ret_plan->moved == 0 || ret_plan->fences);
}

void plan_done(struct plan *plan)
{
    document_free(plan->next);
    plan->next = NULL;
}

/* ---- longer lists ---- */

struct widening {
    const struct document *draft;
    uint32_t n;
    uint16_t *place;
    uint32_t *load; /* lists that a member is in */
};

/* How many of the list stand in the location of this member. */
static uint32_t neighbours(const struct widening *w, const uint16_t *list, uint32_t index)
{
    const struct document *d = w->draft;
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->n && list[i] != RING_NOBODY; i++)
        count += bytes_eq(d->members[list[i]].location, d->members[index].location);
    return count;
}

static bool in_list(const struct widening *w, const uint16_t *list, uint32_t index)
{
    for (uint32_t i = 0; i < w->n && list[i] != RING_NOBODY; i++) {
        if (list[i] == index)
            return true;
    }
    return false;
}

/* Whether `a` should be added to the list rather than `b`. */
static bool rather(const struct widening *w, const uint16_t *list, uint32_t a, uint32_t b)
{
    const struct member *members = w->draft->members;
    uint32_t near_a = neighbours(w, list, a), near_b = neighbours(w, list, b);

    if (near_a != near_b)
        return near_a < near_b;
    return (uint64_t)w->load[a] * members[b].weight < (uint64_t)w->load[b] * members[a].weight;
}

static void widen_list(struct widening *w, uint16_t *list)
{
    const struct document *d = w->draft;
    uint32_t len = 0;

    while (len < w->n && list[len] != RING_NOBODY)
        len++;
    for (; len < w->n; len++) {
        uint32_t best = RING_NOBODY;
        for (uint32_t i = 0; i < d->members_count; i++) {
            if (d->members[i].weight == 0 || in_list(w, list, i))
                continue;
            if (best == RING_NOBODY || rather(w, list, i, best))
                best = i;
        }
        if (best == RING_NOBODY)
            return;
        list[len] = (uint16_t)best;
        w->load[best]++;
    }
}

void plan_widen(struct arena *arena, struct document *draft, uint32_t n)
{
    struct widening w = {.draft = draft, .n = n};

    ASSERT(n >= draft->n_max);
    ASSERT(n <= REPLICAS_MAX);
    ASSERT(draft->members_count <= NODES_MAX);
    w.load = arena_alloc_array(arena, draft->members_count, sizeof(*w.load));
    w.place = arena_alloc_array(arena, (size_t)draft->partitions * n, sizeof(*w.place));
    for (uint32_t i = 0; i < draft->members_count; i++)
        w.load[i] = plan_share(draft, i);
    for (uint32_t p = 0; p < draft->partitions; p++) {
        const uint16_t *old = draft->place + (size_t)p * draft->n_max;
        uint16_t *list = w.place + (size_t)p * n;
        for (uint32_t i = 0; i < n; i++)
            list[i] = i < draft->n_max ? old[i] : RING_NOBODY;
        widen_list(&w, list);
    }
    draft_set_members(draft, draft->members, draft->members_count, n, w.place, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "cluster/limits.h"
#include "model/draft.h"
#include "model/moves.h"
#include "record/document.h"
#include "ring/solver.h"

enum { REPLICAS_WANTED_MIN = 3, MEMBERS_TOP = NODES_MAX + INTENTS_MAX };

/* Members while a plan is made: those of the document first, in its order, then those that join. */
struct table {
    struct member members[MEMBERS_TOP];
    uint16_t heirs[MEMBERS_TOP]; /* who takes over all that a member has; RING_NOBODY: nobody */
    uint32_t count;
    bool forced; /* fewer members than copies are fine */
};

static bool stays(const struct member *member)
{
    return member->state == MEMBER_VALID;
}

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
        buf_put_le16(&buf, document->goal[i]);
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

uint32_t plan_share(const struct document *document, const uint16_t *lists, uint32_t index)
{
    uint32_t count = 0;

    ASSERT(index < document->members_count);
    for (size_t i = 0; i < (size_t)document->partitions * document->n_max; i++)
        count += lists[i] == index;
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
    table->heirs[table->count] = RING_NOBODY;
    table->members[table->count++] = (struct member){
        .id = intent->node,
        .name = intent->name,
        .address = intent->address,
        .location = intent->location,
        .weight = intent->weight,
        .state = MEMBER_VALID,
    };
}

/* Who goes leaves all that it has to an heir, who stays. */
static void table_replace(struct table *table, uint32_t at, const struct intent *intent,
                          enum member_state state)
{
    int heir = table_find(table, intent->other);

    if (heir < 0 || heir == (int)at || !stays(&table->members[heir]))
        return;
    table->members[at].state = state;
    table->heirs[at] = (uint16_t)heir;
}

static void table_change(struct table *table, const struct intent *intent)
{
    int at = table_find(table, intent->node);

    if (at < 0 || !member_serves(&table->members[at]))
        return;
    switch (intent->kind) {
    case INTENT_JOIN: break;
    case INTENT_LEAVE:
        table->members[at].state = MEMBER_LEAVING;
        table->forced = table->forced || intent->force;
        break;
    case INTENT_LOCATION: table->members[at].location = intent->location; break;
    case INTENT_WEIGHT: table->members[at].weight = intent->weight; break;
    case INTENT_REPLACE: table_replace(table, (uint32_t)at, intent, MEMBER_LEAVING); break;
    case INTENT_FORCE_REPLACE: table_replace(table, (uint32_t)at, intent, MEMBER_REMOVED); break;
    case INTENT_FORCE_REMOVE:
        table->members[at].state = MEMBER_REMOVED;
        table->forced = true;
        break;
    }
}

/* Joins first, and by id: the outcome must not depend on the order in which intents came. */
static void table_fill(struct table *table, const struct document *document,
                       const struct intent *intents, uint32_t count, uint64_t base)
{
    uint64_t last = 0;

    table->count = document->members_count;
    memcpy(table->members, document->members, table->count * sizeof(table->members[0]));
    table->forced = false;
    for (uint32_t i = 0; i < table->count; i++)
        table->heirs[i] = RING_NOBODY;
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

/* The lists that the cluster is on its way to, with heirs in the places of those who go. */
static const uint16_t *inherited(struct arena *arena, const struct document *d,
                                 const struct table *table)
{
    size_t total = (size_t)d->partitions * d->n_max;
    uint16_t *lists = arena_alloc_array(arena, total, sizeof(*lists));

    memcpy(lists, d->goal, total * sizeof(*lists));
    for (size_t i = 0; i < total; i++) {
        uint16_t heir = lists[i] == RING_NOBODY ? RING_NOBODY : table->heirs[lists[i]];
        bool there = heir == RING_NOBODY;
        for (size_t j = i - i % d->n_max; j < i - i % d->n_max + d->n_max; j++)
            there = there || lists[j] == heir;
        if (!there)
            lists[i] = heir;
    }
    return lists;
}

static enum err solve(struct arena *arena, const struct document *document,
                      const struct table *table, uint32_t n, struct solver_result *ret_result)
{
    struct solver_node *nodes = arena_alloc_array(arena, table->count, sizeof(*nodes));

    for (uint32_t i = 0; i < table->count; i++) {
        nodes[i] = (struct solver_node){
            .id = table->members[i].id,
            .weight = table->members[i].weight,
            .location = plan_location(table->members, table->count, i),
            .leaving = !stays(&table->members[i]),
        };
    }
    struct solver_input input = {
        .nodes = nodes,
        .nodes_count = (uint16_t)table->count,
        .partitions = document->partitions,
        .n = n,
        .old = inherited(arena, document, table),
        .old_n = document->n_max,
    };
    return solver_run(arena, &input, ret_result);
}

/* Members and lists of the draft. Who goes is a member until all that it has is elsewhere. */
static void settle(struct arena *arena, struct document *draft, const struct table *table,
                   uint32_t n, const uint16_t *goal)
{
    size_t total = (size_t)draft->partitions * n;
    uint16_t *place = arena_alloc_array(arena, total, sizeof(*place));

    for (size_t i = 0; i < total; i++)
        place[i] = i % n < draft->n_max ? draft->place[i / n * draft->n_max + i % n] : RING_NOBODY;
    draft_set_members(draft, table->members, table->count, n, place, goal);
    moves_settle(draft);
}

void plan_at_once(struct arena *arena, struct document *draft)
{
    struct member *members = arena_alloc_array(arena, draft->members_count, sizeof(*members));
    uint16_t *index = arena_alloc_array(arena, draft->members_count, sizeof(*index));
    size_t total = (size_t)draft->partitions * draft->n_max;
    uint16_t *place = arena_alloc_array(arena, total, sizeof(*place));
    uint32_t count = 0;

    for (uint32_t i = 0; i < draft->members_count; i++) {
        index[i] = (uint16_t)count;
        if (stays(&draft->members[i]))
            members[count++] = draft->members[i];
    }
    for (size_t i = 0; i < total; i++) {
        ASSERT(draft->goal[i] == RING_NOBODY || stays(&draft->members[draft->goal[i]]));
        place[i] = draft->goal[i] == RING_NOBODY ? RING_NOBODY : index[draft->goal[i]];
    }
    draft_set_members(draft, members, count, draft->n_max, place, NULL);
}

static bool list_has(const struct document *d, const uint16_t *lists, uint32_t partition,
                     uint64_t node)
{
    const uint16_t *list = lists + (size_t)partition * d->n_max;

    for (uint32_t i = 0; i < d->n_max; i++) {
        if (list[i] != RING_NOBODY && d->members[list[i]].id == node)
            return true;
    }
    return false;
}

/* Nodes in the partition's list in `a` that are not in that in `b`. */
static uint32_t strangers(const struct document *a, const uint16_t *in_a, const struct document *b,
                          const uint16_t *in_b, uint32_t partition)
{
    const uint16_t *list = in_a + (size_t)partition * a->n_max;
    uint32_t count = 0;

    for (uint32_t i = 0; i < a->n_max; i++)
        count += list[i] != RING_NOBODY && !list_has(b, in_b, partition, a->members[list[i]].id);
    return count;
}

static void compare(struct arena *arena, const struct document *now, struct plan *plan)
{
    const struct document *next = plan->next;

    plan->affected = arena_alloc(arena, (size_t)now->partitions / 8 + 1);
    for (uint32_t p = 0; p < now->partitions; p++) {
        uint32_t fresh = strangers(next, next->goal, now, now->place, p);
        plan->moved += fresh;
        if (fresh > 0 || strangers(now, now->place, next, next->goal, p) > 0)
            plan->affected[p / 8] |= (uint8_t)(1u << p % 8);
    }
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

/* Fewer members that can hold replicas than copies: only as somebody wished, if there are enough
 * now. */
static bool too_few(const struct document *d, const struct table *table, uint32_t n)
{
    uint32_t now = 0, then = 0;

    for (uint32_t i = 0; i < d->members_count; i++)
        now += stays(&d->members[i]) && d->members[i].weight > 0;
    for (uint32_t i = 0; i < table->count; i++)
        then += stays(&table->members[i]) && table->members[i].weight > 0;
    return then < n && then < now && !table->forced;
}

static bool check(struct arena *arena, const struct document *document, const struct table *table,
                  uint32_t n, struct plan *plan)
{
    uint32_t staying = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        staying += stays(&table->members[i]);
        plan->goes = plan->goes || !stays(&table->members[i]);
        if (i >= document->members_count && plan->joiners_count < INTENTS_MAX)
            plan->joiners[plan->joiners_count++] = table->members[i].id;
    }
    if (staying == 0)
        refuse(arena, plan, "the last member of a cluster cannot leave it");
    else if (table->count > NODES_MAX)
        refuse(arena, plan, "a cluster has at most 1024 members, those that leave included");
    else if (clashes(table))
        refuse(arena, plan, "two members would have the same name or address");
    else if (too_few(document, table, n))
        refuse(arena, plan,
               "fewer members would be left than there are copies of an object: stage the leave "
               "with --force if that is meant");
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
    if (!check(arena, document, table, n, ret_plan))
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
}

void plan_done(struct plan *plan)
{
    document_free(plan->next);
    plan->next = NULL;
}

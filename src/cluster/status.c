/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster as this node sees it, for operators. */
#include "base/check.h"
#include "cluster/cluster_int.h"
#include "model/moves.h"

static bool is_leaving(const struct cluster *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (intent->kind == INTENT_LEAVE && intent->node == node && staging_counts(&c->staging, i))
            return true;
    }
    return false;
}

static struct status_member of_member(const struct cluster *c, const struct document *d,
                                      uint32_t at)
{
    const struct member *m = &d->members[at];
    const struct gossip_record *record = detector_record(&c->detector, m->id);
    bool leaves = m->state == MEMBER_LEAVING || is_leaving(c, m->id);
    bool removed = !member_serves(m);

    return (struct status_member){
        .id = m->id,
        .name = m->name,
        .address = m->address,
        .location = m->location,
        .weight = m->weight,
        .state = removed  ? STATE_REMOVED
                 : leaves ? STATE_LEAVING
                          : STATE_VALID,
        .reachable = detector_reaches(&c->detector, m->id),
        .holds = m->id == c->self ? c->facts.holds_any : record != NULL && record->holds,
        .votes = m->votes,
        .partitions = plan_share(d, d->place, at),
        .goal = plan_share(d, d->goal, at),
        .epoch = record == NULL ? 0 : record->epoch,
    };
}

/* People look for names. */
static void sort_members(struct status_member *members, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct status_member moving = members[i];
        uint32_t at = i;
        for (; at > 0 && bytes_cmp(members[at - 1].name, moving.name) > 0; at--)
            members[at] = members[at - 1];
        members[at] = moving;
    }
}

static void sort_shares(struct status_share *shares, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct status_share moving = shares[i];
        uint32_t at = i;
        for (; at > 0 && bytes_cmp(shares[at - 1].name, moving.name) > 0; at--)
            shares[at] = shares[at - 1];
        shares[at] = moving;
    }
}

static void put_members(struct cluster *c, struct cluster_status *s, struct arena *arena)
{
    const struct document *d = cluster_document(c);
    size_t most = (size_t)d->members_count + c->staging.count;
    struct status_member *members = arena_alloc_array(arena, most, sizeof(*members));
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->members_count; i++)
        members[count++] = of_member(c, d, i);
    for (uint32_t i = 0; i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (intent->kind != INTENT_JOIN || !staging_counts(&c->staging, i))
            continue;
        members[count++] = (struct status_member){
            .id = intent->node,
            .name = arena_copy(arena, intent->name),
            .address = arena_copy(arena, intent->address),
            .location = arena_copy(arena, intent->location),
            .weight = intent->weight,
            .state = STATE_JOINING,
            .reachable = contacts_is_up(&c->contacts, intent->node),
        };
    }
    sort_members(members, count);
    s->members = members;
    s->members_count = count;
}

static struct bytes name_of(const struct cluster *c, uint64_t node, struct arena *arena)
{
    struct buf buf;

    buf_init(&buf, REASON_BYTES_MAX);
    cluster_put_name(c, node, &buf);
    struct bytes name = arena_copy(arena, bytes_sub(buf_bytes(&buf), 0, NAME_BYTES_MAX));
    buf_done(&buf);
    return name;
}

static void put_staged(struct cluster *c, struct cluster_status *s, struct arena *arena)
{
    struct status_staged *staged = arena_alloc_array(arena, c->staging.count, sizeof(*staged));

    for (uint32_t i = 0; i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (!staging_counts(&c->staging, i))
            continue;
        staged[s->staged_count++] = (struct status_staged){
            .kind = intent->kind,
            .node = intent->node,
            .name = name_of(c, intent->node, arena),
            .address = arena_copy(arena, intent->address),
            .location = arena_copy(arena, intent->location),
            .weight = intent->weight,
        };
    }
    s->staged = staged;
}

/* ---- the plan ---- */

struct sentences {
    struct arena *arena;
    struct bytes *list;
    uint32_t count;
};

static struct bytes sentence(struct arena *arena, const struct cluster *c, uint64_t node,
                             const char *text)
{
    struct buf buf;

    buf_init(&buf, REASON_BYTES_MAX);
    if (node != 0)
        cluster_put_name(c, node, &buf);
    buf_put_str(&buf, text);
    struct bytes bytes = arena_copy(arena, buf_bytes(&buf));
    buf_done(&buf);
    return bytes;
}

static void warn(struct sentences *s, const struct cluster *c, uint64_t node, const char *text)
{
    if (s->count == WARNINGS_MAX)
        return;
    s->list[s->count++] = sentence(s->arena, c, node, text);
}

/* The shortest list of replicas; and whether some list has two replicas in one location although
 * there are enough locations. */
static uint32_t shortest(const struct document *d, const uint16_t *lists)
{
    uint32_t least = d->n_max;

    for (uint32_t p = 0; p < d->partitions; p++) {
        uint32_t len = 0;
        for (uint32_t i = 0; i < d->n_max; i++)
            len += lists[(size_t)p * d->n_max + i] != RING_NOBODY;
        least = len < least ? len : least;
    }
    return least;
}

static bool shares_location(const struct document *d)
{
    for (uint32_t p = 0; p < d->partitions; p++) {
        const uint16_t *list = d->goal + (size_t)p * d->n_max;
        for (uint32_t i = 0; i < d->n_max; i++) {
            for (uint32_t j = 0; j < i && list[i] != RING_NOBODY; j++) {
                if (list[j] != RING_NOBODY &&
                    bytes_eq(d->members[list[i]].location, d->members[list[j]].location))
                    return true;
            }
        }
    }
    return false;
}

static bool any_location(const struct document *d)
{
    for (uint32_t i = 0; i < d->members_count; i++) {
        if (d->members[i].location.len > 0)
            return true;
    }
    return false;
}

static void put_shares(struct cluster *c, struct status_plan *s, const struct document *next,
                       struct arena *arena)
{
    const struct document *d = cluster_document(c);
    size_t most = (size_t)d->members_count + next->members_count;
    struct status_share *shares = arena_alloc_array(arena, most, sizeof(*shares));
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->members_count; i++) {
        int at = document_member(next, d->members[i].id);
        shares[count++] = (struct status_share){
            .id = d->members[i].id,
            .name = d->members[i].name,
            .before = plan_share(d, d->place, i),
            .after = at < 0 ? 0 : plan_share(next, next->goal, (uint32_t)at),
        };
    }
    for (uint32_t i = 0; i < next->members_count; i++) {
        if (document_member(d, next->members[i].id) >= 0)
            continue;
        shares[count++] = (struct status_share){
            .id = next->members[i].id,
            .name = arena_copy(arena, next->members[i].name),
            .after = plan_share(next, next->goal, i),
        };
    }
    sort_shares(shares, count);
    s->shares = shares;
    s->shares_count = count;
}

/* The fewest replicas of a partition that answer now: a move takes none away before the new one has
 * all that it had. */
static uint32_t least_up(const struct cluster *c)
{
    const struct document *d = cluster_document(c);
    uint32_t least = d->n_max;

    for (uint32_t p = 0; p < d->partitions; p++) {
        const uint16_t *list = d->place + (size_t)p * d->n_max;
        uint32_t up = 0;
        for (uint32_t i = 0; i < d->n_max && list[i] != RING_NOBODY; i++)
            up += member_serves(&d->members[list[i]]) &&
                  detector_reaches(&c->detector, d->members[list[i]].id);
        least = up < least ? up : least;
    }
    return least;
}

/* What a commit would run into, as far as gossip tells; and what it would mean. */
static void foresee(struct cluster *c, const struct plan *plan, struct status_plan *s,
                    struct sentences *warnings)
{
    const struct document *d = cluster_document(c);
    struct buf buf;

    for (uint32_t i = 0; i < plan->joiners_count; i++) {
        if (contacts_is_up(&c->contacts, plan->joiners[i]))
            continue;
        s->refused = true;
        s->verdict = sentence(warnings->arena, c, plan->joiners[i], " cannot be reached");
    }
    for (uint32_t i = 0; i < d->members_count; i++) {
        const struct member *m = &d->members[i];
        int then = document_member(plan->next, m->id);
        if (!member_serves(m) || detector_reaches(&c->detector, m->id) || then < 0 ||
            !member_serves(&plan->next->members[then]))
            continue;
        warn(warnings, c, m->id,
             " cannot be reached: what it has is not moved before it is back, or removed by force");
    }
    if (s->refused)
        return;
    buf_init(&buf, REASON_BYTES_MAX);
    buf_printf(&buf,
               "it can be committed; at every step at least %u of %u replicas of every "
               "partition answer, as now",
               least_up(c), d->n_max);
    s->verdict = arena_copy(warnings->arena, buf_bytes(&buf));
    buf_done(&buf);
}

static void put_plan(struct cluster *c, struct cluster_status *s, struct arena *arena)
{
    struct sentences warnings = {arena,
                                 arena_alloc_array(arena, WARNINGS_MAX, sizeof(struct bytes)), 0};
    struct plan plan;

    plan_make(arena, cluster_document(c), c->staging.intents, c->staging.count, &plan);
    s->plan.id = plan.id;
    s->plan.moved = plan.moved;
    s->plan.verdict = BYTES_LIT("it can be committed");
    if (plan.err != ERR_OK) {
        s->plan.refused = true;
        s->plan.verdict = plan.why;
    } else if (plan.id == 0) {
        s->plan.verdict = BYTES_LIT("There are no staged changes");
    } else {
        put_shares(c, &s->plan, plan.next, arena);
        if (shortest(plan.next, plan.next->goal) < plan.next->n_max)
            warn(&warnings, c, 0,
                 "Not all replicas will be on distinct nodes: there are fewer members than the "
                 "largest n_val");
        if (any_location(plan.next) && shares_location(plan.next))
            warn(&warnings, c, 0, "Not all replicas will be on distinct locations");
        foresee(c, &plan, &s->plan, &warnings);
    }
    s->plan.warnings = warnings.list;
    s->plan.warnings_count = warnings.count;
    plan_done(&plan);
}

struct cluster_status *status_make(struct cluster *c, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct arena *arena = &out->arena;
    struct cluster_status *s = ARENA_NEW(arena, struct cluster_status);

    *s = (struct cluster_status){
        .cluster = {d->cluster[0], d->cluster[1]},
        .lineage = d->lineage,
        .epoch = d->epoch,
        .hash = d->hash,
        .node = c->self,
        .name = text_bytes(&c->name),
        .joining =
            join_waits(&c->joiner) ? arena_copy(arena, text_bytes(&c->joiner.address)) : BYTES_NONE,
        .active = c->active >= d->epoch,
        .preparing = d->preparing != 0,
        .forked = c->chain.forked,
        .slots = d->slots,
        .partitions = d->partitions,
        .n_max = d->n_max,
        .replicas = shortest(d, d->place),
        .moving = moves_count(d),
        .moves = c->facts.moves,
        .hints = c->facts.hints,
    };
    put_members(c, s, arena);
    put_staged(c, s, arena);
    put_plan(c, s, arena);
    return s;
}

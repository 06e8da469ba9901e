/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_status.h"

#include "base/check.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "wire/peer_field.h"

enum {
    INTENT_KINDS = INTENT_FORCE_REPLACE + 1,
    STATES = STATE_REMOVED + 1,
    /* The least bytes that one of each takes: a count is checked against what the rest can hold. */
    MEMBER_BYTES = 25,
    STAGED_BYTES = 13,
    SHARE_BYTES = 11,
};

static void members_put(struct buf *buf, const struct cluster_status *s)
{
    buf_put_varint(buf, s->members_count);
    for (uint32_t i = 0; i < s->members_count; i++) {
        const struct status_member *m = &s->members[i];
        buf_put_le64(buf, m->id);
        buf_put_lenbytes(buf, m->name);
        buf_put_lenbytes(buf, m->address);
        buf_put_lenbytes(buf, m->location);
        buf_put_varint(buf, m->weight);
        buf_put_u8(buf, (uint8_t)m->state);
        buf_put_u8(buf, m->reachable);
        buf_put_u8(buf, m->holds);
        buf_put_u8(buf, m->votes);
        buf_put_varint(buf, m->partitions);
        buf_put_varint(buf, m->goal);
        buf_put_le64(buf, m->epoch);
    }
}

static void members_get(struct arena *arena, struct reader *r, struct cluster_status *s)
{
    size_t count = reader_count(r, NODES_MAX, MEMBER_BYTES);
    struct status_member *members = arena_alloc_array(arena, count, sizeof(*members));

    for (size_t i = 0; i < count; i++) {
        struct status_member *m = &members[i];
        m->id = reader_le64(r);
        m->name = reader_lenbytes(r, NAME_BYTES_MAX);
        m->address = reader_lenbytes(r, NAME_BYTES_MAX);
        m->location = reader_lenbytes(r, NAME_BYTES_MAX);
        m->weight = field_u32(r);
        m->state = (enum status_state)field_choice(r, STATES);
        m->reachable = field_bool(r);
        m->holds = field_bool(r);
        m->votes = field_bool(r);
        m->partitions = field_u32(r);
        m->goal = field_u32(r);
        m->epoch = reader_le64(r);
    }
    s->members = members;
    s->members_count = (uint32_t)count;
}

static void staged_put(struct buf *buf, const struct cluster_status *s)
{
    buf_put_varint(buf, s->staged_count);
    for (uint32_t i = 0; i < s->staged_count; i++) {
        const struct status_staged *staged = &s->staged[i];
        buf_put_u8(buf, (uint8_t)staged->kind);
        buf_put_le64(buf, staged->node);
        buf_put_lenbytes(buf, staged->name);
        buf_put_lenbytes(buf, staged->address);
        buf_put_lenbytes(buf, staged->location);
        buf_put_varint(buf, staged->weight);
    }
}

static void staged_get(struct arena *arena, struct reader *r, struct cluster_status *s)
{
    size_t count = reader_count(r, INTENTS_MAX, STAGED_BYTES);
    struct status_staged *all = arena_alloc_array(arena, count, sizeof(*all));

    for (size_t i = 0; i < count; i++) {
        struct status_staged *staged = &all[i];
        staged->kind = (enum intent_kind)field_choice(r, INTENT_KINDS);
        staged->node = reader_le64(r);
        staged->name = reader_lenbytes(r, NAME_BYTES_MAX);
        staged->address = reader_lenbytes(r, NAME_BYTES_MAX);
        staged->location = reader_lenbytes(r, NAME_BYTES_MAX);
        staged->weight = field_u32(r);
    }
    s->staged = all;
    s->staged_count = (uint32_t)count;
}

static void plan_put(struct buf *buf, const struct status_plan *plan)
{
    buf_put_le64(buf, plan->id);
    buf_put_varint(buf, plan->moved);
    buf_put_u8(buf, plan->refused);
    buf_put_lenbytes(buf, plan->verdict);
    buf_put_varint(buf, plan->shares_count);
    for (uint32_t i = 0; i < plan->shares_count; i++) {
        buf_put_le64(buf, plan->shares[i].id);
        buf_put_lenbytes(buf, plan->shares[i].name);
        buf_put_varint(buf, plan->shares[i].before);
        buf_put_varint(buf, plan->shares[i].after);
    }
    buf_put_varint(buf, plan->warnings_count);
    for (uint32_t i = 0; i < plan->warnings_count; i++)
        buf_put_lenbytes(buf, plan->warnings[i]);
}

static void plan_get(struct arena *arena, struct reader *r, struct status_plan *plan)
{
    plan->id = reader_le64(r);
    plan->moved = field_u32(r);
    plan->refused = field_bool(r);
    plan->verdict = reader_lenbytes(r, ADMIN_TEXT_MAX);
    size_t count = reader_count(r, NODES_MAX, SHARE_BYTES);
    struct status_share *shares = arena_alloc_array(arena, count, sizeof(*shares));
    for (size_t i = 0; i < count; i++) {
        shares[i].id = reader_le64(r);
        shares[i].name = reader_lenbytes(r, NAME_BYTES_MAX);
        shares[i].before = field_u32(r);
        shares[i].after = field_u32(r);
    }
    plan->shares = shares;
    plan->shares_count = (uint32_t)count;
    count = reader_count(r, WARNINGS_MAX, 1);
    struct bytes *warnings = arena_alloc_array(arena, count, sizeof(*warnings));
    for (size_t i = 0; i < count; i++)
        warnings[i] = reader_lenbytes(r, ADMIN_TEXT_MAX);
    plan->warnings = warnings;
    plan->warnings_count = (uint32_t)count;
}

void peer_status_put(struct buf *buf, const struct cluster_status *s)
{
    ASSERT(s->members_count <= NODES_MAX);
    ASSERT(s->staged_count <= INTENTS_MAX);
    buf_put_le64(buf, s->cluster[0]);
    buf_put_le64(buf, s->cluster[1]);
    buf_put_le64(buf, s->lineage);
    buf_put_le64(buf, s->epoch);
    buf_put_le64(buf, s->hash);
    buf_put_le64(buf, s->node);
    buf_put_lenbytes(buf, s->name);
    buf_put_lenbytes(buf, s->joining);
    buf_put_u8(buf, s->active);
    buf_put_u8(buf, s->preparing);
    buf_put_u8(buf, s->forked);
    buf_put_varint(buf, s->slots);
    buf_put_varint(buf, s->partitions);
    buf_put_varint(buf, s->n_max);
    buf_put_varint(buf, s->replicas);
    buf_put_varint(buf, s->hints.nodes);
    buf_put_varint(buf, s->hints.drains);
    buf_put_varint(buf, s->hints.rows);
    buf_put_varint(buf, s->hints.bytes);
    buf_put_varint(buf, s->moving);
    buf_put_varint(buf, s->moves.active);
    buf_put_varint(buf, s->moves.waiting);
    buf_put_varint(buf, s->moves.ready);
    buf_put_varint(buf, s->moves.strays);
    buf_put_varint(buf, s->moves.objects);
    buf_put_varint(buf, s->moves.bytes);
    members_put(buf, s);
    staged_put(buf, s);
    plan_put(buf, &s->plan);
}

void peer_status_get(struct arena *arena, struct reader *r, struct cluster_status *ret_status)
{
    struct cluster_status *s = ret_status;

    s->cluster[0] = reader_le64(r);
    s->cluster[1] = reader_le64(r);
    s->lineage = reader_le64(r);
    s->epoch = reader_le64(r);
    s->hash = reader_le64(r);
    s->node = reader_le64(r);
    s->name = reader_lenbytes(r, NAME_BYTES_MAX);
    s->joining = reader_lenbytes(r, NAME_BYTES_MAX);
    s->active = field_bool(r);
    s->preparing = field_bool(r);
    s->forked = field_bool(r);
    s->slots = field_u32(r);
    s->partitions = field_u32(r);
    s->n_max = field_u32(r);
    s->replicas = field_u32(r);
    s->hints.nodes = field_u32(r);
    s->hints.drains = field_u32(r);
    s->hints.rows = reader_varint(r);
    s->hints.bytes = reader_varint(r);
    if (s->hints.drains > s->hints.nodes)
        field_fail(r);
    s->hints.any = s->hints.nodes > 0;
    s->moving = field_u32(r);
    s->moves.active = field_u32(r);
    s->moves.waiting = field_u32(r);
    s->moves.ready = field_u32(r);
    s->moves.strays = field_u32(r);
    s->moves.objects = reader_varint(r);
    s->moves.bytes = reader_varint(r);
    members_get(arena, r, s);
    staged_get(arena, r, s);
    plan_get(arena, r, &s->plan);
}

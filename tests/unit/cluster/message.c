/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

static void *copy_table(struct arena *arena, const void *table, size_t count, size_t size)
{
    void *copy = arena_alloc_array(arena, count, size);

    if (count > 0)
        memcpy(copy, table, count * size);
    return copy;
}

static void copy_gossip(struct arena *arena, struct talk_gossip *m)
{
    struct intent *intents = copy_table(arena, m->intents, m->intents_count, sizeof(struct intent));

    m->records = copy_table(arena, m->records, m->records_count, sizeof(struct gossip_record));
    for (uint32_t i = 0; i < m->intents_count; i++) {
        intents[i].name = arena_copy(arena, intents[i].name);
        intents[i].address = arena_copy(arena, intents[i].address);
        intents[i].location = arena_copy(arena, intents[i].location);
    }
    m->intents = intents;
}

static const struct cluster_status *copy_status(struct arena *arena,
                                                const struct cluster_status *from)
{
    struct cluster_status *s = copy_table(arena, from, 1, sizeof(*s));
    struct status_member *members =
        copy_table(arena, from->members, from->members_count, sizeof(*members));
    struct status_share *shares =
        copy_table(arena, from->plan.shares, from->plan.shares_count, sizeof(*shares));
    struct bytes *warnings =
        copy_table(arena, from->plan.warnings, from->plan.warnings_count, sizeof(*warnings));

    for (uint32_t i = 0; i < s->members_count; i++) {
        members[i].name = arena_copy(arena, members[i].name);
        members[i].address = arena_copy(arena, members[i].address);
        members[i].location = arena_copy(arena, members[i].location);
    }
    for (uint32_t i = 0; i < s->plan.shares_count; i++)
        shares[i].name = arena_copy(arena, shares[i].name);
    for (uint32_t i = 0; i < s->plan.warnings_count; i++)
        warnings[i] = arena_copy(arena, warnings[i]);
    s->members = members;
    s->plan.shares = shares;
    s->plan.warnings = warnings;
    s->plan.verdict = arena_copy(arena, s->plan.verdict);
    s->name = arena_copy(arena, s->name);
    s->joining = arena_copy(arena, s->joining);
    s->staged = NULL;
    return s;
}

static void copy_join(struct arena *arena, struct talk_join *m)
{
    m->name = arena_copy(arena, m->name);
    m->address = arena_copy(arena, m->address);
    m->location = arena_copy(arena, m->location);
}

struct peer_cluster message_copy(struct arena *arena, const struct peer_cluster *msg)
{
    struct peer_cluster copy = *msg;

    switch (msg->kind) {
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED: copy.u.reg.document = arena_copy(arena, msg->u.reg.document); break;
    case TALK_PULL:
    case TALK_DOCUMENT:
    case TALK_STORED: copy.u.document.document = arena_copy(arena, msg->u.document.document); break;
    case TALK_GOSSIP: copy_gossip(arena, &copy.u.gossip); break;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK:
        copy.u.probe.records = copy_table(arena, msg->u.probe.records, msg->u.probe.records_count,
                                          sizeof(struct gossip_record));
        break;
    case TALK_FENCE: break;
    case TALK_JOIN: copy_join(arena, &copy.u.join); break;
    case TALK_JOIN_ANSWER:
        copy.u.join_answer.text = arena_copy(arena, msg->u.join_answer.text);
        copy.u.join_answer.document = arena_copy(arena, msg->u.join_answer.document);
        break;
    case TALK_FENCED: copy.u.fenced.holds = arena_copy(arena, msg->u.fenced.holds); break;
    case TALK_ADMIN:
        copy.u.admin.request.target = arena_copy(arena, msg->u.admin.request.target);
        copy.u.admin.request.value = arena_copy(arena, msg->u.admin.request.value);
        break;
    case TALK_ADMIN_ANSWER:
        copy.u.admin_answer.text = arena_copy(arena, msg->u.admin_answer.text);
        if (msg->u.admin_answer.status != NULL)
            copy.u.admin_answer.status = copy_status(arena, msg->u.admin_answer.status);
        break;
    }
    return copy;
}

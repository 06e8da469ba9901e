/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_cluster.h"

#include "base/check.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "record/document.h"
#include "wire/peer_err.h"
#include "wire/peer_field.h"
#include "wire/peer_status.h"

enum {
    VERBS = ADMIN_FORCE_REPLACE + 1,
    WISHES = JOIN_WITHDRAW + 1,
    LIVENESSES = LIVE_DOWN + 1,
    GOSSIP_STEPS = GOSSIP_ANSWER + 1,
    INTENT_KINDS = INTENT_FORCE_REPLACE + 1,
    HOLDS_BYTES_MAX = SLOTS_MAX / 8,
    TARGET_BYTES_MAX = 1024,
    RECORD_BYTES = 42,
    RECORD_FACTS = 4, /* two of them, each true or not */
    INTENT_BYTES = 47,
};

/* Kinds as numbers on the wire. A number is never used again. */
#define TALK_LIST(X)                                                                               \
    X(PREPARE, 1)                                                                                  \
    X(PROMISE, 2)                                                                                  \
    X(ACCEPT, 3)                                                                                   \
    X(ACCEPTED, 4)                                                                                 \
    X(REFUSED, 5)                                                                                  \
    X(PULL, 6)                                                                                     \
    X(DOCUMENT, 7)                                                                                 \
    X(STORED, 8)                                                                                   \
    X(GOSSIP, 9)                                                                                   \
    X(PING, 10)                                                                                    \
    X(PING_FOR, 11)                                                                                \
    X(ACK, 12)                                                                                     \
    X(JOIN, 13)                                                                                    \
    X(JOIN_ANSWER, 14)                                                                             \
    X(FENCE, 15)                                                                                   \
    X(FENCED, 16)                                                                                  \
    X(ADMIN, 17)                                                                                   \
    X(ADMIN_ANSWER, 18)                                                                            \
    X(NACK, 19)

static uint8_t number_of(enum cluster_talk kind)
{
    switch (kind) {
#define TALK_NUMBER(name, number)                                                                  \
    case TALK_##name: return number;
        TALK_LIST(TALK_NUMBER)
#undef TALK_NUMBER
    }
    UNREACHABLE();
}

static bool kind_of(uint8_t number, enum cluster_talk *ret_kind)
{
    switch (number) {
#define TALK_KIND(name, number)                                                                    \
    case number: *ret_kind = TALK_##name; return true;
        TALK_LIST(TALK_KIND)
#undef TALK_KIND
    default: return false; /* not an enum */
    }
}

static void ballot_put(struct buf *buf, struct ballot ballot)
{
    buf_put_le64(buf, ballot.counter);
    buf_put_le64(buf, ballot.node);
}

static struct ballot ballot_get(struct reader *r)
{
    uint64_t counter = reader_le64(r);

    return (struct ballot){counter, reader_le64(r)};
}

static void register_put(struct buf *buf, const struct talk_register *m)
{
    buf_put_le64(buf, m->epoch);
    ballot_put(buf, m->ballot);
    ballot_put(buf, m->other);
    buf_put_le64(buf, m->known);
    buf_put_lenbytes(buf, m->document);
}

static void register_get(struct reader *r, struct talk_register *m)
{
    m->epoch = reader_le64(r);
    m->ballot = ballot_get(r);
    m->other = ballot_get(r);
    m->known = reader_le64(r);
    m->document = reader_lenbytes(r, DOCUMENT_BYTES_MAX);
}

static void document_msg_put(struct buf *buf, const struct talk_document *m)
{
    buf_put_le64(buf, m->epoch);
    buf_put_le64(buf, m->hash);
    buf_put_le64(buf, m->base);
    buf_put_le64(buf, m->active);
    buf_put_lenbytes(buf, m->document);
}

static void document_msg_get(struct reader *r, struct talk_document *m)
{
    m->epoch = reader_le64(r);
    m->hash = reader_le64(r);
    m->base = reader_le64(r);
    m->active = reader_le64(r);
    m->document = reader_lenbytes(r, DOCUMENT_BYTES_MAX);
}

static void record_put(struct buf *buf, const struct gossip_record *m)
{
    buf_put_le64(buf, m->node);
    buf_put_le64(buf, m->incarnation);
    buf_put_u8(buf, (uint8_t)m->state);
    buf_put_le64(buf, m->version);
    buf_put_le64(buf, m->epoch);
    buf_put_u8(buf, (uint8_t)(m->holds | m->slow << 1));
    buf_put_le64(buf, m->accuser);
}

static void record_get(struct reader *r, struct gossip_record *m)
{
    m->node = reader_le64(r);
    m->incarnation = reader_le64(r);
    m->state = (enum liveness)field_choice(r, LIVENESSES);
    m->version = reader_le64(r);
    m->epoch = reader_le64(r);
    unsigned facts = field_choice(r, RECORD_FACTS);
    m->holds = (facts & 1) != 0;
    m->slow = (facts & 2) != 0;
    m->accuser = reader_le64(r);
}

static void records_put(struct buf *buf, const struct gossip_record *records, uint32_t count)
{
    buf_put_varint(buf, count);
    for (uint32_t i = 0; i < count; i++)
        record_put(buf, &records[i]);
}

static const struct gossip_record *records_get(struct arena *arena, struct reader *r,
                                               uint32_t *ret_count)
{
    size_t count = reader_count(r, NODES_MAX, RECORD_BYTES);
    struct gossip_record *records = arena_alloc_array(arena, count, sizeof(*records));

    for (size_t i = 0; i < count; i++)
        record_get(r, &records[i]);
    *ret_count = (uint32_t)count;
    return records;
}

static void probe_put(struct buf *buf, const struct talk_probe *m)
{
    buf_put_le64(buf, m->seq);
    buf_put_le64(buf, m->node);
    records_put(buf, m->records, m->records_count);
}

static void probe_get(struct arena *arena, struct reader *r, struct talk_probe *m)
{
    m->seq = reader_le64(r);
    m->node = reader_le64(r);
    m->records = records_get(arena, r, &m->records_count);
}

static void intent_put(struct buf *buf, const struct intent *m)
{
    buf_put_le64(buf, m->tag);
    buf_put_le64(buf, m->base);
    buf_put_le64(buf, m->order);
    buf_put_u8(buf, m->withdrawn);
    buf_put_u8(buf, (uint8_t)m->kind);
    buf_put_le64(buf, m->node);
    buf_put_lenbytes(buf, m->name);
    buf_put_lenbytes(buf, m->address);
    buf_put_lenbytes(buf, m->location);
    buf_put_varint(buf, m->weight);
    buf_put_le64(buf, m->other);
    buf_put_u8(buf, m->force);
}

static void intent_get(struct reader *r, struct intent *m)
{
    m->tag = reader_le64(r);
    m->base = reader_le64(r);
    m->order = reader_le64(r);
    m->withdrawn = field_bool(r);
    m->kind = (enum intent_kind)field_choice(r, INTENT_KINDS);
    m->node = reader_le64(r);
    m->name = reader_lenbytes(r, NAME_BYTES_MAX);
    m->address = reader_lenbytes(r, NAME_BYTES_MAX);
    m->location = reader_lenbytes(r, NAME_BYTES_MAX);
    m->weight = field_u32(r);
    m->other = reader_le64(r);
    m->force = field_bool(r);
}

static void gossip_put(struct buf *buf, const struct talk_gossip *m)
{
    buf_put_u8(buf, (uint8_t)m->step);
    buf_put_le64(buf, m->epoch);
    buf_put_le64(buf, m->hash);
    buf_put_le64(buf, m->active);
    buf_put_le64(buf, m->digest);
    records_put(buf, m->records, m->records_count);
    buf_put_varint(buf, m->intents_count);
    for (uint32_t i = 0; i < m->intents_count; i++)
        intent_put(buf, &m->intents[i]);
}

static void gossip_get(struct arena *arena, struct reader *r, struct talk_gossip *m)
{
    m->step = (enum gossip_step)field_choice(r, GOSSIP_STEPS);
    m->epoch = reader_le64(r);
    m->hash = reader_le64(r);
    m->active = reader_le64(r);
    m->digest = reader_le64(r);
    m->records = records_get(arena, r, &m->records_count);
    size_t count = reader_count(r, INTENTS_MAX, INTENT_BYTES);
    struct intent *intents = arena_alloc_array(arena, count, sizeof(*intents));
    for (size_t i = 0; i < count; i++)
        intent_get(r, &intents[i]);
    m->intents = intents;
    m->intents_count = (uint32_t)count;
}

static void join_put(struct buf *buf, const struct talk_join *m)
{
    buf_put_le64(buf, m->seq);
    buf_put_u8(buf, (uint8_t)m->wish);
    buf_put_lenbytes(buf, m->name);
    buf_put_lenbytes(buf, m->address);
    buf_put_lenbytes(buf, m->location);
    buf_put_varint(buf, m->weight);
    buf_put_le64(buf, m->fenced);
}

static void join_get(struct reader *r, struct talk_join *m)
{
    m->seq = reader_le64(r);
    m->wish = (enum join_wish)field_choice(r, WISHES);
    m->name = reader_lenbytes(r, NAME_BYTES_MAX);
    m->address = reader_lenbytes(r, NAME_BYTES_MAX);
    m->location = reader_lenbytes(r, NAME_BYTES_MAX);
    m->weight = field_u32(r);
    m->fenced = reader_le64(r);
}

static void admin_put(struct buf *buf, const struct talk_admin *m)
{
    buf_put_le64(buf, m->seq);
    buf_put_u8(buf, (uint8_t)m->request.verb);
    buf_put_lenbytes(buf, m->request.target);
    buf_put_lenbytes(buf, m->request.value);
    buf_put_u8(buf, m->request.dry_run);
}

static void admin_get(struct reader *r, struct talk_admin *m)
{
    m->seq = reader_le64(r);
    m->request.verb = (enum admin_verb)field_choice(r, VERBS);
    m->request.target = reader_lenbytes(r, TARGET_BYTES_MAX);
    m->request.value = reader_lenbytes(r, TARGET_BYTES_MAX);
    m->request.dry_run = field_bool(r);
}

static void admin_answer_put(struct buf *buf, const struct talk_admin_answer *m)
{
    ASSERT((m->err == ERR_OK) == (m->status != NULL));
    buf_put_le64(buf, m->seq);
    buf_put_u8(buf, peer_err_number(m->err));
    buf_put_lenbytes(buf, m->text);
    if (m->status != NULL)
        peer_status_put(buf, m->status);
}

static void admin_answer_get(struct arena *arena, struct reader *r, struct talk_admin_answer *m)
{
    m->seq = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    m->text = reader_lenbytes(r, ADMIN_TEXT_MAX);
    if (!r->ok || m->err != ERR_OK)
        return;
    struct cluster_status *status = ARENA_NEW(arena, struct cluster_status);
    peer_status_get(arena, r, status);
    m->status = status;
}

void peer_cluster_encode(struct buf *buf, const struct peer_cluster *msg)
{
    buf_put_u8(buf, number_of(msg->kind));
    buf_put_le64(buf, msg->cluster[0]);
    buf_put_le64(buf, msg->cluster[1]);
    buf_put_le64(buf, msg->lineage);
    switch (msg->kind) {
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED: register_put(buf, &msg->u.reg); break;
    case TALK_PULL:
    case TALK_DOCUMENT:
    case TALK_STORED: document_msg_put(buf, &msg->u.document); break;
    case TALK_GOSSIP: gossip_put(buf, &msg->u.gossip); break;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK: probe_put(buf, &msg->u.probe); break;
    case TALK_JOIN: join_put(buf, &msg->u.join); break;
    case TALK_JOIN_ANSWER:
        buf_put_le64(buf, msg->u.join_answer.seq);
        buf_put_u8(buf, peer_err_number(msg->u.join_answer.err));
        buf_put_lenbytes(buf, msg->u.join_answer.text);
        buf_put_lenbytes(buf, msg->u.join_answer.document);
        break;
    case TALK_FENCE:
        buf_put_le64(buf, msg->u.fence.plan);
        buf_put_le64(buf, msg->u.fence.epoch);
        break;
    case TALK_FENCED:
        buf_put_le64(buf, msg->u.fenced.plan);
        buf_put_le64(buf, msg->u.fenced.epoch);
        buf_put_u8(buf, peer_err_number(msg->u.fenced.err));
        buf_put_lenbytes(buf, msg->u.fenced.holds);
        buf_put_u8(buf, msg->u.fenced.hints);
        break;
    case TALK_ADMIN: admin_put(buf, &msg->u.admin); break;
    case TALK_ADMIN_ANSWER: admin_answer_put(buf, &msg->u.admin_answer); break;
    }
}

static void payload_get(struct arena *arena, struct reader *r, struct peer_cluster *msg)
{
    switch (msg->kind) {
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED: register_get(r, &msg->u.reg); break;
    case TALK_PULL:
    case TALK_DOCUMENT:
    case TALK_STORED: document_msg_get(r, &msg->u.document); break;
    case TALK_GOSSIP: gossip_get(arena, r, &msg->u.gossip); break;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK: probe_get(arena, r, &msg->u.probe); break;
    case TALK_JOIN: join_get(r, &msg->u.join); break;
    case TALK_JOIN_ANSWER:
        msg->u.join_answer.seq = reader_le64(r);
        msg->u.join_answer.err = peer_err_of(reader_u8(r));
        msg->u.join_answer.text = reader_lenbytes(r, ADMIN_TEXT_MAX);
        msg->u.join_answer.document = reader_lenbytes(r, DOCUMENT_BYTES_MAX);
        break;
    case TALK_FENCE:
        msg->u.fence.plan = reader_le64(r);
        msg->u.fence.epoch = reader_le64(r);
        break;
    case TALK_FENCED:
        msg->u.fenced.plan = reader_le64(r);
        msg->u.fenced.epoch = reader_le64(r);
        msg->u.fenced.err = peer_err_of(reader_u8(r));
        msg->u.fenced.holds = reader_lenbytes(r, HOLDS_BYTES_MAX);
        msg->u.fenced.hints = field_bool(r);
        break;
    case TALK_ADMIN: admin_get(r, &msg->u.admin); break;
    case TALK_ADMIN_ANSWER: admin_answer_get(arena, r, &msg->u.admin_answer); break;
    }
}

enum err peer_cluster_decode(struct arena *arena, struct reader *r, struct peer_cluster *ret_msg)
{
    struct peer_cluster msg;

    memset(&msg, 0, sizeof(msg));
    if (!kind_of(reader_u8(r), &msg.kind))
        return ERR_MALFORMED;
    msg.cluster[0] = reader_le64(r);
    msg.cluster[1] = reader_le64(r);
    msg.lineage = reader_le64(r);
    payload_get(arena, r, &msg);
    if (!r->ok)
        return ERR_MALFORMED;
    *ret_msg = msg;
    return ERR_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer.h"

#include "base/check.h"
#include "base/reader.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "record/keys.h"
#include "wire/peer_cluster.h"
#include "wire/peer_err.h"
#include "wire/peer_field.h"
#include "wire/peer_reply.h"
#include "wire/peer_request.h"

/* Kinds of message as numbers on the wire. A number is never used again. */
enum peer_tag {
    TAG_GET = 1,
    TAG_GOT = 2,
    TAG_PUT = 3,
    TAG_PUT_ACK = 4,
    TAG_FORWARD = 5,
    TAG_FORWARDED = 6,
    TAG_LIST = 7,
    TAG_LISTED = 8,
    TAG_CLUSTER = 9,
    TAG_DIGESTS = 10,
    TAG_DIGESTED = 11,
    TAG_LACKS = 12,
    TAG_HEARD = 13,
    TAG_MOVE = 14,
    TAG_MOVED = 15,
};

enum { NAMES_MAX = 100000, ROWS_MAX = 100000, LIST_WHATS = 2, MOVE_STEPS = 3 };

/* Flags of get, got, put and put_ack: the first is `full` or `durable`. */
enum { FLAG_YES = 1, FLAG_HINT = 2, FLAG_ANY = 4, FLAG_OTHER = 8 };

/* Flags of digested. */
enum { FLAG_SAME = 1, FLAG_DONE = 2 };

/* The flags, and the nodes that some of them say follow: a hint's target; an asker, or the node on
 * whose behalf it is. */
static void flags_put(struct buf *buf, unsigned flags, uint64_t hint_for, uint64_t other)
{
    buf_put_u8(buf,
               (uint8_t)(flags | (hint_for != 0 ? FLAG_HINT : 0) | (other != 0 ? FLAG_OTHER : 0)));
    if (hint_for != 0)
        buf_put_le64(buf, hint_for);
    if (other != 0)
        buf_put_le64(buf, other);
}

static unsigned flags_get(struct reader *r, unsigned known, uint64_t *ret_hint_for,
                          uint64_t *ret_other)
{
    unsigned flags = reader_u8(r);
    bool hint = (flags & FLAG_HINT) != 0, other = (flags & FLAG_OTHER) != 0;

    *ret_hint_for = hint ? reader_le64(r) : 0;
    *ret_other = other ? reader_le64(r) : 0;
    if ((flags & ~known) != 0 || hint != (*ret_hint_for != 0) || other != (*ret_other != 0))
        field_fail(r);
    return flags;
}

static void get_put(struct buf *buf, const struct peer_get *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le64(buf, m->epoch);
    buf_put_le32(buf, m->partition);
    flags_put(buf, (m->full ? FLAG_YES : 0) | (m->any ? FLAG_ANY : 0), m->hint_for, m->asker);
    field_key_put(buf, &m->key);
}

static void get_get(struct reader *r, struct peer_get *m)
{
    m->token = reader_le64(r);
    m->epoch = reader_le64(r);
    m->partition = reader_le32(r);
    unsigned flags =
        flags_get(r, FLAG_YES | FLAG_HINT | FLAG_ANY | FLAG_OTHER, &m->hint_for, &m->asker);
    m->full = (flags & FLAG_YES) != 0;
    m->any = (flags & FLAG_ANY) != 0;
    m->key = field_key(r);
}

static void got_put(struct buf *buf, const struct peer_got *m)
{
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
    flags_put(buf, m->full ? FLAG_YES : 0, 0, m->behalf);
    buf_put_lenbytes(buf, m->record);
}

static void got_get(struct reader *r, struct peer_got *m)
{
    uint64_t no_hint;

    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    m->full = (flags_get(r, FLAG_YES | FLAG_OTHER, &no_hint, &m->behalf) & FLAG_YES) != 0;
    m->record = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
}

static void put_put(struct buf *buf, const struct peer_put *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le64(buf, m->epoch);
    buf_put_le32(buf, m->partition);
    flags_put(buf, m->durable ? FLAG_YES : 0, m->hint_for, m->asker);
    field_key_put(buf, &m->key);
    buf_put_lenbytes(buf, m->record);
}

static void put_get(struct reader *r, struct peer_put *m)
{
    m->token = reader_le64(r);
    m->epoch = reader_le64(r);
    m->partition = reader_le32(r);
    unsigned flags = flags_get(r, FLAG_YES | FLAG_HINT | FLAG_OTHER, &m->hint_for, &m->asker);
    m->durable = (flags & FLAG_YES) != 0;
    m->key = field_key(r);
    m->record = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
}

static void put_ack_put(struct buf *buf, const struct peer_put_ack *m)
{
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
    flags_put(buf, m->durable ? FLAG_YES : 0, 0, m->behalf);
}

static void put_ack_get(struct reader *r, struct peer_put_ack *m)
{
    uint64_t no_hint;

    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    m->durable = (flags_get(r, FLAG_YES | FLAG_OTHER, &no_hint, &m->behalf) & FLAG_YES) != 0;
}

static void forward_put(struct buf *buf, const struct peer_forward *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le32(buf, m->budget_ms);
    peer_request_put(buf, &m->request);
}

static void forward_get(struct arena *arena, struct reader *r, struct peer_forward *m)
{
    m->token = reader_le64(r);
    m->budget_ms = reader_le32(r);
    peer_request_get(arena, r, &m->request);
}

static void forwarded_put(struct buf *buf, const struct peer_forwarded *m)
{
    buf_put_le64(buf, m->token);
    peer_reply_put(buf, &m->reply);
}

static void forwarded_get(struct arena *arena, struct reader *r, struct peer_forwarded *m)
{
    m->token = reader_le64(r);
    peer_reply_get(arena, r, &m->reply);
}

static void list_put(struct buf *buf, const struct peer_list *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le64(buf, m->epoch);
    buf_put_le32(buf, m->partition);
    buf_put_u8(buf, (uint8_t)m->what);
    buf_put_lenbytes(buf, m->type);
    buf_put_lenbytes(buf, m->bucket);
    buf_put_lenbytes(buf, m->after_row);
}

static void list_get(struct reader *r, struct peer_list *m)
{
    m->token = reader_le64(r);
    m->epoch = reader_le64(r);
    m->partition = reader_le32(r);
    m->what = (enum list_what)field_choice(r, LIST_WHATS);
    m->type = reader_lenbytes(r, TYPE_BYTES_MAX);
    m->bucket = reader_lenbytes(r, BUCKET_BYTES_MAX);
    m->after_row = reader_lenbytes(r, ROW_KEY_BYTES_MAX);
}

static void listed_put(struct buf *buf, const struct peer_listed *m)
{
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
    buf_put_le32(buf, m->partition);
    buf_put_u8(buf, m->done);
    buf_put_lenbytes(buf, m->last_row);
    buf_put_varint(buf, m->names_count);
    for (uint32_t i = 0; i < m->names_count; i++)
        buf_put_lenbytes(buf, m->names[i]);
}

static void listed_get(struct arena *arena, struct reader *r, struct peer_listed *m)
{
    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    m->partition = reader_le32(r);
    m->done = field_bool(r);
    m->last_row = reader_lenbytes(r, ROW_KEY_BYTES_MAX);
    size_t count = reader_count(r, NAMES_MAX, 1);
    struct bytes *names = arena_alloc_array(arena, count, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = reader_lenbytes(r, KEY_BYTES_MAX);
    m->names = names;
    m->names_count = (uint32_t)count;
}

static void digests_put(struct buf *buf, const struct peer_digests *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le64(buf, m->epoch);
    buf_put_le32(buf, m->partition);
    buf_put_lenbytes(buf, m->from);
    buf_put_lenbytes(buf, m->to);
    buf_put_le64(buf, m->cutoff_us);
    buf_put_varint(buf, m->rows);
    buf_put_le64(buf, m->hash);
}

static void digests_get(struct reader *r, struct peer_digests *m)
{
    m->token = reader_le64(r);
    m->epoch = reader_le64(r);
    m->partition = reader_le32(r);
    m->from = reader_lenbytes(r, ROW_PLACE_BYTES_MAX);
    m->to = reader_lenbytes(r, ROW_PLACE_BYTES_MAX);
    m->cutoff_us = reader_le64(r);
    m->rows = reader_varint(r);
    m->hash = reader_le64(r);
}

static void digested_put(struct buf *buf, const struct peer_digested *m)
{
    ASSERT(!m->same || m->rows_count == 0);
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
    buf_put_u8(buf, (uint8_t)((m->same ? FLAG_SAME : 0) | (m->done ? FLAG_DONE : 0)));
    buf_put_lenbytes(buf, m->last_row);
    buf_put_varint(buf, m->rows_count);
    for (uint32_t i = 0; i < m->rows_count; i++) {
        buf_put_lenbytes(buf, m->rows[i].key);
        buf_put_lenbytes(buf, m->rows[i].record);
    }
}

static void digested_get(struct arena *arena, struct reader *r, struct peer_digested *m)
{
    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    unsigned flags = reader_u8(r);
    m->same = (flags & FLAG_SAME) != 0;
    m->done = (flags & FLAG_DONE) != 0;
    m->last_row = reader_lenbytes(r, ROW_KEY_BYTES_MAX);
    size_t count = reader_count(r, ROWS_MAX, 2);
    struct peer_row *rows = arena_alloc_array(arena, count, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i].key = reader_lenbytes(r, ROW_KEY_BYTES_MAX);
        rows[i].record = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
    }
    m->rows = rows;
    m->rows_count = (uint32_t)count;
    if ((flags & ~(unsigned)(FLAG_SAME | FLAG_DONE)) != 0 || (m->same && count > 0))
        field_fail(r);
}

static void lacks_put(struct buf *buf, const struct peer_lacks *m)
{
    buf_put_le64(buf, m->token);
}

static void lacks_get(struct reader *r, struct peer_lacks *m)
{
    m->token = reader_le64(r);
}

static void heard_put(struct buf *buf, const struct peer_heard *m)
{
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
}

static void heard_get(struct reader *r, struct peer_heard *m)
{
    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
}

static void move_put(struct buf *buf, const struct peer_move *m)
{
    buf_put_le64(buf, m->token);
    buf_put_le64(buf, m->epoch);
    buf_put_le32(buf, m->partition);
    buf_put_u8(buf, (uint8_t)m->step);
    buf_put_le64(buf, m->session);
}

static void move_get(struct reader *r, struct peer_move *m)
{
    m->token = reader_le64(r);
    m->epoch = reader_le64(r);
    m->partition = reader_le32(r);
    m->step = (enum move_step)field_choice(r, MOVE_STEPS);
    m->session = reader_le64(r);
}

static void moved_put(struct buf *buf, const struct peer_moved *m)
{
    buf_put_le64(buf, m->token);
    buf_put_u8(buf, peer_err_number(m->err));
    buf_put_u8(buf, m->forwards);
}

static void moved_get(struct reader *r, struct peer_moved *m)
{
    m->token = reader_le64(r);
    m->err = peer_err_of(reader_u8(r));
    m->forwards = field_bool(r);
}

static enum peer_tag tag_of(enum peer_kind kind)
{
    switch (kind) {
    case PEER_GET: return TAG_GET;
    case PEER_GOT: return TAG_GOT;
    case PEER_PUT: return TAG_PUT;
    case PEER_PUT_ACK: return TAG_PUT_ACK;
    case PEER_FORWARD: return TAG_FORWARD;
    case PEER_FORWARDED: return TAG_FORWARDED;
    case PEER_LIST: return TAG_LIST;
    case PEER_LISTED: return TAG_LISTED;
    case PEER_CLUSTER: return TAG_CLUSTER;
    case PEER_DIGESTS: return TAG_DIGESTS;
    case PEER_DIGESTED: return TAG_DIGESTED;
    case PEER_LACKS: return TAG_LACKS;
    case PEER_HEARD: return TAG_HEARD;
    case PEER_MOVE: return TAG_MOVE;
    case PEER_MOVED: return TAG_MOVED;
    }
    UNREACHABLE();
}

static bool kind_of(uint8_t tag, enum peer_kind *ret_kind)
{
    static const enum peer_kind kinds[] = {
        PEER_GET,       PEER_GOT,   PEER_PUT,    PEER_PUT_ACK, PEER_FORWARD,
        PEER_FORWARDED, PEER_LIST,  PEER_LISTED, PEER_CLUSTER, PEER_DIGESTS,
        PEER_DIGESTED,  PEER_LACKS, PEER_HEARD,  PEER_MOVE,    PEER_MOVED,
    };

    if (tag == 0 || tag > ARRAY_LEN(kinds))
        return false;
    *ret_kind = kinds[tag - 1];
    return true;
}

enum err peer_encode(struct buf *buf, uint8_t version, const struct peer_msg *msg)
{
    ASSERT(version >= PEER_VERSION_MIN && version <= PEER_VERSION_MAX);
    size_t start = peer_frame_open(buf, version, (uint8_t)(FRAME_MESSAGE + tag_of(msg->kind)));

    switch (msg->kind) {
    case PEER_GET: get_put(buf, &msg->u.get); break;
    case PEER_GOT: got_put(buf, &msg->u.got); break;
    case PEER_PUT: put_put(buf, &msg->u.put); break;
    case PEER_PUT_ACK: put_ack_put(buf, &msg->u.put_ack); break;
    case PEER_FORWARD: forward_put(buf, &msg->u.forward); break;
    case PEER_FORWARDED: forwarded_put(buf, &msg->u.forwarded); break;
    case PEER_LIST: list_put(buf, &msg->u.list); break;
    case PEER_LISTED: listed_put(buf, &msg->u.listed); break;
    case PEER_CLUSTER: peer_cluster_encode(buf, &msg->u.cluster); break;
    case PEER_DIGESTS: digests_put(buf, &msg->u.digests); break;
    case PEER_DIGESTED: digested_put(buf, &msg->u.digested); break;
    case PEER_LACKS: lacks_put(buf, &msg->u.lacks); break;
    case PEER_HEARD: heard_put(buf, &msg->u.heard); break;
    case PEER_MOVE: move_put(buf, &msg->u.move); break;
    case PEER_MOVED: moved_put(buf, &msg->u.moved); break;
    }
    return peer_frame_close(buf, start);
}

static void decode_payload(struct arena *arena, struct reader *r, struct peer_msg *msg)
{
    switch (msg->kind) {
    case PEER_GET: get_get(r, &msg->u.get); return;
    case PEER_GOT: got_get(r, &msg->u.got); return;
    case PEER_PUT: put_get(r, &msg->u.put); return;
    case PEER_PUT_ACK: put_ack_get(r, &msg->u.put_ack); return;
    case PEER_FORWARD: forward_get(arena, r, &msg->u.forward); return;
    case PEER_FORWARDED: forwarded_get(arena, r, &msg->u.forwarded); return;
    case PEER_LIST: list_get(r, &msg->u.list); return;
    case PEER_LISTED: listed_get(arena, r, &msg->u.listed); return;
    case PEER_MOVE: move_get(r, &msg->u.move); return;
    case PEER_MOVED: moved_get(r, &msg->u.moved); return;
    case PEER_CLUSTER:
        if (peer_cluster_decode(arena, r, &msg->u.cluster) != ERR_OK)
            field_fail(r);
        return;
    case PEER_DIGESTS: digests_get(r, &msg->u.digests); return;
    case PEER_DIGESTED: digested_get(arena, r, &msg->u.digested); return;
    case PEER_LACKS: lacks_get(r, &msg->u.lacks); return;
    case PEER_HEARD: heard_get(r, &msg->u.heard); return;
    }
    UNREACHABLE();
}

enum err peer_decode(struct arena *arena, const struct peer_frame *frame, struct peer_msg *ret_msg)
{
    struct reader r = reader_of(frame->payload);
    struct peer_msg msg;

    if (frame->kind != FRAME_MESSAGE)
        return ERR_MALFORMED;
    if (frame->version < PEER_VERSION_MIN || frame->version > PEER_VERSION_MAX)
        return ERR_VERSION;
    memset(&msg, 0, sizeof(msg));
    if (!kind_of(frame->message, &msg.kind))
        return ERR_VERSION;
    decode_payload(arena, &r, &msg);
    if (!reader_end(&r))
        return ERR_MALFORMED;
    *ret_msg = msg;
    return ERR_OK;
}

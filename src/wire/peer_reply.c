/* SPDX-License-Identifier: Apache-2.0 */
/* An object travels as the record in which it sleeps, but sealed under one row key for all: the
 * answer to a request does not repeat which key it was for. */
#include "wire/peer_reply.h"

#include "base/check.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "record/object.h"
#include "wire/peer_err.h"
#include "wire/peer_field.h"

enum reply_tag { TAG_DONE = 1, TAG_OBJECT = 2, TAG_ERROR = 3 };
#define REPLY_ROW BYTES_LIT("reply")
enum { REPLY_TEXT_BYTES_MAX = 64 * 1024 };

static enum reply_tag tag_of(enum reply_kind kind)
{
    switch (kind) {
    case REPLY_DONE: return TAG_DONE;
    case REPLY_OBJECT: return TAG_OBJECT;
    case REPLY_ERROR: return TAG_ERROR;
    case REPLY_NAMES:
    case REPLY_ADMIN: break;
    }
    UNREACHABLE();
}

void peer_reply_put(struct buf *buf, const struct reply *reply)
{
    buf_put_u8(buf, (uint8_t)tag_of(reply->kind));
    buf_put_u8(buf, peer_err_number(reply->err));
    buf_put_lenbytes(buf, reply->made_key);
    buf_put_varint(buf, reply->have);
    buf_put_varint(buf, reply->need);
    buf_put_varint(buf, reply->size);
    buf_put_lenbytes(buf, bytes_sub(reply->text, 0, REPLY_TEXT_BYTES_MAX));
    buf_put_u8(buf, reply->object != NULL);
    if (reply->object != NULL) {
        struct blob *record = record_object_blob(REPLY_ROW, reply->object);
        buf_put_lenbytes(buf, blob_bytes(record));
        blob_unref(record);
    }
}

void peer_reply_get(struct arena *arena, struct reader *r, struct reply *ret_reply)
{
    struct reply reply = {.kind = REPLY_DONE};
    uint8_t tag = field_choice(r, TAG_ERROR + 1);

    reply.err = peer_err_of(reader_u8(r));
    reply.made_key = reader_lenbytes(r, KEY_BYTES_MAX);
    reply.have = field_u32(r);
    reply.need = field_u32(r);
    reply.size = reader_varint(r);
    reply.text = reader_lenbytes(r, REPLY_TEXT_BYTES_MAX);
    if (field_bool(r)) {
        struct bytes record = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
        struct object *object = NULL;
        if (!r->ok || record_object_decode(arena, REPLY_ROW, record, &object) != ERR_OK)
            field_fail(r);
        reply.object = object;
    }
    if (tag == TAG_OBJECT)
        reply.kind = REPLY_OBJECT;
    else if (tag == TAG_ERROR)
        reply.kind = REPLY_ERROR;
    else if (tag != TAG_DONE)
        field_fail(r);
    /* An error without an error, or the other way round, would be believed by nobody. */
    if ((reply.kind == REPLY_ERROR) == (reply.err == ERR_OK))
        field_fail(r);
    *ret_reply = reply;
}

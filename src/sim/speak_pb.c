/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/speak_pb.h"

#include "base/check.h"
#include "wire/pb_code.h"
#include "wire/pb_wire.h"

enum { HEAD_BYTES = 5, CONTENT_BYTES_MAX = 16 * 1024 * 1024 };

static void put_bytes(struct buf *buf, uint32_t number, struct bytes bytes)
{
    buf_put_varint(buf, (uint64_t)number << 3 | PB_LENGTH);
    buf_put_lenbytes(buf, bytes);
}

static void put_number(struct buf *buf, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    buf_put_varint(buf, (uint64_t)number << 3 | PB_VARINT);
    buf_put_varint(buf, value);
}

/* A switch that is on by default. */
static void put_off(struct buf *buf, uint32_t number, bool off)
{
    if (!off)
        return;
    buf_put_varint(buf, (uint64_t)number << 3 | PB_VARINT);
    buf_put_varint(buf, 0);
}

static void put_get(struct buf *buf, const struct question *q)
{
    put_bytes(buf, 1, q->bucket);
    put_bytes(buf, 2, q->key);
    put_number(buf, 3, q->r);
    put_number(buf, 4, q->pr);
    put_number(buf, 9, 1); /* tombstones are told */
    put_off(buf, 11, q->no_fallbacks);
}

static void put_write(struct buf *buf, const struct question *q)
{
    struct buf content;

    put_bytes(buf, 1, q->bucket);
    put_bytes(buf, 2, q->key);
    if (q->vclock.len > 0)
        put_bytes(buf, 3, q->vclock);
    buf_init(&content, CONTENT_BYTES_MAX);
    put_bytes(&content, 1, q->value);
    put_bytes(buf, 4, buf_bytes(&content));
    buf_done(&content);
    put_number(buf, 5, q->w);
    put_number(buf, 6, q->dw);
    put_number(buf, 7, q->return_body);
    put_number(buf, 8, q->pw);
    put_number(buf, 9, q->if_not_modified);
    put_number(buf, 10, q->if_none_match);
    put_off(buf, 14, q->no_fallbacks);
}

static void put_delete(struct buf *buf, const struct question *q)
{
    put_bytes(buf, 1, q->bucket);
    put_bytes(buf, 2, q->key);
    if (q->vclock.len > 0)
        put_bytes(buf, 4, q->vclock);
    put_number(buf, 6, q->w);
    put_number(buf, 8, q->pw);
    put_number(buf, 9, q->dw);
    put_off(buf, 11, q->no_fallbacks);
}

static void put_props(struct buf *buf, const struct question *q)
{
    struct buf props;

    put_bytes(buf, 1, q->bucket);
    buf_init(&props, 64);
    put_number(&props, 2, q->allow_mult);
    put_number(&props, 12, q->big_vclock);
    put_bytes(buf, 2, buf_bytes(&props));
    buf_done(&props);
}

/* The code of the question, of its answer, and what writes its body. */
struct message {
    enum pb_code asks, answers;
    void (*put)(struct buf *buf, const struct question *question);
};

static void put_bucket(struct buf *buf, const struct question *q)
{
    put_bytes(buf, 1, q->bucket);
}

static void put_stream(struct buf *buf, const struct question *q)
{
    (void)q;
    put_number(buf, 2, 1);
}

static struct message message_of(enum ask ask)
{
    switch (ask) {
    case ASK_GET: return (struct message){PB_GET_REQ, PB_GET_RESP, put_get};
    case ASK_PUT: return (struct message){PB_PUT_REQ, PB_PUT_RESP, put_write};
    case ASK_DELETE: return (struct message){PB_DEL_REQ, PB_DEL_RESP, put_delete};
    case ASK_KEYS: return (struct message){PB_LIST_KEYS_REQ, PB_LIST_KEYS_RESP, put_bucket};
    case ASK_BUCKETS:
        return (struct message){PB_LIST_BUCKETS_REQ, PB_LIST_BUCKETS_RESP, put_stream};
    case ASK_SET_PROPS: return (struct message){PB_SET_BUCKET_REQ, PB_SET_BUCKET_RESP, put_props};
    case ASK_GET_PROPS: return (struct message){PB_GET_BUCKET_REQ, PB_GET_BUCKET_RESP, put_bucket};
    case ASK_ADMIN: break;
    }
    UNREACHABLE();
}

void speak_pb_put(struct buf *buf, const struct question *question)
{
    struct message message = message_of(question->ask);
    size_t start = buf->len;

    buf_put_be32(buf, 0);
    buf_put_u8(buf, (uint8_t)message.asks);
    message.put(buf, question);
    ASSERT(!buf->overflow);
    size_t size = buf->len - start - 4;
    for (unsigned i = 0; i < 4; i++)
        buf->data[start + i] = (uint8_t)(size >> (24 - 8 * i));
}

static bool take_content(struct bytes body, struct answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    uint32_t at = answer->count;

    if (at == ANSWER_VALUES_MAX)
        return false;
    answer->values[at] = BYTES_NONE;
    answer->deleted[at] = false;
    while (pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH)
            answer->values[at] = field.bytes;
        else if (field.number == 11 && field.type == PB_VARINT)
            answer->deleted[at] = field.value != 0;
    }
    answer->count++;
    return r.ok;
}

static bool take_object(struct bytes body, struct answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    bool ok = true;

    while (ok && pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH)
            ok = take_content(field.bytes, answer);
        else if (field.number == 2 && field.type == PB_LENGTH)
            answer->vclock = field.bytes;
    }
    answer->not_found = answer->count == 0;
    return ok && r.ok;
}

static bool take_names(struct bytes body, struct answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;

    answer->more = true;
    while (pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH) {
            if (answer->names_count == ANSWER_NAMES_MAX)
                return false;
            answer->names[answer->names_count++] = field.bytes;
        } else if (field.number == 2 && field.type == PB_VARINT) {
            answer->more = field.value == 0;
        }
    }
    return r.ok;
}

static bool take_props(struct bytes body, struct answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    struct bytes props = BYTES_NONE;

    while (pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH)
            props = field.bytes;
    }
    if (!r.ok)
        return false;
    r = reader_of(props);
    while (pb_next(&r, &field)) {
        if (field.number == 12 && field.type == PB_VARINT)
            answer->big_vclock = (uint32_t)field.value;
    }
    return r.ok;
}

static bool take_error(struct bytes body, struct answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;

    answer->failed = true;
    while (pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH)
            answer->error = field.bytes;
    }
    return r.ok;
}

static bool take_body(enum ask ask, struct bytes body, struct answer *answer)
{
    switch (ask) {
    case ASK_GET:
    case ASK_PUT: return take_object(body, answer);
    case ASK_KEYS:
    case ASK_BUCKETS: return take_names(body, answer);
    case ASK_GET_PROPS: return take_props(body, answer);
    case ASK_DELETE:
    case ASK_SET_PROPS:
    case ASK_ADMIN: return body.len == 0;
    }
    UNREACHABLE();
}

enum taken speak_pb_take(struct bytes bytes, const struct question *question,
                         struct answer *ret_answer, size_t *ret_size)
{
    struct reader r = reader_of(bytes);
    uint32_t size = reader_be32(&r);

    if (bytes.len < HEAD_BYTES || bytes.len - 4 < size)
        return TAKEN_MORE;
    enum pb_code code = (enum pb_code)reader_u8(&r);
    struct bytes body = reader_take(&r, size - 1);
    *ret_size = (size_t)size + 4;
    if (code == PB_ERROR_RESP)
        return take_error(body, ret_answer) ? TAKEN_ONE : TAKEN_NONSENSE;
    if (code != message_of(question->ask).answers)
        return TAKEN_NONSENSE;
    return take_body(question->ask, body, ret_answer) ? TAKEN_ONE : TAKEN_NONSENSE;
}

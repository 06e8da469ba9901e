/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/talk.h"

#include "base/check.h"
#include "wire/pb_wire.h"

enum { HEAD_BYTES = 5 };

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

static void put_get(struct buf *buf, const struct talk *talk)
{
    put_bytes(buf, 1, talk->bucket);
    put_bytes(buf, 2, talk->key);
    put_number(buf, 3, talk->r);
    put_number(buf, 4, talk->pr);
    put_number(buf, 9, 1);
}

static void put_write(struct buf *buf, const struct talk *talk)
{
    struct buf content;

    put_bytes(buf, 1, talk->bucket);
    put_bytes(buf, 2, talk->key);
    if (talk->vclock.len > 0)
        put_bytes(buf, 3, talk->vclock);
    buf_init(&content, 1 << 20);
    put_bytes(&content, 1, talk->value);
    put_bytes(buf, 4, buf_bytes(&content));
    buf_done(&content);
    put_number(buf, 5, talk->w);
    put_number(buf, 6, talk->dw);
    put_number(buf, 7, talk->return_body);
    put_number(buf, 8, talk->pw);
    put_number(buf, 10, talk->if_none_match);
}

static void put_delete(struct buf *buf, const struct talk *talk)
{
    put_bytes(buf, 1, talk->bucket);
    put_bytes(buf, 2, talk->key);
    if (talk->vclock.len > 0)
        put_bytes(buf, 4, talk->vclock);
    put_number(buf, 6, talk->w);
    put_number(buf, 8, talk->pw);
    put_number(buf, 9, talk->dw);
}

/* The property that a bucket keeps siblings. */
static void put_props(struct buf *buf, const struct talk *talk)
{
    struct buf props;

    put_bytes(buf, 1, talk->bucket);
    buf_init(&props, 64);
    put_number(&props, 2, 1);
    put_bytes(buf, 2, buf_bytes(&props));
    buf_done(&props);
}

void talk_put(struct buf *buf, const struct talk *talk)
{
    size_t start = buf->len;

    buf_put_be32(buf, 0);
    buf_put_u8(buf, (uint8_t)talk->code);
    if (talk->code == PB_GET_REQ)
        put_get(buf, talk);
    else if (talk->code == PB_PUT_REQ)
        put_write(buf, talk);
    else if (talk->code == PB_DEL_REQ)
        put_delete(buf, talk);
    else if (talk->code == PB_SET_BUCKET_REQ)
        put_props(buf, talk);
    ASSERT(!buf->overflow);
    size_t size = buf->len - start - 4;
    for (unsigned i = 0; i < 4; i++)
        buf->data[start + i] = (uint8_t)(size >> (24 - 8 * i));
}

static bool take_content(struct bytes body, struct talk_answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    uint32_t at = answer->count;

    if (at == TALK_SIBLINGS_MAX)
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

static bool take_object(struct bytes body, struct talk_answer *answer)
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
    return ok && r.ok;
}

static bool take_error(struct bytes body, struct talk_answer *answer)
{
    struct reader r = reader_of(body);
    struct pb_field field;

    while (pb_next(&r, &field)) {
        if (field.number == 1 && field.type == PB_LENGTH)
            answer->error = field.bytes;
    }
    return r.ok;
}

size_t talk_take(struct bytes bytes, struct talk_answer *ret_answer, bool *ret_malformed)
{
    struct reader r = reader_of(bytes);
    uint32_t size = reader_be32(&r);

    *ret_malformed = false;
    if (bytes.len < HEAD_BYTES || bytes.len - 4 < size)
        return 0;
    memset(ret_answer, 0, sizeof(*ret_answer));
    ret_answer->code = (enum pb_code)reader_u8(&r);
    struct bytes body = reader_take(&r, size - 1);
    if (ret_answer->code == PB_ERROR_RESP)
        *ret_malformed = !take_error(body, ret_answer);
    else if (ret_answer->code == PB_GET_RESP || ret_answer->code == PB_PUT_RESP)
        *ret_malformed = !take_object(body, ret_answer);
    return size + 4;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_wire.h"

#include "base/check.h"
#include "msg/request.h"

enum { PB_VARINT_BYTES_MAX = 10, PB_FIELD_MAX = (1 << 29) - 1, PB_TABLE_MAX = 64 };

/* Not reader_varint: that one refuses longer forms than needed, which are legal here. */
static uint64_t read_varint(struct reader *r)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < PB_VARINT_BYTES_MAX && i < r->rest.len; i++) {
        uint8_t byte = r->rest.data[i];
        if (i == PB_VARINT_BYTES_MAX - 1 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            r->rest = bytes_of(r->rest.data + i + 1, r->rest.len - i - 1);
            return value;
        }
    }
    r->ok = false;
    r->rest = BYTES_NONE;
    return 0;
}

bool pb_next(struct reader *r, struct pb_field *ret_field)
{
    if (!r->ok || r->rest.len == 0)
        return false;
    uint64_t tag = read_varint(r);
    uint64_t number = tag >> 3;
    if (number == 0 || number > PB_FIELD_MAX)
        r->ok = false;
    *ret_field = (struct pb_field){.number = (uint32_t)number};
    switch (tag & 7) {
    case PB_VARINT:
        ret_field->type = PB_VARINT;
        ret_field->value = read_varint(r);
        break;
    case PB_FIXED64:
        ret_field->type = PB_FIXED64;
        ret_field->value = reader_le64(r);
        break;
    case PB_LENGTH: {
        ret_field->type = PB_LENGTH;
        uint64_t len = read_varint(r);
        if (len > r->rest.len)
            r->ok = false;
        else
            ret_field->bytes = reader_take(r, (size_t)len);
        break;
    }
    case PB_FIXED32:
        ret_field->type = PB_FIXED32;
        ret_field->value = reader_le32(r);
        break;
    default: r->ok = false; break; /* not an enum */
    }
    return r->ok;
}

/* Puts a field where its table says; false when it has the wrong type. */
static bool store(const struct pb_spec *spec, const struct pb_field *field, void *message)
{
    uint8_t *at = (uint8_t *)message + spec->offset;
    enum tristate tristate = field->value != 0 ? TRI_TRUE : TRI_FALSE;
    bool flag = field->value != 0;
    uint32_t number = (uint32_t)field->value;

    switch (spec->kind) {
    case PB_UNKNOWN: return true;
    case PB_BYTES: memcpy(at, &field->bytes, sizeof(field->bytes)); return field->type == PB_LENGTH;
    case PB_UINT32: memcpy(at, &number, sizeof(number)); break;
    case PB_BOOL: memcpy(at, &flag, sizeof(flag)); break;
    case PB_TRISTATE: memcpy(at, &tristate, sizeof(tristate)); break;
    }
    return field->type == PB_VARINT;
}

enum err pb_read(struct pb_specs specs, struct bytes body, void *message)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    uint64_t seen = 0;

    ASSERT(specs.count < PB_TABLE_MAX);
    while (pb_next(&r, &field)) {
        if (field.number >= specs.count)
            continue;
        if (!store(&specs.specs[field.number], &field, message))
            return ERR_MALFORMED;
        seen |= UINT64_C(1) << field.number;
    }
    if (!r.ok)
        return ERR_MALFORMED;
    for (uint32_t i = 0; i < specs.count; i++) {
        if (specs.specs[i].required && (seen >> i & 1) == 0)
            return ERR_MALFORMED;
    }
    return ERR_OK;
}

uint32_t pb_count(struct bytes body, uint32_t number)
{
    struct reader r = reader_of(body);
    struct pb_field field;
    uint32_t count = 0;

    ASSERT(number > 0);
    while (pb_next(&r, &field))
        count += field.number == number;
    return count;
}

void pb_put_raw(struct pb_writer *w, struct bytes bytes)
{
    if (w->at != NULL && bytes.len > 0)
        memcpy(w->at + w->len, bytes.data, bytes.len);
    w->len += bytes.len;
}

void pb_put_varint(struct pb_writer *w, uint64_t value)
{
    do {
        uint8_t low = value & 0x7f;
        value >>= 7;
        if (w->at != NULL)
            w->at[w->len] = (uint8_t)(low | (value != 0 ? 0x80 : 0));
        w->len++;
    } while (value != 0);
}

void pb_put_number(struct pb_writer *w, uint32_t field, uint64_t value)
{
    ASSERT(field > 0);
    pb_put_varint(w, (uint64_t)field << 3 | PB_VARINT);
    pb_put_varint(w, value);
}

void pb_put_message(struct pb_writer *w, uint32_t field, size_t len)
{
    ASSERT(field > 0);
    pb_put_varint(w, (uint64_t)field << 3 | PB_LENGTH);
    pb_put_varint(w, len);
}

void pb_put_bytes(struct pb_writer *w, uint32_t field, struct bytes bytes)
{
    pb_put_message(w, field, bytes.len);
    pb_put_raw(w, bytes);
}

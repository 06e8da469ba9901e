/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include "base/check.h"
#include "wire/pb_wire.h"

enum { FRAME_HEAD_BYTES = 4 };

void ask_init(struct ask *ask)
{
    *ask = (struct ask){
        .r = QUORUM_DEFAULT,
        .w = QUORUM_DEFAULT,
        .pr = QUORUM_DEFAULT,
        .pw = QUORUM_DEFAULT,
        .dw = QUORUM_DEFAULT,
    };
}

static void put_some(struct pb_writer *w, uint32_t field, struct bytes bytes)
{
    if (bytes.data != NULL && bytes.len > 0)
        pb_put_bytes(w, field, bytes);
}

static void put_quorum(struct pb_writer *w, uint32_t field, uint32_t value)
{
    if (value != QUORUM_DEFAULT)
        pb_put_number(w, field, value);
}

static void put_set(struct pb_writer *w, uint32_t field, uint64_t value)
{
    if (value != 0)
        pb_put_number(w, field, value);
}

static void get_fields(struct pb_writer *w, const struct ask *ask)
{
    pb_put_bytes(w, 1, ask->bucket);
    pb_put_bytes(w, 2, ask->key);
    put_quorum(w, 3, ask->r);
    put_quorum(w, 4, ask->pr);
    put_set(w, 9, ask->deletedvclock);
    put_set(w, 10, ask->timeout_ms);
    put_some(w, 13, ask->type);
}

static void content_fields(struct pb_writer *w, const struct ask *ask)
{
    pb_put_bytes(w, 1, ask->value);
    if (ask->content_type.data != NULL)
        pb_put_bytes(w, 2, ask->content_type);
}

static void put_fields(struct pb_writer *w, const struct ask *ask)
{
    struct pb_writer content = {NULL, 0};

    content_fields(&content, ask);
    pb_put_bytes(w, 1, ask->bucket);
    if (ask->key.data != NULL)
        pb_put_bytes(w, 2, ask->key);
    put_some(w, 3, ask->context);
    pb_put_message(w, 4, content.len);
    content_fields(w, ask);
    put_quorum(w, 5, ask->w);
    put_quorum(w, 6, ask->dw);
    put_quorum(w, 8, ask->pw);
    put_set(w, 9, ask->if_not_modified);
    put_set(w, 10, ask->if_none_match);
    put_set(w, 11, ask->return_head);
    put_set(w, 12, ask->timeout_ms);
    put_some(w, 16, ask->type);
}

static void del_fields(struct pb_writer *w, const struct ask *ask)
{
    pb_put_bytes(w, 1, ask->bucket);
    pb_put_bytes(w, 2, ask->key);
    put_some(w, 4, ask->context);
    put_quorum(w, 5, ask->r);
    put_quorum(w, 6, ask->w);
    put_quorum(w, 7, ask->pr);
    put_quorum(w, 8, ask->pw);
    put_quorum(w, 9, ask->dw);
    put_set(w, 10, ask->timeout_ms);
    put_some(w, 13, ask->type);
}

static void list_buckets_fields(struct pb_writer *w, const struct ask *ask)
{
    put_set(w, 1, ask->timeout_ms);
    pb_put_number(w, 2, true);
    put_some(w, 3, ask->type);
}

static void list_keys_fields(struct pb_writer *w, const struct ask *ask)
{
    pb_put_bytes(w, 1, ask->bucket);
    put_set(w, 2, ask->timeout_ms);
    put_some(w, 3, ask->type);
}

static void fields(struct pb_writer *w, enum pb_code code, const struct ask *ask)
{
    if (code == PB_GET_REQ)
        get_fields(w, ask);
    else if (code == PB_PUT_REQ)
        put_fields(w, ask);
    else if (code == PB_DEL_REQ)
        del_fields(w, ask);
    else if (code == PB_LIST_BUCKETS_REQ)
        list_buckets_fields(w, ask);
    else if (code == PB_LIST_KEYS_REQ)
        list_keys_fields(w, ask);
    else
        ASSERT(code == PB_PING_REQ || code == PB_SERVER_INFO_REQ);
}

void ask_put(struct buf *to, enum pb_code code, const struct ask *ask)
{
    struct pb_writer counted = {NULL, 0};

    fields(&counted, code, ask);
    buf_put_be32(to, (uint32_t)counted.len + 1);
    buf_put_u8(to, (uint8_t)code);
    uint8_t *at = buf_extend(to, counted.len);
    if (at == NULL)
        return;
    struct pb_writer w = {at, 0};
    fields(&w, code, ask);
    ASSERT(w.len == counted.len);
}

bool ask_quorum(const char *text, uint32_t *ret_value)
{
    struct bytes word = bytes_str(text);
    uint64_t number = 0;

    if (bytes_eq(word, BYTES_LIT("one")))
        *ret_value = QUORUM_ONE;
    else if (bytes_eq(word, BYTES_LIT("quorum")))
        *ret_value = QUORUM_QUORUM;
    else if (bytes_eq(word, BYTES_LIT("all")))
        *ret_value = QUORUM_ALL;
    else if (bytes_to_u64(word, &number) && number < QUORUM_DEFAULT)
        *ret_value = (uint32_t)number;
    else
        return false;
    return true;
}

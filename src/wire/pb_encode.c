/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_encode.h"

#include "base/check.h"

enum { FRAME_HEAD_BYTES = 5, NAMES_FIELD = 1, NAMES_DONE_FIELD = 2 };

struct pb_writer pb_frame_begin(uint8_t *to)
{
    return (struct pb_writer){to, FRAME_HEAD_BYTES};
}

size_t pb_frame_end(const struct pb_writer *w, enum pb_code code)
{
    size_t size = w->len - (FRAME_HEAD_BYTES - 1);

    ASSERT(w->len >= FRAME_HEAD_BYTES);
    ASSERT(size < INT32_MAX);
    if (w->at != NULL) {
        for (unsigned i = 0; i < 4; i++)
            w->at[i] = (uint8_t)(size >> (8 * (3 - i)));
        w->at[4] = (uint8_t)code;
    }
    return w->len;
}

size_t pb_empty_put(uint8_t *to, enum pb_code code)
{
    struct pb_writer w = pb_frame_begin(to);

    return pb_frame_end(&w, code);
}

size_t pb_error_put(uint8_t *to, struct bytes text)
{
    struct pb_writer w = pb_frame_begin(to);

    pb_put_bytes(&w, 1, text);
    pb_put_number(&w, 2, 0);
    return pb_frame_end(&w, PB_ERROR_RESP);
}

size_t pb_client_id_put(uint8_t *to, struct bytes client_id)
{
    struct pb_writer w = pb_frame_begin(to);

    pb_put_bytes(&w, 1, client_id);
    return pb_frame_end(&w, PB_GET_CLIENT_ID_RESP);
}

size_t pb_server_info_put(uint8_t *to, struct bytes node, struct bytes version)
{
    struct pb_writer w = pb_frame_begin(to);

    if (node.len > 0)
        pb_put_bytes(&w, 1, node);
    pb_put_bytes(&w, 2, version);
    return pb_frame_end(&w, PB_SERVER_INFO_RESP);
}

size_t pb_object_put(uint8_t *to, const struct pb_object_resp *resp)
{
    struct pb_writer w = pb_frame_begin(to);

    ASSERT(resp->code == PB_GET_RESP || resp->code == PB_PUT_RESP);
    ASSERT(resp->code == PB_PUT_RESP || resp->key.len == 0);
    ASSERT(resp->code == PB_GET_RESP || !resp->unchanged);
    for (uint32_t i = 0; i < resp->shown_count; i++)
        pb_content_put(&w, 1, &resp->shown[i]);
    if (resp->vclock.len > 0)
        pb_put_bytes(&w, 2, resp->vclock);
    if (resp->key.len > 0)
        pb_put_bytes(&w, 3, resp->key);
    if (resp->unchanged)
        pb_put_number(&w, 3, 1);
    return pb_frame_end(&w, resp->code);
}

size_t pb_names_put(uint8_t *to, enum pb_code code, const struct bytes *names, uint32_t count)
{
    struct pb_writer w = pb_frame_begin(to);

    for (uint32_t i = 0; i < count; i++)
        pb_put_bytes(&w, NAMES_FIELD, names[i]);
    return pb_frame_end(&w, code);
}

size_t pb_gathered_put(uint8_t *to, enum pb_code code, struct bytes gathered)
{
    struct pb_writer w = pb_frame_begin(to);

    pb_put_raw(&w, gathered);
    return pb_frame_end(&w, code);
}

void pb_name_add(struct buf *gathered, struct bytes name)
{
    struct pb_writer count = {NULL, 0};

    pb_put_bytes(&count, NAMES_FIELD, name);
    struct pb_writer w = {buf_extend(gathered, count.len), 0};
    if (w.at != NULL)
        pb_put_bytes(&w, NAMES_FIELD, name);
    ASSERT(gathered->overflow || w.len == count.len);
}

size_t pb_names_done_put(uint8_t *to, enum pb_code code)
{
    struct pb_writer w = pb_frame_begin(to);

    pb_put_number(&w, NAMES_DONE_FIELD, 1);
    return pb_frame_end(&w, code);
}

/* Counts an entry (`w->at` NULL), or writes it. */
static void put_replica(struct pb_writer *w, const struct pb_replica *replica)
{
    pb_put_number(w, 1, replica->partition);
    pb_put_bytes(w, 2, replica->node);
    pb_put_number(w, 3, replica->primary);
}

size_t pb_preflist_put(uint8_t *to, const struct pb_replica *replicas, uint32_t count)
{
    struct pb_writer w = pb_frame_begin(to);

    for (uint32_t i = 0; i < count; i++) {
        struct pb_writer size = {NULL, 0};
        put_replica(&size, &replicas[i]);
        pb_put_message(&w, 1, size.len);
        put_replica(&w, &replicas[i]);
    }
    return pb_frame_end(&w, PB_PREFLIST_RESP);
}

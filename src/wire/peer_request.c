/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_request.h"

#include "base/check.h"
#include "model/limits.h"
#include "msg/limits.h"
#include "wire/peer_field.h"

enum request_tag { TAG_GET = 1, TAG_PUT = 2, TAG_DELETE = 3 };

enum {
    CONDITION_IF_NONE_MATCH_ANY = 1,
    CONDITION_IF_NOT_MODIFIED = 2,
    CONDITION_IF_MATCH_ANY = 4,
    CONDITION_BITS = 8,

    PUT_DELETED = 1,
    PUT_ASIS = 2,
    PUT_RETURN_BODY = 4,
    PUT_TTL = 8,
    PUT_BITS = 16,

    GET_HEAD = 1,
    GET_HAS_IF_MODIFIED = 2,
    GET_BITS = 4,

    TRISTATES = 3,
    TAGS_MAX = 1000,            /* entity tags in a condition */
    TEXT_BYTES_MAX = 64 * 1024, /* content type, charset, encoding: a header's length */
};

static void options_put(struct buf *buf, const struct request_options *o)
{
    buf_put_le32(buf, o->r);
    buf_put_le32(buf, o->w);
    buf_put_le32(buf, o->pr);
    buf_put_le32(buf, o->pw);
    buf_put_le32(buf, o->dw);
    buf_put_le32(buf, o->rw);
    buf_put_le32(buf, o->node_confirms);
    buf_put_le32(buf, o->n_val);
    buf_put_le32(buf, o->timeout_ms);
    buf_put_u8(buf, (uint8_t)o->basic_quorum);
    buf_put_u8(buf, (uint8_t)o->notfound_ok);
    buf_put_u8(buf, (uint8_t)o->sloppy_quorum);
}

static void options_get(struct reader *r, struct request_options *o)
{
    o->r = reader_le32(r);
    o->w = reader_le32(r);
    o->pr = reader_le32(r);
    o->pw = reader_le32(r);
    o->dw = reader_le32(r);
    o->rw = reader_le32(r);
    o->node_confirms = reader_le32(r);
    o->n_val = reader_le32(r);
    o->timeout_ms = reader_le32(r);
    o->basic_quorum = (enum tristate)field_choice(r, TRISTATES);
    o->notfound_ok = (enum tristate)field_choice(r, TRISTATES);
    o->sloppy_quorum = (enum tristate)field_choice(r, TRISTATES);
}

static void tags_put(struct buf *buf, const struct bytes *tags, uint32_t count)
{
    buf_put_varint(buf, count);
    for (uint32_t i = 0; i < count; i++)
        buf_put_lenbytes(buf, tags[i]);
}

static const struct bytes *tags_get(struct arena *arena, struct reader *r, uint32_t *ret_count)
{
    size_t count = reader_count(r, TAGS_MAX, 1);
    struct bytes *tags = arena_alloc_array(arena, count, sizeof(*tags));

    for (size_t i = 0; i < count; i++)
        tags[i] = reader_lenbytes(r, HTTP_HEADER_BYTES_MAX);
    *ret_count = (uint32_t)count;
    return tags;
}

static void condition_put(struct buf *buf, const struct condition *c)
{
    unsigned bits = (c->if_none_match_any ? CONDITION_IF_NONE_MATCH_ANY : 0U) |
                    (c->if_not_modified ? CONDITION_IF_NOT_MODIFIED : 0U) |
                    (c->if_match_any ? CONDITION_IF_MATCH_ANY : 0U);

    buf_put_u8(buf, (uint8_t)bits);
    field_clock_put(buf, c->context);
    tags_put(buf, c->if_match, c->if_match_count);
    tags_put(buf, c->if_none_match, c->if_none_match_count);
    buf_put_le64(buf, c->if_unmodified_since_s);
}

static void condition_get(struct arena *arena, struct reader *r, struct condition *c)
{
    uint8_t bits = field_choice(r, CONDITION_BITS);

    c->if_none_match_any = (bits & CONDITION_IF_NONE_MATCH_ANY) != 0;
    c->if_not_modified = (bits & CONDITION_IF_NOT_MODIFIED) != 0;
    c->if_match_any = (bits & CONDITION_IF_MATCH_ANY) != 0;
    c->context = field_clock(arena, r);
    c->if_match = tags_get(arena, r, &c->if_match_count);
    c->if_none_match = tags_get(arena, r, &c->if_none_match_count);
    c->if_unmodified_since_s = reader_le64(r);
}

static void pairs_put(struct buf *buf, const struct pair *pairs, uint32_t count)
{
    buf_put_varint(buf, count);
    for (uint32_t i = 0; i < count; i++) {
        buf_put_lenbytes(buf, pairs[i].name);
        buf_put_lenbytes(buf, pairs[i].value);
    }
}

static const struct pair *pairs_get(struct arena *arena, struct reader *r, size_t max,
                                    uint32_t *ret_count)
{
    size_t count = reader_count(r, max, 2);
    struct pair *pairs = arena_alloc_array(arena, count, sizeof(*pairs));

    for (size_t i = 0; i < count; i++) {
        pairs[i].name = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
        pairs[i].value = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
    }
    *ret_count = (uint32_t)count;
    return pairs;
}

static void content_put(struct buf *buf, const struct content *c)
{
    buf_put_lenbytes(buf, c->value);
    field_optional_put(buf, c->content_type);
    field_optional_put(buf, c->charset);
    field_optional_put(buf, c->content_encoding);
    buf_put_varint(buf, c->links_count);
    for (uint32_t i = 0; i < c->links_count; i++) {
        buf_put_lenbytes(buf, c->links[i].bucket);
        buf_put_lenbytes(buf, c->links[i].key);
        buf_put_lenbytes(buf, c->links[i].tag);
    }
    pairs_put(buf, c->meta, c->meta_count);
    pairs_put(buf, c->indexes, c->indexes_count);
}

static void links_get(struct arena *arena, struct reader *r, struct content *c)
{
    size_t count = reader_count(r, LINKS_MAX, 3);
    struct link *links = arena_alloc_array(arena, count, sizeof(*links));

    for (size_t i = 0; i < count; i++) {
        links[i].bucket = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
        links[i].key = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
        links[i].tag = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
    }
    c->links = links;
    c->links_count = (uint32_t)count;
}

static void content_get(struct arena *arena, struct reader *r, struct content *c)
{
    c->value = reader_lenbytes(r, PEER_FRAME_BYTES_MAX);
    c->content_type = field_optional(r, TEXT_BYTES_MAX);
    c->charset = field_optional(r, TEXT_BYTES_MAX);
    c->content_encoding = field_optional(r, TEXT_BYTES_MAX);
    links_get(arena, r, c);
    c->meta = pairs_get(arena, r, META_PAIRS_MAX, &c->meta_count);
    c->indexes = pairs_get(arena, r, INDEX_ENTRIES_MAX, &c->indexes_count);
}

static void put_put(struct buf *buf, const struct request_put *put)
{
    unsigned bits = (put->deleted ? PUT_DELETED : 0U) | (put->asis ? PUT_ASIS : 0U) |
                    (put->return_body ? PUT_RETURN_BODY : 0U) | (put->has_ttl ? PUT_TTL : 0U);

    buf_put_u8(buf, (uint8_t)bits);
    if (put->has_ttl)
        buf_put_le32(buf, put->ttl_s);
    field_clock_put(buf, put->context);
    content_put(buf, &put->content);
    condition_put(buf, &put->condition);
}

static void put_get(struct arena *arena, struct reader *r, struct request_put *put)
{
    uint8_t bits = field_choice(r, PUT_BITS);

    put->deleted = (bits & PUT_DELETED) != 0;
    put->asis = (bits & PUT_ASIS) != 0;
    put->return_body = (bits & PUT_RETURN_BODY) != 0;
    put->has_ttl = (bits & PUT_TTL) != 0;
    put->ttl_s = put->has_ttl ? reader_le32(r) : 0;
    put->context = field_clock(arena, r);
    content_get(arena, r, &put->content);
    condition_get(arena, r, &put->condition);
}

static void delete_put(struct buf *buf, const struct request_delete *del)
{
    buf_put_u8(buf, del->has_context);
    field_clock_put(buf, del->context);
    condition_put(buf, &del->condition);
}

static void delete_get(struct arena *arena, struct reader *r, struct request_delete *del)
{
    del->has_context = field_bool(r);
    del->context = field_clock(arena, r);
    condition_get(arena, r, &del->condition);
}

static void get_put(struct buf *buf, const struct request_get *get)
{
    unsigned bits = (get->head ? GET_HEAD : 0U) | (get->has_if_modified ? GET_HAS_IF_MODIFIED : 0U);

    buf_put_u8(buf, (uint8_t)bits);
    field_clock_put(buf, get->if_modified);
}

static void get_get(struct arena *arena, struct reader *r, struct request_get *get)
{
    uint8_t bits = field_choice(r, GET_BITS);

    get->head = (bits & GET_HEAD) != 0;
    get->has_if_modified = (bits & GET_HAS_IF_MODIFIED) != 0;
    get->if_modified = field_clock(arena, r);
}

static enum request_tag tag_of(enum request_kind kind)
{
    switch (kind) {
    case REQUEST_GET: return TAG_GET;
    case REQUEST_PUT: return TAG_PUT;
    case REQUEST_DELETE: return TAG_DELETE;
    case REQUEST_LIST_KEYS:
    case REQUEST_LIST_BUCKETS:
    case REQUEST_SET_PROPS:
    case REQUEST_ADMIN:
    case REQUEST_SWEEP: break;
    }
    UNREACHABLE();
}

void peer_request_put(struct buf *buf, const struct request *request)
{
    enum request_tag tag = tag_of(request->kind);

    buf_put_u8(buf, (uint8_t)tag);
    buf_put_lenbytes(buf, request->key.type);
    buf_put_lenbytes(buf, request->key.bucket);
    field_optional_put(buf, request->key.key);
    options_put(buf, &request->options);
    switch (tag) {
    case TAG_GET: get_put(buf, &request->u.get); break;
    case TAG_PUT: put_put(buf, &request->u.put); break;
    case TAG_DELETE: delete_put(buf, &request->u.del); break;
    }
}

void peer_request_get(struct arena *arena, struct reader *r, struct request *ret_request)
{
    struct request q = {.kind = REQUEST_GET};
    uint8_t tag = field_choice(r, TAG_DELETE + 1);

    q.key.type = reader_lenbytes(r, TYPE_BYTES_MAX);
    q.key.bucket = reader_lenbytes(r, BUCKET_BYTES_MAX);
    q.key.key = field_optional(r, KEY_BYTES_MAX);
    options_get(r, &q.options);
    if (tag == TAG_GET) {
        get_get(arena, r, &q.u.get);
    } else if (tag == TAG_PUT) {
        q.kind = REQUEST_PUT;
        put_get(arena, r, &q.u.put);
    } else if (tag == TAG_DELETE) {
        q.kind = REQUEST_DELETE;
        delete_get(arena, r, &q.u.del);
    } else {
        field_fail(r);
    }
    *ret_request = q;
}

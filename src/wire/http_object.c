/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_object.h"

#include "base/check.h"
#include "base/encode.h"
#include "base/hash.h"
#include "model/context.h"
#include "wire/date.h"
#include "wire/http_index.h"
#include "wire/http_link.h"
#include "wire/http_put.h"
#include "wire/multipart.h"

enum { US_PER_S = 1000000, CONTEXT_TEXT_MAX = 128 * 1024 };

/* Headers that carry the protocol or another part of the object: metadata written over the other
 * protocol cannot speak in their place. */
static bool is_reserved(struct bytes name)
{
    static const char *const names[] = {
        "accept-ranges",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "proxy-connection",
        "server",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "x-dassie-expires",
        "x-riak-deleted",
        "x-riak-vclock",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (bytes_eq_nocase(name, bytes_str(names[i])))
            return true;
    }
    return !http_is_token(name);
}

static void put_meta(struct buf *buf, const struct content *content)
{
    struct arena arena;

    arena_init(&arena);
    for (uint32_t i = 0; i < content->meta_count; i++) {
        if (is_reserved(content->meta[i].name))
            continue;
        buf_put(buf, http_canonical_name(&arena, content->meta[i].name));
        buf_put_str(buf, ": ");
        http_value_put(buf, content->meta[i].value);
        buf_put_str(buf, "\r\n");
    }
    arena_done(&arena);
}

static void put_date(struct buf *buf, const char *name, uint64_t at_us)
{
    buf_put_str(buf, name);
    buf_put_str(buf, ": ");
    date_put(buf, at_us / US_PER_S);
    buf_put_str(buf, "\r\n");
}

static void put_modified(struct buf *buf, uint64_t hlc_us)
{
    put_date(buf, "Last-Modified", hlc_us);
}

/* What a sibling has as headers, alone or as a part. */
static void put_headers(struct buf *buf, const struct http_path *path,
                        const struct sibling *sibling)
{
    const struct content *content = &sibling->content;

    if (content->content_encoding.len > 0) {
        buf_put_str(buf, "Content-Encoding: ");
        http_value_put(buf, content->content_encoding);
        buf_put_str(buf, "\r\n");
    }
    put_modified(buf, sibling->hlc_us);
    if (sibling->expires_us != 0)
        put_date(buf, "X-Dassie-Expires", sibling->expires_us);
    buf_put_str(buf, "Link: ");
    http_links_put(buf, path->form, path->bucket, content);
    buf_put_str(buf, "\r\n");
    if (sibling->deleted)
        buf_put_str(buf, "X-Riak-Deleted: true\r\n");
    put_meta(buf, content);
    http_indexes_put(buf, content);
}

static void put_type(struct buf *buf, const struct content *content)
{
    if (content->content_type.len > 0)
        http_value_put(buf, content->content_type);
    else
        buf_put_str(buf, "application/octet-stream");
    if (content->charset.len > 0) {
        buf_put_str(buf, "; charset=");
        http_value_put(buf, content->charset);
    }
}

void http_vclock_put(struct http_answer *answer, struct clock clock)
{
    struct buf context;

    buf_init(&context, CONTEXT_TEXT_MAX);
    context_put(&context, clock);
    ASSERT(!context.overflow);
    buf_put_str(&answer->head, "X-Riak-Vclock: ");
    base64_put(&answer->head, buf_bytes(&context));
    buf_put_str(&answer->head, "\r\n");
    buf_done(&context);
}

void http_etag_put(struct http_answer *answer, struct bytes etag)
{
    ASSERT(etag.len > 0);
    ASSERT(etag.len < sizeof(answer->etag));
    memcpy(answer->etag, etag.data, etag.len);
    answer->etag[etag.len] = 0;
    buf_put_str(&answer->head, "ETag: \"");
    buf_put(&answer->head, etag);
    buf_put_str(&answer->head, "\"\r\n");
}

void http_answer_sibling(struct http_answer *answer, const struct http_path *path,
                         struct clock clock, const struct sibling *sibling)
{
    char vtag[VTAG_BYTES_MAX];

    answer->status = 200;
    put_type(&answer->type, &sibling->content);
    http_vclock_put(answer, clock);
    http_etag_put(answer, object_vtag(sibling->dot, vtag));
    put_headers(&answer->head, path, sibling);
    answer->offers_gzip = sibling->content.content_encoding.len == 0;
    answer->body = sibling->content.value;
}

static void put_parts(struct http_answer *answer, const struct http_path *path,
                      const struct object *object)
{
    struct buf *text = &answer->text;
    char vtag[VTAG_BYTES_MAX];
    struct arena arena;
    uint64_t seed = 0;

    arena_init(&arena);
    struct bytes *values = arena_alloc_array(&arena, object->count, sizeof(*values));
    for (uint32_t i = 0; i < object->count; i++) {
        values[i] = object->siblings[i].content.value;
        seed = hash_mix(seed, object->siblings[i].dot.actor);
        seed = hash_mix(seed, object->siblings[i].dot.counter);
    }
    struct boundary boundary = multipart_boundary(seed, values, object->count);
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        multipart_part(text, &boundary);
        buf_put_str(text, "Content-Type: ");
        put_type(text, &sibling->content);
        buf_put_str(text, "\r\nEtag: ");
        buf_put(text, object_vtag(sibling->dot, vtag));
        buf_put_str(text, "\r\n");
        put_headers(text, path, sibling);
        buf_put_str(text, "\r\n");
        buf_put(text, values[i]);
    }
    multipart_end(text, &boundary);
    buf_printf(&answer->type, "multipart/mixed; boundary=%s", boundary.text);
    arena_done(&arena);
}

void http_answer_siblings(struct http_answer *answer, const struct http_path *path,
                          const struct object *object, bool multipart)
{
    char vtag[VTAG_BYTES_MAX];

    ASSERT(object->count > 1);
    answer->status = 300;
    answer->offers_gzip = true;
    http_vclock_put(answer, object->clock);
    http_etag_put(answer, object_etag(object, vtag));
    put_modified(&answer->head, object_hlc_us(object));
    if (multipart) {
        put_parts(answer, path, object);
        return;
    }
    buf_put_str(&answer->type, "text/plain");
    buf_put_str(&answer->text, "Siblings:\n");
    for (uint32_t i = 0; i < object->count; i++) {
        buf_put(&answer->text, object_vtag(object->siblings[i].dot, vtag));
        buf_put_str(&answer->text, "\n");
    }
}

const struct sibling *http_find_vtag(const struct object *object, struct bytes vtag)
{
    char text[VTAG_BYTES_MAX];

    for (uint32_t i = 0; i < object->count; i++) {
        if (bytes_eq(object_vtag(object->siblings[i].dot, text), vtag))
            return &object->siblings[i];
    }
    return NULL;
}

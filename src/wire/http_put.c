/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_put.h"

#include "base/check.h"
#include "base/encode.h"
#include "model/context.h"
#include "model/limits.h"
#include "wire/http_accept.h"
#include "wire/http_index.h"
#include "wire/http_link.h"

#define META_PREFIX BYTES_LIT("X-Riak-Meta-")

struct bytes http_canonical_name(struct arena *arena, struct bytes name)
{
    uint8_t *text = arena_alloc(arena, name.len + 1);
    bool begin = true;

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (begin && c >= 'a' && c <= 'z')
            c = (uint8_t)(c - ('a' - 'A'));
        else if (!begin && c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        text[i] = c;
        begin = c == '-';
    }
    return bytes_of(text, name.len);
}

/* Metadata headers of one name are one pair; names that differ in case only count as one. */
static void read_meta(const struct http_request *http, struct arena *arena, struct content *content)
{
    struct pair *meta = arena_alloc_array(arena, http->headers_count, sizeof(*meta));
    uint32_t count = 0;

    for (uint32_t i = 0; i < http->headers_count; i++) {
        struct bytes name = http->headers[i].name;
        if (name.len <= META_PREFIX.len ||
            !bytes_eq_nocase(bytes_sub(name, 0, META_PREFIX.len), META_PREFIX))
            continue;
        struct bytes canonical = http_canonical_name(arena, name);
        uint32_t same = 0;
        while (same < count && !bytes_eq(meta[same].name, canonical))
            same++;
        if (same < count)
            continue;
        meta[count].name = canonical;
        bool found = http_header_joined(http, arena, canonical, &meta[count].value);
        ASSERT(found);
        count++;
    }
    content->meta = meta;
    content->meta_count = count;
}

/* A header with a context in base64; none is the empty clock. */
static enum err read_context(const struct http_request *http, struct arena *arena,
                             struct bytes name, bool *ret_present, struct clock *ret_clock)
{
    struct bytes text, bytes;

    *ret_clock = CLOCK_NONE;
    *ret_present = http_header(http, name, &text) && text.len > 0;
    if (!*ret_present)
        return ERR_OK;
    if (text.len > CONTEXT_BYTES_MAX * 2 || base64_decode(arena, text, &bytes) != ERR_OK)
        return ERR_BAD_CONTEXT;
    return context_decode(arena, bytes, ret_clock);
}

static unsigned refuse_context(struct buf *problem, const char *header)
{
    buf_put_str(problem, "Invalid ");
    buf_put_str(problem, header);
    buf_put_str(problem, " header: it is damaged or was not made by this cluster; "
                         "read the object again\n");
    return 400;
}

static struct request start(enum request_kind kind, const struct http_path *path,
                            const struct http_options *options)
{
    return (struct request){
        .kind = kind,
        .key = {.type = path->type, .bucket = path->bucket, .key = path->key},
        .options = options->quorums,
    };
}

unsigned http_get_read(const struct http_request *http, const struct http_path *path,
                       struct arena *arena, struct http_options *ret_options,
                       struct request *ret_request, struct buf *problem)
{
    ASSERT(path->key.data != NULL);
    if (http_options_read(http, arena, ret_options, problem) != ERR_OK)
        return 400;
    *ret_request = start(REQUEST_GET, path, ret_options);
    return 0;
}

unsigned http_delete_read(const struct http_request *http, const struct http_path *path,
                          struct arena *arena, struct http_options *ret_options,
                          struct request *ret_request, struct buf *problem)
{
    struct http_condition condition;

    ASSERT(path->key.data != NULL);
    if (http_options_read(http, arena, ret_options, problem) != ERR_OK)
        return 400;
    *ret_request = start(REQUEST_DELETE, path, ret_options);
    struct request_delete *del = &ret_request->u.del;
    http_condition_read(http, arena, &condition);
    del->condition = condition.tags;
    if (read_context(http, arena, BYTES_LIT("x-riak-vclock"), &del->has_context, &del->context) !=
        ERR_OK)
        return refuse_context(problem, "X-Riak-Vclock");
    return 0;
}

/* Links and index entries; 400 with words, or 0. */
static unsigned read_relations(const struct http_request *http, const struct http_path *path,
                               struct arena *arena, struct content *content, struct buf *problem)
{
    bool old = path->form == FORM_RIAK;

    if (http_links_read(http, path, arena, content) != ERR_OK) {
        buf_put_str(problem, "Invalid Link header. Links must be of the form\n");
        buf_put_str(problem, old ? "</riak/BUCKET/KEY>" : "</buckets/BUCKET/keys/KEY>");
        buf_put_str(problem, "; riaktag=\"TAG\"\n");
        return 400;
    }
    return http_indexes_read(http, arena, content, problem) == ERR_OK ? 0 : 400;
}

/* Type, charset and encoding of the body. The client must accept what it sends. */
static unsigned read_type(const struct http_request *http, struct arena *arena, struct bytes header,
                          struct content *content, struct buf *problem)
{
    struct bytes type = bytes_trim(bytes_sub(header, 0, bytes_find(header, ';', 0)));

    if (http_accept_type(http, arena, &type, 1) < 0)
        return 406;
    if (!http_media_type(header, &content->content_type, &content->charset)) {
        buf_put_str(problem, "\"");
        buf_put(problem, type);
        buf_put_str(problem, "\" is not a valid media type for the Content-type header.\n");
        return 415;
    }
    if (!http_header(http, BYTES_LIT("content-encoding"), &content->content_encoding))
        content->content_encoding = BYTES_NONE;
    return 0;
}

/* What must be true of the stored object. */
static unsigned read_conditions(const struct http_request *http, struct arena *arena,
                                struct request_put *put, struct buf *problem)
{
    struct http_condition condition;
    bool present;

    http_condition_read(http, arena, &condition);
    put->condition = condition.tags;
    if (read_context(http, arena, BYTES_LIT("x-riak-vclock"), &present, &put->context) != ERR_OK)
        return refuse_context(problem, "X-Riak-Vclock");
    if (read_context(http, arena, BYTES_LIT("x-riak-if-not-modified"),
                     &put->condition.if_not_modified, &put->condition.context) != ERR_OK)
        return refuse_context(problem, "X-Riak-If-Not-Modified");
    return 0;
}

/* How long the object lives, in seconds; 0 is for ever, whatever its bucket says. */
static unsigned read_ttl(const struct http_request *http, struct request_put *put,
                         struct buf *problem)
{
    struct bytes text;
    uint64_t seconds;

    if (!http_header(http, BYTES_LIT("x-dassie-ttl"), &text))
        return 0;
    if (!bytes_to_u64(text, &seconds) || seconds > TTL_S_MAX) {
        buf_printf(problem, "Invalid X-Dassie-TTL header: it is a number of seconds from 0 to %u\n",
                   (unsigned)TTL_S_MAX);
        return 400;
    }
    put->has_ttl = true;
    put->ttl_s = (uint32_t)seconds;
    return 0;
}

unsigned http_put_read(const struct http_request *http, const struct http_path *path,
                       struct arena *arena, struct http_options *ret_options,
                       struct request *ret_request, struct buf *problem)
{
    struct bytes type;
    struct content content = {.value = http->body};

    if (!http_header(http, BYTES_LIT("content-type"), &type) || type.len == 0) {
        buf_put_str(problem, "Missing Content-Type request header");
        return 400;
    }
    if (http_options_read(http, arena, ret_options, problem) != ERR_OK)
        return 400;
    unsigned status = read_relations(http, path, arena, &content, problem);
    if (status == 0)
        status = read_type(http, arena, type, &content, problem);
    if (status != 0)
        return status;
    read_meta(http, arena, &content);
    *ret_request = start(REQUEST_PUT, path, ret_options);
    struct request_put *put = &ret_request->u.put;
    put->content = content;
    put->asis = ret_options->asis;
    put->return_body = ret_options->return_body;
    status = read_ttl(http, put, problem);
    return status != 0 ? status : read_conditions(http, arena, put, problem);
}

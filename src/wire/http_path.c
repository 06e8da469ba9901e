/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_path.h"

#include "base/check.h"
#include "model/key.h"

enum { SEGMENTS_MAX = HTTP_STEPS_MAX + 8 };

/* The segments of a path, as sent. */
struct segments {
    struct bytes at[SEGMENTS_MAX];
    size_t count;
};

/* False when there are too many. */
static bool cut(struct bytes path, struct segments *ret_segments)
{
    size_t count = 0;

    for (size_t at = 0; at < path.len;) {
        size_t end = bytes_find(path, '/', at);
        if (end > at) {
            if (count == SEGMENTS_MAX)
                return false;
            ret_segments->at[count++] = bytes_sub(path, at, end - at);
        }
        at = end + 1;
    }
    ret_segments->count = count;
    return true;
}

static bool is_word(const struct segments *segments, size_t at, const char *word)
{
    return at < segments->count && bytes_eq(segments->at[at], bytes_str(word));
}

static struct bytes name_of(const struct http_path *path, struct arena *arena, struct bytes segment)
{
    return path->as_sent ? segment : http_unquote(arena, segment);
}

/* A path that is one fixed word. */
static enum http_resource read_word(const struct segments *segments)
{
    static const struct {
        const char *word;
        enum http_resource resource;
    } words[] = {
        {"ping", RESOURCE_PING},     {"stats", RESOURCE_STATS},     {"metrics", RESOURCE_METRICS},
        {"mapred", RESOURCE_MAPRED}, {"buckets", RESOURCE_BUCKETS}, {"riak", RESOURCE_BUCKETS},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (is_word(segments, 0, words[i].word))
            return words[i].resource;
    }
    return RESOURCE_NONE;
}

/* The object named by segment `at`, or the walk that begins there. */
static enum http_resource read_object(const struct segments *segments, size_t at,
                                      struct arena *arena, struct http_path *path)
{
    ASSERT(at < segments->count);
    path->key = name_of(path, arena, segments->at[at]);
    if (segments->count == at + 1)
        return RESOURCE_OBJECT;
    for (size_t i = at + 1; i < segments->count; i++) {
        if (path->steps_count == HTTP_STEPS_MAX)
            return RESOURCE_NONE;
        path->steps[path->steps_count++] = segments->at[i];
    }
    return RESOURCE_LINKS;
}

/* What follows /buckets/B or /types/T/buckets/B, from segment `at` on. */
static enum http_resource read_bucket(const struct http_request *request,
                                      const struct segments *segments, size_t at,
                                      struct arena *arena, struct http_path *path)
{
    size_t left = segments->count - at;

    ASSERT(at <= segments->count);
    if (is_word(segments, at, "props") && left == 1)
        return RESOURCE_PROPS;
    if (is_word(segments, at, "keys") && left == 1)
        return request->verb == VERB_POST ? RESOURCE_OBJECT : RESOURCE_KEYS;
    if (is_word(segments, at, "keys") && left > 1)
        return read_object(segments, at + 1, arena, path);
    if (is_word(segments, at, "index") && (left == 2 || left == 3 || left == 4))
        return RESOURCE_INDEX;
    if (is_word(segments, at, "counters") && left == 2 && path->form == FORM_BUCKETS)
        return RESOURCE_COUNTER;
    if (is_word(segments, at, "datatypes") && left <= 2 && path->form == FORM_TYPES)
        return RESOURCE_DATATYPE;
    return RESOURCE_NONE;
}

static enum http_resource read_types(const struct http_request *request,
                                     const struct segments *segments, struct arena *arena,
                                     struct http_path *path)
{
    if (segments->count < 3)
        return RESOURCE_NONE;
    path->form = FORM_TYPES;
    path->type = name_of(path, arena, segments->at[1]);
    if (is_word(segments, 2, "props") && segments->count == 3)
        return RESOURCE_TYPE_PROPS;
    if (!is_word(segments, 2, "buckets"))
        return RESOURCE_NONE;
    if (segments->count == 3)
        return RESOURCE_BUCKETS;
    path->bucket = name_of(path, arena, segments->at[3]);
    return read_bucket(request, segments, 4, arena, path);
}

static enum http_resource read_riak(const struct http_request *request,
                                    const struct segments *segments, struct arena *arena,
                                    struct http_path *path)
{
    path->form = FORM_RIAK;
    path->bucket = name_of(path, arena, segments->at[1]);
    if (segments->count > 2)
        return read_object(segments, 2, arena, path);
    return request->verb == VERB_POST ? RESOURCE_OBJECT : RESOURCE_BUCKET;
}

static enum http_resource read_resource(const struct http_request *request, struct arena *arena,
                                        struct http_path *path)
{
    static const char admin[] = "/dassie/v1/";
    struct segments segments;

    if (bytes_starts(request->path, bytes_str(admin))) {
        path->rest = bytes_sub(request->path, sizeof(admin) - 1, request->path.len);
        return RESOURCE_ADMIN;
    }
    if (!bytes_starts(request->path, BYTES_LIT("/")) || !cut(request->path, &segments))
        return RESOURCE_NONE;
    if (segments.count == 0)
        return RESOURCE_ROOT;
    path->form = is_word(&segments, 0, "riak") ? FORM_RIAK : FORM_BUCKETS;
    if (segments.count == 1)
        return read_word(&segments);
    if (is_word(&segments, 0, "types"))
        return read_types(request, &segments, arena, path);
    if (path->form == FORM_RIAK)
        return read_riak(request, &segments, arena, path);
    if (!is_word(&segments, 0, "buckets"))
        return RESOURCE_NONE;
    path->bucket = name_of(path, arena, segments.at[1]);
    return read_bucket(request, &segments, 2, arena, path);
}

void http_path_read(const struct http_request *request, struct arena *arena, bool decode,
                    struct http_path *ret_path)
{
    struct bytes wish;
    bool wished = http_header(request, BYTES_LIT("x-riak-url-encoding"), &wish) &&
                  bytes_eq_nocase(wish, BYTES_LIT("on"));

    *ret_path = (struct http_path){
        .as_sent = !decode && !wished, .form = FORM_BUCKETS, .type = TYPE_DEFAULT};
    ret_path->resource = read_resource(request, arena, ret_path);
    ASSERT(ret_path->type.len > 0 || ret_path->resource == RESOURCE_NONE);
}

unsigned http_path_verbs(const struct http_path *path)
{
    const unsigned look = VERB_BIT(VERB_GET) | VERB_BIT(VERB_HEAD);
    const unsigned put = VERB_BIT(VERB_PUT);
    const unsigned post = VERB_BIT(VERB_POST);
    const unsigned remove = VERB_BIT(VERB_DELETE);

    switch (path->resource) {
    case RESOURCE_NONE: return 0;
    case RESOURCE_ROOT:
    case RESOURCE_PING:
    case RESOURCE_STATS:
    case RESOURCE_METRICS:
    case RESOURCE_BUCKETS:
    case RESOURCE_KEYS:
    case RESOURCE_INDEX: return look;
    case RESOURCE_BUCKET:
    case RESOURCE_TYPE_PROPS: return look | put;
    case RESOURCE_PROPS: return look | put | remove;
    case RESOURCE_OBJECT: return look | put | post | remove;
    case RESOURCE_LINKS:
    case RESOURCE_DATATYPE:
    case RESOURCE_MAPRED: return look | post;
    case RESOURCE_COUNTER: return VERB_BIT(VERB_GET) | post;
    case RESOURCE_ADMIN: return look | put | post | remove;
    }
    UNREACHABLE();
}

void http_verbs_put(struct buf *buf, unsigned verbs)
{
    static const struct {
        enum http_verb verb;
        const char *name;
    } names[] = {
        {VERB_DELETE, "DELETE"}, {VERB_GET, "GET"}, {VERB_HEAD, "HEAD"},
        {VERB_POST, "POST"},     {VERB_PUT, "PUT"},
    };
    bool first = true;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((verbs & VERB_BIT(names[i].verb)) == 0)
            continue;
        buf_put_str(buf, first ? "" : ", ");
        buf_put_str(buf, names[i].name);
        first = false;
    }
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void http_quote_put(struct buf *buf, struct bytes text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (is_plain(c)) {
            buf_put_u8(buf, c);
        } else if (c == ' ') {
            buf_put_u8(buf, '+');
        } else {
            buf_put_u8(buf, '%');
            buf_put_u8(buf, (uint8_t)digits[c >> 4]);
            buf_put_u8(buf, (uint8_t)digits[c & 15]);
        }
    }
}

static void path_put(struct buf *buf, const char *before, struct bytes bucket, const char *between,
                     struct bytes key)
{
    buf_put_str(buf, before);
    http_quote_put(buf, bucket);
    if (key.data == NULL)
        return;
    buf_put_str(buf, between);
    http_quote_put(buf, key);
}

void http_link_path_put(struct buf *buf, enum http_form form, struct bytes bucket, struct bytes key)
{
    bool old = form == FORM_RIAK;

    path_put(buf, old ? "/riak/" : "/buckets/", bucket, old ? "/" : "/keys/", key);
}

void http_location_put(struct buf *buf, const struct http_path *path, struct bytes key)
{
    ASSERT(key.len > 0);
    if (path->form == FORM_TYPES) {
        buf_put_str(buf, "/types/");
        http_quote_put(buf, path->type);
    }
    http_link_path_put(buf, path->form, path->bucket, key);
}

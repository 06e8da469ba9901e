/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_content.h"

#include "base/check.h"
#include "model/limits.h"
#include "wire/index_term.h"
#include "wire/reply_error.h"

enum content_field {
    CONTENT_VALUE = 1,
    CONTENT_TYPE = 2,
    CONTENT_CHARSET = 3,
    CONTENT_ENCODING = 4,
    CONTENT_VTAG = 5,
    CONTENT_LINKS = 6,
    CONTENT_LAST_MOD = 7,
    CONTENT_LAST_MOD_USECS = 8,
    CONTENT_META = 9,
    CONTENT_INDEXES = 10,
    CONTENT_DELETED = 11,
};

enum link_field { LINK_BUCKET = 1, LINK_KEY = 2, LINK_TAG = 3 };
enum pair_field { PAIR_KEY = 1, PAIR_VALUE = 2 };

enum { US_PER_S = 1000 * 1000 };

static const struct pb_spec content_specs[] = {
    [CONTENT_VALUE] = {PB_BYTES, true, offsetof(struct request_put, content.value)},
    [CONTENT_TYPE] = {PB_BYTES, false, offsetof(struct request_put, content.content_type)},
    [CONTENT_CHARSET] = {PB_BYTES, false, offsetof(struct request_put, content.charset)},
    [CONTENT_ENCODING] = {PB_BYTES, false, offsetof(struct request_put, content.content_encoding)},
    [CONTENT_DELETED] = {PB_BOOL, false, offsetof(struct request_put, deleted)},
};

static const struct pb_spec link_specs[] = {
    [LINK_BUCKET] = {PB_BYTES, false, offsetof(struct link, bucket)},
    [LINK_KEY] = {PB_BYTES, false, offsetof(struct link, key)},
    [LINK_TAG] = {PB_BYTES, false, offsetof(struct link, tag)},
};

static const struct pb_spec pair_specs[] = {
    [PAIR_KEY] = {PB_BYTES, true, offsetof(struct pair, name)},
    [PAIR_VALUE] = {PB_BYTES, false, offsetof(struct pair, value)},
};

#define SPECS(table) ((struct pb_specs){table, ARRAY_LEN(table)})

/* How often each repeated field is there, and whether there is room for that many. */
static enum err count_repeated(struct bytes body, struct content *content, struct buf *problem)
{
    struct reader r = reader_of(body);
    struct pb_field field;

    while (pb_next(&r, &field)) {
        if (field.number != CONTENT_LINKS && field.number != CONTENT_META &&
            field.number != CONTENT_INDEXES)
            continue;
        if (field.type != PB_LENGTH)
            return ERR_MALFORMED;
        content->links_count += field.number == CONTENT_LINKS;
        content->meta_count += field.number == CONTENT_META;
        content->indexes_count += field.number == CONTENT_INDEXES;
    }
    if (!r.ok)
        return ERR_MALFORMED;
    if (content->links_count > LINKS_MAX)
        buf_put_str(problem, "Too many links");
    else if (content->meta_count > META_PAIRS_MAX)
        buf_put_str(problem, "Too many pairs of user metadata");
    else if (content->indexes_count > INDEX_ENTRIES_MAX)
        buf_put_str(problem, "Too many index entries");
    else
        return ERR_OK;
    return ERR_BAD_REQUEST;
}

static enum err read_repeated(struct arena *arena, struct bytes body, struct content *content)
{
    struct link *links = arena_alloc_array(arena, content->links_count, sizeof(*links));
    struct pair *meta = arena_alloc_array(arena, content->meta_count, sizeof(*meta));
    struct pair *indexes = arena_alloc_array(arena, content->indexes_count, sizeof(*indexes));
    uint32_t links_at = 0, meta_at = 0, indexes_at = 0;
    struct reader r = reader_of(body);
    struct pb_field field;

    while (pb_next(&r, &field)) {
        enum err err = ERR_OK;
        if (field.number == CONTENT_LINKS)
            err = pb_read(SPECS(link_specs), field.bytes, &links[links_at++]);
        else if (field.number == CONTENT_META)
            err = pb_read(SPECS(pair_specs), field.bytes, &meta[meta_at++]);
        else if (field.number == CONTENT_INDEXES)
            err = pb_read(SPECS(pair_specs), field.bytes, &indexes[indexes_at++]);
        TRY(err);
    }
    ASSERT(links_at == content->links_count);
    ASSERT(meta_at == content->meta_count);
    ASSERT(indexes_at == content->indexes_count);
    for (uint32_t i = 0; i < meta_at; i++) {
        if (meta[i].value.data == NULL)
            meta[i].value = BYTES_LIT("undefined");
    }
    content->links = links;
    content->meta = meta;
    content->indexes = indexes;
    return ERR_OK;
}

/* One reason of Riak's last pre-commit hook, which parses the index entries. */
static void put_reason(struct buf *problem, enum err err, const struct pair *term)
{
    buf_put_str(problem, problem->len == 0 ? "{precommit_fail,[" : ",");
    if (err == ERR_BAD_REQUEST) {
        buf_put_str(problem, "{unknown_field_type,");
        erlang_binary_put(problem, term->name);
    } else {
        buf_put_str(problem, "{field_parsing_failed,{");
        erlang_binary_put(problem, term->name);
        buf_put_str(problem, ",");
        erlang_binary_put(problem, term->value);
        buf_put_str(problem, "}");
    }
    buf_put_str(problem, "}");
}

#define HOOK_CRASHED                                                                               \
    "{precommit_fail,{hook_crashed,{riak_index,parse_object_hook,error,function_clause}}}"

static enum err read_indexes(struct arena *arena, struct content *content, struct buf *problem)
{
    struct pair *terms = arena_alloc_array(arena, content->indexes_count, sizeof(*terms));

    ASSERT(problem->len == 0);
    for (uint32_t i = 0; i < content->indexes_count; i++) {
        if (content->indexes[i].value.data == NULL) {
            buf_put_str(problem, HOOK_CRASHED);
            return ERR_BAD_REQUEST;
        }
    }
    for (uint32_t i = 0; i < content->indexes_count; i++) {
        const struct pair *entry = &content->indexes[i];
        enum err err = index_term_read(arena, entry->name, entry->value, &terms[i]);
        if (err != ERR_OK)
            put_reason(problem, err, &terms[i]);
    }
    if (problem->len > 0) {
        buf_put_str(problem, "]}");
        return ERR_BAD_REQUEST;
    }
    content->indexes = terms;
    content->indexes_count = index_terms_sort(terms, content->indexes_count);
    return ERR_OK;
}

enum err pb_content_read(struct arena *arena, struct bytes body, struct request_put *put,
                         struct buf *problem)
{
    struct content *content = &put->content;

    TRY(pb_read(SPECS(content_specs), body, put));
    TRY(count_repeated(body, content, problem));
    if (content->links_count + content->meta_count + content->indexes_count > 0)
        TRY(read_repeated(arena, body, content));
    if (content->indexes_count > 0)
        TRY(read_indexes(arena, content, problem));
    if (put->deleted)
        *content = (struct content){.value = BYTES_NONE}; /* a tombstone takes no content */
    return ERR_OK;
}

static void put_optional(struct pb_writer *w, uint32_t number, struct bytes text)
{
    if (text.data != NULL)
        pb_put_bytes(w, number, text);
}

static void put_pairs(struct pb_writer *w, uint32_t number, const struct pair *pairs,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct pb_writer inner = {NULL, 0};
        pb_put_bytes(&inner, PAIR_KEY, pairs[i].name);
        pb_put_bytes(&inner, PAIR_VALUE, pairs[i].value);
        pb_put_message(w, number, inner.len);
        pb_put_bytes(w, PAIR_KEY, pairs[i].name);
        pb_put_bytes(w, PAIR_VALUE, pairs[i].value);
    }
}

/* An absent part of a link is kept as an empty one, so both are left out. */
static void put_link(struct pb_writer *w, const struct link *link)
{
    if (link->bucket.len > 0)
        pb_put_bytes(w, LINK_BUCKET, link->bucket);
    if (link->key.len > 0)
        pb_put_bytes(w, LINK_KEY, link->key);
    if (link->tag.len > 0)
        pb_put_bytes(w, LINK_TAG, link->tag);
}

static void put_links(struct pb_writer *w, const struct link *links, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct pb_writer inner = {NULL, 0};
        put_link(&inner, &links[i]);
        pb_put_message(w, CONTENT_LINKS, inner.len);
        put_link(w, &links[i]);
    }
}

static void put_fields(struct pb_writer *w, const struct pb_shown *shown)
{
    const struct sibling *sibling = shown->sibling;
    const struct content *content = &sibling->content;

    pb_put_bytes(w, CONTENT_VALUE, shown->blank ? BYTES_NONE : content->value);
    put_optional(w, CONTENT_TYPE, content->content_type);
    put_optional(w, CONTENT_CHARSET, content->charset);
    put_optional(w, CONTENT_ENCODING, content->content_encoding);
    pb_put_bytes(w, CONTENT_VTAG, shown->vtag);
    put_links(w, content->links, content->links_count);
    pb_put_number(w, CONTENT_LAST_MOD, sibling->hlc_us / US_PER_S);
    pb_put_number(w, CONTENT_LAST_MOD_USECS, sibling->hlc_us % US_PER_S);
    put_pairs(w, CONTENT_META, content->meta, content->meta_count);
    put_pairs(w, CONTENT_INDEXES, content->indexes, content->indexes_count);
    if (sibling->deleted)
        pb_put_number(w, CONTENT_DELETED, 1);
}

void pb_content_put(struct pb_writer *w, uint32_t number, const struct pb_shown *shown)
{
    struct pb_writer inner = {NULL, 0};

    put_fields(&inner, shown);
    pb_put_message(w, number, inner.len);
    size_t start = w->len;
    put_fields(w, shown);
    ASSERT(w->len - start == inner.len);
}

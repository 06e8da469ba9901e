/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_link.h"

#include "base/check.h"
#include "model/limits.h"

/* Takes `word` from the front of the text; false when it does not stand there. */
static bool take(struct bytes *text, const char *word)
{
    struct bytes want = bytes_str(word);

    if (!bytes_starts(*text, want))
        return false;
    *text = bytes_sub(*text, want.len, text->len);
    return true;
}

/* Takes what stands before `end`, which must be there, and `end`; it is not empty. */
static bool take_until(struct bytes *text, uint8_t end, struct bytes *ret_part)
{
    size_t at = bytes_find(*text, end, 0);

    if (at == text->len || at == 0)
        return false;
    *ret_part = bytes_sub(*text, 0, at);
    *text = bytes_sub(*text, at + 1, text->len);
    return true;
}

/* One `<...>; name="value"` from the front of the text. An empty value is fine. */
static bool take_link(struct bytes *text, struct bytes *ret_path, struct bytes *ret_name,
                      struct bytes *ret_value)
{
    if (!take(text, "<") || !take_until(text, '>', ret_path) || !take(text, ";"))
        return false;
    *text = bytes_trim(*text);
    if (!take_until(text, '=', ret_name) || !take(text, "\""))
        return false;
    if (take(text, "\"")) {
        *ret_value = BYTES_NONE;
        return true;
    }
    return take_until(text, '"', ret_value);
}

/* Whether `path` is the path of a bucket, in any of the forms of that API. */
static bool is_bucket(struct bytes path, enum http_form form, struct arena *arena,
                      struct bytes bucket)
{
    const char *root = form == FORM_RIAK ? "/riak/" : "/buckets/";

    return take(&path, root) && bytes_find(path, '/', 0) == path.len &&
           bytes_eq(http_unquote(arena, path), bucket);
}

static bool read_object_path(struct bytes path, enum http_form form, struct arena *arena,
                             struct link *ret_link)
{
    struct bytes bucket;

    if (!take(&path, form == FORM_RIAK ? "/riak/" : "/buckets/") ||
        !take_until(&path, '/', &bucket))
        return false;
    if (form != FORM_RIAK && !take(&path, "keys/"))
        return false;
    if (path.len == 0 || bytes_find(path, '/', 0) != path.len)
        return false;
    ret_link->bucket = http_unquote(arena, bucket);
    ret_link->key = http_unquote(arena, path);
    return true;
}

enum err http_links_read(const struct http_request *request, const struct http_path *path,
                         struct arena *arena, struct content *content)
{
    struct bytes text, target, name, value;
    uint32_t count = 0;

    if (!http_header_joined(request, arena, BYTES_LIT("link"), &text))
        return ERR_OK;
    size_t most = 0; /* no link is without its bracket */
    for (size_t at = 0; at < text.len; at++)
        most += text.data[at] == '<';
    if (most > LINKS_MAX)
        return ERR_TOO_LARGE;
    struct link *links = arena_alloc_array(arena, most, sizeof(*links));
    for (text = bytes_trim(text); text.len > 0; text = bytes_trim(text)) {
        if (!take_link(&text, &target, &name, &value))
            return ERR_MALFORMED;
        if (bytes_eq(name, BYTES_LIT("riaktag"))) {
            ASSERT(count < most);
            if (!read_object_path(target, path->form, arena, &links[count]))
                return ERR_MALFORMED;
            links[count++].tag = http_unquote(arena, value);
        } else if (!bytes_eq(name, BYTES_LIT("rel")) || !bytes_eq(value, BYTES_LIT("up")) ||
                   !is_bucket(target, path->form, arena, path->bucket)) {
            return ERR_MALFORMED;
        }
        text = bytes_trim(text);
        if (text.len > 0 && !take(&text, ","))
            return ERR_MALFORMED;
    }
    content->links = links;
    content->links_count = count;
    return ERR_OK;
}

void http_links_put(struct buf *buf, enum http_form form, struct bytes bucket,
                    const struct content *content)
{
    buf_put_u8(buf, '<');
    http_link_path_put(buf, form, bucket, BYTES_NONE);
    buf_put_str(buf, ">; rel=\"up\"");
    for (uint32_t i = 0; i < content->links_count; i++) {
        const struct link *link = &content->links[i];
        struct bytes key = link->key.data == NULL ? BYTES_LIT("") : link->key;
        buf_put_str(buf, ", <");
        http_link_path_put(buf, form, link->bucket, key);
        buf_put_str(buf, ">; riaktag=\"");
        http_quote_put(buf, link->tag);
        buf_put_u8(buf, '"');
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_condition.h"

#include "base/check.h"
#include "wire/date.h"

/* The next tag of a list, without quotes and weakness; false at the end. */
static bool next_tag(struct bytes list, size_t *at, struct bytes *ret_tag)
{
    while (*at < list.len) {
        size_t end = bytes_find(list, ',', *at);
        struct bytes tag = bytes_trim(bytes_sub(list, *at, end - *at));
        *at = end + 1;
        if (bytes_starts(tag, BYTES_LIT("W/")))
            tag = bytes_sub(tag, 2, tag.len);
        if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"')
            tag = bytes_sub(tag, 1, tag.len - 2);
        if (tag.len == 0)
            continue;
        *ret_tag = tag;
        return true;
    }
    return false;
}

/* Reads one header of tags; `*` sets the flag. */
static void read_tags(const struct http_request *request, struct arena *arena, const char *name,
                      bool *any, const struct bytes **ret_tags, uint32_t *ret_count)
{
    struct bytes list, tag;
    uint32_t count = 0;

    if (!http_header_joined(request, arena, bytes_str(name), &list))
        return;
    if (bytes_eq(bytes_trim(list), BYTES_LIT("*"))) {
        *any = true;
        return;
    }
    size_t most = 1; /* each but the last ends with a comma */
    for (size_t at = 0; at < list.len; at++)
        most += list.data[at] == ',';
    struct bytes *tags = arena_alloc_array(arena, most, sizeof(*tags));
    for (size_t at = 0; next_tag(list, &at, &tag); count++) {
        ASSERT(count < most);
        tags[count] = tag;
    }
    *ret_tags = tags;
    *ret_count = count;
}

void http_condition_read(const struct http_request *request, struct arena *arena,
                         struct http_condition *ret_condition)
{
    struct condition *tags = &ret_condition->tags;
    struct bytes text;
    uint64_t time_s;

    *ret_condition = (struct http_condition){.has_modified_since = false};
    read_tags(request, arena, "if-match", &tags->if_match_any, &tags->if_match,
              &tags->if_match_count);
    read_tags(request, arena, "if-none-match", &tags->if_none_match_any, &tags->if_none_match,
              &tags->if_none_match_count);
    if (http_header(request, BYTES_LIT("if-unmodified-since"), &text) && date_read(text, &time_s))
        tags->if_unmodified_since_s = time_s == 0 ? 1 : time_s;
    ret_condition->has_modified_since =
        http_header(request, BYTES_LIT("if-modified-since"), &text) &&
        date_read(text, &ret_condition->modified_since_s);
}

static bool has_tag(const struct bytes *tags, uint32_t count, struct bytes etag)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(tags[i], etag))
            return true;
    }
    return false;
}

unsigned http_condition_judge(const struct http_condition *condition, struct bytes etag,
                              uint64_t modified_s, uint64_t now_s)
{
    const struct condition *tags = &condition->tags;

    ASSERT(etag.len > 0);
    if (tags->if_match_count > 0 && !has_tag(tags->if_match, tags->if_match_count, etag))
        return 412;
    if (tags->if_unmodified_since_s != 0 && modified_s > tags->if_unmodified_since_s)
        return 412;
    if (tags->if_none_match_any || has_tag(tags->if_none_match, tags->if_none_match_count, etag))
        return 304;
    if (condition->has_modified_since && condition->modified_since_s <= now_s &&
        modified_s <= condition->modified_since_s)
        return 304;
    return 200;
}

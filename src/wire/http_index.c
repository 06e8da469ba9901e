/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_index.h"

#include "base/check.h"
#include "model/limits.h"
#include "wire/index_term.h"

#define INDEX_PREFIX BYTES_LIT("x-riak-index-")

/* The field of an index header; false for other headers. */
static bool is_index(const struct http_header *header, struct bytes *ret_field)
{
    struct bytes prefix = INDEX_PREFIX;

    if (header->name.len <= prefix.len ||
        !bytes_eq_nocase(bytes_sub(header->name, 0, prefix.len), prefix))
        return false;
    *ret_field = bytes_sub(header->name, prefix.len, header->name.len);
    return true;
}

/* The next value of a list parted by a comma and a blank; false at the end. */
static bool next_value(struct bytes list, size_t *at, struct bytes *ret_value)
{
    if (*at > list.len)
        return false;
    size_t end = *at;
    while (end < list.len &&
           !(list.data[end] == ',' && end + 1 < list.len && list.data[end + 1] == ' '))
        end++;
    *ret_value = bytes_sub(list, *at, end - *at);
    *at = end < list.len ? end + 2 : end + 1;
    return true;
}

static void put_problem(struct buf *problem, enum err err, const struct pair *term)
{
    bool unknown = err == ERR_BAD_REQUEST;

    buf_put_str(problem, unknown ? "Unknown field type for field: '" : "Could not parse field '");
    buf_put(problem, term->name);
    if (!unknown) {
        buf_put_str(problem, "', value '");
        buf_put(problem, term->value);
    }
    buf_put_str(problem, "'.\n");
}

enum err http_indexes_read(const struct http_request *request, struct arena *arena,
                           struct content *content, struct buf *problem)
{
    size_t most = 0; /* a value ends with a comma or with its header */
    uint32_t count = 0;
    bool bad = false;
    struct bytes field, value;

    for (uint32_t i = 0; i < request->headers_count; i++) {
        if (!is_index(&request->headers[i], &field))
            continue;
        most++;
        for (size_t at = 0; at < request->headers[i].value.len; at++)
            most += request->headers[i].value.data[at] == ',';
    }
    if (most > INDEX_ENTRIES_MAX) {
        buf_put_str(problem, "Too many index entries.\n");
        return ERR_BAD_REQUEST;
    }
    struct pair *terms = arena_alloc_array(arena, most, sizeof(*terms));
    for (uint32_t i = 0; i < request->headers_count; i++) {
        if (!is_index(&request->headers[i], &field))
            continue;
        for (size_t at = 0; next_value(request->headers[i].value, &at, &value); count++) {
            ASSERT(count < most);
            enum err err = index_term_read(arena, field, value, &terms[count]);
            if (err != ERR_OK)
                put_problem(problem, err, &terms[count]);
            bad = bad || err != ERR_OK;
        }
    }
    if (bad)
        return ERR_BAD_REQUEST;
    content->indexes = terms;
    content->indexes_count = index_terms_sort(terms, count);
    return ERR_OK;
}

/* Whether an entry's text can stand in a header line. */
static bool fits_header(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == 0)
            return false;
    }
    return true;
}

void http_indexes_put(struct buf *buf, const struct content *content)
{
    struct bytes open = BYTES_NONE; /* the field of the line being written */

    for (uint32_t i = 0; i < content->indexes_count; i++) {
        const struct pair *term = &content->indexes[i];
        if (!fits_header(term->name) || !fits_header(term->value))
            continue;
        if (open.data != NULL && bytes_eq(open, term->name)) {
            buf_put_str(buf, ", ");
        } else {
            buf_put_str(buf, open.data == NULL ? "" : "\r\n");
            buf_put(buf, INDEX_PREFIX);
            buf_put(buf, term->name);
            buf_put_str(buf, ": ");
            open = term->name;
        }
        buf_put(buf, term->value);
    }
    if (open.data != NULL)
        buf_put_str(buf, "\r\n");
}

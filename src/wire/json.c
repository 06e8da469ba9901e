/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include <yajl/yajl_parse.h>

#include "base/check.h"
#include "base/mem.h"

/* The tree under construction. Invariants: 0 <= depth <= JSON_DEPTH_MAX; open[0..depth) are the
 * arrays and objects not yet closed, outermost first; last[i] is the newest value in open[i]. */
struct tree {
    struct arena *arena;
    struct json *root;
    struct json *open[JSON_DEPTH_MAX];
    struct json *last[JSON_DEPTH_MAX];
    struct bytes name; /* of the member whose value comes next */
    unsigned depth;
    uint32_t count;
    bool too_large;
};

/* Adds a value to what is open; NULL when there would be too many. */
static struct json *add(struct tree *tree, enum json_kind kind)
{
    ASSERT(tree->depth <= JSON_DEPTH_MAX);
    if (tree->count == JSON_VALUES_MAX) {
        tree->too_large = true;
        return NULL;
    }
    tree->count++;
    struct json *json = ARENA_NEW(tree->arena, struct json);
    json->kind = kind;
    if (tree->depth == 0) {
        ASSERT(tree->root == NULL);
        tree->root = json;
        return json;
    }
    struct json *in = tree->open[tree->depth - 1];
    struct json **last = &tree->last[tree->depth - 1];
    if (in->kind == JSON_OBJECT)
        json->name = tree->name;
    if (*last == NULL)
        in->first = json;
    else
        (*last)->next = json;
    *last = json;
    in->count++;
    return json;
}

static int on_null(void *context)
{
    return add(context, JSON_NULL) != NULL;
}

static int on_boolean(void *context, int value)
{
    struct json *json = add(context, JSON_BOOL);

    if (json != NULL)
        json->truth = value != 0;
    return json != NULL;
}

static int add_text(struct tree *tree, enum json_kind kind, const void *text, size_t len)
{
    struct json *json = add(tree, kind);

    if (json != NULL)
        json->text = arena_copy(tree->arena, bytes_of(text, len));
    return json != NULL;
}

static int on_number(void *context, const char *text, size_t len)
{
    return add_text(context, JSON_NUMBER, text, len);
}

/* The parser checks what stands in the text, but makes surrogates of escapes such as \ude00. */
static int on_string(void *context, const unsigned char *text, size_t len)
{
    if (!utf8_valid(bytes_of(text, len)))
        return 0;
    return add_text(context, JSON_STRING, text, len);
}

static int on_name(void *context, const unsigned char *text, size_t len)
{
    struct tree *tree = context;

    if (!utf8_valid(bytes_of(text, len)))
        return 0;
    tree->name = arena_copy(tree->arena, bytes_of(text, len));
    return 1;
}

static int open_level(struct tree *tree, enum json_kind kind)
{
    if (tree->depth == JSON_DEPTH_MAX) {
        tree->too_large = true;
        return 0;
    }
    struct json *json = add(tree, kind);
    if (json == NULL)
        return 0;
    tree->open[tree->depth] = json;
    tree->last[tree->depth] = NULL;
    tree->depth++;
    return 1;
}

static int close_level(struct tree *tree, enum json_kind kind)
{
    ASSERT(tree->depth > 0);
    ASSERT(tree->open[tree->depth - 1]->kind == kind);
    tree->depth--;
    return 1;
}

static int on_object(void *context)
{
    return open_level(context, JSON_OBJECT);
}

static int on_object_end(void *context)
{
    return close_level(context, JSON_OBJECT);
}

static int on_array(void *context)
{
    return open_level(context, JSON_ARRAY);
}

static int on_array_end(void *context)
{
    return close_level(context, JSON_ARRAY);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_name,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

static void *take(void *context, size_t size)
{
    (void)context;
    return mem_resize(NULL, size);
}

static void *resize(void *context, void *old, size_t size)
{
    (void)context;
    return mem_resize(old, size);
}

static void give(void *context, void *piece)
{
    (void)context;
    mem_free(piece);
}

enum err json_read(struct arena *arena, struct bytes text, const struct json **ret_json)
{
    yajl_alloc_funcs memory = {.malloc = take, .realloc = resize, .free = give};
    struct tree tree = {.arena = arena};
    yajl_handle parser = yajl_alloc(&callbacks, &memory, &tree);

    ASSERT(parser != NULL);
    /* An empty text has no address to give to the parser. */
    yajl_status status = yajl_status_ok;
    if (text.len > 0)
        status = yajl_parse(parser, text.data, text.len);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    yajl_free(parser);
    if (tree.too_large)
        return ERR_TOO_LARGE;
    if (status != yajl_status_ok || tree.root == NULL)
        return ERR_MALFORMED;
    ASSERT(tree.depth == 0);
    *ret_json = tree.root;
    return ERR_OK;
}

const struct json *json_member(const struct json *json, struct bytes name)
{
    if (json == NULL || json->kind != JSON_OBJECT)
        return NULL;
    for (const struct json *at = json->first; at != NULL; at = at->next) {
        if (bytes_eq(at->name, name))
            return at;
    }
    return NULL;
}

bool json_integer(const struct json *json, int64_t *ret_value)
{
    if (json == NULL || json->kind != JSON_NUMBER)
        return false;
    bool minus = bytes_starts(json->text, BYTES_LIT("-"));
    uint64_t value;
    if (!bytes_to_u64(bytes_sub(json->text, minus ? 1 : 0, json->text.len), &value))
        return false;
    if (value > (uint64_t)INT64_MAX + (minus ? 1 : 0))
        return false;
    *ret_value = minus ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

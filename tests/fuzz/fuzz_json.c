/* SPDX-License-Identifier: Apache-2.0 */
/* What reads as JSON reads as the same again when it is written; properties in it become an overlay
 * that is canonical, and can be shown. */
#include "base/check.h"
#include "wire/http_props.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || a->truth != b->truth || a->count != b->count ||
        !bytes_eq(a->name, b->name) || !bytes_eq(a->text, b->text))
        return false;
    const struct json *y = b->first;
    for (const struct json *x = a->first; x != NULL; x = x->next, y = y->next) {
        if (!same(x, y))
            return false;
    }
    return y == NULL;
}

static void check_props(struct arena *arena, struct bytes text, struct buf *out)
{
    const struct prop *props;
    struct bytes overlay;
    uint32_t count;

    if (http_props_read(arena, text, &overlay) != ERR_OK)
        return;
    enum err err = overlay_decode(arena, overlay, &props, &count);
    ASSERT(err == ERR_OK);
    buf_reset(out);
    buf_put_str(out, "{\"props\":");
    http_props_write(out, props, count);
    buf_put_str(out, "}");
    struct bytes again;
    err = http_props_read(arena, buf_bytes(out), &again);
    ASSERT(err == ERR_OK);
    ASSERT(bytes_eq(overlay, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    const struct json *first, *second;
    struct arena arena;
    struct buf out;

    arena_init(&arena);
    buf_init(&out, 16 * size + 1024);
    if (json_read(&arena, text, &first) == ERR_OK) {
        struct json_out json = json_out_of(&out);
        json_tree(&json, first);
        ASSERT(!out.overflow);
        ASSERT(utf8_valid(buf_bytes(&out)));
        enum err err = json_read(&arena, buf_bytes(&out), &second);
        ASSERT(err == ERR_OK);
        ASSERT(same(first, second));
        check_props(&arena, text, &out);
    }
    buf_reset(&out);
    struct json_out json = json_out_of(&out);
    json_string(&json, text);
    enum err err = json_read(&arena, buf_bytes(&out), &first);
    ASSERT(err == ERR_OK);
    ASSERT(first->kind == JSON_STRING);
    ASSERT(!utf8_valid(text) || bytes_eq(first->text, text));
    buf_done(&out);
    arena_done(&arena);
    return 0;
}

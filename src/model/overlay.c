/* SPDX-License-Identifier: Apache-2.0 */
#include "model/overlay.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"

struct prop_row {
    struct bytes name;
    enum prop_rule rule;
};

static const struct prop_row table[] = {
#define PROP_ROW(id, name, rule) {{(const uint8_t *)(name), sizeof(name) - 1}, RULE_##rule},
    PROP_LIST(PROP_ROW)
#undef PROP_ROW
};

static const struct prop_row *row_of(enum prop_id id)
{
    ASSERT((size_t)id < ARRAY_LEN(table));
    return &table[id];
}

struct bytes prop_name(enum prop_id id)
{
    return row_of(id)->name;
}

enum prop_rule prop_rule(enum prop_id id)
{
    return row_of(id)->rule;
}

enum prop_id prop_find(struct bytes name)
{
    for (size_t id = 0; id < ARRAY_LEN(table); id++) {
        if (id != PROP_OTHER && bytes_eq(table[id].name, name))
            return (enum prop_id)id;
    }
    return PROP_OTHER;
}

static int prop_cmp(const struct prop *a, const struct prop *b)
{
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->id == PROP_OTHER ? bytes_cmp(a->name, b->name) : 0;
}

static void put_hook(struct buf *buf, const struct hook *hook)
{
    buf_put_u8(buf, hook->named ? 1 : 2);
    buf_put_lenbytes(buf, hook->module);
    if (!hook->named)
        buf_put_lenbytes(buf, hook->function);
}

static void put_prop(struct buf *buf, const struct prop *prop)
{
    ASSERT(prop->id != PROP_OTHER || prop_find(prop->name) == PROP_OTHER);
    buf_put_u8(buf, (uint8_t)prop->id);
    if (prop->id == PROP_OTHER)
        buf_put_lenbytes(buf, prop->name);
    buf_put_u8(buf, (uint8_t)prop->kind);
    switch (prop->kind) {
    case PROP_BOOL: buf_put_u8(buf, prop->boolean); break;
    case PROP_NUMBER: buf_put_varint(buf, prop->number); break;
    case PROP_TEXT:
    case PROP_RAW: buf_put_lenbytes(buf, prop->text); break;
    case PROP_MODFUN:
        buf_put_lenbytes(buf, prop->modfun.module);
        buf_put_lenbytes(buf, prop->modfun.function);
        break;
    case PROP_HOOKS:
        buf_put_varint(buf, prop->hooks_count);
        for (uint32_t i = 0; i < prop->hooks_count; i++)
            put_hook(buf, &prop->hooks[i]);
        break;
    }
}

/* Sorts by (id, name), stably, and keeps the last of equals. Returns how many are left. */
static uint32_t sort_props(struct prop *props, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 1; i < count; i++) {
        struct prop moving = props[i];
        uint32_t at = i;
        for (; at > 0 && prop_cmp(&props[at - 1], &moving) > 0; at--)
            props[at] = props[at - 1];
        props[at] = moving;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count && prop_cmp(&props[i], &props[i + 1]) == 0)
            continue;
        props[kept++] = props[i];
    }
    return kept;
}

enum err overlay_encode(struct arena *arena, const struct prop *props, uint32_t count,
                        struct bytes *ret_overlay)
{
    struct buf buf;

    if (count > 2 * OVERLAY_PROPS_MAX)
        return ERR_TOO_LARGE;
    struct prop *sorted = arena_alloc_array(arena, count, sizeof(*sorted));
    if (count > 0)
        memcpy(sorted, props, count * sizeof(*sorted));
    count = sort_props(sorted, count);
    if (count > OVERLAY_PROPS_MAX)
        return ERR_TOO_LARGE;
    if (count == 0) {
        *ret_overlay = BYTES_NONE;
        return ERR_OK;
    }
    buf_init(&buf, OVERLAY_BYTES_MAX);
    buf_put_varint(&buf, count);
    for (uint32_t i = 0; i < count; i++)
        put_prop(&buf, &sorted[i]);
    bool overflow = buf.overflow;
    if (!overflow)
        *ret_overlay = arena_copy(arena, buf_bytes(&buf));
    buf_done(&buf);
    return overflow ? ERR_TOO_LARGE : ERR_OK;
}

static bool read_hooks(struct arena *arena, struct reader *r, struct prop *prop)
{
    size_t count = reader_count(r, OVERLAY_HOOKS_MAX, 2);
    struct hook *hooks = arena_alloc_array(arena, count, sizeof(*hooks));

    for (size_t i = 0; i < count; i++) {
        uint8_t form = reader_u8(r);
        hooks[i].named = form == 1;
        hooks[i].module = reader_lenbytes(r, OVERLAY_BYTES_MAX);
        if (form == 2)
            hooks[i].function = reader_lenbytes(r, OVERLAY_BYTES_MAX);
        else if (form != 1)
            return false;
    }
    prop->hooks = hooks;
    prop->hooks_count = (uint32_t)count;
    return r->ok;
}

static bool read_value(struct arena *arena, struct reader *r, struct prop *prop)
{
    switch (prop->kind) {
    case PROP_BOOL: {
        uint8_t value = reader_u8(r);
        prop->boolean = value == 1;
        return r->ok && value <= 1;
    }
    case PROP_NUMBER: {
        uint64_t number = reader_varint(r);
        prop->number = (uint32_t)number;
        return r->ok && number <= UINT32_MAX;
    }
    case PROP_TEXT:
    case PROP_RAW: prop->text = reader_lenbytes(r, OVERLAY_BYTES_MAX); return r->ok;
    case PROP_MODFUN:
        prop->modfun.module = reader_lenbytes(r, OVERLAY_BYTES_MAX);
        prop->modfun.function = reader_lenbytes(r, OVERLAY_BYTES_MAX);
        return r->ok;
    case PROP_HOOKS: return read_hooks(arena, r, prop);
    }
    return false;
}

static bool read_prop(struct arena *arena, struct reader *r, struct prop *prop)
{
    uint8_t id = reader_u8(r);

    if (!r->ok || id >= ARRAY_LEN(table))
        return false;
    prop->id = (enum prop_id)id;
    prop->name =
        prop->id == PROP_OTHER ? reader_lenbytes(r, OVERLAY_BYTES_MAX) : prop_name(prop->id);
    if (prop->id == PROP_OTHER && prop_find(prop->name) != PROP_OTHER)
        return false;
    uint8_t kind = reader_u8(r);
    if (!r->ok || kind > PROP_RAW)
        return false;
    prop->kind = (enum prop_kind)kind;
    return read_value(arena, r, prop);
}

enum err overlay_decode(struct arena *arena, struct bytes overlay, const struct prop **ret_props,
                        uint32_t *ret_count)
{
    struct reader r = reader_of(overlay);

    if (overlay.len == 0) {
        *ret_props = NULL;
        *ret_count = 0;
        return ERR_OK;
    }
    if (overlay.len > OVERLAY_BYTES_MAX)
        return ERR_MALFORMED;
    size_t count = reader_count(&r, OVERLAY_PROPS_MAX, 3);
    struct prop *props = arena_alloc_array(arena, count, sizeof(*props));
    for (size_t i = 0; i < count; i++) {
        if (!read_prop(arena, &r, &props[i]))
            return ERR_MALFORMED;
        if (i > 0 && prop_cmp(&props[i - 1], &props[i]) >= 0)
            return ERR_MALFORMED;
    }
    if (!reader_end(&r) || count == 0)
        return ERR_MALFORMED;
    *ret_props = props;
    *ret_count = (uint32_t)count;
    return ERR_OK;
}

enum err overlay_merge(struct arena *arena, struct bytes under, struct bytes over,
                       struct bytes *ret_overlay)
{
    const struct prop *low, *high;
    uint32_t low_count, high_count;

    TRY(overlay_decode(arena, under, &low, &low_count));
    TRY(overlay_decode(arena, over, &high, &high_count));
    struct prop *both = arena_alloc_array(arena, low_count + high_count, sizeof(*both));
    if (low_count > 0)
        memcpy(both, low, low_count * sizeof(*both));
    if (high_count > 0)
        memcpy(both + low_count, high, high_count * sizeof(*both));
    return overlay_encode(arena, both, low_count + high_count, ret_overlay);
}

static void apply_bool(struct props *props, enum prop_id id, bool value)
{
    if (id == PROP_ALLOW_MULT)
        props->allow_mult = value;
    else if (id == PROP_BASIC_QUORUM)
        props->basic_quorum = value;
    else if (id == PROP_CONSISTENT)
        props->consistent = value;
    else if (id == PROP_DVV_ENABLED)
        props->dvv_enabled = value;
    else if (id == PROP_LAST_WRITE_WINS)
        props->last_write_wins = value;
    else if (id == PROP_NOTFOUND_OK)
        props->notfound_ok = value;
    else if (id == PROP_WRITE_ONCE)
        props->write_once = value;
}

static uint32_t *number_field(struct props *props, enum prop_id id)
{
    const struct {
        enum prop_id id;
        uint32_t *field;
    } fields[] = {
        {PROP_BIG_VCLOCK, &props->big_vclock},
        {PROP_DW, &props->dw},
        {PROP_N_VAL, &props->n_val},
        {PROP_NODE_CONFIRMS, &props->node_confirms},
        {PROP_OLD_VCLOCK, &props->old_vclock},
        {PROP_PR, &props->pr},
        {PROP_PW, &props->pw},
        {PROP_R, &props->r},
        {PROP_RW, &props->rw},
        {PROP_SMALL_VCLOCK, &props->small_vclock},
        {PROP_TTL, &props->ttl_s},
        {PROP_W, &props->w},
        {PROP_YOUNG_VCLOCK, &props->young_vclock},
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].id == id)
            return fields[i].field;
    }
    return NULL;
}

void overlay_apply(struct props *props, struct bytes overlay)
{
    struct arena arena;
    const struct prop *list;
    uint32_t count;

    arena_init(&arena);
    enum err err = overlay_decode(&arena, overlay, &list, &count);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *field = number_field(props, list[i].id);
        if (list[i].kind == PROP_BOOL)
            apply_bool(props, list[i].id, list[i].boolean);
        else if (list[i].kind == PROP_NUMBER && field != NULL && list[i].number != QUORUM_DEFAULT)
            *field = list[i].number;
    }
    arena_done(&arena);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_props.h"

#include "base/check.h"
#include "wire/pb_code.h"
#include "wire/pb_encode.h"

enum props_field {
    PROPS_PRECOMMIT = 4,
    PROPS_HAS_PRECOMMIT = 5,
    PROPS_POSTCOMMIT = 6,
    PROPS_HAS_POSTCOMMIT = 7,
    PROPS_REPL = 24,
};

enum repl { REPL_FALSE = 0, REPL_REALTIME = 1, REPL_FULLSYNC = 2, REPL_TRUE = 3 };

/* Which property stands in which field, and as what. */
struct place {
    bool used;
    enum prop_id id;
    enum prop_kind kind;
};

static const struct place places[] = {
    [1] = {true, PROP_N_VAL, PROP_NUMBER},
    [2] = {true, PROP_ALLOW_MULT, PROP_BOOL},
    [3] = {true, PROP_LAST_WRITE_WINS, PROP_BOOL},
    [PROPS_PRECOMMIT] = {true, PROP_PRECOMMIT, PROP_HOOKS},
    [PROPS_POSTCOMMIT] = {true, PROP_POSTCOMMIT, PROP_HOOKS},
    [8] = {true, PROP_CHASH_KEYFUN, PROP_MODFUN},
    [9] = {true, PROP_LINKFUN, PROP_MODFUN},
    [10] = {true, PROP_OLD_VCLOCK, PROP_NUMBER},
    [11] = {true, PROP_YOUNG_VCLOCK, PROP_NUMBER},
    [12] = {true, PROP_BIG_VCLOCK, PROP_NUMBER},
    [13] = {true, PROP_SMALL_VCLOCK, PROP_NUMBER},
    [14] = {true, PROP_PR, PROP_NUMBER},
    [15] = {true, PROP_R, PROP_NUMBER},
    [16] = {true, PROP_W, PROP_NUMBER},
    [17] = {true, PROP_PW, PROP_NUMBER},
    [18] = {true, PROP_DW, PROP_NUMBER},
    [19] = {true, PROP_RW, PROP_NUMBER},
    [20] = {true, PROP_BASIC_QUORUM, PROP_BOOL},
    [21] = {true, PROP_NOTFOUND_OK, PROP_BOOL},
    [22] = {true, PROP_BACKEND, PROP_TEXT},
    [23] = {true, PROP_SEARCH, PROP_BOOL},
    [PROPS_REPL] = {true, PROP_REPL, PROP_TEXT},
    [25] = {true, PROP_SEARCH_INDEX, PROP_TEXT},
    [26] = {true, PROP_DATATYPE, PROP_TEXT},
    [27] = {true, PROP_CONSISTENT, PROP_BOOL},
    [28] = {true, PROP_WRITE_ONCE, PROP_BOOL},
    [29] = {true, PROP_HLL_PRECISION, PROP_NUMBER},
};

/* RpbModFun: 1 module, 2 function, both required. */
static const struct pb_spec modfun_specs[] = {
    [1] = {PB_BYTES, true, offsetof(struct hook, module)},
    [2] = {PB_BYTES, true, offsetof(struct hook, function)},
};

/* RpbCommitHook: 1 RpbModFun, 2 name. */
struct commit_hook {
    struct bytes modfun;
    struct bytes name;
};

static const struct pb_spec commit_hook_specs[] = {
    [1] = {PB_BYTES, false, offsetof(struct commit_hook, modfun)},
    [2] = {PB_BYTES, false, offsetof(struct commit_hook, name)},
};

#define SPECS(table) ((struct pb_specs){table, ARRAY_LEN(table)})

static enum err read_hook(struct bytes body, struct hook *ret_hook)
{
    struct commit_hook hook = {BYTES_NONE, BYTES_NONE};

    TRY(pb_read(SPECS(commit_hook_specs), body, &hook));
    if (hook.modfun.data != NULL)
        return pb_read(SPECS(modfun_specs), hook.modfun, ret_hook);
    if (hook.name.data == NULL)
        return ERR_MALFORMED;
    *ret_hook = (struct hook){.named = true, .module = hook.name};
    return ERR_OK;
}

static enum err read_hooks(struct arena *arena, struct bytes body, uint32_t number,
                           struct prop *prop)
{
    uint32_t count = pb_count(body, number);
    struct reader r = reader_of(body);
    struct pb_field field;
    uint32_t at = 0;

    if (count > OVERLAY_HOOKS_MAX)
        return ERR_TOO_LARGE;
    struct hook *hooks = arena_alloc_array(arena, count, sizeof(*hooks));
    while (pb_next(&r, &field)) {
        if (field.number != number)
            continue;
        if (field.type != PB_LENGTH)
            return ERR_MALFORMED;
        TRY(read_hook(field.bytes, &hooks[at++]));
    }
    ASSERT(at == count);
    prop->hooks = hooks;
    prop->hooks_count = count;
    return ERR_OK;
}

/* Replication between clusters: true and false, or the name of one half of it. */
static enum err read_repl(uint64_t value, struct prop *prop)
{
    if (value > REPL_TRUE)
        return ERR_MALFORMED;
    prop->kind = value == REPL_FALSE || value == REPL_TRUE ? PROP_BOOL : PROP_TEXT;
    prop->boolean = value == REPL_TRUE;
    prop->text = value == REPL_REALTIME ? BYTES_LIT("realtime") : BYTES_LIT("fullsync");
    return ERR_OK;
}

static enum err read_prop(const struct place *place, const struct pb_field *field,
                          struct prop *prop)
{
    bool number = field->type == PB_VARINT;
    bool text = field->type == PB_LENGTH;

    *prop = (struct prop){.id = place->id, .kind = place->kind, .name = prop_name(place->id)};
    if (place->id == PROP_REPL)
        return number ? read_repl(field->value, prop) : ERR_MALFORMED;
    switch (place->kind) {
    case PROP_BOOL: prop->boolean = field->value != 0; return number ? ERR_OK : ERR_MALFORMED;
    case PROP_NUMBER: prop->number = (uint32_t)field->value; return number ? ERR_OK : ERR_MALFORMED;
    case PROP_TEXT: prop->text = field->bytes; return text ? ERR_OK : ERR_MALFORMED;
    case PROP_MODFUN:
        return text ? pb_read(SPECS(modfun_specs), field->bytes, &prop->modfun) : ERR_MALFORMED;
    case PROP_HOOKS: /* read in one go, when it is known that the list is meant */
    case PROP_RAW: break;
    }
    return ERR_OK;
}

enum err pb_props_read(struct arena *arena, struct bytes body, const struct prop **ret_props,
                       uint32_t *ret_count)
{
    struct prop *props = arena_alloc_array(arena, ARRAY_LEN(places), sizeof(*props));
    bool set[ARRAY_LEN(places)] = {false};
    struct reader r = reader_of(body);
    struct pb_field field;
    uint32_t count = 0;

    while (pb_next(&r, &field)) {
        if (field.number >= ARRAY_LEN(places))
            continue;
        if (field.number == PROPS_HAS_PRECOMMIT || field.number == PROPS_HAS_POSTCOMMIT)
            set[field.number - 1] = field.value != 0;
        const struct place *place = &places[field.number];
        if (!place->used || place->kind == PROP_HOOKS)
            continue;
        TRY(read_prop(place, &field, &props[field.number]));
        set[field.number] = true;
    }
    if (!r.ok)
        return ERR_MALFORMED;
    for (uint32_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!set[i])
            continue;
        if (places[i].kind == PROP_HOOKS) {
            props[i] = (struct prop){places[i].id, PROP_HOOKS, .name = prop_name(places[i].id)};
            TRY(read_hooks(arena, body, i, &props[i]));
        }
        props[count++] = props[i];
    }
    *ret_props = props;
    *ret_count = count;
    return ERR_OK;
}

static void put_modfun(struct pb_writer *w, uint32_t number, const struct hook *modfun)
{
    struct pb_writer inner = {NULL, 0};

    pb_put_bytes(&inner, 1, modfun->module);
    pb_put_bytes(&inner, 2, modfun->function);
    pb_put_message(w, number, inner.len);
    pb_put_bytes(w, 1, modfun->module);
    pb_put_bytes(w, 2, modfun->function);
}

static void put_commit_hook(struct pb_writer *w, const struct hook *hook)
{
    if (hook->named)
        pb_put_bytes(w, 2, hook->module);
    else
        put_modfun(w, 1, hook);
}

static void put_hooks(struct pb_writer *w, uint32_t number, const struct prop *prop)
{
    for (uint32_t i = 0; i < prop->hooks_count; i++) {
        struct pb_writer inner = {NULL, 0};
        put_commit_hook(&inner, &prop->hooks[i]);
        pb_put_message(w, number, inner.len);
        put_commit_hook(w, &prop->hooks[i]);
    }
}

static void put_repl(struct pb_writer *w, const struct prop *prop)
{
    enum repl repl = REPL_TRUE;

    if (prop->kind == PROP_BOOL && !prop->boolean)
        repl = REPL_FALSE;
    else if (prop->kind == PROP_TEXT && bytes_eq(prop->text, BYTES_LIT("realtime")))
        repl = REPL_REALTIME;
    else if (prop->kind == PROP_TEXT && bytes_eq(prop->text, BYTES_LIT("fullsync")))
        repl = REPL_FULLSYNC;
    pb_put_number(w, PROPS_REPL, repl);
}

/* A property whose value is none that the field can hold is left out. */
static void put_prop(struct pb_writer *w, uint32_t number, const struct prop *prop)
{
    if (number == PROPS_REPL) {
        put_repl(w, prop);
        return;
    }
    if (prop->kind != places[number].kind)
        return;
    switch (prop->kind) {
    case PROP_BOOL: pb_put_number(w, number, prop->boolean); return;
    case PROP_NUMBER: pb_put_number(w, number, prop->number); return;
    case PROP_TEXT: pb_put_bytes(w, number, prop->text); return;
    case PROP_MODFUN: put_modfun(w, number, &prop->modfun); return;
    case PROP_HOOKS: put_hooks(w, number, prop); return;
    case PROP_RAW: return;
    }
    UNREACHABLE();
}

static void put_fields(struct pb_writer *w, const struct prop *props, uint32_t count)
{
    for (uint32_t number = 1; number < ARRAY_LEN(places); number++) {
        if (number == PROPS_HAS_PRECOMMIT || number == PROPS_HAS_POSTCOMMIT)
            pb_put_number(w, number, 1);
        for (uint32_t i = 0; places[number].used && i < count; i++) {
            if (props[i].id == places[number].id)
                put_prop(w, number, &props[i]);
        }
    }
}

size_t pb_props_put(uint8_t *to, const struct prop *props, uint32_t count)
{
    struct pb_writer inner = {NULL, 0};
    struct pb_writer w = pb_frame_begin(to);

    put_fields(&inner, props, count);
    pb_put_message(&w, 1, inner.len);
    put_fields(&w, props, count);
    return pb_frame_end(&w, PB_GET_BUCKET_RESP);
}

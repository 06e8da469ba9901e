/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_props.h"

#include "base/check.h"
#include "wire/json.h"

enum { RAW_BYTES_MAX = OVERLAY_BYTES_MAX };

static const struct {
    const char *word;
    uint32_t number;
} symbols[] = {
    {"one", QUORUM_ONE},
    {"quorum", QUORUM_QUORUM},
    {"all", QUORUM_ALL},
    {"default", QUORUM_DEFAULT},
};

static bool is_quorum(enum prop_id id)
{
    return prop_rule(id) == RULE_QUORUM || prop_rule(id) == RULE_QUORUM_0;
}

static void write_number(struct json_out *json, const struct prop *prop)
{
    for (size_t i = 0; i < ARRAY_LEN(symbols) && is_quorum(prop->id); i++) {
        if (prop->number == symbols[i].number) {
            json_string(json, bytes_str(symbols[i].word));
            return;
        }
    }
    json_u64(json, prop->number);
}

static void write_hook(struct json_out *json, const struct hook *hook)
{
    json_open(json, '{');
    json_put_string(json, hook->named ? "name" : "mod", hook->module);
    if (!hook->named)
        json_put_string(json, "fun", hook->function);
    json_close(json, '}');
}

static void write_value(struct json_out *json, const struct prop *prop)
{
    switch (prop->kind) {
    case PROP_BOOL: json_bool(json, prop->boolean); return;
    case PROP_NUMBER: write_number(json, prop); return;
    case PROP_TEXT: json_string(json, prop->text); return;
    case PROP_MODFUN: write_hook(json, &prop->modfun); return;
    case PROP_RAW: json_raw(json, prop->text); return;
    case PROP_HOOKS:
        json_open(json, '[');
        for (uint32_t i = 0; i < prop->hooks_count; i++)
            write_hook(json, &prop->hooks[i]);
        json_close(json, ']');
        return;
    }
    UNREACHABLE();
}

void http_props_write(struct buf *buf, const struct prop *props, uint32_t count)
{
    struct json_out json = json_out_of(buf);

    json_open(&json, '{');
    for (uint32_t i = 0; i < count; i++) {
        json_name(&json, props[i].id == PROP_OTHER ? props[i].name : prop_name(props[i].id));
        write_value(&json, &props[i]);
    }
    json_close(&json, '}');
}

void http_faults_write(struct buf *buf, const struct prop_fault *faults, uint32_t count)
{
    struct json_out json = json_out_of(buf);

    json_open(&json, '{');
    for (uint32_t i = 0; i < count; i++) {
        json_name(&json, faults[i].name);
        json_string(&json, faults[i].reason);
    }
    json_close(&json, '}');
}

/* A number that is no quorum symbol. */
static bool read_number(const struct json *json, uint32_t *ret_number)
{
    int64_t number;

    if (!json_integer(json, &number) || number < 0 || number >= QUORUM_DEFAULT)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

/* Riak takes words in any case, and numbers: those above zero are true. */
static bool read_boolean(const struct json *json, bool *ret_value)
{
    int64_t number;

    if (json->kind == JSON_BOOL) {
        *ret_value = json->truth;
        return true;
    }
    if (json_integer(json, &number)) {
        *ret_value = number > 0;
        return true;
    }
    *ret_value = bytes_eq_nocase(json->text, BYTES_LIT("true"));
    return json->kind == JSON_STRING &&
           (*ret_value || bytes_eq_nocase(json->text, BYTES_LIT("false")));
}

static bool read_quorum(const struct json *json, uint32_t *ret_number)
{
    if (json->kind != JSON_STRING)
        return read_number(json, ret_number);
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (bytes_eq(json->text, bytes_str(symbols[i].word))) {
            *ret_number = symbols[i].number;
            return true;
        }
    }
    return false;
}

/* {"mod":"m","fun":"f"} or {"name":"n"} and nothing else. */
static bool read_hook(const struct json *json, struct hook *ret_hook)
{
    const struct json *module = json_member(json, BYTES_LIT("mod"));
    const struct json *function = json_member(json, BYTES_LIT("fun"));
    const struct json *named = json_member(json, BYTES_LIT("name"));
    bool pair = module != NULL && module->kind == JSON_STRING && function != NULL &&
                function->kind == JSON_STRING && json->count == 2;
    bool single = named != NULL && named->kind == JSON_STRING && json->count == 1;

    if (pair)
        *ret_hook = (struct hook){.module = module->text, .function = function->text};
    else if (single)
        *ret_hook = (struct hook){.named = true, .module = named->text};
    return pair || single;
}

/* A list of hooks; false when one is of another form. */
static bool read_hooks(struct arena *arena, const struct json *json, struct prop *prop)
{
    if (json->kind != JSON_ARRAY || json->count > OVERLAY_HOOKS_MAX)
        return false;
    struct hook *hooks = arena_alloc_array(arena, json->count, sizeof(*hooks));
    uint32_t count = 0;
    for (const struct json *at = json->first; at != NULL; at = at->next) {
        if (!read_hook(at, &hooks[count]))
            return false;
        count++;
    }
    ASSERT(count == json->count);
    prop->hooks = hooks;
    prop->hooks_count = count;
    return true;
}

/* What has no rule for its kind: the kind that the JSON has. */
static bool read_any(struct arena *arena, const struct json *json, struct prop *prop)
{
    bool hooks = prop->id == PROP_PRECOMMIT || prop->id == PROP_POSTCOMMIT;

    if (hooks) {
        prop->kind = PROP_HOOKS;
        return read_hooks(arena, json, prop);
    }
    if (json->kind == JSON_BOOL) {
        prop->kind = PROP_BOOL;
        prop->boolean = json->truth;
        return true;
    }
    if (json->kind == JSON_STRING) {
        prop->kind = PROP_TEXT;
        prop->text = json->text;
        return true;
    }
    if (json->kind == JSON_NUMBER) {
        prop->kind = PROP_NUMBER;
        return read_number(json, &prop->number);
    }
    prop->kind = PROP_MODFUN;
    return json->kind == JSON_OBJECT && read_hook(json, &prop->modfun) && !prop->modfun.named;
}

/* Reads a value of the kind that the property wants; false when it is of another. */
static bool read_value(struct arena *arena, const struct json *json, struct prop *prop)
{
    if (prop->id == PROP_OTHER)
        return false;
    switch (prop_rule(prop->id)) {
    case RULE_BOOL: prop->kind = PROP_BOOL; return read_boolean(json, &prop->boolean);
    case RULE_SECONDS:
    case RULE_POSITIVE: prop->kind = PROP_NUMBER; return read_number(json, &prop->number);
    case RULE_QUORUM:
    case RULE_QUORUM_0: prop->kind = PROP_NUMBER; return read_quorum(json, &prop->number);
    case RULE_ANY:
    case RULE_RESERVED: return read_any(arena, json, prop);
    }
    UNREACHABLE();
}

/* One member; a value of the wrong kind, or of a name that nobody knows, stays JSON. */
static enum err read_prop(struct arena *arena, const struct json *json, struct prop *ret_prop)
{
    struct buf raw;

    *ret_prop = (struct prop){.id = prop_find(json->name), .name = json->name};
    if (read_value(arena, json, ret_prop))
        return ERR_OK;
    buf_init(&raw, RAW_BYTES_MAX);
    struct json_out out = json_out_of(&raw);
    json_tree(&out, json);
    ret_prop->kind = PROP_RAW;
    ret_prop->text = arena_copy(arena, buf_bytes(&raw));
    bool overflow = raw.overflow;
    buf_done(&raw);
    return overflow ? ERR_TOO_LARGE : ERR_OK;
}

enum err http_props_read(struct arena *arena, struct bytes text, struct bytes *ret_overlay)
{
    const struct json *json;
    uint32_t count = 0;

    TRY(json_read(arena, text, &json));
    json = json_member(json, BYTES_LIT("props"));
    if (json == NULL || json->kind != JSON_OBJECT)
        return ERR_MALFORMED;
    if (json->count > OVERLAY_PROPS_MAX)
        return ERR_TOO_LARGE;
    struct prop *props = arena_alloc_array(arena, json->count, sizeof(*props));
    for (const struct json *at = json->first; at != NULL; at = at->next) {
        ASSERT(count < json->count);
        TRY(read_prop(arena, at, &props[count]));
        count++;
    }
    return overlay_encode(arena, props, count, ret_overlay);
}

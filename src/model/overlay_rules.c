/* SPDX-License-Identifier: Apache-2.0 */
/* Riak's rules for what may be set (riak_core_bucket_props, riak_kv_bucket). */
#include "base/buf.h"
#include "base/check.h"
#include "model/limits.h"
#include "model/overlay.h"

struct rules {
    struct arena *arena;
    enum overlay_target target;
    const struct prop *props; /* what is to be set */
    uint32_t count;
    const struct prop *under; /* what is in force */
    uint32_t under_count;
    struct prop_fault *faults;
    uint32_t faults_count;
};

static void fault(struct rules *rules, struct bytes name, struct bytes reason, bool sentence)
{
    rules->faults[rules->faults_count++] = (struct prop_fault){name, reason, sentence};
}

static const struct prop *find(const struct prop *props, uint32_t count, enum prop_id id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (props[i].id == id)
            return &props[i];
    }
    return NULL;
}

static bool is_true(const struct prop *prop)
{
    return prop != NULL && prop->kind == PROP_BOOL && prop->boolean;
}

static bool is_symbol(uint32_t number)
{
    return number == QUORUM_ONE || number == QUORUM_QUORUM || number == QUORUM_ALL ||
           number == QUORUM_DEFAULT;
}

static bool text_is(const struct prop *prop, const char *text)
{
    return (prop->kind == PROP_TEXT) && bytes_eq(prop->text, bytes_str(text));
}

/* The rule that the table names. */
static void check_form(struct rules *rules, const struct prop *prop)
{
    bool number = prop->kind == PROP_NUMBER;

    switch (prop_rule(prop->id)) {
    case RULE_BOOL:
        if (prop->kind != PROP_BOOL)
            fault(rules, prop->name, BYTES_LIT("not_boolean"), false);
        break;
    case RULE_POSITIVE:
        if (!number || prop->number == 0 || is_symbol(prop->number))
            fault(rules, prop->name, BYTES_LIT("not_integer"), false);
        break;
    case RULE_QUORUM:
        if (!number || prop->number == 0)
            fault(rules, prop->name, BYTES_LIT("not_valid_quorum"), false);
        break;
    case RULE_QUORUM_0:
        if (!number)
            fault(rules, prop->name, BYTES_LIT("not_valid_quorum"), false);
        break;
    case RULE_SECONDS:
        if (!number || prop->number > TTL_S_MAX)
            fault(rules, prop->name, BYTES_LIT("not_valid_ttl"), false);
        break;
    case RULE_RESERVED:
        fault(rules, prop->name,
              prop->id == PROP_ACTIVE ? BYTES_LIT("Cannot modify active property")
                                      : BYTES_LIT("Cannot update claimant property"),
              true);
        break;
    case RULE_ANY: break;
    }
    if (prop->id == PROP_SYNC_ON_WRITE && !text_is(prop, "backend") && !text_is(prop, "one") &&
        !text_is(prop, "all") && !text_is(prop, "default"))
        fault(rules, prop->name, BYTES_LIT("not_valid_sync_param"), false);
}

static struct bytes sentence(struct rules *rules, const char *format, struct bytes what)
{
    struct buf buf;

    buf_init(&buf, 1024);
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '@')
            buf_put(&buf, what);
        else
            buf_put_u8(&buf, (uint8_t)*at);
    }
    struct bytes text = arena_copy(rules->arena, buf_bytes(&buf));
    buf_done(&buf);
    return text;
}

static bool known_datatype(const struct prop *prop)
{
    return text_is(prop, "counter") || text_is(prop, "set") || text_is(prop, "map") ||
           text_is(prop, "hll") || text_is(prop, "gset");
}

static void check_datatype(struct rules *rules)
{
    const struct prop *now = find(rules->props, rules->count, PROP_DATATYPE);
    const struct prop *before = find(rules->under, rules->under_count, PROP_DATATYPE);
    const struct prop *mult = find(rules->props, rules->count, PROP_ALLOW_MULT);
    bool fresh = rules->target == TARGET_NEW_TYPE;

    if (now != NULL && !fresh && before == NULL) {
        fault(rules, now->name, BYTES_LIT("`datatype` must not be defined."), true);
    } else if (now != NULL &&
               (!known_datatype(now) || (before != NULL && !bytes_eq(before->text, now->text)))) {
        fault(rules, now->name,
              sentence(rules, "@ not supported for bucket datatype property", now->text), true);
    } else if ((now != NULL || before != NULL) && mult != NULL && !is_true(mult)) {
        fault(rules, mult->name, BYTES_LIT("Data Type buckets must be allow_mult=true"), true);
    }
}

static bool same_bool(const struct prop *now, const struct prop *before)
{
    return is_true(now) == is_true(before);
}

static void check_write_once(struct rules *rules)
{
    const struct prop *now = find(rules->props, rules->count, PROP_WRITE_ONCE);
    const struct prop *before = find(rules->under, rules->under_count, PROP_WRITE_ONCE);

    if (now == NULL)
        return;
    if (rules->target == TARGET_NEW_TYPE) {
        if (is_true(now) && is_true(find(rules->props, rules->count, PROP_CONSISTENT)))
            fault(rules, now->name, BYTES_LIT("Write once buckets must not be consistent=true"),
                  true);
        else if (is_true(now) && find(rules->props, rules->count, PROP_DATATYPE) != NULL)
            fault(rules, now->name, BYTES_LIT("Write once buckets must not have datatype defined"),
                  true);
    } else if (is_true(before) && !is_true(now)) {
        fault(rules, now->name, BYTES_LIT("Cannot modify write_once property once set to true"),
              true);
    } else if (!same_bool(now, before)) {
        fault(rules, now->name, BYTES_LIT("Cannot set existing bucket type to `write_once`"), true);
    }
}

static bool changes_n_val(const struct rules *rules)
{
    const struct prop *now = find(rules->props, rules->count, PROP_N_VAL);
    const struct prop *before = find(rules->under, rules->under_count, PROP_N_VAL);
    uint32_t present = before == NULL ? props_default(true).n_val : before->number;

    return now != NULL && now->number != present;
}

static void check_consistent(struct rules *rules)
{
    const struct prop *now = find(rules->props, rules->count, PROP_CONSISTENT);
    const struct prop *before = find(rules->under, rules->under_count, PROP_CONSISTENT);

    if (rules->target == TARGET_NEW_TYPE)
        return;
    if (now != NULL && !same_bool(now, before))
        fault(rules, now->name, BYTES_LIT("cannot update consistent property"), true);
    if (is_true(before) && changes_n_val(rules))
        fault(rules, prop_name(PROP_N_VAL),
              BYTES_LIT("n_val cannot be modified for existing consistent type"), true);
}

enum { HLL_PRECISION_MIN = 4, HLL_PRECISION_DEFAULT = 14, HLL_PRECISION_MAX = 16 };

static void check_precision(struct rules *rules)
{
    bool fresh = rules->target == TARGET_NEW_TYPE;
    uint32_t most = fresh ? HLL_PRECISION_MAX : HLL_PRECISION_DEFAULT;
    const struct prop *now = find(rules->props, rules->count, PROP_HLL_PRECISION);
    const struct prop *before = find(rules->under, rules->under_count, PROP_HLL_PRECISION);
    const struct prop *type = find(rules->props, rules->count, PROP_DATATYPE);

    if (before != NULL && before->kind == PROP_NUMBER)
        most = before->number;
    if (type == NULL)
        type = find(rules->under, rules->under_count, PROP_DATATYPE);
    if (now == NULL || type == NULL || !text_is(type, "hll"))
        return;
    if (now->kind == PROP_NUMBER && now->number >= HLL_PRECISION_MIN && now->number <= most)
        return;
    struct buf value;
    buf_init(&value, 64);
    if (now->kind == PROP_NUMBER)
        buf_put_dec(&value, now->number);
    else
        buf_put(&value, now->text);
    fault(rules, now->name,
          sentence(rules,
                   "@ not supported for Hyperloglog precision property for bucket type. "
                   "Precision must be an integer between 4 and 16, inclusive (3 < p < 17) and "
                   "precision can be reduced but never increased after initial setting",
                   buf_bytes(&value)),
          true);
    buf_done(&value);
}

/* `dvv_default` is what holds when neither overlay says. */
static void check_last_write_wins(struct rules *rules, bool dvv_default)
{
    const struct prop *lww = find(rules->props, rules->count, PROP_LAST_WRITE_WINS);
    const struct prop *dvv = find(rules->props, rules->count, PROP_DVV_ENABLED);

    if (lww == NULL && dvv == NULL)
        return;
    if (lww == NULL)
        lww = find(rules->under, rules->under_count, PROP_LAST_WRITE_WINS);
    if (dvv == NULL)
        dvv = find(rules->under, rules->under_count, PROP_DVV_ENABLED);
    if (is_true(lww) && (dvv == NULL ? dvv_default : is_true(dvv)))
        fault(rules, prop_name(PROP_DVV_ENABLED),
              BYTES_LIT("If last_write_wins is true, dvv_enabled must be false"), true);
}

uint32_t overlay_faults(struct arena *arena, struct bytes overlay, struct bytes under,
                        enum overlay_target target, bool dvv_default,
                        const struct prop_fault **ret_faults)
{
    struct rules rules = {.arena = arena, .target = target};

    if (overlay_decode(arena, overlay, &rules.props, &rules.count) != ERR_OK ||
        overlay_decode(arena, under, &rules.under, &rules.under_count) != ERR_OK) {
        rules.faults = ARENA_NEW(arena, struct prop_fault);
        fault(&rules, BYTES_LIT("props"), BYTES_LIT("malformed"), false);
        *ret_faults = rules.faults;
        return 1;
    }
    rules.faults = arena_alloc_array(arena, 2 * (size_t)rules.count + 8, sizeof(*rules.faults));
    check_last_write_wins(&rules, dvv_default);
    for (uint32_t i = 0; i < rules.count; i++)
        check_form(&rules, &rules.props[i]);
    /* What a bucket of the default type says of data types means nothing, and Riak lets it. */
    if (target != TARGET_BUCKET || dvv_default)
        check_datatype(&rules);
    check_write_once(&rules);
    check_consistent(&rules);
    check_precision(&rules);
    *ret_faults = rules.faults;
    return rules.faults_count;
}

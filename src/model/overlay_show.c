/* SPDX-License-Identifier: Apache-2.0 */
/* Properties as clients are shown them. */
#include "base/check.h"
#include "model/key.h"
#include "model/overlay.h"

struct shown {
    struct prop *props;
    uint32_t count;
};

static void show_bool(struct shown *s, enum prop_id id, bool value)
{
    s->props[s->count++] =
        (struct prop){.id = id, .kind = PROP_BOOL, .name = prop_name(id), .boolean = value};
}

static void show_number(struct shown *s, enum prop_id id, uint32_t value)
{
    s->props[s->count++] =
        (struct prop){.id = id, .kind = PROP_NUMBER, .name = prop_name(id), .number = value};
}

static void show_text(struct shown *s, enum prop_id id, struct bytes value)
{
    s->props[s->count++] =
        (struct prop){.id = id, .kind = PROP_TEXT, .name = prop_name(id), .text = value};
}

static void show_modfun(struct shown *s, enum prop_id id, struct bytes module,
                        struct bytes function)
{
    s->props[s->count++] = (struct prop){
        .id = id, .kind = PROP_MODFUN, .name = prop_name(id), .modfun = {false, module, function}};
}

static void show_hooks(struct shown *s, enum prop_id id)
{
    s->props[s->count++] = (struct prop){.id = id, .kind = PROP_HOOKS, .name = prop_name(id)};
}

static void show_defaults(struct shown *s, bool created)
{
    struct props props = props_default(created);

    show_bool(s, PROP_ALLOW_MULT, props.allow_mult);
    show_bool(s, PROP_BASIC_QUORUM, props.basic_quorum);
    show_number(s, PROP_BIG_VCLOCK, props.big_vclock);
    show_modfun(s, PROP_CHASH_KEYFUN, BYTES_LIT("riak_core_util"), BYTES_LIT("chash_std_keyfun"));
    show_bool(s, PROP_DVV_ENABLED, props.dvv_enabled);
    show_number(s, PROP_DW, props.dw);
    show_bool(s, PROP_LAST_WRITE_WINS, props.last_write_wins);
    show_modfun(s, PROP_LINKFUN, BYTES_LIT("riak_kv_wm_link_walker"),
                BYTES_LIT("mapreduce_linkfun"));
    show_number(s, PROP_N_VAL, props.n_val);
    show_number(s, PROP_NODE_CONFIRMS, props.node_confirms);
    show_bool(s, PROP_NOTFOUND_OK, props.notfound_ok);
    show_number(s, PROP_OLD_VCLOCK, props.old_vclock);
    show_hooks(s, PROP_POSTCOMMIT);
    show_number(s, PROP_PR, props.pr);
    show_hooks(s, PROP_PRECOMMIT);
    show_number(s, PROP_PW, props.pw);
    show_number(s, PROP_R, props.r);
    show_number(s, PROP_RW, props.rw);
    show_number(s, PROP_SMALL_VCLOCK, props.small_vclock);
    show_text(s, PROP_SYNC_ON_WRITE, BYTES_LIT("backend"));
    show_number(s, PROP_W, props.w);
    if (!created)
        show_bool(s, PROP_WRITE_ONCE, props.write_once);
    show_number(s, PROP_YOUNG_VCLOCK, props.young_vclock);
}

static bool same_prop(const struct prop *a, const struct prop *b)
{
    return a->id == b->id && (a->id != PROP_OTHER || bytes_eq(a->name, b->name));
}

static void lay_over(struct shown *s, struct arena *arena, struct bytes overlay)
{
    const struct prop *props;
    uint32_t count;
    enum err err = overlay_decode(arena, overlay, &props, &count);

    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 0;
        while (at < s->count && !same_prop(&s->props[at], &props[i]))
            at++;
        s->props[at] = props[i];
        if (at == s->count)
            s->count++;
    }
}

static void sort_by_name(struct shown *s)
{
    for (uint32_t i = 1; i < s->count; i++) {
        struct prop moving = s->props[i];
        uint32_t at = i;
        for (; at > 0 && bytes_cmp(s->props[at - 1].name, moving.name) > 0; at--)
            s->props[at] = s->props[at - 1];
        s->props[at] = moving;
    }
}

static const struct prop *find(const struct shown *s, enum prop_id id)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->props[i].id == id)
            return &s->props[i];
    }
    return NULL;
}

uint32_t overlay_effective(struct arena *arena, struct bytes type, struct bytes bucket,
                           struct bytes type_overlay, struct bytes bucket_overlay, bool active,
                           struct bytes claimant, const struct prop **ret_props)
{
    bool created = !bytes_eq(type, TYPE_DEFAULT);
    struct shown shown = {arena_alloc_array(arena, 2 * OVERLAY_PROPS_MAX + 64, sizeof(struct prop)),
                          0};

    show_defaults(&shown, created);
    if (bucket.len > 0)
        show_text(&shown, PROP_NAME, bucket);
    lay_over(&shown, arena, type_overlay);
    lay_over(&shown, arena, bucket_overlay);
    if (created) {
        show_bool(&shown, PROP_ACTIVE, active);
        show_text(&shown, PROP_CLAIMANT, claimant);
    }
    const struct prop *datatype = find(&shown, PROP_DATATYPE);
    if (datatype != NULL && bytes_eq(datatype->text, BYTES_LIT("hll")) &&
        find(&shown, PROP_HLL_PRECISION) == NULL)
        show_number(&shown, PROP_HLL_PRECISION, 14);
    sort_by_name(&shown);
    *ret_props = shown.props;
    return shown.count;
}

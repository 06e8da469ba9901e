/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays as bytes: canonical, bounded, and what they do to properties. */
#include "base/attr.h"
#include "base/buf.h"
#include "model/overlay.h"
#include "tap.h"

static const struct hook hooks[] = {
    {false, {(const uint8_t *)"m", 1}, {(const uint8_t *)"f", 1}},
    {true, {(const uint8_t *)"js", 2}, {NULL, 0}},
};

/* One property of every kind, not in order. */
static const struct prop every_kind[] = {
    {.id = PROP_OTHER,
     .kind = PROP_RAW,
     .name = {(const uint8_t *)"zeta", 4},
     .text = {(const uint8_t *)"[1]", 3}},
    {.id = PROP_W, .kind = PROP_NUMBER, .number = QUORUM_ALL},
    {.id = PROP_ALLOW_MULT, .kind = PROP_BOOL, .boolean = true},
    {.id = PROP_BACKEND, .kind = PROP_TEXT, .text = {(const uint8_t *)"memory", 6}},
    {.id = PROP_CHASH_KEYFUN,
     .kind = PROP_MODFUN,
     .modfun = {false, {(const uint8_t *)"mod", 3}, {(const uint8_t *)"fun", 3}}},
    {.id = PROP_PRECOMMIT, .kind = PROP_HOOKS, .hooks = hooks, .hooks_count = 2},
    {.id = PROP_OTHER,
     .kind = PROP_RAW,
     .name = {(const uint8_t *)"alpha", 5},
     .text = {(const uint8_t *)"null", 4}},
    {.id = PROP_N_VAL, .kind = PROP_NUMBER, .number = 5},
};

static struct arena arena;

static struct bytes encode(const struct prop *props, uint32_t count)
{
    struct bytes overlay = BYTES_NONE;

    CHECK_EQ(overlay_encode(&arena, props, count, &overlay), ERR_OK);
    return overlay;
}

static void check_hook(const struct hook *a, const struct hook *b)
{
    CHECK_EQ(a->named, b->named);
    CHECK(bytes_eq(a->module, b->module));
    CHECK(bytes_eq(a->function, b->function));
}

static void check_prop(const struct prop *a, const struct prop *b)
{
    CHECK_EQ(a->id, b->id);
    CHECK_EQ(a->kind, b->kind);
    CHECK_EQ(a->boolean, b->boolean);
    CHECK_EQ(a->number, b->number);
    CHECK(bytes_eq(a->text, b->text));
    CHECK(bytes_eq(a->name, b->id == PROP_OTHER ? b->name : prop_name(b->id)));
    check_hook(&a->modfun, &b->modfun);
    CHECK_EQ(a->hooks_count, b->hooks_count);
    for (uint32_t i = 0; i < a->hooks_count && i < b->hooks_count; i++)
        check_hook(&a->hooks[i], &b->hooks[i]);
}

TEST(every_kind_comes_back_in_order)
{
    static const unsigned order[] = {2, 3, 4, 7, 5, 1, 6, 0};
    const struct prop *props;
    uint32_t count;

    struct bytes overlay = encode(every_kind, ARRAY_LEN(every_kind));
    CHECK_EQ(overlay_decode(&arena, overlay, &props, &count), ERR_OK);
    CHECK_EQ_FATAL(count, ARRAY_LEN(every_kind));
    for (uint32_t i = 0; i < count; i++)
        check_prop(&props[i], &every_kind[order[i]]);
    struct bytes again = encode(props, count);
    CHECK_BYTES(overlay.data, overlay.len, again.data, again.len);
    arena_done(&arena);
}

TEST(the_order_of_setting_is_not_seen)
{
    struct prop turned[ARRAY_LEN(every_kind)];

    for (unsigned i = 0; i < ARRAY_LEN(turned); i++)
        turned[i] = every_kind[ARRAY_LEN(turned) - 1 - i];
    struct bytes a = encode(every_kind, ARRAY_LEN(every_kind));
    struct bytes b = encode(turned, ARRAY_LEN(turned));
    CHECK_BYTES(a.data, a.len, b.data, b.len);
    arena_done(&arena);
}

TEST(the_last_of_a_name_counts)
{
    const struct prop twice[] = {{.id = PROP_R, .kind = PROP_NUMBER, .number = 1},
                                 {.id = PROP_R, .kind = PROP_NUMBER, .number = 2}};
    struct bytes both = encode(twice, 2), last = encode(&twice[1], 1);

    CHECK_BYTES(both.data, both.len, last.data, last.len);
    arena_done(&arena);
}

TEST(nothing_is_no_bytes)
{
    const struct prop *props = every_kind;
    uint32_t count = 7;

    CHECK_EQ(encode(NULL, 0).len, 0);
    CHECK_EQ(overlay_decode(&arena, BYTES_NONE, &props, &count), ERR_OK);
    CHECK_EQ(count, 0);
    CHECK_EQ(overlay_decode(&arena, BYTES_LIT("\x00"), &props, &count), ERR_MALFORMED);
    arena_done(&arena);
}

/* A change of any byte is refused or is another overlay in its only form. */
TEST(damage_is_refused_or_canonical)
{
    struct bytes overlay = encode(every_kind, ARRAY_LEN(every_kind));
    const struct prop *props;
    uint32_t count, refused = 0;
    uint8_t bytes[256];

    CHECK_FATAL(overlay.len < sizeof(bytes));
    for (size_t len = 1; len < overlay.len; len++)
        CHECK_EQ(overlay_decode(&arena, bytes_sub(overlay, 0, len), &props, &count), ERR_MALFORMED);
    for (size_t i = 0; i < overlay.len; i++) {
        for (unsigned value = 0; value < 256; value++) {
            memcpy(bytes, overlay.data, overlay.len);
            bytes[i] = (uint8_t)value;
            struct bytes changed = bytes_of(bytes, overlay.len);
            if (overlay_decode(&arena, changed, &props, &count) != ERR_OK) {
                refused++;
                continue;
            }
            struct bytes again = encode(props, count);
            CHECK_BYTES(changed.data, changed.len, again.data, again.len);
        }
    }
    CHECK(refused > 0);
    arena_done(&arena);
}

TEST(known_names_are_never_others)
{
    /* One property: other, "r", raw, "2". */
    struct bytes forged = BYTES_LIT("\x01\x21\x01r\x05\x01"
                                    "2");
    struct bytes other = BYTES_LIT("\x01\x21\x01q\x05\x01"
                                   "2");
    const struct prop *props;
    uint32_t count;

    struct bytes ours = BYTES_LIT("\x01\x21\x03ttl\x05\x01"
                                  "2");
    struct bytes unknown = BYTES_LIT("\x01\x23\x01\x02");

    CHECK_EQ(PROP_OTHER, 0x21);
    CHECK_EQ(overlay_decode(&arena, ours, &props, &count), ERR_MALFORMED);
    CHECK_EQ(overlay_decode(&arena, unknown, &props, &count), ERR_MALFORMED);
    CHECK_EQ(PROP_RAW, 5);
    CHECK_EQ(overlay_decode(&arena, forged, &props, &count), ERR_MALFORMED);
    CHECK_EQ(overlay_decode(&arena, other, &props, &count), ERR_OK);
    arena_done(&arena);
}

TEST(names_are_found)
{
    for (unsigned id = 0; id < PROP_OTHER; id++) {
        CHECK_EQ(prop_find(prop_name((enum prop_id)id)), id);
        if (id > 0)
            CHECK(bytes_cmp(prop_name((enum prop_id)(id - 1)), prop_name((enum prop_id)id)) < 0);
    }
    CHECK_EQ(prop_find(BYTES_LIT("ttl")), PROP_TTL);
    CHECK_EQ(PROP_TTL, 0x22);
    CHECK_EQ(prop_find(BYTES_LIT("n_vals")), PROP_OTHER);
    CHECK_EQ(prop_find(BYTES_NONE), PROP_OTHER);
}

TEST(limits)
{
    struct prop props[OVERLAY_PROPS_MAX + 1];
    uint8_t names[OVERLAY_PROPS_MAX + 1];
    static uint8_t large[OVERLAY_BYTES_MAX];
    struct bytes overlay = BYTES_LIT("untouched");

    for (unsigned i = 0; i < ARRAY_LEN(props); i++) {
        names[i] = (uint8_t)i;
        props[i] = (struct prop){.id = PROP_OTHER,
                                 .kind = PROP_RAW,
                                 .name = bytes_of(&names[i], 1),
                                 .text = BYTES_LIT("0")};
    }
    /* One of these names is r, one w. */
    names['r'] = 0xfe;
    names['w'] = 0xff;
    CHECK_EQ(overlay_encode(&arena, props, OVERLAY_PROPS_MAX + 1, &overlay), ERR_TOO_LARGE);
    CHECK_EQ(overlay.len, 9);
    CHECK_EQ(overlay_encode(&arena, props, OVERLAY_PROPS_MAX, &overlay), ERR_OK);
    props[0].text = bytes_of(large, sizeof(large) - 10);
    CHECK_EQ(overlay_encode(&arena, props, 1, &overlay), ERR_OK);
    props[0].text = bytes_of(large, sizeof(large));
    CHECK_EQ(overlay_encode(&arena, props, 1, &overlay), ERR_TOO_LARGE);
    arena_done(&arena);
}

TEST(merging)
{
    const struct prop under[] = {{.id = PROP_R, .kind = PROP_NUMBER, .number = 1},
                                 {.id = PROP_N_VAL, .kind = PROP_NUMBER, .number = 5}};
    const struct prop over[] = {{.id = PROP_R, .kind = PROP_NUMBER, .number = 2},
                                {.id = PROP_SEARCH, .kind = PROP_BOOL}};
    const struct prop wanted[] = {over[0], under[1], over[1]};
    struct bytes expected = encode(wanted, 3), merged;

    CHECK_EQ(overlay_merge(&arena, encode(under, 2), encode(over, 2), &merged), ERR_OK);
    CHECK_BYTES(merged.data, merged.len, expected.data, expected.len);
    CHECK_EQ(overlay_merge(&arena, BYTES_NONE, expected, &merged), ERR_OK);
    CHECK_BYTES(merged.data, merged.len, expected.data, expected.len);
    CHECK_EQ(overlay_merge(&arena, expected, BYTES_NONE, &merged), ERR_OK);
    CHECK_BYTES(merged.data, merged.len, expected.data, expected.len);
    CHECK_EQ(overlay_merge(&arena, BYTES_LIT("?"), expected, &merged), ERR_MALFORMED);
    arena_done(&arena);
}

TEST(applying_sets_what_is_named)
{
    static const struct {
        enum prop_id id;
        size_t offset;
    } numbers[] = {
        {PROP_N_VAL, offsetof(struct props, n_val)},
        {PROP_R, offsetof(struct props, r)},
        {PROP_W, offsetof(struct props, w)},
        {PROP_PR, offsetof(struct props, pr)},
        {PROP_PW, offsetof(struct props, pw)},
        {PROP_DW, offsetof(struct props, dw)},
        {PROP_RW, offsetof(struct props, rw)},
        {PROP_NODE_CONFIRMS, offsetof(struct props, node_confirms)},
        {PROP_OLD_VCLOCK, offsetof(struct props, old_vclock)},
        {PROP_YOUNG_VCLOCK, offsetof(struct props, young_vclock)},
        {PROP_BIG_VCLOCK, offsetof(struct props, big_vclock)},
        {PROP_SMALL_VCLOCK, offsetof(struct props, small_vclock)},
        {PROP_TTL, offsetof(struct props, ttl_s)},
    };
    static const struct {
        enum prop_id id;
        size_t offset;
    } switches[] = {
        {PROP_ALLOW_MULT, offsetof(struct props, allow_mult)},
        {PROP_LAST_WRITE_WINS, offsetof(struct props, last_write_wins)},
        {PROP_BASIC_QUORUM, offsetof(struct props, basic_quorum)},
        {PROP_NOTFOUND_OK, offsetof(struct props, notfound_ok)},
        {PROP_DVV_ENABLED, offsetof(struct props, dvv_enabled)},
        {PROP_WRITE_ONCE, offsetof(struct props, write_once)},
        {PROP_CONSISTENT, offsetof(struct props, consistent)},
    };

    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        struct prop one = {.id = numbers[i].id, .kind = PROP_NUMBER, .number = 77};
        struct props props = props_default(false);
        overlay_apply(&props, encode(&one, 1));
        CHECK_EQ(*(uint32_t *)(void *)((char *)&props + numbers[i].offset), 77);
        *(uint32_t *)(void *)((char *)&props + numbers[i].offset) = 0;
        struct props rest = props_default(false);
        *(uint32_t *)(void *)((char *)&rest + numbers[i].offset) = 0;
        CHECK(memcmp(&props, &rest, offsetof(struct props, allow_mult)) == 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(switches); i++) {
        for (unsigned value = 0; value < 2; value++) {
            struct prop one = {.id = switches[i].id, .kind = PROP_BOOL, .boolean = value == 1};
            struct props props = props_default(value == 0);
            overlay_apply(&props, encode(&one, 1));
            CHECK_EQ(*(bool *)(void *)((char *)&props + switches[i].offset), value == 1);
        }
    }
    arena_done(&arena);
}

/* "default" as a quorum is no quorum of a bucket, and what is kept as JSON has no effect. */
TEST(applying_leaves_the_rest)
{
    const struct prop odd[] = {
        {.id = PROP_R, .kind = PROP_NUMBER, .number = QUORUM_DEFAULT},
        {.id = PROP_N_VAL, .kind = PROP_RAW, .text = {(const uint8_t *)"9", 1}},
        {.id = PROP_BACKEND, .kind = PROP_NUMBER, .number = 4},
        {.id = PROP_SEARCH, .kind = PROP_BOOL, .boolean = true},
    };
    struct props props = props_default(true), before = props_default(true);

    overlay_apply(&props, encode(odd, ARRAY_LEN(odd)));
    CHECK_EQ(props.r, before.r);
    CHECK_EQ(props.n_val, before.n_val);
    CHECK_EQ(props.allow_mult, before.allow_mult);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(every_kind_comes_back_in_order),
        T(the_order_of_setting_is_not_seen),
        T(the_last_of_a_name_counts),
        T(nothing_is_no_bytes),
        T(damage_is_refused_or_canonical),
        T(known_names_are_never_others),
        T(names_are_found),
        T(limits),
        T(merging),
        T(applying_sets_what_is_named),
        T(applying_leaves_the_rest),
    };

    arena_init(&arena);
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* All properties of a bucket, as a client is shown them. Rendered here as "name=value" in order. */
#include "base/attr.h"
#include "base/buf.h"
#include "model/key.h"
#include "model/overlay.h"
#include "tap.h"

static struct arena arena;

static void put_number(struct buf *buf, uint32_t number)
{
    if (number == QUORUM_QUORUM)
        buf_put_str(buf, "quorum");
    else
        buf_put_dec(buf, number);
}

static void put_value(struct buf *buf, const struct prop *prop)
{
    switch (prop->kind) {
    case PROP_BOOL: buf_put_str(buf, prop->boolean ? "true" : "false"); break;
    case PROP_NUMBER: put_number(buf, prop->number); break;
    case PROP_TEXT:
    case PROP_RAW: buf_put(buf, prop->text); break;
    case PROP_HOOKS: buf_printf(buf, "[%u]", prop->hooks_count); break;
    case PROP_MODFUN:
        buf_put(buf, prop->modfun.module);
        buf_put_str(buf, ":");
        buf_put(buf, prop->modfun.function);
        break;
    }
}

static void check_shown(const struct prop *props, uint32_t count, const char *wanted)
{
    struct buf text;

    buf_init(&text, 65536);
    for (uint32_t i = 0; i < count; i++) {
        buf_put_str(&text, i == 0 ? "" : " ");
        buf_put(&text, props[i].name);
        buf_put_str(&text, "=");
        put_value(&text, &props[i]);
    }
    buf_put_u8(&text, 0);
    CHECK_STR((const char *)text.data, wanted);
    buf_done(&text);
}

static struct bytes encode(const struct prop *props, uint32_t count)
{
    struct bytes overlay = BYTES_NONE;

    CHECK_EQ(overlay_encode(&arena, props, count, &overlay), ERR_OK);
    return overlay;
}

TEST(a_bucket_of_the_default_type)
{
    const struct prop *props;
    uint32_t count = overlay_effective(&arena, TYPE_DEFAULT, BYTES_LIT("b"), BYTES_NONE, BYTES_NONE,
                                       true, BYTES_NONE, &props);

    check_shown(props, count,
                "allow_mult=false basic_quorum=false big_vclock=50 "
                "chash_keyfun=riak_core_util:chash_std_keyfun dvv_enabled=false dw=quorum "
                "last_write_wins=false linkfun=riak_kv_wm_link_walker:mapreduce_linkfun n_val=3 "
                "name=b node_confirms=0 notfound_ok=true old_vclock=86400 postcommit=[0] pr=0 "
                "precommit=[0] pw=0 r=quorum rw=quorum small_vclock=50 sync_on_write=backend "
                "w=quorum write_once=false young_vclock=20");
    arena_done(&arena);
}

TEST(a_type_that_was_created)
{
    const struct prop *props;
    uint32_t count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_NONE, BYTES_NONE, BYTES_NONE,
                                       true, BYTES_LIT("n@h"), &props);

    check_shown(props, count,
                "active=true allow_mult=true basic_quorum=false big_vclock=50 "
                "chash_keyfun=riak_core_util:chash_std_keyfun claimant=n@h dvv_enabled=true "
                "dw=quorum last_write_wins=false "
                "linkfun=riak_kv_wm_link_walker:mapreduce_linkfun n_val=3 node_confirms=0 "
                "notfound_ok=true old_vclock=86400 postcommit=[0] pr=0 precommit=[0] pw=0 "
                "r=quorum rw=quorum small_vclock=50 sync_on_write=backend w=quorum "
                "young_vclock=20");
    arena_done(&arena);
}

static const struct prop *find(const struct prop *props, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_eq(props[i].name, bytes_str(name)))
            return &props[i];
    }
    return NULL;
}

TEST(the_bucket_over_its_type_over_the_defaults)
{
    const struct prop of_type[] = {{.id = PROP_N_VAL, .kind = PROP_NUMBER, .number = 5},
                                   {.id = PROP_R, .kind = PROP_NUMBER, .number = 1},
                                   {.id = PROP_OTHER,
                                    .kind = PROP_RAW,
                                    .name = BYTES_LIT("team"),
                                    .text = BYTES_LIT("\"blue\"")}};
    const struct prop own[] = {{.id = PROP_R, .kind = PROP_NUMBER, .number = 2},
                               {.id = PROP_TTL, .kind = PROP_NUMBER, .number = 60},
                               {.id = PROP_OTHER,
                                .kind = PROP_RAW,
                                .name = BYTES_LIT("team"),
                                .text = BYTES_LIT("\"red\"")},
                               {.id = PROP_NAME, .kind = PROP_TEXT, .text = BYTES_LIT("other")}};
    const struct prop *props;
    uint32_t count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_LIT("b"), encode(of_type, 3),
                                       encode(own, 4), false, BYTES_LIT("n"), &props);

    CHECK_EQ(find(props, count, "n_val")->number, 5);
    CHECK_EQ(find(props, count, "r")->number, 2);
    CHECK_EQ(find(props, count, "ttl")->number, 60);
    CHECK(bytes_eq(find(props, count, "team")->text, BYTES_LIT("\"red\"")));
    CHECK(bytes_eq(find(props, count, "name")->text, BYTES_LIT("other")));
    CHECK(!find(props, count, "active")->boolean);
    for (uint32_t i = 1; i < count; i++)
        CHECK(bytes_cmp(props[i - 1].name, props[i].name) < 0);
    arena_done(&arena);
}

TEST(what_only_some_types_show)
{
    const struct prop hll = {.id = PROP_DATATYPE, .kind = PROP_TEXT, .text = BYTES_LIT("hll")};
    const struct prop set = {.id = PROP_DATATYPE, .kind = PROP_TEXT, .text = BYTES_LIT("set")};
    const struct prop once = {.id = PROP_WRITE_ONCE, .kind = PROP_BOOL, .boolean = true};
    const struct prop precise[] = {hll,
                                   {.id = PROP_HLL_PRECISION, .kind = PROP_NUMBER, .number = 9}};
    const struct prop *props;
    uint32_t count;

    count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_NONE, encode(&hll, 1), BYTES_NONE, true,
                              BYTES_NONE, &props);
    CHECK_EQ(find(props, count, "hll_precision")->number, 14);
    CHECK(find(props, count, "write_once") == NULL);
    CHECK(find(props, count, "name") == NULL);
    count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_NONE, encode(precise, 2), BYTES_NONE,
                              true, BYTES_NONE, &props);
    CHECK_EQ(find(props, count, "hll_precision")->number, 9);
    count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_NONE, encode(&set, 1), BYTES_NONE, true,
                              BYTES_NONE, &props);
    CHECK(find(props, count, "hll_precision") == NULL);
    count = overlay_effective(&arena, BYTES_LIT("t"), BYTES_NONE, encode(&once, 1), BYTES_NONE,
                              true, BYTES_NONE, &props);
    CHECK(find(props, count, "write_once")->boolean);
    arena_done(&arena);
}

TEST(as_many_as_there_may_be)
{
    struct prop under[OVERLAY_PROPS_MAX], over[OVERLAY_PROPS_MAX];
    uint8_t names[2][OVERLAY_PROPS_MAX][2];
    const struct prop *props;

    for (unsigned i = 0; i < OVERLAY_PROPS_MAX; i++) {
        for (unsigned o = 0; o < 2; o++) {
            names[o][i][0] = (uint8_t)(0x80 + o);
            names[o][i][1] = (uint8_t)i;
            struct prop *prop = o == 0 ? &under[i] : &over[i];
            *prop = (struct prop){.id = PROP_OTHER, .kind = PROP_RAW, .text = BYTES_LIT("1")};
            prop->name = bytes_of(names[o][i], 2);
        }
    }
    uint32_t count =
        overlay_effective(&arena, BYTES_LIT("t"), BYTES_LIT("b"), encode(under, OVERLAY_PROPS_MAX),
                          encode(over, OVERLAY_PROPS_MAX), true, BYTES_LIT("n"), &props);
    CHECK_EQ(count, 2 * OVERLAY_PROPS_MAX + 25);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(a_bucket_of_the_default_type),
        T(a_type_that_was_created),
        T(the_bucket_over_its_type_over_the_defaults),
        T(what_only_some_types_show),
        T(as_many_as_there_may_be),
    };

    arena_init(&arena);
    return tap_main(argc, argv, tests);
}

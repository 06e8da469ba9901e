/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and how drafts of the next one are made. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/random.h"
#include "model/draft.h"
#include "model/key.h"
#include "model/overlay.h"
#include "tap.h"

static const uint64_t cluster[2] = {1, 2}, hash_key[2] = {3, 4};

static struct document *first(void)
{
    const struct member self = {
        .id = 50, .name = BYTES_LIT("a"), .address = BYTES_LIT("h:1"), .weight = 100};

    return draft_first(cluster, hash_key, &self, 64, 8, 3);
}

/* An overlay with one number; valid as long as the arena. */
static struct bytes number(struct arena *arena, enum prop_id id, uint32_t value)
{
    const struct prop prop = {.id = id, .kind = PROP_NUMBER, .number = value};
    struct bytes overlay = BYTES_NONE;

    CHECK_EQ(overlay_encode(arena, &prop, 1, &overlay), ERR_OK);
    return overlay;
}

TEST(the_first_document)
{
    struct document *d = first();

    CHECK_EQ(d->epoch, 1);
    CHECK_EQ(d->lineage, 1);
    CHECK_EQ(d->members_count, 1);
    CHECK_EQ(document_member(d, 50), 0);
    CHECK_EQ(document_member(d, 49), -1);
    CHECK_EQ(document_member_named(d, BYTES_LIT("a")), 0);
    CHECK_EQ(document_member_named(d, BYTES_LIT("b")), -1);
    for (unsigned i = 0; i < 8 * 3; i++)
        CHECK_EQ(d->place[i], i % 3 == 0 ? 0 : 0xffff);
    const struct bucket_type *type = document_type(d, TYPE_DEFAULT);
    CHECK_FATAL(type != NULL);
    CHECK(type->active);
    CHECK(document_props(d, TYPE_DEFAULT, BYTES_LIT("b")) == &type->props);
    CHECK(document_props(d, BYTES_LIT("t"), BYTES_LIT("b")) == NULL);
    CHECK_EQ(document_n_val_max(d), 3);
    document_free(d);
    document_free(NULL);
}

TEST(members_are_sorted_and_places_follow)
{
    struct document *d = first();
    const struct member members[] = {{.id = 70, .name = BYTES_LIT("c"), .weight = 3},
                                     {.id = 50, .name = BYTES_LIT("a"), .weight = 1},
                                     {.id = 60, .name = BYTES_LIT("b"), .weight = 2}};
    uint16_t place[8 * 2];

    for (unsigned p = 0; p < 8; p++) {
        place[p * 2] = (uint16_t)(p % 3);
        place[p * 2 + 1] = p == 7 ? 0xffff : (uint16_t)((p + 1) % 3);
    }
    draft_set_members(d, members, 3, 2, place, NULL);
    CHECK_EQ(d->n_max, 2);
    CHECK_EQ_FATAL(d->members_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(d->members[i].id, 50 + 10 * i);
        CHECK_EQ(d->members[i].weight, i + 1);
        CHECK_EQ(document_member(d, 50 + 10 * i), i);
    }
    for (unsigned i = 0; i < 8 * 2; i++) {
        if (place[i] == 0xffff)
            CHECK_EQ(d->place[i], 0xffff);
        else
            CHECK_EQ(d->members[d->place[i]].id, members[place[i]].id);
    }
    document_free(d);
}

TEST(types_are_sorted_and_inherited)
{
    struct document *d = first();
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(draft_set_type(d, BYTES_LIT("z"), false, number(&arena, PROP_N_VAL, 5)), ERR_OK);
    CHECK_EQ(draft_set_type(d, BYTES_LIT("a"), true, BYTES_NONE), ERR_OK);
    CHECK_EQ_FATAL(d->types_count, 3);
    CHECK(bytes_eq(d->types[0].name, BYTES_LIT("a")));
    CHECK(bytes_eq(d->types[1].name, TYPE_DEFAULT));
    CHECK(bytes_eq(d->types[2].name, BYTES_LIT("z")));
    CHECK(d->types[0].props.allow_mult);
    CHECK(!d->types[1].props.allow_mult);
    /* Only an active type has buckets. */
    CHECK(document_props(d, BYTES_LIT("z"), BYTES_LIT("b")) == NULL);
    CHECK_EQ(draft_set_type(d, BYTES_LIT("z"), true, number(&arena, PROP_N_VAL, 6)), ERR_OK);
    CHECK_EQ(d->types_count, 3);
    CHECK_EQ(document_props(d, BYTES_LIT("z"), BYTES_LIT("b"))->n_val, 6);
    CHECK_EQ(document_n_val_max(d), 6);
    arena_done(&arena);
    document_free(d);
}

TEST(buckets_inherit_what_they_do_not_set)
{
    struct document *d = first();
    struct bytes t = BYTES_LIT("t"), b = BYTES_LIT("b");
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(draft_set_bucket(d, t, b, number(&arena, PROP_R, 1)), ERR_NO_TYPE);
    CHECK_EQ(draft_set_type(d, t, true, number(&arena, PROP_N_VAL, 5)), ERR_OK);
    CHECK_EQ(draft_set_bucket(d, t, b, number(&arena, PROP_R, 1)), ERR_OK);
    CHECK_EQ(document_props(d, t, b)->n_val, 5);
    CHECK_EQ(document_props(d, t, b)->r, 1);
    CHECK_EQ(document_props(d, t, BYTES_LIT("c"))->r, QUORUM_QUORUM);
    /* The type's change reaches the bucket at once, but not over what the bucket set. */
    CHECK_EQ(draft_set_type(d, t, true, number(&arena, PROP_N_VAL, 7)), ERR_OK);
    CHECK_EQ(document_props(d, t, b)->n_val, 7);
    CHECK_EQ(draft_set_type(d, t, true, number(&arena, PROP_R, 2)), ERR_OK);
    CHECK_EQ(document_props(d, t, b)->n_val, 3);
    CHECK_EQ(document_props(d, t, b)->r, 1);
    CHECK_EQ(draft_set_bucket(d, t, b, BYTES_NONE), ERR_OK);
    CHECK_EQ(document_props(d, t, b)->r, 2);
    CHECK_EQ(d->buckets_count, 0);
    CHECK_EQ(draft_set_bucket(d, t, b, BYTES_NONE), ERR_OK);
    arena_done(&arena);
    document_free(d);
}

/* Names in any order, found among many, against a plain list of what was set. */
TEST(many_buckets)
{
    enum { NAMES = 300 };
    static const struct bytes types[] = {{(const uint8_t *)"default", 7},
                                         {(const uint8_t *)"t", 1}};
    static uint32_t set[2][NAMES];
    struct document *d = first();
    struct seed seed = seed_of(11);
    struct random random;
    struct arena arena;

    arena_init(&arena);
    random_init(&random, &seed, 0);
    CHECK_EQ(draft_set_type(d, types[1], true, BYTES_NONE), ERR_OK);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t type = (uint32_t)random_below(&random, 2);
        uint32_t name = (uint32_t)random_below(&random, NAMES);
        uint32_t value = (uint32_t)random_below(&random, 4);
        uint8_t bytes[2] = {(uint8_t)(name % 7), (uint8_t)name};
        struct bytes overlay = value == 0 ? BYTES_NONE : number(&arena, PROP_W, value);
        CHECK_EQ(draft_set_bucket(d, types[type], bytes_of(bytes, name < 256 ? 2 : 1), overlay),
                 ERR_OK);
        if (name < 256)
            set[type][name] = value;
    }
    for (uint32_t type = 0; type < 2; type++) {
        for (uint32_t name = 0; name < 256; name++) {
            uint8_t bytes[2] = {(uint8_t)(name % 7), (uint8_t)name};
            const struct props *props = document_props(d, types[type], bytes_of(bytes, 2));
            CHECK_EQ(props->w, set[type][name] == 0 ? QUORUM_QUORUM : set[type][name]);
            CHECK_EQ(document_override(d, types[type], bytes_of(bytes, 2)) != NULL,
                     set[type][name] != 0);
        }
    }
    arena_done(&arena);
    document_free(d);
}

TEST(the_next_document_owns_what_it_holds)
{
    struct document *d = first();
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, BYTES_LIT("b"), number(&arena, PROP_R, 1)), ERR_OK);
    arena_done(&arena);
    d->hash = 99;
    struct document *next = draft_next(d);
    document_free(d);
    CHECK_EQ(next->epoch, 2);
    CHECK_EQ(next->previous, 99);
    CHECK_EQ(next->hash, 0);
    CHECK_EQ(document_props(next, TYPE_DEFAULT, BYTES_LIT("b"))->r, 1);
    CHECK_EQ(document_member_named(next, BYTES_LIT("a")), 0);
    draft_resolve(next);
    CHECK_EQ(document_props(next, TYPE_DEFAULT, BYTES_LIT("b"))->r, 1);
    document_free(next);
}

TEST(lists_are_bounded)
{
    struct document *d = first();
    struct arena arena;
    uint8_t name[2];

    arena_init(&arena);
    for (unsigned i = 1; i < BUCKET_TYPES_MAX; i++) {
        name[0] = (uint8_t)(i >> 8);
        name[1] = (uint8_t)i;
        CHECK_EQ(draft_set_type(d, bytes_of(name, 2), true, BYTES_NONE), ERR_OK);
    }
    CHECK_EQ(d->types_count, BUCKET_TYPES_MAX);
    CHECK_EQ(draft_set_type(d, BYTES_LIT("more"), true, BYTES_NONE), ERR_FULL);
    CHECK_EQ(draft_set_type(d, bytes_of(name, 2), false, BYTES_NONE), ERR_OK);
    arena_done(&arena);
    document_free(d);
}

/* Large overlays fill their section before there are too many of them. */
TEST(sections_are_bounded_in_bytes)
{
    static uint8_t raw[60000];
    const struct prop large = {.id = PROP_OTHER,
                               .kind = PROP_RAW,
                               .name = BYTES_LIT("x"),
                               .text = bytes_of(raw, sizeof(raw))};
    struct document *d = first();
    struct bytes overlay;
    struct arena arena;
    uint32_t count = 0;
    uint8_t name;

    arena_init(&arena);
    CHECK_EQ(overlay_encode(&arena, &large, 1, &overlay), ERR_OK);
    for (enum err err = ERR_OK; err == ERR_OK && count < 250; count++) {
        name = (uint8_t)count;
        err = draft_set_bucket(d, TYPE_DEFAULT, bytes_of(&name, 1), overlay);
        CHECK(err == ERR_OK || err == ERR_FULL);
    }
    CHECK_EQ(count - 1, OVERLAYS_BYTES_MAX / (sizeof(raw) + 33));
    CHECK_EQ(d->buckets_count, count - 1);
    /* One that is there may be set again, and another after it was dropped. */
    name = 0;
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, bytes_of(&name, 1), overlay), ERR_OK);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, BYTES_LIT("new"), overlay), ERR_FULL);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, bytes_of(&name, 1), BYTES_NONE), ERR_OK);
    CHECK_EQ(draft_set_bucket(d, TYPE_DEFAULT, BYTES_LIT("new"), overlay), ERR_OK);
    for (count = 0; count < 250; count++) {
        name = (uint8_t)count;
        if (draft_set_type(d, bytes_of(&name, 1), true, overlay) != ERR_OK)
            break;
    }
    CHECK_EQ(count, OVERLAYS_BYTES_MAX / (sizeof(raw) + 26));
    arena_done(&arena);
    document_free(d);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(the_first_document),
        T(members_are_sorted_and_places_follow),
        T(types_are_sorted_and_inherited),
        T(buckets_inherit_what_they_do_not_set),
        T(many_buckets),
        T(the_next_document_owns_what_it_holds),
        T(lists_are_bounded),
        T(sections_are_bounded_in_bytes),
    };

    return tap_main(argc, argv, tests);
}

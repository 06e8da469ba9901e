/* SPDX-License-Identifier: Apache-2.0 */
/* Writes on one object: what a context covers goes, the rest stays; clocks, tags and copies. */
#include "base/mem.h"
#include "model/limits.h"
#include "model/object.h"
#include "tap.h"

static struct object *put(struct arena *arena, const struct object *old, struct clock context,
                          struct dot dot, uint64_t wall_us)
{
    struct write write = {
        .context = context, .content = {.value = BYTES_LIT("v")}, .dot = dot, .wall_us = wall_us};

    CHECK_EQ(object_put_check(old, &write), ERR_OK);
    return object_put(arena, old, &write);
}

TEST(blind_write_on_nothing)
{
    struct arena arena;

    arena_init(&arena);
    struct object *object = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 5}, 77);
    CHECK_EQ(object->count, 1);
    CHECK_EQ(object->siblings[0].hlc_us, 77);
    CHECK_EQ(object->clock.count, 1);
    CHECK_EQ(clock_get(object->clock, 1), 5);
    CHECK(object_valid(object));
    CHECK(!object_deleted(object));
    arena_done(&arena);
}

TEST(context_covers_or_leaves_siblings)
{
    struct arena arena;

    arena_init(&arena);
    struct object *first = put(&arena, NULL, CLOCK_NONE, (struct dot){5, 1}, 10);
    struct object *both = put(&arena, first, CLOCK_NONE, (struct dot){3, 1}, 11);
    CHECK_EQ(both->count, 2);
    CHECK_EQ(both->siblings[0].dot.actor, 3);
    CHECK_EQ(both->siblings[1].dot.actor, 5);
    struct object *stale = put(&arena, both, first->clock, (struct dot){4, 1}, 12);
    CHECK_EQ(stale->count, 2);
    CHECK_EQ(stale->siblings[0].dot.actor, 3);
    CHECK_EQ(stale->siblings[1].dot.actor, 4);
    struct object *last = put(&arena, stale, stale->clock, (struct dot){9, 1}, 13);
    CHECK_EQ(last->count, 1);
    CHECK_EQ(last->siblings[0].dot.actor, 9);
    CHECK_EQ(last->clock.count, 4);
    arena_done(&arena);
}

TEST(context_joins_the_clock)
{
    const struct dot read[] = {{2, 8}, {7, 3}};
    struct arena arena;

    arena_init(&arena);
    struct object *object = put(&arena, NULL, (struct clock){read, 2, 0, 0}, (struct dot){7, 9}, 1);
    CHECK_EQ(clock_get(object->clock, 2), 8);
    CHECK_EQ(clock_get(object->clock, 7), 9);
    CHECK_EQ(object->count, 1);
    arena_done(&arena);
}

TEST(hybrid_clock_never_goes_back)
{
    struct arena arena;

    arena_init(&arena);
    struct object *object = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 1000);
    object = put(&arena, object, CLOCK_NONE, (struct dot){1, 2}, 900);
    CHECK_EQ(object->siblings[1].hlc_us, 1001);
    object = put(&arena, object, object->clock, (struct dot){1, 3}, 1001);
    CHECK_EQ(object->siblings[0].hlc_us, 1002);
    object = put(&arena, object, object->clock, (struct dot){1, 4}, 5000);
    CHECK_EQ(object_hlc_us(object), 5000);
    struct sibling *sibling = arena_alloc(&arena, sizeof(*sibling));
    *sibling = object->siblings[0];
    sibling->hlc_us = UINT64_MAX;
    object->siblings = sibling;
    object->clock.hlc_us = UINT64_MAX;
    object = put(&arena, object, object->clock, (struct dot){1, 5}, 6000);
    CHECK_EQ(object_hlc_us(object), UINT64_MAX);
    CHECK_EQ(object_hlc_us(&(struct object){CLOCK_NONE, NULL, 0}), 0);
    arena_done(&arena);
}

TEST(write_is_newer_than_what_its_writer_had_read)
{
    const uint64_t wall = 1000;
    struct arena arena;

    arena_init(&arena);
    struct object *read = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 9000);
    CHECK_EQ(read->clock.hlc_us, 9000);
    struct object *object = put(&arena, NULL, read->clock, (struct dot){2, 1}, wall);
    CHECK_EQ(object->siblings[0].hlc_us, 9001);
    CHECK_EQ(object->clock.hlc_us, 9001);
    struct clock forged = read->clock;
    forged.hlc_us = UINT64_MAX;
    object = put(&arena, NULL, forged, (struct dot){2, 1}, wall);
    CHECK_EQ(object_hlc_us(object), wall + HLC_AHEAD_MAX_US + 1);
    object = put(&arena, NULL, forged, (struct dot){2, 1}, UINT64_MAX - 5);
    CHECK_EQ(object_hlc_us(object), UINT64_MAX);
    arena_done(&arena);
}

/* Two machines whose clocks differ resolve in different order. Without the reader's hybrid clock
 * one ends with `later`, the other with `beside`, both behind the same version vector: a merge
 * of the two would drop both. */
TEST(resolving_in_any_order_keeps_a_winner)
{
    struct arena arena;

    arena_init(&arena);
    struct object *first = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 100);
    struct object *beside = put(&arena, NULL, CLOCK_NONE, (struct dot){2, 1}, 50);
    struct object *later = put(&arena, NULL, first->clock, (struct dot){3, 1}, 10);
    struct object *one = object_merge(&arena, first, beside);
    CHECK_EQ(object_resolve(one), 1);
    one = object_merge(&arena, one, later);
    struct object *two = object_merge(&arena, later, beside);
    CHECK_EQ(object_resolve(two), 1);
    two = object_merge(&arena, two, first);
    CHECK(object_same(one, two));
    CHECK_EQ(one->count, 1);
    CHECK_EQ(one->siblings[0].dot.actor, 3);
    CHECK(object_same(object_merge(&arena, one, two), one));
    arena_done(&arena);
}

TEST(tombstone_takes_no_content)
{
    struct arena arena;
    struct write write = {.content = {.value = BYTES_LIT("x"), .charset = BYTES_LIT("utf-8")},
                          .deleted = true,
                          .dot = {1, 2},
                          .wall_us = 5};

    arena_init(&arena);
    struct object *old = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 1);
    struct object *both = object_put(&arena, old, &write);
    CHECK_EQ(both->count, 2);
    CHECK(!object_deleted(both));
    write.context = old->clock;
    struct object *gone = object_put(&arena, old, &write);
    CHECK_EQ(gone->count, 1);
    CHECK(object_deleted(gone));
    CHECK_EQ(gone->siblings[0].content.value.len, 0);
    CHECK(gone->siblings[0].content.charset.data == NULL);
    CHECK(object_deleted(&(struct object){CLOCK_NONE, NULL, 0}));
    arena_done(&arena);
}

TEST(write_of_a_store_that_lost_history_is_refused)
{
    struct arena arena;
    const struct dot future[] = {{1, 9}};

    arena_init(&arena);
    struct object *old = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 5}, 1);
    struct write write = {.dot = {1, 5}};
    CHECK_EQ(object_put_check(old, &write), ERR_STALE);
    write.dot.counter = 4;
    CHECK_EQ(object_put_check(old, &write), ERR_STALE);
    write.dot.counter = 6;
    CHECK_EQ(object_put_check(old, &write), ERR_OK);
    write.context = (struct clock){future, 1, 0, 0};
    CHECK_EQ(object_put_check(old, &write), ERR_STALE);
    write.dot.counter = 10;
    CHECK_EQ(object_put_check(old, &write), ERR_OK);
    arena_done(&arena);
}

TEST(context_cannot_grow_the_clock_without_end)
{
    struct dot *entries = mem_new_array(CLOCK_ENTRIES_MAX, sizeof(*entries));
    struct dot known = {1, 1};
    struct sibling sibling = {.dot = known};
    struct object old = {{&known, 1, 0, 0}, &sibling, 1};

    for (uint64_t i = 0; i < CLOCK_ENTRIES_MAX; i++)
        entries[i] = (struct dot){i + 1, 1};
    struct write write = {.context = {entries, CLOCK_ENTRIES_MAX, 0, 0}, .dot = {1, 2}};
    CHECK_EQ(object_put_check(NULL, &write), ERR_BAD_CONTEXT);
    write.context.count = CLOCK_ENTRIES_MAX - 1;
    CHECK_EQ(object_put_check(NULL, &write), ERR_OK);
    CHECK_EQ(object_put_check(&old, &write), ERR_OK);
    old.clock = (struct clock){entries, CLOCK_ENTRIES_MAX, 0, 0};
    write.context.count = CLOCK_ENTRIES_MAX;
    CHECK_EQ(object_put_check(&old, &write), ERR_OK);
    mem_free(entries);
}

TEST(resolve_takes_the_greatest)
{
    const struct dot entries[] = {{1, 9}, {2, 9}};
    struct sibling siblings[] = {
        {.dot = {1, 1}, .hlc_us = 5, .deleted = true},
        {.dot = {1, 2}, .hlc_us = 5},
        {.dot = {2, 1}, .hlc_us = 5},
        {.dot = {2, 9}, .hlc_us = 4},
    };
    struct object object = {{entries, 2, 5, 0}, siblings, 4};

    CHECK_EQ(object_resolve(&object), 3);
    CHECK_EQ(object.count, 1);
    CHECK(dot_eq(object.siblings[0].dot, (struct dot){2, 1}));
    CHECK_EQ(object.clock.count, 2);
    CHECK_EQ(object_resolve(&object), 0);
    siblings[3].hlc_us = 6;
    siblings[3].deleted = true;
    object = (struct object){{entries, 2, 6, 0}, siblings, 4};
    CHECK_EQ(object_resolve(&object), 3);
    CHECK(object.siblings[0].deleted);
    object = (struct object){{entries, 2, 5, 0}, siblings, 2};
    CHECK_EQ(object_resolve(&object), 1);
    CHECK(!object.siblings[0].deleted);
}

TEST(merge_with_nothing)
{
    struct arena arena;

    arena_init(&arena);
    struct object *some = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 1);
    CHECK(object_same(object_merge(&arena, some, NULL), some));
    CHECK(object_same(object_merge(&arena, NULL, some), some));
    struct object *none = object_merge(&arena, NULL, NULL);
    CHECK_EQ(none->count, 0);
    CHECK_EQ(none->clock.count, 0);
    CHECK(!object_same(none, some));
    arena_done(&arena);
}

TEST(merge_drops_what_the_other_superseded)
{
    struct arena arena;

    arena_init(&arena);
    struct object *base = put(&arena, NULL, CLOCK_NONE, (struct dot){1, 1}, 1);
    struct object *newer = put(&arena, base, base->clock, (struct dot){2, 1}, 2);
    struct object *beside = put(&arena, base, CLOCK_NONE, (struct dot){3, 1}, 3);
    struct object *merged = object_merge(&arena, newer, beside);
    CHECK_EQ(merged->count, 2);
    CHECK_EQ(merged->siblings[0].dot.actor, 2);
    CHECK_EQ(merged->siblings[1].dot.actor, 3);
    CHECK(object_same(object_merge(&arena, base, newer), newer));
    arena_done(&arena);
}

TEST(invalid_objects_are_seen)
{
    const struct dot entries[] = {{1, 3}};
    struct sibling siblings[] = {{.dot = {1, 1}}, {.dot = {1, 2}}};
    struct object object = {{entries, 1, 0, 0}, siblings, 2};

    CHECK(object_valid(&object));
    siblings[1].dot.counter = 4;
    CHECK(!object_valid(&object));
    siblings[1].dot.counter = 1;
    CHECK(!object_valid(&object));
    siblings[1].dot.counter = 0;
    CHECK(!object_valid(&object));
    siblings[1].dot = (struct dot){2, 1};
    CHECK(!object_valid(&object));
    siblings[1].dot = (struct dot){1, 2};
    siblings[1].deleted = true;
    CHECK(object_valid(&object));
    siblings[1].content.content_type = BYTES_LIT("");
    CHECK(!object_valid(&object));
    siblings[1].deleted = false;
    CHECK(object_valid(&object));
    siblings[0].hlc_us = 1;
    CHECK(!object_valid(&object));
    object.clock.hlc_us = 1;
    CHECK(object_valid(&object));
    object.siblings = NULL;
    CHECK(!object_valid(&object));
}

static void check_text(struct bytes got, struct bytes want)
{
    CHECK_BYTES(got.len ? got.data : (const uint8_t *)"", got.len,
                want.len ? want.data : (const uint8_t *)"", want.len);
    CHECK_EQ(got.data == NULL, want.data == NULL);
    CHECK(got.len == 0 || got.data != want.data);
}

TEST(copy_is_deep_and_keeps_absence)
{
    struct link links[] = {{BYTES_LIT("b"), BYTES_LIT("k"), BYTES_LIT("")}};
    struct pair meta[] = {{BYTES_LIT("n"), BYTES_LIT("v")}, {BYTES_LIT("e"), BYTES_LIT("")}};
    struct pair indexes[] = {{BYTES_LIT("f_bin"), BYTES_LIT("t")}};
    const struct dot entries[] = {{1, 1}};
    struct sibling sibling = {.dot = {1, 1},
                              .hlc_us = 9,
                              .content = {.value = BYTES_LIT("value"),
                                          .content_type = BYTES_LIT("text/plain"),
                                          .charset = BYTES_LIT(""),
                                          .links = links,
                                          .meta = meta,
                                          .indexes = indexes,
                                          .links_count = 1,
                                          .meta_count = 2,
                                          .indexes_count = 1}};
    struct object object = {{entries, 1, 9, 0}, &sibling, 1};
    struct arena arena;

    arena_init(&arena);
    struct object *copy = object_copy(&arena, &object);
    CHECK(object_same(copy, &object));
    CHECK(copy->siblings != object.siblings && copy->clock.entries != entries);
    CHECK_EQ(copy->siblings[0].hlc_us, 9);
    const struct content *content = &copy->siblings[0].content;
    check_text(content->value, sibling.content.value);
    check_text(content->content_type, sibling.content.content_type);
    check_text(content->charset, sibling.content.charset);
    check_text(content->content_encoding, sibling.content.content_encoding);
    CHECK_EQ_FATAL(content->links_count, 1);
    CHECK_EQ_FATAL(content->meta_count, 2);
    CHECK_EQ_FATAL(content->indexes_count, 1);
    check_text(content->links[0].bucket, links[0].bucket);
    check_text(content->links[0].key, links[0].key);
    check_text(content->links[0].tag, links[0].tag);
    check_text(content->meta[0].name, meta[0].name);
    check_text(content->meta[1].value, meta[1].value);
    check_text(content->indexes[0].value, indexes[0].value);
    arena_done(&arena);
}

TEST(tags_come_from_dots_and_clocks)
{
    char a[VTAG_BYTES_MAX];
    char b[VTAG_BYTES_MAX];
    const struct dot entries[] = {{1, 2}, {2, 1}};
    struct sibling siblings[] = {{.dot = {1, 1}}, {.dot = {1, 2}}};
    struct object object = {{entries, 2, 0, 0}, siblings, 2};

    struct bytes one = object_vtag((struct dot){1, 1}, a);
    CHECK(one.len > 15 && one.len <= VTAG_BYTES_MAX);
    CHECK(bytes_eq(one, object_vtag((struct dot){1, 1}, b)));
    CHECK(!bytes_eq(one, object_vtag((struct dot){1, 2}, b)));
    CHECK(!bytes_eq(one, object_vtag((struct dot){2, 1}, b)));
    struct bytes of_clock = object_etag(&object, b);
    CHECK(!bytes_eq(one, of_clock));
    object.clock.count = 1;
    CHECK(!bytes_eq(of_clock, object_etag(&object, a)));
    object.count = 1;
    CHECK(bytes_eq(object_etag(&object, a), object_vtag((struct dot){1, 1}, b)));
    bool digits = true;
    for (uint64_t i = 1; i < 5000; i++) {
        struct bytes tag = object_vtag((struct dot){i * 77, i}, a);
        for (size_t j = 0; j < tag.len; j++) {
            uint8_t c = tag.data[j];
            digits = digits &&
                     ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
        }
    }
    CHECK(digits);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(blind_write_on_nothing),
        T(context_covers_or_leaves_siblings),
        T(context_joins_the_clock),
        T(hybrid_clock_never_goes_back),
        T(write_is_newer_than_what_its_writer_had_read),
        T(resolving_in_any_order_keeps_a_winner),
        T(tombstone_takes_no_content),
        T(write_of_a_store_that_lost_history_is_refused),
        T(context_cannot_grow_the_clock_without_end),
        T(resolve_takes_the_greatest),
        T(merge_with_nothing),
        T(merge_drops_what_the_other_superseded),
        T(invalid_objects_are_seen),
        T(copy_is_deep_and_keeps_absence),
        T(tags_come_from_dots_and_clocks),
    };
    return tap_main(argc, argv, tests);
}

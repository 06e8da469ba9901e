/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of engine/engine.h, run on both engines. A subject is an engine and the directory it
 * lives in; the memory engine has none and is not expected to survive being closed. */
#include "tap.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/random.h"
#include "engine/engine.h"

enum { KEYS = 150, KEY_BYTES_MAX = 12, VALUE_BYTES_MAX = 9000, SCANNED_MAX = KEYS * 2 };

struct subject {
    bool rocks;
    char dir[64];
    struct engine *engine;
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void subject_open(struct subject *s)
{
    struct engine_options options = {.path = s->dir, .create = true, .blob_bytes_min = 4096};
    struct why why = {""};
    enum err err =
        s->rocks ? engine_open_rocks(&options, &s->engine, &why) : engine_open_mem(&s->engine);

    if (err != ERR_OK) {
        printf("Bail out! cannot open the engine: %s\n", why.text);
        exit(1);
    }
}

static struct subject subject_new(bool rocks)
{
    struct subject s = {rocks, "/tmp/dassie-engine-XXXXXX", NULL};

    if (rocks && mkdtemp(s.dir) == NULL) {
        printf("Bail out! no temporary directory\n");
        exit(1);
    }
    subject_open(&s);
    return s;
}

static void subject_done(struct subject *s)
{
    engine_close(s->engine);
    if (s->rocks)
        nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(struct subject *s, enum store_family family, const char *key, const char *value)
{
    struct engine_batch *batch = engine_batch_new(s->engine);

    if (value == NULL)
        engine_batch_delete(batch, family, bytes_str(key));
    else
        engine_batch_put(batch, family, bytes_str(key), bytes_str(value));
    CHECK_EQ(engine_commit(s->engine, batch, false), ERR_OK);
    engine_batch_free(batch);
}

/* Checks that the row has this value; NULL: that there is none. */
static void check_row(struct subject *s, enum store_family family, struct bytes key,
                      const struct bytes *value)
{
    struct blob *found = NULL;
    enum err err = engine_get(s->engine, family, key, true, &found);

    if (value == NULL) {
        CHECK_EQ(err, ERR_NOT_FOUND);
    } else {
        CHECK_EQ(err, ERR_OK);
        struct bytes got = blob_bytes(found);
        CHECK_BYTES(got.data, got.len, value->data, value->len);
    }
    blob_unref(found);
}

static void check_text(struct subject *s, enum store_family family, const char *key,
                       const char *value)
{
    struct bytes bytes = value == NULL ? BYTES_NONE : bytes_str(value);

    check_row(s, family, bytes_str(key), value == NULL ? NULL : &bytes);
}

static void families_are_apart(bool rocks)
{
    struct subject s = subject_new(rocks);

    put(&s, FAMILY_OBJECT, "k", "object");
    put(&s, FAMILY_META, "k", "meta");
    put(&s, FAMILY_SYS, "k", "sys");
    put(&s, FAMILY_META, "k", NULL);
    check_text(&s, FAMILY_OBJECT, "k", "object");
    check_text(&s, FAMILY_META, "k", NULL);
    check_text(&s, FAMILY_SYS, "k", "sys");
    subject_done(&s);
}

static void edges_of_keys_and_values(bool rocks)
{
    struct subject s = subject_new(rocks);

    put(&s, FAMILY_OBJECT, "", "under the empty key");
    put(&s, FAMILY_OBJECT, "empty value", "");
    put(&s, FAMILY_OBJECT, "never there", NULL);
    check_text(&s, FAMILY_OBJECT, "", "under the empty key");
    check_text(&s, FAMILY_OBJECT, "empty value", "");
    check_text(&s, FAMILY_OBJECT, "never there", NULL);
    put(&s, FAMILY_OBJECT, "", NULL);
    check_text(&s, FAMILY_OBJECT, "", NULL);
    subject_done(&s);
}

static void batch_changes_apply_in_order(bool rocks)
{
    struct subject s = subject_new(rocks);
    struct engine_batch *batch = engine_batch_new(s.engine);

    engine_batch_put(batch, FAMILY_OBJECT, BYTES_LIT("a"), BYTES_LIT("first"));
    engine_batch_put(batch, FAMILY_OBJECT, BYTES_LIT("b"), BYTES_LIT("gone"));
    engine_batch_put(batch, FAMILY_OBJECT, BYTES_LIT("a"), BYTES_LIT("last"));
    engine_batch_delete(batch, FAMILY_OBJECT, BYTES_LIT("b"));
    CHECK_EQ(engine_batch_count(batch), 4);
    CHECK_EQ(engine_batch_size(batch), 4 + 13);
    check_text(&s, FAMILY_OBJECT, "a", NULL);
    CHECK_EQ(engine_commit(s.engine, batch, true), ERR_OK);
    check_text(&s, FAMILY_OBJECT, "a", "last");
    check_text(&s, FAMILY_OBJECT, "b", NULL);

    /* A cleared batch has forgotten everything and works again. */
    engine_batch_clear(batch);
    CHECK_EQ(engine_batch_count(batch), 0);
    CHECK_EQ(engine_batch_size(batch), 0);
    engine_batch_put(batch, FAMILY_OBJECT, BYTES_LIT("b"), BYTES_LIT("back"));
    CHECK_EQ(engine_commit(s.engine, batch, false), ERR_OK);
    check_text(&s, FAMILY_OBJECT, "a", "last");
    check_text(&s, FAMILY_OBJECT, "b", "back");
    engine_batch_free(batch);
    CHECK_EQ(engine_sync(s.engine), ERR_OK);
    subject_done(&s);
}

static void memory_answers_without_blocking(bool rocks)
{
    struct subject s = subject_new(rocks);
    struct blob *value = NULL;

    put(&s, FAMILY_OBJECT, "hot", "value");
    CHECK_EQ(engine_get(s.engine, FAMILY_OBJECT, BYTES_LIT("hot"), false, &value), ERR_OK);
    CHECK_BYTES(value->data, value->len, "value", 5);
    blob_unref(value);
    value = NULL;
    CHECK_EQ(engine_get(s.engine, FAMILY_OBJECT, BYTES_LIT("none"), false, &value), ERR_NOT_FOUND);
    CHECK(value == NULL);
    subject_done(&s);
}

struct scanned {
    struct bytes keys[SCANNED_MAX];
    uint32_t values[SCANNED_MAX];
    uint32_t count;
    uint32_t stop_after;
    struct arena arena;
};

static bool gather(void *context, struct bytes key, struct bytes value)
{
    struct scanned *scanned = context;

    if (scanned->count == SCANNED_MAX)
        return false;
    scanned->keys[scanned->count] = arena_copy(&scanned->arena, key);
    scanned->values[scanned->count] = crc32c(0, value);
    scanned->count++;
    return scanned->count != scanned->stop_after;
}

static void check_scan(struct subject *s, const char *from, const char *end, uint32_t stop_after,
                       const char *expected)
{
    struct scanned scanned = {.stop_after = stop_after};
    struct buf joined;

    arena_init(&scanned.arena);
    buf_init(&joined, 1024);
    CHECK_EQ(engine_scan(s->engine, FAMILY_META, bytes_str(from), bytes_str(end), gather, &scanned),
             ERR_OK);
    for (uint32_t i = 0; i < scanned.count; i++) {
        buf_put(&joined, scanned.keys[i]);
        buf_put_u8(&joined, ' ');
    }
    CHECK_BYTES(joined.data, joined.len, expected, strlen(expected));
    buf_done(&joined);
    arena_done(&scanned.arena);
}

static void scans_have_bounds(bool rocks)
{
    struct subject s = subject_new(rocks);

    check_scan(&s, "", "", 0, "");
    put(&s, FAMILY_META, "b", "2");
    put(&s, FAMILY_META, "a", "1");
    put(&s, FAMILY_META, "bb", "3");
    put(&s, FAMILY_META, "c", "4");
    put(&s, FAMILY_META, "\xff", "5");
    put(&s, FAMILY_OBJECT, "ab", "another family");
    check_scan(&s, "", "", 0, "a b bb c \xff ");
    check_scan(&s, "b", "c", 0, "b bb ");
    check_scan(&s, "ba", "", 0, "bb c \xff ");
    check_scan(&s, "b", "b", 0, "");
    check_scan(&s, "c", "b", 0, "");
    check_scan(&s, "", "", 2, "a b ");
    put(&s, FAMILY_META, "bb", NULL);
    check_scan(&s, "b", "", 0, "b c \xff ");
    subject_done(&s);
}

/* A model: for each of KEYS sorted keys and each family the value's number, or 0. The value of a
 * number is made anew when it is needed. */
struct model {
    struct bytes keys[KEYS];
    uint64_t values[STORE_FAMILIES][KEYS];
    struct arena arena;
    struct random random;
    uint64_t last_value;
};

static int by_bytes(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Keys over few letters, so that many are prefixes of others; all different. */
static void model_init(struct model *model, uint64_t number)
{
    static const uint8_t letters[] = {0, 1, 'a', 0xff};
    struct seed seed = seed_of(number);

    *model = (struct model){.last_value = 0};
    arena_init(&model->arena);
    random_init(&model->random, &seed, 0);
    for (uint32_t made = 0; made < KEYS;) {
        uint8_t key[KEY_BYTES_MAX];
        size_t len = random_below(&model->random, sizeof(key) + 1);
        for (size_t i = 0; i < len; i++)
            key[i] = letters[random_below(&model->random, sizeof(letters))];
        bool known = false;
        for (uint32_t i = 0; i < made; i++)
            known = known || bytes_eq(model->keys[i], bytes_of(key, len));
        if (!known)
            model->keys[made++] = arena_copy(&model->arena, bytes_of(key, len));
    }
    qsort(model->keys, KEYS, sizeof(model->keys[0]), by_bytes);
}

static struct bytes value_of(uint64_t number, uint8_t space[VALUE_BYTES_MAX])
{
    struct seed seed = seed_of(number);
    struct random random;

    random_init(&random, &seed, 1);
    size_t len = random_chance(&random, 1, 8) ? random_below(&random, VALUE_BYTES_MAX)
                                              : random_below(&random, 200);
    random_bytes(&random, space, len);
    return bytes_of(space, len);
}

static void model_commit(struct model *model, struct subject *s)
{
    struct engine_batch *batch = engine_batch_new(s->engine);
    uint64_t changes = random_range(&model->random, 1, 8);
    uint8_t space[VALUE_BYTES_MAX];

    for (uint64_t i = 0; i < changes; i++) {
        uint64_t at = random_below(&model->random, KEYS);
        enum store_family family = (enum store_family)random_below(&model->random, STORE_FAMILIES);
        if (random_chance(&model->random, 1, 3)) {
            engine_batch_delete(batch, family, model->keys[at]);
            model->values[family][at] = 0;
        } else {
            uint64_t value = ++model->last_value;
            engine_batch_put(batch, family, model->keys[at], value_of(value, space));
            model->values[family][at] = value;
        }
    }
    CHECK_EQ(engine_commit(s->engine, batch, random_chance(&model->random, 1, 20)), ERR_OK);
    engine_batch_free(batch);
}

static void model_check_get(struct model *model, struct subject *s)
{
    uint64_t at = random_below(&model->random, KEYS);
    enum store_family family = (enum store_family)random_below(&model->random, STORE_FAMILIES);
    uint64_t number = model->values[family][at];
    uint8_t space[VALUE_BYTES_MAX];
    struct bytes value = value_of(number, space);

    check_row(s, family, model->keys[at], number == 0 ? NULL : &value);
}

static void model_check_scan(struct model *model, struct subject *s, enum store_family family,
                             uint64_t from, uint64_t end)
{
    struct scanned scanned = {.stop_after = 0};
    uint8_t space[VALUE_BYTES_MAX];
    uint32_t at = 0;

    arena_init(&scanned.arena);
    struct bytes bound = end == KEYS ? BYTES_NONE : model->keys[end];
    CHECK_EQ(engine_scan(s->engine, family, model->keys[from], bound, gather, &scanned), ERR_OK);
    /* An empty end means no end, also when it is the first key. */
    uint64_t last = bound.len == 0 ? KEYS : end;
    for (uint64_t i = from; i < last; i++) {
        if (model->values[family][i] == 0)
            continue;
        if (at == scanned.count) {
            CHECK(at < scanned.count);
            break;
        }
        CHECK(bytes_eq(scanned.keys[at], model->keys[i]));
        CHECK_EQ(scanned.values[at], crc32c(0, value_of(model->values[family][i], space)));
        at++;
    }
    CHECK_EQ(at, scanned.count);
    arena_done(&scanned.arena);
}

static void model_check_all(struct model *model, struct subject *s)
{
    for (int family = 0; family < STORE_FAMILIES; family++)
        model_check_scan(model, s, (enum store_family)family, 0, KEYS);
}

static void agrees_with_a_model(bool rocks)
{
    struct subject s = subject_new(rocks);
    struct model model;

    model_init(&model, 1);
    for (int i = 0; i < 1500; i++) {
        uint64_t what = random_below(&model.random, 100);
        if (what < 50)
            model_commit(&model, &s);
        else if (what < 95)
            model_check_get(&model, &s);
        else
            model_check_scan(
                &model, &s, (enum store_family)random_below(&model.random, STORE_FAMILIES),
                random_below(&model.random, KEYS), random_below(&model.random, KEYS + 1));
    }
    model_check_all(&model, &s);
    arena_done(&model.arena);
    subject_done(&s);
}

TEST(reopening_keeps_everything)
{
    struct subject s = subject_new(true);
    struct model model;

    model_init(&model, 2);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 100; i++)
            model_commit(&model, &s);
        engine_close(s.engine);
        subject_open(&s);
        model_check_all(&model, &s);
    }
    arena_done(&model.arena);
    subject_done(&s);
}

TEST(cold_rows_would_block)
{
    struct subject s = subject_new(true);
    struct engine_options tiny = {
        .path = s.dir, .create = true, .cache_bytes = 1, .memtable_bytes = 64 * 1024};
    struct why why = {""};
    uint8_t space[VALUE_BYTES_MAX];
    uint32_t cold = 0;

    engine_close(s.engine);
    CHECK_EQ_FATAL(engine_open_rocks(&tiny, &s.engine, &why), ERR_OK);
    struct engine_batch *batch = engine_batch_new(s.engine);
    for (uint32_t i = 0; i < 400; i++) {
        memset(space, (int)i, 4000);
        engine_batch_clear(batch);
        engine_batch_put(batch, FAMILY_OBJECT, bytes_of(&i, sizeof(i)), bytes_of(space, 4000));
        CHECK_EQ(engine_commit(s.engine, batch, false), ERR_OK);
    }
    engine_batch_free(batch);
    engine_close(s.engine);
    CHECK_EQ_FATAL(engine_open_rocks(&tiny, &s.engine, &why), ERR_OK);
    for (uint32_t i = 0; i < 400; i++) {
        struct blob *value = NULL;
        struct bytes key = bytes_of(&i, sizeof(i));
        enum err err = engine_get(s.engine, FAMILY_OBJECT, key, false, &value);
        CHECK(err == ERR_OK || err == ERR_WOULD_BLOCK);
        if (err == ERR_WOULD_BLOCK) {
            cold++;
            CHECK(value == NULL);
            CHECK_EQ(engine_get(s.engine, FAMILY_OBJECT, key, true, &value), ERR_OK);
        }
        CHECK_EQ(value->len, 4000);
        blob_unref(value);
    }
    CHECK(cold > 0);
    struct engine_pressure pressure = engine_pressure(s.engine);
    CHECK(pressure.level0_permille <= 1000);
    subject_done(&s);
}

/* With few files open a table itself may have to be opened first: that blocks too, and must not be
 * taken for an empty value. */
TEST(closed_tables_would_block)
{
    struct subject s = subject_new(true);
    struct engine_options few = {.path = s.dir, .create = true, .open_files_max = 1};
    struct why why = {""};
    uint32_t cold = 0;

    for (uint32_t round = 0; round < 12; round++) {
        engine_close(s.engine);
        CHECK_EQ_FATAL(engine_open_rocks(&few, &s.engine, &why), ERR_OK);
        for (int family = 0; family < STORE_FAMILIES; family++) {
            struct engine_batch *batch = engine_batch_new(s.engine);
            for (uint32_t i = 0; i < 3; i++) {
                uint32_t key = round * 3 + i;
                engine_batch_put(batch, (enum store_family)family, bytes_of(&key, sizeof(key)),
                                 BYTES_LIT("a value that is not empty"));
            }
            CHECK_EQ(engine_commit(s.engine, batch, false), ERR_OK);
            engine_batch_free(batch);
        }
        for (uint32_t key = 0; key < round * 3; key++) {
            struct bytes row = bytes_of(&key, sizeof(key));
            for (int family = 0; family < STORE_FAMILIES; family++) {
                struct blob *value = NULL;
                enum err err = engine_get(s.engine, (enum store_family)family, row, false, &value);
                CHECK(err == ERR_OK || err == ERR_WOULD_BLOCK);
                cold += err == ERR_WOULD_BLOCK;
                if (err == ERR_WOULD_BLOCK)
                    CHECK_EQ(engine_get(s.engine, (enum store_family)family, row, true, &value),
                             ERR_OK);
                CHECK_EQ(blob_bytes(value).len, 25);
                blob_unref(value);
            }
        }
    }
    CHECK(cold > 0);
    subject_done(&s);
}

TEST(opening_says_why_not)
{
    struct subject s = subject_new(true);
    struct engine_options options = {.path = s.dir, .create = true};
    struct engine *second = NULL;
    struct why why = {""};

    CHECK_EQ(engine_open_rocks(&options, &second, &why), ERR_BUSY);
    CHECK(second == NULL);
    CHECK(strstr(why.text, s.dir) != NULL);
    subject_done(&s);
    options.create = false;
    CHECK_EQ(engine_open_rocks(&options, &second, &why), ERR_IO);
    CHECK(second == NULL);
    CHECK(strstr(why.text, "does not exist") != NULL);
}

/* clang-format off */
#define ON_BOTH(name)                                                                              \
    TEST(mem_##name) { name(false); }                                                              \
    TEST(rocks_##name) { name(true); }
/* clang-format on */

ON_BOTH(families_are_apart)
ON_BOTH(edges_of_keys_and_values)
ON_BOTH(batch_changes_apply_in_order)
ON_BOTH(memory_answers_without_blocking)
ON_BOTH(scans_have_bounds)
ON_BOTH(agrees_with_a_model)

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(mem_families_are_apart),
        T(rocks_families_are_apart),
        T(mem_edges_of_keys_and_values),
        T(rocks_edges_of_keys_and_values),
        T(mem_batch_changes_apply_in_order),
        T(rocks_batch_changes_apply_in_order),
        T(mem_memory_answers_without_blocking),
        T(rocks_memory_answers_without_blocking),
        T(mem_scans_have_bounds),
        T(rocks_scans_have_bounds),
        T(mem_agrees_with_a_model),
        T(rocks_agrees_with_a_model),
        T(reopening_keeps_everything),
        T(cold_rows_would_block),
        T(closed_tables_would_block),
        T(opening_says_why_not),
    };
    return tap_main(argc, argv, tests);
}

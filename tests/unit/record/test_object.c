/* SPDX-License-Identifier: Apache-2.0 */
/* Object records: every shape comes back, and no damage goes unseen. */
#include "base/hash.h"
#include "base/mem.h"
#include "record/object.h"
#include "record/seal.h"
#include "sample.h"
#include "tap.h"

enum { ROUNDS = 3000, SIBLINGS = 6 };

static const struct bytes row = {(const uint8_t *)"a row key", 9};

static enum err decode(struct arena *arena, struct bytes record, struct object **ret_object)
{
    return record_object_decode(arena, row, record, ret_object);
}

TEST(every_shape_comes_back)
{
    struct seed seed = seed_of(11);
    struct random random;
    struct arena arena;
    unsigned broken = 0;
    unsigned deleted = 0;
    unsigned empty = 0;
    unsigned plain = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < ROUNDS; round++) {
        arena_reset(&arena);
        struct object *object = sample_object(&random, &arena, SIBLINGS);
        struct object *back = NULL;
        struct blob *blob = record_object_blob(row, object);
        broken += blob->len != record_object_size(object);
        enum err err = decode(&arena, blob_bytes(blob), &back);
        broken += err != ERR_OK || !sample_equal(object, back);
        if (err == ERR_OK) {
            struct blob *again = record_object_blob(row, back);
            broken += !bytes_eq(blob_bytes(blob), blob_bytes(again));
            blob_unref(again);
        }
        deleted += object->count > 0 && object_deleted(object);
        empty += object->count == 0;
        plain += blob->data[0] == 1;
        blob_unref(blob);
    }
    CHECK_EQ(broken, 0);
    CHECK(deleted > 0);
    CHECK(empty > 0);
    CHECK(plain > ROUNDS / 4 && plain < ROUNDS * 3 / 4);
    arena_done(&arena);
}

TEST(decoding_copies_nothing)
{
    const struct dot entries[] = {{7, 1}};
    struct sibling sibling = {.dot = {7, 1},
                              .content = {.value = BYTES_LIT("hello"),
                                          .content_type = BYTES_LIT("text/plain"),
                                          .charset = BYTES_LIT("")}};
    struct object object = {{entries, 1, 0, 0}, &sibling, 1};
    struct blob *blob = record_object_blob(row, &object);
    struct object *back = NULL;
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ_FATAL(decode(&arena, blob_bytes(blob), &back), ERR_OK);
    const struct content *content = &back->siblings[0].content;
    CHECK(content->value.data > blob->data && content->value.data < blob->data + blob->len);
    CHECK(content->content_type.data > blob->data);
    CHECK(content->charset.data != NULL);
    CHECK(content->content_encoding.data == NULL);
    blob_unref(blob);
    arena_done(&arena);
}

TEST(every_truncation_and_bit_flip_is_found)
{
    struct seed seed = seed_of(12);
    struct random random;
    struct arena arena;
    unsigned unseen = 0;
    unsigned tried = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 60; round++) {
        struct object *object = sample_object(&random, &arena, SIBLINGS);
        struct blob *blob = record_object_blob(row, object);
        uint8_t *copy = mem_new(blob->len);
        struct object *back = NULL;
        for (size_t len = 0; len < blob->len; len++)
            unseen += decode(&arena, bytes_of(blob->data, len), &back) != ERR_CORRUPT;
        for (size_t bit = 0; bit < blob->len * 8; bit++) {
            memcpy(copy, blob->data, blob->len);
            copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            unseen += decode(&arena, bytes_of(copy, blob->len), &back) != ERR_CORRUPT;
            tried++;
        }
        CHECK(back == NULL);
        mem_free(copy);
        blob_unref(blob);
        arena_reset(&arena);
    }
    CHECK_EQ(unseen, 0);
    CHECK(tried > 10000);
    arena_done(&arena);
}

/* A record with a right seal whose body is damaged must still decode to nothing or to an object
 * that gives the same bytes: the decoder does not lean on the checksum. */
TEST(sealed_damage_never_decodes_to_something_else)
{
    struct seed seed = seed_of(13);
    struct random random;
    struct arena arena;
    unsigned broken = 0;
    unsigned refused = 0;

    random_init(&random, &seed, 0);
    arena_init(&arena);
    for (unsigned round = 0; round < 20000; round++) {
        arena_reset(&arena);
        struct object *object = sample_object(&random, &arena, 3);
        struct blob *blob = record_object_blob(row, object);
        for (uint64_t hits = random_range(&random, 1, 4); hits > 0; hits--) {
            size_t at = SEAL_BYTES + (size_t)random_below(&random, blob->len - SEAL_BYTES);
            blob->data[at] = (uint8_t)random_below(&random, 256);
        }
        seal_close(blob->data, blob->len, blob->data[0], row);
        struct object *back = NULL;
        enum err err = decode(&arena, blob_bytes(blob), &back);
        refused += err == ERR_CORRUPT;
        if (err == ERR_OK) {
            struct blob *again = record_object_blob(row, back);
            broken += !bytes_eq(blob_bytes(blob), blob_bytes(again));
            blob_unref(again);
        }
        broken += err != ERR_OK && err != ERR_CORRUPT;
        blob_unref(blob);
    }
    CHECK_EQ(broken, 0);
    CHECK(refused > 1000);
    arena_done(&arena);
}

TEST(another_row_or_release_is_refused)
{
    const struct dot entries[] = {{7, 1}};
    struct sibling sibling = {.dot = {7, 1}, .content = {.value = BYTES_LIT("v")}};
    struct object object = {{entries, 1, 0, 0}, &sibling, 1};
    struct blob *blob = record_object_blob(row, &object);
    struct object *back = NULL;
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(record_object_decode(&arena, BYTES_LIT("another row"), blob_bytes(blob), &back),
             ERR_CORRUPT);
    seal_close(blob->data, blob->len, 3, row);
    CHECK_EQ(decode(&arena, blob_bytes(blob), &back), ERR_VERSION);
    seal_close(blob->data, blob->len, 0, row);
    CHECK_EQ(decode(&arena, blob_bytes(blob), &back), ERR_VERSION);
    /* An end that is none: what nothing expires in is of version 1. */
    seal_close(blob->data, blob->len, 2, row);
    CHECK_EQ(decode(&arena, blob_bytes(blob), &back), ERR_CORRUPT);
    CHECK_EQ(decode(&arena, BYTES_NONE, &back), ERR_CORRUPT);
    CHECK(back == NULL);
    blob_unref(blob);
    arena_done(&arena);
}

/* What stands behind the version byte of a record in the row of these tests. */
static uint32_t checksum(uint8_t version, struct bytes body)
{
    uint8_t head[9] = {0};
    uint64_t hash = hash_xx(row);

    for (unsigned i = 0; i < 8; i++)
        head[i] = (uint8_t)(hash >> (8 * i));
    head[8] = version;
    return crc32c(crc32c(0, bytes_of(head, 9)), body);
}

/* The bytes that docs/formats/object.md shows of what expires: a value that does, beside a
 * tombstone, which does not. */
TEST(the_documented_example_of_expiry)
{
    static const uint8_t body[] = {
        0x01, 0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, /* clock */
        0x00, 0x1b, 0xb7, 0x00, 0x00, 0x00, 0x00, 0x00,             /* its end */
        0x02, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x02, 0x80, 0x8d, 0x5b, 0x00, 0x00, 0x00, 0x00, 0x00, /* when it expires */
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 'v',        /* its content */
        0x00, 0x04, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    };
    const struct dot entries[] = {{7, 4}};
    struct sibling siblings[] = {
        {.dot = {7, 3}, .hlc_us = 1, .expires_us = 6000000, .content = {.value = BYTES_LIT("v")}},
        {.dot = {7, 4}, .hlc_us = 2, .deleted = true},
    };
    struct object object = {{entries, 1, 2, 12000000}, siblings, 2};
    struct blob *blob = record_object_blob(row, &object);
    struct object *back = NULL;
    struct arena arena;

    CHECK_EQ(blob->data[0], 2);
    struct reader seal = reader_of(bytes_of(blob->data + 1, 4));
    CHECK_EQ(reader_le32(&seal), checksum(2, bytes_of(body, sizeof(body))));
    CHECK_BYTES(blob->data + SEAL_BYTES, blob->len - SEAL_BYTES, body, sizeof(body));
    arena_init(&arena);
    CHECK_EQ_FATAL(decode(&arena, blob_bytes(blob), &back), ERR_OK);
    CHECK(sample_equal(&object, back));
    arena_done(&arena);
    blob_unref(blob);
}

static enum err decode_of(struct arena *arena, const struct object *object, size_t at, uint8_t byte)
{
    struct blob *blob = record_object_blob(row, object);
    struct object *back = NULL;

    blob->data[at] = byte;
    seal_close(blob->data, blob->len, blob->data[0], row);
    enum err err = decode(arena, blob_bytes(blob), &back);
    blob_unref(blob);
    return err;
}

/* A history does not end before its values expire, nor where one never does; tombstones do not
 * expire. */
TEST(what_cannot_be_true_of_expiry_is_damage)
{
    const struct dot entries[] = {{7, 1}};
    struct sibling sibling = {.dot = {7, 1}, .expires_us = 5, .content = {.value = BYTES_LIT("v")}};
    struct object object = {{entries, 1, 0, 5}, &sibling, 1};
    enum { ENDS_AT = SEAL_BYTES + 10, FLAGS_AT = ENDS_AT + 8 + 1 + 2 + 8, EXPIRES_AT };
    struct arena arena;

    arena_init(&arena);
    CHECK_EQ(decode_of(&arena, &object, ENDS_AT, 5), ERR_OK);
    CHECK_EQ(decode_of(&arena, &object, ENDS_AT, 6), ERR_OK);
    CHECK_EQ(decode_of(&arena, &object, ENDS_AT, 0), ERR_OK);
    CHECK_EQ(decode_of(&arena, &object, ENDS_AT, 4), ERR_CORRUPT);
    CHECK_EQ(decode_of(&arena, &object, EXPIRES_AT, 0), ERR_CORRUPT);
    CHECK_EQ(decode_of(&arena, &object, FLAGS_AT, 0), ERR_CORRUPT);
    CHECK_EQ(decode_of(&arena, &object, FLAGS_AT, 3), ERR_CORRUPT);
    CHECK_EQ(decode_of(&arena, &object, FLAGS_AT, 4), ERR_CORRUPT);
    arena_done(&arena);
}

/* The bytes that docs/formats/object.md shows. */
TEST(the_documented_example)
{
    static const uint8_t body[] = {
        0x01, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x03, /* clock */
        0x01, 0x00, 0x03, 0x40, 0x42, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
        'a',  0x01, 0x00, 0x00, 0x01, 0x02, 'n',  0x01, 0x00, 0x02, 'h',  'i',
    };
    const struct dot entries[] = {{UINT64_C(0x0102030405060708), 3}};
    const struct pair meta[] = {{BYTES_LIT("n"), BYTES_LIT("")}};
    struct sibling sibling = {.dot = entries[0],
                              .hlc_us = 1000000,
                              .content = {.value = BYTES_LIT("hi"),
                                          .content_type = BYTES_LIT("a"),
                                          .charset = BYTES_LIT(""),
                                          .meta = meta,
                                          .meta_count = 1}};
    struct object object = {{entries, 1, 1000000, 0}, &sibling, 1};
    struct blob *blob = record_object_blob(row, &object);

    CHECK_EQ(blob->data[0], 1);
    struct reader seal = reader_of(bytes_of(blob->data + 1, 4));
    CHECK_EQ(reader_le32(&seal), checksum(1, bytes_of(body, sizeof(body))));
    CHECK_BYTES(blob->data + SEAL_BYTES, blob->len - SEAL_BYTES, body, sizeof(body));
    blob_unref(blob);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(every_shape_comes_back),
        T(decoding_copies_nothing),
        T(every_truncation_and_bit_flip_is_found),
        T(sealed_damage_never_decodes_to_something_else),
        T(another_row_or_release_is_refused),
        T(the_documented_example),
        T(the_documented_example_of_expiry),
        T(what_cannot_be_true_of_expiry_is_damage),
    };
    return tap_main(argc, argv, tests);
}

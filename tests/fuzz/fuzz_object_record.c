/* SPDX-License-Identifier: Apache-2.0 */
/* Object and digest records. The first byte chooses (even: object, odd: digest; the next bit:
 * version 2), the rest is a body behind a good seal. What decodes must encode to the same bytes. */
#include "base/check.h"
#include "record/meta.h"
#include "record/object.h"
#include "record/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bytes row = {(const uint8_t *)"row", 3};

/* Both forms of an object tell the same of its history. */
static void check_digest(struct arena *arena, const struct object *object)
{
    struct meta *meta = meta_of(arena, object);
    struct blob *blob = record_meta_blob(row, meta);
    struct meta *back;

    ASSERT(record_meta_decode(arena, row, blob_bytes(blob), &back) == ERR_OK);
    ASSERT(meta_same(meta, back));
    ASSERT(meta_covers(meta, back));
    ASSERT(meta_hidden(back, 0) == object_deleted(object));
    ASSERT(back->clock.hlc_us == object_hlc_us(object));
    ASSERT(back->clock.ends_us == object->clock.ends_us);
    blob_unref(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    struct blob *record = blob_new(SEAL_BYTES + size - 1);
    struct blob *again = NULL;
    struct object *object;
    struct meta *meta;
    arena_init(&arena);
    memcpy(record->data + SEAL_BYTES, data + 1, size - 1);
    seal_close(record->data, record->len, (data[0] & 2) == 0 ? 1 : 2, row);
    if (data[0] % 2 == 0 &&
        record_object_decode(&arena, row, blob_bytes(record), &object) == ERR_OK) {
        again = record_object_blob(row, object);
        check_digest(&arena, object);
    } else if (data[0] % 2 == 1 &&
               record_meta_decode(&arena, row, blob_bytes(record), &meta) == ERR_OK) {
        again = record_meta_blob(row, meta);
    }
    ASSERT(again == NULL || bytes_eq(blob_bytes(record), blob_bytes(again)));
    blob_unref(again);
    blob_unref(record);
    arena_done(&arena);
    return 0;
}

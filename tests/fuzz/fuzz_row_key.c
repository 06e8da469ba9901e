/* SPDX-License-Identifier: Apache-2.0 */
/* Row keys: what decodes must encode to the same bytes and lie within the prefixes of its names. */
#include "base/check.h"
#include "record/keys.h"
#include "record/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct arena *arena, struct bytes row, struct bytes prefix)
{
    ASSERT(bytes_starts(row, prefix));
    ASSERT(bytes_cmp(row, prefix) >= 0);
    ASSERT(bytes_cmp(row, row_prefix_end(arena, prefix)) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes row = bytes_of(data, size);
    struct arena arena;
    struct key key;
    uint32_t slot;
    uint32_t partition;

    arena_init(&arena);
    if (row_key_decode(&arena, row, &slot, &key) == ERR_OK) {
        ASSERT(bytes_eq(row_key_make(&arena, slot, &key), row));
        check_within(&arena, row, row_prefix_slot(&arena, slot));
        check_within(&arena, row, row_prefix_type(&arena, slot, key.type));
        check_within(&arena, row, row_prefix_bucket(&arena, slot, key.type, key.bucket));
    }
    if (sys_incarnation_row(row, &partition))
        ASSERT(bytes_eq(sys_incarnation_key(&arena, partition), row));
    arena_done(&arena);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: the input as it is, and again behind a good checksum. What decodes must encode to the
 * same bytes. */
#include "base/check.h"
#include "base/hash.h"
#include "model/context.h"
#include "model/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct bytes context)
{
    struct arena arena;
    struct clock clock;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, CONTEXT_BYTES_MAX);
    if (context.len > 0 && context_decode(&arena, context, &clock) == ERR_OK) {
        ASSERT(clock_valid(clock));
        context_put(&buf, clock);
        ASSERT(bytes_eq(buf_bytes(&buf), context));
    }
    buf_done(&buf);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf sealed;

    check(bytes_of(data, size));
    buf_init(&sealed, size + 4);
    buf_put(&sealed, bytes_of(data, size));
    buf_put_le32(&sealed, crc32c(0, bytes_of(data, size)));
    check(buf_bytes(&sealed));
    buf_done(&sealed);
    return 0;
}

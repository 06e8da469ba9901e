/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's talk between nodes: what can be read must be written and read again, to the same
 * bytes. */
#include "base/check.h"
#include "msg/limits.h"
#include "wire/peer_cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf encoded(const struct peer_cluster *msg)
{
    struct buf buf;

    buf_init(&buf, PEER_FRAME_BYTES_MAX);
    peer_cluster_encode(&buf, msg);
    ASSERT(!buf.overflow);
    return buf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    struct peer_cluster msg, again;
    struct arena arena;

    arena_init(&arena);
    if (peer_cluster_decode(&arena, &r, &msg) == ERR_OK) {
        struct buf first = encoded(&msg);
        r = reader_of(buf_bytes(&first));
        enum err err = peer_cluster_decode(&arena, &r, &again);
        ASSERT(err == ERR_OK);
        ASSERT(reader_end(&r));
        struct buf second = encoded(&again);
        ASSERT(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        buf_done(&first);
        buf_done(&second);
    }
    arena_done(&arena);
    return 0;
}

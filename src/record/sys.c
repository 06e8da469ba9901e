/* SPDX-License-Identifier: Apache-2.0 */
#include "record/sys.h"

#include "base/check.h"
#include "model/limits.h"
#include "record/pen_int.h"
#include "record/seal.h"

enum { INCARNATION_VERSION = 1, MOVE_VERSION = 1, NODE_VERSION = 1, PARTITION_BYTES = 2 };

#define INCARNATION_PREFIX BYTES_LIT("inc/")
#define MOVE_PREFIX        BYTES_LIT("move/")

/* The key of a row of which there is one for each partition. */
static struct bytes partition_key(struct arena *arena, struct bytes prefix, uint32_t partition)
{
    ASSERT(partition < SLOTS_MAX);
    size_t size = prefix.len + PARTITION_BYTES;
    uint8_t *key = arena_alloc(arena, size);
    uint8_t *at = pen_bytes(key, prefix);

    at = pen_u8(at, (uint8_t)(partition >> 8));
    at = pen_u8(at, (uint8_t)partition);
    ASSERT(at == key + size);
    return bytes_of(key, size);
}

static bool partition_row(struct bytes row, struct bytes prefix, uint32_t *ret_partition)
{
    if (!bytes_starts(row, prefix))
        return false;
    struct reader r = reader_of(bytes_sub(row, prefix.len, row.len));
    uint32_t partition = reader_be16(&r);
    if (!reader_end(&r) || partition >= SLOTS_MAX)
        return false;
    *ret_partition = partition;
    return true;
}

struct bytes sys_incarnation_key(struct arena *arena, uint32_t partition)
{
    return partition_key(arena, INCARNATION_PREFIX, partition);
}

bool sys_incarnation_row(struct bytes row, uint32_t *ret_partition)
{
    return partition_row(row, INCARNATION_PREFIX, ret_partition);
}

struct bytes sys_move_key(struct arena *arena, uint32_t partition)
{
    return partition_key(arena, MOVE_PREFIX, partition);
}

bool sys_move_row(struct bytes row, uint32_t *ret_partition)
{
    return partition_row(row, MOVE_PREFIX, ret_partition);
}

struct blob *sys_move_blob(struct bytes row, uint64_t node)
{
    ASSERT(bytes_starts(row, MOVE_PREFIX));
    ASSERT(node != 0);
    struct blob *blob = blob_new(SEAL_BYTES + 8);

    pen_le64(blob->data + SEAL_BYTES, node);
    seal_close(blob->data, blob->len, MOVE_VERSION, row);
    return blob;
}

enum err sys_move_decode(struct bytes row, struct bytes record, uint64_t *ret_node)
{
    struct reader r;

    TRY(seal_open(record, MOVE_VERSION, row, &r));
    uint64_t node = reader_le64(&r);
    if (!reader_end(&r) || node == 0)
        return ERR_CORRUPT;
    *ret_node = node;
    return ERR_OK;
}

struct blob *sys_incarnation_blob(struct bytes row, const struct incarnation *incarnation)
{
    ASSERT(bytes_starts(row, INCARNATION_PREFIX));
    ASSERT(incarnation->actor != 0);
    struct blob *blob = blob_new(SEAL_BYTES + 8 + 8 + 1);
    uint8_t *at = pen_le64(blob->data + SEAL_BYTES, incarnation->actor);

    pen_u8(pen_le64(at, incarnation->leased), incarnation->closed);
    seal_close(blob->data, blob->len, INCARNATION_VERSION, row);
    return blob;
}

enum err sys_incarnation_decode(struct bytes row, struct bytes record,
                                struct incarnation *ret_incarnation)
{
    struct reader r;

    TRY(seal_open(record, INCARNATION_VERSION, row, &r));
    uint64_t actor = reader_le64(&r);
    uint64_t leased = reader_le64(&r);
    uint8_t closed = reader_u8(&r);
    if (!reader_end(&r) || actor == 0 || closed > 1)
        return ERR_CORRUPT;
    *ret_incarnation = (struct incarnation){actor, leased, closed == 1};
    return ERR_OK;
}

struct blob *sys_node_blob(const struct sys_node *node)
{
    ASSERT(node->id != 0);
    ASSERT(node->name.len <= NAME_BYTES_MAX);
    struct blob *blob = blob_new(SEAL_BYTES + 8 + pen_lenbytes_size(node->name));
    uint8_t *at = pen_le64(blob->data + SEAL_BYTES, node->id);

    at = pen_lenbytes(at, node->name);
    ASSERT(at == blob->data + blob->len);
    seal_close(blob->data, blob->len, NODE_VERSION, SYS_ROW_NODE);
    return blob;
}

enum err sys_node_decode(struct bytes record, struct sys_node *ret_node)
{
    struct reader r;

    TRY(seal_open(record, NODE_VERSION, SYS_ROW_NODE, &r));
    uint64_t id = reader_le64(&r);
    struct bytes name = reader_lenbytes(&r, NAME_BYTES_MAX);
    if (!reader_end(&r) || id == 0)
        return ERR_CORRUPT;
    *ret_node = (struct sys_node){id, name};
    return ERR_OK;
}

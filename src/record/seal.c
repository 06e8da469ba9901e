/* SPDX-License-Identifier: Apache-2.0 */
#include "record/seal.h"

#include "base/check.h"
#include "base/hash.h"

enum { KEY_HASH_BYTES = 8 };

static uint32_t checksum(uint8_t version, struct bytes row_key, struct bytes body)
{
    uint8_t head[KEY_HASH_BYTES + 1];
    uint64_t hash = hash_xx(row_key);

    for (unsigned i = 0; i < KEY_HASH_BYTES; i++)
        head[i] = (uint8_t)(hash >> (8 * i));
    head[KEY_HASH_BYTES] = version;
    return crc32c(crc32c(0, bytes_of(head, sizeof(head))), body);
}

void seal_close(uint8_t *record, size_t len, uint8_t version, struct bytes row_key)
{
    ASSERT(len >= SEAL_BYTES);
    ASSERT(row_key.len > 0);
    uint32_t crc = checksum(version, row_key, bytes_of(record + SEAL_BYTES, len - SEAL_BYTES));

    record[0] = version;
    for (unsigned i = 0; i < 4; i++)
        record[1 + i] = (uint8_t)(crc >> (8 * i));
}

enum err seal_open_any(struct bytes record, uint8_t newest, struct bytes row_key,
                       uint8_t *ret_version, struct reader *ret_body)
{
    ASSERT(row_key.len > 0);
    struct reader r = reader_of(record);
    uint8_t found = reader_u8(&r);
    uint32_t crc = reader_le32(&r);

    if (!r.ok || crc != checksum(found, row_key, r.rest))
        return ERR_CORRUPT;
    if (found == 0 || found > newest)
        return ERR_VERSION;
    *ret_version = found;
    *ret_body = r;
    return ERR_OK;
}

enum err seal_open(struct bytes record, uint8_t version, struct bytes row_key,
                   struct reader *ret_body)
{
    struct reader r;
    uint8_t found;

    TRY(seal_open_any(record, UINT8_MAX, row_key, &found, &r));
    if (found != version)
        return ERR_VERSION;
    *ret_body = r;
    return ERR_OK;
}

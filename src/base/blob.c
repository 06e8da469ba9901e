/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blob.h"

#include "base/check.h"
#include "base/mem.h"

struct blob *blob_new(size_t len)
{
    ASSERT(len < SIZE_MAX / 2);
    struct blob *blob = mem_resize(NULL, sizeof(*blob) + len);
    blob->refs = 1;
    blob->len = len;
    return blob;
}

struct blob *blob_copy(struct bytes from)
{
    struct blob *blob = blob_new(from.len);

    if (from.len > 0)
        memcpy(blob->data, from.data, from.len);
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    if (blob == NULL)
        return NULL;
    ASSERT(blob->refs > 0);
    ASSERT(blob->refs < UINT32_MAX);
    blob->refs++;
    return blob;
}

void blob_unref(struct blob *blob)
{
    if (blob == NULL)
        return;
    ASSERT(blob->refs > 0);
    if (--blob->refs == 0)
        mem_free(blob);
}

struct bytes blob_bytes(const struct blob *blob)
{
    return blob == NULL ? BYTES_NONE : bytes_of(blob->data, blob->len);
}

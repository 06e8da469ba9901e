/* SPDX-License-Identifier: Apache-2.0 */
/* Immutable shared bytes. The count is not atomic: it is touched only on the shard's own thread;
 * other threads hand blobs back with the completion. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/bytes.h"

struct blob {
    uint32_t refs;
    size_t len;
    uint8_t data[];
};

/* A blob of `len` bytes, not set, with one reference. It may be written until it is first shared.
 *  */
struct blob *blob_new(size_t len);

/* A blob with a copy of the bytes, with one reference. */
struct blob *blob_copy(struct bytes from);

/* Takes one more reference and returns the blob; NULL gives NULL. */
struct blob *blob_ref(struct blob *blob);

/* Gives one reference back; the last one frees. NULL is fine. */
void blob_unref(struct blob *blob);

/* A view of the content; empty for NULL. */
struct bytes blob_bytes(const struct blob *blob);

#endif

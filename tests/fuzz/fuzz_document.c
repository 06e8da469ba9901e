/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster documents. The input is the bodies of the three sections, the first two with their
 * lengths in two bytes before them; the target makes a head, hashes and a seal that are right, or a
 * decoder would look at nothing else. What decodes encodes to the same bytes, and so does the
 * delta to it. */
#include "base/check.h"
#include "base/hash.h"
#include "base/reader.h"
#include "model/draft.h"
#include "record/document.h"
#include "record/seal.h"
#include "record/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES_PER_BYTE = 64, ARENA_BYTES_FIXED = 262144 };

static void put_document(struct buf *buf, const struct bytes sections[DOCUMENT_SECTIONS])
{
    const uint64_t head[] = {1, 2, 1, 5, 99}; /* cluster, lineage, epoch, previous */
    struct buf hashed;

    buf_init(&hashed, 256);
    for (unsigned i = 0; i < 5; i++)
        buf_put_le64(&hashed, head[i]);
    buf_extend(buf, SEAL_BYTES);
    buf_put(buf, buf_bytes(&hashed));
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++)
        buf_put_le64(&hashed, hash_xx(sections[i]));
    buf_put_le64(buf, hash_xx(buf_bytes(&hashed)));
    for (unsigned i = 0; i < DOCUMENT_SECTIONS; i++)
        buf_put_lenbytes(buf, sections[i]);
    seal_close(buf->data, buf->len, DOCUMENT_VERSION, SYS_ROW_DOCUMENT);
    buf_done(&hashed);
}

/* From a document with other members and no types, all sections but none too many are sent. */
static void check_delta(const struct document *document)
{
    const uint64_t key[2] = {7, 8};
    const struct member self = {.id = 1, .name = BYTES_LIT("n"), .address = BYTES_LIT("h:1")};
    struct document *base = draft_first(document->cluster, key, &self, 64, 8, 1);
    struct document *made;
    struct buf delta;

    document_seal(base);
    buf_init(&delta, DOCUMENT_BYTES_MAX);
    document_delta_put(&delta, base, document);
    ASSERT(document_apply(base, buf_bytes(&delta), &made) == ERR_OK);
    ASSERT(made->hash == document->hash);
    document_free(made);
    buf_reset(&delta);
    document_delta_put(&delta, document, document);
    ASSERT(document_apply(document, buf_bytes(&delta), &made) == ERR_OK);
    ASSERT(made->hash == document->hash);
    document_free(made);
    buf_done(&delta);
    document_free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(bytes_of(data, size));
    struct bytes sections[DOCUMENT_SECTIONS];
    struct document *document;
    struct buf buf, again;

    /* Bytes as they come, too. */
    if (document_decode(bytes_of(data, size), &document) == ERR_OK)
        document_free(document);
    for (unsigned i = 0; i + 1 < DOCUMENT_SECTIONS; i++)
        sections[i] = reader_take(&r, reader_le16(&r));
    sections[DOCUMENT_SECTIONS - 1] = r.rest;
    if (!r.ok)
        return 0;
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    put_document(&buf, sections);
    if (document_decode(buf_bytes(&buf), &document) == ERR_OK) {
        ASSERT(arena_total(&document->arena) <= ARENA_BYTES_FIXED + ARENA_BYTES_PER_BYTE * size);
        buf_init(&again, DOCUMENT_BYTES_MAX);
        document_put(&again, document);
        ASSERT(bytes_eq(buf_bytes(&buf), buf_bytes(&again)));
        check_delta(document);
        buf_done(&again);
        document_free(document);
    }
    buf_done(&buf);
    return 0;
}

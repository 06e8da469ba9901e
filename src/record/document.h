/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster document at rest and between nodes (docs/formats/document.md).
 *
 *   whole document
 *   size  field
 *   5     seal (record/seal.h), version 2, row key "doc"
 *   16    cluster id, two little-endian words
 *   8     lineage
 *   8     epoch
 *   8     previous: hash of epoch - 1
 *   8     hash of this epoch
 *   3x    section: varint length, bytes
 *
 *   section 0, members and placement
 *   16    placement hash key
 *   8     the plan that is being prepared, or 0
 *   v     slots; v partitions; v n_max
 *   v     members: each 8 id, texts name, address, location, v weight, 1 state and vote (0x80)
 *   2x    partitions * n_max indexes of members, little-endian, 0xffff at the end of short lists
 *   2x    the same of the goal, only where that is another
 *
 *   section 1, bucket types: v count, each: text name, 1 active, text overlay
 *   section 2, buckets: v count, each: texts type, bucket, overlay
 *
 *   a delta: the same with a section of length 0 where it is that of the base.
 *
 * The hash of a section is the XXH3-64 of its bytes; the hash of an epoch is that of cluster,
 * lineage, epoch, previous and the three section hashes. Members are sorted by id, types by name,
 * buckets by (type, bucket); a decoder refuses anything else. */
#ifndef RECORD_DOCUMENT_H
#define RECORD_DOCUMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "model/document.h"

enum { DOCUMENT_BYTES_MAX = 32 * 1024 * 1024, DOCUMENT_VERSION = 2 };

/* Computes the hashes of a complete draft: it is a document now. */
void document_seal(struct document *document);

/* Appends the whole document. */
void document_put(struct buf *buf, const struct document *document);

/* Decodes a whole document, owning all it holds. ERR_CORRUPT when anything is wrong. */
enum err document_decode(struct bytes bytes, struct document **ret_document) MUST_CHECK;

/* Appends what differs from the base, which is any earlier document of the same cluster. */
void document_delta_put(struct buf *buf, const struct document *base,
                        const struct document *document);

/* The document that base and delta make. ERR_STALE when it does not fit the base. */
enum err document_apply(const struct document *base, struct bytes delta,
                        struct document **ret_document) MUST_CHECK;

#endif

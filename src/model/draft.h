/* SPDX-License-Identifier: Apache-2.0 */
/* Making the next cluster document from the present one. A draft is a document of its own that
 * nobody else has yet; when it is complete its hashes are computed (record/document.h) and it is
 * never changed again. */
#ifndef MODEL_DRAFT_H
#define MODEL_DRAFT_H

#include "base/err.h"
#include "model/document.h"

/* The first document of a cluster: one member, no placement yet, the default type. Names are
 * copied. */
struct document *draft_first(const uint64_t cluster[2], const uint64_t hash_key[2],
                             const struct member *member, uint32_t slots, uint32_t partitions,
                             uint32_t n_max);

/* A deep copy as the next epoch: `previous` is the hash of `from`. */
struct document *draft_next(const struct document *from);

/* Replaces members (sorted here by id) and placement; `place` and `goal` name members by index into
 * the given order, 0xffff only at the end of a list. Without a goal it is the placement. Everything
 * is copied. Then voters are chosen: who serves and has a vote keeps it; others get one while there
 * are fewer than VOTERS_MAX, in locations with the fewest voters first, then by id. */
void draft_set_members(struct document *draft, const struct member *members, uint32_t count,
                       uint32_t n_max, const uint16_t *place, const uint16_t *goal);

/* Replaces one member, which keeps its id, by another of the same; voters are chosen anew. */
void draft_set_member(struct document *draft, uint32_t index, const struct member *member);

/* Adds a type or replaces the one of that name. ERR_FULL beyond BUCKET_TYPES_MAX or
 * OVERLAYS_BYTES_MAX. */
enum err draft_set_type(struct document *draft, struct bytes name, bool active,
                        struct bytes overlay) MUST_CHECK;

/* Sets or, with an empty overlay, drops a bucket's own properties. ERR_NO_TYPE; ERR_FULL beyond
 * BUCKET_OVERRIDES_MAX or OVERLAYS_BYTES_MAX. */
enum err draft_set_bucket(struct document *draft, struct bytes type, struct bytes bucket,
                          struct bytes overlay) MUST_CHECK;

/* The largest n_val of any type or bucket, at most REPLICAS_MAX. */
uint32_t document_n_val_max(const struct document *document);

/* Fills in the resolved properties of all types and buckets, after a decoder built the lists. */
void draft_resolve(struct document *draft);

#endif

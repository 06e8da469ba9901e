/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster document: what all members agree on, one value for each epoch. Epochs form a chain:
 * each knows the hash of the one before. The document is immutable; a change makes a new one.
 *
 * Sections, each with its own hash: members and placement; bucket types; bucket overrides. A plan
 * is stale only if the section that it changes is another one by now. */
#ifndef MODEL_DOCUMENT_H
#define MODEL_DOCUMENT_H

#include "base/arena.h"
#include "model/limits.h"
#include "model/props.h"

enum member_state {
    MEMBER_VALID,
    MEMBER_LEAVING, /* serves until its replicas are elsewhere */
    MEMBER_REMOVED, /* gone for good: serves nothing, named until its replicas are made anew */
};

struct member {
    uint64_t id; /* random, never zero */
    struct bytes name;
    struct bytes address;  /* host:port for peers */
    struct bytes location; /* rack or zone; may be empty */
    uint32_t weight;       /* relative share of replicas, 100 is ordinary */
    enum member_state state;
    bool votes; /* on the next epoch: all members up to VOTERS_MAX, else as many spread over
                   locations; who stays keeps its vote (model/draft.h) */
};

struct bucket_type {
    struct bytes name;
    bool active;
    struct bytes overlay; /* the properties that differ from the defaults, encoded */
    struct props props;   /* resolved */
};

struct bucket_override {
    struct bytes type;
    struct bytes bucket;
    struct bytes overlay; /* the properties that differ from the type's */
    struct props props;   /* resolved */
};

enum document_section { SECTION_MEMBERS, SECTION_TYPES, SECTION_BUCKETS };
enum { DOCUMENT_SECTIONS = 3 };

struct document {
    struct arena arena; /* owns everything below */
    uint64_t cluster[2];
    uint64_t lineage;
    uint64_t epoch;
    uint64_t hash;     /* of this epoch: sections, epoch, lineage, cluster and `previous` */
    uint64_t previous; /* hash of epoch - 1 */
    uint64_t section_hash[DOCUMENT_SECTIONS];

    const struct member *members; /* sorted by id */
    uint32_t members_count;
    uint64_t hash_key[2]; /* keys the placement hash; fixed when the cluster is created */
    uint32_t slots, partitions, n_max;
    const uint16_t *place; /* who answers now: partitions * n_max indexes of members, 0xffff at the
                              end of short lists; nobody twice in one */
    const uint16_t *goal;  /* who shall answer, in the same form; where it differs from `place`
                              replicas are being moved (model/moves.h) */
    uint64_t preparing;    /* the plan that is being prepared: until the next epoch no partition may
                              get its first object; 0: none. Of the members' section */

    const struct bucket_type *types; /* sorted by name; "default" is always there and active */
    uint32_t types_count;
    const struct bucket_override *buckets; /* sorted by (type, bucket) */
    uint32_t buckets_count;
};

/* An empty document with an arena of its own. */
struct document *document_new(void);

/* NULL is fine. */
void document_free(struct document *document);

/* The index of a member, or -1. */
int document_member(const struct document *document, uint64_t id);
int document_member_named(const struct document *document, struct bytes name);

/* Whether the member serves: is not removed. */
static inline bool member_serves(const struct member *member)
{
    return member->state != MEMBER_REMOVED;
}

/* NULL when there is no such type (active or not). */
const struct bucket_type *document_type(const struct document *document, struct bytes type);

/* NULL when the bucket has no properties of its own. */
const struct bucket_override *document_override(const struct document *document, struct bytes type,
                                                struct bytes bucket);

/* The properties in force for a bucket; NULL when the type does not exist or is not active. */
const struct props *document_props(const struct document *document, struct bytes type,
                                   struct bytes bucket);

#endif

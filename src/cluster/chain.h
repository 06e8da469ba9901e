/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of decided documents: the newest, and a few before it so that others can be sent what
 * changed. A document is let in only when it continues the chain; one that contradicts it is a
 * fork, which freezes all changes and is never repaired by guessing.
 *
 * Invariants:
 *   1. epochs only grow;
 *   2. of two kept documents with successive epochs the later names the hash of the earlier;
 *   3. a document that was current stays valid until CHAIN_DOCUMENTS_MAX later ones came. */
#ifndef CLUSTER_CHAIN_H
#define CLUSTER_CHAIN_H

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "cluster/limits.h"
#include "model/document.h"

struct chain_link {
    struct document *document;
    struct blob *bytes; /* the whole document, encoded */
};

struct chain {
    struct chain_link links[CHAIN_DOCUMENTS_MAX]; /* newest first */
    uint32_t count;
    bool forked;
};

enum chain_verdict {
    CHAIN_NEWER,   /* continues the chain: may be added */
    CHAIN_CURRENT, /* is the newest */
    CHAIN_OLDER,
    CHAIN_FOREIGN, /* of another cluster or lineage */
    CHAIN_FORK,    /* one epoch has two documents */
};

void chain_init(struct chain *chain);

/* Forgets all. */
void chain_done(struct chain *chain);

/* The newest document, NULL when there is none, and its bytes. */
const struct document *chain_document(const struct chain *chain);
struct blob *chain_bytes(const struct chain *chain);

/* Decodes a decided document: whole when base is 0, else a delta to the kept document of that
 * epoch. ERR_STALE when that is not kept. */
enum err chain_read(const struct chain *chain, uint64_t base, struct bytes bytes,
                    struct document **ret_document) MUST_CHECK;

/* Compares; a fork is remembered. */
enum chain_verdict chain_judge(struct chain *chain, const struct document *document);

/* Takes over a document that was judged newer. */
void chain_add(struct chain *chain, struct document *document);

/* The bytes of a document that is complete. */
struct blob *chain_encode(const struct document *document);

/* A delta from the kept document with this epoch and hash to the newest; NULL when none is kept. */
struct blob *chain_delta(const struct chain *chain, uint64_t epoch, uint64_t hash);

/* Whether a kept document has this epoch and hash. */
bool chain_has(const struct chain *chain, uint64_t epoch, uint64_t hash);

#endif

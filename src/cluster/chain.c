/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/chain.h"

#include "base/check.h"
#include "record/document.h"

/* No cluster gets there; beyond it counting on would wrap. */
#define EPOCH_MAX (UINT64_MAX / 2)

void chain_init(struct chain *chain)
{
    *chain = (struct chain){.count = 0};
}

static void link_done(struct chain_link *link)
{
    document_free(link->document);
    blob_unref(link->bytes);
}

void chain_done(struct chain *chain)
{
    for (uint32_t i = 0; i < chain->count; i++)
        link_done(&chain->links[i]);
    chain_init(chain);
}

static void chain_check(const struct chain *chain)
{
    ASSERT(chain->count <= CHAIN_DOCUMENTS_MAX);
    for (uint32_t i = 1; i < chain->count; i++) {
        const struct document *later = chain->links[i - 1].document;
        const struct document *earlier = chain->links[i].document;
        ASSERT(later->epoch > earlier->epoch);
        ASSERT(later->epoch != earlier->epoch + 1 || later->previous == earlier->hash);
    }
}

const struct document *chain_document(const struct chain *chain)
{
    return chain->count == 0 ? NULL : chain->links[0].document;
}

struct blob *chain_bytes(const struct chain *chain)
{
    return chain->count == 0 ? NULL : chain->links[0].bytes;
}

static const struct document *kept(const struct chain *chain, uint64_t epoch)
{
    for (uint32_t i = 0; i < chain->count; i++) {
        if (chain->links[i].document->epoch == epoch)
            return chain->links[i].document;
    }
    return NULL;
}

enum err chain_read(const struct chain *chain, uint64_t base, struct bytes bytes,
                    struct document **ret_document)
{
    struct document *document;

    if (base == 0) {
        TRY(document_decode(bytes, &document));
    } else {
        const struct document *from = kept(chain, base);
        if (from == NULL)
            return ERR_STALE;
        TRY(document_apply(from, bytes, &document));
    }
    if (document->epoch > EPOCH_MAX) {
        document_free(document);
        return ERR_CORRUPT;
    }
    *ret_document = document;
    return ERR_OK;
}

static bool same_lineage(const struct document *a, const struct document *b)
{
    return a->cluster[0] == b->cluster[0] && a->cluster[1] == b->cluster[1] &&
           a->lineage == b->lineage;
}

enum chain_verdict chain_judge(struct chain *chain, const struct document *document)
{
    const struct document *now = chain_document(chain);

    ASSERT(document->hash != 0);
    if (now == NULL)
        return CHAIN_NEWER;
    if (!same_lineage(now, document))
        return CHAIN_FOREIGN;
    const struct document *same = kept(chain, document->epoch);
    const struct document *before = kept(chain, document->epoch - 1);
    if ((same != NULL && same->hash != document->hash) ||
        (before != NULL && before->hash != document->previous)) {
        chain->forked = true;
        return CHAIN_FORK;
    }
    if (document->epoch == now->epoch)
        return CHAIN_CURRENT;
    return document->epoch < now->epoch ? CHAIN_OLDER : CHAIN_NEWER;
}

struct blob *chain_encode(const struct document *document)
{
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_put(&buf, document);
    ASSERT(!buf.overflow);
    struct blob *blob = buf_to_blob(&buf);
    buf_done(&buf);
    return blob;
}

void chain_add(struct chain *chain, struct document *document)
{
    const struct document *now = chain_document(chain);

    ASSERT(now == NULL || document->epoch > now->epoch);
    ASSERT(document->members_count <= NODES_MAX);
    if (chain->count == CHAIN_DOCUMENTS_MAX)
        link_done(&chain->links[--chain->count]);
    memmove(&chain->links[1], &chain->links[0], chain->count * sizeof(chain->links[0]));
    chain->links[0] = (struct chain_link){document, chain_encode(document)};
    chain->count++;
    chain_check(chain);
}

bool chain_has(const struct chain *chain, uint64_t epoch, uint64_t hash)
{
    const struct document *document = kept(chain, epoch);

    return document != NULL && document->hash == hash;
}

struct blob *chain_delta(const struct chain *chain, uint64_t epoch, uint64_t hash)
{
    const struct document *now = chain_document(chain);
    struct buf buf;

    if (now == NULL || epoch >= now->epoch || !chain_has(chain, epoch, hash))
        return NULL;
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_delta_put(&buf, kept(chain, epoch), now);
    ASSERT(!buf.overflow);
    struct blob *blob = buf_to_blob(&buf);
    buf_done(&buf);
    return blob;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Decided documents on their way: told, asked for, taken in. */
#include "base/check.h"
#include "cluster/cluster_int.h"

void learn_tell(struct cluster *c, uint64_t to, uint64_t epoch, uint64_t hash, struct outbox *out)
{
    ASSERT(to != 0 && to != c->self);
    const struct document *d = cluster_document(c);
    struct blob *delta = chain_delta(&c->chain, epoch, hash);
    struct peer_cluster msg = {
        .kind = TALK_DOCUMENT, .cluster = {d->cluster[0], d->cluster[1]}, .lineage = d->lineage};

    msg.u.document = (struct talk_document){
        .epoch = d->epoch,
        .hash = d->hash,
        .base = delta == NULL ? 0 : epoch,
        .active = c->active,
        .document = blob_bytes(delta == NULL ? chain_bytes(&c->chain) : delta),
    };
    cluster_send(to, &msg, delta == NULL ? chain_bytes(&c->chain) : delta, out);
    blob_unref(delta);
}

void learn_on_pull(struct cluster *c, uint64_t from, const struct talk_document *m,
                   struct outbox *out)
{
    const struct document *d = cluster_document(c);

    if (d->epoch > m->epoch || (d->epoch == m->epoch && d->hash != m->hash))
        learn_tell(c, from, m->epoch, m->hash, out);
}

static void pull(struct cluster *c, uint64_t from, uint64_t epoch, uint64_t hash,
                 struct outbox *out)
{
    struct peer_cluster *msg = cluster_say(c, from, TALK_PULL, out);

    msg->u.document = (struct talk_document){.epoch = epoch, .hash = hash};
}

void learn_confirm(struct cluster *c, uint64_t to, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct peer_cluster msg = {
        .kind = TALK_STORED, .cluster = {d->cluster[0], d->cluster[1]}, .lineage = d->lineage};

    msg.u.document = (struct talk_document){.epoch = d->epoch, .hash = d->hash};
    vault_defer(c, to, &msg, NULL, out);
}

void learn_on_document(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                       const struct event *ev, struct outbox *out)
{
    const struct talk_document *m = &msg->u.document;
    struct document *document;

    if (chain_has(&c->chain, m->epoch, m->hash)) {
        learn_confirm(c, from, out);
        cluster_note_active(c, m->active);
        return;
    }
    enum err err = chain_read(&c->chain, m->base, m->document, &document);
    if (err == ERR_STALE) {
        pull(c, from, 0, 0, out);
        return;
    }
    if (err != ERR_OK) {
        outbox_trace(out, TRACE_BAD_PEER_MESSAGE, from, (uint64_t)err, 0);
        return;
    }
    switch (chain_judge(&c->chain, document)) {
    case CHAIN_NEWER:
        cluster_adopt(c, document, ev, out);
        cluster_note_active(c, m->active);
        learn_confirm(c, from, out);
        return;
    case CHAIN_FORK: outbox_trace(out, TRACE_CLUSTER_FORK, document->epoch, from, 0); break;
    case CHAIN_CURRENT:
    case CHAIN_OLDER:
    case CHAIN_FOREIGN: break;
    }
    document_free(document);
}

void learn_on_stored(struct cluster *c, uint64_t from, const struct talk_document *m)
{
    cluster_note_stored(c, from, m->epoch, m->hash);
}

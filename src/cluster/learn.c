/* SPDX-License-Identifier: Apache-2.0 */
/* Decided documents on their way: told, asked for, taken in.
 *
 * Who asks is told what is newer, or is itself asked for it. So a node that is no member of the
 * newest document, and need not stay unless it alone knows it, goes on asking the members until one
 * says that a majority of the voters has stored it: those behind learn it by that. */
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

static void pull(struct cluster *c, uint64_t from, uint64_t epoch, uint64_t hash,
                 struct outbox *out)
{
    struct peer_cluster *msg = cluster_say(c, from, TALK_PULL, out);

    msg->u.document = (struct talk_document){.epoch = epoch, .hash = hash};
}

void learn_on_pull(struct cluster *c, uint64_t from, const struct talk_document *m,
                   struct outbox *out)
{
    const struct document *d = cluster_document(c);
    bool same = d->epoch == m->epoch && d->hash == m->hash;

    if (m->epoch > d->epoch)
        pull(c, from, d->epoch, d->hash, out);
    else if (!same || (c->active == d->epoch && !cluster_is_member(c, from)))
        learn_tell(c, from, m->epoch, m->hash, out);
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

/* ---- a node that is no member any more ---- */

/* It may have voted on the newest document, and be the only one left that knows it. */
static bool is_spared(const struct cluster *c)
{
    return cluster_is_member(c, c->self) || c->active >= cluster_document(c)->epoch;
}

void learn_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    uint64_t linked[NODES_MAX];
    uint32_t count = 0;

    if (is_spared(c) || c->spared_us > ev->mono_us)
        return;
    c->spared_us = ev->mono_us + (uint64_t)c->config->gossip_interval_ms * 1000;
    for (uint32_t i = 0; i < d->members_count; i++) {
        uint64_t node = d->members[i].id;
        if (member_serves(&d->members[i]) && contacts_is_up(&c->contacts, node))
            linked[count++] = node;
    }
    if (count > 0)
        pull(c, linked[random_below(&c->random, count)], d->epoch, d->hash, out);
}

uint64_t learn_deadline_us(const struct cluster *c)
{
    return is_spared(c) ? UINT64_MAX : c->spared_us;
}

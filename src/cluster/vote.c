/* SPDX-License-Identifier: Apache-2.0 */
/* This node as a voter: what it promises and accepts leaves only from stable storage. A value that
 * it accepted and never heard of again may have been decided: after a while it sees to the end of
 * it itself. */
#include "base/check.h"
#include "cluster/cluster_int.h"

static struct peer_cluster answer(const struct cluster *c, enum cluster_talk kind,
                                  const struct talk_register *m)
{
    const struct document *d = cluster_document(c);
    struct peer_cluster msg = {
        .kind = kind, .cluster = {d->cluster[0], d->cluster[1]}, .lineage = d->lineage};

    msg.u.reg = (struct talk_register){.epoch = m->epoch, .ballot = m->ballot};
    return msg;
}

static void refuse(struct cluster *c, uint64_t to, const struct talk_register *m, enum vote vote,
                   struct outbox *out)
{
    struct peer_cluster msg = answer(c, TALK_REFUSED, m);
    const struct document *d = cluster_document(c);

    ASSERT(vote != VOTE_YES);
    /* All that know the document before know the same voters. */
    if (vote == VOTE_NONE) {
        outbox_trace(out, TRACE_BAD_PEER_MESSAGE, to, ERR_REFUSED, 0);
        return;
    }
    msg.u.reg.known = d->epoch;
    if (vote == VOTE_OUTBID)
        msg.u.reg.other = c->acceptor.promised;
    cluster_send(to, &msg, NULL, out);
    if (vote == VOTE_DECIDED && to != c->self)
        learn_tell(c, to, m->epoch - 1, 0, out);
}

/* Whether the sender may propose to this voter: a member of the document that names the voters. */
static bool may_propose(const struct cluster *c, uint64_t from, const struct talk_register *m)
{
    if (!ballot_fits(m->ballot) || m->epoch == 0 || m->ballot.node != from)
        return false;
    return m->epoch != c->acceptor.epoch || cluster_is_member(c, from);
}

void vote_on_prepare(struct cluster *c, uint64_t from, const struct talk_register *m,
                     const struct event *ev, struct outbox *out)
{
    (void)ev;
    if (!may_propose(c, from, m))
        return;
    enum vote vote = acceptor_prepare(&c->acceptor, m->epoch, m->ballot);
    if (vote != VOTE_YES) {
        refuse(c, from, m, vote, out);
        return;
    }
    ASSERT(cluster_votes(c, c->self));
    vault_touch(c, ROW_ACCEPTOR);
    struct peer_cluster msg = answer(c, TALK_PROMISE, m);
    msg.u.reg.other = c->acceptor.accepted;
    msg.u.reg.document = blob_bytes(c->acceptor.value);
    vault_defer(c, from, &msg, c->acceptor.value, out);
}

/* A value that continues the document here, whole: nothing else is ever accepted. */
static bool is_next(const struct cluster *c, const struct talk_register *m)
{
    const struct document *now = cluster_document(c);
    struct document *next;

    if (chain_read(&c->chain, 0, m->document, &next) != ERR_OK)
        return false;
    bool good = next->epoch == m->epoch && next->epoch == now->epoch + 1 &&
                next->previous == now->hash && next->lineage == now->lineage &&
                next->cluster[0] == now->cluster[0] && next->cluster[1] == now->cluster[1];
    document_free(next);
    return good;
}

void vote_on_accept(struct cluster *c, uint64_t from, const struct talk_register *m,
                    const struct event *ev, struct outbox *out)
{
    if (!may_propose(c, from, m))
        return;
    if (m->epoch == c->acceptor.epoch && !is_next(c, m)) {
        outbox_trace(out, TRACE_BAD_PEER_MESSAGE, from, ERR_CORRUPT, 0);
        return;
    }
    struct blob *value = blob_copy(m->document);
    enum vote vote = acceptor_accept(&c->acceptor, m->epoch, m->ballot, value);
    blob_unref(value);
    if (vote != VOTE_YES) {
        refuse(c, from, m, vote, out);
        return;
    }
    ASSERT(cluster_votes(c, c->self));
    vault_touch(c, ROW_ACCEPTOR);
    uint64_t wait_us = cluster_wait_us(c, RESOLVE_WAITS);
    c->resolve_us = ev->mono_us + wait_us + random_below(&c->random, wait_us);
    struct peer_cluster msg = answer(c, TALK_ACCEPTED, m);
    vault_defer(c, from, &msg, NULL, out);
}

void vote_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct edit edit = {.kind = EDIT_RESOLVE};
    struct asker nobody = {ASKER_NOBODY, 0, 0};

    if (c->acceptor.value == NULL) {
        c->resolve_us = 0;
        return;
    }
    if (c->resolve_us == 0 || c->resolve_us > ev->mono_us)
        return;
    uint64_t wait_us = cluster_wait_us(c, RESOLVE_WAITS);
    c->resolve_us = ev->mono_us + wait_us + random_below(&c->random, wait_us);
    if (cluster_is_member(c, c->self) && !proposer_has(&c->proposer, EDIT_RESOLVE))
        proposer_submit(c, &edit, OWNER_NOBODY, nobody, ev, out);
}

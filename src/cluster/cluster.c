/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster.h"

#include "base/check.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

enum { CLUSTER_STREAM = 1 };

struct cluster *cluster_new(const struct cluster_options *options)
{
    struct cluster *c = mem_new(sizeof(*c));

    ASSERT(options->name.len > 0 && options->name.len <= NAME_BYTES_MAX);
    ASSERT(options->peer_address.len <= NAME_BYTES_MAX);
    c->config = options->config;
    random_init(&c->random, &options->seed, CLUSTER_STREAM);
    (void)text_set(&c->name, options->name);
    (void)text_set(&c->address, options->peer_address);
    c->view.self_index = RING_NOBODY;
    chain_init(&c->chain);
    proposer_init(&c->proposer);
    staging_init(&c->staging);
    commit_init(&c->commit);
    return c;
}

void cluster_free(struct cluster *c)
{
    if (c == NULL)
        return;
    proposer_done(&c->proposer);
    commit_done(&c->commit);
    staging_done(&c->staging);
    joiner_done(&c->joiner);
    contacts_done(&c->contacts);
    vault_done(&c->vault);
    acceptor_done(&c->acceptor);
    detector_done(&c->detector);
    chain_done(&c->chain);
    mem_free(c);
}

/* ---- what the machines share ---- */

void cluster_send(uint64_t to, const struct peer_cluster *msg, struct blob *holds,
                  struct outbox *out)
{
    struct output *output = outbox_add(out, OUT_SEND);

    ASSERT(to != 0);
    output->u.send.to = to;
    output->u.send.holds = blob_ref(holds);
    output->u.send.msg.kind = PEER_CLUSTER;
    output->u.send.msg.u.cluster = *msg;
}

struct peer_cluster *cluster_say(const struct cluster *c, uint64_t to, enum cluster_talk kind,
                                 struct outbox *out)
{
    struct peer_cluster *msg = &outbox_send(out, to, PEER_CLUSTER)->u.cluster;
    const struct document *d = cluster_document(c);

    msg->kind = kind;
    msg->cluster[0] = d->cluster[0];
    msg->cluster[1] = d->cluster[1];
    msg->lineage = d->lineage;
    return msg;
}

bool cluster_is_member(const struct cluster *c, uint64_t node)
{
    const struct document *d = cluster_document(c);
    int at = d == NULL ? -1 : document_member(d, node);

    return at >= 0 && member_serves(&d->members[at]);
}

bool cluster_votes(const struct cluster *c, uint64_t node)
{
    const struct document *d = cluster_document(c);
    int at = document_member(d, node);

    return at >= 0 && d->members[at].votes;
}

uint32_t cluster_voters(const struct cluster *c, uint64_t ret_voters[VOTERS_MAX])
{
    const struct document *d = cluster_document(c);
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->members_count; i++) {
        if (!d->members[i].votes)
            continue;
        ASSERT(count < VOTERS_MAX);
        ASSERT(member_serves(&d->members[i]));
        ret_voters[count++] = d->members[i].id;
    }
    ASSERT(count > 0);
    return count;
}

void cluster_put_name(const struct cluster *c, uint64_t node, struct buf *buf)
{
    const struct document *d = cluster_document(c);
    const struct intent *join = staging_join(&c->staging, node);
    const struct contact *contact = contacts_find(&c->contacts, node);
    int at = document_member(d, node);

    if (at >= 0)
        buf_put(buf, d->members[at].name);
    else if (join != NULL)
        buf_put(buf, join->name);
    else if (contact != NULL && contact->name.len > 0)
        buf_put(buf, text_bytes(&contact->name));
    else
        buf_printf(buf, "node %llu", (unsigned long long)node);
}

void cluster_note_active(struct cluster *c, uint64_t epoch)
{
    uint64_t newest = cluster_document(c)->epoch;

    if (epoch > newest)
        epoch = newest;
    if (epoch > c->active)
        c->active = epoch;
}

void cluster_note_stored(struct cluster *c, uint64_t node, uint64_t epoch, uint64_t hash)
{
    const struct document *d = cluster_document(c);
    int at = document_member(d, node);

    if (at < 0 || epoch != d->epoch || hash != d->hash)
        return;
    c->stored[at / 64] |= UINT64_C(1) << at % 64;
    if (c->active == d->epoch || !d->members[at].votes)
        return;
    uint32_t voters = 0, have = 0;
    for (uint32_t i = 0; i < d->members_count; i++) {
        voters += d->members[i].votes;
        have += d->members[i].votes && cluster_has_stored(c, i);
    }
    if (have > voters / 2)
        cluster_note_active(c, epoch);
}

bool cluster_has_stored(const struct cluster *c, uint32_t member)
{
    ASSERT(member < NODES_MAX);
    return (c->stored[member / 64] >> member % 64 & 1) != 0;
}

static void tell_detector(struct cluster *c, const struct event *ev)
{
    const struct document *d = cluster_document(c);
    uint64_t nodes[NODES_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->members_count && cluster_is_member(c, c->self); i++) {
        if (member_serves(&d->members[i]))
            nodes[count++] = d->members[i].id;
    }
    detector_members(&c->detector, nodes, count, ev->mono_us, &c->random);
}

/* What follows from the newest document, whichever way it came. */
static void settle(struct cluster *c, const struct event *ev, struct outbox *out)
{
    const struct document *d = cluster_document(c);

    memset(c->stored, 0, sizeof(c->stored));
    c->news = true;
    acceptor_advance(&c->acceptor, d->epoch + 1, cluster_votes(c, c->self));
    staging_rebase(&c->staging, plan_base(d));
    tell_detector(c, ev);
    contacts_wish(c, out);
    for (uint32_t i = 0; i < c->contacts.count; i++) {
        const struct contact *contact = &c->contacts.table[i];
        detector_link(&c->detector, contact->node, contact->up, ev->mono_us);
    }
    view_build(c);
    commit_on_epoch(c, ev);
    outbox_trace(out, TRACE_EPOCH, d->epoch, 0, 0);
}

void cluster_adopt(struct cluster *c, struct document *document, const struct event *ev,
                   struct outbox *out)
{
    chain_add(&c->chain, document);
    vault_touch(c, ROW_DOCUMENT | ROW_ACCEPTOR);
    settle(c, ev, out);
    proposer_on_epoch(c, ev, out);
}

void cluster_move(struct cluster *c, struct document *document, const struct event *ev,
                  struct outbox *out)
{
    ASSERT(join_waits(&c->joiner));
    ASSERT(c->joiner.fenced_epoch != 0 && document->epoch > c->joiner.fenced_epoch);
    proposer_abandon(c, ev, out);
    joiner_done(&c->joiner);
    chain_done(&c->chain);
    chain_add(&c->chain, document);
    ASSERT(cluster_is_member(c, c->self));
    acceptor_done(&c->acceptor);
    acceptor_init(&c->acceptor, document->epoch + 1, cluster_votes(c, c->self));
    c->active = 0;
    vault_touch(c, ROW_DOCUMENT | ROW_ACCEPTOR | ROW_JOIN);
    settle(c, ev, out);
    outbox_trace(out, TRACE_JOINED, document->cluster[0], 0, 0);
}

/* ---- the start ---- */

/* Started with another name or address than the members know: they are told until they do. */
static void self_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    int at = document_member(d, c->self);
    struct edit edit = {
        .kind = EDIT_SELF,
        .node = c->self,
        .name = text_bytes(&c->name),
        .address = text_bytes(&c->address),
    };
    struct asker nobody = {ASKER_NOBODY, 0, 0};

    if (c->self_us == 0 || c->self_us > ev->mono_us)
        return;
    c->self_us = 0;
    if (!cluster_is_member(c, c->self) || (bytes_eq(d->members[at].name, edit.name) &&
                                           bytes_eq(d->members[at].address, edit.address)))
        return;
    c->self_us = ev->mono_us + 2 * cluster_wait_us(c, EDIT_WAITS);
    if (c->joiner.state == JOINER_NONE)
        proposer_submit(c, &edit, OWNER_NOBODY, nobody, ev, out);
}

enum err cluster_start(struct cluster *c, const struct stored_row *rows, uint32_t count,
                       const struct event *ev, struct outbox *out)
{
    bool fresh = false;

    ASSERT(c->self == 0);
    TRY(vault_load(c, rows, count, &fresh));
    if (fresh)
        cluster_found(c);
    c->starts++;
    c->first_stable =
        vault_touch(c, fresh ? ROW_NODE | ROW_DOCUMENT | ROW_ACCEPTOR : ROW_NODE | ROW_ACCEPTOR);
    detector_init(&c->detector, c->config, c->self);
    if (c->acceptor.value != NULL)
        c->resolve_us = ev->mono_us + cluster_wait_us(c, RESOLVE_WAITS);
    settle(c, ev, out);
    c->self_us = ev->mono_us + 1;
    vault_flush(c, ev, out);
    return ERR_OK;
}

/* ---- events ---- */

void cluster_set_facts(struct cluster *c, const struct cluster_facts *facts)
{
    c->facts = *facts;
}

static void on_link_up(struct cluster *c, const struct event *ev, struct outbox *out)
{
    uint64_t node = ev->u.link.node;

    contacts_up(&c->contacts, &ev->u.link);
    detector_link(&c->detector, node, true, ev->mono_us);
    view_build(c);
    join_on_link(c, ev, out);
    proposer_on_link(c, node, out);
    if (cluster_is_member(c, node)) {
        gossip_to(c, node, GOSSIP_COMPARE, out);
        return;
    }
    /* A member of before may not know yet that it is none any more. */
    const struct contact *contact = contacts_find(&c->contacts, node);
    const struct document *d = cluster_document(c);
    if (contact != NULL && contact->cluster[0] == d->cluster[0] &&
        contact->cluster[1] == d->cluster[1] && contact->lineage == d->lineage &&
        contact->epoch <= d->epoch)
        learn_tell(c, node, 0, 0, out);
}

static void on_link_down(struct cluster *c, const struct event *ev)
{
    contacts_down(&c->contacts, ev->u.link.node);
    detector_link(&c->detector, ev->u.link.node, false, ev->mono_us);
    view_build(c);
}

static void on_admin(struct cluster *c, uint64_t from, const struct talk_admin *m,
                     const struct event *ev, struct outbox *out)
{
    struct asker asker = {ASKER_NODE, from, m->seq};

    if (cluster_is_member(c, from) || staging_join(&c->staging, from) != NULL)
        admin_request(c, asker, &m->request, ev, out);
    else
        admin_refuse(c, asker, ERR_REFUSED, BYTES_LIT("the node does not wait to join here"), out);
}

/* About the own cluster. */
static void on_own(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                   const struct event *ev, struct outbox *out)
{
    switch (msg->kind) {
    case TALK_PREPARE: vote_on_prepare(c, from, &msg->u.reg, ev, out); return;
    case TALK_ACCEPT: vote_on_accept(c, from, &msg->u.reg, ev, out); return;
    case TALK_PROMISE:
    case TALK_ACCEPTED:
    case TALK_REFUSED: proposer_on_vote(c, from, msg->kind, &msg->u.reg, ev, out); return;
    case TALK_PULL: learn_on_pull(c, from, &msg->u.document, out); return;
    case TALK_DOCUMENT: learn_on_document(c, from, msg, ev, out); return;
    case TALK_STORED: learn_on_stored(c, from, &msg->u.document); return;
    case TALK_GOSSIP: gossip_on(c, from, &msg->u.gossip, ev, out); return;
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK: gossip_on_probe(c, from, msg, ev, out); return;
    case TALK_JOIN: join_on_wish(c, from, &msg->u.join, out); return;
    case TALK_FENCE: commit_on_fence(c, from, &msg->u.fence, out); return;
    case TALK_FENCED: commit_on_fenced(c, from, &msg->u.fenced, ev, out); return;
    case TALK_ADMIN: on_admin(c, from, &msg->u.admin, ev, out); return;
    case TALK_ADMIN_ANSWER: relay_on_answer(c, &msg->u.admin_answer, out); return;
    case TALK_JOIN_ANSWER: return;
    }
    UNREACHABLE();
}

/* About the cluster that this node waits to join. */
static void on_theirs(struct cluster *c, uint64_t from, const struct peer_cluster *msg,
                      const struct event *ev, struct outbox *out)
{
    switch (msg->kind) {
    case TALK_JOIN_ANSWER: join_on_answer(c, from, &msg->u.join_answer, ev, out); return;
    case TALK_ADMIN_ANSWER: relay_on_answer(c, &msg->u.admin_answer, out); return;
    case TALK_FENCE: join_on_fence(c, from, &msg->u.fence, out); return;
    case TALK_DOCUMENT: join_on_document(c, from, &msg->u.document, ev, out); return;
    case TALK_PREPARE:
    case TALK_PROMISE:
    case TALK_ACCEPT:
    case TALK_ACCEPTED:
    case TALK_REFUSED:
    case TALK_PULL:
    case TALK_STORED:
    case TALK_GOSSIP:
    case TALK_PING:
    case TALK_PING_FOR:
    case TALK_ACK:
    case TALK_NACK:
    case TALK_JOIN:
    case TALK_FENCED:
    case TALK_ADMIN: return;
    }
    UNREACHABLE();
}

static void on_peer(struct cluster *c, const struct event *ev, struct outbox *out)
{
    const struct peer_cluster *msg = &ev->u.peer.msg->u.cluster;
    const struct document *d = cluster_document(c);

    ASSERT(ev->u.peer.msg->kind == PEER_CLUSTER);
    /* A node that left may wait to join the same cluster again. */
    if (join_concerns(&c->joiner, msg))
        on_theirs(c, ev->u.peer.from, msg, ev, out);
    else if (msg->cluster[0] == d->cluster[0] && msg->cluster[1] == d->cluster[1] &&
             msg->lineage == d->lineage)
        on_own(c, ev->u.peer.from, msg, ev, out);
}

static void on_stored(struct cluster *c, const struct event *ev, struct outbox *out)
{
    bool settled = c->vault.stable >= c->first_stable;
    const struct document *d = cluster_document(c);

    vault_stored(c, ev, out);
    if (c->vault.stable >= c->vault.generation)
        cluster_note_stored(c, c->self, d->epoch, d->hash);
    if (!settled && c->vault.stable >= c->first_stable) {
        view_build(c);
        proposer_hurry(&c->proposer, ev);
    }
}

/* What is due, and what the step has made due. */
static void after(struct cluster *c, const struct event *ev, struct outbox *out)
{
    proposer_tick(c, ev, out);
    commit_tick(c, ev, out);
    vote_tick(c, ev, out);
    learn_tick(c, ev, out);
    join_tick(c, ev, out);
    relay_tick(c, ev, out);
    self_tick(c, ev, out);
    moves_tick(c, ev, out);
    gossip_tick(c, ev, out);
    vault_flush(c, ev, out);
}

void cluster_step(struct cluster *c, const struct event *ev, struct outbox *out)
{
    ASSERT(c->self != 0);
    switch (ev->kind) {
    case EV_GONE: return; /* what was asked for is done all the same */
    case EV_TIME: break;
    case EV_LINK_UP: on_link_up(c, ev, out); break;
    case EV_LINK_DOWN: on_link_down(c, ev); break;
    case EV_DIAL_FAILED: join_on_dial_failed(c, ev, out); break;
    case EV_PEER: on_peer(c, ev, out); break;
    case EV_STORED: on_stored(c, ev, out); break;
    case EV_START:
    case EV_OPENED:
    case EV_BYTES:
    case EV_WRITABLE:
    case EV_CLOSED:
    case EV_HOST:
    case EV_STOP:
    case EV_REPLY:
    case EV_MORE:
    case EV_DEADLINE:
    case EV_APPLIED:
    case EV_COMMITTED: UNREACHABLE();
    }
    after(c, ev, out);
}

void cluster_request(struct cluster *c, struct asker asker, const struct request *request,
                     const struct event *ev, struct outbox *out)
{
    struct edit edit = {
        .kind = EDIT_PROPS,
        .type = request->key.type,
        .bucket = request->key.bucket,
    };

    ASSERT(request->kind == REQUEST_ADMIN || request->kind == REQUEST_SET_PROPS);
    if (request->kind == REQUEST_ADMIN) {
        admin_request(c, asker, &request->u.admin, ev, out);
    } else if (join_waits(&c->joiner)) {
        admin_refuse(c, asker, ERR_REFUSED, BYTES_LIT("this node waits to join another cluster"),
                     out);
    } else {
        edit.verb = request->u.props.verb;
        edit.overlay = request->u.props.overlay;
        proposer_submit(c, &edit, OWNER_ASKER, asker, ev, out);
    }
    after(c, ev, out);
}

/* ---- what others look at ---- */

const struct view *cluster_view(const struct cluster *c)
{
    return &c->view;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t cluster_deadline_us(const struct cluster *c)
{
    uint64_t at = vault_deadline_us(&c->vault);

    if (c->self == 0)
        return UINT64_MAX;
    at = sooner(at, proposer_deadline_us(&c->proposer));
    at = sooner(at, commit_deadline_us(&c->commit));
    at = sooner(at, joiner_deadline_us(&c->joiner));
    at = sooner(at, relay_deadline_us(&c->relays));
    at = sooner(at, moves_deadline_us(c));
    at = sooner(at, detector_deadline_us(&c->detector));
    at = sooner(at, learn_deadline_us(c));
    if (c->self_us != 0)
        at = sooner(at, c->self_us);
    if (c->resolve_us != 0)
        at = sooner(at, c->resolve_us);
    return at;
}

bool cluster_ready(const struct cluster *c)
{
    return c->view.document != NULL && c->view.self_index != RING_NOBODY;
}

void cluster_hello(const struct cluster *c, struct peer_hello *ret_hello)
{
    const struct document *d = cluster_document(c);

    *ret_hello = (struct peer_hello){
        .node = c->self,
        .name = text_bytes(&c->name),
        .address = text_bytes(&c->address),
    };
    if (d == NULL)
        return;
    ret_hello->cluster[0] = d->cluster[0];
    ret_hello->cluster[1] = d->cluster[1];
    ret_hello->lineage = d->lineage;
    ret_hello->epoch = d->epoch;
}

bool cluster_admits(const struct cluster *c, uint64_t node)
{
    return cluster_is_member(c, node);
}

bool cluster_freezing(const struct cluster *c, uint64_t mono_us)
{
    const struct document *d = cluster_document(c);
    (void)mono_us;

    return d != NULL && (d->preparing != 0 || join_waits(&c->joiner));
}

bool cluster_frozen(const struct cluster *c, uint32_t partition, uint64_t mono_us)
{
    const uint8_t *holds = c->facts.holds;

    if (!cluster_freezing(c, mono_us))
        return false;
    return holds == NULL || (holds[partition / 8] >> partition % 8 & 1) == 0;
}

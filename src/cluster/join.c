/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/join.h"

#include "base/check.h"
#include "cluster/cluster_int.h"

void joiner_done(struct joiner *j)
{
    document_free(j->document);
    *j = (struct joiner){.state = JOINER_NONE};
}

static void joiner_check(const struct joiner *j)
{
    ASSERT(j->state < JOINER_ASK || j->peer != 0);
    ASSERT(j->state < JOINER_ASK || (j->cluster[0] | j->cluster[1]) != 0);
    ASSERT(j->state == JOINER_WAIT || j->fenced_epoch == 0);
    ASSERT((j->fenced_epoch == 0) == (j->fenced_plan == 0));
    ASSERT(j->state == JOINER_NONE || j->address.len > 0);
}

static void enter(struct joiner *j, enum joiner_state state)
{
    static const uint8_t moves[] = {
        [JOINER_NONE] = 1 << JOINER_DIAL | 1 << JOINER_ASK,
        [JOINER_DIAL] = 1 << JOINER_ASK | 1 << JOINER_NONE,
        [JOINER_ASK] = 1 << JOINER_SAVE | 1 << JOINER_NONE,
        [JOINER_SAVE] = 1 << JOINER_WAIT | 1 << JOINER_NONE,
        [JOINER_WAIT] = 1 << JOINER_NONE,
    };

    ASSERT((moves[j->state] >> state & 1) != 0);
    j->state = state;
    joiner_check(j);
}

bool join_waits(const struct joiner *j)
{
    return j->state >= JOINER_ASK;
}

bool join_concerns(const struct joiner *j, const struct peer_cluster *msg)
{
    return j->state >= JOINER_ASK && msg->cluster[0] == j->cluster[0] &&
           msg->cluster[1] == j->cluster[1] && msg->lineage == j->lineage;
}

static struct peer_cluster about(const struct cluster *c, enum cluster_talk kind)
{
    return (struct peer_cluster){.kind = kind,
                                 .cluster = {c->joiner.cluster[0], c->joiner.cluster[1]},
                                 .lineage = c->joiner.lineage};
}

struct peer_cluster *join_say(const struct cluster *c, uint64_t to, enum cluster_talk kind,
                              struct outbox *out)
{
    struct peer_msg *msg = outbox_send(out, to, PEER_CLUSTER);

    ASSERT(c->joiner.state >= JOINER_ASK);
    msg->u.cluster = about(c, kind);
    return &msg->u.cluster;
}

/* Gives the wish up: the node is as it was. */
static void give_up(struct cluster *c, enum err err, struct bytes why, struct outbox *out)
{
    struct joiner *j = &c->joiner;
    bool saved = j->state >= JOINER_SAVE;
    bool asked = j->state != JOINER_WAIT;
    struct asker asker = j->asker;
    struct bytes text = arena_copy(&out->arena, why);

    enter(j, JOINER_NONE);
    joiner_done(j);
    if (saved)
        vault_touch(c, ROW_JOIN);
    if (asked)
        admin_refuse(c, asker, err, text, out);
    contacts_wish(c, out);
}

/* ---- at the node that joins: the start ---- */

static const char *unfit(const struct cluster *c, struct bytes target)
{
    const struct document *d = cluster_document(c);
    bool member = cluster_is_member(c, c->self);

    if (join_waits(&c->joiner) || c->joiner.state == JOINER_DIAL)
        return "This node already waits to join a cluster";
    if (member && d->members_count > 1)
        return "This node is already a member of a cluster";
    if (!member && c->active < d->epoch)
        return "It is not known yet that the members of its former cluster can do without this "
               "node. Try again in a few moments";
    if (c->facts.holds_any)
        return "This node holds objects, which would be lost. To throw them away and join, start "
               "it with --discard-data";
    if (staging_size(&c->staging) > 0 || d->preparing != 0 || c->commit.state != COMMIT_IDLE)
        return "Changes of this node's own cluster are staged: clear them first";
    if (bytes_eq(target, text_bytes(&c->address)))
        return "This node cannot join itself in a cluster";
    return NULL;
}

static void send_wish(struct cluster *c, uint64_t to, enum join_wish wish, struct outbox *out)
{
    struct joiner *j = &c->joiner;
    struct peer_cluster *msg = join_say(c, to, TALK_JOIN, out);

    j->seq = random_u64(&c->random);
    msg->u.join = (struct talk_join){
        .seq = j->seq,
        .wish = wish,
        .name = text_bytes(&c->name),
        .address = text_bytes(&c->address),
        .location = c->config->location,
        .weight = c->config->weight,
        .fenced = j->fenced_epoch,
    };
}

static bool is_own(const struct cluster *c, const uint64_t cluster[2])
{
    const struct document *d = cluster_document(c);

    return cluster[0] == d->cluster[0] && cluster[1] == d->cluster[1];
}

static const char *unfit_peer(const struct cluster *c, const struct contact *contact)
{
    if ((contact->cluster[0] | contact->cluster[1]) == 0)
        return "That node has no cluster yet. Try again in a few moments";
    if (contact->node == c->self)
        return "This node cannot join itself in a cluster";
    if (is_own(c, contact->cluster) && cluster_is_member(c, c->self))
        return "That node has left this node's own cluster: let it join instead";
    return NULL;
}

static void ask(struct cluster *c, const struct contact *contact, const struct event *ev,
                struct outbox *out)
{
    struct joiner *j = &c->joiner;
    const char *why = unfit_peer(c, contact);

    if (why != NULL) {
        give_up(c, ERR_REFUSED, bytes_str(why), out);
        return;
    }
    j->peer = contact->node;
    memcpy(j->cluster, contact->cluster, sizeof(j->cluster));
    j->lineage = contact->lineage;
    enter(j, JOINER_ASK);
    j->deadline_us = ev->mono_us + cluster_wait_us(c, DIAL_WAITS);
    contacts_wish(c, out);
    send_wish(c, j->peer, JOIN_STAGE, out);
}

void join_start(struct cluster *c, struct asker asker, const struct admin_request *request,
                const struct event *ev, struct outbox *out)
{
    struct joiner *j = &c->joiner;
    const char *why = unfit(c, request->target);

    if (why != NULL) {
        admin_refuse(c, asker, ERR_REFUSED, bytes_str(why), out);
        return;
    }
    if (request->target.len == 0 || !text_set(&j->address, request->target)) {
        admin_refuse(c, asker, ERR_BAD_REQUEST, BYTES_LIT("no HOST:PORT of a member is given"),
                     out);
        return;
    }
    if (request->dry_run) {
        admin_answer(c, asker, out);
        return;
    }
    j->asker = asker;
    enter(j, JOINER_DIAL);
    j->deadline_us = ev->mono_us + cluster_wait_us(c, DIAL_WAITS);
    const struct contact *contact = contacts_at(&c->contacts, request->target);
    if (contact != NULL) {
        ask(c, contact, ev, out);
        return;
    }
    outbox_add(out, OUT_DIAL)->u.peer.address = arena_copy(&out->arena, request->target);
}

void join_on_link(struct cluster *c, const struct event *ev, struct outbox *out)
{
    const struct event_link *link = &ev->u.link;
    const struct contact *contact = contacts_find(&c->contacts, link->node);

    if (c->joiner.state == JOINER_DIAL && contact != NULL &&
        bytes_eq(link->dialed, text_bytes(&c->joiner.address)))
        ask(c, contact, ev, out);
}

void join_on_dial_failed(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct buf why;

    if (c->joiner.state != JOINER_DIAL ||
        !bytes_eq(ev->u.dial_failed, text_bytes(&c->joiner.address)))
        return;
    buf_init(&why, REASON_BYTES_MAX);
    buf_put_str(&why, "Node ");
    buf_put(&why, text_bytes(&c->joiner.address));
    buf_put_str(&why, " is not reachable!");
    give_up(c, ERR_UNREACHABLE, buf_bytes(&why), out);
    buf_done(&why);
}

/* ---- at the node that joins: what members say ---- */

/* Whether the document makes this node a member. One that names it although no fence was answered
 * is older than a leave, from a member that is behind: to vote by it again could decide an epoch
 * twice. */
static bool is_admission(const struct joiner *j, const struct document *document, uint64_t self)
{
    int at = document_member(document, self);

    return at >= 0 && member_serves(&document->members[at]) && j->fenced_epoch != 0 &&
           document->epoch > j->fenced_epoch;
}

/* A newer document of the other cluster: this node is in it, or learns how it stands. */
static void take(struct cluster *c, uint64_t from, struct document *document,
                 const struct event *ev, struct outbox *out)
{
    struct joiner *j = &c->joiner;

    if ((document->cluster[0] ^ j->cluster[0]) != 0 ||
        (document->cluster[1] ^ j->cluster[1]) != 0 || document->lineage != j->lineage ||
        (j->document != NULL && j->document->epoch >= document->epoch)) {
        document_free(document);
        return;
    }
    if (is_admission(j, document, c->self) && !c->facts.holds_any) {
        cluster_move(c, document, ev, out);
        learn_confirm(c, from, out);
        return;
    }
    bool free_again = document->epoch > j->fenced_epoch && document->preparing != j->fenced_plan;
    document_free(j->document);
    j->document = document;
    if (j->fenced_epoch != 0 && free_again) {
        j->fenced_epoch = 0;
        j->fenced_plan = 0;
        vault_touch(c, ROW_JOIN);
    }
    contacts_wish(c, out);
}

void join_on_document(struct cluster *c, uint64_t from, const struct talk_document *m,
                      const struct event *ev, struct outbox *out)
{
    const struct joiner *j = &c->joiner;
    struct document *document;

    if (m->base != 0) {
        struct peer_cluster *msg = join_say(c, from, TALK_PULL, out);
        msg->u.document = (struct talk_document){.epoch = 0};
        return;
    }
    if (j->state < JOINER_SAVE || chain_read(&c->chain, 0, m->document, &document) != ERR_OK)
        return;
    take(c, from, document, ev, out);
}

static void on_staged(struct cluster *c)
{
    struct joiner *j = &c->joiner;

    if (j->state != JOINER_ASK)
        return;
    enter(j, JOINER_SAVE);
    j->generation = vault_touch(c, ROW_JOIN);
    j->deadline_us = UINT64_MAX;
}

/* Nobody remembers the wish, or it was taken back. With a fence answered only the document counts:
 * it may have been decided in the meantime. */
static void on_refused(struct cluster *c, const struct talk_join_answer *m, struct outbox *out)
{
    struct joiner *j = &c->joiner;

    if (j->state == JOINER_ASK || (j->state == JOINER_WAIT && j->fenced_epoch == 0))
        give_up(c, m->err, m->text, out);
}

void join_on_answer(struct cluster *c, uint64_t from, const struct talk_join_answer *m,
                    const struct event *ev, struct outbox *out)
{
    struct joiner *j = &c->joiner;
    struct document *document;

    if (m->seq != j->seq)
        return;
    j->seq = 0;
    if (m->err == ERR_OK)
        on_staged(c);
    if (m->document.len > 0 && j->state >= JOINER_SAVE &&
        chain_read(&c->chain, 0, m->document, &document) == ERR_OK)
        take(c, from, document, ev, out);
    if (m->err != ERR_OK && join_waits(j))
        on_refused(c, m, out);
}

void join_on_fence(struct cluster *c, uint64_t from, const struct talk_fence *m, struct outbox *out)
{
    struct joiner *j = &c->joiner;
    struct peer_cluster msg = about(c, TALK_FENCED);

    msg.u.fenced = (struct talk_fenced){.plan = m->plan, .epoch = m->epoch};
    if (j->state != JOINER_WAIT || m->plan == 0 || m->epoch == 0)
        return;
    if (c->facts.holds_any) {
        msg.u.fenced.err = ERR_REFUSED;
        cluster_send(from, &msg, NULL, out);
        return;
    }
    if (m->epoch > j->fenced_epoch) {
        j->fenced_epoch = m->epoch;
        j->fenced_plan = m->plan;
        vault_touch(c, ROW_JOIN);
        joiner_check(j);
    }
    if (m->plan == j->fenced_plan)
        vault_defer(c, from, &msg, NULL, out);
}

void join_withdraw(struct cluster *c, struct asker asker, const struct event *ev,
                   struct outbox *out)
{
    struct joiner *j = &c->joiner;
    uint64_t whom = join_whom(c);
    (void)ev;

    if (j->fenced_epoch != 0 || j->state != JOINER_WAIT) {
        admin_refuse(c, asker, ERR_BUSY, BYTES_LIT("the join is under way"), out);
        return;
    }
    /* Nobody there need hear of it: a fence finds that this node does not want any more. */
    if (whom != 0)
        send_wish(c, whom, JOIN_WITHDRAW, out);
    give_up(c, ERR_OK, BYTES_NONE, out);
    admin_answer(c, asker, out);
}

uint64_t join_whom(struct cluster *c)
{
    struct joiner *j = &c->joiner;

    if (contacts_is_up(&c->contacts, j->peer))
        return j->peer;
    if (j->document == NULL)
        return 0;
    for (uint32_t i = 0; i < j->document->members_count; i++) {
        uint64_t id = j->document->members[j->turn++ % j->document->members_count].id;
        if (contacts_is_up(&c->contacts, id))
            return id;
    }
    return 0;
}

void join_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct joiner *j = &c->joiner;

    if (j->state == JOINER_SAVE && c->vault.stable >= j->generation) {
        struct asker asker = j->asker;
        enter(j, JOINER_WAIT);
        j->deadline_us = ev->mono_us + cluster_wait_us(c, POLL_WAITS);
        admin_answer(c, asker, out);
    }
    if (j->state == JOINER_NONE || j->deadline_us > ev->mono_us)
        return;
    if (j->state != JOINER_WAIT) {
        give_up(c, ERR_TIMEOUT, BYTES_LIT("Join failed. Try again in a few moments."), out);
        return;
    }
    uint64_t whom = join_whom(c);
    j->deadline_us = ev->mono_us + cluster_wait_us(c, POLL_WAITS);
    if (whom != 0)
        send_wish(c, whom, JOIN_POLL, out);
}

uint64_t joiner_deadline_us(const struct joiner *j)
{
    return j->state == JOINER_NONE ? UINT64_MAX : j->deadline_us;
}

/* ---- at the member that is asked ---- */

static const char *unwelcome(const struct cluster *c, uint64_t from, const struct talk_join *m)
{
    const struct document *d = cluster_document(c);
    uint32_t joins = 0;

    if (!cluster_is_member(c, c->self))
        return "That node is not a member of a cluster any more";
    if (join_waits(&c->joiner) || c->joiner.state == JOINER_DIAL)
        return "That node itself waits to join another cluster";
    if (c->chain.forked)
        return "Two documents of one epoch exist there: nothing can be changed";
    if (m->name.len == 0 || m->address.len == 0)
        return "A node without a name or an address cannot join";
    if (m->weight > STAGED_WEIGHT_MAX)
        return "The weight is too large";
    for (uint32_t i = 0; i < d->members_count; i++) {
        if (d->members[i].id == from)
            return "The node was removed from that cluster, and its replicas are not all made "
                   "anew yet. Start it with --discard-data to join as another node";
        if (bytes_eq(d->members[i].name, m->name))
            return "Another member has this name";
        if (bytes_eq(d->members[i].address, m->address))
            return "Another member has this address";
    }
    for (uint32_t i = 0; i < c->staging.count; i++) {
        const struct intent *intent = &c->staging.intents[i];
        if (intent->kind != INTENT_JOIN || !staging_counts(&c->staging, i) || intent->node == from)
            continue;
        joins++;
        if (bytes_eq(intent->name, m->name) || bytes_eq(intent->address, m->address))
            return "Another node with this name or address waits to join";
    }
    if (d->members_count + joins >= NODES_MAX)
        return "A cluster has at most 1024 members";
    return NULL;
}

/* Stages the join; the reason when that cannot be. */
static const char *stage(struct cluster *c, uint64_t from, const struct talk_join *m,
                         struct outbox *out)
{
    const char *why = unwelcome(c, from, m);
    struct intent intent = {
        .tag = random_u64(&c->random) | 1,
        .kind = INTENT_JOIN,
        .node = from,
        .name = m->name,
        .address = m->address,
        .location = m->location,
        .weight = m->weight,
    };

    if (why != NULL)
        return why;
    if (staging_join(&c->staging, from) != NULL && m->wish == JOIN_POLL)
        return NULL;
    if (staging_add(&c->staging, intent) != ERR_OK)
        return "Too many changes are staged there: commit or clear them";
    c->news = true;
    contacts_wish(c, out);
    return NULL;
}

static enum err judge(struct cluster *c, uint64_t from, const struct talk_join *m,
                      const char **ret_why, struct outbox *out)
{
    *ret_why = NULL;
    if (cluster_is_member(c, from))
        return ERR_OK;
    switch (m->wish) {
    case JOIN_WITHDRAW:
        staging_withdraw(&c->staging, from);
        c->news = true;
        contacts_wish(c, out);
        return ERR_OK;
    case JOIN_POLL:
        if (staging_withdrawn(&c->staging, from)) {
            *ret_why = "The staged join was cleared";
            return ERR_REFUSED;
        }
        break;
    case JOIN_STAGE: break;
    }
    *ret_why = stage(c, from, m, out);
    return *ret_why == NULL ? ERR_OK : ERR_REFUSED;
}

void join_on_wish(struct cluster *c, uint64_t from, const struct talk_join *m, struct outbox *out)
{
    const struct document *d = cluster_document(c);
    struct peer_cluster msg = {
        .kind = TALK_JOIN_ANSWER, .cluster = {d->cluster[0], d->cluster[1]}, .lineage = d->lineage};
    const char *why;

    msg.u.join_answer.seq = m->seq;
    msg.u.join_answer.err = judge(c, from, m, &why, out);
    if (why != NULL)
        msg.u.join_answer.text = bytes_str(why);
    msg.u.join_answer.document = blob_bytes(chain_bytes(&c->chain));
    cluster_send(from, &msg, chain_bytes(&c->chain), out);
}

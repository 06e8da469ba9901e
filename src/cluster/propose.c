/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/propose.h"

#include "base/check.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

enum { START_BITS = 24 };

void proposer_init(struct proposer *p)
{
    memset(p, 0, sizeof(*p));
    list_init(&p->jobs);
}

static struct job *first(const struct proposer *p)
{
    return list_empty(&p->jobs) ? NULL : CONTAINER_OF(p->jobs.next, struct job, node);
}

static void job_free(struct job *job)
{
    list_remove(&job->node);
    arena_done(&job->arena);
    mem_free(job);
}

void proposer_done(struct proposer *p)
{
    while (!list_empty(&p->jobs))
        job_free(first(p));
    if (p->state == PROPOSER_PREPARE || p->state == PROPOSER_ACCEPT)
        proposal_done(&p->proposal);
}

bool proposer_has(const struct proposer *p, enum edit_kind kind)
{
    LIST_EACH(node, &p->jobs)
        if (CONTAINER_OF(node, struct job, node)->edit.kind == kind)
            return true;
    return false;
}

static bool may(enum proposer_state from, enum proposer_state to)
{
    static const uint8_t moves[] = {
        [PROPOSER_IDLE] = 1 << PROPOSER_PREPARE | 1 << PROPOSER_BACKOFF,
        [PROPOSER_PREPARE] = 1 << PROPOSER_ACCEPT | 1 << PROPOSER_BACKOFF | 1 << PROPOSER_IDLE |
                             1 << PROPOSER_SPREAD | 1 << PROPOSER_PREPARE,
        [PROPOSER_ACCEPT] = 1 << PROPOSER_SPREAD | 1 << PROPOSER_BACKOFF | 1 << PROPOSER_IDLE |
                            1 << PROPOSER_PREPARE,
        [PROPOSER_SPREAD] = 1 << PROPOSER_IDLE,
        [PROPOSER_BACKOFF] = 1 << PROPOSER_PREPARE | 1 << PROPOSER_SPREAD | 1 << PROPOSER_IDLE |
                             1 << PROPOSER_BACKOFF,
    };

    return (moves[from] >> to & 1) != 0;
}

static bool votes(enum proposer_state state)
{
    return state == PROPOSER_PREPARE || state == PROPOSER_ACCEPT;
}

static void proposer_check(const struct proposer *p)
{
    const struct job *job = first(p);

    ASSERT(p->state == PROPOSER_IDLE || job != NULL);
    ASSERT(p->state != PROPOSER_ACCEPT || p->proposal.value != NULL);
    ASSERT(p->state != PROPOSER_SPREAD || job->epoch != 0);
    ASSERT(p->jobs_count <= EDITS_MAX);
    ASSERT((p->jobs_count == 0) == (job == NULL));
}

static void enter(struct proposer *p, enum proposer_state state)
{
    ASSERT(may(p->state, state));
    if (votes(p->state) && state != PROPOSER_ACCEPT)
        proposal_done(&p->proposal);
    p->state = state;
    proposer_check(p);
}

/* ---- the end of a change ---- */

static void begin(struct cluster *c, const struct event *ev, struct outbox *out);

static void tell(struct cluster *c, const struct job *job, enum err err, struct bytes why,
                 const struct event *ev, struct outbox *out)
{
    switch (job->owner) {
    case OWNER_ASKER:
        if (err == ERR_OK) {
            outbox_reply(out, job->asker, REPLY_DONE);
        } else {
            outbox_error(out, job->asker, err, 0, 0);
            out->items[out->count - 1].u.reply.reply.text = arena_copy(&out->arena, why);
        }
        return;
    case OWNER_COMMIT: commit_on_edit(c, job->edit.kind, err, why, ev, out); return;
    case OWNER_NOBODY: return;
    }
    UNREACHABLE();
}

/* The first job is over; the next one begins. */
static void finish(struct cluster *c, enum err err, struct bytes why, const struct event *ev,
                   struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = first(p);

    ASSERT(job != NULL);
    if (p->state != PROPOSER_IDLE)
        enter(p, PROPOSER_IDLE);
    list_remove(&job->node);
    p->jobs_count--;
    tell(c, job, err, why, ev, out);
    job_free(job);
    if (p->state == PROPOSER_IDLE && !list_empty(&p->jobs))
        begin(c, ev, out);
}

static void put_silent(const struct cluster *c, struct buf *why)
{
    const struct proposal *proposal = &c->proposer.proposal;
    const char *comma = " (no answer from ";

    for (uint32_t i = 0; i < proposal->voters_count; i++) {
        if (!proposal_waits(proposal, i))
            continue;
        buf_put_str(why, comma);
        cluster_put_name(c, proposal->voters[i], why);
        comma = ", ";
    }
    if (comma[0] == ',')
        buf_put_u8(why, ')');
}

/* The time is over. Whether it may yet be done depends on whether a voter was offered a value. */
static void give_up(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = first(p);
    bool spread = p->state == PROPOSER_SPREAD;
    bool unknown = spread || job->doubt || job->epoch != 0;
    struct buf why;

    buf_init(&why, REASON_BYTES_MAX);
    if (spread)
        buf_put_str(&why, "it is decided, but a majority of the voters has not stored it yet");
    else if (unknown)
        buf_put_str(&why, "a majority of the voters did not answer in time; it may yet be done");
    else
        buf_put_str(&why, "a majority of the voters cannot be reached; nothing was changed");
    if (votes(p->state))
        put_silent(c, &why);
    finish(c, unknown ? ERR_TIMEOUT : ERR_UNREACHABLE, buf_bytes(&why), ev, out);
    buf_done(&why);
}

/* ---- ballots ---- */

/* Rivals that outbid each other wait longer each time, by chance; a majority that does not answer
 * is asked again soon. */
static void back_off(struct cluster *c, bool outbid, const struct event *ev)
{
    struct proposer *p = &c->proposer;
    uint64_t most_us = cluster_wait_us(c, BACKOFF_WAITS_MAX);
    uint64_t wait_us = cluster_wait_us(c, 1) / 8;

    if (outbid)
        wait_us <<= p->conflicts < 8 ? p->conflicts++ : 8;
    if (wait_us > most_us)
        wait_us = most_us;
    enter(p, PROPOSER_BACKOFF);
    p->wait_us = ev->mono_us + wait_us / 2 + random_below(&c->random, wait_us + 1);
}

/* Sends the phase's question to the voters that owe an answer. */
static void ask(struct cluster *c, uint64_t only, struct outbox *out)
{
    const struct proposer *p = &c->proposer;
    bool accept = p->state == PROPOSER_ACCEPT;
    struct peer_cluster msg = {.kind = accept ? TALK_ACCEPT : TALK_PREPARE};

    msg.cluster[0] = cluster_document(c)->cluster[0];
    msg.cluster[1] = cluster_document(c)->cluster[1];
    msg.lineage = cluster_document(c)->lineage;
    msg.u.reg.epoch = p->proposal.epoch;
    msg.u.reg.ballot = p->proposal.ballot;
    if (accept)
        msg.u.reg.document = blob_bytes(p->proposal.value);
    for (uint32_t i = 0; i < p->proposal.voters_count; i++) {
        uint64_t to = p->proposal.voters[i];
        if (proposal_waits(&p->proposal, i) && (only == 0 || only == to))
            cluster_send(to, &msg, accept ? p->proposal.value : NULL, out);
    }
}

static void prepare(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    const struct document *d = cluster_document(c);
    uint64_t voters[VOTERS_MAX];
    uint32_t count = cluster_voters(c, voters);

    ASSERT(c->vault.stable >= c->first_stable);
    ASSERT(cluster_is_member(c, c->self));
    uint64_t start = c->starts & ((UINT64_C(1) << START_BITS) - 1);
    struct ballot ballot = {++p->round << START_BITS | start, c->self};
    enter(p, PROPOSER_PREPARE);
    proposal_begin(&p->proposal, d->epoch + 1, ballot, voters, count);
    p->wait_us = ev->mono_us + cluster_wait_us(c, PHASE_WAITS);
    p->helped = 0;
    ask(c, 0, out);
}

/* Starts a ballot for the first job on the newest document, or says why there can be none. */
static void begin(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    const struct document *d = cluster_document(c);

    if (!cluster_is_member(c, c->self)) {
        finish(c, ERR_REFUSED, BYTES_LIT("this node is not a member of its cluster"), ev, out);
        return;
    }
    if (c->chain.forked) {
        finish(c, ERR_REFUSED,
               BYTES_LIT("two documents of one epoch exist: nothing can be changed"), ev, out);
        return;
    }
    if (c->vault.stable < c->first_stable) {
        /* The start counts in ballots and is not on stable storage yet. */
        enter(p, PROPOSER_BACKOFF);
        p->wait_us = ev->mono_us + cluster_wait_us(c, 1);
        return;
    }
    if (p->epoch != d->epoch + 1) {
        p->epoch = d->epoch + 1;
        p->round = 0;
        p->conflicts = 0;
    }
    prepare(c, ev, out);
}

void proposer_submit(struct cluster *c, const struct edit *edit, enum edit_owner owner,
                     struct asker asker, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = mem_new(sizeof(*job));

    list_init(&job->node);
    arena_init(&job->arena);
    job->edit = edit_copy(&job->arena, edit);
    job->owner = owner;
    job->asker = asker;
    job->deadline_us = ev->mono_us + cluster_wait_us(c, EDIT_WAITS);
    if (p->jobs_count == EDITS_MAX) {
        tell(c, job, ERR_OVERLOAD, BYTES_LIT("too many changes are waiting"), ev, out);
        job_free(job);
        return;
    }
    list_append(&p->jobs, &job->node);
    p->jobs_count++;
    if (p->state == PROPOSER_IDLE && p->jobs_count == 1)
        begin(c, ev, out);
}

/* ---- votes ---- */

/* Whether the voters after this one could decide anything: a majority of those that the next
 * document names can be reached. It is asked only where they change, and of what is believed here;
 * safety does not depend on it. */
static bool can_vote(const struct cluster *c, const struct document *next, struct buf *why)
{
    uint32_t voters = 0, reached = 0, fresh = 0;

    for (uint32_t i = 0; i < next->members_count; i++) {
        uint64_t id = next->members[i].id;
        if (!next->members[i].votes)
            continue;
        voters++;
        fresh += !cluster_votes(c, id);
        reached += cluster_is_member(c, id) ? detector_reaches(&c->detector, id)
                                            : contacts_is_up(&c->contacts, id);
    }
    if (fresh == 0 || reached > voters / 2)
        return true;
    buf_put_str(why, "a majority of those who would vote then cannot be reached");
    return false;
}

/* A majority has promised, and none of it has accepted anything: the edit may put its value
 * there. */
static void choose_own(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = first(p);
    struct document *next = NULL;
    struct buf why;

    buf_init(&why, REASON_BYTES_MAX);
    enum err err = edit_apply(&job->edit, cluster_document(c), &next, &why);
    if (next != NULL && !can_vote(c, next, &why))
        err = ERR_UNREACHABLE;
    if (next == NULL || err != ERR_OK) {
        document_free(next);
        finish(c, err, buf_bytes(&why), ev, out);
    } else {
        struct blob *value = chain_encode(next);
        ASSERT(next->epoch == p->proposal.epoch);
        ASSERT(next->previous == cluster_document(c)->hash);
        job->epoch = next->epoch;
        job->hash = next->hash;
        proposal_choose(&p->proposal, value);
        blob_unref(value);
        document_free(next);
    }
    buf_done(&why);
}

static void on_majority(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;

    ASSERT(p->state == PROPOSER_PREPARE);
    ASSERT(p->proposal.epoch == cluster_document(c)->epoch + 1);
    const struct job *job = first(p);
    if (proposal_found(&p->proposal))
        proposal_choose(&p->proposal, NULL);
    else
        choose_own(c, ev, out);
    if (p->state != PROPOSER_PREPARE || first(p) != job || p->proposal.phase != PROPOSAL_ACCEPT)
        return;
    enter(p, PROPOSER_ACCEPT);
    p->wait_us = ev->mono_us + cluster_wait_us(c, PHASE_WAITS);
    p->helped = 0;
    ask(c, 0, out);
}

static void on_decided(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct document *next;

    enum err err = chain_read(&c->chain, 0, blob_bytes(p->proposal.value), &next);
    if (err != ERR_OK || chain_judge(&c->chain, next) != CHAIN_NEWER) {
        /* Voters accept only what continues their document, which is ours: they run another
         * release, or lie. */
        if (err == ERR_OK)
            document_free(next);
        finish(c, ERR_VERSION, BYTES_LIT("what was decided cannot be read here"), ev, out);
        return;
    }
    cluster_adopt(c, next, ev, out);
}

/* A voter does not know the epoch before: it is told, and asked once more. */
static void help_behind(struct cluster *c, uint64_t voter, uint64_t known, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    const struct document *d = cluster_document(c);

    for (uint32_t i = 0; i < p->proposal.voters_count; i++) {
        if (p->proposal.voters[i] != voter || known >= d->epoch || (p->helped >> i & 1) != 0)
            continue;
        p->helped |= 1u << i;
        learn_tell(c, voter, known, 0, out);
        ask(c, voter, out);
    }
}

void proposer_on_vote(struct cluster *c, uint64_t from, enum cluster_talk kind,
                      const struct talk_register *m, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;

    if (!votes(p->state))
        return;
    if (kind == TALK_PROMISE) {
        struct blob *value = m->document.len == 0 ? NULL : blob_copy(m->document);
        proposal_promise(&p->proposal, from, m->epoch, m->ballot, m->other, value);
        blob_unref(value);
    } else if (kind == TALK_ACCEPTED) {
        proposal_accepted(&p->proposal, from, m->epoch, m->ballot);
    } else if (!ballot_is_none(m->other)) {
        proposal_outbid(&p->proposal, from, m->epoch, m->ballot, m->other);
    } else if (m->epoch == p->proposal.epoch) {
        help_behind(c, from, m->known, out);
    }
    switch (p->proposal.phase) {
    case PROPOSAL_PREPARE:
    case PROPOSAL_ACCEPT: return;
    case PROPOSAL_CHOOSE: on_majority(c, ev, out); return;
    case PROPOSAL_DECIDED: on_decided(c, ev, out); return;
    case PROPOSAL_LOST:
        outbox_trace(out, TRACE_BALLOT_CONFLICT, 0, 0, 0);
        if (p->round < p->proposal.highest.counter >> START_BITS)
            p->round = p->proposal.highest.counter >> START_BITS;
        back_off(c, true, ev);
        return;
    }
    UNREACHABLE();
}

/* ---- the epoch moved on ---- */

/* Whether the value that the job offered was decided; `doubt` when that can no longer be known. */
static bool is_done(const struct cluster *c, struct job *job)
{
    const struct document *d = cluster_document(c);

    if (job->epoch == 0)
        return false;
    bool own = chain_has(&c->chain, job->epoch, job->hash) ||
               (d->epoch == job->epoch + 1 && d->previous == job->hash);
    if (!own && d->epoch >= job->epoch) {
        bool lost = d->epoch <= job->epoch + 1;
        job->doubt = job->doubt || !lost;
        job->epoch = 0;
    }
    return own;
}

/* Whether a document has a member, one that serves. */
static bool serves_in(const struct document *d, uint64_t id)
{
    int at = document_member(d, id);

    return at >= 0 && member_serves(&d->members[at]);
}

/* Who is no member any more learns that the others can do without it. */
static void release_leavers(struct cluster *c, struct outbox *out)
{
    const struct document *now = c->chain.links[0].document;
    const struct document *before = c->chain.count > 1 ? c->chain.links[1].document : now;

    for (uint32_t i = 0; i < before->members_count; i++) {
        uint64_t id = before->members[i].id;
        if (!serves_in(now, id) && id != c->self)
            learn_tell(c, id, before->epoch, before->hash, out);
    }
}

/* Tells the members of this epoch and those of the one before. Who was none before has nothing that
 * a delta could be applied to. */
static void spread(struct cluster *c, struct outbox *out)
{
    const struct document *now = c->chain.links[0].document;
    const struct document *before = c->chain.count > 1 ? c->chain.links[1].document : now;

    for (uint32_t i = 0; i < now->members_count; i++) {
        uint64_t id = now->members[i].id;
        bool known = serves_in(before, id);
        if (id != c->self && member_serves(&now->members[i]))
            learn_tell(c, id, known ? before->epoch : 0, before->hash, out);
    }
    release_leavers(c, out);
}

void proposer_on_epoch(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = first(p);

    if (p->state == PROPOSER_SPREAD) {
        /* Who decided this one has read the one before from a majority of its voters. */
        finish(c, ERR_OK, BYTES_NONE, ev, out);
        return;
    }
    if (p->state == PROPOSER_IDLE)
        return;
    if (is_done(c, job)) {
        enter(p, PROPOSER_SPREAD);
        p->patient = true;
        p->wait_us = ev->mono_us + cluster_wait_us(c, SPREAD_WAITS);
        spread(c, out);
        proposer_tick(c, ev, out);
        return;
    }
    begin(c, ev, out);
}

void proposer_abandon(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;

    while (!list_empty(&p->jobs)) {
        struct job *job = first(p);
        if (p->state != PROPOSER_IDLE)
            enter(p, PROPOSER_IDLE);
        list_remove(&job->node);
        p->jobs_count--;
        tell(c, job, ERR_REFUSED, BYTES_LIT("this node has joined another cluster"), ev, out);
        job_free(job);
    }
}

void proposer_on_link(struct cluster *c, uint64_t node, struct outbox *out)
{
    if (votes(c->proposer.state))
        ask(c, node, out);
}

void proposer_hurry(struct proposer *p, const struct event *ev)
{
    if (p->state == PROPOSER_BACKOFF && p->conflicts == 0)
        p->wait_us = ev->mono_us;
}

/* Stored by a majority of the new voters, and by all members that can be reached unless they are
 * slow. */
static bool is_spread(const struct cluster *c)
{
    const struct document *d = cluster_document(c);

    if (c->active < d->epoch)
        return false;
    for (uint32_t i = 0; i < d->members_count; i++) {
        bool late = !cluster_has_stored(c, i);
        if (late && c->proposer.patient && detector_reaches(&c->detector, d->members[i].id))
            return false;
    }
    return true;
}

void proposer_tick(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct proposer *p = &c->proposer;
    struct job *job = first(p);

    if (p->state == PROPOSER_IDLE)
        return;
    ASSERT(job != NULL);
    if (p->state == PROPOSER_SPREAD && p->wait_us <= ev->mono_us) {
        p->patient = false;
        p->wait_us = UINT64_MAX;
    }
    if (p->state == PROPOSER_SPREAD && is_spread(c)) {
        release_leavers(c, out);
        finish(c, ERR_OK, BYTES_NONE, ev, out);
        return;
    }
    if (job->deadline_us <= ev->mono_us) {
        give_up(c, ev, out);
        return;
    }
    if (p->wait_us > ev->mono_us)
        return;
    switch (p->state) {
    case PROPOSER_IDLE:
    case PROPOSER_SPREAD: return;
    case PROPOSER_PREPARE:
    case PROPOSER_ACCEPT: back_off(c, false, ev); return;
    case PROPOSER_BACKOFF: begin(c, ev, out); return;
    }
    UNREACHABLE();
}

uint64_t proposer_deadline_us(const struct proposer *p)
{
    const struct job *job = first(p);

    if (p->state == PROPOSER_IDLE)
        return UINT64_MAX;
    return p->wait_us < job->deadline_us ? p->wait_us : job->deadline_us;
}

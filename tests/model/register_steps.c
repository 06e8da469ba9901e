/* SPDX-License-Identifier: Apache-2.0 */
/* All that may happen next in a world of the register. */
#include "base/check.h"
#include "register_world.h"

struct search_step {
    const struct register_rules *rules;
    const struct register_state *from;
    void (*visit)(void *context, struct register_step step, const struct register_state *next);
    void *context;
};

static void visit(const struct search_step *s, enum register_step_kind kind, uint8_t who,
                  uint32_t message, struct register_state *next)
{
    struct register_step step = {.kind = (uint8_t)kind, .who = who, .message = message};

    register_settle(s->rules, next);
    if (memcmp(next, s->from, sizeof(*next)) != 0)
        s->visit(s->context, step, next);
}

static void persist(const struct search_step *s, struct register_state *next, uint8_t node)
{
    if (!s->rules->reply_early)
        next->disk[node] = next->mind[node];
}

/* ---- voters ---- */

/* Whether a node answers what it is asked by the rules of this world, before it looks at ballots.
 * Nobody accepts a document that does not follow its own. */
static bool heeds(const struct search_step *s, struct acceptor *a, struct voter_state *v,
                  uint8_t node, const struct message *m)
{
    bool accept = m->kind == SENT_ACCEPT;
    uint8_t base = accept ? document_before(m->epoch, m->document) : m->document;

    if (v->epoch == 0)
        return false;
    if (s->rules->vote_ahead && m->epoch > a->epoch && has_vote(s->rules, base, node)) {
        acceptor_advance(a, m->epoch, true);
        v->document = 0;
        return true;
    }
    if (s->rules->strangers && !accept)
        a->votes = true;
    return !accept || m->epoch != a->epoch || base == v->document ||
           (s->rules->vote_ahead && v->document == 0);
}

/* A node hears a PREPARE or an ACCEPT. */
static void step_hear(const struct search_step *s, uint8_t node, uint32_t code)
{
    struct register_state next = *s->from;
    struct voter_state *v = &next.mind[node];
    struct message m = message_of(code);
    struct acceptor a;
    bool accept = m.kind == SENT_ACCEPT;

    voter_load(s->rules, v, node, &a);
    if (!heeds(s, &a, v, node, &m))
        return;
    uint8_t before = v->accepted, value = document_of(a.value);
    struct ballot ballot = ballot_of(m.ballot);
    enum vote vote = accept ? acceptor_accept(&a, m.epoch, ballot, document_blob(m.document))
                            : acceptor_prepare(&a, m.epoch, ballot);
    if (vote != VOTE_YES)
        return;
    if (v->epoch != a.epoch)
        before = value = 0;
    voter_store(v, &a);
    persist(s, &next, node);
    say(&next, (struct message){.kind = accept ? SENT_ACCEPTED : SENT_PROMISE,
                                .epoch = m.epoch,
                                .document = accept ? 0 : value,
                                .voter = node,
                                .other = accept ? 0 : before,
                                .ballot = m.ballot});
    visit(s, RSTEP_HEAR, node, code, &next);
}

static void step_disk(const struct search_step *s, uint8_t node)
{
    struct register_state next = *s->from;

    if (s->rules->reply_early) {
        next.mind[node] = next.disk[node];
        visit(s, RSTEP_CRASH, node, 0, &next);
        next = *s->from;
        next.disk[node] = next.mind[node];
        visit(s, RSTEP_SYNC, node, 0, &next);
    }
    if (s->rules->vote_again && next.mind[node].epoch > 1) {
        next = *s->from;
        next.mind[node] = next.disk[node] = (struct voter_state){.epoch = 1};
        visit(s, RSTEP_CRASH, node, 0, &next);
    }
}

/* A node that is left out, and can be spared, goes elsewhere and forgets all but that it was
 * here. */
static void step_forget(const struct search_step *s, uint8_t node)
{
    struct register_state next = *s->from;
    struct voter_state *v = &next.mind[node];

    if (!s->rules->forgets || node >= s->rules->nodes || v->epoch < 2 ||
        has_vote(s->rules, v->document, node))
        return;
    if (!s->rules->leave_early && !known_well(s->rules, s->from, (uint8_t)(v->epoch - 1)))
        return;
    next.away[node] = s->rules->come_back_before ? 0 : (uint8_t)(v->epoch - 1);
    *v = (struct voter_state){.epoch = 0};
    persist(s, &next, node);
    visit(s, RSTEP_FORGET, node, 0, &next);
    if (s->rules->come_back_before) {
        *v = (struct voter_state){.epoch = 1};
        persist(s, &next, node);
        visit(s, RSTEP_FORGET, node, 1, &next);
    }
}

/* ---- proposers ---- */

/* A proposer begins a ballot, giving up any that it has. */
static void step_begin(const struct search_step *s, uint8_t who)
{
    struct register_state next = *s->from;
    struct proposer_state *p = &next.proposers[who];
    struct proposal proposal;
    uint64_t voters[NODES];

    if (p->known >= s->rules->epochs || p->round >= s->rules->rounds[p->known][who])
        return;
    p->round++;
    uint8_t ballot = proposer_ballot(s->rules, p, who);
    uint32_t count = proposer_voters(s->rules, p, who, voters);
    proposal_begin(&proposal, p->known + 1u, ballot_of(ballot), voters, count);
    proposer_store(p, &proposal);
    say(&next, (struct message){.kind = SENT_PREPARE,
                                .epoch = (uint8_t)(p->known + 1),
                                .document = p->document,
                                .ballot = ballot});
    visit(s, RSTEP_BEGIN, who, ballot, &next);
}

static void decide(struct register_state *next, struct proposer_state *p)
{
    uint8_t at = p->known;

    if (next->decided[at] != 0 && next->decided[at] != p->value)
        next->wrong = DECIDED_TWICE;
    next->decided[at] = p->value;
    p->document = p->value;
    p->known++;
    p->round = 0;
    proposer_idle(p);
}

/* The proposer has a majority: it chooses and asks for acceptance, or has decided. */
static void step_majority(const struct search_step *s, uint8_t who, struct proposal *proposal)
{
    struct register_state next = *s->from;
    struct proposer_state *p = &next.proposers[who];
    uint8_t ballot = proposer_ballot(s->rules, p, who);

    if (proposal->phase == PROPOSAL_CHOOSE) {
        uint8_t own = document_after((uint8_t)proposal->epoch, p, who);
        if (s->rules->ignore_found)
            proposal->found = (struct ballot){0, 0};
        proposal_choose(proposal, proposal_found(proposal) ? NULL : document_blob(own));
        say(&next, (struct message){.kind = SENT_ACCEPT,
                                    .epoch = (uint8_t)proposal->epoch,
                                    .document = document_of(proposal->value),
                                    .ballot = ballot});
    }
    proposal->promised = 0;
    proposer_store(p, proposal);
    if (proposal->phase == PROPOSAL_DECIDED)
        decide(&next, p);
    visit(s, RSTEP_ANSWER, who, ballot, &next);
}

/* As which voter an answer counts. */
static uint64_t counts_as(const struct search_step *s, const struct proposal *proposal,
                          uint8_t node)
{
    bool votes = false;

    for (uint32_t i = 0; i < proposal->voters_count; i++)
        votes = votes || proposal->voters[i] == node + 1u;
    for (uint32_t i = 0; s->rules->strangers && !votes && i < proposal->voters_count; i++) {
        if (proposal_waits(proposal, i))
            return proposal->voters[i];
    }
    return node + 1u;
}

/* A proposer hears PROMISEs or ACCEPTEDs, from the message at `at` on, until it has a majority.
 * Nothing that happens between two answers can tell them apart, so only whole majorities are steps:
 * every choice of messages that makes one. */
static void step_answers(const struct search_step *s, uint8_t who, const struct proposal *proposal,
                         uint8_t at)
{
    enum proposal_phase phase = proposal->phase;
    uint8_t ballot = proposer_ballot(s->rules, &s->from->proposers[who], who);

    for (; at < s->from->sent_count; at++) {
        struct message m = message_of(s->from->sent[at]);
        struct proposal heard = *proposal;
        if (m.ballot != ballot)
            continue;
        uint64_t from = counts_as(s, proposal, m.voter);
        if (m.kind == SENT_PROMISE && phase == PROPOSAL_PREPARE)
            proposal_promise(&heard, from, m.epoch, ballot_of(m.ballot), ballot_of(m.other),
                             document_blob(m.document));
        else if (m.kind == SENT_ACCEPTED && phase == PROPOSAL_ACCEPT)
            proposal_accepted(&heard, m.voter + 1u, m.epoch, ballot_of(m.ballot));
        else
            continue;
        if (s->rules->go_on_early && heard.accepted != 0)
            heard.phase = PROPOSAL_DECIDED;
        if (heard.phase != phase)
            step_majority(s, who, &heard);
        else
            step_answers(s, who, &heard, (uint8_t)(at + 1));
    }
}

static void step_crash(const struct search_step *s, uint8_t who)
{
    struct register_state next = *s->from;
    struct proposer_state *p = &next.proposers[who];

    if (p->start >= s->rules->crashes[who] || p->phase == 0)
        return;
    p->start++;
    p->round = 0;
    proposer_idle(p);
    visit(s, RSTEP_CRASH, (uint8_t)(NODES + who), 0, &next);
}

/* ---- what is decided ---- */

/* It is told to anybody at any time; who went elsewhere takes no part in what it knew already. */
static void step_adopt(const struct search_step *s, uint8_t epoch)
{
    uint8_t document = s->from->decided[epoch - 1];

    for (uint8_t i = 0; i < s->rules->nodes; i++) {
        struct register_state next = *s->from;
        struct acceptor a;
        if (next.mind[i].epoch > epoch || next.away[i] >= epoch)
            continue;
        voter_load(s->rules, &next.mind[i], i, &a);
        acceptor_advance(&a, epoch + 1u, true);
        voter_store(&next.mind[i], &a);
        next.mind[i].document = document;
        persist(s, &next, i);
        visit(s, RSTEP_ADOPT, i, epoch, &next);
    }
    for (uint8_t i = 0; i < PROPOSERS; i++) {
        struct register_state next = *s->from;
        struct proposer_state *p = &next.proposers[i];
        if (p->known >= epoch)
            continue;
        p->known = epoch;
        p->document = document;
        p->round = 0;
        proposer_idle(p);
        visit(s, RSTEP_TELL, i, epoch, &next);
    }
    if (s->rules->reports && (s->rules->report_early || known_well(s->rules, s->from, epoch))) {
        struct register_state next = *s->from;
        next.done |= (uint8_t)(1u << epoch);
        visit(s, RSTEP_REPORT, 0, epoch, &next);
    }
}

void register_world_expand(const struct register_rules *rules, const struct register_state *state,
                           void (*visit_next)(void *context, struct register_step step,
                                              const struct register_state *next),
                           void *context)
{
    struct search_step s = {rules, state, visit_next, context};

    for (uint8_t i = 0; i < PROPOSERS; i++) {
        const struct proposer_state *p = &state->proposers[i];
        struct proposal proposal;
        step_begin(&s, i);
        step_crash(&s, i);
        if (p->phase == 0)
            continue;
        proposer_load(rules, p, i, &proposal);
        step_answers(&s, i, &proposal, 0);
    }
    for (uint8_t i = 0; i < state->sent_count; i++) {
        uint8_t kind = message_of(state->sent[i]).kind;
        if (kind == SENT_PROMISE || kind == SENT_ACCEPTED)
            continue;
        for (uint8_t node = 0; node < rules->nodes; node++)
            step_hear(&s, node, state->sent[i]);
    }
    for (uint8_t epoch = 1; epoch <= rules->epochs; epoch++) {
        if (state->decided[epoch - 1] != 0)
            step_adopt(&s, epoch);
    }
    for (uint8_t i = 0; i < rules->nodes; i++) {
        step_disk(&s, i);
        step_forget(&s, i);
    }
}

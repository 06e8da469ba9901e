/* SPDX-License-Identifier: Apache-2.0 */
#include "register_world.h"

#include "base/check.h"
#include "cluster/register.h"

enum { DOCUMENTS = 7, SENT_PREPARE = 0, SENT_PROMISE = 1, SENT_ACCEPT = 2, SENT_ACCEPTED = 3 };

_Static_assert(sizeof(struct register_state) ==
                   2 * VOTERS * 4 + PROPOSERS * 10 + EPOCHS + 6 + SENT_TOP * 4,
               "a state has no gaps");

struct search_step {
    const struct register_rules *rules;
    const struct register_state *from;
    void (*visit)(void *context, struct register_step step, const struct register_state *next);
    void *context;
};

/* ---- numbers for documents, ballots and messages ---- */

/* A blob for each document: what the product's code carries around. They are never given back. */
static struct blob *document_blobs[DOCUMENTS];

void register_world_init(void)
{
    for (uint8_t i = 1; i < DOCUMENTS; i++) {
        if (document_blobs[i] == NULL)
            document_blobs[i] = blob_copy(bytes_of(&i, 1));
        document_blobs[i]->refs = 1u << 30;
    }
}

static uint8_t document_of(const struct blob *blob)
{
    return blob == NULL ? 0 : blob->data[0];
}

static uint8_t document_after(uint8_t epoch, const struct proposer_state *p, uint8_t proposer)
{
    unsigned before = epoch == 1 ? p->start : p->document;

    return (uint8_t)(1 + 2 * before + proposer);
}

static uint8_t document_before(uint8_t epoch, uint8_t document)
{
    return (uint8_t)(epoch == 1 ? 0 : (document - 1) / 2);
}

/* Who votes on what follows this document. */
static uint8_t voters_after(uint8_t document)
{
    return document == 1 ? VOTERS - 1 : VOTERS;
}

/* round (4 bits), start (2), proposer (1), and a bit to be not zero */
static uint8_t ballot_code(struct ballot ballot)
{
    if (ballot_is_none(ballot))
        return 0;
    return (uint8_t)(0x80 | (ballot.counter >> 8) << 3 | (ballot.counter & 3) << 1 |
                     (ballot.node - 1));
}

static struct ballot ballot_of(uint8_t code)
{
    if (code == 0)
        return (struct ballot){0, 0};
    return (struct ballot){(uint64_t)(code >> 3 & 0xf) << 8 | (code >> 1 & 3), (code & 1) + 1u};
}

struct message {
    uint8_t kind, epoch, document, voter, other, ballot;
};

static uint32_t message_code(struct message m)
{
    return (uint32_t)m.kind << 30 | (uint32_t)m.epoch << 28 | (uint32_t)m.document << 24 |
           (uint32_t)m.voter << 22 | (uint32_t)m.other << 8 | m.ballot;
}

static struct message message_of(uint32_t code)
{
    return (struct message){
        .kind = (uint8_t)(code >> 30),
        .epoch = (uint8_t)(code >> 28 & 3),
        .document = (uint8_t)(code >> 24 & 0xf),
        .voter = (uint8_t)(code >> 22 & 3),
        .other = (uint8_t)(code >> 8),
        .ballot = (uint8_t)code,
    };
}

static void say(struct register_state *state, struct message message)
{
    uint32_t code = message_code(message);
    uint8_t at = 0;

    while (at < state->sent_count && state->sent[at] < code)
        at++;
    if (at < state->sent_count && state->sent[at] == code)
        return;
    ASSERT(state->sent_count < SENT_TOP);
    memmove(&state->sent[at + 1], &state->sent[at],
            (state->sent_count - at) * sizeof(state->sent[0]));
    state->sent[at] = code;
    state->sent_count++;
}

/* ---- the product's machines, in and out of the state ---- */

static struct acceptor voter_load(const struct voter_state *voter)
{
    return (struct acceptor){
        .epoch = voter->epoch,
        .votes = true,
        .promised = ballot_of(voter->promised),
        .accepted = ballot_of(voter->accepted),
        .value = document_blobs[voter->value],
    };
}

static void voter_store(struct voter_state *voter, const struct acceptor *a)
{
    voter->epoch = (uint8_t)a->epoch;
    voter->promised = ballot_code(a->promised);
    voter->accepted = ballot_code(a->accepted);
    voter->value = document_of(a->value);
}

static uint32_t voters_of(const struct register_rules *rules, const struct proposer_state *p,
                          uint8_t who, uint64_t voters[VOTERS])
{
    uint32_t count = voters_after(p->known == 0 ? 2 : p->document);

    for (uint32_t i = 0; i < count; i++)
        voters[i] = i + 1;
    if (rules->few_voters) {
        voters[0] = who + 1u;
        return 1;
    }
    return count;
}

static uint8_t proposer_ballot(const struct register_rules *rules, const struct proposer_state *p,
                               uint8_t who)
{
    uint64_t start = rules->reuse_ballots ? 0 : p->start;

    return ballot_code((struct ballot){(uint64_t)p->round << 8 | start, who + 1u});
}

static struct proposal proposer_load(const struct register_rules *rules,
                                     const struct proposer_state *p, uint8_t who)
{
    struct proposal proposal = {
        .phase = (enum proposal_phase)(p->phase - 1),
        .epoch = p->known + 1u,
        .ballot = ballot_of(proposer_ballot(rules, p, who)),
        .promised = p->promised,
        .accepted = p->accepted,
        .found = ballot_of(p->found),
        .value = document_blobs[p->value],
        .own = p->own != 0,
    };

    ASSERT(p->phase > 0);
    proposal.voters_count = voters_of(rules, p, who, proposal.voters);
    return proposal;
}

static void proposer_store(struct proposer_state *p, const struct proposal *proposal)
{
    p->phase = (uint8_t)((unsigned)proposal->phase + 1);
    p->promised = (uint8_t)proposal->promised;
    p->accepted = (uint8_t)proposal->accepted;
    p->found = ballot_code(proposal->found);
    p->value = document_of(proposal->value);
    p->own = proposal->own;
}

static void proposer_idle(struct proposer_state *p)
{
    p->phase = p->promised = p->accepted = p->found = p->value = p->own = 0;
}

/* ---- steps ---- */

static void visit(const struct search_step *s, enum register_step_kind kind, uint8_t who,
                  uint32_t message, const struct register_state *next)
{
    struct register_step step = {.kind = (uint8_t)kind, .who = who, .message = message};

    if (memcmp(next, s->from, sizeof(*next)) != 0)
        s->visit(s->context, step, next);
}

static void persist(const struct search_step *s, struct register_state *next, uint8_t voter)
{
    if (!s->rules->reply_early)
        next->disk[voter] = next->mind[voter];
}

/* A proposer begins a ballot, giving up any that it has. */
static void step_begin(const struct search_step *s, uint8_t who)
{
    struct register_state next = *s->from;
    struct proposer_state *p = &next.proposers[who];
    struct proposal proposal;
    uint64_t voters[VOTERS];

    if (p->round >= s->rules->rounds[who] || p->known >= s->rules->epochs)
        return;
    p->round++;
    uint8_t ballot = proposer_ballot(s->rules, p, who);
    uint32_t count = voters_of(s->rules, p, who, voters);
    proposal_begin(&proposal, p->known + 1u, ballot_of(ballot), voters, count);
    proposer_store(p, &proposal);
    say(&next, (struct message){.kind = SENT_PREPARE,
                                .epoch = (uint8_t)(p->known + 1),
                                .document = p->document,
                                .ballot = ballot});
    visit(s, RSTEP_BEGIN, who, ballot, &next);
}

/* A voter hears a PREPARE or an ACCEPT. */
static void step_hear(const struct search_step *s, uint8_t voter, uint32_t code)
{
    struct register_state next = *s->from;
    struct message m = message_of(code);
    struct acceptor a = voter_load(&next.mind[voter]);
    bool accept = m.kind == SENT_ACCEPT;
    uint8_t base = accept ? document_before(m.epoch, m.document) : m.document;

    if (voter >= voters_after(m.epoch == 1 ? 2 : base))
        return;
    struct ballot before = a.accepted;
    uint8_t value = document_of(a.value);
    enum vote vote =
        accept ? acceptor_accept(&a, m.epoch, ballot_of(m.ballot), document_blobs[m.document])
               : acceptor_prepare(&a, m.epoch, ballot_of(m.ballot));
    if (vote != VOTE_YES)
        return;
    voter_store(&next.mind[voter], &a);
    persist(s, &next, voter);
    say(&next, (struct message){.kind = accept ? SENT_ACCEPTED : SENT_PROMISE,
                                .epoch = m.epoch,
                                .document = accept ? 0 : value,
                                .voter = voter,
                                .other = accept ? 0 : ballot_code(before),
                                .ballot = m.ballot});
    visit(s, RSTEP_HEAR, voter, code, &next);
}

static void decide(struct register_state *next, struct proposer_state *p)
{
    uint8_t at = p->known;

    if (next->decided[at] != 0 && next->decided[at] != p->value)
        next->wrong = 1;
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

    if (proposal->phase == PROPOSAL_CHOOSE) {
        uint8_t own = document_after((uint8_t)proposal->epoch, p, who);
        if (s->rules->ignore_found)
            proposal->found = (struct ballot){0, 0};
        proposal_choose(proposal, proposal_found(proposal) ? NULL : document_blobs[own]);
        say(&next, (struct message){.kind = SENT_ACCEPT,
                                    .epoch = (uint8_t)proposal->epoch,
                                    .document = document_of(proposal->value),
                                    .ballot = ballot_code(proposal->ballot)});
    }
    proposal->promised = 0;
    proposer_store(p, proposal);
    if (proposal->phase == PROPOSAL_DECIDED)
        decide(&next, p);
    visit(s, RSTEP_ANSWER, who, ballot_code(proposal->ballot), &next);
}

/* A proposer hears PROMISEs or ACCEPTEDs, from the message at `at` on, until it has a majority.
 * Nothing that happens between two answers can tell them apart, so only whole majorities are steps:
 * every choice of messages that makes one. */
static void step_answers(const struct search_step *s, uint8_t who, struct proposal proposal,
                         uint8_t at)
{
    enum proposal_phase phase = proposal.phase;

    for (; at < s->from->sent_count; at++) {
        struct message m = message_of(s->from->sent[at]);
        struct proposal heard = proposal;
        if (m.ballot != ballot_code(proposal.ballot))
            continue;
        if (m.kind == SENT_PROMISE && phase == PROPOSAL_PREPARE)
            proposal_promise(&heard, m.voter + 1u, m.epoch, ballot_of(m.ballot), ballot_of(m.other),
                             document_blobs[m.document]);
        else if (m.kind == SENT_ACCEPTED && phase == PROPOSAL_ACCEPT)
            proposal_accepted(&heard, m.voter + 1u, m.epoch, ballot_of(m.ballot));
        else
            continue;
        if (heard.phase != phase)
            step_majority(s, who, &heard);
        else
            step_answers(s, who, heard, (uint8_t)(at + 1));
    }
}

/* What was decided is told to anybody at any time. */
static void step_adopt(const struct search_step *s, uint8_t epoch)
{
    for (uint8_t i = 0; i < VOTERS; i++) {
        struct register_state next = *s->from;
        struct acceptor a = voter_load(&next.mind[i]);
        acceptor_advance(&a, epoch + 1u, true);
        voter_store(&next.mind[i], &a);
        persist(s, &next, i);
        visit(s, RSTEP_ADOPT, i, epoch, &next);
    }
    for (uint8_t i = 0; i < PROPOSERS; i++) {
        struct register_state next = *s->from;
        struct proposer_state *p = &next.proposers[i];
        if (p->known >= epoch)
            continue;
        p->known = epoch;
        p->document = next.decided[epoch - 1];
        p->round = 0;
        proposer_idle(p);
        visit(s, RSTEP_TELL, i, epoch, &next);
    }
}

static void step_crash_proposer(const struct search_step *s, uint8_t who)
{
    struct register_state next = *s->from;
    struct proposer_state *p = &next.proposers[who];

    if (p->start >= s->rules->crashes[who] || p->phase == 0)
        return;
    p->start++;
    p->round = 0;
    proposer_idle(p);
    visit(s, RSTEP_CRASH, (uint8_t)(VOTERS + who), 0, &next);
}

static void step_voter_disk(const struct search_step *s, uint8_t voter)
{
    struct register_state next = *s->from;

    if (s->rules->reply_early) {
        next.mind[voter] = next.disk[voter];
        visit(s, RSTEP_CRASH, voter, 0, &next);
        next = *s->from;
        next.disk[voter] = next.mind[voter];
        visit(s, RSTEP_SYNC, voter, 0, &next);
    }
    if (s->rules->vote_again && next.mind[voter].epoch > 1) {
        next = *s->from;
        next.mind[voter] = next.disk[voter] = (struct voter_state){.epoch = 1};
        visit(s, RSTEP_CRASH, voter, 0, &next);
    }
}

void register_state_init(struct register_state *state)
{
    memset(state, 0, sizeof(*state));
    for (uint8_t i = 0; i < VOTERS; i++)
        state->mind[i].epoch = state->disk[i].epoch = 1;
}

void register_world_expand(const struct register_rules *rules, const struct register_state *state,
                           void (*visit_next)(void *context, struct register_step step,
                                              const struct register_state *next),
                           void *context)
{
    struct search_step s = {rules, state, visit_next, context};

    for (uint8_t i = 0; i < PROPOSERS; i++) {
        const struct proposer_state *p = &state->proposers[i];
        step_begin(&s, i);
        step_crash_proposer(&s, i);
        if (p->phase != 0)
            step_answers(&s, i, proposer_load(rules, p, i), 0);
    }
    for (uint8_t i = 0; i < state->sent_count; i++) {
        uint8_t kind = (uint8_t)(state->sent[i] >> 30);
        if (kind == SENT_PROMISE || kind == SENT_ACCEPTED)
            continue;
        for (uint8_t voter = 0; voter < VOTERS; voter++)
            step_hear(&s, voter, state->sent[i]);
    }
    for (uint8_t epoch = 1; epoch <= rules->epochs; epoch++) {
        if (state->decided[epoch - 1] != 0)
            step_adopt(&s, epoch);
    }
    for (uint8_t i = 0; i < VOTERS; i++)
        step_voter_disk(&s, i);
}

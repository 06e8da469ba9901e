/* SPDX-License-Identifier: Apache-2.0 */
#include "register_world.h"

#include "base/check.h"

_Static_assert(sizeof(struct register_state) ==
                   2 * NODES * 5 + NODES + PROPOSERS * 10 + EPOCHS + 3 + SENT_TOP * 4,
               "a state has no gaps");

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

struct blob *document_blob(uint8_t document)
{
    ASSERT(document < DOCUMENTS);
    return document_blobs[document];
}

uint8_t document_of(const struct blob *blob)
{
    return blob == NULL ? 0 : blob->data[0];
}

uint8_t document_after(uint8_t epoch, const struct proposer_state *p, uint8_t proposer)
{
    unsigned before = epoch == 1 ? p->start : p->document;

    return (uint8_t)(1 + 2 * before + proposer);
}

uint8_t document_before(uint8_t epoch, uint8_t document)
{
    return (uint8_t)(epoch == 1 ? 0 : (document - 1) / 2);
}

uint8_t voters_after(const struct register_rules *rules, uint8_t document)
{
    unsigned epoch = document == 0 ? 0 : document <= 2 ? 1 : document <= 6 ? 2 : 3;

    if (epoch == 0 || rules->epochs == 1)
        return rules->first;
    return rules->voters[epoch - 1][(document - 1) & 1];
}

bool has_vote(const struct register_rules *rules, uint8_t document, uint8_t node)
{
    return (voters_after(rules, document) >> node & 1) != 0;
}

/* round (4 bits), start (2), proposer (1), and a bit to be not zero */
static uint8_t ballot_code(struct ballot ballot)
{
    if (ballot_is_none(ballot))
        return 0;
    return (uint8_t)(0x80 | (ballot.counter >> 8) << 3 | (ballot.counter & 3) << 1 |
                     (ballot.node - 1));
}

struct ballot ballot_of(uint8_t code)
{
    if (code == 0)
        return (struct ballot){0, 0};
    return (struct ballot){(uint64_t)(code >> 3 & 0xf) << 8 | (code >> 1 & 3), (code & 1) + 1u};
}

static uint32_t message_code(struct message m)
{
    return (uint32_t)m.kind << 30 | (uint32_t)m.epoch << 28 | (uint32_t)m.document << 24 |
           (uint32_t)m.voter << 21 | (uint32_t)m.other << 8 | m.ballot;
}

struct message message_of(uint32_t code)
{
    return (struct message){
        .kind = (uint8_t)(code >> 30),
        .epoch = (uint8_t)(code >> 28 & 3),
        .document = (uint8_t)(code >> 24 & 0xf),
        .voter = (uint8_t)(code >> 21 & 7),
        .other = (uint8_t)(code >> 8),
        .ballot = (uint8_t)code,
    };
}

void say(struct register_state *state, struct message message)
{
    uint32_t code = message_code(message);
    uint8_t at = 0;

    while (at < state->sent_count && state->sent[at] < code)
        at++;
    if (at < state->sent_count && state->sent[at] == code)
        return;
    ASSERT(state->sent_count < SENT_TOP);
    memmove(&state->sent[at + 1], &state->sent[at],
            (size_t)(state->sent_count - at) * sizeof(state->sent[0]));
    state->sent[at] = code;
    state->sent_count++;
}

/* ---- the product's machines, in and out of the state ---- */

void voter_load(const struct register_rules *rules, const struct voter_state *voter, uint8_t node,
                struct acceptor *ret_acceptor)
{
    *ret_acceptor = (struct acceptor){
        .epoch = voter->epoch,
        .votes = rules->new_voters || has_vote(rules, voter->document, node),
        .promised = ballot_of(voter->promised),
        .accepted = ballot_of(voter->accepted),
        .value = document_blob(voter->value),
    };
}

void voter_store(struct voter_state *voter, const struct acceptor *a)
{
    voter->epoch = (uint8_t)a->epoch;
    voter->promised = ballot_code(a->promised);
    voter->accepted = ballot_code(a->accepted);
    voter->value = document_of(a->value);
}

uint32_t proposer_voters(const struct register_rules *rules, const struct proposer_state *p,
                         uint8_t who, uint64_t ret_voters[NODES])
{
    uint8_t document =
        rules->new_voters ? document_after((uint8_t)(p->known + 1), p, who) : p->document;
    uint32_t count = 0;

    for (uint8_t i = 0; i < NODES; i++) {
        if (has_vote(rules, document, i))
            ret_voters[count++] = i + 1u;
    }
    if (rules->few_voters) {
        ret_voters[0] = who + 1u;
        count = 1;
    }
    return count;
}

uint8_t proposer_ballot(const struct register_rules *rules, const struct proposer_state *p,
                        uint8_t who)
{
    uint64_t start = rules->reuse_ballots ? 0 : p->start;

    return ballot_code((struct ballot){(uint64_t)p->round << 8 | start, who + 1u});
}

void proposer_load(const struct register_rules *rules, const struct proposer_state *p, uint8_t who,
                   struct proposal *ret_proposal)
{
    ASSERT(p->phase > 0);
    *ret_proposal = (struct proposal){
        .phase = (enum proposal_phase)(p->phase - 1),
        .epoch = p->known + 1u,
        .ballot = ballot_of(proposer_ballot(rules, p, who)),
        .promised = p->promised,
        .accepted = p->accepted,
        .found = ballot_of(p->found),
        .value = document_blob(p->value),
        .own = p->own != 0,
    };
    ret_proposal->voters_count = proposer_voters(rules, p, who, ret_proposal->voters);
}

void proposer_store(struct proposer_state *p, const struct proposal *proposal)
{
    p->phase = (uint8_t)((unsigned)proposal->phase + 1);
    p->promised = (uint8_t)proposal->promised;
    p->accepted = (uint8_t)proposal->accepted;
    p->found = ballot_code(proposal->found);
    p->value = document_of(proposal->value);
    p->own = proposal->own;
}

void proposer_idle(struct proposer_state *p)
{
    p->phase = p->promised = p->accepted = p->found = p->value = p->own = 0;
}

/* ---- what is not heeded any more ---- */

/* An answer counts in one ballot, and while its proposer waits for such answers. */
static bool answer_matters(const struct register_rules *rules, const struct register_state *state,
                           const struct message *m)
{
    uint8_t who = m->ballot & 1;
    const struct proposer_state *p = &state->proposers[who];
    enum proposal_phase waits = m->kind == SENT_PROMISE ? PROPOSAL_PREPARE : PROPOSAL_ACCEPT;

    return p->known + 1u == m->epoch && p->phase == (unsigned)waits + 1 &&
           proposer_ballot(rules, p, who) == m->ballot;
}

/* A question matters while some node may yet say yes to it. */
static bool question_matters(const struct register_rules *rules, const struct register_state *state,
                             const struct message *m)
{
    struct ballot ballot = ballot_of(m->ballot);
    uint8_t base = m->kind == SENT_PREPARE ? m->document : document_before(m->epoch, m->document);

    for (uint8_t i = 0; i < rules->nodes; i++) {
        const struct voter_state *v = &state->mind[i];
        if (v->epoch > m->epoch || state->away[i] >= m->epoch ||
            (!has_vote(rules, base, i) && !rules->new_voters && !rules->strangers))
            continue;
        if (v->epoch < m->epoch)
            return true;
        int order = ballot_cmp(ballot, ballot_of(v->promised));
        if (order > 0 || (order == 0 && m->kind == SENT_ACCEPT && v->accepted != m->ballot))
            return true;
    }
    return false;
}

/* Where memory is lost against the rules anything may matter again. */
static void forget_dead(const struct register_rules *rules, struct register_state *state)
{
    uint8_t kept = 0;

    if (rules->reply_early || rules->reuse_ballots || rules->vote_again || rules->come_back_before)
        return;
    for (uint8_t i = 0; i < state->sent_count; i++) {
        struct message m = message_of(state->sent[i]);
        bool answer = m.kind == SENT_PROMISE || m.kind == SENT_ACCEPTED;
        if (answer ? answer_matters(rules, state, &m) : question_matters(rules, state, &m))
            state->sent[kept++] = state->sent[i];
    }
    memset(&state->sent[kept], 0, (size_t)(state->sent_count - kept) * sizeof(state->sent[0]));
    state->sent_count = kept;
}

/* ---- what is wrong ---- */

bool known_well(const struct register_rules *rules, const struct register_state *state,
                uint8_t epoch)
{
    uint8_t document = epoch == 0 ? 0 : state->decided[epoch - 1];
    uint32_t voters = 0, have = 0;

    for (uint8_t i = 0; i < NODES; i++) {
        const struct voter_state *v = &state->disk[i];
        if (!has_vote(rules, document, i))
            continue;
        voters++;
        have += v->epoch > epoch + 1u || (v->epoch == epoch + 1u && v->document == document);
    }
    return have > voters / 2;
}

/* Whether it is known well itself, or something that follows it. */
static bool is_kept(const struct register_rules *rules, const struct register_state *state,
                    uint8_t epoch)
{
    for (; epoch <= rules->epochs && state->decided[epoch - 1] != 0; epoch++) {
        if (known_well(rules, state, epoch))
            return true;
    }
    return false;
}

static uint8_t find_wrong(const struct register_rules *rules, const struct register_state *state)
{
    for (uint8_t epoch = 1; epoch <= rules->epochs; epoch++) {
        bool done = (state->done >> epoch & 1) != 0;
        if (done && !is_kept(rules, state, epoch))
            return DONE_UNKNOWN;
        if (epoch > 1 && state->decided[epoch - 1] != 0 && !is_kept(rules, state, epoch - 1))
            return BASE_UNKNOWN;
    }
    return RIGHT;
}

void register_settle(const struct register_rules *rules, struct register_state *state)
{
    if (state->wrong == RIGHT)
        state->wrong = find_wrong(rules, state);
    forget_dead(rules, state);
}

void register_state_init(const struct register_rules *rules, struct register_state *state)
{
    memset(state, 0, sizeof(*state));
    ASSERT(rules->nodes <= NODES);
    for (uint8_t i = 0; i < NODES; i++)
        state->mind[i].epoch = state->disk[i].epoch = i < rules->nodes ? 1 : EPOCHS + 1;
}

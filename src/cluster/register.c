/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/register.h"

#include "base/check.h"

int ballot_cmp(struct ballot a, struct ballot b)
{
    if (a.counter != b.counter)
        return a.counter < b.counter ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    return 0;
}

bool ballot_is_none(struct ballot a)
{
    return a.counter == 0;
}

bool ballot_fits(struct ballot a)
{
    return a.counter != 0 && a.counter >> 63 == 0 && a.node != 0;
}

static void acceptor_check(const struct acceptor *a)
{
    ASSERT(a->epoch > 0);
    ASSERT(ballot_cmp(a->accepted, a->promised) <= 0);
    ASSERT(ballot_is_none(a->accepted) == (a->value == NULL));
    ASSERT(a->votes || ballot_is_none(a->promised));
}

void acceptor_init(struct acceptor *a, uint64_t epoch, bool votes)
{
    *a = (struct acceptor){.epoch = epoch, .votes = votes};
    acceptor_check(a);
}

void acceptor_done(struct acceptor *a)
{
    blob_unref(a->value);
    a->value = NULL;
    a->accepted = (struct ballot){0, 0};
}

void acceptor_advance(struct acceptor *a, uint64_t epoch, bool votes)
{
    if (epoch <= a->epoch)
        return;
    acceptor_done(a);
    acceptor_init(a, epoch, votes);
}

static enum vote acceptor_compare(const struct acceptor *a, uint64_t epoch)
{
    if (epoch < a->epoch)
        return VOTE_DECIDED;
    if (epoch > a->epoch)
        return VOTE_AHEAD;
    return a->votes ? VOTE_YES : VOTE_NONE;
}

enum vote acceptor_prepare(struct acceptor *a, uint64_t epoch, struct ballot ballot)
{
    enum vote vote = acceptor_compare(a, epoch);

    if (vote != VOTE_YES)
        return vote;
    if (ballot_cmp(ballot, a->promised) <= 0)
        return VOTE_OUTBID;
    a->promised = ballot;
    acceptor_check(a);
    return VOTE_YES;
}

enum vote acceptor_accept(struct acceptor *a, uint64_t epoch, struct ballot ballot,
                          struct blob *value)
{
    enum vote vote = acceptor_compare(a, epoch);

    ASSERT(value != NULL);
    if (vote != VOTE_YES)
        return vote;
    if (ballot_is_none(ballot) || ballot_cmp(ballot, a->promised) < 0)
        return VOTE_OUTBID;
    blob_ref(value);
    blob_unref(a->value);
    a->value = value;
    a->promised = ballot;
    a->accepted = ballot;
    acceptor_check(a);
    return VOTE_YES;
}

static void proposal_check(const struct proposal *p)
{
    ASSERT(p->voters_count > 0 && p->voters_count <= VOTERS_MAX);
    ASSERT(ballot_is_none(p->found) || p->value != NULL);
    ASSERT(p->accepted == 0 || p->phase != PROPOSAL_PREPARE);
    ASSERT((p->phase != PROPOSAL_ACCEPT && p->phase != PROPOSAL_DECIDED) || p->value != NULL);
    ASSERT(!p->own || ballot_is_none(p->found));
}

void proposal_begin(struct proposal *p, uint64_t epoch, struct ballot ballot,
                    const uint64_t *voters, uint32_t voters_count)
{
    ASSERT(!ballot_is_none(ballot));
    ASSERT(voters_count <= VOTERS_MAX);
    *p = (struct proposal){
        .phase = PROPOSAL_PREPARE,
        .epoch = epoch,
        .ballot = ballot,
        .voters_count = voters_count,
    };
    memcpy(p->voters, voters, voters_count * sizeof(voters[0]));
    proposal_check(p);
}

void proposal_done(struct proposal *p)
{
    blob_unref(p->value);
    p->value = NULL;
    p->found = (struct ballot){0, 0};
    p->phase = PROPOSAL_LOST;
}

/* The voter's bit, or 0 when the answer is none that is waited for. */
static uint32_t voter_bit(const struct proposal *p, uint64_t from, uint64_t epoch,
                          struct ballot ballot)
{
    if (epoch != p->epoch || ballot_cmp(ballot, p->ballot) != 0)
        return 0;
    for (uint32_t i = 0; i < p->voters_count; i++) {
        if (p->voters[i] == from)
            return 1u << i;
    }
    return 0;
}

static uint32_t voters_in(uint32_t set)
{
    return (uint32_t)__builtin_popcount(set);
}

uint32_t proposal_quorum(const struct proposal *p)
{
    return p->voters_count / 2 + 1;
}

uint32_t proposal_answers(const struct proposal *p)
{
    return voters_in(p->phase == PROPOSAL_PREPARE ? p->promised : p->accepted);
}

void proposal_promise(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot,
                      struct ballot accepted, struct blob *value)
{
    uint32_t bit = voter_bit(p, from, epoch, ballot);

    if (p->phase != PROPOSAL_PREPARE || bit == 0 || (p->promised & bit) != 0)
        return;
    p->promised |= bit;
    if (value != NULL && ballot_cmp(accepted, p->found) > 0) {
        blob_ref(value);
        blob_unref(p->value);
        p->value = value;
        p->found = accepted;
    }
    if (voters_in(p->promised) >= proposal_quorum(p))
        p->phase = PROPOSAL_CHOOSE;
    proposal_check(p);
}

bool proposal_found(const struct proposal *p)
{
    return !ballot_is_none(p->found);
}

void proposal_choose(struct proposal *p, struct blob *own)
{
    ASSERT(p->phase == PROPOSAL_CHOOSE);
    ASSERT((own == NULL) == proposal_found(p));
    if (own != NULL) {
        p->value = blob_ref(own);
        p->own = true;
    }
    p->phase = PROPOSAL_ACCEPT;
    proposal_check(p);
}

void proposal_accepted(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot)
{
    uint32_t bit = voter_bit(p, from, epoch, ballot);

    if (p->phase != PROPOSAL_ACCEPT || bit == 0)
        return;
    p->accepted |= bit;
    if (voters_in(p->accepted) >= proposal_quorum(p))
        p->phase = PROPOSAL_DECIDED;
    proposal_check(p);
}

void proposal_outbid(struct proposal *p, uint64_t from, uint64_t epoch, struct ballot ballot,
                     struct ballot promised)
{
    uint32_t bit = voter_bit(p, from, epoch, ballot);

    /* A voter that promised this very ballot answers its repetition so. */
    if (bit == 0 || !ballot_fits(promised) || ballot_cmp(promised, p->ballot) <= 0)
        return;
    if (ballot_cmp(promised, p->highest) > 0)
        p->highest = promised;
    if (p->phase == PROPOSAL_PREPARE || p->phase == PROPOSAL_ACCEPT)
        p->phase = PROPOSAL_LOST;
    proposal_check(p);
}

bool proposal_waits(const struct proposal *p, uint32_t voter)
{
    ASSERT(voter < p->voters_count);
    if (p->phase == PROPOSAL_PREPARE)
        return (p->promised >> voter & 1) == 0;
    return p->phase == PROPOSAL_ACCEPT && (p->accepted >> voter & 1) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/tally.h"

#include "base/check.h"

void put_tally_init(struct put_tally *tally, uint32_t n, struct put_needs needs)
{
    ASSERT(n > 0);
    ASSERT(n <= RING_REPLICAS_MAX);
    *tally = (struct put_tally){.needs = needs, .n = n};
    for (uint32_t i = 0; i < n; i++)
        tally->primary[i] = true;
}

void put_tally_add(struct put_tally *tally, uint32_t replica, bool yes, bool durable)
{
    ASSERT(replica < tally->n);
    ASSERT(tally->votes[replica] == VOTE_OPEN);
    ASSERT(yes || !durable);
    tally->votes[replica] = yes ? VOTE_YES : VOTE_NO;
    tally->durable[replica] = durable;
}

struct put_count {
    uint32_t yes, durable, primary, open, open_primary;
};

static struct put_count put_count(const struct put_tally *tally)
{
    struct put_count count = {0, 0, 0, 0, 0};

    for (uint32_t i = 0; i < tally->n; i++) {
        bool yes = tally->votes[i] == VOTE_YES;
        bool open = tally->votes[i] == VOTE_OPEN;
        count.yes += yes;
        count.durable += yes && tally->durable[i];
        count.primary += yes && tally->primary[i];
        count.open += open;
        count.open_primary += open && tally->primary[i];
    }
    ASSERT(count.yes + count.open <= tally->n);
    return count;
}

/* Every replica of a set stands on a node of its own, so node_confirms counts acknowledgements. */
enum tally_verdict put_tally_verdict(const struct put_tally *tally)
{
    const struct put_needs *needs = &tally->needs;
    struct put_count count = put_count(tally);

    if (count.yes >= needs->w && count.durable >= needs->dw && count.primary >= needs->pw &&
        count.yes >= needs->node_confirms)
        return TALLY_MET;
    if (count.yes + count.open < needs->w || count.durable + count.open < needs->dw ||
        count.primary + count.open_primary < needs->pw ||
        count.yes + count.open < needs->node_confirms)
        return TALLY_LOST;
    return TALLY_OPEN;
}

struct tally_loss put_tally_loss(const struct put_tally *tally)
{
    const struct put_needs *needs = &tally->needs;
    struct put_count count = put_count(tally);

    ASSERT(put_tally_verdict(tally) == TALLY_LOST);
    if (count.primary + count.open_primary < needs->pw)
        return (struct tally_loss){ERR_PW_UNSATISFIED, count.primary, needs->pw};
    if (count.yes + count.open < needs->node_confirms)
        return (struct tally_loss){ERR_NODE_CONFIRMS_UNSATISFIED, count.yes, needs->node_confirms};
    if (count.durable + count.open < needs->dw)
        return (struct tally_loss){ERR_DW_UNSATISFIED, count.durable, needs->dw};
    return (struct tally_loss){ERR_W_UNSATISFIED, count.yes, needs->w};
}

void get_tally_init(struct get_tally *tally, uint32_t n, struct get_needs needs)
{
    ASSERT(n > 0);
    ASSERT(n <= RING_REPLICAS_MAX);
    *tally = (struct get_tally){.needs = needs, .n = n};
    for (uint32_t i = 0; i < n; i++)
        tally->primary[i] = true;
}

void get_tally_add(struct get_tally *tally, uint32_t replica, enum vote vote)
{
    ASSERT(replica < tally->n);
    ASSERT(tally->votes[replica] == VOTE_OPEN);
    ASSERT(vote != VOTE_OPEN);
    tally->votes[replica] = vote;
}

struct get_count {
    uint32_t good, good_primary; /* count towards r and pr */
    uint32_t found, not_found, empty, failed, open, open_primary;
};

/* `empty` are the fallbacks that have no hint. They are good beside an object, or as long as one
 * may still come. */
static struct get_count get_count(const struct get_tally *tally)
{
    struct get_count count = {0, 0, 0, 0, 0, 0, 0, 0};

    for (uint32_t i = 0; i < tally->n; i++) {
        enum vote vote = tally->votes[i];
        bool good = vote == VOTE_YES || (vote == VOTE_NOT_FOUND && tally->needs.notfound_ok);
        count.good_primary += good && tally->primary[i];
        count.found += vote == VOTE_YES;
        count.not_found += vote == VOTE_NOT_FOUND && tally->primary[i];
        count.empty += vote == VOTE_NOT_FOUND && !tally->primary[i];
        count.failed += vote == VOTE_NO;
        count.open += vote == VOTE_OPEN;
        count.open_primary += vote == VOTE_OPEN && tally->primary[i];
    }
    count.good = count.found + (tally->needs.notfound_ok ? count.not_found : 0);
    if (tally->needs.notfound_ok && count.found > 0)
        count.good += count.empty;
    ASSERT(count.found + count.not_found + count.empty + count.failed + count.open == tally->n);
    return count;
}

static uint32_t max_of(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

enum tally_verdict get_tally_verdict(const struct get_tally *tally)
{
    const struct get_needs *needs = &tally->needs;
    struct get_count count = get_count(tally);
    uint32_t most = max_of(max_of(needs->r, needs->pr), needs->node_confirms);
    bool hope = needs->notfound_ok && count.found == 0 && count.open > 0;
    uint32_t bad = tally->n - count.good - count.open - (hope ? count.empty : 0);

    ASSERT(most <= tally->n);
    if (count.good >= needs->r && count.good_primary >= needs->pr &&
        count.good >= needs->node_confirms)
        return TALLY_MET;
    if (bad > tally->n - most || count.good_primary + count.open_primary < needs->pr)
        return TALLY_LOST;
    if (needs->basic_quorum && bad >= tally->n / 2 + 1)
        return TALLY_LOST;
    return TALLY_OPEN;
}

struct tally_loss get_tally_loss(const struct get_tally *tally)
{
    const struct get_needs *needs = &tally->needs;
    struct get_count count = get_count(tally);

    ASSERT(get_tally_verdict(tally) == TALLY_LOST);
    if (count.found == 0 && count.failed == 0 && count.empty == 0)
        return (struct tally_loss){ERR_NOT_FOUND, 0, 0};
    if (count.good >= needs->r && count.good_primary < needs->pr)
        return (struct tally_loss){ERR_PR_UNSATISFIED, count.good_primary, needs->pr};
    if (count.good >= needs->r && count.good < needs->node_confirms)
        return (struct tally_loss){ERR_NODE_CONFIRMS_UNSATISFIED, count.good, needs->node_confirms};
    return (struct tally_loss){ERR_R_UNSATISFIED, count.good, needs->r};
}

uint32_t get_tally_open(const struct get_tally *tally)
{
    return get_count(tally).open;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The truth table of votes: for up to five replicas every need, every assignment of answers, and an
 * answer from a model that tries all ways in which the open votes may still go. */
#include "kv/tally.h"

#include "base/random.h"
#include "tap.h"

enum { REPLICAS = 5 };

/* What a replica may have said. The first is open; the others are completions of it. */
enum put_answer { PUT_OPEN, PUT_NO, PUT_YES, PUT_SYNCED };
enum get_answer { GET_OPEN, GET_NO, GET_FOUND, GET_MISSING };
enum { ANSWERS = 4 };

/* The answers whose number in base 4 is `code`. */
static void decode(uint32_t code, uint32_t n, uint8_t *ret_answers)
{
    for (uint32_t i = 0; i < n; i++, code /= ANSWERS)
        ret_answers[i] = (uint8_t)(code % ANSWERS);
}

static uint32_t power(uint32_t base, uint32_t exponent)
{
    uint32_t product = 1;

    while (exponent-- > 0)
        product *= base;
    return product;
}

typedef bool holds_fn(const void *needs, const uint8_t *answers, uint32_t n);

/* Whether any completion of the open votes holds. */
static bool may_hold(holds_fn *holds, const void *needs, const uint8_t *answers, uint32_t n)
{
    uint8_t tried[REPLICAS];
    uint32_t open = 0;

    for (uint32_t i = 0; i < n; i++)
        open += answers[i] == 0;
    for (uint32_t way = 0; way < power(ANSWERS - 1, open); way++) {
        uint32_t rest = way;
        for (uint32_t i = 0; i < n; i++) {
            tried[i] = answers[i];
            if (answers[i] == 0) {
                tried[i] = (uint8_t)(1 + rest % (ANSWERS - 1));
                rest /= ANSWERS - 1;
            }
        }
        if (holds(needs, tried, n))
            return true;
    }
    return false;
}

static bool put_holds(const void *context, const uint8_t *answers, uint32_t n)
{
    const struct put_needs *needs = context;
    uint32_t acks = 0, synced = 0;

    for (uint32_t i = 0; i < n; i++) {
        acks += answers[i] == PUT_YES || answers[i] == PUT_SYNCED;
        synced += answers[i] == PUT_SYNCED;
    }
    return acks >= needs->w && acks >= needs->pw && acks >= needs->node_confirms &&
           synced >= needs->dw;
}

static void put_vote(struct put_tally *tally, uint32_t replica, uint8_t answer)
{
    if (answer != PUT_OPEN)
        put_tally_add(tally, replica, answer != PUT_NO, answer == PUT_SYNCED);
}

/* The loss names a need that no completion can meet, and how far it came. */
static bool put_loss_true(const struct put_tally *tally, const uint8_t *answers)
{
    const struct put_needs *needs = &tally->needs;
    struct tally_loss loss = put_tally_loss(tally);
    uint32_t acks = 0, synced = 0, open = 0;

    for (uint32_t i = 0; i < tally->n; i++) {
        acks += answers[i] == PUT_YES || answers[i] == PUT_SYNCED;
        synced += answers[i] == PUT_SYNCED;
        open += answers[i] == PUT_OPEN;
    }
    uint32_t have = loss.err == ERR_DW_UNSATISFIED ? synced : acks;
    uint32_t need = loss.err == ERR_DW_UNSATISFIED              ? needs->dw
                    : loss.err == ERR_PW_UNSATISFIED            ? needs->pw
                    : loss.err == ERR_NODE_CONFIRMS_UNSATISFIED ? needs->node_confirms
                                                                : needs->w;
    bool named = loss.err == ERR_DW_UNSATISFIED || loss.err == ERR_PW_UNSATISFIED ||
                 loss.err == ERR_NODE_CONFIRMS_UNSATISFIED || loss.err == ERR_W_UNSATISFIED;
    return named && loss.have == have && loss.need == need && have + open < need;
}

/* All assignments of answers for one set of needs; false at the first difference. */
static bool put_table(uint32_t n, struct put_needs needs)
{
    uint8_t answers[REPLICAS];

    for (uint32_t code = 0; code < power(ANSWERS, n); code++) {
        struct put_tally tally;
        decode(code, n, answers);
        put_tally_init(&tally, n, needs);
        for (uint32_t i = 0; i < n; i++)
            put_vote(&tally, i, answers[i]);
        /* Open votes counted as no: what holds now. */
        bool met = put_holds(&needs, answers, n);
        bool possible = may_hold(put_holds, &needs, answers, n);
        enum tally_verdict wanted = met ? TALLY_MET : possible ? TALLY_OPEN : TALLY_LOST;
        enum tally_verdict verdict = put_tally_verdict(&tally);
        if (verdict == wanted && (verdict != TALLY_LOST || put_loss_true(&tally, answers)))
            continue;
        tap_note("n %u w %u dw %u pw %u confirms %u, answers %u in base 4: %d, not %d", n, needs.w,
                 needs.dw, needs.pw, needs.node_confirms, code, (int)verdict, (int)wanted);
        return false;
    }
    return true;
}

TEST(puts)
{
    for (uint32_t n = 1; n <= REPLICAS; n++) {
        uint32_t sets = power(n + 1, 4);
        bool right = true;
        for (uint32_t set = 0; set < sets && right; set++) {
            uint32_t rest = set;
            struct put_needs needs;
            needs.w = rest % (n + 1);
            rest /= n + 1;
            needs.dw = rest % (n + 1);
            rest /= n + 1;
            needs.pw = rest % (n + 1);
            needs.node_confirms = rest / (n + 1);
            right = put_table(n, needs);
        }
        CHECK(right);
    }
}

/* What Riak counts towards r: objects, and not-founds where they are answers. */
static bool get_holds(const void *context, const uint8_t *answers, uint32_t n)
{
    const struct get_needs *needs = context;
    uint32_t good = 0;

    for (uint32_t i = 0; i < n; i++)
        good += answers[i] == GET_FOUND || (answers[i] == GET_MISSING && needs->notfound_ok);
    return good >= needs->r && good >= needs->pr && good >= needs->node_confirms;
}

/* A basic quorum gives up when a majority had nothing to give. */
static bool gave_up(const struct get_needs *needs, const uint8_t *answers, uint32_t n)
{
    uint32_t bad = 0;

    for (uint32_t i = 0; i < n; i++)
        bad += answers[i] == GET_NO || (answers[i] == GET_MISSING && !needs->notfound_ok);
    return needs->basic_quorum && bad >= n / 2 + 1;
}

static void get_vote(struct get_tally *tally, uint32_t replica, uint8_t answer)
{
    static const enum vote votes[] = {
        [GET_NO] = VOTE_NO, [GET_FOUND] = VOTE_YES, [GET_MISSING] = VOTE_NOT_FOUND};

    if (answer != GET_OPEN)
        get_tally_add(tally, replica, votes[answer]);
}

/* Not-found is said only when somebody said so and nobody failed or found. */
static bool get_loss_true(const struct get_tally *tally, const uint8_t *answers)
{
    struct tally_loss loss = get_tally_loss(tally);
    uint32_t said[ANSWERS] = {0};

    for (uint32_t i = 0; i < tally->n; i++)
        said[answers[i]]++;
    if (loss.err == ERR_NOT_FOUND)
        return said[GET_MISSING] > 0 && said[GET_FOUND] == 0 && said[GET_NO] == 0;
    if (said[GET_FOUND] == 0 && said[GET_NO] == 0)
        return false;
    uint32_t good = said[GET_FOUND] + (tally->needs.notfound_ok ? said[GET_MISSING] : 0);
    uint32_t need = loss.err == ERR_PR_UNSATISFIED              ? tally->needs.pr
                    : loss.err == ERR_NODE_CONFIRMS_UNSATISFIED ? tally->needs.node_confirms
                                                                : tally->needs.r;
    bool named = loss.err == ERR_R_UNSATISFIED || loss.err == ERR_PR_UNSATISFIED ||
                 loss.err == ERR_NODE_CONFIRMS_UNSATISFIED;
    return named && loss.have == good && loss.need == need && loss.have < loss.need;
}

static bool get_table(uint32_t n, struct get_needs needs)
{
    uint8_t answers[REPLICAS];

    for (uint32_t code = 0; code < power(ANSWERS, n); code++) {
        struct get_tally tally;
        uint32_t open = 0;
        decode(code, n, answers);
        get_tally_init(&tally, n, needs);
        for (uint32_t i = 0; i < n; i++) {
            get_vote(&tally, i, answers[i]);
            open += answers[i] == GET_OPEN;
        }
        bool met = get_holds(&needs, answers, n);
        bool possible = may_hold(get_holds, &needs, answers, n) && !gave_up(&needs, answers, n);
        enum tally_verdict wanted = met ? TALLY_MET : possible ? TALLY_OPEN : TALLY_LOST;
        enum tally_verdict verdict = get_tally_verdict(&tally);
        if (verdict == wanted && get_tally_open(&tally) == open &&
            (verdict != TALLY_LOST || get_loss_true(&tally, answers)))
            continue;
        tap_note("n %u r %u pr %u confirms %u basic %d notfound_ok %d, answers %u in base 4: "
                 "%d, not %d",
                 n, needs.r, needs.pr, needs.node_confirms, needs.basic_quorum, needs.notfound_ok,
                 code, (int)verdict, (int)wanted);
        return false;
    }
    return true;
}

TEST(gets)
{
    for (uint32_t n = 1; n <= REPLICAS; n++) {
        uint32_t sets = power(n + 1, 3) * 4;
        bool right = true;
        for (uint32_t set = 0; set < sets && right; set++) {
            uint32_t rest = set / 4;
            struct get_needs needs = {.basic_quorum = set % 2 != 0,
                                      .notfound_ok = set / 2 % 2 != 0};
            needs.r = rest % (n + 1);
            rest /= n + 1;
            needs.pr = rest % (n + 1);
            needs.node_confirms = rest / (n + 1);
            /* A read of nothing is never asked for: r is at least one. */
            if (needs.r > 0)
                right = get_table(n, needs);
        }
        CHECK(right);
    }
}

/* Places of which some are held by fallbacks. */
struct mixed {
    struct put_needs put;
    struct get_needs get;
    uint32_t fallbacks; /* a bit for each place */
};

static bool primary(const struct mixed *m, uint32_t place)
{
    return (m->fallbacks >> place & 1) == 0;
}

static bool mixed_put_holds(const void *context, const uint8_t *answers, uint32_t n)
{
    const struct mixed *m = context;
    uint32_t primaries = 0;

    for (uint32_t i = 0; i < n; i++)
        primaries += primary(m, i) && (answers[i] == PUT_YES || answers[i] == PUT_SYNCED);
    return put_holds(&m->put, answers, n) && primaries >= m->put.pw;
}

/* A fallback that keeps nothing says nothing: it helps an object, and never makes a not-found. */
static bool mixed_get_holds(const void *context, const uint8_t *answers, uint32_t n)
{
    const struct mixed *m = context;
    uint32_t found = 0, good = 0, primaries = 0;

    for (uint32_t i = 0; i < n; i++)
        found += answers[i] == GET_FOUND;
    for (uint32_t i = 0; i < n; i++) {
        bool missing = answers[i] == GET_MISSING && m->get.notfound_ok;
        good += answers[i] == GET_FOUND || (missing && (primary(m, i) || found > 0));
        primaries += primary(m, i) && (answers[i] == GET_FOUND || missing);
    }
    return good >= m->get.r && good >= m->get.node_confirms && primaries >= m->get.pr;
}

static enum tally_verdict wanted(holds_fn *holds, const struct mixed *m, const uint8_t *answers,
                                 uint32_t n)
{
    if (holds(m, answers, n))
        return TALLY_MET;
    return may_hold(holds, m, answers, n) ? TALLY_OPEN : TALLY_LOST;
}

static bool mixed_table(uint32_t n, const struct mixed *m)
{
    uint8_t answers[REPLICAS];

    for (uint32_t code = 0; code < power(ANSWERS, n); code++) {
        struct put_tally puts;
        struct get_tally gets;
        bool empty = false;
        decode(code, n, answers);
        put_tally_init(&puts, n, m->put);
        get_tally_init(&gets, n, m->get);
        for (uint32_t i = 0; i < n; i++) {
            puts.primary[i] = primary(m, i);
            gets.primary[i] = primary(m, i);
            put_vote(&puts, i, answers[i]);
            get_vote(&gets, i, answers[i]);
            empty = empty || (!primary(m, i) && answers[i] == GET_MISSING);
        }
        if (put_tally_verdict(&puts) != wanted(mixed_put_holds, m, answers, n) ||
            get_tally_verdict(&gets) != wanted(mixed_get_holds, m, answers, n))
            return false;
        if (get_tally_verdict(&gets) == TALLY_LOST && empty &&
            get_tally_loss(&gets).err == ERR_NOT_FOUND)
            return false;
    }
    return true;
}

TEST(fallbacks)
{
    for (uint32_t n = 1; n < REPLICAS; n++) {
        bool right = true;
        for (uint32_t set = 0; set < power(n + 1, 3) * 2 && right; set++) {
            uint32_t a = set / 2 % (n + 1), b = set / 2 / (n + 1) % (n + 1);
            uint32_t c = set / 2 / (n + 1) / (n + 1);
            struct mixed m = {{a, b, c, a}, {a, b, c, false, set % 2 == 1}, 0};
            for (m.fallbacks = 0; m.fallbacks < 1u << n && a > 0; m.fallbacks++)
                right = right && mixed_table(n, &m);
        }
        CHECK(right);
    }
}

/* The answers of a code in the order of `order`: the verdict after each. */
static void put_verdicts(uint32_t n, struct put_needs needs, const uint8_t *answers,
                         const uint32_t *order, enum tally_verdict *ret_verdicts)
{
    struct put_tally tally;

    put_tally_init(&tally, n, needs);
    for (uint32_t i = 0; i < n; i++) {
        put_vote(&tally, order[i], answers[order[i]]);
        ret_verdicts[i] = put_tally_verdict(&tally);
    }
}

static void shuffle(struct random *random, uint32_t *order, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t at = (uint32_t)random_below(random, i);
        uint32_t other = order[i - 1];
        order[i - 1] = order[at];
        order[at] = other;
    }
}

TEST(the_order_of_votes_does_not_matter)
{
    struct random random;
    struct seed seed = seed_of(7);
    bool same = true, steady = true;

    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t n = 1 + (uint32_t)random_below(&random, REPLICAS);
        uint32_t orders[2][REPLICAS];
        uint8_t answers[REPLICAS];
        enum tally_verdict verdicts[2][REPLICAS];
        struct put_needs needs = {
            (uint32_t)random_below(&random, n + 1), (uint32_t)random_below(&random, n + 1),
            (uint32_t)random_below(&random, n + 1), (uint32_t)random_below(&random, n + 1)};
        for (uint32_t i = 0; i < n; i++)
            answers[i] = (uint8_t)(1 + random_below(&random, ANSWERS - 1));
        for (uint32_t k = 0; k < 2; k++) {
            shuffle(&random, orders[k], n);
            put_verdicts(n, needs, answers, orders[k], verdicts[k]);
            for (uint32_t i = 1; i < n; i++)
                steady = steady &&
                         (verdicts[k][i - 1] == TALLY_OPEN || verdicts[k][i] == verdicts[k][i - 1]);
        }
        same = same && verdicts[0][n - 1] == verdicts[1][n - 1];
        same = same && verdicts[0][n - 1] != TALLY_OPEN;
    }
    CHECK(same);
    CHECK(steady);
}

TEST(the_order_of_answers_to_a_read_does_not_matter)
{
    struct random random;
    struct seed seed = seed_of(8);
    bool same = true, steady = true;

    random_init(&random, &seed, 1);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t n = 1 + (uint32_t)random_below(&random, REPLICAS);
        uint8_t answers[REPLICAS];
        uint32_t order[REPLICAS];
        enum tally_verdict last[2] = {TALLY_OPEN, TALLY_OPEN};
        struct get_needs needs = {1 + (uint32_t)random_below(&random, n),
                                  (uint32_t)random_below(&random, n + 1),
                                  (uint32_t)random_below(&random, n + 1),
                                  random_below(&random, 2) != 0, random_below(&random, 2) != 0};
        for (uint32_t i = 0; i < n; i++)
            answers[i] = (uint8_t)(1 + random_below(&random, ANSWERS - 1));
        for (uint32_t k = 0; k < 2; k++) {
            struct get_tally tally;
            shuffle(&random, order, n);
            get_tally_init(&tally, n, needs);
            for (uint32_t i = 0; i < n; i++) {
                enum tally_verdict before = get_tally_verdict(&tally);
                get_vote(&tally, order[i], answers[order[i]]);
                last[k] = get_tally_verdict(&tally);
                /* Only a basic quorum may be overtaken by a late object. */
                steady = steady && (before == TALLY_OPEN || last[k] == before ||
                                    (before == TALLY_LOST && needs.basic_quorum));
            }
        }
        same = same && last[0] == last[1] && last[0] != TALLY_OPEN;
    }
    CHECK(same);
    CHECK(steady);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(puts),
        T(gets),
        T(fallbacks),
        T(the_order_of_votes_does_not_matter),
        T(the_order_of_answers_to_a_read_does_not_matter),
    };

    return tap_main(argc, argv, tests);
}

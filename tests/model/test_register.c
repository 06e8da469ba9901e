/* SPDX-License-Identifier: Apache-2.0 */
/* Exhaustive search over the register of the product, and over rules that are wrong. */
#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "register_world.h"
#include "tap.h"

/* A state that waits to be expanded. */
struct waiting {
    struct waiting *next;
    struct register_state state;
    uint32_t depth;
};

/* A set of 128-bit digests: two states with the same are taken for one. */
struct seen {
    uint64_t (*table)[2];
    size_t size, count;
};

struct finding {
    uint32_t states;
    uint32_t steps; /* to the wrong state; 0: none is wrong */
    enum register_wrong wrong;
    bool decided[EPOCHS][DOCUMENTS]; /* documents that some run decides */
    struct seen seen;
    struct waiting *first, *last, *spare;
    const struct waiting *from;
};

static bool seen_add(struct seen *seen, const uint64_t digest[2])
{
    size_t at = digest[0] & (seen->size - 1);

    for (; seen->table[at][0] != 0; at = (at + 1) & (seen->size - 1)) {
        if (seen->table[at][0] == digest[0] && seen->table[at][1] == digest[1])
            return false;
    }
    seen->table[at][0] = digest[0];
    seen->table[at][1] = digest[1];
    seen->count++;
    return true;
}

static void seen_grow(struct seen *seen)
{
    struct seen old = *seen;

    if (seen->size != 0 && seen->count * 2 < seen->size)
        return;
    seen->size = old.size == 0 ? 1 << 16 : old.size * 4;
    seen->count = 0;
    seen->table = mem_new_array(seen->size, sizeof(seen->table[0]));
    for (size_t i = 0; i < old.size; i++) {
        if (old.table[i][0] != 0)
            (void)seen_add(seen, old.table[i]);
    }
    mem_free(old.table);
}

static void found(void *context, struct register_step step, const struct register_state *next)
{
    struct finding *finding = context;
    uint64_t digest[2];

    (void)step;
    hash_xx128(bytes_of(next, sizeof(*next)), (uint8_t *)digest);
    digest[0] += digest[0] == 0;
    seen_grow(&finding->seen);
    if (finding->steps != 0 || !seen_add(&finding->seen, digest))
        return;
    finding->states++;
    for (uint32_t i = 0; i < EPOCHS; i++)
        finding->decided[i][next->decided[i]] = true;
    if (next->wrong != RIGHT) {
        finding->steps = finding->from->depth + 1;
        finding->wrong = (enum register_wrong)next->wrong;
    }
    struct waiting *waiting = finding->spare;
    if (waiting != NULL)
        finding->spare = waiting->next;
    else
        waiting = mem_new(sizeof(*waiting));
    waiting->next = NULL;
    waiting->state = *next;
    waiting->depth = finding->from->depth + 1;
    if (finding->last != NULL)
        finding->last->next = waiting;
    else
        finding->first = waiting;
    finding->last = waiting;
}

static void give_back(struct waiting *waiting)
{
    while (waiting != NULL) {
        struct waiting *next = waiting->next;
        mem_free(waiting);
        waiting = next;
    }
}

/* Visits every state, nearest first. */
static struct finding search_all(const struct register_rules *rules)
{
    static const char *const words[] = {
        [DECIDED_TWICE] = "an epoch is decided twice",
        [BASE_UNKNOWN] = "voters do not know what they voted after",
        [DONE_UNKNOWN] = "what is done can be lost",
    };
    struct finding finding = {.states = 0};
    struct waiting start = {.depth = 0};

    register_world_init();
    register_state_init(rules, &start.state);
    finding.from = &start;
    register_world_expand(rules, &start.state, found, &finding);
    while (finding.first != NULL && finding.steps == 0) {
        struct waiting *now = finding.first;
        finding.first = now->next;
        if (finding.first == NULL)
            finding.last = NULL;
        finding.from = now;
        register_world_expand(rules, &now->state, found, &finding);
        now->next = finding.spare;
        finding.spare = now;
    }
    give_back(finding.first);
    give_back(finding.spare);
    mem_free(finding.seen.table);
    if (finding.steps == 0)
        tap_note("%s: %u states, none is wrong", rules->name, finding.states);
    else
        tap_note("%s: %u states; after %u steps %s", rules->name, finding.states, finding.steps,
                 words[finding.wrong]);
    return finding;
}

/* The sets of voters: some of the first three nodes, and of three more. */
enum { ABC = 7, AB = 3, ABD = 11, CDE = 28, DEF = 56 };

TEST(one_epoch)
{
    struct finding f = search_all(&(struct register_rules){
        .name = "one epoch", .epochs = 1, .nodes = 3, .first = ABC, .rounds = {{2, 1}}});

    CHECK_EQ(f.steps, 0);
    CHECK(f.decided[0][1]);
    CHECK(f.decided[0][2]);
}

TEST(one_epoch_with_crashes)
{
    struct finding f = search_all(&(struct register_rules){.name = "crashes",
                                                           .epochs = 1,
                                                           .nodes = 3,
                                                           .first = ABC,
                                                           .rounds = {{1, 1}},
                                                           .crashes = {1, 0}});

    CHECK_EQ(f.steps, 0);
    CHECK(f.decided[0][1]);
    CHECK(f.decided[0][2]);
}

static void voters_change(const char *name, uint8_t nodes, uint8_t to)
{
    struct finding f = search_all(&(struct register_rules){.name = name,
                                                           .epochs = 2,
                                                           .nodes = nodes,
                                                           .first = ABC,
                                                           .voters = {{to, ABC}},
                                                           .rounds = {{1, 1}, {1, 1}},
                                                           .reports = true});

    CHECK_EQ(f.steps, 0);
    for (int document = 3; document <= 6; document++)
        CHECK(f.decided[1][document]);
}

TEST(a_voter_goes)
{
    voters_change("a voter goes", 3, AB);
}

TEST(one_voter_stays)
{
    voters_change("one voter stays", 5, CDE);
}

TEST(no_voter_stays)
{
    voters_change("no voter stays", 6, DEF);
}
/* The last of three gives its vote to a fourth, forgets everything, and has a vote again. */
TEST(a_voter_comes_back)
{
    struct finding f = search_all(&(struct register_rules){.name = "a voter comes back",
                                                           .epochs = 3,
                                                           .nodes = 4,
                                                           .first = ABC,
                                                           .voters = {{ABD, ABC}, {ABC, ABC}},
                                                           .rounds = {{1, 1}, {1, 1}, {1, 1}},
                                                           .forgets = true,
                                                           .reports = true});

    CHECK_EQ(f.steps, 0);
    for (int document = 7; document <= 14; document++)
        CHECK(f.decided[2][document]);
}

TEST(wrong_rules_are_found)
{
    /* All by three voters; in the first epoch they may be followed by others. */
    struct {
        struct register_rules rules;
        enum register_wrong wrong;
    } all[] = {
        {{.name = "replies early", .epochs = 1, .reply_early = true}, DECIDED_TWICE},
        {{.name = "reuses ballots", .epochs = 1, .crashes = {1, 0}, .reuse_ballots = true},
         DECIDED_TWICE},
        {{.name = "ignores what it found", .epochs = 1, .ignore_found = true}, DECIDED_TWICE},
        {{.name = "asks one voter", .epochs = 1, .few_voters = true}, DECIDED_TWICE},
        {{.name = "votes again", .epochs = 1, .vote_again = true}, DECIDED_TWICE},
        {{.name = "new voters vote on themselves", .epochs = 2, .new_voters = true}, DECIDED_TWICE},
        {{.name = "strangers promise", .epochs = 1, .nodes = 4, .strangers = true}, DECIDED_TWICE},
        {{.name = "goes on before a majority has accepted", .epochs = 1, .go_on_early = true},
         DECIDED_TWICE},
        {{.name = "votes on what follows the unknown",
          .epochs = 2,
          .rounds = {{0}, {1, 0}},
          .vote_ahead = true},
         BASE_UNKNOWN},
        {{.name = "reports before new voters know",
          .epochs = 1,
          .reports = true,
          .report_early = true},
         DONE_UNKNOWN},
        {{.name = "leaves before it can be spared",
          .epochs = 2,
          .forgets = true,
          .leave_early = true,
          .rounds = {{0}, {1, 1}}},
         BASE_UNKNOWN},
        {{.name = "comes back into an old epoch",
          .epochs = 2,
          .forgets = true,
          .come_back_before = true},
         DECIDED_TWICE},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct register_rules *rules = &all[i].rules;
        rules->nodes = rules->nodes == 0 ? NODES : rules->nodes;
        rules->first = ABC;
        rules->voters[0][0] = DEF;
        rules->voters[0][1] = ABC;
        rules->rounds[0][0] = rules->rounds[0][1] = 1;
        struct finding f = search_all(rules);
        CHECK(f.steps > 0);
        CHECK_EQ(f.wrong, all[i].wrong);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(one_epoch),      T(one_epoch_with_crashes), T(a_voter_goes),          T(one_voter_stays),
        T(no_voter_stays), T(a_voter_comes_back),     T(wrong_rules_are_found),
    };
    return tap_main(argc, argv, tests);
}

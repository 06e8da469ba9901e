/* SPDX-License-Identifier: Apache-2.0 */
/* Staged changes and what they come to; edits of documents; the chain. */
#include "cluster/plan.h"

#include "base/check.h"
#include "base/random.h"
#include "cluster/chain.h"
#include "cluster/edit.h"
#include "cluster/staging.h"
#include "model/draft.h"
#include "record/document.h"
#include "ring/ring.h"
#include "tap.h"

static struct arena arena;

static struct bytes node_name(uint64_t id)
{
    char *text = arena_alloc(&arena, 4);

    text[0] = 'n';
    text[1] = (char)('a' + id % 26);
    text[2] = (char)('a' + id / 26);
    return bytes_of(text, id < 26 ? 2 : 3);
}

static struct intent joins(uint64_t id, struct bytes location)
{
    return (struct intent){.tag = id,
                           .kind = INTENT_JOIN,
                           .node = id,
                           .name = node_name(id),
                           .address = node_name(id),
                           .location = location,
                           .weight = 100};
}

static struct document *alone(void)
{
    static const uint64_t cluster[2] = {1, 2}, key[2] = {3, 4};
    struct member self = {.id = 1,
                          .name = node_name(1),
                          .address = node_name(1),
                          .weight = 100,
                          .state = MEMBER_VALID};
    struct document *d = draft_first(cluster, key, &self, 64, 16, 3);

    document_seal(d);
    return d;
}

static struct plan planned(const struct document *d, struct intent *intents, uint32_t count)
{
    struct plan plan;

    for (uint32_t i = 0; i < count; i++) {
        intents[i].base = plan_base(d);
        intents[i].order = i + 1;
    }
    plan_make(&arena, d, intents, count, &plan);
    return plan;
}

/* The document with `count` members. */
static struct document *crowd(uint32_t count)
{
    struct document *d = alone();
    struct intent intents[7];

    for (uint32_t i = 0; i + 1 < count; i++)
        intents[i] = joins(i + 2, BYTES_NONE);
    if (count == 1)
        return d;
    struct plan plan = planned(d, intents, count - 1);
    document_free(d);
    plan_at_once(&arena, plan.next);
    document_seal(plan.next);
    return plan.next;
}

TEST(nothing_staged_is_no_plan)
{
    arena_init(&arena);
    struct document *d = crowd(3);
    struct plan plan = planned(d, NULL, 0);
    CHECK_EQ(plan.id, 0);
    CHECK_EQ(plan.err, ERR_OK);
    CHECK(plan.next == NULL);
    /* What changes nothing neither. */
    struct intent same = {.tag = 9, .kind = INTENT_WEIGHT, .node = 1, .weight = 100};
    plan = planned(d, &same, 1);
    CHECK_EQ(plan.id, 0);
    CHECK(plan.next == NULL);
    document_free(d);
    arena_done(&arena);
}

TEST(a_join_gives_everybody_a_share)
{
    arena_init(&arena);
    struct document *d = crowd(4);
    struct intent five = joins(5, BYTES_NONE);
    struct plan plan = planned(d, &five, 1);
    CHECK(plan.id != 0);
    CHECK_EQ(plan.joiners_count, 1);
    CHECK_EQ(plan.joiners[0], 5);
    CHECK_EQ(plan.next->members_count, 5);
    uint32_t total = 0;
    for (uint32_t i = 0; i < 5; i++) {
        CHECK(plan_share(plan.next, plan.next->goal, i) >= 9 &&
              plan_share(plan.next, plan.next->goal, i) <= 10);
        total += plan_share(plan.next, plan.next->goal, i);
    }
    CHECK_EQ(total, 48);
    CHECK(plan.moved >= 9 && plan.moved <= 10);
    plan_done(&plan);
    document_free(d);
    arena_done(&arena);
}

TEST(a_plan_depends_on_nothing_but_what_is_staged)
{
    arena_init(&arena);
    struct document *d = crowd(3);
    struct intent a[3] = {joins(6, BYTES_NONE), joins(5, BYTES_LIT("r")), joins(4, BYTES_NONE)};
    struct plan first = planned(d, a, 3);
    struct intent b[3] = {a[2], a[0], a[1]};
    struct plan second;
    plan_make(&arena, d, b, 3, &second);
    CHECK_EQ(first.id, second.id);
    /* Addresses of joiners are part of it, properties of buckets are not. */
    b[0].address = BYTES_LIT("elsewhere");
    struct plan third;
    plan_make(&arena, d, b, 3, &third);
    CHECK(third.id != first.id);
    struct document *next = draft_next(d);
    CHECK_EQ(draft_set_type(next, BYTES_LIT("t"), true, BYTES_NONE), ERR_OK);
    document_seal(next);
    struct plan fourth;
    plan_make(&arena, next, a, 3, &fourth);
    CHECK_EQ(fourth.id, first.id);
    plan_done(&first);
    plan_done(&second);
    plan_done(&third);
    plan_done(&fourth);
    document_free(next);
    document_free(d);
    arena_done(&arena);
}

TEST(what_is_withdrawn_or_superseded_does_not_count)
{
    arena_init(&arena);
    struct document *d = crowd(3);
    struct intent w[2] = {{.tag = 1, .kind = INTENT_WEIGHT, .node = 2, .weight = 10},
                          {.tag = 2, .kind = INTENT_WEIGHT, .node = 2, .weight = 20}};
    struct plan plan = planned(d, w, 2);
    CHECK_EQ(plan.next->members[1].weight, 20);
    plan_done(&plan);
    w[1].withdrawn = true;
    plan_make(&arena, d, w, 2, &plan);
    CHECK_EQ(plan.next->members[1].weight, 10);
    plan_done(&plan);
    w[0].base++;
    plan_make(&arena, d, w, 2, &plan);
    CHECK_EQ(plan.id, 0);
    document_free(d);
    arena_done(&arena);
}

/* As many as there can be, of which the first has all replicas. */
static struct document *full(void)
{
    struct document *d = alone(), *next = draft_next(d);
    struct member *members = arena_alloc_array(&arena, NODES_MAX, sizeof(*members));

    for (uint32_t i = 0; i < NODES_MAX; i++)
        members[i] = (struct member){
            .id = i + 1, .name = node_name(i + 1), .address = node_name(i + 1), .weight = 100};
    draft_set_members(next, members, NODES_MAX, d->n_max, d->place, NULL);
    document_seal(next);
    document_free(d);
    return next;
}

TEST(plans_that_cannot_be)
{
    arena_init(&arena);
    struct document *d = full();
    struct intent one = joins(NODES_MAX + 1, BYTES_NONE);
    struct plan plan = planned(d, &one, 1);
    CHECK_EQ(plan.err, ERR_REFUSED);
    CHECK(bytes_starts(plan.why, BYTES_LIT("a cluster has at most 1024 members")));
    /* One leaves first: it is a member until what it has is elsewhere. Then it can be. */
    struct intent leaves = {.tag = 20, .kind = INTENT_LEAVE, .node = 3};
    plan = planned(d, &leaves, 1);
    CHECK_EQ_FATAL(plan.err, ERR_OK);
    CHECK_EQ(plan.next->members_count, NODES_MAX);
    CHECK_EQ(plan.next->members[document_member(plan.next, 3)].state, MEMBER_LEAVING);
    document_free(d);
    d = plan.next;
    plan_at_once(&arena, d);
    document_seal(d);
    CHECK(document_member(d, 3) < 0);
    plan = planned(d, &one, 1);
    CHECK_EQ(plan.err, ERR_OK);
    CHECK_EQ(plan.next->members_count, NODES_MAX);
    plan_done(&plan);
    document_free(d);
    d = crowd(1);
    struct intent last = {.tag = 1, .kind = INTENT_LEAVE, .node = 1};
    plan = planned(d, &last, 1);
    CHECK_EQ(plan.err, ERR_REFUSED);
    struct intent weightless = {.tag = 1, .kind = INTENT_WEIGHT, .node = 1, .weight = 0};
    plan = planned(d, &weightless, 1);
    CHECK_EQ(plan.err, ERR_REFUSED);
    struct intent double_name = joins(2, BYTES_NONE);
    double_name.name = node_name(1);
    plan = planned(d, &double_name, 1);
    CHECK_EQ(plan.err, ERR_REFUSED);
    document_free(d);
    arena_done(&arena);
}

TEST(staging_is_a_set)
{
    struct staging a, b;

    arena_init(&arena);
    staging_init(&a);
    staging_init(&b);
    staging_rebase(&a, 7);
    staging_rebase(&b, 7);
    CHECK_EQ(staging_add(&a, joins(1, BYTES_NONE)), ERR_OK);
    CHECK_EQ(staging_add(&a, joins(2, BYTES_NONE)), ERR_OK);
    CHECK_EQ(staging_size(&a), 2);
    for (uint32_t i = 0; i < a.count; i++)
        CHECK(staging_merge(&b, &a.intents[i]));
    CHECK(!staging_merge(&b, &a.intents[0]));
    CHECK(staging_join(&b, 2) != NULL);
    staging_withdraw(&b, 2);
    CHECK(staging_withdrawn(&b, 2));
    CHECK(staging_join(&b, 2) == NULL);
    /* The older news does not bring it back; the newer reaches the other. */
    CHECK(!staging_merge(&b, &a.intents[1]));
    CHECK(staging_withdrawn(&b, 2));
    CHECK(staging_merge(&a, &b.intents[1]));
    CHECK_EQ(staging_size(&a), 1);
    struct intent again = joins(2, BYTES_NONE);
    again.tag = 22;
    CHECK_EQ(staging_add(&a, again), ERR_OK);
    CHECK(!staging_withdrawn(&a, 2));
    struct intent old = joins(3, BYTES_NONE);
    old.base = 6;
    CHECK(!staging_merge(&a, &old));
    staging_rebase(&a, 8);
    CHECK_EQ(a.count, 0);
    staging_done(&a);
    staging_done(&b);
    arena_done(&arena);
}

/* Both tell what they know at once; whether anything was new. */
static bool meet(struct staging *a, struct staging *b)
{
    struct intent from_a[INTENTS_MAX], from_b[INTENTS_MAX];
    uint32_t count_a = a->count, count_b = b->count;
    bool news = false;

    memcpy(from_a, a->intents, sizeof(from_a));
    memcpy(from_b, b->intents, sizeof(from_b));
    for (uint32_t i = 0; i < count_a; i++)
        news = staging_merge(b, &from_a[i]) || news;
    for (uint32_t i = 0; i < count_b; i++)
        news = staging_merge(a, &from_b[i]) || news;
    return news;
}

/* Two nodes stage, clear and withdraw at random, and tell each other at random: when both have told
 * all, both know the same, and nobody calls anything news any more. */
TEST(stagings_come_to_rest)
{
    struct random random;
    struct seed seed = {{7}};

    arena_init(&arena);
    random_init(&random, &seed, 1);
    for (uint32_t run = 0; run < 300; run++) {
        struct staging s[2];
        uint32_t nodes = 1 + (uint32_t)random_below(&random, INTENTS_MAX / 4);
        for (unsigned i = 0; i < 2; i++) {
            staging_init(&s[i]);
            staging_rebase(&s[i], 7);
        }
        for (uint32_t step = 0; step < 200; step++) {
            struct staging *at = &s[random_below(&random, 2)];
            struct intent one = {.tag = 1 + random_u64(&random) / 2,
                                 .kind = (enum intent_kind)random_below(&random, 4),
                                 .node = 1 + random_below(&random, nodes),
                                 .name = BYTES_LIT("name"),
                                 .address = BYTES_LIT("host:1")};
            uint64_t draw = random_below(&random, 100);
            if (draw < 60)
                CHECK_EQ(staging_add(at, one), ERR_OK);
            else if (draw < 65)
                staging_clear(at);
            else if (draw < 80)
                staging_withdraw(at, one.node);
            else if (s[0].count > 0)
                (void)staging_merge(&s[1], &s[0].intents[random_below(&random, s[0].count)]);
        }
        (void)meet(&s[0], &s[1]);
        CHECK(!meet(&s[0], &s[1]));
        CHECK_EQ(s[0].count, s[1].count);
        CHECK_EQ(staging_size(&s[0]), staging_size(&s[1]));
        for (unsigned i = 0; i < 2; i++)
            staging_done(&s[i]);
    }
    arena_done(&arena);
}

/* Nodes that are full, each of what the other does not know. */
TEST(full_stagings_come_to_rest)
{
    struct staging a, b;
    uint32_t rounds = 0;

    arena_init(&arena);
    staging_init(&a);
    staging_init(&b);
    staging_rebase(&a, 7);
    staging_rebase(&b, 7);
    for (uint32_t i = 0; i < INTENTS_MAX; i++) {
        CHECK_EQ(staging_add(&a, joins(i + 1, BYTES_NONE)), ERR_OK);
        CHECK_EQ(staging_add(&b, joins(i + 1000, BYTES_NONE)), ERR_OK);
        if (i % 2 == 0)
            staging_withdraw(&a, i + 1);
        if (i % 3 == 0)
            staging_withdraw(&b, i + 1000);
    }
    while (rounds < 10 && meet(&a, &b))
        rounds++;
    CHECK(rounds < 10);
    CHECK_EQ(a.count, INTENTS_MAX);
    CHECK_EQ(b.count, INTENTS_MAX);
    staging_done(&a);
    staging_done(&b);
    arena_done(&arena);
}

TEST(a_rehearsal_leaves_nothing)
{
    struct staging s;
    struct intent weight = {.tag = 5, .kind = INTENT_WEIGHT, .node = 1, .weight = 50};

    arena_init(&arena);
    staging_init(&s);
    staging_rebase(&s, 7);
    CHECK_EQ(staging_add(&s, weight), ERR_OK);
    struct staging before = s;
    weight.weight = 70;
    weight.tag = 6;
    CHECK_EQ(staging_add(&s, weight), ERR_OK);
    CHECK_EQ(staging_add(&s, joins(9, BYTES_NONE)), ERR_OK);
    staging_restore(&s, &before);
    CHECK_EQ(s.count, 1);
    CHECK_EQ(s.intents[0].weight, 50);
    staging_tidy(&s);
    CHECK(staging_join(&s, 9) == NULL);
    staging_done(&s);
    arena_done(&arena);
}

TEST(staging_is_bounded)
{
    struct staging s;

    arena_init(&arena);
    staging_init(&s);
    staging_rebase(&s, 7);
    for (uint32_t i = 0; i < INTENTS_MAX; i++)
        CHECK_EQ(staging_add(&s, joins(i + 1, BYTES_NONE)), ERR_OK);
    CHECK_EQ(staging_add(&s, joins(100, BYTES_NONE)), ERR_FULL);
    struct intent theirs = joins(101, BYTES_NONE);
    theirs.base = 7;
    CHECK(!staging_merge(&s, &theirs));
    staging_withdraw(&s, 5);
    CHECK_EQ(staging_add(&s, joins(100, BYTES_NONE)), ERR_OK);
    CHECK_EQ(s.count, INTENTS_MAX);
    theirs.tag = 500;
    theirs.order = UINT64_MAX;
    staging_withdraw(&s, 6);
    CHECK(!staging_merge(&s, &theirs));
    staging_done(&s);
    arena_done(&arena);
}

static enum err edited(const struct document *base, const struct edit *edit,
                       struct document **ret_next)
{
    struct buf why;

    buf_init(&why, REASON_BYTES_MAX);
    enum err err = edit_apply(edit, base, ret_next, &why);
    buf_done(&why);
    return err;
}

TEST(edits_of_a_plan)
{
    arena_init(&arena);
    struct document *d = crowd(2), *prepared, *switched, *none;
    struct intent join = joins(5, BYTES_NONE);
    struct plan plan = planned(d, &join, 1);
    struct edit edit = {.kind = EDIT_SWITCH,
                        .plan = plan.id,
                        .base = plan.base,
                        .intents = &join,
                        .intents_count = 1};
    plan_done(&plan);
    /* Replicas move: not without the fence. */
    CHECK_EQ(edited(d, &edit, &switched), ERR_STALE);
    edit.kind = EDIT_PREPARE;
    CHECK_EQ(edited(d, &edit, &prepared), ERR_OK);
    CHECK_EQ(prepared->preparing, plan.id);
    CHECK_EQ(prepared->epoch, d->epoch + 1);
    CHECK_EQ(prepared->previous, d->hash);
    CHECK_EQ(edited(prepared, &edit, &none), ERR_OK);
    CHECK(none == NULL);
    struct edit other = edit;
    other.plan++;
    CHECK_EQ(edited(prepared, &other, &none), ERR_BUSY);
    edit.kind = EDIT_SWITCH;
    CHECK_EQ(edited(prepared, &edit, &switched), ERR_OK);
    CHECK_EQ(switched->members_count, 3);
    CHECK_EQ(switched->preparing, 0);
    /* Once is enough. */
    CHECK_EQ(edited(switched, &edit, &none), ERR_STALE);
    edit.kind = EDIT_CANCEL;
    CHECK_EQ(edited(switched, &edit, &none), ERR_OK);
    CHECK(none == NULL);
    document_free(switched);
    CHECK_EQ(edited(prepared, &edit, &switched), ERR_OK);
    CHECK_EQ(switched->preparing, 0);
    CHECK_EQ(switched->members_count, 2);
    document_free(switched);
    document_free(prepared);
    document_free(d);
    arena_done(&arena);
}

TEST(edits_of_a_member)
{
    arena_init(&arena);
    struct document *d = crowd(2), *next;
    struct edit edit = {
        .kind = EDIT_SELF, .node = 2, .name = BYTES_LIT("new"), .address = BYTES_LIT("there:1")};
    CHECK_EQ(edited(d, &edit, &next), ERR_OK);
    CHECK(bytes_eq(next->members[1].address, BYTES_LIT("there:1")));
    CHECK_EQ(plan_base(next), plan_base(d));
    document_free(next);
    edit.name = d->members[0].name;
    CHECK_EQ(edited(d, &edit, &next), ERR_REFUSED);
    edit.node = 9;
    CHECK_EQ(edited(d, &edit, &next), ERR_NOT_FOUND);
    document_free(d);
    arena_done(&arena);
}

TEST(the_chain_lets_in_what_continues_it)
{
    struct chain chain;

    arena_init(&arena);
    chain_init(&chain);
    struct document *d = crowd(1);
    uint64_t first_hash = d->hash;
    CHECK_EQ(chain_judge(&chain, d), CHAIN_NEWER);
    chain_add(&chain, d);
    CHECK_EQ(chain_judge(&chain, d), CHAIN_CURRENT);
    struct document *next = draft_next(d);
    document_seal(next);
    CHECK_EQ(chain_judge(&chain, next), CHAIN_NEWER);
    struct document *foreign = draft_next(d);
    foreign->lineage++;
    document_seal(foreign);
    CHECK_EQ(chain_judge(&chain, foreign), CHAIN_FOREIGN);
    document_free(foreign);
    CHECK(!chain.forked);
    struct document *fork = draft_next(d);
    fork->previous++;
    document_seal(fork);
    CHECK_EQ(chain_judge(&chain, fork), CHAIN_FORK);
    CHECK(chain.forked);
    document_free(fork);
    chain_add(&chain, next);
    CHECK(chain_has(&chain, 1, first_hash));
    CHECK(!chain_has(&chain, 1, first_hash + 1));
    CHECK_EQ(chain_judge(&chain, d), CHAIN_OLDER);
    struct blob *delta = chain_delta(&chain, 1, first_hash);
    struct document *read;
    CHECK(delta != NULL && delta->len < chain_bytes(&chain)->len);
    CHECK_EQ(chain_read(&chain, 1, blob_bytes(delta), &read), ERR_OK);
    CHECK_EQ(read->hash, next->hash);
    document_free(read);
    CHECK_EQ(chain_read(&chain, 99, blob_bytes(delta), &read), ERR_STALE);
    CHECK(chain_delta(&chain, 1, first_hash + 1) == NULL);
    CHECK(chain_delta(&chain, 2, next->hash) == NULL);
    blob_unref(delta);
    chain_done(&chain);
    arena_done(&arena);
}

TEST(the_chain_keeps_a_few)
{
    struct chain chain;

    arena_init(&arena);
    chain_init(&chain);
    chain_add(&chain, alone());
    for (int i = 0; i < 20; i++) {
        struct document *next = draft_next(chain_document(&chain));
        document_seal(next);
        CHECK_EQ(chain_judge(&chain, next), CHAIN_NEWER);
        chain_add(&chain, next);
    }
    CHECK_EQ(chain.count, CHAIN_DOCUMENTS_MAX);
    CHECK_EQ(chain_document(&chain)->epoch, 21);
    chain_done(&chain);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(nothing_staged_is_no_plan),
        T(a_join_gives_everybody_a_share),
        T(a_plan_depends_on_nothing_but_what_is_staged),
        T(what_is_withdrawn_or_superseded_does_not_count),
        T(plans_that_cannot_be),
        T(staging_is_a_set),
        T(full_stagings_come_to_rest),
        T(staging_is_bounded),
        T(stagings_come_to_rest),
        T(a_rehearsal_leaves_nothing),
        T(edits_of_a_plan),
        T(edits_of_a_member),
        T(the_chain_lets_in_what_continues_it),
        T(the_chain_keeps_a_few),
    };
    return tap_main(argc, argv, tests);
}

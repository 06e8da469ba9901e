/* SPDX-License-Identifier: Apache-2.0 */
/* The judge is judged: legal histories pass, each kind of damage is named. */
#include "history/checker.h"
#include "tap.h"

static uint32_t write_done(struct history *h, uint32_t key, const uint32_t *seen, uint32_t count)
{
    uint32_t id = history_invoke(h, key, false, seen, count);

    history_answer(h, id, OUTCOME_DONE, 2);
    return id;
}

static struct verdict final(const struct history *h, uint32_t key, const uint32_t *ids,
                            uint32_t count)
{
    return check_final(h,
                       &(struct sight){.key = key, .one_value = false, .ids = ids, .count = count});
}

static struct verdict final_single(const struct history *h, uint32_t key, const uint32_t *ids,
                                   uint32_t count)
{
    return check_final(h,
                       &(struct sight){.key = key, .one_value = true, .ids = ids, .count = count});
}

static struct verdict plain(const struct history *h, uint32_t key, const uint32_t *ids,
                            uint32_t count)
{
    return check_read(h,
                      &(struct sight){.key = key, .one_value = false, .ids = ids, .count = count});
}

TEST(siblings_are_legal)
{
    struct history h;
    uint32_t ids[2];

    history_init(&h);
    ids[0] = write_done(&h, 7, NULL, 0);
    ids[1] = write_done(&h, 7, NULL, 0);
    CHECK_EQ(final(&h, 7, ids, 2).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 7, ids, 1).kind, FAULT_LOST);
    CHECK_EQ(final(&h, 7, ids, 1).write, ids[1]);
    history_done(&h);
}

TEST(later_covers_earlier)
{
    struct history h;
    uint32_t a, b, both[2];

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = write_done(&h, 1, &a, 1);
    both[0] = a;
    both[1] = b;
    CHECK_EQ(final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, both, 2).kind, FAULT_FALSE_TWIN);
    CHECK_EQ(final(&h, 1, &a, 1).kind, FAULT_LOST);
    history_done(&h);
}

TEST(through_an_unknown_write)
{
    struct history h;
    uint32_t a, b, c;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = history_invoke(&h, 1, false, &a, 1);
    history_answer(&h, b, OUTCOME_UNKNOWN, 0);
    CHECK_EQ(final(&h, 1, &a, 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, NULL, 0).kind, FAULT_LOST);
    c = write_done(&h, 1, &b, 1);
    CHECK_EQ(final(&h, 1, &c, 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, &a, 1).kind, FAULT_LOST);
    history_done(&h);
}

TEST(deleted_stays_deleted)
{
    struct history h;
    uint32_t a, d, b, both[2];

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = write_done(&h, 1, NULL, 0);
    d = history_invoke(&h, 1, true, &a, 1);
    history_answer(&h, d, OUTCOME_DONE, 2);
    both[0] = a;
    both[1] = b;
    CHECK_EQ(final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, both, 2).kind, FAULT_STALE);
    CHECK_EQ(final(&h, 1, NULL, 0).kind, FAULT_LOST);
    CHECK_EQ(final(&h, 1, NULL, 0).write, b);
    history_done(&h);
}

TEST(invented_values)
{
    struct history h;
    uint32_t a, refused, none = 99;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    refused = history_invoke(&h, 1, false, NULL, 0);
    history_answer(&h, refused, OUTCOME_NOT_DONE, 0);
    CHECK_EQ(plain(&h, 1, &none, 1).kind, FAULT_INVENTED);
    CHECK_EQ(plain(&h, 2, &a, 1).kind, FAULT_INVENTED);
    CHECK_EQ(plain(&h, 1, &refused, 1).kind, FAULT_INVENTED);
    CHECK_EQ(plain(&h, 1, &a, 1).kind, FAULT_NONE);
    history_done(&h);
}

TEST(one_value_buckets)
{
    struct history h;
    uint32_t a, b, c, both[2];

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = write_done(&h, 1, NULL, 0);
    CHECK_EQ(final_single(&h, 1, &a, 1).kind, FAULT_NONE);
    CHECK_EQ(final_single(&h, 1, NULL, 0).kind, FAULT_LOST);
    both[0] = a;
    both[1] = b;
    CHECK_EQ(final_single(&h, 1, both, 2).kind, FAULT_TWINS);
    c = write_done(&h, 1, &a, 1);
    CHECK_EQ(final_single(&h, 1, &a, 1).kind, FAULT_STALE);
    CHECK_EQ(final_single(&h, 1, &a, 1).by, c);
    CHECK_EQ(final_single(&h, 1, &b, 1).kind, FAULT_NONE);
    history_invoke(&h, 1, true, &a, 1);
    CHECK_EQ(final_single(&h, 1, NULL, 0).kind, FAULT_NONE);
    history_done(&h);
}

static struct verdict quorum(const struct history *h, uint64_t answers, uint32_t r,
                             const uint32_t *ids, uint32_t count)
{
    return check_quorum_read(
        h, &(struct sight){.key = 1, .one_value = false, .ids = ids, .count = count}, answers, r,
        3);
}

TEST(a_quorum_meets_a_quorum)
{
    struct history h;
    uint32_t a, b;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    uint64_t between = h.answers;
    b = write_done(&h, 1, &a, 1);
    CHECK_EQ(quorum(&h, between, 2, &a, 1).kind, FAULT_NONE);
    CHECK_EQ(quorum(&h, between, 2, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(quorum(&h, between, 2, NULL, 0).kind, FAULT_LOST);
    CHECK_EQ(quorum(&h, between, 1, NULL, 0).kind, FAULT_NONE);
    CHECK_EQ(quorum(&h, h.answers, 2, &a, 1).kind, FAULT_LOST);
    CHECK_EQ(quorum(&h, h.answers, 2, &a, 1).write, b);
    CHECK_EQ(quorum(&h, h.answers, 1, &a, 1).kind, FAULT_NONE);
    history_done(&h);
}

TEST(the_past_is_transitive)
{
    struct history h;
    uint32_t ids[200];

    history_init(&h);
    for (uint32_t i = 0; i < 200; i++) {
        write_done(&h, 2, NULL, 0);
        ids[i] = write_done(&h, 1, i == 0 ? NULL : &ids[i - 1], i > 0);
    }
    CHECK(history_covers(&h, ids[199], ids[0]));
    CHECK(history_covers(&h, ids[199], ids[198]));
    CHECK(!history_covers(&h, ids[0], ids[199]));
    CHECK(!history_covers(&h, ids[5], ids[5]));
    CHECK_EQ(final(&h, 1, &ids[199], 1).kind, FAULT_NONE);
    CHECK_EQ(final(&h, 1, &ids[0], 1).kind, FAULT_LOST);
    history_done(&h);
}

TEST(what_must_be_listed)
{
    struct history h;
    uint32_t a;

    history_init(&h);
    CHECK(!check_must_be_listed(&h, 1, 0, 3, 0));
    a = history_invoke(&h, 1, false, NULL, 0);
    CHECK(!check_must_be_listed(&h, 1, UINT64_MAX, 3, 0));
    history_answer(&h, a, OUTCOME_DONE, 3);
    CHECK(check_must_be_listed(&h, 1, UINT64_MAX, 3, 0));
    CHECK(!check_must_be_listed(&h, 1, 0, 3, 0));
    CHECK(!check_must_be_listed(&h, 1, UINT64_MAX, 4, 0));
    history_invoke(&h, 1, true, &a, 1);
    CHECK(!check_must_be_listed(&h, 1, UINT64_MAX, 3, 0));
    history_done(&h);
}

TEST(values_describe_themselves)
{
    uint8_t text[64];
    uint32_t id = 0, key = 0;

    value_make(1234, 77, text, sizeof(text));
    CHECK(value_read(bytes_of(text, sizeof(text)), &id, &key));
    CHECK_EQ(id, 1234);
    CHECK_EQ(key, 77);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] ^= 1;
        CHECK(!value_read(bytes_of(text, sizeof(text)), &id, &key));
        text[i] ^= 1;
    }
    CHECK(!value_read(bytes_of(text, 31), &id, &key));
}

/* A value that expires may be missing from some time on, and must be after another. */
TEST(expired_values)
{
    struct history h;
    uint32_t old, brief;
    struct sight sight = {.key = 1, .count = 1};

    history_init(&h);
    old = write_done(&h, 1, NULL, 0);
    brief = write_done(&h, 1, &old, 1);
    history_expires(&h, brief, 100, 200);
    sight.ids = &brief;
    sight.asked = 200;
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_NONE);
    sight.asked = 201;
    CHECK_EQ(check_read(&h, &sight).kind, FAULT_EXPIRED);
    CHECK_EQ(check_read(&h, &sight).write, brief);

    sight = (struct sight){.key = 1, .heard = 99};
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_LOST);
    sight.heard = 100;
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_NONE);

    /* What it replaced does not come back with its end. */
    sight = (struct sight){.key = 1, .ids = &old, .count = 1, .asked = 300, .heard = 300};
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_STALE);
    history_done(&h);
}

TEST(expired_values_beside_others)
{
    struct history h;
    uint32_t a, b;
    struct sight sight = {.key = 1, .count = 1, .asked = 300, .heard = 300};

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = write_done(&h, 1, NULL, 0);
    history_expires(&h, b, 100, 200);
    sight.ids = &a;
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_NONE);
    sight.count = 0;
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_LOST);
    CHECK_EQ(check_final(&h, &sight).write, a);
    history_done(&h);
}

/* One whose outcome nobody knows may have replaced what is missing now. */
TEST(expired_and_unknown)
{
    struct history h;
    uint32_t a, b;
    struct sight sight = {.key = 1, .heard = 99};

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = history_invoke(&h, 1, false, &a, 1);
    history_expires(&h, b, 100, UINT64_MAX);
    history_answer(&h, b, OUTCOME_UNKNOWN, 0);
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_LOST);
    sight.heard = 100;
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_NONE);
    sight = (struct sight){.key = 1, .ids = &a, .count = 1, .asked = 300, .heard = 300};
    CHECK_EQ(check_final(&h, &sight).kind, FAULT_NONE);
    history_done(&h);
}

TEST(lists_of_what_expires)
{
    struct history h;
    uint32_t a;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    CHECK(!check_may_not_be_listed(&h, 1, UINT64_MAX));
    history_expires(&h, a, 100, 200);
    CHECK(check_must_be_listed(&h, 1, UINT64_MAX, 1, 99));
    CHECK(!check_must_be_listed(&h, 1, UINT64_MAX, 1, 100));
    CHECK(!check_may_not_be_listed(&h, 1, 200));
    CHECK(check_may_not_be_listed(&h, 1, 201));
    history_answer(&h, history_invoke(&h, 1, true, &a, 1), OUTCOME_DONE, 2);
    CHECK(check_may_not_be_listed(&h, 1, 201));
    history_answer(&h, history_invoke(&h, 1, false, &a, 1), OUTCOME_NOT_DONE, 0);
    CHECK(check_may_not_be_listed(&h, 1, 201));
    (void)history_invoke(&h, 1, false, &a, 1);
    CHECK(!check_may_not_be_listed(&h, 1, 201));
    history_done(&h);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(siblings_are_legal),         T(later_covers_earlier),   T(through_an_unknown_write),
        T(deleted_stays_deleted),      T(invented_values),        T(one_value_buckets),
        T(a_quorum_meets_a_quorum),    T(the_past_is_transitive), T(what_must_be_listed),
        T(values_describe_themselves), T(expired_values),         T(expired_values_beside_others),
        T(expired_and_unknown),        T(lists_of_what_expires),
    };

    return tap_main(argc, argv, tests);
}

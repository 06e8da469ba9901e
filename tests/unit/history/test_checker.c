/* SPDX-License-Identifier: Apache-2.0 */
/* The judge is judged: legal histories pass, each kind of damage is named. */
#include "history/checker.h"
#include "tap.h"

static uint32_t write_done(struct history *h, uint32_t key, const uint32_t *seen, uint32_t count)
{
    uint32_t id = history_invoke(h, key, false, seen, count);

    history_answer(h, id, OUTCOME_DONE);
    return id;
}

TEST(siblings_are_legal)
{
    struct history h;
    uint32_t ids[2];

    history_init(&h);
    ids[0] = write_done(&h, 7, NULL, 0);
    ids[1] = write_done(&h, 7, NULL, 0);
    CHECK_EQ(check_final(&h, 7, ids, 2).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 7, ids, 1).kind, FAULT_LOST);
    CHECK_EQ(check_final(&h, 7, ids, 1).write, ids[1]);
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
    CHECK_EQ(check_final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 1, both, 2).kind, FAULT_FALSE_TWIN);
    CHECK_EQ(check_final(&h, 1, &a, 1).kind, FAULT_LOST);
    history_done(&h);
}

TEST(through_an_unknown_write)
{
    struct history h;
    uint32_t a, b, c;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    b = history_invoke(&h, 1, false, &a, 1);
    history_answer(&h, b, OUTCOME_UNKNOWN);
    CHECK_EQ(check_final(&h, 1, &a, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 1, NULL, 0).kind, FAULT_LOST);
    c = write_done(&h, 1, &b, 1);
    CHECK_EQ(check_final(&h, 1, &c, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 1, &a, 1).kind, FAULT_LOST);
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
    history_answer(&h, d, OUTCOME_DONE);
    both[0] = a;
    both[1] = b;
    CHECK_EQ(check_final(&h, 1, &b, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final(&h, 1, both, 2).kind, FAULT_STALE);
    CHECK_EQ(check_final(&h, 1, NULL, 0).kind, FAULT_LOST);
    CHECK_EQ(check_final(&h, 1, NULL, 0).write, b);
    history_done(&h);
}

TEST(invented_values)
{
    struct history h;
    uint32_t a, refused, none = 99;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    refused = history_invoke(&h, 1, false, NULL, 0);
    history_answer(&h, refused, OUTCOME_NOT_DONE);
    CHECK_EQ(check_read(&h, 1, &none, 1).kind, FAULT_INVENTED);
    CHECK_EQ(check_read(&h, 2, &a, 1).kind, FAULT_INVENTED);
    CHECK_EQ(check_read(&h, 1, &refused, 1).kind, FAULT_INVENTED);
    CHECK_EQ(check_read(&h, 1, &a, 1).kind, FAULT_NONE);
    history_done(&h);
}

TEST(one_value_buckets)
{
    struct history h;
    uint32_t a;

    history_init(&h);
    a = write_done(&h, 1, NULL, 0);
    write_done(&h, 1, NULL, 0);
    CHECK_EQ(check_final_single(&h, 1, &a, 1).kind, FAULT_NONE);
    CHECK_EQ(check_final_single(&h, 1, NULL, 0).kind, FAULT_LOST);
    history_invoke(&h, 1, true, &a, 1);
    CHECK_EQ(check_final_single(&h, 1, NULL, 0).kind, FAULT_NONE);
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

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(siblings_are_legal),         T(later_covers_earlier), T(through_an_unknown_write),
        T(deleted_stays_deleted),      T(invented_values),      T(one_value_buckets),
        T(values_describe_themselves),
    };

    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/props.h"
#include "tap.h"

TEST(numbers_of_quorums)
{
    static const struct {
        uint32_t n, quorum;
    } sizes[] = {{1, 1}, {2, 2}, {3, 2}, {4, 3}, {5, 3}, {6, 4}, {16, 9}};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK_EQ(quorum_number(QUORUM_QUORUM, sizes[i].n), sizes[i].quorum);
        CHECK_EQ(quorum_number(QUORUM_ONE, sizes[i].n), 1);
        CHECK_EQ(quorum_number(QUORUM_ALL, sizes[i].n), sizes[i].n);
        CHECK_EQ(quorum_number(0, sizes[i].n), 0);
        CHECK_EQ(quorum_number(2, sizes[i].n), 2);
    }
    /* More than there are: the request is refused, not the number changed. */
    CHECK_EQ(quorum_number(7, 3), 7);
}

TEST(defaults_are_those_of_riak)
{
    struct props plain = props_default(false), created = props_default(true);

    CHECK_EQ(plain.n_val, 3);
    CHECK_EQ(plain.r, QUORUM_QUORUM);
    CHECK_EQ(plain.w, QUORUM_QUORUM);
    CHECK_EQ(plain.dw, QUORUM_QUORUM);
    CHECK_EQ(plain.rw, QUORUM_QUORUM);
    CHECK_EQ(plain.pr, 0);
    CHECK_EQ(plain.pw, 0);
    CHECK_EQ(plain.node_confirms, 0);
    CHECK(plain.notfound_ok);
    CHECK(!plain.basic_quorum);
    CHECK(!plain.last_write_wins);
    CHECK(!plain.allow_mult);
    CHECK(!plain.dvv_enabled);
    CHECK(created.allow_mult);
    CHECK(created.dvv_enabled);
    CHECK_EQ(created.n_val, 3);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(numbers_of_quorums),
        T(defaults_are_those_of_riak),
    };

    return tap_main(argc, argv, tests);
}

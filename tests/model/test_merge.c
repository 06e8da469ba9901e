/* SPDX-License-Identifier: Apache-2.0 */
/* Exhaustive search over the merge code of the product, and over rules that are wrong. */
#include "search.h"
#include "tap.h"

static void holds(const struct rules *rules, struct size size)
{
    struct finding finding = search(rules, size);

    CHECK(finding.wrong == NULL);
    CHECK_EQ(finding.refused, 0);
    CHECK(finding.outcomes > 0);
}

TEST(two_replicas)
{
    holds(&rules_winner, (struct size){2, 4, 0});
    holds(&rules_siblings, (struct size){2, 5, 0});
}

TEST(three_replicas)
{
    holds(&rules_siblings, (struct size){3, 4, 0});
    holds(&rules_winner, (struct size){3, 4, 0});
}

TEST(stores_are_lost)
{
    holds(&rules_siblings, (struct size){3, 3, 1});
    holds(&rules_winner, (struct size){2, 4, 1});
}

TEST(wrong_rules_are_found)
{
    for (size_t i = 0; i < rules_wrong_count; i++) {
        const struct rules *rules = &rules_wrong[i];
        struct finding finding = search(rules, (struct size){3, 3, rules->same_actor});
        CHECK(finding.wrong != NULL);
        CHECK(finding.steps > 0);
    }
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(two_replicas),
        T(three_replicas),
        T(stores_are_lost),
        T(wrong_rules_are_found),
    };
    return tap_main(argc, argv, tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "query/coverage.h"

#include "base/check.h"

/* How many partitions that are not yet covered each live node could cover. */
static void count_gains(const struct view *view, uint32_t n, const bool *covered, uint32_t *gains)
{
    uint16_t nodes[RING_REPLICAS_MAX];

    for (uint32_t p = 0; p < view->ring.partitions; p++) {
        uint32_t count = covered[p] ? 0 : ring_replicas(&view->ring, p, n, nodes);
        for (uint32_t i = 0; i < count; i++)
            gains[nodes[i]] += view->members[nodes[i]].up;
    }
}

void coverage_plan(struct coverage *coverage, const struct view *view, uint32_t n, uint64_t salt)
{
    bool covered[SLOTS_MAX] = {false};

    ASSERT(view->ring.partitions <= SLOTS_MAX);
    coverage->salt = salt;
    coverage->count = 0;
    coverage->epoch = view_epoch(view);
    for (;;) {
        uint32_t gains[NODES_MAX] = {0};
        uint16_t best = RING_NOBODY;
        count_gains(view, n, covered, gains);
        for (uint16_t i = 0; i < view->members_count; i++) {
            uint16_t at = (uint16_t)((salt + i) % view->members_count);
            if (gains[at] > 0 && (best == RING_NOBODY || gains[at] > gains[best]))
                best = at;
        }
        if (best == RING_NOBODY)
            return;
        coverage->nodes[coverage->count++] = best;
        for (uint32_t p = 0; p < view->ring.partitions; p++)
            covered[p] = covered[p] || ring_owns(&view->ring, p, n, best);
    }
}

uint64_t coverage_node(const struct coverage *coverage, const struct view *view, uint32_t partition,
                       uint32_t n, uint32_t attempt)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    uint32_t count = ring_replicas(&view->ring, partition, n, nodes);
    uint64_t live[RING_REPLICAS_MAX];
    uint32_t live_count = 0;

    /* The planned node first: the plan's best that holds the partition. */
    for (uint16_t i = 0; i < coverage->count && coverage->epoch == view_epoch(view); i++) {
        uint16_t at = coverage->nodes[i];
        if (ring_owns(&view->ring, partition, n, at) && view->members[at].up) {
            live[live_count++] = view->members[at].id;
            break;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct view_member *member = &view->members[nodes[i]];
        if (member->up && (live_count == 0 || live[0] != member->id))
            live[live_count++] = member->id;
    }
    return live_count == 0 ? 0 : live[attempt % live_count];
}

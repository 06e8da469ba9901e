/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/checker.h"

#include "base/check.h"

static bool holds_something(const struct solver_node *node)
{
    return node->weight > 0 && !node->leaving;
}

static uint32_t usable_nodes(const struct solver_input *input)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++)
        count += holds_something(&input->nodes[i]);
    return count;
}

/* How many usable nodes before this one stand in its location. */
static uint32_t neighbours_before(const struct solver_input *input, uint16_t node)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < node; i++)
        count += holds_something(&input->nodes[i]) &&
                 input->nodes[i].location == input->nodes[node].location;
    return count;
}

/* Replicas that one location may hold: with one less in each, a replica would find no node. */
static uint32_t location_limit(const struct solver_input *input, uint32_t copies)
{
    uint32_t limit = 0, placed = 0;

    for (; placed < copies; limit++) {
        placed = 0;
        for (uint16_t i = 0; i < input->nodes_count; i++)
            placed += holds_something(&input->nodes[i]) && neighbours_before(input, i) <= limit;
    }
    return limit;
}

static void check_list(const struct solver_input *input, const uint16_t *list, uint32_t copies,
                       uint32_t each, struct checker_report *report)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < input->n; i++) {
        uint32_t together = 1;
        if (list[i] == RING_NOBODY)
            continue;
        report->gaps += size < i;
        size++;
        if (list[i] >= input->nodes_count) {
            report->strays++;
            continue;
        }
        report->strays += !holds_something(&input->nodes[list[i]]);
        for (uint32_t j = 0; j < i; j++) {
            if (list[j] >= input->nodes_count)
                continue;
            report->doubles += list[j] == list[i];
            together += input->nodes[list[j]].location == input->nodes[list[i]].location;
        }
        report->crowded += together > each;
    }
    report->holes += size < copies ? copies - size : 0;
}

/* Who stood at a position that there still is, and stays, must stand at that position; in a list
 * that is not full, after all that it stood after. */
static void check_order(const struct solver_input *input, const uint16_t *old, const uint16_t *list,
                        struct checker_report *report)
{
    bool full = list[input->n - 1] != RING_NOBODY;
    uint32_t last = 0;

    for (uint32_t i = 0; i < input->old_n && i < input->n; i++) {
        uint32_t now = 0;
        while (now < input->n && (old[i] == RING_NOBODY || list[now] != old[i]))
            now++;
        if (now == input->n)
            continue;
        report->shuffled += full ? now != i : now < last;
        last = now;
    }
}

static uint32_t worst_load(const struct solver_input *input, const uint16_t *place,
                           const uint32_t *targets)
{
    uint32_t worst = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++) {
        uint32_t load = 0;
        for (size_t at = 0; at < (size_t)input->partitions * input->n; at++)
            load += place[at] == i;
        uint32_t off = load > targets[i] ? load - targets[i] : targets[i] - load;
        worst = off > worst ? off : worst;
    }
    return worst;
}

struct checker_report checker_run(const struct solver_input *input, const uint16_t *place,
                                  const uint32_t *targets)
{
    struct checker_report report = {.worst_load = worst_load(input, place, targets)};
    uint32_t nodes = usable_nodes(input);
    uint32_t copies = nodes < input->n ? nodes : input->n;
    uint32_t each = location_limit(input, copies);

    ASSERT(input->n > 0);
    ASSERT(input->partitions > 0);
    for (uint32_t p = 0; p < input->partitions; p++) {
        const uint16_t *list = place + (size_t)p * input->n;
        check_list(input, list, copies, each, &report);
        if (input->old_n > 0)
            check_order(input, input->old + (size_t)p * input->old_n, list, &report);
    }
    return report;
}

bool checker_clean(const struct checker_report *report)
{
    return report->holes == 0 && report->gaps == 0 && report->doubles == 0 && report->strays == 0 &&
           report->crowded == 0 && report->shuffled == 0 && report->worst_load <= 1;
}

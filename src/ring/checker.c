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

/* Locations that have a usable node. */
static uint32_t usable_locations(const struct solver_input *input)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++) {
        bool first = holds_something(&input->nodes[i]);
        for (uint16_t j = 0; j < i && first; j++)
            first = !holds_something(&input->nodes[j]) ||
                    input->nodes[j].location != input->nodes[i].location;
        count += first;
    }
    return count;
}

static void check_list(const struct solver_input *input, const uint16_t *list, uint32_t copies,
                       uint32_t each, struct checker_report *report)
{
    uint32_t size = 0;

    for (uint32_t i = 0; i < input->n; i++) {
        uint32_t together = 1;
        if (list[i] == RING_NOBODY)
            continue;
        size++;
        report->strays += !holds_something(&input->nodes[list[i]]);
        for (uint32_t j = 0; j < i; j++) {
            if (list[j] == RING_NOBODY)
                continue;
            report->doubles += list[j] == list[i];
            together += input->nodes[list[j]].location == input->nodes[list[i]].location;
        }
        report->crowded += together > each;
    }
    report->holes += size < copies ? copies - size : 0;
}

struct checker_report checker_run(const struct solver_input *input, const uint16_t *place,
                                  const uint32_t *targets)
{
    struct checker_report report = {0, 0, 0, 0, 0};
    uint32_t nodes = usable_nodes(input);
    uint32_t copies = nodes < input->n ? nodes : input->n;
    uint32_t locations = usable_locations(input);
    uint32_t each = locations == 0 ? 0 : (copies + locations - 1) / locations;

    for (uint32_t p = 0; p < input->partitions; p++)
        check_list(input, place + (size_t)p * input->n, copies, each, &report);
    for (uint16_t i = 0; i < input->nodes_count; i++) {
        uint32_t load = 0;
        for (size_t at = 0; at < (size_t)input->partitions * input->n; at++)
            load += place[at] == i;
        uint32_t off = load > targets[i] ? load - targets[i] : targets[i] - load;
        if (off > report.worst_load)
            report.worst_load = off;
    }
    return report;
}

bool checker_clean(const struct checker_report *report)
{
    return report->holes == 0 && report->doubles == 0 && report->strays == 0 &&
           report->crowded == 0 && report->worst_load <= 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An independent check of a placement: written from the rules, sharing no code with the solver. */
#ifndef RING_CHECKER_H
#define RING_CHECKER_H

#include "ring/solver.h"

struct checker_report {
    uint32_t holes;      /* places that hold nobody though a usable node was left over */
    uint32_t gaps;       /* places that hold nobody before one that holds somebody */
    uint32_t doubles;    /* a node twice in one list */
    uint32_t strays;     /* replicas on a node that should hold nothing, or that there is not */
    uint32_t crowded;    /* replicas beyond what their location may hold of the partition */
    uint32_t shuffled;   /* nodes that stayed in a list and lost their position or their order */
    uint32_t worst_load; /* greatest |load - target| of any node */
};

/* Looks at a map for the input. */
struct checker_report checker_run(const struct solver_input *input, const uint16_t *place,
                                  const uint32_t *targets);

/* Whether the report is clean: nothing above, and loads within one of the targets. */
bool checker_clean(const struct checker_report *report);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Visits every state of a world, nearest first, so that what it finds is the shortest story. */
#ifndef DASSIE_TESTS_MODEL_SEARCH_H
#define DASSIE_TESTS_MODEL_SEARCH_H

#include "world.h"

struct finding {
    const char *wrong; /* NULL: no state is wrong */
    uint32_t states;   /* visited */
    uint32_t outcomes; /* of them with all writes done */
    uint32_t refused;  /* steps that object_put_check refused */
    uint32_t steps;    /* to the wrong state */
};

/* Searches until the first wrong state, whose story is noted, or the end. */
struct finding search(const struct rules *rules, struct size size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of a history. A write happened before another when the other's context covered it, or
 * covered one that it happened before.
 *
 * After all faults are over and replicas have met, the values of a key must be exactly the maximal
 * writes:
 *   LOST       an acknowledged write is not returned and nothing that may have taken effect
 *              covers it;
 *   STALE      a returned write is covered by an acknowledged one;
 *   FALSE_TWIN a returned write is covered by another returned one;
 *   INVENTED   something returned was never sent, belongs to another key, or was refused. */
#ifndef HISTORY_CHECKER_H
#define HISTORY_CHECKER_H

#include "history/history.h"

enum fault_kind { FAULT_NONE, FAULT_LOST, FAULT_STALE, FAULT_FALSE_TWIN, FAULT_INVENTED };

struct verdict {
    enum fault_kind kind;
    uint32_t write; /* the one concerned */
    uint32_t by;    /* STALE, FALSE_TWIN: the one that covers it */
};

/* Judges what a read during the run returned: only INVENTED is a fault then. */
struct verdict check_read(const struct history *h, uint32_t key, const uint32_t *ids,
                          uint32_t count);

/* Judges the final values of a key. */
struct verdict check_final(const struct history *h, uint32_t key, const uint32_t *ids,
                           uint32_t count);

/* The same for a bucket that keeps one value: only INVENTED, and LOST when nothing is there though
 * a write was acknowledged and nothing may have deleted it. */
struct verdict check_final_single(const struct history *h, uint32_t key, const uint32_t *ids,
                                  uint32_t count);

const char *fault_name(enum fault_kind kind);

#endif

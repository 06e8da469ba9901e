/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of a history. A write happened before another when the other's context covered it, or
 * covered one that it happened before.
 *
 * Of every read:
 *   INVENTED   something returned was never sent, belongs to another key, or was refused;
 *   FALSE_TWIN a returned write is covered by another returned one;
 *   EXPIRED    a returned write had expired before the read was asked.
 *
 * Of a read that asked so many replicas that it met every write acknowledged before by enough of
 * them (r + copies > n), and of the final state of a key:
 *   LOST       an acknowledged write is not returned and nothing that may have taken effect
 *              covers it;
 *   STALE      a returned write is covered by an acknowledged one.
 *
 * After all faults are over and replicas have met, the values of a key must be exactly its maximal
 * writes. What may have expired when the answer came counts as a tombstone does: it need not be
 * returned, and what it covers must not. In a bucket that keeps one value concurrent writes may be
 * dropped: there LOST is said only when nothing is there though nothing may have deleted it, and
 * TWINS when there are two. */
#ifndef HISTORY_CHECKER_H
#define HISTORY_CHECKER_H

#include "history/history.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_LOST,
    FAULT_STALE,
    FAULT_FALSE_TWIN,
    FAULT_INVENTED,
    FAULT_TWINS,
    FAULT_EXPIRED,
};

struct verdict {
    enum fault_kind kind;
    uint32_t write; /* the one concerned */
    uint32_t by;    /* STALE, FALSE_TWIN: the one that covers it */
};

/* What was returned for a key. */
struct sight {
    uint32_t key;
    bool one_value; /* its bucket keeps one */
    const uint32_t *ids;
    uint32_t count;
    uint64_t asked, heard; /* when; for values that expire */
};

/* Judges what a read returned, whatever it asked of whom. */
struct verdict check_read(const struct history *h, const struct sight *sight);

/* Judges a read that had `r` answers of `n` replicas and was asked when `answers` writes had been
 * answered. */
struct verdict check_quorum_read(const struct history *h, const struct sight *sight,
                                 uint64_t answers, uint32_t r, uint32_t n);

/* Judges the final values of a key. */
struct verdict check_final(const struct history *h, const struct sight *sight);

/* Whether the key has had a write acknowledged by `copies` replicas before answer `answers`, and
 * none that may have deleted it, or expired when the listing was `heard`: whoever lists all keys
 * must meet it. */
bool check_must_be_listed(const struct history *h, uint32_t key, uint64_t answers, uint32_t copies,
                          uint64_t heard);

/* Whether all that was ever written to the key had expired, or was a tombstone, when the listing
 * was asked: nobody may meet it. */
bool check_may_not_be_listed(const struct history *h, uint32_t key, uint64_t asked);

const char *fault_name(enum fault_kind kind);

#endif

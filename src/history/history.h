/* SPDX-License-Identifier: Apache-2.0 */
/* What clients did and saw. Every write has a number of its own and remembers which writes its
 * client had read before it (its causal context); every read tells which writes it returned.
 * Outcomes are three: done, not done, unknown; an unknown write may take effect at any later
 * time. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include "base/bytes.h"

enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_NOT_DONE, OUTCOME_UNKNOWN };

struct history_write {
    uint32_t id;  /* its index */
    uint32_t key; /* a number, of the caller's choice */
    bool deleted; /* it wrote a tombstone: it is never returned */
    enum outcome outcome;
    uint32_t *seen; /* writes that its context covered */
    uint32_t seen_count;
};

struct history {
    struct history_write *writes;
    uint32_t count, cap;
};

void history_init(struct history *h);
void history_done(struct history *h);

/* A client sends a write of `key`; `seen` is copied. Returns its number. */
uint32_t history_invoke(struct history *h, uint32_t key, bool deleted, const uint32_t *seen,
                        uint32_t seen_count);

/* What the client heard of it; said once. */
void history_answer(struct history *h, uint32_t id, enum outcome outcome);

uint32_t history_acknowledged(const struct history *h);

/* A value that says which write made it: "id:key:padding:checksum". Fills `ret_text`, which has
 * room for `len` bytes, len >= 32. */
void value_make(uint32_t id, uint32_t key, uint8_t *ret_text, size_t len);

/* Reads such a value; false when it is damaged, mixed, or none. */
bool value_read(struct bytes text, uint32_t *ret_id, uint32_t *ret_key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What clients did and saw. Every write has a number of its own and remembers what happened before
 * it: the writes that its client had read (its causal context), and what happened before those.
 * Contexts name older writes of the same key only, so numbers grow along happened-before and a
 * key's past is known the moment a write is sent.
 *
 * Outcomes are three: done, not done, unknown; an unknown write may take effect at any later time.
 * Answers are counted: a reader notes the count when it asks, and so it is known which writes had
 * been acknowledged by then.
 *
 * A value may expire. When exactly nobody but the store knows: it may be missing from some time on,
 * and after a later one it must not be seen. Times are of the reader's, in any unit. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include "base/bytes.h"

enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_NOT_DONE, OUTCOME_UNKNOWN };

struct history_write {
    uint32_t id;  /* its index */
    uint32_t key; /* a number, of the caller's choice */
    bool deleted; /* it wrote a tombstone: it is never returned */
    enum outcome outcome;
    uint32_t copies;   /* DONE: replicas that have it on stable storage at least */
    uint64_t answered; /* which answer it was */
    uint64_t fades;    /* from then on it may have expired; UINT64_MAX: never */
    uint64_t gone;     /* after that it has; UINT64_MAX: never, or nobody knows */
    uint32_t place;    /* among the writes of its key */
    uint32_t words;    /* of `past` */
    uint64_t *past;    /* a bit for each place: it happened before this one */
};

struct history_key {
    uint32_t *writes; /* by place */
    uint32_t count, cap;
};

struct history {
    struct history_write *writes;
    uint32_t count, cap;
    struct history_key *keys;
    uint32_t keys_count;
    uint64_t answers;
};

void history_init(struct history *h);
void history_done(struct history *h);

/* A client sends a write of `key`; its context covers the writes `seen`, all of the same key.
 * Returns its number. */
uint32_t history_invoke(struct history *h, uint32_t key, bool deleted, const uint32_t *seen,
                        uint32_t seen_count);

/* What the client heard of it; said once. `copies`: how many replicas have it on stable storage if
 * it is done, as far as the answer promises. */
void history_answer(struct history *h, uint32_t id, enum outcome outcome, uint32_t copies);

/* What was invoked expires: see above. May be said again when more is known. */
void history_expires(struct history *h, uint32_t id, uint64_t fades, uint64_t gone);

/* Whether `before` is in the past of `after`, two writes of one key. */
bool history_covers(const struct history *h, uint32_t after, uint32_t before);

uint32_t history_acknowledged(const struct history *h);

/* A value that says which write made it: "id:key:padding:checksum". Fills `ret_text`, which has
 * room for `len` bytes, len >= 32. */
void value_make(uint32_t id, uint32_t key, uint8_t *ret_text, size_t len);

/* Reads such a value; false when it is damaged, mixed, or none. */
bool value_read(struct bytes text, uint32_t *ret_id, uint32_t *ret_key);

#endif

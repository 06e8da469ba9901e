/* SPDX-License-Identifier: Apache-2.0 */
/* What object and digest records have in common: the clock, and dots that are spelled as a place in
 * it. A dot costs two or three bytes, and one whose actor the clock does not know cannot be
 * written down.
 *
 *   clock: varint count; each: actor (8 bytes, little-endian), counter (varint), sorted by actor
 *   dot:   varint index of its actor in the clock, varint counter */
#ifndef RECORD_HISTORY_INT_H
#define RECORD_HISTORY_INT_H

#include "base/reader.h"
#include "model/clock.h"

size_t history_clock_size(struct clock clock);
uint8_t *history_clock_put(uint8_t *at, struct clock clock);

/* Reads a clock into the arena; false when it is none. Its hybrid clock is for the caller to
 * set, from the siblings. */
bool history_clock_read(struct reader *r, struct arena *arena, struct clock *ret_clock);

/* The versions of both records: one without anything that expires, as the first release wrote them
 * all, and one in which the end of the history follows the clock. */
enum { HISTORY_PLAIN = 1, HISTORY_EXPIRES = 2 };

size_t history_ends_size(uint8_t version);
uint8_t *history_ends_put(uint8_t *at, uint8_t version, struct clock clock);
bool history_ends_read(struct reader *r, uint8_t version, struct clock *clock);

/* Goes through the dots of an object, which are sorted, so that finding their places costs no
 * search and reading them proves the order. */
struct dot_walk {
    struct clock clock;
    uint32_t index;   /* of the last dot's actor */
    uint64_t counter; /* of the last dot; 0 before the first of an actor */
};

struct dot_walk dot_walk_of(struct clock clock);

size_t dot_walk_size(struct dot_walk *walk, struct dot dot);
uint8_t *dot_walk_put(struct dot_walk *walk, uint8_t *at, struct dot dot);

/* Reads the next dot: covered by the clock and greater than the last; false when it is not. */
bool dot_walk_read(struct dot_walk *walk, struct reader *r, struct dot *ret_dot);

#endif

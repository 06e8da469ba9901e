/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: pieces that die together. One lives for a step, one for a request. Pieces never move.
 * A first block may be kept across arena_reset, so a warm arena does not call the allocator. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block */
    size_t used;              /* bytes taken in `head` */
    size_t total;             /* bytes handed out since the last reset */
};

/* An empty arena; allocates nothing. */
void arena_init(struct arena *arena);

/* Gives everything back. The arena is empty and may be used again. */
void arena_done(struct arena *arena);

/* Forgets all pieces; keeps one block of moderate size for the next round. */
void arena_reset(struct arena *arena);

/* `size` bytes of zeros, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` times `size` bytes of zeros; aborts when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* A copy of the bytes; the view of an empty input is empty. */
struct bytes arena_copy(struct arena *arena, struct bytes from);

/* Bytes handed out since the last reset. */
size_t arena_total(const struct arena *arena);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of intrusive nodes, smallest `at` first; equal ones in order of insertion. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t at;
    uint64_t order; /* breaks ties */
    size_t place;   /* 1-based index while in a heap, 0 otherwise */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    uint64_t next_order;
};

void heap_init(struct heap *heap);

/* Frees the table; the nodes belong to their owners. */
void heap_done(struct heap *heap);

/* Adds the node, or moves it when it is there already. */
void heap_set(struct heap *heap, struct heap_node *node, uint64_t at);

/* Takes the node out; a node that is in no heap is left alone. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The node with the smallest `at`, or NULL. */
struct heap_node *heap_peek(const struct heap *heap);

bool heap_has(const struct heap_node *node);

#endif

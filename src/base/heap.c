/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/check.h"
#include "base/mem.h"

void heap_init(struct heap *heap)
{
    *heap = (struct heap){NULL, 0, 0, 0};
}

void heap_done(struct heap *heap)
{
    mem_free(heap->nodes);
    heap_init(heap);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(struct heap *heap, struct heap_node *node, size_t i)
{
    heap->nodes[i - 1] = node;
    node->place = i;
}

static void rise(struct heap *heap, struct heap_node *node, size_t i)
{
    while (i > 1 && before(node, heap->nodes[i / 2 - 1])) {
        place(heap, heap->nodes[i / 2 - 1], i);
        i /= 2;
    }
    place(heap, node, i);
}

static void sink(struct heap *heap, struct heap_node *node, size_t i)
{
    for (;;) {
        size_t child = i * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && before(heap->nodes[child], heap->nodes[child - 1]))
            child++;
        if (!before(heap->nodes[child - 1], node))
            break;
        place(heap, heap->nodes[child - 1], i);
        i = child;
    }
    place(heap, node, i);
}

void heap_set(struct heap *heap, struct heap_node *node, uint64_t at)
{
    heap_remove(heap, node);
    if (heap->count == heap->cap) {
        heap->cap = heap->cap == 0 ? 16 : heap->cap * 2;
        heap->nodes = mem_resize(heap->nodes, heap->cap * sizeof(heap->nodes[0]));
    }
    node->at = at;
    node->order = heap->next_order++;
    heap->count++;
    rise(heap, node, heap->count);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t i = node->place;

    if (i == 0)
        return;
    ASSERT(i <= heap->count);
    ASSERT(heap->nodes[i - 1] == node);
    struct heap_node *last = heap->nodes[heap->count - 1];
    heap->count--;
    node->place = 0;
    if (last == node)
        return;
    if (i > 1 && before(last, heap->nodes[i / 2 - 1]))
        rise(heap, last, i);
    else
        sink(heap, last, i);
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count == 0 ? NULL : heap->nodes[0];
}

bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}

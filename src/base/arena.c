/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/check.h"
#include "base/mem.h"

enum { ARENA_BLOCK_BYTES = 8192, ARENA_KEEP_BYTES = 256 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(16) uint8_t data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){NULL, 0, 0};
}

void arena_done(struct arena *arena)
{
    struct arena_block *block = arena->head;

    while (block != NULL) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->head;

    if (keep == NULL)
        return;
    struct arena_block *rest = keep->next;
    keep->next = NULL;
    while (rest != NULL) {
        struct arena_block *next = rest->next;
        mem_free(rest);
        rest = next;
    }
    if (keep->size > ARENA_KEEP_BYTES) {
        mem_free(keep);
        keep = NULL;
    }
    arena->head = keep;
    arena->used = 0;
    arena->total = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    ASSERT(size < SIZE_MAX / 2);
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (arena->head == NULL || arena->head->size - arena->used < size) {
        size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        if (arena->total > room && arena->total < ARENA_KEEP_BYTES)
            room = arena->total > size ? arena->total : size;
        struct arena_block *block = mem_resize(NULL, sizeof(*block) + room);
        block->next = arena->head;
        block->size = room;
        arena->head = block;
        arena->used = 0;
    }
    void *piece = arena->head->data + arena->used;
    arena->used += size;
    arena->total += size;
    memset(piece, 0, size);
    return piece;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    ASSERT(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(arena, count * size);
}

struct bytes arena_copy(struct arena *arena, struct bytes from)
{
    if (from.len == 0)
        return BYTES_NONE;
    uint8_t *copy = arena_alloc(arena, from.len);
    memcpy(copy, from.data, from.len);
    return bytes_of(copy, from.len);
}

size_t arena_total(const struct arena *arena)
{
    return arena->total;
}

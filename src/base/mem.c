/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"

void *mem_new(size_t size)
{
    void *piece = calloc(1, size == 0 ? 1 : size);

    ASSERT(piece != NULL);
    return piece;
}

void *mem_new_array(size_t count, size_t size)
{
    ASSERT(size == 0 || count <= SIZE_MAX / size);
    return mem_new(count * size);
}

void *mem_resize(void *old, size_t size)
{
    void *piece = realloc(old, size == 0 ? 1 : size);

    ASSERT(piece != NULL);
    return piece;
}

void mem_free(void *piece)
{
    free(piece);
}

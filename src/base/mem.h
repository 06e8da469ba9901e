/* SPDX-License-Identifier: Apache-2.0 */
/* The only allocator of the core. It never returns NULL: out of memory aborts. What bounds memory
 * is the maximum that every buffer, queue and table has. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* `size` bytes of zeros. */
void *mem_new(size_t size);

/* `count` times `size` bytes of zeros; aborts when the product overflows. */
void *mem_new_array(size_t count, size_t size);

/* Changes the size of a piece (NULL: makes one). New bytes are not set. */
void *mem_resize(void *old, size_t size);

/* Gives a piece back; NULL is fine. */
void mem_free(void *piece);

#endif

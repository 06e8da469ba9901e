/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pieces.h"

#include "base/check.h"
#include "base/mem.h"

enum { PIECES_FIRST = 8 };

static uint32_t place(const struct pieces *pieces, uint32_t number)
{
    return (pieces->first + number) & (pieces->cap - 1);
}

void pieces_done(struct pieces *pieces)
{
    for (uint32_t i = 0; i < pieces->count; i++)
        blob_unref(pieces->blobs[place(pieces, i)]);
    mem_free(pieces->blobs);
    *pieces = (struct pieces){.blobs = NULL};
}

static void grow(struct pieces *pieces)
{
    uint32_t cap = pieces->cap == 0 ? PIECES_FIRST : pieces->cap * 2;
    struct blob **blobs = mem_new_array(cap, sizeof(blobs[0]));

    for (uint32_t i = 0; i < pieces->count; i++)
        blobs[i] = pieces->blobs[place(pieces, i)];
    mem_free(pieces->blobs);
    pieces->blobs = blobs;
    pieces->cap = cap;
    pieces->first = 0;
}

void pieces_push(struct pieces *pieces, struct blob *blob)
{
    ASSERT(blob->len > 0);
    if (pieces->count == pieces->cap)
        grow(pieces);
    pieces->blobs[place(pieces, pieces->count)] = blob_ref(blob);
    pieces->count++;
    pieces->bytes += blob->len;
}

unsigned pieces_views(const struct pieces *pieces, uv_buf_t *views, unsigned max)
{
    unsigned count = 0;

    for (; count < pieces->count && count < max; count++) {
        struct blob *blob = pieces->blobs[place(pieces, count)];
        size_t skip = count == 0 ? pieces->sent : 0;
        views[count].base = (char *)blob->data + skip;
        views[count].len = blob->len - skip;
    }
    return count;
}

void pieces_sent(struct pieces *pieces, size_t bytes)
{
    ASSERT(bytes <= pieces->bytes);
    pieces->bytes -= bytes;
    pieces->sent += bytes;
    while (pieces->count > 0) {
        struct blob *blob = pieces->blobs[pieces->first];
        if (pieces->sent < blob->len)
            break;
        pieces->sent -= blob->len;
        pieces->first = place(pieces, 1);
        pieces->count--;
        blob_unref(blob);
    }
    ASSERT(pieces->count > 0 || (pieces->sent == 0 && pieces->bytes == 0));
}

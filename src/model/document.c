/* SPDX-License-Identifier: Apache-2.0 */
#include "model/document.h"

#include "base/check.h"
#include "base/mem.h"
#include "model/key.h"

struct document *document_new(void)
{
    struct document *document = mem_new(sizeof(*document));

    arena_init(&document->arena);
    return document;
}

void document_free(struct document *document)
{
    if (document == NULL)
        return;
    arena_done(&document->arena);
    mem_free(document);
}

int document_member(const struct document *document, uint64_t id)
{
    uint32_t low = 0, high = document->members_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (document->members[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < document->members_count && document->members[low].id == id ? (int)low : -1;
}

int document_member_named(const struct document *document, struct bytes name)
{
    for (uint32_t i = 0; i < document->members_count; i++) {
        if (bytes_eq(document->members[i].name, name))
            return (int)i;
    }
    return -1;
}

const struct bucket_type *document_type(const struct document *document, struct bytes type)
{
    uint32_t low = 0, high = document->types_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_cmp(document->types[middle].name, type);
        if (order == 0)
            return &document->types[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct bucket_override *document_override(const struct document *document, struct bytes type,
                                                struct bytes bucket)
{
    uint32_t low = 0, high = document->buckets_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct bucket_override *at = &document->buckets[middle];
        int order = bytes_cmp(at->type, type);
        if (order == 0)
            order = bytes_cmp(at->bucket, bucket);
        if (order == 0)
            return at;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct props *document_props(const struct document *document, struct bytes type,
                                   struct bytes bucket)
{
    const struct bucket_type *of_type = document_type(document, type);

    if (of_type == NULL || !of_type->active)
        return NULL;
    const struct bucket_override *own = document_override(document, type, bucket);
    return own == NULL ? &of_type->props : &own->props;
}

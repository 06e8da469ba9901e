/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rows.h"

#include "base/check.h"
#include "base/mem.h"

#define ROWS_RANDOM_START UINT64_C(0x9e3779b97f4a7c15)

void rows_init(struct rows *rows)
{
    *rows = (struct rows){.random = ROWS_RANDOM_START};
}

static void row_free(struct row *row)
{
    blob_unref(row->value);
    mem_free(row);
}

void rows_done(struct rows *rows)
{
    struct row *row = rows->head[0];

    while (row != NULL) {
        struct row *next = row->next[0];
        row_free(row);
        row = next;
    }
    rows_init(rows);
}

struct bytes row_key(const struct row *row)
{
    return bytes_of(&row->next[row->height], row->key_len);
}

/* One more level with probability 1/4: two bits of an xorshift stream (Marsaglia, 2003) each. */
static uint32_t height_draw(struct rows *rows)
{
    uint32_t height = 1;

    rows->random ^= rows->random << 13;
    rows->random ^= rows->random >> 7;
    rows->random ^= rows->random << 17;
    for (uint64_t bits = rows->random; height < ROWS_HEIGHT_MAX && (bits & 3) == 0; bits >>= 2)
        height++;
    return height;
}

/* For each level the link that leads to the first row not before `key`. */
static struct row *descend(struct rows *rows, struct bytes key, struct row **links[ROWS_HEIGHT_MAX])
{
    struct row **level = rows->head;

    for (int i = ROWS_HEIGHT_MAX - 1; i >= 0; i--) {
        while (level[i] != NULL && bytes_cmp(row_key(level[i]), key) < 0)
            level = level[i]->next;
        links[i] = &level[i];
    }
    return level[0];
}

struct row *rows_seek(const struct rows *rows, struct bytes key)
{
    struct row *const *level = rows->head;

    for (int i = ROWS_HEIGHT_MAX - 1; i >= 0; i--) {
        while (level[i] != NULL && bytes_cmp(row_key(level[i]), key) < 0)
            level = level[i]->next;
    }
    return level[0];
}

struct row *rows_find(const struct rows *rows, struct bytes key)
{
    struct row *row = rows_seek(rows, key);

    return row != NULL && bytes_eq(row_key(row), key) ? row : NULL;
}

static struct row *row_new(struct rows *rows, struct bytes key, struct blob *value)
{
    uint32_t height = height_draw(rows);
    struct row *row = mem_new(sizeof(*row) + height * sizeof(row->next[0]) + key.len);

    ASSERT(key.len <= UINT32_MAX);
    row->value = value;
    row->height = height;
    row->key_len = (uint32_t)key.len;
    if (key.len > 0)
        memcpy(&row->next[height], key.data, key.len);
    return row;
}

struct blob *rows_set(struct rows *rows, struct bytes key, struct blob *value)
{
    struct row **links[ROWS_HEIGHT_MAX];
    struct row *row = descend(rows, key, links);
    struct blob *old = NULL;

    if (row != NULL && bytes_eq(row_key(row), key)) {
        old = row->value;
        row->value = value;
        if (value != NULL)
            return old;
        for (uint32_t i = 0; i < row->height; i++) {
            ASSERT(*links[i] == row);
            *links[i] = row->next[i];
        }
        row_free(row);
        ASSERT(rows->count > 0);
        rows->count--;
        return old;
    }
    if (value == NULL)
        return NULL;
    row = row_new(rows, key, value);
    for (uint32_t i = 0; i < row->height; i++) {
        row->next[i] = *links[i];
        *links[i] = row;
    }
    rows->count++;
    return NULL;
}

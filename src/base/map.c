/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/check.h"
#include "base/mem.h"

enum { MAP_FIRST_BUCKETS = 16 };

void map_init(struct map *map)
{
    *map = (struct map){NULL, 0, 0, {NULL, NULL}};
    list_init(&map->order);
}

void map_done(struct map *map)
{
    mem_free(map->table);
    map_init(map);
}

static size_t bucket_of(const struct map *map, uint64_t hash)
{
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (map->buckets - 1);
}

static void link_node(struct map *map, struct map_node *node)
{
    struct map_node **slot = &map->table[bucket_of(map, node->hash)];

    node->next = *slot;
    *slot = node;
}

static void grow(struct map *map)
{
    mem_free(map->table);
    map->buckets = map->buckets == 0 ? MAP_FIRST_BUCKETS : map->buckets * 2;
    map->table = mem_new_array(map->buckets, sizeof(map->table[0]));
    LIST_EACH(at, &map->order)
        link_node(map, MAP_NODE_OF(at));
}

void map_add(struct map *map, struct map_node *node, uint64_t hash)
{
    if (map->count >= map->buckets)
        grow(map);
    node->hash = hash;
    link_node(map, node);
    list_append(&map->order, &node->order);
    map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
    ASSERT(map->count > 0);
    struct map_node **slot = &map->table[bucket_of(map, node->hash)];

    while (*slot != node) {
        ASSERT(*slot != NULL);
        slot = &(*slot)->next;
    }
    *slot = node->next;
    list_remove(&node->order);
    map->count--;
}

struct map_node *map_find(const struct map *map, uint64_t hash)
{
    if (map->buckets == 0)
        return NULL;
    struct map_node *node = map->table[bucket_of(map, hash)];

    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct map_node *map_next(const struct map_node *node)
{
    uint64_t hash = node->hash;
    struct map_node *next = node->next;

    while (next != NULL && next->hash != hash)
        next = next->next;
    return next;
}

struct map_node *map_first(const struct map *map)
{
    return list_empty(&map->order) ? NULL : MAP_NODE_OF(map->order.next);
}

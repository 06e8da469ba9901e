/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive hash map. Nodes stand inside the things they find; the map owns only its table.
 * Iteration goes in order of insertion: it depends on no address and no seed. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/bytes.h"
#include "base/list.h"

struct map_node {
    struct map_node *next; /* same bucket */
    struct list order;
    uint64_t hash;
};

struct map {
    struct map_node **table;
    size_t buckets; /* a power of two, or 0 */
    size_t count;
    struct list order;
};

void map_init(struct map *map);

/* Frees the table. The nodes belong to their owners. */
void map_done(struct map *map);

/* Adds a node under a hash. Equal hashes may stand side by side. */
void map_add(struct map *map, struct map_node *node, uint64_t hash);

/* Takes a node out. It must be in the map. */
void map_remove(struct map *map, struct map_node *node);

/* The first node with this hash, or NULL. Go on with map_next until the caller's key is equal. */
struct map_node *map_find(const struct map *map, uint64_t hash);
struct map_node *map_next(const struct map_node *node);

/* The node that was added first, or NULL. */
struct map_node *map_first(const struct map *map);

#define MAP_NODE_OF(list_node) CONTAINER_OF(list_node, struct map_node, order)

/* Visits all nodes, oldest first; the body may remove `node`. */
#define MAP_EACH(node, map)                                                                        \
    for (struct list *node##_at = (map)->order.next, *node##_then = node##_at->next;               \
         node##_at != &(map)->order; node##_at = node##_then, node##_then = node##_at->next)       \
        for (struct map_node *node = MAP_NODE_OF(node##_at); node != NULL; node = NULL)

#endif

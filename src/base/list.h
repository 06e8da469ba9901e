/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive doubly linked ring: the list is a node too. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Puts `node` before `at`: at the end when `at` is the list itself. */
static inline void list_insert(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append(struct list *list, struct list *node)
{
    list_insert(list, node);
}

/* Takes the node out; it is an empty list of its own afterwards, so removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the first node out and returns it; NULL when the list is empty. */
static inline struct list *list_pop(struct list *list)
{
    struct list *first = list->next;

    if (first == list)
        return NULL;
    list_remove(first);
    return first;
}

#define LIST_EACH(node, head)                                                                      \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* The same, where the body may remove `node`. */
#define LIST_EACH_SAFE(node, head)                                                                 \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif

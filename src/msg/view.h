/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine may know of the cluster: a value, built by cluster/, passed by const pointer,
 * valid for the length of the step. */
#ifndef MSG_VIEW_H
#define MSG_VIEW_H

#include "model/document.h"
#include "ring/ring.h"

struct view_member {
    uint64_t id;
    bool up;   /* reachable, as far as this node knows; itself always */
    bool grey; /* slow: ordered last, never treated as dead */
};

struct view {
    const struct document *document;   /* NULL until the node has one */
    struct ring ring;                  /* of the document */
    uint64_t self;                     /* this node's id */
    uint16_t self_index;               /* RING_NOBODY when it is no member */
    const struct view_member *members; /* by the document's index */
    const struct ring_node *nodes;     /* the same members as the ring sees them */
    uint16_t members_count;
};

/* The epoch of the document; 0 without one. */
uint64_t view_epoch(const struct view *view);

/* The index of a node, RING_NOBODY when it is no member. */
uint16_t view_index(const struct view *view, uint64_t node);

/* Whether this node answers for a partition by the document, and whether it shall. */
static inline bool view_owns(const struct view *view, uint32_t partition)
{
    return ring_owns(&view->ring, partition, view->ring.n_max, view->self_index);
}

static inline bool view_shall_own(const struct view *view, uint32_t partition)
{
    struct ring goal = view->ring;

    goal.place = view->document->goal;
    return ring_owns(&goal, partition, goal.n_max, view->self_index);
}

#endif

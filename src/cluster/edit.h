/* SPDX-License-Identifier: Apache-2.0 */
/* One change of the document: a value that can be applied to whichever document turns out to be the
 * newest, as often as needed. Applying is a pure function, so that a change which lost a race is
 * simply applied to what won. */
#ifndef CLUSTER_EDIT_H
#define CLUSTER_EDIT_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/document.h"
#include "msg/moved.h"
#include "msg/peer_cluster.h"
#include "msg/request.h"

enum edit_kind {
    EDIT_PROPS,   /* bucket types and properties */
    EDIT_PREPARE, /* plan `plan` is being prepared: the fence goes up */
    EDIT_SWITCH,  /* apply it */
    EDIT_CANCEL,  /* take the fence down again */
    EDIT_MOVED,   /* replicas have got to where they shall be */
    EDIT_DEPART,  /* member `node`, which leaves, has nothing any more */
    EDIT_SELF,    /* member `node` has another name or address now */
    EDIT_RESOLVE, /* nothing: only see to the end what somebody else began */
};

struct edit {
    enum edit_kind kind;

    /* EDIT_PROPS */
    enum props_verb verb;
    struct bytes type, bucket, overlay;

    /* EDIT_PREPARE, EDIT_SWITCH, EDIT_CANCEL */
    uint64_t plan;
    uint64_t base;                /* PREPARE, SWITCH: of the plan */
    const struct intent *intents; /* SWITCH: what the plan is made of */
    uint32_t intents_count;
    bool at_once; /* SWITCH: no data has to move, as was found behind the fence */

    /* EDIT_MOVED: what is not the next step of its partition any more is passed over */
    const struct moved *moved;
    uint32_t moved_count;

    /* EDIT_SELF, EDIT_DEPART */
    uint64_t node;
    struct bytes name, address;
};

/* A deep copy in the arena. */
struct edit edit_copy(struct arena *arena, const struct edit *edit);

/* Applies the change: ERR_OK and the next document, complete, the caller's; or NULL when it changes
 * nothing. ERR_STALE when its base is another by now; `why` gets the reason of other errors where
 * the error alone does not say it. */
enum err edit_apply(const struct edit *edit, const struct document *base,
                    struct document **ret_next, struct buf *why) MUST_CHECK;

#endif

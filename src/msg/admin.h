/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of a node, and what they are told. */
#ifndef MSG_ADMIN_H
#define MSG_ADMIN_H

#include "base/bytes.h"

enum admin_verb {
    ADMIN_STATUS,       /* answered from the view and the cluster's state */
    ADMIN_JOIN,         /* stage: this node joins the cluster of the node at `target` (host:port) */
    ADMIN_LEAVE,        /* stage: the member named `target` leaves; `value` "true": also if fewer
                           members are left than copies */
    ADMIN_PLAN,         /* show the plan of what is staged */
    ADMIN_COMMIT,       /* commit plan `target`; empty: the one last shown */
    ADMIN_CLEAR,        /* forget what is staged */
    ADMIN_SET_LOCATION, /* stage: member `target` is at location `value` */
    ADMIN_SET_WEIGHT,   /* stage: member `target` has weight `value` */
    ADMIN_REPLACE,      /* stage: `value`, which stays or joins, takes over all of `target` */
    ADMIN_FORCE_REMOVE, /* stage: `target` is gone for good */
    ADMIN_FORCE_REPLACE, /* stage: the same, and `value` gets copies of all that it had */
};

struct admin_request {
    enum admin_verb verb;
    struct bytes target;
    struct bytes value;
    bool dry_run;
};

#endif

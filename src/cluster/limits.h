/* SPDX-License-Identifier: Apache-2.0 */
/* The maxima of this room. */
#ifndef CLUSTER_LIMITS_H
#define CLUSTER_LIMITS_H

#include "model/limits.h"

enum {
    CHAIN_DOCUMENTS_MAX = 8,        /* kept, for deltas */
    EDITS_MAX = 64,                 /* changes that wait for their turn at the register */
    DEFERRED_MAX = 256,             /* messages that wait for stable storage */
    CONTACTS_MAX = NODES_MAX + 128, /* nodes that are connected, members and others */
    PROBES_MAX = 64,                /* of the detector, own and for others, in flight */
    PROBE_HELPERS = 3,              /* nodes that are asked for an indirect probe */
    SUSPICION_CONFIRMS = 2,         /* accusers beside the first that make a suspicion shortest */
    HEALTH_SCORE_MAX = 8,           /* of this node's doubts about itself */
    GREY_MS = 30000,                /* the least time that a node is taken for slow */
    GOSSIP_FANOUT = 3,              /* nodes that news are told to at once */
    GOSSIP_RECORDS = 16,            /* in a message that does not bring all */
    GOSSIP_INTENTS = 8,             /* the same */
    NEWS_PARTS = 4,          /* of a gossip interval: the least time between news told at once */
    RELAYS_MAX = 16,         /* operators' requests handed on and not answered yet */
    REASON_BYTES_MAX = 2048, /* a sentence for an operator */
};

/* Waits, as multiples of the time that one answer may take (probe_timeout_ms): a voter has to sync
 * before it answers. */
enum {
    PHASE_WAITS = 2,       /* one phase of one ballot */
    EDIT_WAITS = 10,       /* a whole change */
    SPREAD_WAITS = 1,      /* after a majority has it: for the others that can be reached */
    BACKOFF_WAITS_MAX = 2, /* between ballots, after many conflicts */
    RESOLVE_WAITS = 4,     /* a value that was accepted and never heard of again */
    FENCE_WAITS = 10,      /* all replicas concerned have answered */
    PREPARING_WAITS = 40,  /* a plan that is being prepared by somebody who has gone silent */
    DIAL_WAITS = 10,
    POLL_WAITS = 4,   /* between two questions of a node that waits to join */
    RELAY_WAITS = 40, /* an operator's request that was handed on */
};

#endif

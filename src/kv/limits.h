/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KV_LIMITS_H
#define KV_LIMITS_H

enum {
    HOT_QUEUE_MAX = 1000,       /* operations that wait for one key to be loaded */
    REPLICA_READS_MAX = 100000, /* reads for coordinators in flight in one shard */
    REFETCH_TIMEOUT_MS = 5000,
    FORWARD_TRIES_MAX = 3,
    HINTS_LOOK_MS = 1000, /* how often it is looked whether an absent node is back */
    HINTS_LOOKS = 8,      /* how often in their life hints are looked at for their age */
    DRAIN_ROWS_MAX = 64,  /* hints on their way to their node at once */
    DRAIN_BYTES_MAX = 1 << 18,
    DRAIN_WAIT_MS = 10000,   /* for their acknowledgements */
    DRAIN_REST_MS = 2000,    /* after a pass that did not hand over all */
    EXPIRE_ROWS = 64,        /* removals of expired rows under way at once */
    EXPIRE_FIRST_MS = 60000, /* after the start, until expired rows are first looked for */
    DIGESTS_MAX = 256,       /* questions of exchanges being answered in one shard */
    EXCHANGE_ROWS = 16,      /* objects of one exchange on their way at once ... */
    EXCHANGE_BYTES = 1 << 20,
    EXCHANGE_WAIT_MS = 10000, /* without any answer */
    SWEEP_SOON_MS = 500,      /* from an occasion to compare until it is done, at least, ... */
    SWEEP_SPREAD_MS = 3000,   /* ... and how much longer, by chance */
    SWEEP_GAP_MS = 5000,      /* between two comparisons of the same replicas, occasions or not */
    SWEEP_LOOK_MS = 1000,     /* until it is looked again whether clients leave room */
    SWEEP_SHARE = 16,         /* of the requests that a node takes: more in flight leave no room */
    SWEEP_DOUBLINGS_MAX = 8,  /* of the gap, after comparisons that found something, or failed */
    LACK_AGAIN_MS = 30000,    /* until a node is told again that it lacks something */
    HELD_MAX = 10000,         /* operations that wait while a replica is given away */
    RELAYS_OPEN_MAX = 4096,   /* relayed objects that are not acknowledged */
    DRAIN_PATIENCE_MS = 250,  /* for a replica to become quiet: operations wait that long */
    DROP_ROWS_MAX = 256,      /* of a deletion, in one batch */
    DROP_BYTES_MAX = 1 << 20,
    STRAY_REST_MS = 1000, /* after a look or a pass that did not allow a deletion */
    MOVER_ANSWER_MS = 5000,
    MOVER_REST_MS = 200, /* after a step that failed; doubled each time ... */
    MOVER_SHIFT_MAX = 5, /* ... so often */
    MOVER_BUSY_MAX = 4,  /* tries to take a replica over before the copy begins anew */
};

#endif

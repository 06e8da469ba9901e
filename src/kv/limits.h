/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KV_LIMITS_H
#define KV_LIMITS_H

enum {
    HOT_QUEUE_MAX = 1000,       /* operations that wait for one key to be loaded */
    LEASE_WAIT_MAX = 10000,     /* operations that wait for one partition's counter lease */
    REPLICA_READS_MAX = 100000, /* reads for coordinators in flight in one shard */
    REFETCH_TIMEOUT_MS = 5000,
    FORWARD_TRIES_MAX = 3,
};

#endif

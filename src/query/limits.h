/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUERY_LIMITS_H
#define QUERY_LIMITS_H

enum {
    LIST_LANES_MAX = 8,           /* partitions of one listing that are read at once */
    LIST_BUCKETS_MAX = 100000,    /* distinct buckets that one listing remembers */
    LISTERS_MAX = 10000,          /* chunks being read in one shard */
    LIST_SCAN_ROWS = 512,         /* rows of one step of a scan */
    LIST_PARTITION_TRIES_MAX = 8, /* replicas asked for one partition, again ones included */
};

#endif

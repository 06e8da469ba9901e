/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of what data may be. Where Riak has a limit this is its default. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#include <stdint.h>

enum {
    KEY_BYTES_MAX = 65536,
    BUCKET_BYTES_MAX = 65536,
    TYPE_BYTES_MAX = 1024,
    OBJECT_BYTES_MAX = 50 * 1024 * 1024, /* object.size.maximum */
    SIBLINGS_MAX = 100,                  /* object.siblings.maximum, checked when a client writes */
    SIBLINGS_HARD_MAX = 10000,           /* of any decoder */
    CLOCK_ENTRIES_MAX = 4096,            /* of a context, and of a clock that a context grew */
    CLOCK_ENTRIES_HARD_MAX = 131072,     /* of any decoder: what replicas at the limit merge to */
    CONTEXT_BYTES_MAX = 65536,
    LINKS_MAX = 10000,
    META_PAIRS_MAX = 10000,
    INDEX_ENTRIES_MAX = 10000,
    TTL_S_MAX = 2000000000, /* 63 years; 32 bits, below the quorum symbols */
    NODES_MAX = 1024,
    REPLICAS_MAX = 16, /* of one partition */
    VOTERS_MAX = 7,
    SLOTS_MAX = 4096,
    SLOTS_MIN = 64,
    PARTITIONS_MIN = 8,
    NAME_BYTES_MAX = 255, /* of a node, a location, a host:port */
    BUCKET_TYPES_MAX = 1000,
    BUCKET_OVERRIDES_MAX = 10000,
    OVERLAYS_BYTES_MAX = 8 * 1024 * 1024, /* of all types, and of all buckets, with their names */
};

/* How far a context may push the hybrid clock ahead of the wall clock: beyond it a context is
 * forged, or a machine's clock is off by a year. */
#define HLC_AHEAD_MAX_US UINT64_C(31536000000000)

#endif

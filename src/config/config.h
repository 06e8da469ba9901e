/* SPDX-License-Identifier: Apache-2.0 */
/* Every option once. The values here are what the core and the hosts read; the table in config.c
 * names, describes and checks them. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/bytes.h"

struct config {
    uint32_t ring_size;             /* partitions of a new cluster */
    uint32_t slots;                 /* slots of a new cluster */
    uint64_t object_bytes_max;      /* object.size.maximum */
    uint32_t siblings_max;          /* object.siblings.maximum */
    uint32_t requests_max;          /* max_concurrent_requests */
    bool allow_mult_default;        /* buckets.default.allow_mult */
    uint32_t n_val_default;         /* buckets.default.n_val */
    uint32_t probe_interval_ms;
    uint32_t probe_timeout_ms;
    uint32_t suspicion_ms;
    uint32_t gossip_interval_ms;
    uint32_t repair_wait_ms;        /* how long late answers are waited for */
    uint32_t hot_keys_max;
    uint32_t counter_lease;         /* dots leased at once */
};

/* The defaults. */
void config_init(struct config *config);

#endif

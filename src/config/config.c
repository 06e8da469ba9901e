/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

void config_init(struct config *config)
{
    *config = (struct config){
        .ring_size = 64,
        .slots = 1024,
        .object_bytes_max = UINT64_C(50) * 1024 * 1024,
        .siblings_max = 100,
        .requests_max = 50000,
        .allow_mult_default = false,
        .n_val_default = 3,
        .probe_interval_ms = 1000,
        .probe_timeout_ms = 500,
        .suspicion_ms = 4000,
        .gossip_interval_ms = 200,
        .repair_wait_ms = 500,
        .hot_keys_max = 10000,
        .counter_lease = 100000,
    };
}

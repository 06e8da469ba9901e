/* SPDX-License-Identifier: Apache-2.0 */
/* Time to live: from seconds to a point of the wall clock, and from the wall clock to the cut-off.
 * What expires does so at a time that its coordinator's clock told; another node's clock may differ
 * from that by the skew. */
#ifndef MODEL_EXPIRY_H
#define MODEL_EXPIRY_H

#include <stdint.h>

/* When something that is written now expires; 0, never, for a time to live of 0. */
static inline uint64_t expiry_of(uint64_t wall_us, uint32_t ttl_s)
{
    return ttl_s == 0 ? 0 : wall_us + (uint64_t)ttl_s * 1000000;
}

/* What expires at this time or before has expired by every node's clock: the present time, less the
 * most by which clocks differ. */
static inline uint64_t expiry_cutoff_us(uint64_t wall_us, uint32_t skew_ms)
{
    uint64_t skew_us = (uint64_t)skew_ms * 1000;

    return wall_us > skew_us ? wall_us - skew_us : 0;
}

#endif

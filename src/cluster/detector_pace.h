/* SPDX-License-Identifier: Apache-2.0 */
/* How long the failure detector waits and how often it tells a thing, by the size of the cluster:
 * the rules of SWIM and of Lifeguard (Dadgar, Phillips and Currey, 2017), in whole numbers. */
#ifndef CLUSTER_DETECTOR_PACE_H
#define CLUSTER_DETECTOR_PACE_H

#include "config/config.h"

/* The binary logarithm of n > 0, in units of 1/65536. */
uint32_t pace_log2(uint32_t n);

/* How many nodes beside the first accuser are waited for in a cluster of so many members. */
uint32_t pace_confirms(uint32_t nodes);

/* A suspicion is never shorter: the configured time, times the decimal logarithm of the members
 * where there are more than ten. */
uint64_t pace_suspicion_min_us(const struct config *config, uint32_t nodes);

/* How long a node is suspected that so many others have accused beside the first: from six times
 * the minimum with none down to the minimum with all that are waited for. The first confirmation
 * counts for most: the time falls with the logarithm of their number. */
uint64_t pace_suspicion_us(const struct config *config, uint32_t nodes, uint32_t confirmed);

/* How often one node tells a rumour: 4 ln(N + 1), by which almost surely everybody hears it. */
uint32_t pace_tells(uint32_t nodes);

#endif

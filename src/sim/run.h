/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a world: the cluster forms; clients work while things go wrong (safety); everything is
 * mended and must come to rest (liveness); then every key is read from all its replicas, the
 * history is judged, the replicas are compared, all nodes restart from their disks, and it is
 * judged again. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/world.h"

/* What a run came to. The texts live in the caller's world. */
struct run_result {
    bool failed;
    char failure[400];
    uint64_t trace_hash;
    uint64_t virtual_us;
    struct tally_of_run tally;
};

/* Runs a seed. The whole trace goes to `trace`, its end to `tail` when the run failed; both may be
 * NULL. */
void run_seed(uint64_t seed, FILE *trace, FILE *tail, struct run_result *ret_result);

/* Ends a world and frees all that stands in it, but not itself. */
void run_end(struct world *w);

#endif

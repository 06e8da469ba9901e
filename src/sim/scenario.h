/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds in which nothing happens by chance, for tests that tell a story: what a seed has found is
 * told again as one of these, for another draw of worlds may not find it any more. The network
 * and the disks are quick and quiet; a story makes the trouble that it needs. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "sim/node.h"
#include "sim/question.h"

/* A cluster that is at rest. `BUCKET_TWINS` keeps siblings, other buckets do not. */
struct world *scenario_new(uint32_t nodes);

/* The same; the last `late` nodes are no members yet, each is a cluster of its own. */
struct world *scenario_new_late(uint32_t nodes, uint32_t late);
void scenario_free(struct world *w);

void scenario_run_ms(struct world *w, uint32_t ms);

/* The partition of a key, as a node knows it. */
uint32_t scenario_partition(struct world *w, unsigned node, struct bytes bucket, struct bytes key);

/* The replica of a key with this place in its list, or the n-th node that has none. */
unsigned scenario_replica(struct world *w, struct bytes bucket, struct bytes key, uint32_t place);
unsigned scenario_stranger(struct world *w, struct bytes bucket, struct bytes key, uint32_t nth);

/* Nodes die, or all that are dead start again; and time passes until everybody who lives knows who
 * does. False when they do not come to know it. */
bool scenario_kill(struct world *w, const unsigned *nodes, uint32_t count);
bool scenario_revive(struct world *w);

/* The node dies, and all that it had is lost. */
void scenario_wipe(struct world *w, unsigned node);

/* Objects that nodes keep for others. */
uint32_t scenario_hints(struct world *w);

/* The news of documents do not reach the node, or do again. */
void scenario_deafen(struct world *w, unsigned node, bool deaf);

/* Asks a node over Protocol Buffers; NULL when it did not answer. */
const struct answer *scenario_ask(struct world *w, unsigned node, const struct question *question);

/* A blind write with the quorums of the bucket; whether it was acknowledged. */
bool scenario_put(struct world *w, unsigned node, struct bytes bucket, struct bytes key,
                  const char *value);

/* A read that all replicas must answer; the number of values, 0 also when it failed. */
uint32_t scenario_read_all(struct world *w, unsigned node, struct bytes bucket, struct bytes key);

/* What operators ask, over HTTP; whether it was done. A commit is of the plan that the node makes
 * now. */
bool scenario_admin(struct world *w, unsigned node, const char *path, const char *body);
bool scenario_set_weight(struct world *w, unsigned node, unsigned of, unsigned weight);
bool scenario_commit(struct world *w, unsigned node);

/* The trouble is over: whether the world comes to rest and its replicas are equal. */
bool scenario_ends_well(struct world *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a world: numbers to those who judge, names to those who ask. The first three quarters
 * stand in a bucket that keeps siblings, the rest in one that keeps one value. Where
 * operators meddle, every fifth of the first stands in a bucket that keeps siblings only after
 * somebody said so, in the middle of it: clients leave it alone until most members know, and they
 * are connected to one of these. Where values expire, every other of the first stands in a
 * bucket of which all do. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "history/checker.h"
#include "sim/question.h"
#include "sim/world.h"

struct sim_node;

enum { KEY_NAME_BYTES = 16 };

#define BUCKET_TWINS  BYTES_LIT("twins")
#define BUCKET_SINGLE BYTES_LIT("single")
#define BUCKET_LATE   BYTES_LIT("late")
#define BUCKET_BRIEF  BYTES_LIT("brief")

bool key_one_value(const struct world *w, uint32_t key);
bool key_late(const struct world *w, uint32_t key);
bool key_brief(const struct world *w, uint32_t key);

/* Whether a node knows that the bucket of late twins keeps siblings. */
bool key_late_known(const struct sim_node *node);

struct bytes key_bucket(const struct world *w, uint32_t key);

/* The name, in the caller's memory. */
struct bytes key_name(uint32_t key, char name[KEY_NAME_BYTES]);

/* The key of a name in a bucket; false when there is none. */
bool key_of_name(const struct world *w, struct bytes bucket, struct bytes name, uint32_t *ret_key);

/* How many replicas a key has, as a node knows. */
uint32_t key_replicas(const struct world *w, const struct sim_node *node, uint32_t key);

/* The writes that the values of an answer name, which has come now; tombstones are left out. Fails
 * the run and returns false when a value is none of ours. */
bool key_sight(struct world *w, uint32_t key, uint64_t asked_us, const struct answer *answer,
               uint32_t ids[ANSWER_VALUES_MAX], struct sight *ret_sight);

#endif

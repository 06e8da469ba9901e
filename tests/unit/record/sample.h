/* SPDX-License-Identifier: Apache-2.0 */
/* Random objects of every shape that the model allows, for round trips. */
#ifndef DASSIE_TESTS_RECORD_SAMPLE_H
#define DASSIE_TESTS_RECORD_SAMPLE_H

#include "base/random.h"
#include "model/object.h"

/* A text of up to `max` bytes; absent, empty and binary ones among them. */
struct bytes sample_text(struct random *random, struct arena *arena, size_t max);

/* A valid object with up to `siblings_max` siblings. */
struct object *sample_object(struct random *random, struct arena *arena, uint32_t siblings_max);

/* Whether both are the same in every field, absent texts included. */
bool sample_equal(const struct object *a, const struct object *b);

#endif

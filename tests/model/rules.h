/* SPDX-License-Identifier: Apache-2.0 */
/* The rules under which a world runs: the product's, or one that is wrong on purpose. The search
 * must find nothing in the first and something in each of the others. */
#ifndef DASSIE_TESTS_MODEL_RULES_H
#define DASSIE_TESTS_MODEL_RULES_H

#include "model/object.h"

typedef struct object *merge_fn(struct arena *arena, const struct object *a,
                                const struct object *b);
typedef struct object *put_fn(struct arena *arena, const struct object *old,
                              const struct write *write);

struct rules {
    const char *name;
    put_fn *put;
    merge_fn *merge;
    bool resolve;    /* one winner after every step, as in buckets with allow_mult=false */
    bool same_actor; /* a replica that lost its store goes on under its old actor: wrong */
    bool wrong;      /* the search must find a violation */
};

/* The product's rules, with siblings and with a winner. */
extern const struct rules rules_siblings;
extern const struct rules rules_winner;

/* Rules that are wrong. */
extern const struct rules rules_wrong[];
extern const size_t rules_wrong_count;

#endif

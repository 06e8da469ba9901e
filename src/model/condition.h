/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true of the stored object for a write to happen. */
#ifndef MODEL_CONDITION_H
#define MODEL_CONDITION_H

#include "base/err.h"
#include "model/object.h"

/* The conditions of a request; all that are set must hold. Tags are without quotes. */
struct condition {
    bool if_none_match_any; /* PB if_none_match, HTTP If-None-Match: * */
    bool if_not_modified;   /* PB: `context` must be exactly the stored clock */
    bool if_match_any;      /* HTTP If-Match: * */
    struct clock context;
    const struct bytes *if_match; /* entity tags */
    const struct bytes *if_none_match;
    uint32_t if_match_count;
    uint32_t if_none_match_count;
    uint64_t if_unmodified_since_s; /* 0: none */
};

/* Whether any condition is set: then the coordinator must read before it writes. */
bool condition_any(const struct condition *condition);

/* ERR_OK, or why not. PB: if_none_match against a found object is ERR_MATCH_FOUND; if_not_modified
 * is ERR_MODIFIED, or ERR_NOT_FOUND when there is nothing. HTTP ones are ERR_PRECONDITION. `object`
 * NULL or deleted means nothing is there. */
enum err condition_holds(const struct condition *condition, const struct object *object) MUST_CHECK;

/* A deep copy in the arena. */
struct condition condition_copy(struct arena *arena, const struct condition *condition);

#endif

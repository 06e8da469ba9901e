/* SPDX-License-Identifier: Apache-2.0 */
/* A stage for the machines about keys: a cluster that stands still, a store that completes what and
 * when the test says, and the outbox of the last step. This node is the first member. */
#ifndef TESTS_KV_STAGE_H
#define TESTS_KV_STAGE_H

#include "kv/machines.h"
#include "kv/replica.h"
#include "kv/transfers.h"
#include "kv/vnode.h"

enum { STAGE_NODES_MAX = 8, STAGE_OPS_MAX = 128, STAGE_ROWS_MAX = 512, STAGE_OP_ROWS_MAX = 16 };

/* A row as it is stored. */
struct stage_row {
    enum store_family family;
    struct bytes key;   /* in the stage's arena */
    struct blob *value; /* NULL: deleted */
};

/* A storage operation that is not complete. */
struct stage_op {
    struct store_op op; /* key in the stage's arena */
    struct stage_row rows[STAGE_OP_ROWS_MAX];
    uint32_t rows_count;
};

struct stage {
    struct config config;
    struct document *document;
    struct bucket_type type; /* the default type */
    struct view view;
    struct view_member members[STAGE_NODES_MAX];
    struct ring_node nodes[STAGE_NODES_MAX];
    struct outbox out;
    struct arena arena;
    uint64_t now_us, wall_us;

    struct vnodes *vnodes;
    struct transfers *transfers;
    struct stage_row rows[STAGE_ROWS_MAX];
    uint32_t rows_count;
    struct stage_op ops[STAGE_OPS_MAX]; /* in order of submission */
    uint32_t ops_count;
};

/* A cluster of `nodes` members with ids 1, 2, 3...; every partition's replicas are all members,
 * n_max at most, beginning with this one. */
void stage_begin(struct stage *s, uint32_t nodes, uint32_t n_max);
void stage_end(struct stage *s);

/* Replaces the properties of the default type. */
void stage_props(struct stage *s, struct props props);

/* What the machines are given. */
struct kv_env stage_env(struct stage *s);

/* An event of this kind at the present time. */
struct event stage_event(const struct stage *s, enum event_kind kind);

/* Begins a step: the outbox is empty. */
void stage_step(struct stage *s);

/* Ends a step: takes its storage operations into the store. */
void stage_took(struct stage *s);

/* The n-th output of a kind in the last step, or NULL; and how many there are. */
struct output *stage_output(struct stage *s, enum output_kind kind, uint32_t n);
uint32_t stage_count(struct stage *s, enum output_kind kind);

/* How often a kind of trace was told in the last step. */
uint32_t stage_traced(struct stage *s, enum trace_kind kind);

/* Completes the n-th operation that is open, with this error; the rows of a commit are stored when
 * it is ERR_OK. A get gives what the store and the commits before it hold. The completion is of the
 * vnodes. */
void stage_complete(struct stage *s, uint32_t n, enum err err);

/* Completes everything that is open, and what follows from it, well. */
void stage_settle(struct stage *s);

/* The stored row, or NULL. */
struct stage_row *stage_row(struct stage *s, enum store_family family, struct bytes key);

/* The process dies and starts anew on what is stored: open operations are lost, new random numbers
 * come from `seed`. */
void stage_restart(struct stage *s, uint64_t seed);

/* A key in bucket "b" of the default type, its slot, partition and row key. */
struct key stage_key(const char *name);
uint32_t stage_slot(const struct stage *s, const struct key *key);
uint32_t stage_partition(const struct stage *s, const struct key *key);
struct bytes stage_row_key(struct stage *s, const struct key *key);

/* An object of one value. `counter` of actor `actor` is its dot; the wall clock is `hlc_us`. */
struct object *stage_object(struct stage *s, uint64_t actor, uint64_t counter, uint64_t hlc_us,
                            const char *value);

/* The object as it sleeps; lives in the stage's arena. */
struct bytes stage_record(struct stage *s, const struct key *key, const struct object *object);
struct bytes stage_digest(struct stage *s, const struct key *key, const struct object *object);

/* A step in which node `from` (0: nobody waits) sends an object to be merged, durably, with token
 * 77; kept for the node `hint_for` unless that is 0. */
void stage_merge(struct stage *s, const struct key *key, struct bytes record, uint64_t from,
                 uint64_t hint_for);

/* The object of a record; NULL when it cannot be read. */
struct object *stage_decode(struct stage *s, const struct key *key, struct bytes record);

#endif

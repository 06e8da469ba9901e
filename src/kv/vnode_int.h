/* SPDX-License-Identifier: Apache-2.0 */
/* What vnode.c (incarnations, leases, the public face), hot.c (the hot table: order and commits
 * of one key), hints.c (what is kept for other nodes), lacks.c (what could not be) and refetch.c
 * (healing a corrupt row) share. */
#ifndef KV_VNODE_INT_H
#define KV_VNODE_INT_H

#include "base/heap.h"
#include "base/map.h"
#include "kv/vnode.h"
#include "model/limits.h"
#include "msg/token.h"
#include "record/hint.h"
#include "record/sys.h"

/* The number in a token of TOKEN_VNODE: what it is about in the top bits. */
enum vnode_number {
    NUMBER_LOAD,
    NUMBER_COMMIT,
    NUMBER_LEASE,
    NUMBER_CLOSE,
    NUMBER_SUM,
    NUMBER_AWAY
};
enum { VNODE_NUMBER_SHIFT = 52 };

enum op_kind { OP_WRITE, OP_MERGE, OP_HEAL, OP_DROP, OP_REMOVE };

struct op {
    struct list list;     /* in the queue or among the flying ones of its key */
    struct map_node node; /* by id, while its commit is in flight */
    struct hot *hot;
    uint64_t id;
    uint64_t token;
    uint64_t from;   /* MERGE: whom to acknowledge to */
    uint64_t behalf; /* and in whose place; 0: in this node's own */
    enum op_kind kind;
    bool durable;
    bool one_value;
    bool deleted;
    bool conditional;
    uint64_t expires_us; /* WRITE; 0: never */
    struct arena arena;  /* WRITE: owns what follows */
    struct clock context;
    struct content content;
    struct condition condition;
    struct blob *record;  /* MERGE: what was sent. DROP: what was handed over. REMOVE: the digest */
    uint64_t cutoff_us;   /* REMOVE: only a history that had ended by then */
    int64_t rows, bytes;  /* of a hint: what its commit changes in the sum */
    struct bytes row_key; /* while it waits for a replica that is being given away */
};

enum hot_state { HOT_LOADING, HOT_READY, HOT_FAILED, HOT_REFETCH };

struct hot {
    struct map_node node; /* by hash of the row key */
    struct map_node by_id;
    struct list waiting;    /* in its vnode's list while it waits for a lease */
    struct heap_node timer; /* REFETCH */
    uint64_t id;
    uint64_t hint_for; /* the entry is about a hint for this node; 0: about the replica here */
    uint32_t partition;
    enum hot_state state;
    bool by_digest; /* LOADING: the digest is read, for the REMOVE that is first in the queue */
    struct blob *record; /* READY: the newest object; NULL when there is none. REFETCH: the merge
                                of what has come so far */
    struct list queue;   /* operations not yet applied */
    uint32_t queued;
    struct list flying;       /* operations whose commits are in flight, in order */
    uint32_t asked, answered; /* REFETCH: bits by place in the replica list */
    struct bytes key;         /* the row key, in the entry's own memory */
};

/* Where dots of a partition come from: its replica here, or this node as a fallback while all
 * replicas are away. A fallback's incarnation ends with the process: it needs no lease and no row.
 * And it ends whenever something that it named is not in the hints for one target any more. */
struct vnode {
    uint32_t partition;
    bool fallback;
    uint64_t target; /* of a fallback: whose hints hold all that it named */
    uint64_t actor;  /* 0: the next dot makes a new one */
    uint64_t issued; /* the last counter given out, or skipped */
    uint64_t leased; /* durable: counters up to here may be issued */
    bool has_row;    /* the incarnation row is stored, or in a batch on its way */
    bool asking;     /* a lease commit is in flight */
    uint64_t asked_actor, asked_lease;
    struct list waiting;       /* hot keys that wait for the lease */
    uint32_t hots;             /* keys with an operation in flight */
    struct handover *handover; /* the replica is being given away, or was; else NULL */
};

/* What is kept for one node. */
struct hints {
    struct map_node node; /* by target */
    uint64_t target;
    struct hint_sum sum;    /* with all that is in flight */
    uint32_t flying;        /* operations on them that are not through */
    bool draining;          /* a chunk is under way */
    struct bytes cursor;    /* of the pass: the next row, in own memory; empty: none is under way */
    uint64_t seen, given;   /* rows of the pass */
    uint64_t rest_until_us; /* no chunk begins before */
    uint64_t epoch;         /* of the document at the last attempt: owners may have changed since */
    uint64_t look_us;       /* when to look again whether some are too old */
    uint64_t lack;          /* names what it lacks, since it was told; 0: it was not told yet */
    uint64_t tell_us;       /* it is not told before; UINT64_MAX: not before it is back */
};

/* When expired rows are looked for. */
struct ends {
    uint64_t next_us;       /* wall clock: the earliest end of the rows that the last pass left, and
                               of what was written since; 0: unknown; UINT64_MAX: none has one */
    uint64_t rest_until_us; /* no pass begins before; 0: nobody has asked yet */
    bool passing;
};

enum { VNODES_MAX = 2 * SLOTS_MAX }; /* replicas, then fallbacks */

struct vnodes {
    const struct config *config;
    struct random random;
    uint64_t next_id;
    struct map hots;    /* by row key hash */
    struct map hot_ids; /* by id */
    struct map ops;     /* by id, committing */
    struct heap timers; /* refetches */
    uint32_t waiting;   /* operations in flight */
    uint32_t held;      /* bits of `holds` */
    bool behind;        /* another node spoke of a later document: no sibling is dropped */
    bool full;          /* no value is added */
    bool fenced;        /* no partition may get its first object */
    bool closed;
    struct ends ends;
    struct map hints;     /* by target */
    uint64_t hints_bytes; /* of all targets */
    struct list handovers;
    struct map relays;     /* by id, not acknowledged */
    uint32_t drains;       /* handovers in DRAIN */
    bool handover_look;    /* one may have become quiet */
    bool handover_changed; /* one is to be taken back */
    struct vnode *table[VNODES_MAX];
    uint8_t holds[SLOTS_MAX / 8];
};

/* vnode.c */

/* The partition's entry, made when it is not there. */
struct vnode *vnode_at(struct vnodes *vs, uint32_t partition, bool fallback);

/* A key of the partition is hot, or no longer: from the first operation in flight on the partition
 * counts as one that holds objects, for nothing would stop its commit. */
void vnode_busy(struct vnodes *vs, uint32_t partition);
void vnode_idle(struct vnodes *vs, uint32_t partition);

/* Whether the fence keeps operations from the partition. */
bool vnode_fenced(const struct vnodes *vs, uint32_t partition);

/* Makes sure that an actor exists and returns its row for a batch, or a row without a key when it
 * is stored already. */
struct store_row vnode_row(struct vnodes *vs, struct vnode *v, struct outbox *out);

/* The next dot, or false: then the lease was asked for and hot_drain will be called. */
bool vnode_dot(struct vnodes *vs, struct vnode *v, struct outbox *out, struct dot *ret_dot);

/* No dot of the present incarnation is issued any more: one of them was sent to other replicas
 * and is not in the store here. A later dot of the same actor on the same key would claim to
 * cover it. */
void vnode_retire(struct vnode *v);

/* Retires the incarnation when a clock claims dots of it that were never issued: our store was
 * rolled back. */
void vnode_look(struct vnode *v, struct clock clock);

/* A new operation that waits for nothing yet. */
struct op *op_new(struct vnodes *vs, enum op_kind kind);

void op_free(struct op *op);

/* Tells the asker of an operation what became of it and frees it. */
void op_finish(struct vnodes *vs, struct op *op, enum err err, struct outbox *out);
void op_fail(struct vnodes *vs, struct op *op, enum err err, uint32_t have, uint64_t size,
             struct outbox *out);

/* A commit whose completion is of the vnodes. */
struct store_op *commit_rows(enum vnode_number what, uint64_t number, const struct store_row *rows,
                             uint32_t count, struct outbox *out);

/* hot.c */

/* What an operation is about. */
struct hot_place {
    uint32_t partition;
    uint64_t hint_for;    /* a hint for this node; 0: the replica here */
    struct bytes row_key; /* of the object */
};

/* Lets an operation take its turn on its key. */
void hot_add(struct vnodes *vs, const struct hot_place *place, struct op *op,
             const struct event *ev, struct outbox *out);

/* Applies what waits, as far as it can. */
void hot_drain(struct vnodes *vs, struct hot *hot, const struct event *ev, struct outbox *out);

/* The row was read, or refetched: `record` is taken over. */
void hot_ready(struct vnodes *vs, struct hot *hot, struct blob *record, const struct event *ev,
               struct outbox *out);

/* The row cannot be had: everything that waits fails, the entry goes. */
void hot_give_up(struct vnodes *vs, struct hot *hot, enum err err, struct outbox *out);

struct hot *hot_by_id(struct vnodes *vs, uint64_t id);

void hot_loaded(struct vnodes *vs, const struct view *view, struct hot *hot, const struct event *ev,
                struct outbox *out);
void hot_committed(struct vnodes *vs, uint64_t op_id, const struct event *ev, struct outbox *out);

/* ends.c */

/* A row with this end is written here. */
void ends_note(struct vnodes *vs, uint64_t ends_us);

/* hints.c */

/* Takes the sums among the system rows. */
enum err hints_start(struct vnodes *vs, const struct stored_row *rows, uint32_t count) MUST_CHECK;
void hints_done(struct vnodes *vs);

/* What is kept for a node; made when it is not there. */
struct hints *hints_of(struct vnodes *vs, uint64_t target);

/* An operation on a hint begins, or is through. */
void hints_begin(struct vnodes *vs, const struct hot *hot);
void hints_end(struct vnodes *vs, const struct hot *hot);

/* Whether there is room for `more` bytes. When not, the target will lack something: that is
 * noted. */
bool hints_room(struct vnodes *vs, uint64_t target, size_t more, struct outbox *out);

/* The operation makes the hint `record` (NULL: deletes it), which was hot->record: the rows of the
 * batch, two. hints_undo when the commit fails. */
void hints_rows(struct vnodes *vs, struct op *op, struct blob *record, struct store_row *ret_rows,
                struct outbox *out);
void hints_undo(struct vnodes *vs, const struct op *op);

/* Writes a sum that has changed apart from hints. */
void hints_store_sum(const struct hints *h, struct outbox *out);

/* A hint cannot be read any more. */
void hints_lost(struct vnodes *vs, uint64_t target, struct outbox *out);

/* handover.c */

/* Takes the rows of replicas that were given away. */
enum err handovers_start(struct vnodes *vs, const struct stored_row *rows, uint32_t count)
    MUST_CHECK;
void handovers_done(struct vnodes *vs);

/* Whether the operation must wait, goes elsewhere or was refused, because its replica is being
 * given away: then it is taken over. */
bool handover_takes(struct vnodes *vs, const struct hot_place *place, struct op *op,
                    struct outbox *out);

/* An object was sent to the store: who takes the replica over gets it too. */
void handover_relay(struct vnodes *vs, struct vnode *v, struct bytes row_key, struct blob *record,
                    struct outbox *out);

/* A key of the partition is cold again. */
void handover_idle(struct vnodes *vs, struct vnode *v);

/* The row was deleted with all else of the partition. */
void handover_forget(struct vnode *v);

/* The row was written, or deleted, or not. */
void handover_stored(struct vnodes *vs, uint32_t partition, const struct event *ev,
                     struct outbox *out);

/* refetch.c */

/* Asks the other replicas for a key whose row here is corrupt. */
void refetch_start(struct vnodes *vs, const struct view *view, struct hot *hot,
                   const struct event *ev, struct outbox *out);

#endif

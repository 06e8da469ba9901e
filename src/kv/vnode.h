/* SPDX-License-Identifier: Apache-2.0 */
/* The partition replicas of one shard: every change of a stored object goes through here, in one
 * order for each key.
 *
 * A change is an operation: a client's WRITE that this replica coordinates (it gets a dot), a MERGE
 * of what another replica sent, or a HEAL of rows that were found corrupt. Hints, which this node
 * keeps for others that are away, are objects of their own, with the same operations and rules, and
 * a DROP of what was handed over; and a REMOVE of what has expired. While a key has an
 * operation in flight it stands in the hot table with its newest object, committed or not; the next
 * operation starts from that without a read.
 *
 *   key:  (cold) --op--> LOADING --row--> READY --all commits complete--> (cold)
 *                           |                '--a commit failed--> FAILED --drained--> (cold)
 *                           `--row corrupt--> REFETCH --other replicas answered--> READY | (cold)
 *
 * Invariants:
 *  1. At most one hot entry for a row key; operations of a key are applied in order of arrival.
 *  2. An operation is reported committed only after its own commit completed as asked for.
 *  3. When a commit fails, all later ones of that key in flight are reported failed too, and the
 *     next operation reads the row anew.
 *  4. A dot is issued only when its counter is covered by a durable lease of the incarnation; no
 *     dot is issued twice.
 *  5. A dot is issued only while every earlier dot of the same incarnation is in the store here,
 *     or on its way there in order, or was removed there when all of its key's history had
 *     expired. For a dot covers all earlier ones of its actor on its key, and
 *     dots are sent to other replicas before the local commit is complete: one that was sent and
 *     then lost here, by a crash or a failed commit, would be covered, and so dropped, by the next
 *     write. So an incarnation ends with the process, unless that stopped cleanly and said so in
 *     its row, and with the first failed commit of a write. What a fallback names is in the hints
 *     for one target: its incarnation ends when one of them goes, or with another target.
 *  6. A record that does not decode is never served, merged or overwritten by a guess: it is
 *     refetched from the other replicas first.
 *  7. Object row and digest row of a key change in one batch.
 *
 * News of a WRITE come as OUT_VNODE: EV_APPLIED (the new record, in the step that sends its
 * commit to the store) and then EV_COMMITTED, or EV_COMMITTED with an error alone. A MERGE is
 * acknowledged to its sender with PEER_PUT_ACK. */
#ifndef KV_VNODE_H
#define KV_VNODE_H

#include "base/random.h"
#include "config/config.h"
#include "msg/outbox.h"
#include "msg/status.h"
#include "msg/view.h"
#include "record/hint.h"

struct vnodes;

struct vnodes *vnodes_new(const struct config *config, const struct seed *seed);
void vnodes_free(struct vnodes *vnodes);

/* Takes the incarnation rows among the store's system rows. ERR_CORRUPT when one is damaged: then
 * the caller must not go on, or dots could be issued twice. */
enum err vnodes_start(struct vnodes *vnodes, const struct stored_row *rows, uint32_t count)
    MUST_CHECK;

/* A client's write, coordinated by this replica. Views are copied. */
struct vnode_write {
    uint64_t token; /* comes back with the news */
    uint32_t partition;
    uint32_t slot;
    struct key key;
    const struct clock *context;
    const struct content *content;
    const struct condition *condition; /* may be NULL */
    bool deleted;
    uint64_t expires_us; /* 0: never */
    bool one_value;    /* the bucket keeps one value: allow_mult is false or last_write_wins true */
    uint64_t hint_for; /* this node is a fallback: the write is kept as a hint for this primary */
};

void vnodes_write(struct vnodes *vnodes, const struct vnode_write *write, const struct event *ev,
                  struct outbox *out);

/* Another replica's object. */
struct vnode_merge {
    uint64_t from;   /* the node to acknowledge to; 0: nobody waits */
    uint64_t behalf; /* and in whose place, when that one handed it on; 0: in this node's own */
    uint64_t token;  /* of its PEER_PUT */
    uint32_t partition;
    uint32_t slot;
    struct key key;
    struct bytes record;
    bool durable;
    bool one_value;
    uint64_t hint_for; /* to be kept for this node; 0: for this one's own replica */
};

void vnodes_merge(struct vnodes *vnodes, const struct vnode_merge *merge, const struct event *ev,
                  struct outbox *out);

/* A reader found the rows of a key damaged: reads them again, from the other replicas if need be,
 * and writes them anew. */
void vnodes_heal(struct vnodes *vnodes, uint32_t partition, uint32_t slot, const struct key *key,
                 const struct event *ev, struct outbox *out);

/* EV_STORED with a token of TOKEN_VNODE. `view` names the replicas to refetch from. */
void vnodes_stored(struct vnodes *vnodes, const struct view *view, const struct event *ev,
                   struct outbox *out);

/* An answer to a refetch: PEER_GOT with a token that vnodes_token owns. */
void vnodes_got(struct vnodes *vnodes, const struct peer_got *got, const struct event *ev,
                struct outbox *out);

/* Whether a PEER_GOT token belongs to a refetch here, not to a request machine. */
bool vnodes_token(uint64_t peer_token);

/* Gives up on refetches that nobody answered. */
void vnodes_time(struct vnodes *vnodes, const struct event *ev, struct outbox *out);
uint64_t vnodes_deadline_us(const struct vnodes *vnodes);

/* A clean stop, with nothing in flight: writes down that the incarnations are complete, so that the
 * next life goes on with them. False when there is nothing to write; else vnodes_closed tells
 * when it is done, well or not. */
bool vnodes_close(struct vnodes *vnodes, struct outbox *out);
bool vnodes_closed(const struct vnodes *vnodes);

/* One bit for each partition that has, or had, an object here, or may get one from an operation
 * that is in flight. */
const uint8_t *vnodes_holds(const struct vnodes *vnodes, bool *ret_any);

/* Whether no operation on the partition's replica here is in flight. */
bool vnodes_quiet(const struct vnodes *vnodes, uint32_t partition);

/* The deletion of the partition's last row was sent to the store: nothing is held any more, and the
 * next object begins an incarnation of its own. The partition must be quiet. */
void vnodes_dropped(struct vnodes *vnodes, uint32_t partition);

/* While the fence is up a partition whose bit is not set takes no operation, and no hint is begun:
 * ERR_OVERLOAD. So what vnodes_holds and vnodes_hints_any say behind the fence stays true. */
void vnodes_fence(struct vnodes *vnodes, bool up);

/* While the shard is behind, having heard of a later document than it has, what it knows of a
 * bucket may be of the past: then no sibling is dropped here, whatever the bucket kept, nor by an
 * operation that came meanwhile and waits for its turn. */
void vnodes_behind(struct vnodes *vnodes, bool behind);

/* While the disk is full an operation that would add a value to what is stored here is refused:
 * ERR_DISK_FULL. Tombstones, and what only drops values, are taken. */
void vnodes_set_full(struct vnodes *vnodes, bool full);
bool vnodes_full(const struct vnodes *vnodes);

/* ---- hints: what is kept here for nodes that are away ---- */

/* What is kept for one node, for the shard's view of it. */
struct hints_kept {
    uint64_t target;
    struct hint_sum sum;
};

/* The n-th node for which something is kept; false when there are no more. */
bool vnodes_hints(const struct vnodes *vnodes, uint32_t n, struct hints_kept *ret_kept);

/* All of it. */
void vnodes_hints_sum(const struct vnodes *vnodes, struct hints_total *ret_total);

/* Whether anything is kept, or may be in a moment: an operation on a hint is in flight. */
bool vnodes_hints_any(const struct vnodes *vnodes);

/* A node for which something is kept that may be handed over now, and nobody is at it: a pass is
 * under way, it is up or no member any more, owners have changed, or some may be too old. 0:
 * none. */
uint64_t vnodes_hints_due(struct vnodes *vnodes, const struct view *view, uint64_t now_us);

/* When to ask again; UINT64_MAX: nothing is kept. */
uint64_t vnodes_hints_deadline_us(const struct vnodes *vnodes);

/* A node is back: what is kept for it is due at once. */
void vnodes_hints_wake(struct vnodes *vnodes, uint64_t target);

/* What is kept for a node is handed over in passes, a chunk of rows at a time. A chunk begins: from
 * which row of FAMILY_HINT on; empty: the first. */
struct bytes vnodes_hints_drain(struct vnodes *vnodes, uint64_t target);

/* And ends. */
struct hints_chunk {
    uint64_t target;
    uint32_t rows, given; /* rows that were read; of them, handed over */
    struct bytes last;    /* the last one's key; copied */
    bool more;            /* rows follow */
    bool broken;          /* the store or the node failed: the pass ends */
    uint64_t pause_us;    /* before the next one, for the rate */
};

void vnodes_hints_drained(struct vnodes *vnodes, const struct hints_chunk *chunk,
                          const struct event *ev, struct outbox *out);

/* A hint was handed over, or cannot be read (`record` NULL): it goes, unless it has grown since.
 * EV_COMMITTED comes back with the token. */
struct vnode_drop {
    uint64_t token;
    uint64_t target;
    uint32_t partition;
    struct bytes row_key;
    struct blob *record; /* what was handed over */
};

void vnodes_drop(struct vnodes *vnodes, const struct vnode_drop *drop, const struct event *ev,
                 struct outbox *out);

/* ---- expiry: rows whose history has ended ---- */

/* What had ended by then may be removed now. */
uint64_t vnodes_removal_us(const struct vnodes *vnodes, const struct event *ev);

/* Whether a pass over all digests should begin: something may be due, and the last one is long
 * enough ago. And when to ask again; UINT64_MAX: one is under way, or nothing here expires. */
bool vnodes_expire_due(struct vnodes *vnodes, const struct event *ev);
uint64_t vnodes_expire_deadline_us(const struct vnodes *vnodes);

/* A pass begins, leaves a row with an end, and ends; `whole`: it met all rows. */
void vnodes_expire_begin(struct vnodes *vnodes);
void vnodes_expire_met(struct vnodes *vnodes, uint64_t ends_us);
void vnodes_expire_end(struct vnodes *vnodes, bool whole, const struct event *ev);

/* A row whose history has ended goes, with its digest, unless something was written on it since.
 * Views are copied. EV_COMMITTED comes back with the token: ERR_OK, or ERR_MODIFIED. */
struct vnode_remove {
    uint64_t token;
    uint32_t partition;
    struct bytes row_key;
    struct bytes digest; /* the row of FAMILY_META as it was met */
    uint64_t cutoff_us;  /* vnodes_removal_us */
};

void vnodes_remove(struct vnodes *vnodes, const struct vnode_remove *remove, const struct event *ev,
                   struct outbox *out);

/* ---- lacks: what was to be kept here for a node, and was refused or is lost ---- */

/* A node that is up, lacks something and is to be told now, with the token of PEER_LACKS; 0: none.
 * So it compares its replicas with the others, which have what it lacks. Who is no member any more
 * lacks nothing. */
uint64_t vnodes_lack_due(struct vnodes *vnodes, const struct view *view, uint64_t now_us,
                         struct outbox *out, uint64_t *ret_token);

/* When to ask again; UINT64_MAX: not before a node is back. */
uint64_t vnodes_lack_deadline_us(const struct vnodes *vnodes);

/* Its answer: it will, or not. */
void vnodes_lack_heard(struct vnodes *vnodes, uint64_t node, const struct peer_heard *heard,
                       struct outbox *out);

/* Operations in flight; 0 when the shard is quiet. */
uint32_t vnodes_waiting(const struct vnodes *vnodes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* An object: a version vector and the values that are concurrent under it, each with the dot of
 * the write that made it. All views point into bytes or arenas that outlive the object.
 *
 * Invariants: every sibling's dot is covered by the clock; no dot stands twice; siblings are
 * sorted by dot, so equal histories have equal forms; the clock's hybrid clock is that of the
 * newest sibling, which is the newest of the whole history; where the clock has an end, every
 * sibling that is no tombstone expires, and not after it.
 *
 * Why the newest sibling is the newest of the history: a write is newer than all that it
 * supersedes, because it is newer than what its coordinator has stored and what its client had
 * read. So the newest write is superseded by none, and where siblings are resolved to one it is
 * the winner: in whatever order replicas merge and resolve, they never drop it.
 *
 * An optional text (content type, charset, encoding) is absent when its data is NULL; present
 * and empty is another thing, and clients can tell. */
#ifndef MODEL_OBJECT_H
#define MODEL_OBJECT_H

#include "base/err.h"
#include "model/clock.h"

struct link {
    struct bytes bucket;
    struct bytes key;
    struct bytes tag;
};

struct pair {
    struct bytes name;
    struct bytes value;
};

struct content {
    struct bytes value;
    struct bytes content_type;
    struct bytes charset;
    struct bytes content_encoding;
    const struct link *links;
    const struct pair *meta;    /* user metadata, in the client's order */
    const struct pair *indexes; /* secondary index entries: field, term as text */
    uint32_t links_count;
    uint32_t meta_count;
    uint32_t indexes_count;
};

struct sibling {
    struct dot dot;
    uint64_t hlc_us; /* hybrid clock: microseconds since 1970 that never go back on a key; this is
                        also what clients see as last-modified */
    bool deleted;    /* a tombstone; its content is empty, and it does not expire */
    uint64_t expires_us; /* wall clock, fixed by the coordinator of the write; 0: never */
    struct content content;
};

struct object {
    struct clock clock;
    const struct sibling *siblings;
    uint32_t count;
};

/* What a coordinator does with a client's write. */
struct write {
    struct clock context; /* what the client had read; empty for a blind write */
    struct content content;
    bool deleted; /* write a tombstone */
    struct dot dot;
    uint64_t wall_us;    /* the writer's wall clock */
    uint64_t expires_us; /* 0: never */
    uint64_t cutoff_us;  /* siblings that had expired by then go, as if the context covered them */
};

/* Whether the write may be applied; a context comes from a client and proves nothing. ERR_STALE:
 * the dot is not newer than all that the stored clock and the context say of its actor, so this
 * store has lost history, or the context is forged; only a dot of a new incarnation may be written.
 * ERR_BAD_CONTEXT: the context would grow the clock past CLOCK_ENTRIES_MAX. */
enum err object_put_check(const struct object *old, const struct write *write) MUST_CHECK;

/* The object after the write, for which object_put_check must hold: siblings that the context
 * covers are dropped, the others stay, the new one is added under the dot. The context becomes part
 * of the clock. The new hybrid clock is max(wall, what is stored + 1, what the context brings + 1),
 * where a context cannot bring more than HLC_AHEAD_MAX_US over the wall clock. A tombstone takes no
 * content and has no end of its own: its history ends when what it replaced does. `old` may be NULL
 * (nothing stored). The result lives in the arena and shares views with its inputs. */
struct object *object_put(struct arena *arena, const struct object *old, const struct write *write);

/* The least upper bound of two histories of one key: a sibling stays iff it is in both, or the
 * other clock does not cover its dot. Commutative, associative, idempotent. NULL counts as
 * empty. */
struct object *object_merge(struct arena *arena, const struct object *a, const struct object *b);

/* Reduces the siblings to one winner, the greatest by (hlc, not deleted, dot), for buckets without
 * siblings; the clock stays. Returns how many were dropped. `object` must be in an arena. */
uint32_t object_resolve(struct object *object);

/* A copy that is so reduced. */
struct object *object_resolved(struct arena *arena, const struct object *object);

/* Whether every sibling is a tombstone (an object without siblings counts as deleted). */
bool object_deleted(const struct object *object);

/* Whether the sibling had expired by the cut-off. */
static inline bool sibling_expired(const struct sibling *sibling, uint64_t cutoff_us)
{
    return sibling->expires_us != 0 && sibling->expires_us <= cutoff_us;
}

/* How many siblings had expired by the cut-off. */
uint32_t object_expired(const struct object *object, uint64_t cutoff_us);

/* The object as it is shown when the cut-off has come: without the siblings that had expired, with
 * the whole clock. It is `object` itself where none had, else in the arena; it is not stored, nor
 * merged: to the clock the missing siblings would have been replaced. NULL gives NULL. */
const struct object *object_shown(struct arena *arena, const struct object *object,
                                  uint64_t cutoff_us);

/* Same clock and same sibling dots: the same history. */
bool object_same(const struct object *a, const struct object *b);

/* Whether the invariants hold. */
bool object_valid(const struct object *object);

/* The newest hybrid clock among the siblings; 0 when there is none. */
uint64_t object_hlc_us(const struct object *object);

/* A deep copy in the arena: nothing points to the old bytes. */
struct object *object_copy(struct arena *arena, const struct object *object);

/* A deep copy of a content. */
struct content content_copy(struct arena *arena, const struct content *content);

enum { VTAG_BYTES_MAX = 22 };

/* Riak's version tag of a sibling: up to 22 digits in base 62, made from its dot, so all replicas
 * agree. Returns a view of `ret_text`. */
struct bytes object_vtag(struct dot dot, char ret_text[VTAG_BYTES_MAX]);

/* The entity tag of an object: the vtag of the only sibling, else one made from the clock. */
struct bytes object_etag(const struct object *object, char ret_text[VTAG_BYTES_MAX]);

#endif

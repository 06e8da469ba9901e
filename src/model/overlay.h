/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays: the bucket properties that somebody set, and only those. A bucket's properties are the
 * defaults, over them the overlay of its type, over that its own.
 *
 * An overlay is canonical bytes; two equal sets of properties have equal bytes:
 *
 *   size  field
 *   v     varint: count of properties
 *   each, sorted by (id, name), none twice:
 *   1     id (enum prop_id)
 *   v+n   name, for PROP_OTHER only: length, bytes; none that has an id
 *   1     kind (enum prop_kind)
 *   ..    BOOL: 1 byte 0|1. NUMBER: varint. TEXT, RAW: length, bytes. MODFUN: two texts.
 *         HOOKS: varint count, each: 1 byte 1 = name, 2 = module and function; then the texts */
#ifndef MODEL_OVERLAY_H
#define MODEL_OVERLAY_H

#include "base/arena.h"
#include "base/err.h"
#include "model/props.h"

enum prop_kind { PROP_BOOL, PROP_NUMBER, PROP_TEXT, PROP_MODFUN, PROP_HOOKS, PROP_RAW };

/* What a property's value must be. */
enum prop_rule {
    RULE_BOOL,
    RULE_POSITIVE, /* an integer above zero */
    RULE_QUORUM,   /* a number above zero or a symbol */
    RULE_QUORUM_0, /* the same, and zero */
    RULE_SECONDS,  /* an integer from zero to TTL_S_MAX */
    RULE_ANY,      /* kept and shown */
    RULE_RESERVED, /* may not be set: active, claimant */
};

/* Every property that Riak knows: our name, the name in JSON, its rule. In order of names. Then the
 * names that Riak does not know, and behind them those that only we do, in the order in which they
 * came to be: a property keeps its place, which is its number on disk. */
#define PROP_LIST(X)                                                                               \
    X(ACTIVE, "active", RESERVED)                                                                  \
    X(ALLOW_MULT, "allow_mult", BOOL)                                                              \
    X(BACKEND, "backend", ANY)                                                                     \
    X(BASIC_QUORUM, "basic_quorum", BOOL)                                                          \
    X(BIG_VCLOCK, "big_vclock", POSITIVE)                                                          \
    X(CHASH_KEYFUN, "chash_keyfun", ANY)                                                           \
    X(CLAIMANT, "claimant", RESERVED)                                                              \
    X(CONSISTENT, "consistent", ANY)                                                               \
    X(DATATYPE, "datatype", ANY)                                                                   \
    X(DVV_ENABLED, "dvv_enabled", BOOL)                                                            \
    X(DW, "dw", QUORUM_0)                                                                          \
    X(HLL_PRECISION, "hll_precision", ANY)                                                         \
    X(LAST_WRITE_WINS, "last_write_wins", BOOL)                                                    \
    X(LINKFUN, "linkfun", ANY)                                                                     \
    X(N_VAL, "n_val", POSITIVE)                                                                    \
    X(NAME, "name", ANY)                                                                           \
    X(NODE_CONFIRMS, "node_confirms", QUORUM_0)                                                    \
    X(NOTFOUND_OK, "notfound_ok", BOOL)                                                            \
    X(OLD_VCLOCK, "old_vclock", POSITIVE)                                                          \
    X(POSTCOMMIT, "postcommit", ANY)                                                               \
    X(PR, "pr", QUORUM_0)                                                                          \
    X(PRECOMMIT, "precommit", ANY)                                                                 \
    X(PW, "pw", QUORUM_0)                                                                          \
    X(R, "r", QUORUM)                                                                              \
    X(REPL, "repl", ANY)                                                                           \
    X(RW, "rw", QUORUM)                                                                            \
    X(SEARCH, "search", ANY)                                                                       \
    X(SEARCH_INDEX, "search_index", ANY)                                                           \
    X(SMALL_VCLOCK, "small_vclock", POSITIVE)                                                      \
    X(SYNC_ON_WRITE, "sync_on_write", ANY)                                                         \
    X(W, "w", QUORUM)                                                                              \
    X(WRITE_ONCE, "write_once", ANY)                                                               \
    X(YOUNG_VCLOCK, "young_vclock", POSITIVE)                                                      \
    X(OTHER, "", ANY) /* a name that nobody knows: kept as raw JSON, shown again */                \
    X(TTL, "ttl", SECONDS)

#define PROP_ENUM(id, name, rule) PROP_##id,
enum prop_id { PROP_LIST(PROP_ENUM) };
#undef PROP_ENUM

enum { OVERLAY_PROPS_MAX = 200, OVERLAY_BYTES_MAX = 65536, OVERLAY_HOOKS_MAX = 100 };

struct hook {
    bool named; /* a JavaScript hook: `module` is its name */
    struct bytes module;
    struct bytes function;
};

struct prop {
    enum prop_id id;
    enum prop_kind kind;
    struct bytes name;        /* for JSON; in an overlay only that of PROP_OTHER counts */
    bool boolean;             /* PROP_BOOL */
    uint32_t number;          /* PROP_NUMBER; quorum symbols as in model/props.h */
    struct bytes text;        /* PROP_TEXT, PROP_RAW (JSON of whatever the client sent) */
    struct hook modfun;       /* PROP_MODFUN */
    const struct hook *hooks; /* PROP_HOOKS */
    uint32_t hooks_count;
};

/* The JSON name of a property, and the property of a name; PROP_OTHER when nobody knows it. */
struct bytes prop_name(enum prop_id id);
enum prop_id prop_find(struct bytes name);
enum prop_rule prop_rule(enum prop_id id);

/* Encodes properties in any order; of several with one name the last counts. ERR_TOO_LARGE beyond
 * the limits. */
enum err overlay_encode(struct arena *arena, const struct prop *props, uint32_t count,
                        struct bytes *ret_overlay) MUST_CHECK;

/* Decodes; views point into the overlay. Empty bytes are the empty overlay. ERR_MALFORMED when it
 * is not canonical. */
enum err overlay_decode(struct arena *arena, struct bytes overlay, const struct prop **ret_props,
                        uint32_t *ret_count) MUST_CHECK;

/* `over` on top of `under`; both must be valid. */
enum err overlay_merge(struct arena *arena, struct bytes under, struct bytes over,
                       struct bytes *ret_overlay) MUST_CHECK;

/* Sets the fields that the overlay names. It must be valid. */
void overlay_apply(struct props *props, struct bytes overlay);

/* What is being set, for the rules that differ. */
enum overlay_target {
    TARGET_BUCKET,   /* a bucket's own properties */
    TARGET_NEW_TYPE, /* a type being created */
    TARGET_OLD_TYPE, /* a type that exists */
};

struct prop_fault {
    struct bytes name;
    struct bytes
        reason;    /* Riak's word or sentence: "not_integer", "Cannot modify active property" */
    bool sentence; /* a string in Riak, not an atom */
};

/* Checks what a client wants to set against Riak's rules. `under` is what is in force below or
 * before (type overlay for a bucket, present overlay for an old type), merged; `dvv_default` what
 * holds for dvv_enabled when nobody set it: false in the default type, true in others. Returns
 * the number of faults, which are in the arena. */
uint32_t overlay_faults(struct arena *arena, struct bytes overlay, struct bytes under,
                        enum overlay_target target, bool dvv_default,
                        const struct prop_fault **ret_faults);

/* All properties of a bucket for showing: defaults, then the type's, then the bucket's, sorted by
 * name; only those that Riak shows, and what somebody set. `name` is the bucket's (empty: a type is
 * shown), `type` its type; a typed one has `active` and `claimant` too. */
uint32_t overlay_effective(struct arena *arena, struct bytes type, struct bytes bucket,
                           struct bytes type_overlay, struct bytes bucket_overlay, bool active,
                           struct bytes claimant, const struct prop **ret_props);

#endif

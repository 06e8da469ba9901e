/* SPDX-License-Identifier: Apache-2.0 */
/* What simulated clients ask and what they are told, whichever protocol they speak. */
#ifndef SIM_QUESTION_H
#define SIM_QUESTION_H

#include "base/bytes.h"

enum {
    ANSWER_VALUES_MAX = 64,
    ANSWER_NAMES_MAX = 1024, /* in one chunk */
};

enum ask {
    ASK_GET,
    ASK_PUT,
    ASK_DELETE,
    ASK_KEYS,      /* a stream: several answers, the last one says so */
    ASK_BUCKETS,   /* likewise */
    ASK_SET_PROPS, /* PB: `allow_mult`, `big_vclock` of a bucket, where set. HTTP: `allow_mult` and
                      `ttl_s` */
    ASK_GET_PROPS,
    ASK_ADMIN, /* HTTP only: POST of `value` to `path`; a GET when it is empty */
};

/* Numbers that are 0 and bytes that are empty are not sent. */
struct question {
    enum ask ask;
    struct bytes bucket, key;
    struct bytes vclock; /* what was read: a context */
    struct bytes value;
    const char *path;
    uint32_t r, w, pr, pw, dw;
    bool no_fallbacks; /* sloppy_quorum is off; PB only */
    bool return_body;
    bool if_none_match;   /* only when nothing is there */
    bool if_not_modified; /* only when `vclock` is what is there */
    uint32_t ttl_s;       /* HTTP only */
    bool allow_mult;
    uint32_t big_vclock;
};

/* Views of what came. */
struct answer {
    bool failed;
    struct bytes error; /* the error in words */
    bool not_found;     /* a read found nothing, or a tombstone */
    struct bytes vclock;
    struct bytes values[ANSWER_VALUES_MAX];
    bool deleted[ANSWER_VALUES_MAX]; /* this value is a tombstone */
    uint32_t count;
    struct bytes names[ANSWER_NAMES_MAX];
    uint32_t names_count;
    bool more; /* another answer to the same question follows */
    uint32_t big_vclock;
    unsigned status;   /* HTTP */
    struct bytes body; /* ASK_ADMIN */
};

/* What came of taking an answer from the beginning of a stream. */
enum taken {
    TAKEN_MORE, /* it is not whole yet */
    TAKEN_ONE,
    TAKEN_NONSENSE, /* it is no answer to the question */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket properties, resolved: what a request needs to know about its bucket. */
#ifndef MODEL_PROPS_H
#define MODEL_PROPS_H

#include "base/bytes.h"

/* Quorum symbols, as Riak's clients send them; smaller values are numbers. */
#define QUORUM_ONE     UINT32_C(0xfffffffe)
#define QUORUM_QUORUM  UINT32_C(0xfffffffd)
#define QUORUM_ALL     UINT32_C(0xfffffffc)
#define QUORUM_DEFAULT UINT32_C(0xfffffffb)

struct props {
    uint32_t n_val;
    uint32_t r, w, pr, pw, dw, rw; /* numbers or symbols, never QUORUM_DEFAULT */
    uint32_t node_confirms;
    bool allow_mult;
    bool last_write_wins;
    bool basic_quorum;
    bool notfound_ok;
    bool dvv_enabled;
    bool write_once;
    bool consistent;
    uint32_t old_vclock, young_vclock, big_vclock,
        small_vclock; /* kept and shown, without effect */
    uint32_t ttl_s;   /* objects expire so long after they were written; 0: never */
};

/* What holds where nothing is set: in the default type, or in a type that an operator created. */
struct props props_default(bool created_type);

/* The number that a symbol means for n replicas. */
uint32_t quorum_number(uint32_t value, uint32_t n);

#endif

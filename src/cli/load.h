/* SPDX-License-Identifier: Apache-2.0 */
/* A closed loop of reads and writes over Protocol Buffers: each connection asks, waits for the
 * answer and asks again. One thread and one epoll, so that the generator is cheap beside the
 * servers that share its machine.
 *
 *   DOWN --connected--> IDLE --asked--> BUSY --answered--> IDLE
 *     ^------------------ closed, or not understood --------'
 *
 * Invariants:
 *   1. a connection that is BUSY has exactly one question out;
 *   2. what was asked before a phase began is not counted in it. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli/draw.h"
#include "cli/endpoint.h"
#include "cli/latency.h"

enum { LOAD_CONNECTIONS_MAX = 4096, LOAD_ENDPOINTS_MAX = 64, LOAD_PROBLEM_BYTES = 256 };

struct load_options {
    struct endpoint endpoints[LOAD_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    uint32_t connections; /* spread over the endpoints */
    const char *type, *bucket;
    uint64_t keys;
    uint32_t value_bytes;
    uint32_t gets, puts; /* the mix, in parts */
    uint32_t r, w, dw;   /* QUORUM_DEFAULT: not sent */
    bool zipf;
    bool verify;
    uint64_t seed;
};

struct load_result {
    struct latency gets, puts; /* answered, "not found" included */
    uint64_t not_found;
    uint64_t errors; /* refused, failed, or the connection broke */
    uint64_t wrong;  /* values that were not what was written */
    uint64_t elapsed_us;
    char problem[LOAD_PROBLEM_BYTES]; /* the first error in words, or "" */
};

struct load;

/* Connects all. NULL, after a word to the user, when no connection could be made. */
struct load *load_new(const struct load_options *options);
void load_free(struct load *load);

/* Writes every key once. `tell` is called about once a second, with what is done so far. */
typedef void load_tell(void *context, uint64_t done, uint64_t of);
void load_fill(struct load *load, load_tell *tell, void *context, struct load_result *ret_result);

/* Reads and writes for so long; `done` and `of` are milliseconds. */
void load_run(struct load *load, uint64_t duration_ms, load_tell *tell, void *context,
              struct load_result *ret_result);

#endif

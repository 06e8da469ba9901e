/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of the core. One list; `err_name` gives the word. How an error reads on a client's
 * wire is decided in wire/reply_error.c, its number between nodes in wire/peer_err.c. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

#define ERR_LIST(X)                                                                                \
    X(OK, "ok")                                                                                    \
    /* done: nothing there */                                                                      \
    X(NOT_FOUND, "not found")                                                                      \
    /* not done, and it never will be: the request is at fault */                                  \
    X(BAD_REQUEST, "bad request")                                                                  \
    X(MALFORMED, "malformed")                                                                      \
    X(TOO_LARGE, "too large")                                                                      \
    X(TOO_MANY_SIBLINGS, "too many siblings")                                                      \
    X(KEY_TOO_LARGE, "key too large")                                                              \
    X(NO_TYPE, "no such bucket type")                                                              \
    X(NOT_ACTIVE, "bucket type not active")                                                        \
    X(N_VAL_VIOLATION, "quorum larger than n_val")                                                 \
    X(QUORUM_VIOLATION, "not a quorum value")                                                      \
    X(BAD_PROPERTY, "invalid bucket property")                                                     \
    X(BAD_CONTEXT, "context is damaged or foreign")                                                \
    X(MATCH_FOUND, "match found")                                                                  \
    X(MODIFIED, "modified")                                                                        \
    X(PRECONDITION, "precondition failed")                                                         \
    X(UNCHANGED, "unchanged")                                                                      \
    /* not done: the cluster cannot do it now */                                                   \
    X(OVERLOAD, "overload")                                                                        \
    X(ALL_NODES_DOWN, "all nodes down")                                                            \
    X(INSUFFICIENT_VNODES, "insufficient vnodes")                                                  \
    X(INSUFFICIENT_NODES, "insufficient nodes")                                                    \
    X(R_UNSATISFIED, "r unsatisfied")                                                              \
    X(PR_UNSATISFIED, "pr unsatisfied")                                                            \
    X(W_UNSATISFIED, "w unsatisfied")                                                              \
    X(DW_UNSATISFIED, "dw unsatisfied")                                                            \
    X(PW_UNSATISFIED, "pw unsatisfied")                                                            \
    X(NODE_CONFIRMS_UNSATISFIED, "node_confirms unsatisfied")                                      \
    X(WRONG_OWNER, "wrong owner")                                                                  \
    X(STALE, "stale")                                                                              \
    X(REFUSED, "refused")                                                                          \
    X(UNREACHABLE, "unreachable")                                                                  \
    X(STOPPING, "stopping")                                                                        \
    X(FULL, "full")                                                                                \
    X(DISK_FULL, "disk full")                                                                      \
    /* unknown: it may have been done, or may yet be */                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(UNKNOWN, "unknown outcome")                                                                  \
    /* storage */                                                                                  \
    X(CORRUPT, "corrupt")                                                                          \
    X(IO, "input/output error")                                                                    \
    X(NO_SPACE, "no space left")                                                                   \
    X(WOULD_BLOCK, "would block")                                                                  \
    X(BUSY, "in use")                                                                              \
    X(VERSION, "unsupported version")

#define ERR_ENUM(name, text) ERR_##name,
enum err { ERR_LIST(ERR_ENUM) };
#undef ERR_ENUM

/* The word for an error; a constant, never NULL. */
const char *err_name(enum err err);

/* Returns from the calling function with the error of `expr`, when it has one. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum err try_err_ = (expr);                                                                \
        if (try_err_ != ERR_OK)                                                                    \
            return try_err_;                                                                       \
    } while (0)

#endif

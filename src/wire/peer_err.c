/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/peer_err.h"

#include "base/check.h"

/* A new error takes the next free number; a number is never used again. */
#define PEER_ERR_LIST(X)                                                                           \
    X(OK, 0)                                                                                       \
    X(NOT_FOUND, 1)                                                                                \
    X(BAD_REQUEST, 2)                                                                              \
    X(MALFORMED, 3)                                                                                \
    X(TOO_LARGE, 4)                                                                                \
    X(TOO_MANY_SIBLINGS, 5)                                                                        \
    X(KEY_TOO_LARGE, 6)                                                                            \
    X(NO_TYPE, 7)                                                                                  \
    X(NOT_ACTIVE, 8)                                                                               \
    X(N_VAL_VIOLATION, 9)                                                                          \
    X(QUORUM_VIOLATION, 10)                                                                        \
    X(BAD_PROPERTY, 11)                                                                            \
    X(BAD_CONTEXT, 12)                                                                             \
    X(MATCH_FOUND, 13)                                                                             \
    X(MODIFIED, 14)                                                                                \
    X(PRECONDITION, 15)                                                                            \
    X(UNCHANGED, 16)                                                                               \
    X(OVERLOAD, 17)                                                                                \
    X(ALL_NODES_DOWN, 18)                                                                          \
    X(INSUFFICIENT_VNODES, 19)                                                                     \
    X(INSUFFICIENT_NODES, 20)                                                                      \
    X(R_UNSATISFIED, 21)                                                                           \
    X(PR_UNSATISFIED, 22)                                                                          \
    X(W_UNSATISFIED, 23)                                                                           \
    X(DW_UNSATISFIED, 24)                                                                          \
    X(PW_UNSATISFIED, 25)                                                                          \
    X(NODE_CONFIRMS_UNSATISFIED, 26)                                                               \
    X(WRONG_OWNER, 27)                                                                             \
    X(STALE, 28)                                                                                   \
    X(REFUSED, 29)                                                                                 \
    X(UNREACHABLE, 30)                                                                             \
    X(STOPPING, 31)                                                                                \
    X(FULL, 32)                                                                                    \
    X(TIMEOUT, 33)                                                                                 \
    X(UNKNOWN, 34)                                                                                 \
    X(CORRUPT, 35)                                                                                 \
    X(IO, 36)                                                                                      \
    X(NO_SPACE, 37)                                                                                \
    X(WOULD_BLOCK, 38)                                                                             \
    X(BUSY, 39)                                                                                    \
    X(VERSION, 40)                                                                                 \
    X(DISK_FULL, 41)

uint8_t peer_err_number(enum err err)
{
    switch (err) {
#define NUMBER_OF(name, number)                                                                    \
    case ERR_##name: return number;
        PEER_ERR_LIST(NUMBER_OF)
#undef NUMBER_OF
    }
    UNREACHABLE();
}

enum err peer_err_of(uint8_t number)
{
    static const struct {
        uint8_t number;
        enum err err;
    } table[] = {
#define ROW_OF(name, number) {number, ERR_##name},
        PEER_ERR_LIST(ROW_OF)
#undef ROW_OF
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].number == number)
            return table[i].err;
    }
    return ERR_UNKNOWN;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of storage operations: who asked stands in the top byte, so that the shard can route a
 * completion without a table. */
#ifndef MSG_TOKEN_H
#define MSG_TOKEN_H

#include <stdint.h>

#include "base/check.h"

enum token_owner {
    TOKEN_CLUSTER = 1, /* cluster/ */
    TOKEN_VNODE = 2,   /* kv/vnode: loads and commits */
    TOKEN_REPLICA = 3, /* kv/replica: reads for coordinators */
    TOKEN_LISTER = 4,  /* query/lister: scans for listings */
    TOKEN_MACHINE = 5, /* the machine of this number */
    TOKEN_DIGESTS = 6, /* kv/digests: scans for exchanges of other nodes */
};

enum { TOKEN_OWNER_SHIFT = 56 };

static inline uint64_t token_of(enum token_owner owner, uint64_t number)
{
    ASSERT(number >> TOKEN_OWNER_SHIFT == 0);
    return (uint64_t)owner << TOKEN_OWNER_SHIFT | number;
}

static inline enum token_owner token_owner(uint64_t token)
{
    return (enum token_owner)(token >> TOKEN_OWNER_SHIFT);
}

static inline uint64_t token_number(uint64_t token)
{
    return token & ((UINT64_C(1) << TOKEN_OWNER_SHIFT) - 1);
}

#endif

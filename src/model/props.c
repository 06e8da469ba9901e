/* SPDX-License-Identifier: Apache-2.0 */
#include "model/props.h"

#include "base/check.h"

uint32_t quorum_number(uint32_t value, uint32_t n)
{
    ASSERT(value != QUORUM_DEFAULT);
    if (value == QUORUM_ONE)
        return 1;
    if (value == QUORUM_QUORUM)
        return n / 2 + 1;
    if (value == QUORUM_ALL)
        return n;
    return value;
}

struct props props_default(bool created_type)
{
    return (struct props){
        .n_val = 3,
        .r = QUORUM_QUORUM,
        .w = QUORUM_QUORUM,
        .dw = QUORUM_QUORUM,
        .rw = QUORUM_QUORUM,
        .allow_mult = created_type,
        .dvv_enabled = created_type,
        .notfound_ok = true,
        .old_vclock = 86400,
        .young_vclock = 20,
        .big_vclock = 50,
        .small_vclock = 50,
    };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/pace.h"

#include "base/check.h"

enum { US_PER_MS = 1000 };

void pace_told(struct pace *pace, const struct event *ev, struct outbox *out)
{
    uint64_t commit_us = ev->u.host.commit_us;

    ASSERT(ev->kind == EV_HOST);
    if (commit_us >= (uint64_t)PACE_SLOW_MS * US_PER_MS) {
        if (!pace->slow)
            outbox_trace(out, TRACE_DISK_SLOW, commit_us, 0, 0);
        *pace = (struct pace){true, ev->mono_us};
    } else if (pace->slow && ev->mono_us - pace->slow_us >= (uint64_t)PACE_REST_MS * US_PER_MS) {
        *pace = (struct pace){.slow = false};
        outbox_trace(out, TRACE_DISK_QUICK, commit_us, 0, 0);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/space.h"

#include "base/check.h"

enum { US_PER_MS = 1000 };

uint64_t space_resumes_at(uint64_t free_min)
{
    return free_min + free_min / 4;
}

static void enter_full(struct space *space, uint64_t free_bytes, uint64_t free_min,
                       struct outbox *out)
{
    ASSERT(!space->full);
    space->full = true;
    outbox_trace(out, TRACE_DISK_FULL, free_bytes, free_min, 0);
}

static void leave_full(struct space *space, uint64_t free_bytes, struct outbox *out)
{
    ASSERT(space->full);
    *space = (struct space){.full = false};
    outbox_trace(out, TRACE_DISK_ROOM, free_bytes, 0, 0);
}

void space_told(struct space *space, const struct config *config, const struct event *ev,
                struct outbox *out)
{
    const struct host_facts *host = &ev->u.host;
    uint64_t free_min = config_space_bytes(config->free_min, host->disk_total);

    ASSERT(ev->kind == EV_HOST);
    /* The host could not look: what was known stays. */
    if (host->disk_total == 0)
        return;
    bool room = host->disk_free >= space_resumes_at(free_min);
    if (!space->full) {
        if (host->disk_free < free_min)
            enter_full(space, host->disk_free, free_min, out);
        return;
    }
    if (!room)
        space->room_us = 0;
    else if (space->room_us == 0)
        space->room_us = ev->mono_us;
    bool held = space->failed_us != 0 &&
                ev->mono_us - space->failed_us < (uint64_t)SPACE_HOLD_MS * US_PER_MS;
    if (room && !held)
        leave_full(space, host->disk_free, out);
}

bool space_failed(struct space *space, const struct event *ev, struct outbox *out)
{
    ASSERT(ev->kind == EV_STORED);
    if (!space->full) {
        enter_full(space, 0, 0, out);
        space->room_us = ev->mono_us;
    }
    space->failed_us = ev->mono_us;
    return space->room_us == 0 ||
           ev->mono_us - space->room_us < (uint64_t)SPACE_STUCK_MS * US_PER_MS;
}

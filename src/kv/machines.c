/* SPDX-License-Identifier: Apache-2.0 */
#include "kv/machines.h"

#include "base/check.h"
#include "msg/limits.h"

void machine_begin(struct machine *machine, enum machine_kind kind, uint64_t id, struct asker asker,
                   uint32_t timeout_ms, const struct event *ev)
{
    ASSERT(id != 0);
    ASSERT(id >> 46 == 0);
    machine->kind = kind;
    machine->id = id;
    machine->asker = asker;
    machine->started_us = ev->mono_us;
    machine->deadline_us =
        ev->mono_us + (uint64_t)(timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : timeout_ms) * 1000;
    arena_init(&machine->arena);
}

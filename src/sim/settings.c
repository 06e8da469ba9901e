/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/settings.h"

#include "base/check.h"

enum { VALUE_FIRST = 1000 };

uint32_t settings_value(uint32_t id)
{
    return VALUE_FIRST + id;
}

uint32_t settings_invoke(struct world *w)
{
    ASSERT(w->settings_count < SIM_SETTINGS_MAX);
    w->settings[w->settings_count] =
        (struct setting){.outcome = OUTCOME_OPEN, .asked = ++w->settings_clock};
    return w->settings_count++;
}

void settings_over(struct world *w, uint32_t id, enum outcome outcome)
{
    struct setting *setting = &w->settings[id];

    ASSERT(id < w->settings_count);
    ASSERT(setting->outcome == OUTCOME_OPEN);
    setting->outcome = outcome;
    setting->answered = ++w->settings_clock;
    w->tally.settings += outcome == OUTCOME_DONE;
    world_trace(w, "world", 0, "setting %u: %s", id, outcome == OUTCOME_DONE ? "done" : "unknown");
}

/* Whether a set was over before another, which is known to be done, began. */
static bool is_past(const struct world *w, uint32_t id)
{
    const struct setting *own = &w->settings[id];

    for (uint32_t i = 0; i < w->settings_count; i++) {
        const struct setting *other = &w->settings[i];
        if (own->outcome == OUTCOME_DONE && other->outcome == OUTCOME_DONE &&
            own->answered < other->asked)
            return true;
    }
    return false;
}

static bool any_done(const struct world *w)
{
    for (uint32_t i = 0; i < w->settings_count; i++) {
        if (w->settings[i].outcome == OUTCOME_DONE)
            return true;
    }
    return false;
}

void settings_judge(struct world *w, unsigned node, uint32_t value)
{
    uint32_t id = value - VALUE_FIRST;

    if (value < VALUE_FIRST) {
        if (any_done(w))
            world_fail(w, "node %u has lost a setting that was acknowledged", node);
        return;
    }
    if (id >= w->settings_count)
        world_fail(w, "node %u tells of a setting that nobody made", node);
    else if (is_past(w, id))
        world_fail(w, "node %u tells of setting %u, which a later one replaced", node, id);
    else if (w->settings_told != 0 && w->settings_told != value)
        world_fail(w, "node %u tells of setting %u, another one of %u", node, id,
                   w->settings_told - VALUE_FIRST);
    w->settings_told = value;
}

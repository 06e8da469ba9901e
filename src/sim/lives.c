/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/lives.h"

#include "base/check.h"
#include "sim/keys.h"

enum { SECOND_US = 1000000, LONG_S = 100000, PASSES_US = 15000000 };

uint64_t lives_draw(struct world *w, uint32_t key, bool http, struct question *q)
{
    uint32_t ttl_s = key_brief(w, key) ? w->params.ttl_s : 0;

    if (http && w->params.expires && world_chance(w, w->params.ttl_permille * 1000)) {
        q->ttl_s = (uint32_t)random_range(&w->random, 1, w->params.ttl_s);
        if (world_chance(w, 100000))
            q->ttl_s = LONG_S;
        ttl_s = q->ttl_s;
    }
    return (uint64_t)ttl_s * SECOND_US;
}

/* From the clock that says when it expires to the last one that hides it: by how much more than its
 * life a value is seen, at least and at most. */
static uint64_t least_more(const struct world *w)
{
    uint64_t skew_us = (uint64_t)w->config.expiry_skew_ms * 1000;

    ASSERT(skew_us >= 2 * w->params.skew_us);
    return skew_us - 2 * w->params.skew_us;
}

static uint64_t most_more(const struct world *w)
{
    return (uint64_t)w->config.expiry_skew_ms * 1000 + 2 * w->params.skew_us;
}

void lives_asked(struct world *w, uint32_t write, uint64_t life_us)
{
    if (life_us > 0)
        history_expires(&w->history, write, w->now_us + life_us + least_more(w), UINT64_MAX);
}

void lives_done(struct world *w, uint32_t write, uint64_t life_us)
{
    if (life_us == 0)
        return;
    history_expires(&w->history, write, w->history.writes[write].fades,
                    w->now_us + life_us + most_more(w));
}

bool lives_removed(const struct world *w, uint64_t ends_us)
{
    uint64_t after_us = most_more(w) + (uint64_t)w->config.expiry_grace_ms * 1000 +
                        (uint64_t)w->config.expiry_interval_ms * 1000 + PASSES_US;

    return ends_us != 0 && ends_us + after_us < world_wall_us(w);
}

void lives_wait(struct world *w)
{
    uint64_t until_us = w->now_us + (uint64_t)w->params.ttl_s * SECOND_US + most_more(w);

    if (!w->params.expires)
        return;
    /* What is not known of writes that nobody heard of: none is made any more. */
    for (uint32_t i = 0; i < w->history.count; i++) {
        const struct history_write *write = &w->history.writes[i];
        if (write->fades < until_us && write->gone == UINT64_MAX)
            history_expires(&w->history, i, write->fades, until_us);
    }
    world_run(w, until_us + 1 + (uint64_t)w->config.expiry_grace_ms * 1000 +
                     (uint64_t)w->config.expiry_interval_ms * 1000 + PASSES_US);
}

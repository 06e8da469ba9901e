/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

enum { PPM = 1000000 };

/* 2026-01-01, so that dates look like dates. */
static const uint64_t WALL_START_US = UINT64_C(1767225600000000);

void world_init(struct world *w, uint64_t seed, FILE *trace_file)
{
    struct seed own = seed_of(seed);

    memset(w, 0, sizeof(*w));
    w->seed = seed;
    w->trace_file = trace_file;
    w->next_conn = 1;
    list_init(&w->sockets);
    heap_init(&w->timers);
    random_init(&w->random, &own, 1);
    history_init(&w->history);
    config_init(&w->config);
}

void world_done(struct world *w)
{
    heap_done(&w->timers);
    history_done(&w->history);
}

uint64_t world_wall_us(const struct world *w)
{
    return WALL_START_US + w->now_us;
}

void world_at(struct world *w, struct timer *timer, uint64_t at_us)
{
    heap_set(&w->timers, &timer->node, at_us < w->now_us ? w->now_us : at_us);
}

void world_after(struct world *w, struct timer *timer, uint64_t delay_us)
{
    world_at(w, timer, w->now_us + delay_us);
}

void world_cancel(struct world *w, struct timer *timer)
{
    heap_remove(&w->timers, &timer->node);
}

void world_run(struct world *w, uint64_t until_us)
{
    struct heap_node *first;

    while (!w->failed && (first = heap_peek(&w->timers)) != NULL && first->at <= until_us) {
        struct timer *timer = CONTAINER_OF(first, struct timer, node);
        ASSERT(first->at >= w->now_us);
        w->now_us = first->at;
        heap_remove(&w->timers, first);
        w->tally.events++;
        timer->run(w, timer);
    }
    if (!w->failed && w->now_us < until_us)
        w->now_us = until_us;
}

void world_drain(struct world *w)
{
    struct heap_node *first;

    w->ending = true;
    while ((first = heap_peek(&w->timers)) != NULL) {
        heap_remove(&w->timers, first);
        struct timer *timer = CONTAINER_OF(first, struct timer, node);
        timer->run(w, timer);
    }
}

void world_trace(struct world *w, const char *who, unsigned number, const char *format, ...)
{
    char *line = w->tail[w->tail_next++ % SIM_TRACE_TAIL];
    va_list args;

    int len = snprintf(line, SIM_LINE_BYTES, "%10llu.%06llu %-6s %2u  ",
                       (unsigned long long)(w->now_us / PPM), (unsigned long long)(w->now_us % PPM),
                       who, number);
    ASSERT(len > 0);
    va_start(args, format);
    vsnprintf(line + len, SIM_LINE_BYTES - (size_t)len, format, args);
    va_end(args);
    w->trace_hash = hash_xx_seed(bytes_str(line), w->trace_hash);
    if (w->trace_file != NULL)
        fprintf(w->trace_file, "%s\n", line);
}

void world_print_tail(const struct world *w, FILE *to)
{
    uint32_t count = w->tail_next < SIM_TRACE_TAIL ? w->tail_next : SIM_TRACE_TAIL;

    for (uint32_t i = 0; i < count; i++)
        fprintf(to, "%s\n", w->tail[(w->tail_next - count + i) % SIM_TRACE_TAIL]);
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->failed)
        return;
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->failure, sizeof(w->failure), format, args);
    va_end(args);
    world_trace(w, "world", 0, "FAILED: %s", w->failure);
}

bool world_chance(struct world *w, uint32_t ppm)
{
    return ppm > 0 && random_below(&w->random, PPM) < ppm;
}

uint64_t world_delay(struct world *w, uint64_t min_us, uint64_t mean_us)
{
    uint64_t delay = min_us + random_below(&w->random, 2 * mean_us + 1);

    if (world_chance(w, 10000))
        delay += random_below(&w->random, 10 * mean_us + 1);
    return delay;
}

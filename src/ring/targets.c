/* SPDX-License-Identifier: Apache-2.0 */
/* Step 1 of the solver: who should hold how much. */
#include "base/check.h"
#include "ring/targets_int.h"

enum { NODES_LIMIT = 1024 };

bool targets_usable(const struct solver_input *input, uint16_t node)
{
    ASSERT(node < input->nodes_count);
    return !input->nodes[node].leaving && input->nodes[node].weight > 0;
}

/* The usable locations, each once; returns how many. */
static uint32_t locations_of(const struct solver_input *input, uint32_t *locations)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++) {
        uint32_t at = 0;
        if (!targets_usable(input, i))
            continue;
        while (at < count && locations[at] != input->nodes[i].location)
            at++;
        if (at == count)
            locations[count++] = input->nodes[i].location;
    }
    return count;
}

uint32_t targets_copies(const struct solver_input *input)
{
    uint32_t usable = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++)
        usable += targets_usable(input, i);
    return usable < input->n ? usable : input->n;
}

/* Replicas of one partition that find a node when a location may hold `cap` of them. */
static uint32_t places_under(const struct solver_input *input, uint32_t cap)
{
    uint32_t locations[NODES_LIMIT];
    uint32_t count = locations_of(input, locations);
    uint32_t places = 0;

    for (uint32_t l = 0; l < count; l++) {
        uint32_t here = 0;
        for (uint16_t i = 0; i < input->nodes_count && here < cap; i++)
            here += targets_usable(input, i) && input->nodes[i].location == locations[l];
        places += here;
    }
    return places;
}

uint32_t targets_location_cap(const struct solver_input *input)
{
    uint32_t copies = targets_copies(input);
    uint32_t cap = 1;

    while (places_under(input, cap) < copies)
        cap++;
    ASSERT(cap <= input->n);
    return cap;
}

/* One share to be found: by weight, never above cap. */
struct share {
    uint64_t weight;
    uint64_t cap;
    uint64_t held;
    uint64_t id;
    uint64_t got;
    uint64_t remainder;
    bool full;
};

static bool before(const struct share *a, const struct share *b)
{
    if (a->remainder != b->remainder)
        return a->remainder > b->remainder;
    if (a->held != b->held)
        return a->held > b->held;
    return a->id < b->id;
}

/* Gives out `total` in whole pieces: shares above their cap are clamped, the rest is shared
 * again. */
static void fill(struct share *shares, uint32_t count, uint64_t total)
{
    uint64_t weight, left;
    bool clamped = true;

    while (clamped) {
        clamped = false;
        weight = 0;
        left = total;
        for (uint32_t i = 0; i < count; i++) {
            weight += shares[i].full ? 0 : shares[i].weight;
            left -= shares[i].full ? shares[i].cap : 0;
        }
        for (uint32_t i = 0; i < count && weight > 0; i++) {
            if (shares[i].full || left * shares[i].weight < shares[i].cap * weight)
                continue;
            shares[i].full = true;
            clamped = true;
        }
    }
    uint64_t rest = left;
    for (uint32_t i = 0; i < count; i++) {
        struct share *s = &shares[i];
        s->got = s->full ? s->cap : left * s->weight / weight;
        s->remainder = s->full ? 0 : left * s->weight % weight;
        rest -= s->full ? 0 : s->got;
    }
    while (rest > 0) {
        struct share *best = NULL;
        for (uint32_t i = 0; i < count; i++) {
            if (!shares[i].full && shares[i].got < shares[i].cap &&
                (best == NULL || before(&shares[i], best)))
                best = &shares[i];
        }
        if (best == NULL)
            return;
        best->got++;
        best->remainder = 0;
        best->held = 0;
        rest--;
    }
}

/* Shares a location's total among its nodes. */
static void fill_location(const struct solver_input *input, uint32_t location, uint64_t total,
                          const uint32_t *held, uint32_t *targets)
{
    struct share shares[NODES_LIMIT];
    uint16_t nodes[NODES_LIMIT];
    uint32_t count = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++) {
        if (!targets_usable(input, i) || input->nodes[i].location != location)
            continue;
        nodes[count] = i;
        shares[count++] = (struct share){.weight = input->nodes[i].weight,
                                         .cap = input->partitions,
                                         .held = held[i],
                                         .id = input->nodes[i].id};
    }
    fill(shares, count, total);
    for (uint32_t i = 0; i < count; i++)
        targets[nodes[i]] = (uint32_t)shares[i].got;
}

uint32_t *targets_make(struct arena *arena, const struct solver_input *input, const uint32_t *held)
{
    uint32_t *targets = arena_alloc_array(arena, input->nodes_count, sizeof(*targets));
    uint32_t locations[NODES_LIMIT];
    struct share shares[NODES_LIMIT];
    uint32_t count = locations_of(input, locations);
    uint64_t cap = (uint64_t)targets_location_cap(input) * input->partitions;

    ASSERT(input->nodes_count <= NODES_LIMIT);
    for (uint32_t l = 0; l < count; l++) {
        uint64_t nodes = 0;
        shares[l] = (struct share){.id = locations[l]};
        for (uint16_t i = 0; i < input->nodes_count; i++) {
            if (!targets_usable(input, i) || input->nodes[i].location != locations[l])
                continue;
            nodes++;
            shares[l].weight += input->nodes[i].weight;
            shares[l].held += held[i];
        }
        uint64_t most = nodes * input->partitions;
        shares[l].cap = cap < most ? cap : most;
    }
    fill(shares, count, (uint64_t)targets_copies(input) * input->partitions);
    for (uint32_t l = 0; l < count; l++)
        fill_location(input, locations[l], shares[l].got, held, targets);
    return targets;
}

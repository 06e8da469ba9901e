/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/solver.h"

#include "base/check.h"
#include "ring/targets_int.h"

struct solver {
    const struct solver_input *input;
    struct arena *arena;
    uint16_t *place; /* partitions * n */
    uint32_t *load;  /* replicas on each node */
    uint32_t *targets;
    uint32_t copies;   /* of each partition */
    uint32_t cap;      /* replicas of one partition in one location */
    uint16_t *reached; /* breadth-first search: from which node */
    uint32_t *through; /* ... by moving a replica of which partition */
};

static uint16_t *row(const struct solver *s, uint32_t partition)
{
    return s->place + (size_t)partition * s->input->n;
}

/* The place of a node in a partition's list, or -1. */
static int place_of(const struct solver *s, uint32_t partition, uint16_t node)
{
    const uint16_t *list = row(s, partition);

    for (uint32_t i = 0; i < s->input->n; i++) {
        if (list[i] == node)
            return (int)i;
    }
    return -1;
}

/* Replicas of a partition in a location, `without` one node. */
static uint32_t in_location(const struct solver *s, uint32_t partition, uint32_t location,
                            uint16_t without)
{
    const uint16_t *list = row(s, partition);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->input->n; i++)
        count += list[i] != RING_NOBODY && list[i] != without &&
                 s->input->nodes[list[i]].location == location;
    return count;
}

/* Whether `node` may take a replica of the partition, in the place of `without` or in a new one. */
static bool may_take(const struct solver *s, uint32_t partition, uint16_t node, uint16_t without)
{
    return targets_usable(s->input, node) && place_of(s, partition, node) < 0 &&
           in_location(s, partition, s->input->nodes[node].location, without) < s->cap;
}

static uint32_t *count_old(const struct solver_input *input, struct arena *arena)
{
    uint32_t *held = arena_alloc_array(arena, input->nodes_count, sizeof(*held));

    for (size_t i = 0; i < (size_t)input->partitions * input->old_n; i++) {
        if (input->old[i] != RING_NOBODY)
            held[input->old[i]]++;
    }
    return held;
}

/* Step 2: what stands, stays, unless its node goes or its location is full; earlier places first.
 *  */
static void keep(struct solver *s)
{
    const struct solver_input *input = s->input;

    for (uint32_t p = 0; p < input->partitions; p++) {
        uint16_t *list = row(s, p);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < input->n; i++)
            list[i] = RING_NOBODY;
        for (uint32_t i = 0; i < input->old_n && kept < s->copies; i++) {
            uint16_t node = input->old[(size_t)p * input->old_n + i];
            if (node == RING_NOBODY || !may_take(s, p, node, RING_NOBODY))
                continue;
            list[kept++] = node;
            s->load[node]++;
        }
    }
}

static uint32_t size_of(const struct solver *s, uint32_t partition)
{
    const uint16_t *list = row(s, partition);
    uint32_t count = 0;

    while (count < s->input->n && list[count] != RING_NOBODY)
        count++;
    return count;
}

static uint64_t rank(const struct solver *s, uint32_t partition, uint16_t node)
{
    return hash_mix(hash_mix(partition, s->input->nodes[node].id), 1);
}

/* The feasible node that is furthest below its target. Ties fall by a hash of partition and node,
 * so that every node comes to share partitions with every other: a dead one's load spreads over
 * all, and later changes find short paths. */
static uint16_t neediest(const struct solver *s, uint32_t partition)
{
    const struct solver_input *input = s->input;
    uint16_t best = RING_NOBODY;
    int64_t best_need = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++) {
        int64_t need = (int64_t)s->targets[i] - (int64_t)s->load[i];
        if (best != RING_NOBODY &&
            (need < best_need ||
             (need == best_need && rank(s, partition, i) < rank(s, partition, best))))
            continue;
        if (!may_take(s, partition, i, RING_NOBODY))
            continue;
        best = i;
        best_need = need;
    }
    return best;
}

static uint32_t candidates(const struct solver *s, uint32_t partition)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < s->input->nodes_count; i++)
        count += s->load[i] < s->targets[i] && may_take(s, partition, i, RING_NOBODY);
    return count;
}

/* Step 3. The order is by the number of candidates when the step began. */
static void fill_holes(struct solver *s)
{
    const struct solver_input *input = s->input;
    uint32_t *choices = arena_alloc_array(s->arena, input->partitions, sizeof(*choices));

    for (uint32_t p = 0; p < input->partitions; p++)
        choices[p] = size_of(s, p) < s->copies ? candidates(s, p) : UINT32_MAX;
    for (uint32_t round = 0; round <= input->nodes_count; round++) {
        for (uint32_t p = 0; p < input->partitions; p++) {
            if (choices[p] != round)
                continue;
            for (uint32_t size = size_of(s, p); size < s->copies; size++) {
                uint16_t node = neediest(s, p);
                if (node == RING_NOBODY)
                    break;
                row(s, p)[size] = node;
                s->load[node]++;
            }
        }
    }
}

static bool stood(const struct solver_input *input, uint32_t partition, uint16_t node)
{
    for (uint32_t i = 0; i < input->old_n; i++) {
        if (input->old[(size_t)partition * input->old_n + i] == node)
            return true;
    }
    return false;
}

/* A direct move to `under`: from the node furthest over its target that has a replica to give. */
static bool move_direct(struct solver *s, uint16_t under, bool free)
{
    const struct solver_input *input = s->input;
    uint16_t best = RING_NOBODY;
    uint32_t best_over = 0, best_partition = 0;

    for (uint32_t p = 0; p < input->partitions; p++) {
        const uint16_t *list = row(s, p);
        for (uint32_t i = 0; i < s->copies && list[i] != RING_NOBODY; i++) {
            uint16_t from = list[i];
            if (s->load[from] <= s->targets[from] + best_over || (free && stood(input, p, from)) ||
                !may_take(s, p, under, from))
                continue;
            best = from;
            best_over = s->load[from] - s->targets[from];
            best_partition = p;
        }
    }
    if (best == RING_NOBODY)
        return false;
    row(s, best_partition)[place_of(s, best_partition, best)] = under;
    s->load[best]--;
    s->load[under]++;
    return true;
}

/* Breadth first from `under` backwards: which nodes could hand a replica on, and to whom. With
 * `free` only replicas are handed on that were placed just now, which costs no movement. Returns
 * a node over its target that was reached, or RING_NOBODY. */
static uint16_t search(struct solver *s, uint16_t under, bool free)
{
    const struct solver_input *input = s->input;
    uint16_t *queue = arena_alloc_array(s->arena, input->nodes_count, sizeof(*queue));
    uint32_t head = 0, tail = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++)
        s->reached[i] = RING_NOBODY;
    s->reached[under] = under;
    queue[tail++] = under;
    while (head < tail) {
        uint16_t to = queue[head++];
        for (uint32_t p = 0; p < input->partitions; p++) {
            const uint16_t *list = row(s, p);
            if (place_of(s, p, to) >= 0)
                continue;
            for (uint32_t i = 0; i < s->copies && list[i] != RING_NOBODY; i++) {
                uint16_t from = list[i];
                if (s->reached[from] != RING_NOBODY || (free && stood(input, p, from)) ||
                    !may_take(s, p, to, from))
                    continue;
                s->reached[from] = to;
                s->through[from] = p;
                if (s->load[from] > s->targets[from])
                    return from;
                queue[tail++] = from;
            }
        }
    }
    return RING_NOBODY;
}

/* Hands one replica on along the path that the search found. Every hop is of another partition or
 * was legal when it was found; one that no longer is ends the path early, which is harmless. */
static bool augment(struct solver *s, uint16_t from)
{
    bool moved = false;

    while (s->reached[from] != from) {
        uint16_t to = s->reached[from];
        uint32_t p = s->through[from];
        int at = place_of(s, p, from);
        if (at < 0 || !may_take(s, p, to, from))
            return moved;
        row(s, p)[at] = to;
        s->load[from]--;
        s->load[to]++;
        moved = true;
        from = to;
    }
    return moved;
}

/* Step 4, with free moves only or with any. */
static void balance(struct solver *s, bool free)
{
    const struct solver_input *input = s->input;
    uint64_t rounds = (uint64_t)input->partitions * input->n + input->nodes_count;
    bool progress = true;

    while (progress && rounds > 0) {
        progress = false;
        for (uint16_t i = 0; i < input->nodes_count && rounds > 0; i++) {
            if (s->load[i] >= s->targets[i])
                continue;
            rounds--;
            if (move_direct(s, i, free)) {
                progress = true;
                continue;
            }
            uint16_t over = search(s, i, free);
            if (over != RING_NOBODY)
                progress = augment(s, over) || progress;
        }
    }
}

/* Step 5: each list is rotated so that the node with the fewest first places, for what it holds,
 * comes first. */
static void polish(struct solver *s)
{
    const struct solver_input *input = s->input;
    uint32_t *firsts = arena_alloc_array(s->arena, input->nodes_count, sizeof(*firsts));

    for (uint32_t p = 0; p < input->partitions; p++) {
        uint16_t *list = row(s, p);
        uint32_t size = size_of(s, p);
        uint32_t best = 0;
        for (uint32_t i = 1; i < size; i++) {
            uint64_t mine = (uint64_t)firsts[list[i]] * s->load[list[best]];
            uint64_t best_one = (uint64_t)firsts[list[best]] * s->load[list[i]];
            if (mine < best_one)
                best = i;
        }
        if (size == 0)
            continue;
        uint16_t first = list[best];
        list[best] = list[0];
        list[0] = first;
        firsts[first]++;
    }
}

static uint32_t count_moved(const struct solver *s)
{
    uint32_t moved = 0;

    for (uint32_t p = 0; p < s->input->partitions; p++) {
        for (uint32_t i = 0; i < s->input->n; i++) {
            uint16_t node = row(s, p)[i];
            moved += node != RING_NOBODY && !stood(s->input, p, node);
        }
    }
    return moved;
}

enum err solver_run(struct arena *arena, const struct solver_input *input,
                    struct solver_result *ret_result)
{
    struct solver s = {.input = input, .arena = arena};
    uint32_t bound = 0;

    ASSERT(input->n > 0);
    ASSERT(input->n <= RING_REPLICAS_MAX);
    s.copies = targets_copies(input);
    s.cap = targets_location_cap(input);
    if (s.copies == 0)
        return ERR_BAD_REQUEST;
    uint32_t *held = count_old(input, arena);
    s.targets = targets_make(arena, input, held);
    s.load = arena_alloc_array(arena, input->nodes_count, sizeof(*s.load));
    s.reached = arena_alloc_array(arena, input->nodes_count, sizeof(*s.reached));
    s.through = arena_alloc_array(arena, input->nodes_count, sizeof(*s.through));
    s.place = arena_alloc_array(arena, (size_t)input->partitions * input->n, sizeof(*s.place));
    keep(&s);
    fill_holes(&s);
    balance(&s, true);
    balance(&s, false);
    polish(&s);
    for (uint16_t i = 0; i < input->nodes_count; i++)
        bound += s.targets[i] > held[i] ? s.targets[i] - held[i] : 0;
    *ret_result = (struct solver_result){s.place, s.targets, count_moved(&s), bound};
    return ERR_OK;
}

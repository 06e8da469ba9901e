/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/solver.h"

#include "base/check.h"
#include "ring/checker.h"
#include "ring/solver_int.h"
#include "ring/targets_int.h"

uint16_t *solver_row(const struct solver *s, uint32_t partition)
{
    return s->place + (size_t)partition * s->input->n;
}

int solver_position(const struct solver *s, uint32_t partition, uint16_t node)
{
    const uint16_t *list = solver_row(s, partition);

    for (uint32_t i = 0; i < s->input->n; i++) {
        if (list[i] == node)
            return (int)i;
    }
    return -1;
}

void solver_set(struct solver *s, uint32_t partition, uint32_t position, uint16_t node)
{
    uint16_t *held = &solver_row(s, partition)[position];

    ASSERT(position < s->input->n);
    if (*held != RING_NOBODY) {
        ASSERT(s->load[*held] > 0);
        s->load[*held]--;
        s->at[(size_t)*held * s->input->n + position]--;
    }
    *held = node;
    if (node != RING_NOBODY) {
        s->load[node]++;
        s->at[(size_t)node * s->input->n + position]++;
    }
}

/* Replicas of a partition in a location, `without` one node. */
static uint32_t in_location(const struct solver *s, uint32_t partition, uint32_t location,
                            uint16_t without)
{
    const uint16_t *list = solver_row(s, partition);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->input->n; i++)
        count += list[i] != RING_NOBODY && list[i] != without &&
                 s->input->nodes[list[i]].location == location;
    return count;
}

bool solver_may_take(const struct solver *s, uint32_t partition, uint16_t node, uint16_t without)
{
    return targets_usable(s->input, node) && solver_position(s, partition, node) < 0 &&
           in_location(s, partition, s->input->nodes[node].location, without) < s->cap;
}

bool solver_stood(const struct solver_input *input, uint32_t partition, uint16_t node)
{
    for (uint32_t i = 0; i < input->old_n; i++) {
        if (input->old[(size_t)partition * input->old_n + i] == node)
            return true;
    }
    return false;
}

static uint32_t *count_old(const struct solver_input *input, struct arena *arena)
{
    uint32_t *held = arena_alloc_array(arena, input->nodes_count, sizeof(*held));

    for (size_t i = 0; i < (size_t)input->partitions * input->old_n; i++) {
        if (input->old[i] == RING_NOBODY)
            continue;
        ASSERT(input->old[i] < input->nodes_count);
        held[input->old[i]]++;
    }
    return held;
}

static uint32_t size_of(const struct solver *s, uint32_t partition)
{
    const uint16_t *list = solver_row(s, partition);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->input->n; i++)
        count += list[i] != RING_NOBODY;
    return count;
}

/* The first position that holds nobody. */
static uint32_t hole_of(const struct solver *s, uint32_t partition)
{
    int hole = solver_position(s, partition, RING_NOBODY);

    ASSERT(hole >= 0);
    return (uint32_t)hole;
}

/* Step 2. Who stood beyond the new length of the list takes what holes there are. */
static void keep(struct solver *s)
{
    const struct solver_input *input = s->input;

    for (size_t i = 0; i < (size_t)input->partitions * input->n; i++)
        s->place[i] = RING_NOBODY;
    for (uint32_t p = 0; p < input->partitions; p++) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < input->old_n && kept < s->copies; i++) {
            uint16_t node = input->old[(size_t)p * input->old_n + i];
            if (node == RING_NOBODY || !solver_may_take(s, p, node, RING_NOBODY))
                continue;
            solver_set(s, p, i < input->n ? i : hole_of(s, p), node);
            kept++;
        }
    }
}

static uint64_t rank(const struct solver *s, uint32_t partition, uint16_t node)
{
    return hash_mix(hash_mix(partition, s->input->nodes[node].id), 1);
}

/* How far a node stands above its even share at a position, in n-ths of a replica. */
static int64_t excess(const struct solver *s, uint16_t node, uint32_t position)
{
    return (int64_t)s->at[(size_t)node * s->input->n + position] * s->copies -
           (int64_t)s->load[node];
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
        if (!solver_may_take(s, partition, i, RING_NOBODY))
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
        count += s->load[i] < s->targets[i] && solver_may_take(s, partition, i, RING_NOBODY);
    return count;
}

/* Step 3. The order is by the number of candidates when the step began. */
static void fill_holes(struct solver *s, struct arena *arena)
{
    const struct solver_input *input = s->input;
    uint32_t *choices = arena_alloc_array(arena, input->partitions, sizeof(*choices));

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
                solver_set(s, p, hole_of(s, p), node);
            }
        }
    }
}

/* A replica that could be moved. */
struct offer {
    uint16_t from;
    uint32_t partition;
    uint32_t position;
    uint32_t over;  /* how far its node is over the target */
    int64_t excess; /* how much the move evens out who stands at which position */
    uint64_t rank;
};

/* A node and how far it is over its target decide; then evenness; then a hash, as above. */
static bool offer_better(const struct offer *a, const struct offer *b)
{
    if (b->from == RING_NOBODY || a->over != b->over)
        return b->from == RING_NOBODY || a->over > b->over;
    if (a->excess != b->excess)
        return a->excess > b->excess;
    return a->rank > b->rank;
}

/* A direct move to `under`: from the node furthest over its target that has a replica to give. */
static bool move_direct(struct solver *s, uint16_t under, bool free)
{
    const struct solver_input *input = s->input;
    struct offer best = {.from = RING_NOBODY};

    for (uint32_t p = 0; p < input->partitions; p++) {
        const uint16_t *list = solver_row(s, p);
        for (uint32_t i = 0; i < input->n; i++) {
            uint16_t from = list[i];
            if (from == RING_NOBODY || s->load[from] <= s->targets[from] ||
                s->load[from] - s->targets[from] < best.over)
                continue;
            struct offer offer = {.from = from,
                                  .partition = p,
                                  .position = i,
                                  .over = s->load[from] - s->targets[from],
                                  .excess = excess(s, from, i) - excess(s, under, i),
                                  .rank = rank(s, p, under)};
            if (offer_better(&offer, &best) && !(free && solver_stood(input, p, from)) &&
                solver_may_take(s, p, under, from))
                best = offer;
        }
    }
    if (best.from == RING_NOBODY)
        return false;
    solver_set(s, best.partition, best.position, under);
    return true;
}

/* Breadth first from `under` backwards: which nodes could hand a replica on, and to whom. With
 * `free` only replicas are handed on that were placed just now, which costs no movement. Returns
 * a node over its target that was reached, or RING_NOBODY. */
static uint16_t search(struct solver *s, uint16_t under, bool free)
{
    const struct solver_input *input = s->input;
    uint32_t head = 0, tail = 0;

    for (uint16_t i = 0; i < input->nodes_count; i++)
        s->reached[i] = RING_NOBODY;
    s->reached[under] = under;
    s->queue[tail++] = under;
    while (head < tail) {
        uint16_t to = s->queue[head++];
        for (uint32_t p = 0; p < input->partitions; p++) {
            const uint16_t *list = solver_row(s, p);
            if (solver_position(s, p, to) >= 0)
                continue;
            for (uint32_t i = 0; i < input->n; i++) {
                uint16_t from = list[i];
                if (from == RING_NOBODY || s->reached[from] != RING_NOBODY ||
                    (free && solver_stood(input, p, from)) || !solver_may_take(s, p, to, from))
                    continue;
                s->reached[from] = to;
                s->through[from] = p;
                if (s->load[from] > s->targets[from])
                    return from;
                s->queue[tail++] = from;
            }
        }
    }
    return RING_NOBODY;
}

/* Hands one replica on along the path that the search found. Every hop was legal when it was
 * found; one that no longer is, after another hop through the same partition, ends the path early,
 * which is harmless. */
static bool augment(struct solver *s, uint16_t from)
{
    bool moved = false;

    while (s->reached[from] != from) {
        uint16_t to = s->reached[from];
        uint32_t p = s->through[from];
        int at = solver_position(s, p, from);
        if (at < 0 || !solver_may_take(s, p, to, from))
            return moved;
        solver_set(s, p, (uint32_t)at, to);
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

/* Where a node stood that has a place in the list still, or -1. */
static int old_position(const struct solver *s, uint32_t partition, uint16_t node)
{
    const struct solver_input *input = s->input;

    for (uint32_t i = 0; i < input->old_n && i < input->n; i++) {
        if (input->old[(size_t)partition * input->old_n + i] == node)
            return (int)i;
    }
    return -1;
}

/* Empties a list and puts those back who stood in it, each where it stood: balancing may have given
 * a place back to a node at another position. Returns how many newcomers are left over. */
static uint32_t seat_stayers(struct solver *s, uint32_t partition,
                             uint16_t ret_newcomers[RING_REPLICAS_MAX])
{
    uint16_t stayers[RING_REPLICAS_MAX];
    uint32_t count = 0, newcomers = 0;

    for (uint32_t i = 0; i < s->input->n; i++) {
        uint16_t node = solver_row(s, partition)[i];
        if (node == RING_NOBODY)
            continue;
        solver_set(s, partition, i, RING_NOBODY);
        if (old_position(s, partition, node) >= 0)
            stayers[count++] = node;
        else
            ret_newcomers[newcomers++] = node;
    }
    for (uint32_t i = 0; i < count; i++)
        solver_set(s, partition, (uint32_t)old_position(s, partition, stayers[i]), stayers[i]);
    return newcomers;
}

/* Step 6. A free position goes to the newcomer that stands there least often for what it holds. */
static void polish(struct solver *s)
{
    uint16_t newcomers[RING_REPLICAS_MAX];

    for (uint32_t p = 0; p < s->input->partitions; p++) {
        uint32_t count = seat_stayers(s, p, newcomers);
        for (; count > 0; count--) {
            uint32_t hole = hole_of(s, p);
            uint32_t best = 0;
            for (uint32_t i = 1; i < count; i++) {
                if (excess(s, newcomers[i], hole) < excess(s, newcomers[best], hole))
                    best = i;
            }
            solver_set(s, p, hole, newcomers[best]);
            newcomers[best] = newcomers[count - 1];
        }
    }
}

/* Where there are fewer replicas than positions, the last positions are the empty ones. */
static void close_ranks(struct solver *s)
{
    for (uint32_t p = 0; p < s->input->partitions; p++) {
        uint32_t to = 0;
        for (uint32_t i = 0; i < s->input->n; i++) {
            uint16_t node = solver_row(s, p)[i];
            if (node == RING_NOBODY)
                continue;
            solver_set(s, p, i, RING_NOBODY);
            solver_set(s, p, to++, node);
        }
    }
}

uint32_t solver_moved(const struct solver *s)
{
    uint32_t moved = 0;

    for (uint32_t p = 0; p < s->input->partitions; p++) {
        for (uint32_t i = 0; i < s->input->n; i++) {
            uint16_t node = solver_row(s, p)[i];
            moved += node != RING_NOBODY && !solver_stood(s->input, p, node);
        }
    }
    return moved;
}

static struct solver solver_of(struct arena *arena, const struct solver_input *input,
                               const uint32_t *held)
{
    size_t nodes = input->nodes_count;

    return (struct solver){
        .input = input,
        .place = arena_alloc_array(arena, (size_t)input->partitions * input->n, sizeof(uint16_t)),
        .load = arena_alloc_array(arena, nodes, sizeof(uint32_t)),
        .at = arena_alloc_array(arena, nodes * input->n, sizeof(uint32_t)),
        .targets = targets_make(arena, input, held),
        .copies = targets_copies(input),
        .cap = targets_location_cap(input),
        .reached = arena_alloc_array(arena, nodes, sizeof(uint16_t)),
        .through = arena_alloc_array(arena, nodes, sizeof(uint32_t)),
        .queue = arena_alloc_array(arena, nodes, sizeof(uint16_t)),
    };
}

enum err solver_run(struct arena *arena, const struct solver_input *input,
                    struct solver_result *ret_result)
{
    uint32_t bound = 0;

    ASSERT(input->n > 0);
    ASSERT(input->n <= RING_REPLICAS_MAX);
    ASSERT(input->old_n <= RING_REPLICAS_MAX);
    if (targets_copies(input) == 0)
        return ERR_BAD_REQUEST;
    uint32_t *held = count_old(input, arena);
    struct solver s = solver_of(arena, input, held);
    keep(&s);
    fill_holes(&s, arena);
    balance(&s, true);
    balance(&s, false);
    for (uint16_t i = 0; i < input->nodes_count; i++)
        bound += s.targets[i] > held[i] ? s.targets[i] - held[i] : 0;
    savings_make(&s, arena, bound);
    polish(&s);
    close_ranks(&s);
    struct checker_report report = checker_run(input, s.place, s.targets);
    if (!checker_clean(&report))
        return ERR_REFUSED;
    *ret_result = (struct solver_result){s.place, s.targets, solver_moved(&s), bound};
    return ERR_OK;
}

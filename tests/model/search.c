/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "tap.h"

/* A visited state. Two with the same 128-bit digest are taken for one. */
struct visit {
    struct map_node node;
    uint64_t digest[2];
    struct visit *from;
    struct visit *next;
    struct step step;
    struct state state;
};

struct frontier {
    struct arena arena;
    struct map seen;
    struct visit *last;
};

/* Adds a state unless it was visited; returns it if it is new. */
static struct visit *visit(struct frontier *frontier, struct visit *from, struct step step,
                           const struct state *state)
{
    uint64_t digest[2];

    hash_xx128(bytes_of(state, sizeof(*state)), (uint8_t *)digest);
    struct map_node *node = map_find(&frontier->seen, digest[0]);
    for (; node != NULL; node = map_next(node)) {
        if (CONTAINER_OF(node, struct visit, node)->digest[1] == digest[1])
            return NULL;
    }
    struct visit *new = ARENA_NEW(&frontier->arena, struct visit);
    memcpy(new->digest, digest, sizeof(digest));
    new->from = from;
    new->step = step;
    new->state = *state;
    map_add(&frontier->seen, &new->node, digest[0]);
    if (frontier->last != NULL)
        frontier->last->next = new;
    frontier->last = new;
    return new;
}

/* Tells the story backwards-recursively; returns its number of steps. */
static uint32_t tell(const struct world *world, const struct visit *visit)
{
    static const char *const words[] = {"", "write", "delete", "deliver", "lose the store"};

    if (visit->from == NULL)
        return 0;
    uint32_t number = tell(world, visit->from) + 1;
    struct step step = visit->step;
    tap_note("  %u. replica %u: %s%s, history {%x}; now history {%x}", (unsigned)number,
             (unsigned)step.replica, words[step.kind],
             step.kind == STEP_WRITE && step.snapshot == NO_CONTEXT ? " blindly" : "",
             (unsigned)world->snapshots[step.snapshot]->known,
             (unsigned)world->snapshots[visit->state.at[step.replica]]->known);
    return number;
}

/* Visits all that follows one state; returns the first wrong one. */
static struct visit *expand(struct world *world, struct frontier *frontier, struct visit *from,
                            struct finding *finding)
{
    struct step steps[STEPS_TOP];
    uint32_t count = world_steps(world, &from->state, steps);

    for (uint32_t i = 0; i < count; i++) {
        struct state state;
        if (!world_apply(world, &from->state, steps[i], &state)) {
            finding->refused++;
            continue;
        }
        struct visit *new = visit(frontier, from, steps[i], &state);
        if (new == NULL)
            continue;
        finding->states++;
        finding->outcomes += state.writes_count == world->size.writes;
        finding->wrong = world_wrong(world, &state);
        if (finding->wrong != NULL)
            return new;
    }
    return NULL;
}

struct finding search(const struct rules *rules, struct size size)
{
    struct finding finding = {NULL, 0, 0, 0, 0};
    struct frontier frontier = {.last = NULL};
    struct world world;

    world_init(&world, rules, size);
    arena_init(&frontier.arena);
    map_init(&frontier.seen);
    struct state start = world_start(&world);
    struct visit *at = visit(&frontier, NULL, (struct step){STEP_START, 0, 0}, &start);
    struct visit *wrong = NULL;
    for (; at != NULL && wrong == NULL; at = at->next)
        wrong = expand(&world, &frontier, at, &finding);
    tap_note("%s: %u replicas, %u writes, %u losses: %u states, %u with all writes", rules->name,
             (unsigned)size.replicas, (unsigned)size.writes, (unsigned)size.losses,
             (unsigned)finding.states, (unsigned)finding.outcomes);
    if (wrong != NULL) {
        tap_note("  %s:", finding.wrong);
        finding.steps = tell(&world, wrong);
    }
    map_done(&frontier.seen);
    arena_done(&frontier.arena);
    world_done(&world);
    return finding;
}

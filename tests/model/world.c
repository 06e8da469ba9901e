/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

/* Wall clocks that stand still and far apart: the worst that hybrid clocks have to live with. */
static const uint64_t wall_us[REPLICAS_TOP] = {50, 90, 10};

enum { ACTOR_AGAIN = 10, IMAGE_BYTES_MAX = 4096, MERGES_SIDE_FIRST = 64 };

_Static_assert(sizeof(struct state) == WRITES_TOP * 8 + 8 + REPLICAS_TOP * 6 + 2 + SOUP_TOP * 2,
               "a state has no gaps");

/* All that counts of an object, as bytes. */
static void image_put(struct buf *buf, const struct object *object, uint32_t known)
{
    buf_put_le32(buf, known);
    if (object == NULL)
        return;
    for (uint32_t i = 0; i < object->clock.count; i++) {
        buf_put_le64(buf, object->clock.entries[i].actor);
        buf_put_le64(buf, object->clock.entries[i].counter);
    }
    buf_put_le64(buf, 0);
    for (uint32_t i = 0; i < object->count; i++) {
        buf_put_le64(buf, object->siblings[i].dot.actor);
        buf_put_le64(buf, object->siblings[i].dot.counter);
        buf_put_le64(buf, object->siblings[i].hlc_us);
        buf_put_u8(buf, object->siblings[i].deleted);
    }
    ASSERT(!buf->overflow);
}

static bool image_equal(const struct snapshot *snapshot, const struct object *object,
                        uint32_t known)
{
    struct buf a;
    struct buf b;

    buf_init(&a, IMAGE_BYTES_MAX);
    buf_init(&b, IMAGE_BYTES_MAX);
    image_put(&a, snapshot->object, snapshot->known);
    image_put(&b, object, known);
    bool equal = bytes_eq(buf_bytes(&a), buf_bytes(&b));
    buf_done(&a);
    buf_done(&b);
    return equal;
}

/* The number of the snapshot with this content, a new one if there is none. */
static uint32_t snapshot_of(struct world *world, const struct object *object, uint32_t known)
{
    struct buf image;

    buf_init(&image, IMAGE_BYTES_MAX);
    image_put(&image, object, known);
    uint64_t hash = hash_xx(buf_bytes(&image));
    buf_done(&image);
    struct map_node *node = map_find(&world->by_content, hash);
    for (; node != NULL; node = map_next(node)) {
        struct snapshot *there = CONTAINER_OF(node, struct snapshot, node);
        if (image_equal(there, object, known))
            return there->number;
    }
    if (world->snapshots_count == world->snapshots_cap) {
        world->snapshots_cap = world->snapshots_cap == 0 ? 64 : world->snapshots_cap * 2;
        world->snapshots =
            mem_resize(world->snapshots, world->snapshots_cap * sizeof(world->snapshots[0]));
    }
    struct snapshot *snapshot = ARENA_NEW(&world->arena, struct snapshot);
    snapshot->number = world->snapshots_count++;
    snapshot->object = object == NULL ? NULL : object_copy(&world->arena, object);
    snapshot->known = known;
    world->snapshots[snapshot->number] = snapshot;
    map_add(&world->by_content, &snapshot->node, hash);
    return snapshot->number;
}

void world_init(struct world *world, const struct rules *rules, struct size size)
{
    ASSERT(size.replicas <= REPLICAS_TOP);
    ASSERT(size.writes <= WRITES_TOP);
    *world = (struct world){.rules = rules, .size = size};
    arena_init(&world->arena);
    map_init(&world->by_content);
    uint32_t nothing = snapshot_of(world, NULL, 0);
    ASSERT(nothing == NO_CONTEXT);
}

void world_done(struct world *world)
{
    map_done(&world->by_content);
    mem_free(world->snapshots);
    mem_free(world->merges);
    arena_done(&world->arena);
}

struct state world_start(struct world *world)
{
    struct state state;

    memset(&state, 0, sizeof(state));
    for (uint32_t i = 0; i < world->size.replicas; i++)
        state.actor[i] = (uint8_t)(i + 1);
    return state;
}

static void soup_add(struct state *state, uint32_t number)
{
    uint32_t at = state->soup_count;

    for (uint32_t i = 0; i < state->soup_count; i++) {
        if (state->soup[i] == number)
            return;
    }
    ASSERT(state->soup_count < SOUP_TOP);
    for (; at > 0 && state->soup[at - 1] > number; at--)
        state->soup[at] = state->soup[at - 1];
    state->soup[at] = (uint16_t)number;
    state->soup_count++;
}

uint32_t world_steps(const struct world *world, const struct state *state,
                     struct step steps[STEPS_TOP])
{
    uint32_t count = 0;

    for (uint32_t r = 0; r < world->size.replicas; r++) {
        bool write = state->writes_count < world->size.writes;
        if (write)
            steps[count++] = (struct step){STEP_WRITE, r, NO_CONTEXT};
        for (uint32_t i = 0; i < state->soup_count; i++) {
            uint32_t snapshot = state->soup[i];
            if (write) {
                steps[count++] = (struct step){STEP_WRITE, r, snapshot};
                steps[count++] = (struct step){STEP_DELETE, r, snapshot};
            }
            if (state->at[r] != snapshot)
                steps[count++] = (struct step){STEP_DELIVER, r, snapshot};
        }
        if (state->losses < world->size.losses && state->at[r] != NO_CONTEXT)
            steps[count++] = (struct step){STEP_LOSE, r, NO_CONTEXT};
    }
    ASSERT(count <= STEPS_TOP);
    return count;
}

static bool apply_write(struct world *world, struct step step, struct state *state)
{
    const struct snapshot *read = world->snapshots[step.snapshot];
    const struct snapshot *old = world->snapshots[state->at[step.replica]];
    uint8_t actor = state->actor[step.replica];
    uint8_t counter = ++state->issued[step.replica];
    struct write write = {.context = read->object == NULL ? CLOCK_NONE : read->object->clock,
                          .deleted = step.kind == STEP_DELETE,
                          .dot = {actor, counter},
                          .wall_us = wall_us[step.replica]};
    struct arena arena;

    if (object_put_check(old->object, &write) != ERR_OK)
        return false;
    arena_init(&arena);
    struct object *object = world->rules->put(&arena, old->object, &write);
    if (world->rules->resolve)
        object_resolve(object);
    uint8_t hlc = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        if (dot_eq(object->siblings[i].dot, write.dot))
            hlc = (uint8_t)object->siblings[i].hlc_us;
    }
    state->writes[state->writes_count] =
        (struct fact){actor, counter, write.deleted, hlc, read->known};
    uint32_t known = old->known | read->known | UINT32_C(1) << state->writes_count++;
    state->at[step.replica] = snapshot_of(world, object, known);
    arena_done(&arena);
    return true;
}

static uint32_t *merge_memo(struct world *world, uint32_t a, uint32_t b)
{
    if (world->snapshots_count > world->merges_side) {
        uint32_t side = world->merges_side == 0 ? MERGES_SIDE_FIRST : world->merges_side;
        while (side < world->snapshots_count)
            side *= 2;
        mem_free(world->merges);
        world->merges = mem_new_array((size_t)side * side, sizeof(world->merges[0]));
        world->merges_side = side;
    }
    return &world->merges[(size_t)a * world->merges_side + b];
}

static uint32_t merged(struct world *world, uint32_t a, uint32_t b)
{
    uint32_t *memo = merge_memo(world, a, b);
    struct arena arena;

    if (*memo != 0)
        return *memo - 1;
    arena_init(&arena);
    const struct snapshot *left = world->snapshots[a];
    const struct snapshot *right = world->snapshots[b];
    struct object *object = world->rules->merge(&arena, left->object, right->object);
    if (world->rules->resolve)
        object_resolve(object);
    uint32_t number = snapshot_of(world, object, left->known | right->known);
    *merge_memo(world, a, b) = number + 1;
    arena_done(&arena);
    return number;
}

bool world_apply(struct world *world, const struct state *from, struct step step,
                 struct state *ret_state)
{
    struct state state = *from;

    switch (step.kind) {
    case STEP_START: UNREACHABLE();
    case STEP_WRITE:
    case STEP_DELETE:
        if (!apply_write(world, step, &state))
            return false;
        break;
    case STEP_DELIVER:
        state.at[step.replica] = merged(world, state.at[step.replica], step.snapshot);
        break;
    case STEP_LOSE:
        state.losses++;
        state.at[step.replica] = NO_CONTEXT;
        state.issued[step.replica] = 0;
        if (!world->rules->same_actor)
            state.actor[step.replica] = (uint8_t)(state.actor[step.replica] + ACTOR_AGAIN);
        *ret_state = state;
        return true;
    }
    soup_add(&state, state.at[step.replica]);
    *ret_state = state;
    return true;
}

static struct dot fact_dot(const struct fact *fact)
{
    return (struct dot){fact->actor, fact->counter};
}

/* Whether `a` wins over `b` where there is one winner. */
static bool fact_wins(const struct fact *a, const struct fact *b)
{
    if (a->hlc != b->hlc)
        return a->hlc > b->hlc;
    if (a->deleted != b->deleted)
        return b->deleted;
    return dot_cmp(fact_dot(a), fact_dot(b)) > 0;
}

/* The writes of a history that must be there: those that no other one supersedes, or the winner. */
static uint32_t survivors(const struct world *world, const struct state *state, uint32_t known)
{
    uint32_t superseded = 0;
    int winner = -1;

    for (uint32_t i = 0; i < state->writes_count; i++) {
        if ((known >> i & 1) == 0)
            continue;
        superseded |= state->writes[i].past;
        if (winner < 0 || fact_wins(&state->writes[i], &state->writes[winner]))
            winner = (int)i;
    }
    if (world->rules->resolve)
        return winner < 0 ? 0 : UINT32_C(1) << winner;
    return known & ~superseded;
}

/* NULL when a snapshot is what its history demands. */
static const char *snapshot_wrong(const struct world *world, const struct state *state,
                                  const struct snapshot *snapshot)
{
    uint32_t want = survivors(world, state, snapshot->known);
    uint32_t have = 0;

    if (snapshot->object == NULL)
        return want == 0 ? NULL : "a write is lost";
    for (uint32_t i = 0; i < state->writes_count; i++) {
        struct dot dot = fact_dot(&state->writes[i]);
        bool known = snapshot->known >> i & 1;
        if (clock_covers(snapshot->object->clock, dot) != known)
            return "the clock is not the history";
        for (uint32_t j = 0; j < snapshot->object->count; j++)
            have |= (uint32_t)dot_eq(snapshot->object->siblings[j].dot, dot) << i;
    }
    if ((want & ~have) != 0)
        return "a write is lost";
    if ((have & ~want) != 0)
        return "a superseded write is back";
    return have == 0 ? "nothing is left" : NULL;
}

/* All messages delivered everywhere, in both orders. */
static const char *outcome_wrong(struct world *world, const struct state *state)
{
    uint32_t all = (UINT32_C(1) << state->writes_count) - 1;
    uint32_t first = 0;

    for (uint32_t r = 0; r < world->size.replicas * 2; r++) {
        uint32_t now = state->at[r / 2];
        for (uint32_t i = 0; i < state->soup_count; i++)
            now = merged(world, now, state->soup[r % 2 ? state->soup_count - 1 - i : i]);
        first = r == 0 ? now : first;
        if (now != first)
            return "replicas differ after all messages";
    }
    if (world->snapshots[first]->known != all)
        return "a message brought nothing";
    return snapshot_wrong(world, state, world->snapshots[first]);
}

const char *world_wrong(struct world *world, const struct state *state)
{
    const char *wrong = NULL;

    for (uint32_t r = 0; r < world->size.replicas && wrong == NULL; r++)
        wrong = snapshot_wrong(world, state, world->snapshots[state->at[r]]);
    if (wrong == NULL && state->writes_count > 0)
        wrong = outcome_wrong(world, state);
    return wrong;
}

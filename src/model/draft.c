/* SPDX-License-Identifier: Apache-2.0 */
#include "model/draft.h"

#include "base/check.h"
#include "model/key.h"
#include "model/overlay.h"

static struct props type_props(struct bytes name, struct bytes overlay)
{
    struct props props = props_default(!bytes_eq(name, TYPE_DEFAULT));

    overlay_apply(&props, overlay);
    return props;
}

static struct member member_copy(struct arena *arena, const struct member *from)
{
    struct member copy = *from;

    copy.name = arena_copy(arena, from->name);
    copy.address = arena_copy(arena, from->address);
    copy.location = arena_copy(arena, from->location);
    return copy;
}

static void copy_members(struct document *to, const struct member *members, uint32_t count)
{
    struct member *copies = arena_alloc_array(&to->arena, count, sizeof(*copies));

    for (uint32_t i = 0; i < count; i++)
        copies[i] = member_copy(&to->arena, &members[i]);
    to->members = copies;
    to->members_count = count;
}

static const uint16_t *copy_lists(struct document *to, const uint16_t *lists)
{
    size_t count = (size_t)to->partitions * to->n_max;
    uint16_t *copy = arena_alloc_array(&to->arena, count, sizeof(*copy));

    memcpy(copy, lists, count * sizeof(*copy));
    return copy;
}

struct document *draft_first(const uint64_t cluster[2], const uint64_t hash_key[2],
                             const struct member *member, uint32_t slots, uint32_t partitions,
                             uint32_t n_max)
{
    struct document *draft = document_new();

    ASSERT(n_max > 0);
    ASSERT(n_max <= REPLICAS_MAX);
    memcpy(draft->cluster, cluster, sizeof(draft->cluster));
    memcpy(draft->hash_key, hash_key, sizeof(draft->hash_key));
    draft->lineage = 1;
    draft->epoch = 1;
    draft->slots = slots;
    draft->partitions = partitions;
    draft->n_max = n_max;
    uint16_t *place = arena_alloc_array(&draft->arena, (size_t)partitions * n_max, sizeof(*place));
    for (uint32_t i = 0; i < partitions * n_max; i++)
        place[i] = i % n_max == 0 ? 0 : 0xffff;
    draft_set_members(draft, member, 1, n_max, place, NULL);
    enum err err = draft_set_type(draft, TYPE_DEFAULT, true, BYTES_NONE);
    ASSERT(err == ERR_OK);
    return draft;
}

struct document *draft_next(const struct document *from)
{
    struct document *draft = document_new();
    struct arena arena = draft->arena;

    *draft = *from;
    draft->arena = arena;
    draft->epoch = from->epoch + 1;
    draft->previous = from->hash;
    draft->hash = 0;
    copy_members(draft, from->members, from->members_count);
    draft->place = copy_lists(draft, from->place);
    draft->goal = copy_lists(draft, from->goal);
    struct bucket_type *types = arena_alloc_array(&draft->arena, from->types_count, sizeof(*types));
    for (uint32_t i = 0; i < from->types_count; i++) {
        types[i] = from->types[i];
        types[i].name = arena_copy(&draft->arena, from->types[i].name);
        types[i].overlay = arena_copy(&draft->arena, from->types[i].overlay);
    }
    draft->types = types;
    struct bucket_override *buckets =
        arena_alloc_array(&draft->arena, from->buckets_count, sizeof(*buckets));
    for (uint32_t i = 0; i < from->buckets_count; i++) {
        buckets[i] = from->buckets[i];
        buckets[i].type = arena_copy(&draft->arena, from->buckets[i].type);
        buckets[i].bucket = arena_copy(&draft->arena, from->buckets[i].bucket);
        buckets[i].overlay = arena_copy(&draft->arena, from->buckets[i].overlay);
    }
    draft->buckets = buckets;
    return draft;
}

/* ---- voters ---- */

static uint32_t voters_in(const struct member *members, uint32_t count, struct bytes location)
{
    uint32_t voters = 0;

    for (uint32_t i = 0; i < count; i++)
        voters += members[i].votes && bytes_eq(members[i].location, location);
    return voters;
}

/* The member that gets the next vote; `count` when nobody can. */
static uint32_t next_voter(const struct member *members, uint32_t count)
{
    uint32_t best = count, best_near = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (members[i].votes || members[i].state != MEMBER_VALID)
            continue;
        uint32_t near = voters_in(members, count, members[i].location);
        if (best == count || near < best_near) {
            best = i;
            best_near = near;
        }
    }
    return best;
}

/* `members` are sorted by id. */
static void choose_voters(struct member *members, uint32_t count)
{
    uint32_t voters = 0;

    for (uint32_t i = 0; i < count; i++) {
        members[i].votes = members[i].votes && member_serves(&members[i]) && voters < VOTERS_MAX;
        voters += members[i].votes;
    }
    for (; voters < VOTERS_MAX; voters++) {
        uint32_t next = next_voter(members, count);
        if (next == count)
            break;
        members[next].votes = true;
    }
    /* Where all leave there must still be somebody who can decide. */
    bool nobody = voters == 0;
    for (uint32_t i = 0; i < count && nobody && voters < VOTERS_MAX; i++) {
        members[i].votes = member_serves(&members[i]);
        voters += members[i].votes;
    }
}

/* Lists that name members by their index, in another numbering. */
static const uint16_t *rename_lists(struct document *draft, const uint16_t *lists,
                                    const uint16_t *names, uint32_t count)
{
    size_t total = (size_t)draft->partitions * draft->n_max;
    uint16_t *renamed = arena_alloc_array(&draft->arena, total, sizeof(*renamed));

    for (size_t i = 0; i < total; i++) {
        ASSERT(lists[i] == 0xffff || lists[i] < count);
        ASSERT(lists[i] == 0xffff || i % draft->n_max == 0 || lists[i - 1] != 0xffff);
        renamed[i] = lists[i] == 0xffff ? lists[i] : names[lists[i]];
    }
    return renamed;
}

void draft_set_members(struct document *draft, const struct member *members, uint32_t count,
                       uint32_t n_max, const uint16_t *place, const uint16_t *goal)
{
    uint16_t order[NODES_MAX];  /* new index -> given index */
    uint16_t places[NODES_MAX]; /* given index -> new index */
    struct member sorted[NODES_MAX];

    ASSERT(count > 0);
    ASSERT(count <= NODES_MAX);
    ASSERT(n_max <= REPLICAS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && members[order[at - 1]].id > members[i].id; at--)
            order[at] = order[at - 1];
        order[at] = (uint16_t)i;
    }
    for (uint32_t i = 0; i < count; i++) {
        places[order[i]] = (uint16_t)i;
        sorted[i] = members[order[i]];
    }
    choose_voters(sorted, count);
    copy_members(draft, sorted, count);
    draft->n_max = n_max;
    draft->place = rename_lists(draft, place, places, count);
    draft->goal = goal == NULL ? draft->place : rename_lists(draft, goal, places, count);
}

void draft_set_member(struct document *draft, uint32_t index, const struct member *member)
{
    struct member members[NODES_MAX];

    ASSERT(index < draft->members_count);
    ASSERT(draft->members[index].id == member->id);
    memcpy(members, draft->members, draft->members_count * sizeof(*members));
    members[index] = *member;
    draft_set_members(draft, members, draft->members_count, draft->n_max, draft->place,
                      draft->goal);
}

/* Recomputes what buckets of a type inherit. */
static void resolve_buckets(struct document *draft, struct bytes type)
{
    struct bucket_override *buckets =
        arena_alloc_array(&draft->arena, draft->buckets_count, sizeof(*buckets));
    const struct bucket_type *of = document_type(draft, type);

    for (uint32_t i = 0; i < draft->buckets_count; i++) {
        buckets[i] = draft->buckets[i];
        if (!bytes_eq(buckets[i].type, type))
            continue;
        buckets[i].props = of->props;
        overlay_apply(&buckets[i].props, buckets[i].overlay);
    }
    draft->buckets = buckets;
}

/* What an entry of the lists takes at rest, and a little more. */
static size_t entry_bytes(struct bytes a, struct bytes b, struct bytes overlay)
{
    return a.len + b.len + overlay.len + 16;
}

static bool types_fit(const struct document *draft, size_t more, uint32_t without)
{
    size_t total = more;

    for (uint32_t i = 0; i < draft->types_count; i++) {
        const struct bucket_type *t = &draft->types[i];
        total += i == without ? 0 : entry_bytes(t->name, BYTES_NONE, t->overlay);
    }
    return total <= OVERLAYS_BYTES_MAX;
}

static bool buckets_fit(const struct document *draft, size_t more, uint32_t without)
{
    size_t total = more;

    for (uint32_t i = 0; i < draft->buckets_count; i++) {
        const struct bucket_override *b = &draft->buckets[i];
        total += i == without ? 0 : entry_bytes(b->type, b->bucket, b->overlay);
    }
    return total <= OVERLAYS_BYTES_MAX;
}

enum err draft_set_type(struct document *draft, struct bytes name, bool active,
                        struct bytes overlay)
{
    uint32_t count = draft->types_count;
    uint32_t at = 0;

    while (at < count && bytes_cmp(draft->types[at].name, name) < 0)
        at++;
    bool replace = at < count && bytes_eq(draft->types[at].name, name);
    if (!replace && count == BUCKET_TYPES_MAX)
        return ERR_FULL;
    if (!types_fit(draft, entry_bytes(name, BYTES_NONE, overlay), replace ? at : UINT32_MAX))
        return ERR_FULL;
    struct bucket_type *types = arena_alloc_array(&draft->arena, count + 1, sizeof(*types));
    if (at > 0)
        memcpy(types, draft->types, at * sizeof(*types));
    types[at] = (struct bucket_type){
        .name = arena_copy(&draft->arena, name),
        .active = active,
        .overlay = arena_copy(&draft->arena, overlay),
        .props = type_props(name, overlay),
    };
    uint32_t rest = at + (replace ? 1 : 0);
    if (rest < count)
        memcpy(types + at + 1, draft->types + rest, (count - rest) * sizeof(*types));
    draft->types = types;
    draft->types_count = replace ? count : count + 1;
    if (replace)
        resolve_buckets(draft, name);
    return ERR_OK;
}

static int bucket_cmp(const struct bucket_override *at, struct bytes type, struct bytes bucket)
{
    int order = bytes_cmp(at->type, type);

    return order != 0 ? order : bytes_cmp(at->bucket, bucket);
}

enum err draft_set_bucket(struct document *draft, struct bytes type, struct bytes bucket,
                          struct bytes overlay)
{
    const struct bucket_type *of = document_type(draft, type);
    uint32_t count = draft->buckets_count;
    uint32_t at = 0, made = 0;

    if (of == NULL)
        return ERR_NO_TYPE;
    while (at < count && bucket_cmp(&draft->buckets[at], type, bucket) < 0)
        at++;
    bool there = at < count && bucket_cmp(&draft->buckets[at], type, bucket) == 0;
    if (!there && overlay.len > 0 && count == BUCKET_OVERRIDES_MAX)
        return ERR_FULL;
    if (overlay.len > 0 &&
        !buckets_fit(draft, entry_bytes(type, bucket, overlay), there ? at : UINT32_MAX))
        return ERR_FULL;
    struct bucket_override *buckets = arena_alloc_array(&draft->arena, count + 1, sizeof(*buckets));
    for (uint32_t i = 0; i < at; i++)
        buckets[made++] = draft->buckets[i];
    if (overlay.len > 0) {
        struct bucket_override *own = &buckets[made++];
        own->type = arena_copy(&draft->arena, type);
        own->bucket = arena_copy(&draft->arena, bucket);
        own->overlay = arena_copy(&draft->arena, overlay);
        own->props = of->props;
        overlay_apply(&own->props, overlay);
    }
    for (uint32_t i = at + (there ? 1 : 0); i < count; i++)
        buckets[made++] = draft->buckets[i];
    draft->buckets = buckets;
    draft->buckets_count = made;
    return ERR_OK;
}

uint32_t document_n_val_max(const struct document *document)
{
    uint32_t most = 1;

    for (uint32_t i = 0; i < document->types_count; i++) {
        if (document->types[i].props.n_val > most)
            most = document->types[i].props.n_val;
    }
    for (uint32_t i = 0; i < document->buckets_count; i++) {
        if (document->buckets[i].props.n_val > most)
            most = document->buckets[i].props.n_val;
    }
    return most < REPLICAS_MAX ? most : REPLICAS_MAX;
}

void draft_resolve(struct document *draft)
{
    struct bucket_type *types =
        arena_alloc_array(&draft->arena, draft->types_count, sizeof(*types));
    struct bucket_override *buckets =
        arena_alloc_array(&draft->arena, draft->buckets_count, sizeof(*buckets));

    for (uint32_t i = 0; i < draft->types_count; i++) {
        types[i] = draft->types[i];
        types[i].props = type_props(types[i].name, types[i].overlay);
    }
    draft->types = types;
    for (uint32_t i = 0; i < draft->buckets_count; i++) {
        buckets[i] = draft->buckets[i];
        const struct bucket_type *of = document_type(draft, buckets[i].type);
        ASSERT(of != NULL);
        buckets[i].props = of->props;
        overlay_apply(&buckets[i].props, buckets[i].overlay);
    }
    draft->buckets = buckets;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Towns that are a cluster from the start: joining is not what is tested there. */
#include <stdio.h>

#include "base/check.h"
#include "cluster/plan.h"
#include "model/draft.h"
#include "record/document.h"
#include "record/seal.h"
#include "record/sys.h"
#include "ring/solver.h"
#include "town.h"

static struct document *found(struct town *town, const struct member *members, uint32_t count)
{
    uint64_t cluster[2] = {random_u64(&town->random) | 1, random_u64(&town->random)};
    uint64_t key[2] = {random_u64(&town->random), random_u64(&town->random)};
    struct document *draft =
        draft_first(cluster, key, &members[0], town->config.slots, town->config.ring_size, 3);
    struct arena *arena = &draft->arena;
    struct solver_node *nodes = arena_alloc_array(arena, count, sizeof(*nodes));
    struct solver_result result;

    for (uint32_t i = 0; i < count; i++)
        nodes[i] = (struct solver_node){members[i].id, members[i].weight,
                                        plan_location(members, count, i), false};
    struct solver_input input = {
        .nodes = nodes, .nodes_count = (uint16_t)count, .partitions = draft->partitions, .n = 3};
    enum err err = solver_run(arena, &input, &result);
    ASSERT(err == ERR_OK);
    draft_set_members(draft, members, count, 3, result.place, NULL);
    document_seal(draft);
    return draft;
}

/* The next epoch, in which the last few are removed. */
static struct document *remove_last(const struct document *before, const struct member *members,
                                    uint32_t count, uint32_t removed)
{
    struct document *draft = draft_next(before);
    struct member *now = arena_alloc_array(&draft->arena, count, sizeof(*now));

    memcpy(now, before->members, count * sizeof(*now));
    for (uint32_t i = count - removed; i < count; i++)
        now[document_member(before, members[i].id)].state = MEMBER_REMOVED;
    draft_set_members(draft, now, count, draft->n_max, draft->place, NULL);
    document_seal(draft);
    return draft;
}

static void put_row(struct house *house, struct bytes key, struct buf *value)
{
    struct row *row = &house->disk[house->disk_count++];

    ASSERT(!value->overflow);
    snprintf(row->key, sizeof(row->key), "%.*s", (int)key.len, (const char *)key.data);
    row->value = buf_to_blob(value);
    buf_done(value);
}

/* Rows as cluster/vault.h has them; the voter has promised nothing. */
static void write_rows(struct house *house, const struct document *document, uint64_t id)
{
    struct sys_node self = {id, bytes_str(house->name)};
    struct blob *identity = sys_node_blob(&self);
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_put(&buf, document);
    put_row(house, SYS_ROW_DOCUMENT, &buf);
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    buf_put(&buf, blob_bytes(identity));
    put_row(house, SYS_ROW_NODE, &buf);
    blob_unref(identity);
    buf_init(&buf, DOCUMENT_BYTES_MAX);
    buf_extend(&buf, SEAL_BYTES);
    buf_put_le64(&buf, 0);
    buf_put_le64(&buf, document->epoch + 1);
    for (unsigned i = 0; i < 4; i++)
        buf_put_le64(&buf, 0);
    buf_put_varint(&buf, 0);
    seal_close(buf.data, buf.len, 1, SYS_ROW_ACCEPTOR);
    put_row(house, SYS_ROW_ACCEPTOR, &buf);
}

void town_init_given(struct town *town, uint64_t seed, uint32_t houses, uint32_t removed)
{
    struct member members[TOWN_NODES];

    town_prepare(town, seed, houses);
    town->config.ring_size = houses > 16 ? 64 : 16;
    for (uint32_t i = 0; i < houses; i++)
        members[i] = (struct member){.id = random_u64(&town->random) | 1,
                                     .name = bytes_str(town->houses[i].name),
                                     .address = bytes_str(town->houses[i].address),
                                     .weight = 100};
    struct document *first = found(town, members, houses);
    struct document *next = removed == 0 ? NULL : remove_last(first, members, houses, removed);
    for (uint32_t i = 0; i < houses; i++) {
        bool behind = next == NULL || i >= houses - removed;
        write_rows(&town->houses[i], behind ? first : next, members[i].id);
        town_start(town, i);
    }
    document_free(first);
    document_free(next);
}

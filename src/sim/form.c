/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/form.h"

#include "base/check.h"
#include "model/draft.h"
#include "model/overlay.h"
#include "record/document.h"
#include "record/seal.h"
#include "record/sys.h"
#include "ring/solver.h"
#include "sim/direct.h"
#include "sim/keys.h"
#include "sim/node.h"

enum { ALONE_US = 100000, TRIES = 30 };

/* The members from the start. */
static unsigned founders(const struct world *w)
{
    return w->params.nodes - w->params.late;
}

static void place(struct world *w, struct document *draft, const struct member *members)
{
    struct solver_node nodes[SIM_NODES_MAX];
    struct solver_result result;
    struct arena arena;

    for (unsigned i = 0; i < founders(w); i++)
        nodes[i] = (struct solver_node){members[i].id, 100, i, false};
    struct solver_input input = {
        .nodes = nodes,
        .nodes_count = (uint16_t)founders(w),
        .partitions = draft->partitions,
        .n = 3,
    };
    arena_init(&arena);
    enum err err = solver_run(&arena, &input, &result);
    ASSERT(err == ERR_OK);
    draft_set_members(draft, members, founders(w), 3, result.place, NULL);
    arena_done(&arena);
}

/* A bucket of keys that keep siblings, which may expire. */
static void keep_twins(struct document *draft, struct bytes bucket, uint32_t ttl_s)
{
    const struct prop props[] = {
        {.id = PROP_ALLOW_MULT, .kind = PROP_BOOL, .boolean = true},
        {.id = PROP_TTL, .kind = PROP_NUMBER, .number = ttl_s},
    };
    struct bytes overlay;

    enum err err = overlay_encode(&draft->arena, props, ttl_s == 0 ? 1 : 2, &overlay);
    ASSERT(err == ERR_OK);
    err = draft_set_bucket(draft, TYPE_DEFAULT, bucket, overlay);
    ASSERT(err == ERR_OK);
}

/* The row of a voter that has promised nothing yet (cluster/vault.h). */
static void put_voter(struct buf *buf, const struct document *document)
{
    buf_extend(buf, SEAL_BYTES);
    buf_put_le64(buf, 0);
    buf_put_le64(buf, document->epoch + 1);
    for (unsigned i = 0; i < 4; i++)
        buf_put_le64(buf, 0);
    buf_put_varint(buf, 0);
    ASSERT(!buf->overflow);
    seal_close(buf->data, buf->len, 1, SYS_ROW_ACCEPTOR);
}

static void write_rows(struct sim_node *node, const struct document *document,
                       const struct member *member)
{
    struct engine_batch *batch = engine_batch_new(node->disk.engine);
    struct sys_node self = {member->id, member->name};
    struct blob *identity = sys_node_blob(&self);
    struct buf buf;

    buf_init(&buf, DOCUMENT_BYTES_MAX);
    document_put(&buf, document);
    ASSERT(!buf.overflow);
    engine_batch_put(batch, FAMILY_SYS, SYS_ROW_DOCUMENT, buf_bytes(&buf));
    engine_batch_put(batch, FAMILY_SYS, SYS_ROW_NODE, blob_bytes(identity));
    buf_reset(&buf);
    put_voter(&buf, document);
    engine_batch_put(batch, FAMILY_SYS, SYS_ROW_ACCEPTOR, buf_bytes(&buf));
    enum err err = engine_commit(node->disk.engine, batch, true);
    ASSERT(err == ERR_OK);
    engine_batch_free(batch);
    blob_unref(identity);
    buf_done(&buf);
}

void form_given(struct world *w)
{
    struct member members[SIM_NODES_MAX];
    uint64_t cluster[2] = {random_u64(&w->random) | 1, random_u64(&w->random)};
    uint64_t key[2] = {random_u64(&w->random), random_u64(&w->random)};

    for (unsigned i = 0; i < w->params.nodes; i++)
        w->nodes[i] = node_new(w, i);
    for (unsigned i = 0; i < founders(w); i++) {
        members[i] = (struct member){
            .id = random_u64(&w->random) | 1,
            .name = bytes_str(w->nodes[i]->name),
            .address = bytes_str(w->nodes[i]->address),
            .weight = 100,
        };
    }
    struct document *draft =
        draft_first(cluster, key, &members[0], w->config.slots, w->config.ring_size, 3);
    place(w, draft, members);
    keep_twins(draft, BUCKET_TWINS, 0);
    if (w->params.expires)
        keep_twins(draft, BUCKET_BRIEF, w->params.ttl_s);
    document_seal(draft);
    memcpy(w->cluster, cluster, sizeof(w->cluster));
    for (unsigned i = 0; i < founders(w); i++)
        write_rows(w->nodes[i], draft, &members[i]);
    document_free(draft);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_start(w, w->nodes[i]);
}

/* The first node sets properties of a bucket. */
static void insist(struct world *w, enum conn_kind kind, const struct question *question)
{
    const struct answer *answer = NULL;

    for (unsigned try = 0; try < TRIES && (answer == NULL || answer->failed); try++)
        answer = direct_ask(w, w->judge, 0, kind, question);
    if (answer == NULL || answer->failed)
        world_fail(w, "the first node does not take a property");
}

void form_alone(struct world *w)
{
    for (unsigned i = 0; i < w->params.nodes; i++)
        w->nodes[i] = node_new(w, i);
    for (unsigned i = 0; i < w->params.nodes; i++)
        node_start(w, w->nodes[i]);
    /* Until the first has its identity on stable storage. */
    while (shard_view(w->nodes[0]->shard)->document == NULL && !w->failed)
        world_run(w, w->now_us + ALONE_US);
    if (w->failed)
        return;
    const struct document *document = shard_view(w->nodes[0]->shard)->document;
    memcpy(w->cluster, document->cluster, sizeof(w->cluster));
    const struct question twins = {
        .ask = ASK_SET_PROPS, .bucket = BUCKET_TWINS, .allow_mult = true};
    insist(w, CONN_PB, &twins);
    if (!w->params.expires)
        return;
    const struct question brief = {
        .ask = ASK_SET_PROPS, .bucket = BUCKET_BRIEF, .allow_mult = true, .ttl_s = w->params.ttl_s};
    insist(w, CONN_HTTP, &brief);
}

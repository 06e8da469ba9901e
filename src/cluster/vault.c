/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/vault.h"

#include "base/buf.h"
#include "base/check.h"
#include "cluster/cluster_int.h"
#include "msg/token.h"
#include "record/document.h"
#include "record/seal.h"
#include "record/sys.h"

enum { ACCEPTOR_VERSION = 1, JOIN_VERSION = 1, ROWS = 4 };

#define SYS_ROW_JOIN BYTES_LIT("join")

void vault_done(struct vault *vault)
{
    for (uint32_t i = 0; i < vault->deferred_count; i++)
        blob_unref(vault->deferred[i].holds);
    vault->deferred_count = 0;
}

/* ---- rows ---- */

static struct blob *sealed(struct buf *buf, uint8_t version, struct bytes row)
{
    ASSERT(!buf->overflow);
    struct blob *blob = buf_to_blob(buf);
    seal_close(blob->data, blob->len, version, row);
    buf_done(buf);
    return blob;
}

static void open_row(struct buf *buf)
{
    buf_init(buf, DOCUMENT_BYTES_MAX + 1024);
    buf_extend(buf, SEAL_BYTES);
}

static struct blob *acceptor_row(const struct cluster *c)
{
    const struct acceptor *a = &c->acceptor;
    struct buf buf;

    open_row(&buf);
    buf_put_le64(&buf, c->starts);
    buf_put_le64(&buf, a->epoch);
    buf_put_le64(&buf, a->promised.counter);
    buf_put_le64(&buf, a->promised.node);
    buf_put_le64(&buf, a->accepted.counter);
    buf_put_le64(&buf, a->accepted.node);
    buf_put_lenbytes(&buf, blob_bytes(a->value));
    return sealed(&buf, ACCEPTOR_VERSION, SYS_ROW_ACCEPTOR);
}

static enum err acceptor_load(struct cluster *c, struct bytes record)
{
    struct acceptor *a = &c->acceptor;
    struct reader r;

    TRY(seal_open(record, ACCEPTOR_VERSION, SYS_ROW_ACCEPTOR, &r));
    c->starts = reader_le64(&r);
    uint64_t epoch = reader_le64(&r);
    struct ballot promised, accepted;
    promised.counter = reader_le64(&r);
    promised.node = reader_le64(&r);
    accepted.counter = reader_le64(&r);
    accepted.node = reader_le64(&r);
    struct bytes value = reader_lenbytes(&r, DOCUMENT_BYTES_MAX);
    if (!reader_end(&r) || epoch == 0 || ballot_cmp(accepted, promised) > 0 ||
        ballot_is_none(accepted) != (value.len == 0))
        return ERR_CORRUPT;
    acceptor_init(a, epoch, true);
    a->promised = promised;
    a->accepted = accepted;
    a->value = value.len == 0 ? NULL : blob_copy(value);
    return ERR_OK;
}

static struct blob *join_row(const struct cluster *c)
{
    const struct joiner *j = &c->joiner;
    struct buf buf;

    if (j->state < JOINER_SAVE)
        return NULL;
    open_row(&buf);
    buf_put_le64(&buf, j->cluster[0]);
    buf_put_le64(&buf, j->cluster[1]);
    buf_put_le64(&buf, j->lineage);
    buf_put_le64(&buf, j->fenced_epoch);
    buf_put_le64(&buf, j->fenced_plan);
    buf_put_le64(&buf, j->peer);
    buf_put_lenbytes(&buf, text_bytes(&j->address));
    struct blob *document = j->document == NULL ? NULL : chain_encode(j->document);
    buf_put_lenbytes(&buf, blob_bytes(document));
    blob_unref(document);
    return sealed(&buf, JOIN_VERSION, SYS_ROW_JOIN);
}

static enum err join_load(struct cluster *c, struct bytes record)
{
    struct joiner *j = &c->joiner;
    struct reader r;

    TRY(seal_open(record, JOIN_VERSION, SYS_ROW_JOIN, &r));
    j->cluster[0] = reader_le64(&r);
    j->cluster[1] = reader_le64(&r);
    j->lineage = reader_le64(&r);
    j->fenced_epoch = reader_le64(&r);
    j->fenced_plan = reader_le64(&r);
    j->peer = reader_le64(&r);
    struct bytes address = reader_lenbytes(&r, NAME_BYTES_MAX);
    struct bytes document = reader_lenbytes(&r, DOCUMENT_BYTES_MAX);
    if (!reader_end(&r) || j->peer == 0 || (j->cluster[0] | j->cluster[1]) == 0 ||
        (j->fenced_epoch == 0) != (j->fenced_plan == 0) || !text_set(&j->address, address))
        return ERR_CORRUPT;
    if (document.len > 0)
        TRY(chain_read(&c->chain, 0, document, &j->document));
    j->state = JOINER_WAIT;
    return ERR_OK;
}

static enum err document_load(struct cluster *c, struct bytes record)
{
    struct document *document;

    TRY(chain_read(&c->chain, 0, record, &document));
    chain_add(&c->chain, document);
    return ERR_OK;
}

static enum err node_load(struct cluster *c, struct bytes record)
{
    struct sys_node node;

    TRY(sys_node_decode(record, &node));
    c->self = node.id;
    return ERR_OK;
}

enum err vault_load(struct cluster *c, const struct stored_row *rows, uint32_t count,
                    bool *ret_fresh)
{
    unsigned seen = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct bytes key = rows[i].key, value = rows[i].value;
        if (bytes_eq(key, SYS_ROW_NODE)) {
            seen |= ROW_NODE;
            TRY(node_load(c, value));
        } else if (bytes_eq(key, SYS_ROW_DOCUMENT)) {
            seen |= ROW_DOCUMENT;
            TRY(document_load(c, value));
        } else if (bytes_eq(key, SYS_ROW_ACCEPTOR)) {
            seen |= ROW_ACCEPTOR;
            TRY(acceptor_load(c, value));
        } else if (bytes_eq(key, SYS_ROW_JOIN)) {
            seen |= ROW_JOIN;
            TRY(join_load(c, value));
        }
    }
    unsigned all = ROW_NODE | ROW_DOCUMENT | ROW_ACCEPTOR;
    if (seen != 0 && (seen & all) != all)
        return ERR_CORRUPT;
    /* They were written in one batch: a voter is never ahead of its own document. */
    if (seen != 0 && c->acceptor.epoch != cluster_document(c)->epoch + 1)
        return ERR_CORRUPT;
    c->acceptor.votes = seen != 0 && cluster_votes(c, c->self);
    if (!c->acceptor.votes && !ballot_is_none(c->acceptor.promised))
        return ERR_CORRUPT;
    *ret_fresh = seen == 0;
    return ERR_OK;
}

/* ---- batches ---- */

static void vault_check(const struct vault *v)
{
    ASSERT(v->stable <= v->generation);
    ASSERT(v->sent == 0 || (v->sent > v->stable && v->sent <= v->generation));
    ASSERT((v->sent == 0) == (v->flying == 0));
    ASSERT(v->dirty != 0 || v->sent != 0 || v->stable == v->generation);
    for (uint32_t i = 0; i < v->deferred_count; i++)
        ASSERT(v->deferred[i].generation > v->stable);
}

uint64_t vault_touch(struct cluster *c, unsigned rows)
{
    ASSERT(rows != 0);
    c->vault.dirty |= rows;
    return ++c->vault.generation;
}

static void add_row(struct store_row *rows, uint32_t *count, struct bytes key, struct blob *value)
{
    rows[(*count)++] = (struct store_row){FAMILY_SYS, key, value};
}

void vault_flush(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct vault *v = &c->vault;
    uint32_t count = 0;

    if (v->dirty == 0 || v->sent != 0 || v->retry_us > ev->mono_us)
        return;
    struct store_row *rows = arena_alloc_array(&out->arena, ROWS, sizeof(*rows));
    struct sys_node node = {c->self, text_bytes(&c->name)};
    if ((v->dirty & ROW_NODE) != 0)
        add_row(rows, &count, SYS_ROW_NODE, sys_node_blob(&node));
    if ((v->dirty & ROW_DOCUMENT) != 0)
        add_row(rows, &count, SYS_ROW_DOCUMENT, blob_ref(chain_bytes(&c->chain)));
    if ((v->dirty & ROW_ACCEPTOR) != 0)
        add_row(rows, &count, SYS_ROW_ACCEPTOR, acceptor_row(c));
    if ((v->dirty & ROW_JOIN) != 0)
        add_row(rows, &count, SYS_ROW_JOIN, join_row(c));
    v->flying = v->dirty;
    v->dirty = 0;
    v->sent = v->generation;
    outbox_add(out, OUT_STORE)->u.store = (struct store_op){
        .verb = STORE_COMMIT,
        .token = token_of(TOKEN_CLUSTER, v->sent),
        .rows = rows,
        .rows_count = count,
        .durable = true,
    };
    ASSERT(count > 0);
    vault_check(v);
}

static void release(struct vault *v, struct outbox *out)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < v->deferred_count; i++) {
        struct deferred *d = &v->deferred[i];
        if (d->generation > v->stable) {
            v->deferred[kept++] = *d;
            continue;
        }
        cluster_send(d->to, &d->msg, d->holds, out);
        blob_unref(d->holds);
    }
    v->deferred_count = kept;
}

void vault_stored(struct cluster *c, const struct event *ev, struct outbox *out)
{
    struct vault *v = &c->vault;

    if (v->sent == 0 || token_number(ev->u.stored.token) != v->sent)
        return;
    if (ev->u.stored.err == ERR_OK) {
        ASSERT(v->stable < v->sent);
        v->stable = v->sent;
    } else {
        outbox_trace(out, TRACE_COMMIT_FAILED, (uint64_t)ev->u.stored.err, 0, 0);
        v->dirty |= v->flying;
        v->retry_us = ev->mono_us + cluster_wait_us(c, 1);
    }
    v->sent = 0;
    v->flying = 0;
    release(v, out);
    vault_check(v);
}

void vault_defer(struct cluster *c, uint64_t to, const struct peer_cluster *msg, struct blob *holds,
                 struct outbox *out)
{
    struct vault *v = &c->vault;

    ASSERT(to != 0);
    if (v->generation <= v->stable) {
        cluster_send(to, msg, holds, out);
        return;
    }
    /* Beyond the maximum it is as if the network had lost it. */
    if (v->deferred_count == DEFERRED_MAX)
        return;
    v->deferred[v->deferred_count++] = (struct deferred){v->generation, to, *msg, blob_ref(holds)};
}

uint64_t vault_deadline_us(const struct vault *vault)
{
    return vault->dirty != 0 && vault->sent == 0 ? vault->retry_us : UINT64_MAX;
}

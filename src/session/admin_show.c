/* SPDX-License-Identifier: Apache-2.0 */
#include "session/admin_show.h"

#include "base/check.h"
#include "base/encode.h"
#include "model/key.h"
#include "wire/http_props.h"
#include "wire/json.h"

/* Ids are 64 bits: as text, for JSON's numbers lose bits in many readers. */
static void put_id(struct json_out *out, const char *name, uint64_t id)
{
    struct buf text;

    buf_init(&text, 32);
    buf_printf(&text, "%016llx", (unsigned long long)id);
    json_put_string(out, name, buf_bytes(&text));
    buf_done(&text);
}

static const char *state_name(enum status_state state)
{
    switch (state) {
    case STATE_VALID: return "valid";
    case STATE_JOINING: return "joining";
    case STATE_LEAVING: return "leaving";
    case STATE_REMOVED: return "removed";
    }
    UNREACHABLE();
}

static const char *intent_name(enum intent_kind kind)
{
    switch (kind) {
    case INTENT_JOIN: return "join";
    case INTENT_LEAVE: return "leave";
    case INTENT_LOCATION: return "set-location";
    case INTENT_WEIGHT: return "set-weight";
    case INTENT_REPLACE: return "replace";
    case INTENT_FORCE_REMOVE: return "force-remove";
    case INTENT_FORCE_REPLACE: return "force-replace";
    }
    UNREACHABLE();
}

static void put_members(struct json_out *out, const struct cluster_status *status)
{
    json_name(out, BYTES_LIT("members"));
    json_open(out, '[');
    for (uint32_t i = 0; i < status->members_count; i++) {
        const struct status_member *m = &status->members[i];
        json_open(out, '{');
        json_put_string(out, "name", m->name);
        put_id(out, "id", m->id);
        json_put_string(out, "address", m->address);
        json_put_string(out, "state", bytes_str(state_name(m->state)));
        json_put_bool(out, "reachable", m->reachable);
        json_put_u64(out, "partitions", m->partitions);
        json_put_u64(out, "goal", m->goal);
        json_put_u64(out, "weight", m->weight);
        json_put_string(out, "location", m->location);
        json_put_bool(out, "holds", m->holds);
        json_put_bool(out, "votes", m->votes);
        json_put_u64(out, "epoch", m->epoch);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_transfers(struct json_out *out, const struct cluster_status *status)
{
    json_name(out, BYTES_LIT("transfers"));
    json_open(out, '{');
    json_put_u64(out, "moving", status->moving);
    json_put_u64(out, "active", status->moves.active);
    json_put_u64(out, "waiting", status->moves.waiting);
    json_put_u64(out, "ready", status->moves.ready);
    json_put_u64(out, "strays", status->moves.strays);
    json_put_u64(out, "objects", status->moves.objects);
    json_put_u64(out, "bytes", status->moves.bytes);
    json_put_u64(out, "hints_pending", status->hints.nodes - status->hints.drains);
    json_put_u64(out, "hints_active", status->hints.drains);
    json_put_u64(out, "hints", status->hints.rows);
    json_put_u64(out, "hints_bytes", status->hints.bytes);
    json_close(out, '}');
}

static void put_staged(struct json_out *out, const struct cluster_status *status)
{
    json_name(out, BYTES_LIT("staged"));
    json_open(out, '[');
    for (uint32_t i = 0; i < status->staged_count; i++) {
        const struct status_staged *s = &status->staged[i];
        json_open(out, '{');
        json_put_string(out, "change", bytes_str(intent_name(s->kind)));
        put_id(out, "id", s->node);
        json_put_string(out, "name", s->name);
        json_put_string(out, "address", s->address);
        json_put_string(out, "location", s->location);
        json_put_u64(out, "weight", s->weight);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_plan(struct json_out *out, const struct status_plan *plan)
{
    put_id(out, "plan", plan->id);
    json_put_bool(out, "empty", plan->id == 0);
    json_put_u64(out, "moved", plan->moved);
    json_put_bool(out, "refused", plan->refused);
    json_put_string(out, "verdict", plan->verdict);
    json_name(out, BYTES_LIT("nodes"));
    json_open(out, '[');
    for (uint32_t i = 0; i < plan->shares_count; i++) {
        json_open(out, '{');
        json_put_string(out, "name", plan->shares[i].name);
        put_id(out, "id", plan->shares[i].id);
        json_put_u64(out, "before", plan->shares[i].before);
        json_put_u64(out, "after", plan->shares[i].after);
        json_close(out, '}');
    }
    json_close(out, ']');
    json_name(out, BYTES_LIT("warnings"));
    json_open(out, '[');
    for (uint32_t i = 0; i < plan->warnings_count; i++)
        json_string(out, plan->warnings[i]);
    json_close(out, ']');
}

static void put_cluster(struct json_out *out, const struct cluster_status *status)
{
    struct buf id;

    buf_init(&id, 64);
    buf_printf(&id, "%016llx%016llx", (unsigned long long)status->cluster[0],
               (unsigned long long)status->cluster[1]);
    json_put_string(out, "cluster_id", buf_bytes(&id));
    buf_done(&id);
    json_put_u64(out, "lineage", status->lineage);
    json_put_u64(out, "epoch", status->epoch);
    put_id(out, "hash", status->hash);
    json_put_string(out, "node", status->name);
    put_id(out, "node_id", status->node);
    json_put_bool(out, "active", status->active);
    json_put_bool(out, "preparing", status->preparing);
    json_put_bool(out, "forked", status->forked);
    json_put_string(out, "joining", status->joining);
    json_put_u64(out, "slots", status->slots);
    json_put_u64(out, "partitions", status->partitions);
    json_put_u64(out, "n_max", status->n_max);
    json_put_u64(out, "replicas", status->replicas);
    json_put_bool(out, "under_replicated", status->replicas < status->n_max);
}

/* Each partition with the names of its replicas. */
static void put_ring(struct json_out *out, const struct view *view)
{
    uint16_t nodes[RING_REPLICAS_MAX];
    const struct document *document = view->document;

    json_name(out, BYTES_LIT("ring"));
    json_open(out, '[');
    for (uint32_t p = 0; document != NULL && p < view->ring.partitions; p++) {
        uint32_t count = ring_replicas(&view->ring, p, view->ring.n_max, nodes);
        json_open(out, '{');
        json_put_u64(out, "partition", p);
        json_name(out, BYTES_LIT("replicas"));
        json_open(out, '[');
        for (uint32_t i = 0; i < count; i++)
            json_string(out, document->members[nodes[i]].name);
        json_close(out, ']');
        json_close(out, '}');
    }
    json_close(out, ']');
}

/* Of the node that was asked, whoever knew the rest. */
static void put_disk(struct json_out *out, const struct stats *stats)
{
    json_name(out, BYTES_LIT("disk"));
    json_open(out, '{');
    json_put_bool(out, "full", stats->disk_full);
    json_put_bool(out, "slow", stats->disk_slow);
    json_put_u64(out, "free", stats->host.disk_free);
    json_put_u64(out, "total", stats->host.disk_total);
    json_put_u64(out, "free_min", stats->disk_free_min);
    json_put_u64(out, "ballast", stats->host.ballast);
    json_close(out, '}');
}

void admin_show(struct buf *buf, enum admin_form form, const struct cluster_status *status,
                const struct session_env *env)
{
    struct json_out out = json_out_of(buf);

    json_open(&out, '{');
    switch (form) {
    case ADMIN_FORM_DONE: json_put_bool(&out, "done", true); break;
    case ADMIN_FORM_STATUS:
        put_cluster(&out, status);
        put_members(&out, status);
        put_transfers(&out, status);
        put_disk(&out, env->stats);
        put_staged(&out, status);
        break;
    case ADMIN_FORM_MEMBERS: put_members(&out, status); break;
    case ADMIN_FORM_RING:
        json_put_u64(&out, "epoch", status->epoch);
        put_ring(&out, env->view);
        break;
    case ADMIN_FORM_SWEEP: UNREACHABLE();
    case ADMIN_FORM_TRANSFERS: put_transfers(&out, status); break;
    case ADMIN_FORM_PLAN:
        json_put_u64(&out, "epoch", status->epoch);
        put_plan(&out, &status->plan);
        put_staged(&out, status);
        break;
    }
    json_close(&out, '}');
}

static void put_pairing(struct json_out *out, const struct sweep_pairing *p)
{
    json_open(out, '{');
    json_put_u64(out, "partition", p->partition);
    json_put_string(out, "peer", p->peer_name);
    put_id(out, "peer_id", p->peer);
    json_put_string(out, "begun_by", p->begins ? BYTES_LIT("node") : BYTES_LIT("peer"));
    json_put_bool(out, "running", p->running);
    if (p->ever) {
        json_put_string(out, "result", p->whole ? BYTES_LIT("ok") : bytes_str(err_name(p->err)));
        json_put_u64(out, "age_ms", p->age_ms);
        json_put_u64(out, "rows", p->rows);
        json_put_u64(out, "pulled", p->pulled);
        json_put_u64(out, "pushed", p->pushed);
        json_put_u64(out, "left", p->left);
    }
    json_close(out, '}');
}

void admin_show_sweep(struct buf *buf, const struct sweep_status *sweep)
{
    struct json_out out = json_out_of(buf);

    json_open(&out, '{');
    json_put_bool(&out, "on", sweep->on);
    json_put_u64(&out, "interval_ms", sweep->interval_ms);
    json_put_u64(&out, "running", sweep->running);
    json_put_u64(&out, "passes", sweep->passes);
    json_put_u64(&out, "failed", sweep->failed);
    json_put_u64(&out, "rows", sweep->rows);
    json_put_u64(&out, "pulled", sweep->pulled);
    json_put_u64(&out, "pushed", sweep->pushed);
    json_put_u64(&out, "left", sweep->left);
    json_name(&out, BYTES_LIT("partitions"));
    json_open(&out, '[');
    for (uint32_t i = 0; i < sweep->pairings_count; i++)
        put_pairing(&out, &sweep->pairings[i]);
    json_close(&out, ']');
    json_close(&out, '}');
}

static void put_type(struct json_out *out, const struct bucket_type *type, struct arena *arena)
{
    const struct prop *props;
    uint32_t count = overlay_effective(arena, type->name, BYTES_NONE, type->overlay, BYTES_NONE,
                                       type->active, BYTES_NONE, &props);
    struct buf text;

    json_open(out, '{');
    json_put_string(out, "name", type->name);
    json_put_bool(out, "active", type->active);
    buf_init(&text, OVERLAY_BYTES_MAX * 4);
    http_props_write(&text, props, count);
    json_name(out, BYTES_LIT("props"));
    json_raw(out, buf_bytes(&text));
    buf_done(&text);
    json_close(out, '}');
}

void admin_show_types(struct buf *buf, const struct document *document, struct bytes name,
                      struct arena *arena)
{
    struct json_out out = json_out_of(buf);

    if (name.len > 0) {
        put_type(&out, document_type(document, name), arena);
        return;
    }
    json_open(&out, '{');
    json_name(&out, BYTES_LIT("bucket_types"));
    json_open(&out, '[');
    for (uint32_t i = 0; i < document->types_count; i++)
        put_type(&out, &document->types[i], arena);
    json_close(&out, ']');
    json_close(&out, '}');
}

void admin_show_faults(struct buf *buf, const struct prop_fault *faults, uint32_t count)
{
    struct json_out out = json_out_of(buf);
    struct buf text;

    json_open(&out, '{');
    json_put_string(&out, "error", BYTES_LIT("invalid bucket properties"));
    json_name(&out, BYTES_LIT("properties"));
    buf_init(&text, OVERLAY_BYTES_MAX * 4);
    http_faults_write(&text, faults, count);
    json_raw(&out, buf_bytes(&text));
    buf_done(&text);
    json_close(&out, '}');
}

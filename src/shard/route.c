/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/encode.h"
#include "shard/shard_int.h"

enum { MADE_KEY_BYTES = 20 };

/* A key for a client that named none: 160 random bits in base 62, as Riak's are shaped. */
static struct bytes make_key(struct shard *s, struct outbox *out)
{
    uint8_t raw[MADE_KEY_BYTES];
    struct buf text;

    random_bytes(&s->random, raw, sizeof(raw));
    buf_init(&text, 64);
    base62_put(&text, bytes_of(raw, sizeof(raw)));
    struct bytes key = arena_copy(&out->arena, buf_bytes(&text));
    buf_done(&text);
    return key;
}

/* What operators ask of the comparisons of replicas: answered at once. */
static void sweep_request(struct shard *s, struct asker asker, const struct request_sweep *sweep,
                          const struct event *ev, struct outbox *out)
{
    const struct view *view = cluster_view(s->cluster);
    uint32_t partition = sweep->all ? (uint32_t)SWEEP_ALL : sweep->partition;

    if (sweep->repair && !sweep_pairs(s->sweep, partition)) {
        outbox_error(out, asker, ERR_NOT_FOUND, 0, 0);
        out->items[out->count - 1].u.reply.reply.text =
            BYTES_LIT("no other node has a replica of what this node has a replica of");
        return;
    }
    if (sweep->repair && !sweep->dry_run)
        sweep_repair(s->sweep, partition);
    outbox_reply(out, asker, REPLY_ADMIN)->sweep =
        sweep_status(s->sweep, view, &out->arena, ev->mono_us);
}

/* Whether the request may start: an error otherwise. */
static enum err admit(const struct shard *s, const struct request *request, bool inner)
{
    if (!key_fits(&request->key))
        return ERR_KEY_TOO_LARGE;
    if (inner)
        return ERR_OK;
    if (s->stopping)
        return ERR_STOPPING;
    if (s->stats.requests_now >= s->config->requests_max)
        return ERR_OVERLOAD;
    return ERR_OK;
}

static void start(struct shard *s, struct asker asker, const struct request *request,
                  const struct kv_env *env, const struct event *ev, struct outbox *out)
{
    struct list_env list = {env->view, env->config};
    uint64_t id = s->next_id++;

    switch (request->kind) {
    case REQUEST_GET: machine_add(s, get_new(env, id, asker, request, ev, out)); break;
    case REQUEST_PUT: machine_add(s, put_new(env, id, asker, request, ev, out)); break;
    case REQUEST_DELETE: machine_add(s, delete_new(env, id, asker, request, ev, out)); break;
    case REQUEST_LIST_KEYS:
    case REQUEST_LIST_BUCKETS: machine_add(s, list_new(&list, id, asker, request, ev, out)); break;
    case REQUEST_SET_PROPS:
    case REQUEST_ADMIN: cluster_request(s->cluster, asker, request, ev, out); break;
    case REQUEST_SWEEP: sweep_request(s, asker, &request->u.sweep, ev, out); break;
    }
}

void route_request(struct shard *s, struct asker asker, const struct request *request,
                   bool forwarded, const struct event *ev, struct outbox *out)
{
    struct kv_env env = shard_kv_env(s);
    struct request own = *request;
    bool admin = request->kind == REQUEST_ADMIN || request->kind == REQUEST_SWEEP;
    enum err err = admin ? ERR_OK : admit(s, request, asker.kind == ASKER_MACHINE);

    env.forwarded = forwarded;
    if (err != ERR_OK) {
        if (err == ERR_OVERLOAD)
            outbox_trace(out, TRACE_OVERLOAD, s->stats.requests_now, 0, 0);
        outbox_error(out, asker, err, 0, 0);
        return;
    }
    if (own.kind == REQUEST_PUT && own.key.key.data == NULL) {
        own.key.key = make_key(s, out);
        env.made_key = true;
    }
    start(s, asker, &own, &env, ev, out);
}

static void peer_answer(struct shard *s, uint64_t token, const struct event *ev, struct outbox *out)
{
    struct machine *machine = machine_find(s, machine_of_token(token));

    if (machine == NULL)
        outbox_trace(out, TRACE_STALE_REPLY, 0, 0, 0);
    else
        machine_run(s, machine, ev, out);
}

bool shard_behind(const struct shard *s)
{
    const struct view *view = cluster_view(s->cluster);

    return view->document != NULL && s->heard_cluster == view->document->cluster[0] &&
           s->heard_epoch > view_epoch(view);
}

/* The epoch that a member's message was sent in; 0: it does not say. */
static uint64_t epoch_of(const struct peer_msg *msg)
{
    switch (msg->kind) {
    case PEER_GET: return msg->u.get.epoch;
    case PEER_PUT: return msg->u.put.epoch;
    case PEER_LIST: return msg->u.list.epoch;
    case PEER_DIGESTS: return msg->u.digests.epoch;
    case PEER_MOVE: return msg->u.move.epoch;
    case PEER_MOVED:
    case PEER_GOT:
    case PEER_PUT_ACK:
    case PEER_FORWARD:
    case PEER_FORWARDED:
    case PEER_LISTED:
    case PEER_DIGESTED:
    case PEER_LACKS:
    case PEER_HEARD:
    case PEER_CLUSTER: return 0;
    }
    UNREACHABLE();
}

static void hear(struct shard *s, uint64_t epoch)
{
    const struct document *document = cluster_view(s->cluster)->document;

    /* Until the first rows of a new life are stored there is none, and nothing is served either. */
    if (document == NULL || epoch == 0)
        return;
    if (s->heard_cluster == document->cluster[0] && epoch <= s->heard_epoch)
        return;
    s->heard_cluster = document->cluster[0];
    s->heard_epoch = epoch;
    vnodes_behind(s->vnodes, shard_behind(s));
}

/* Whether this node may keep a hint: for another member that has a replica of the partition. */
static bool may_keep(const struct view *view, uint32_t partition, uint64_t target)
{
    uint16_t at = view_index(view, target);

    return target != view->self && at != RING_NOBODY && view->self_index != RING_NOBODY &&
           ring_owns(&view->ring, partition, view->ring.n_max, at);
}

/* Whether an object of the partition is stored here: this node has a replica, or shall have one. Or
 * had one, and hands on what comes. */
static bool may_store(struct shard *s, uint32_t partition)
{
    const struct view *view = cluster_view(s->cluster);

    return view_owns(view, partition) || view_shall_own(view, partition) ||
           handover_away(s->vnodes, partition) != 0;
}

/* Where the object goes: its slot and partition, and the properties of its bucket. */
static enum err place_put(struct shard *s, const struct peer_put *put, struct vnode_merge *merge)
{
    const struct view *view = cluster_view(s->cluster);

    if (view->document == NULL || !key_fits(&put->key))
        return ERR_WRONG_OWNER;
    const struct props *props = document_props(view->document, put->key.type, put->key.bucket);
    merge->slot = ring_slot(&view->ring, put->key.type, put->key.bucket, put->key.key);
    merge->partition = ring_partition(&view->ring, merge->slot);
    bool mine = put->hint_for == 0 ? may_store(s, merge->partition)
                                   : may_keep(view, merge->partition, put->hint_for);
    if (!mine)
        return ERR_WRONG_OWNER;
    if (props == NULL)
        return ERR_NO_TYPE;
    merge->one_value = !props->allow_mult || props->last_write_wins;
    return ERR_OK;
}

static void peer_put(struct shard *s, uint64_t from, const struct peer_put *put,
                     const struct event *ev, struct outbox *out)
{
    struct vnode_merge merge = {
        .from = put->asker == 0 ? from : put->asker,
        .behalf = put->asker == 0 ? 0 : from,
        .token = put->token,
        .key = put->key,
        .record = put->record,
        .durable = put->durable,
        .hint_for = put->hint_for,
    };
    enum err err = place_put(s, put, &merge);

    if (err == ERR_WRONG_OWNER)
        outbox_trace(out, TRACE_WRONG_OWNER, merge.partition, from, 0);
    if (err != ERR_OK) {
        struct peer_msg *msg = outbox_send(out, merge.from, PEER_PUT_ACK);
        msg->u.put_ack.token = put->token;
        msg->u.put_ack.err = err;
        msg->u.put_ack.behalf = merge.behalf;
        return;
    }
    vnodes_merge(s->vnodes, &merge, ev, out);
}

/* This node missed something: what it was, the other replicas know. Should it die before it has
 * compared all, they do so when it is back. */
static void peer_lacks(struct shard *s, uint64_t from, const struct peer_lacks *lacks,
                       struct outbox *out)
{
    bool on = s->config->anti_entropy;
    struct peer_msg *msg = outbox_send(out, from, PEER_HEARD);

    msg->u.heard = (struct peer_heard){lacks->token, on ? ERR_OK : ERR_REFUSED};
    if (on)
        sweep_repair(s->sweep, SWEEP_ALL);
}

/* A replica that was given away, or is to be taken back, lists nothing. */
static bool peer_list_serves(const struct shard *s, const struct peer_list *list)
{
    return list->partition < SLOTS_MAX && handover_serves(s->vnodes, list->partition);
}

/* An answer on behalf of a node counts as that one's. */
static void peer_put_ack(struct shard *s, const struct peer_put_ack *ack, struct event *ev,
                         struct outbox *out)
{
    if (ack->behalf != 0)
        ev->u.peer.from = ack->behalf;
    if (handover_token(ack->token))
        handover_acked(s->vnodes, ev->u.peer.from, ack, ev, out);
    else
        peer_answer(s, ack->token, ev, out);
}

static void peer_forward(struct shard *s, uint64_t from, const struct peer_forward *forward,
                         const struct event *ev, struct outbox *out)
{
    struct asker asker = {ASKER_NODE, from, forward->token};
    struct request request = forward->request;

    request.options.timeout_ms = forward->budget_ms == 0 ? 1 : forward->budget_ms;
    if (!forwards_add(&s->forwards, from, forward->token))
        outbox_trace(out, TRACE_STALE_REPLY, from, 0, 0);
    else if (request.kind != REQUEST_PUT || request.key.key.data == NULL)
        outbox_error(out, asker, ERR_BAD_REQUEST, 0, 0);
    else
        route_request(s, asker, &request, true, ev, out);
}

void route_peer(struct shard *s, uint64_t from, const struct peer_msg *msg, const struct event *ev,
                struct outbox *out)
{
    struct event copy = *ev;

    copy.kind = EV_PEER;
    copy.u.peer.from = from;
    copy.u.peer.msg = msg;
    if (msg->kind == PEER_CLUSTER) {
        cluster_step(s->cluster, &copy, out);
        return;
    }
    if (!cluster_admits(s->cluster, from)) {
        outbox_trace(out, TRACE_STRANGER, from, 0, 0);
        return;
    }
    hear(s, epoch_of(msg));
    switch (msg->kind) {
    case PEER_GET: {
        struct kv_env env = shard_kv_env(s);
        replicas_get(s->replicas, &env, from, &msg->u.get, out);
        break;
    }
    case PEER_GOT:
        if (msg->u.got.behalf != 0)
            copy.u.peer.from = msg->u.got.behalf;
        if (vnodes_token(msg->u.got.token))
            vnodes_got(s->vnodes, &msg->u.got, &copy, out);
        else
            peer_answer(s, msg->u.got.token, &copy, out);
        break;
    case PEER_PUT: peer_put(s, from, &msg->u.put, &copy, out); break;
    case PEER_PUT_ACK: peer_put_ack(s, &msg->u.put_ack, &copy, out); break;
    case PEER_MOVE:
        handover_asked(s->vnodes, cluster_view(s->cluster), from, &msg->u.move, &copy, out);
        break;
    case PEER_MOVED:
        movers_answered(transfers_movers(s->transfers), from, &msg->u.moved, &copy, out);
        break;
    case PEER_FORWARD: peer_forward(s, from, &msg->u.forward, &copy, out); break;
    case PEER_FORWARDED: peer_answer(s, msg->u.forwarded.token, &copy, out); break;
    case PEER_LIST:
        listers_get(s->listers, cluster_view(s->cluster), from, &msg->u.list,
                    peer_list_serves(s, &msg->u.list), out);
        break;
    case PEER_LISTED: peer_answer(s, msg->u.listed.token, &copy, out); break;
    case PEER_DIGESTS:
        digests_ask(s->digests, cluster_view(s->cluster), from, &msg->u.digests, out);
        break;
    case PEER_DIGESTED: peer_answer(s, msg->u.digested.token, &copy, out); break;
    case PEER_LACKS: peer_lacks(s, from, &msg->u.lacks, out); break;
    case PEER_HEARD: vnodes_lack_heard(s->vnodes, from, &msg->u.heard, out); break;
    case PEER_CLUSTER: UNREACHABLE();
    }
}

/* An answer finds its asker. */
static void route_reply(struct shard *s, struct asker to, const struct reply *reply,
                        const struct event *ev, struct outbox *out)
{
    struct event answer = {.kind = EV_REPLY, .mono_us = ev->mono_us, .wall_us = ev->wall_us};

    answer.u.reply.seq = to.seq;
    answer.u.reply.reply = reply;
    switch (to.kind) {
    case ASKER_SESSION: {
        struct seat *seat = seat_find(s, to.id);
        answer.conn = to.id;
        if (seat != NULL)
            seat_run(s, seat, &answer, out);
        break;
    }
    case ASKER_MACHINE: {
        struct machine *machine = machine_find(s, to.id);
        if (machine != NULL)
            machine_run(s, machine, &answer, out);
        break;
    }
    case ASKER_NODE: {
        struct peer_msg *msg = outbox_send(out, to.id, PEER_FORWARDED);
        msg->u.forwarded.token = to.seq;
        msg->u.forwarded.reply = *reply;
        break;
    }
    case ASKER_NOBODY: break;
    }
}

static void route_news(struct shard *s, const struct output *output, const struct event *ev,
                       struct outbox *out)
{
    struct event news = {
        .kind = output->u.vnode.kind, .mono_us = ev->mono_us, .wall_us = ev->wall_us};
    struct machine *machine = machine_find(s, output->u.vnode.news.token);

    news.u.vnode = output->u.vnode.news;
    if (machine != NULL)
        machine_run(s, machine, &news, out);
}

/* A session wants more of a request, or no more. */
static void route_wish(struct shard *s, const struct output *output, enum event_kind kind,
                       const struct event *ev, struct outbox *out)
{
    struct event wish = {.kind = kind, .mono_us = ev->mono_us, .wall_us = ev->wall_us};
    struct machine *machine = machine_asked_by(s, output->u.request.conn, output->u.request.seq);

    if (machine != NULL)
        machine_run(s, machine, &wish, out);
}

static void count_trace(struct shard *s, const struct trace *trace, const struct event *ev)
{
    stats_trace(&s->stats, ev->mono_us, trace);
    if (trace->kind == TRACE_GET_DONE) {
        stats_add(&s->stats, ev->mono_us, SERIES_GET_TIME, trace->numbers[0]);
    } else if (trace->kind == TRACE_GET_OBJECT) {
        stats_add(&s->stats, ev->mono_us, SERIES_GET_SIZE, trace->numbers[0]);
        stats_add(&s->stats, ev->mono_us, SERIES_GET_SIBLINGS, trace->numbers[1]);
    } else if (trace->kind == TRACE_PUT_DONE) {
        stats_add(&s->stats, ev->mono_us, SERIES_PUT_TIME, trace->numbers[0]);
    }
}

/* Executes one output when it is an inner one; false when it is the host's. The output was taken
 * out of the outbox: handling it may add others. */
static bool handle(struct shard *s, const struct output *output, const struct event *ev,
                   struct outbox *out)
{
    struct asker asker = {ASKER_SESSION, output->u.request.conn, output->u.request.seq};

    switch (output->kind) {
    case OUT_REPLY:
        route_reply(s, output->u.reply.to, &output->u.reply.reply, ev, out);
        return true;
    case OUT_REQUEST:
        if (output->u.request.machine != 0)
            asker = (struct asker){ASKER_MACHINE, output->u.request.machine, 0};
        route_request(s, asker, &output->u.request.request, false, ev, out);
        return true;
    case OUT_MORE: route_wish(s, output, EV_MORE, ev, out); return true;
    case OUT_GONE: route_wish(s, output, EV_GONE, ev, out); return true;
    case OUT_VNODE:
        route_news(s, output, ev, out);
        blob_unref(output->u.vnode.news.record);
        return true;
    case OUT_SEND:
        if (output->u.send.to != cluster_view(s->cluster)->self)
            return false;
        route_peer(s, output->u.send.to, &output->u.send.msg, ev, out);
        blob_unref(output->u.send.holds);
        return true;
    case OUT_NONE:
    case OUT_STORE:
    case OUT_BYTES:
    case OUT_CLOSE:
    case OUT_PEER:
    case OUT_DIAL:
    case OUT_UNLINK:
    case OUT_TRACE:
    case OUT_SETTING:
    case OUT_HALT: return false;
    }
    UNREACHABLE();
}

static bool is_inner(const struct shard *s, const struct output *output)
{
    switch (output->kind) {
    case OUT_REPLY:
    case OUT_REQUEST:
    case OUT_MORE:
    case OUT_GONE:
    case OUT_VNODE: return true;
    case OUT_SEND: return output->u.send.to == cluster_view(s->cluster)->self;
    case OUT_NONE:
    case OUT_STORE:
    case OUT_BYTES:
    case OUT_CLOSE:
    case OUT_PEER:
    case OUT_DIAL:
    case OUT_UNLINK:
    case OUT_TRACE:
    case OUT_SETTING:
    case OUT_HALT: return false;
    }
    UNREACHABLE();
}

size_t route_inner(struct shard *s, size_t from, const struct event *ev, struct outbox *out)
{
    for (size_t i = from; i < out->count; i++) {
        if (out->items[i].kind == OUT_TRACE)
            count_trace(s, &out->items[i].u.trace, ev);
        if (!is_inner(s, &out->items[i]))
            continue;
        /* The array may move while the output is handled. */
        struct output output = out->items[i];
        out->items[i].kind = OUT_NONE;
        bool handled = handle(s, &output, ev, out);
        ASSERT(handled);
    }
    return out->count;
}

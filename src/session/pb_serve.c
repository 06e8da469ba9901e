/* SPDX-License-Identifier: Apache-2.0 */
/* What a request comes to before the database is asked: what is answered from the connection
 * itself, what is refused, and what is sent on. */
#include "base/check.h"
#include "model/limits.h"
#include "session/pb_int.h"
#include "wire/pb_encode.h"

void pb_ask(struct pb_session *pb, const struct pb_form *form, const struct request *request,
            struct outbox *out)
{
    bool listing = request->kind == REQUEST_LIST_KEYS || request->kind == REQUEST_LIST_BUCKETS;
    struct output *output = outbox_add(out, OUT_REQUEST);

    ASSERT(pb->state == PB_IDLE);
    pb->form = *form;
    output->u.request.conn = pb->conn;
    output->u.request.seq = ++pb->seq;
    output->u.request.request = *request;
    pb_enter(pb, listing ? PB_LISTING : PB_ASKED);
}

static void get_client_id(struct pb_session *pb, struct outbox *out)
{
    struct bytes client_id = bytes_of(pb->client_id, pb->client_id_len);
    size_t len = pb_client_id_put(NULL, client_id);

    pb_client_id_put(session_output_extend(&pb->output, len, out), client_id);
}

/* The id has no effect since clocks are the server's; it is only given back. */
static void set_client_id(struct pb_session *pb, struct bytes client_id, struct outbox *out)
{
    if (client_id.len > sizeof(pb->client_id)) {
        pb_say_text(pb, BYTES_LIT("Client id is longer than 255 bytes"), out);
        return;
    }
    if (client_id.len > 0)
        memcpy(pb->client_id, client_id.data, client_id.len);
    pb->client_id_len = client_id.len;
    pb_say_empty(pb, PB_SET_CLIENT_ID_RESP, out);
}

static void server_info(struct pb_session *pb, const struct session_env *env, struct outbox *out)
{
    const struct view *view = env->view;
    struct bytes node = BYTES_NONE;

    if (view->document != NULL && view->self_index != RING_NOBODY)
        node = view->document->members[view->self_index].name;
    size_t len = pb_server_info_put(NULL, node, SESSION_RIAK_VERSION);
    pb_server_info_put(session_output_extend(&pb->output, len, out), node, SESSION_RIAK_VERSION);
}

/* Refuses names that cannot be. Riak makes no object with such a key and then crashes. */
static bool unfit(struct pb_session *pb, const struct key *key, struct outbox *out)
{
    if (key->key.len > KEY_BYTES_MAX) {
        pb_say_err(pb, ERR_KEY_TOO_LARGE, out);
        pb_close(pb, out);
        return true;
    }
    if (key->bucket.len > BUCKET_BYTES_MAX) {
        pb_say_text(pb, BYTES_LIT("Bucket cannot be longer than 65536 bytes"), out);
        return true;
    }
    if (key->type.len == 0 || key->type.len > TYPE_BYTES_MAX) {
        pb_say_err(pb, ERR_NO_TYPE, out);
        return true;
    }
    ASSERT(key_fits(key));
    return false;
}

static bool zero_length(struct pb_session *pb, const struct key *key, struct outbox *out)
{
    if (key->bucket.len == 0)
        pb_say_text(pb, BYTES_LIT("Bucket cannot be zero-length"), out);
    else if (key->key.len == 0 && key->key.data != NULL) /* absent: the server makes one */
        pb_say_text(pb, BYTES_LIT("Key cannot be zero-length"), out);
    else if (key->type.len == 0)
        pb_say_text(pb, BYTES_LIT("Type cannot be zero-length"), out);
    else
        return false;
    return true;
}

static void serve_get(struct pb_session *pb, const struct pb_call *call, struct outbox *out)
{
    const struct pb_form form = {
        .code = call->code,
        .head = call->request.u.get.head,
        .deletedvclock = call->deletedvclock,
    };

    if (!zero_length(pb, &call->request.key, out) && !unfit(pb, &call->request.key, out))
        pb_ask(pb, &form, &call->request, out);
}

/* A write-once bucket gives nothing back. */
static bool gives_back(const struct session_env *env, const struct key *key)
{
    const struct props *props = env->view->document == NULL
                                    ? NULL
                                    : document_props(env->view->document, key->type, key->bucket);

    return props == NULL || !props->write_once;
}

static void serve_put(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                      struct outbox *out)
{
    const struct pb_form form = {.code = call->code, .head = call->return_head};
    struct request_put *put = &call->request.u.put;

    if (zero_length(pb, &call->request.key, out) || unfit(pb, &call->request.key, out))
        return;
    put->return_body = put->return_body && gives_back(env, &call->request.key);
    pb_ask(pb, &form, &call->request, out);
}

/* Riak makes no check of lengths here. Nothing can be stored under an empty name, so there is
 * nothing to delete. */
static void serve_del(struct pb_session *pb, const struct pb_call *call, struct outbox *out)
{
    const struct pb_form form = {.code = call->code};
    const struct key *key = &call->request.key;

    if (key->bucket.len == 0 || key->key.len == 0)
        pb_say_empty(pb, PB_DEL_RESP, out);
    else if (!unfit(pb, key, out))
        pb_ask(pb, &form, &call->request, out);
}

bool pb_type_active(struct pb_session *pb, const struct session_env *env, struct bytes type,
                    struct outbox *out)
{
    const struct document *document = env->view->document;
    const struct bucket_type *found = document == NULL ? NULL : document_type(document, type);

    if (document == NULL) {
        pb_say_err(pb, ERR_ALL_NODES_DOWN, out);
        return false;
    }
    if (found != NULL && found->active)
        return true;
    buf_reset(&pb->scratch);
    buf_put_str(&pb->scratch, "No bucket-type named '");
    buf_put(&pb->scratch, bytes_sub(type, 0, TYPE_BYTES_MAX));
    buf_put_str(&pb->scratch, "'");
    pb_say_text(pb, buf_bytes(&pb->scratch), out);
    return false;
}

static void serve_list(struct pb_session *pb, const struct session_env *env,
                       const struct pb_call *call, struct outbox *out)
{
    const struct pb_form form = {.code = call->code, .stream = call->request.u.list.stream};
    const struct key *key = &call->request.key;

    if (!pb_type_active(pb, env, key->type, out) || unfit(pb, key, out))
        return;
    if (call->code == PB_LIST_KEYS_REQ && key->bucket.len == 0) /* nothing can be there */
        pb_say_names_done(pb, PB_LIST_KEYS_RESP, out);
    else
        pb_ask(pb, &form, &call->request, out);
}

/* The replicas of a key, whether or not it is there. Partitions and nodes are those of this
 * cluster's own placement, which is not Riak's. */
static void serve_preflist(struct pb_session *pb, const struct session_env *env,
                           const struct pb_call *call, struct outbox *out)
{
    const struct key *key = &call->request.key;
    const struct view *view = env->view;
    struct pb_replica replicas[RING_REPLICAS_MAX];
    uint16_t nodes[RING_REPLICAS_MAX];

    if (zero_length(pb, key, out) || unfit(pb, key, out) ||
        !pb_type_active(pb, env, key->type, out))
        return;
    const struct props *props = document_props(view->document, key->type, key->bucket);
    uint32_t slot = ring_slot(&view->ring, key->type, key->bucket, key->key);
    uint32_t partition = ring_partition(&view->ring, slot);
    uint32_t count = ring_replicas(&view->ring, partition, props->n_val, nodes);
    for (uint32_t i = 0; i < count; i++)
        replicas[i] = (struct pb_replica){partition, view->document->members[nodes[i]].name, true};
    size_t len = pb_preflist_put(NULL, replicas, count);
    pb_preflist_put(session_output_extend(&pb->output, len, out), replicas, count);
}

void pb_serve(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
              struct outbox *out)
{
    ASSERT(pb->state == PB_IDLE);
    switch (call->code) {
    case PB_PING_REQ: pb_say_empty(pb, PB_PING_RESP, out); return;
    case PB_GET_CLIENT_ID_REQ: get_client_id(pb, out); return;
    case PB_SET_CLIENT_ID_REQ: set_client_id(pb, call->client_id, out); return;
    case PB_SERVER_INFO_REQ: server_info(pb, env, out); return;
    case PB_GET_REQ: serve_get(pb, call, out); return;
    case PB_PUT_REQ: serve_put(pb, env, call, out); return;
    case PB_DEL_REQ: serve_del(pb, call, out); return;
    case PB_LIST_BUCKETS_REQ:
    case PB_LIST_KEYS_REQ: serve_list(pb, env, call, out); return;
    case PB_PREFLIST_REQ: serve_preflist(pb, env, call, out); return;
    case PB_GET_BUCKET_REQ:
    case PB_SET_BUCKET_REQ:
    case PB_RESET_BUCKET_REQ:
    case PB_GET_TYPE_REQ:
    case PB_SET_TYPE_REQ: pb_serve_props(pb, env, call, out); return;
    case PB_START_TLS:
        pb_say_text(pb, BYTES_LIT("Security not enabled; STARTTLS not allowed."), out);
        return;
    case PB_ERROR_RESP:
    case PB_PING_RESP:
    case PB_GET_CLIENT_ID_RESP:
    case PB_SET_CLIENT_ID_RESP:
    case PB_SERVER_INFO_RESP:
    case PB_GET_RESP:
    case PB_PUT_RESP:
    case PB_DEL_RESP:
    case PB_LIST_BUCKETS_RESP:
    case PB_LIST_KEYS_RESP:
    case PB_GET_BUCKET_RESP:
    case PB_SET_BUCKET_RESP:
    case PB_RESET_BUCKET_RESP:
    case PB_PREFLIST_RESP: break;
    }
    UNREACHABLE();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket and type properties. They are read from the cluster document that this node has; a change
 * is checked against Riak's rules here, where the client's words are known, and then proposed. */
#include "wire/pb_props.h"
#include "base/check.h"
#include "model/limits.h"
#include "session/pb_int.h"
#include "wire/pb_encode.h"
#include "wire/reply_error.h"

static void refuse(struct pb_session *pb, struct bytes why, struct outbox *out)
{
    const struct reply reply = {.kind = REPLY_ERROR, .err = ERR_BAD_PROPERTY, .text = why};

    pb_say_error(pb, &reply, out);
}

static void show(struct pb_session *pb, const struct session_env *env, const struct key *key,
                 struct outbox *out)
{
    const struct document *document = env->view->document;
    const struct bucket_type *type = document_type(document, key->type);
    const struct bucket_override *over = document_override(document, key->type, key->bucket);
    const struct prop *props;

    ASSERT(type != NULL);
    uint32_t count = overlay_effective(&out->arena, key->type, key->bucket, type->overlay,
                                       over == NULL ? BYTES_NONE : over->overlay, type->active,
                                       BYTES_NONE, &props);
    size_t len = pb_props_put(NULL, props, count);
    pb_props_put(session_output_extend(&pb->output, len, out), props, count);
}

static void get_type(struct pb_session *pb, const struct session_env *env, const struct key *key,
                     struct outbox *out)
{
    const struct bucket_type *type = document_type(env->view->document, key->type);

    if (type != NULL && type->active) {
        show(pb, env, key, out);
        return;
    }
    buf_reset(&pb->scratch);
    buf_put_str(&pb->scratch, "Invalid bucket type: ");
    erlang_binary_put(&pb->scratch, bytes_sub(key->type, 0, TYPE_BYTES_MAX));
    pb_say_text(pb, buf_bytes(&pb->scratch), out);
}

/* [{n_val,not_integer},{datatype,"..."}]: reasons that are sentences stand in quotes. */
static struct bytes faults_text(struct arena *arena, const struct prop_fault *faults,
                                uint32_t count)
{
    struct buf text;

    buf_init(&text, OVERLAY_BYTES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const char *quote = faults[i].sentence ? "\"" : "";
        buf_put_str(&text, i == 0 ? "[{" : ",{");
        buf_put(&text, faults[i].name);
        buf_put_str(&text, ",");
        buf_put_str(&text, quote);
        buf_put(&text, faults[i].reason);
        buf_put_str(&text, quote);
        buf_put_str(&text, "}");
    }
    buf_put_str(&text, "]");
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_done(&text);
    return copy;
}

/* What is in force before the change: of a type its own properties, of a bucket those of its type
 * and over them its own. */
static enum err in_force(struct arena *arena, const struct document *document,
                         const struct pb_call *call, struct bytes *ret_overlay)
{
    const struct key *key = &call->request.key;
    const struct bucket_type *type = document_type(document, key->type);
    const struct bucket_override *over = document_override(document, key->type, key->bucket);

    ASSERT(type != NULL);
    if (call->code == PB_SET_TYPE_REQ || over == NULL) {
        *ret_overlay = type->overlay;
        return ERR_OK;
    }
    return overlay_merge(arena, type->overlay, over->overlay, ret_overlay);
}

/* Reads what the client sets and checks it; ERR_BAD_PROPERTY with the reason in `why`. */
static enum err read_overlay(struct arena *arena, const struct document *document,
                             const struct pb_call *call, struct bytes *ret_overlay,
                             struct bytes *why)
{
    enum overlay_target target = call->code == PB_SET_TYPE_REQ ? TARGET_OLD_TYPE : TARGET_BUCKET;
    bool created = !bytes_eq(call->request.key.type, TYPE_DEFAULT);
    const struct prop_fault *faults;
    const struct prop *props;
    struct bytes overlay, under;
    uint32_t count;

    TRY(pb_props_read(arena, call->props, &props, &count));
    TRY(overlay_encode(arena, props, count, &overlay));
    TRY(in_force(arena, document, call, &under));
    uint32_t faults_count =
        overlay_faults(arena, overlay, under, target, props_default(created).dvv_enabled, &faults);
    if (faults_count > 0) {
        *why = faults_text(arena, faults, faults_count);
        return ERR_BAD_PROPERTY;
    }
    *ret_overlay = count == 0 ? BYTES_NONE : overlay;
    return ERR_OK;
}

static void set(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                struct outbox *out)
{
    const struct pb_form form = {.code = call->code};
    struct request_props *change = &call->request.u.props;
    struct bytes why = BYTES_NONE;
    struct bytes overlay;
    enum err err = read_overlay(&out->arena, env->view->document, call, &overlay, &why);

    if (err == ERR_MALFORMED) {
        pb_crash(pb, (uint8_t)call->code, out);
    } else if (err != ERR_OK) {
        refuse(pb, why.len > 0 ? why : BYTES_LIT("too_large"), out);
    } else if (overlay.len == 0) {
        pb_say_empty(pb, PB_SET_BUCKET_RESP, out); /* nothing is set */
    } else {
        call->request.kind = REQUEST_SET_PROPS;
        change->verb = call->code == PB_SET_TYPE_REQ ? PROPS_SET_TYPE : PROPS_SET_BUCKET;
        change->overlay = overlay;
        pb_ask(pb, &form, &call->request, out);
    }
}

static void set_type(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                     struct outbox *out)
{
    struct bytes name = call->request.key.type;
    const struct bucket_type *type = document_type(env->view->document, name);

    if (bytes_eq(name, TYPE_DEFAULT))
        refuse(pb, BYTES_LIT("no_default_update"), out);
    else if (type == NULL || !type->active)
        refuse(pb, BYTES_LIT("not_active"), out);
    else
        set(pb, env, call, out);
}

/* A reset never fails: of a type that is not there nothing is set. */
static void reset(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                  struct outbox *out)
{
    const struct pb_form form = {.code = call->code};
    const struct bucket_type *type = document_type(env->view->document, call->request.key.type);

    if (type == NULL || !type->active) {
        pb_say_empty(pb, PB_RESET_BUCKET_RESP, out);
        return;
    }
    call->request.kind = REQUEST_SET_PROPS;
    call->request.u.props = (struct request_props){.verb = PROPS_RESET_BUCKET};
    pb_ask(pb, &form, &call->request, out);
}

void pb_serve_props(struct pb_session *pb, const struct session_env *env, struct pb_call *call,
                    struct outbox *out)
{
    const struct key *key = &call->request.key;
    bool of_bucket = call->code != PB_GET_TYPE_REQ && call->code != PB_SET_TYPE_REQ;

    if (env->view->document == NULL) {
        pb_say_err(pb, ERR_ALL_NODES_DOWN, out);
        return;
    }
    if (of_bucket && call->code != PB_RESET_BUCKET_REQ && !pb_type_active(pb, env, key->type, out))
        return;
    if (of_bucket && key->bucket.len > BUCKET_BYTES_MAX)
        pb_say_text(pb, BYTES_LIT("Bucket cannot be longer than 65536 bytes"), out);
    else if (call->code == PB_GET_TYPE_REQ)
        get_type(pb, env, key, out);
    else if (call->code == PB_SET_TYPE_REQ)
        set_type(pb, env, call, out);
    else if (call->code == PB_GET_BUCKET_REQ)
        show(pb, env, key, out);
    else if (call->code == PB_SET_BUCKET_REQ)
        set(pb, env, call, out);
    else
        reset(pb, env, call, out);
}
